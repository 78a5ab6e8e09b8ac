"""The build hook: what it builds from, when it builds again, what it says when it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import hatch_build

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project with a small web/ and a page built from it."""
    (tmp_path / "web/src").mkdir(parents=True)
    (tmp_path / "web/node_modules/vite").mkdir(parents=True)
    (tmp_path / "web/tests").mkdir()
    (tmp_path / "web/src/main.ts").write_text("let a = 1;\n")
    (tmp_path / "web/package-lock.json").write_text(json.dumps({"packages": {}}))
    static = tmp_path / hatch_build.STATIC
    static.mkdir(parents=True)
    (static / "index.html").write_text("<title>Soundkin</title>")
    (static / hatch_build.STAMP).write_text(
        json.dumps({"inputs": hatch_build.inputs_hash(tmp_path / "web")})
    )
    return tmp_path


def forbid(command: list[str], web: Path) -> str:
    raise AssertionError(f"{command} ran")


def test_nothing_is_built_when_the_inputs_are_the_same(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hatch_build, "run_node", forbid)
    (tree / "web/node_modules/vite/index.js").write_text("installed packages are no input")
    (tree / "web/tests/a.test.ts").write_text("nor are tests")
    assert hatch_build.build_page(tree) is False


@pytest.mark.parametrize("change", ["edit", "add", "rename", "no page", "no stamp", "broken stamp"])
def test_a_change_builds_again(tree: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    static, main = tree / hatch_build.STATIC, tree / "web/src/main.ts"
    ran: list[str] = []

    def build(command: list[str], web: Path) -> str:
        ran.append(" ".join(command[:2]))
        (static / "index.html").write_text("new")
        return ""

    monkeypatch.setattr(hatch_build, "run_node", build)
    {
        "edit": lambda: main.write_text("let a = 2;\n"),
        "add": (tree / "web/src/more.ts").touch,
        "rename": lambda: main.rename(main.with_name("start.ts")),
        "no page": (static / "index.html").unlink,
        "no stamp": (static / hatch_build.STAMP).unlink,
        "broken stamp": lambda: (static / hatch_build.STAMP).write_text("{"),
    }[change]()
    assert hatch_build.build_page(tree) is True
    assert ran == ["npm ci", "node node_modules/vite/bin/vite.js"]
    assert hatch_build.build_page(tree) is False


def test_packages_are_fetched_only_when_they_are_not_there(tree: Path) -> None:
    web = tree / "web"
    wanted = {
        "node_modules/vite": {"version": "8.0.0"},
        "node_modules/vitest": {"version": "5.0.0", "dev": True},
    }
    (web / "package-lock.json").write_text(json.dumps({"packages": {"": {}, **wanted}}))
    assert not hatch_build.has_packages(web)
    installed = web / "node_modules/.package-lock.json"
    installed.write_text(json.dumps({"packages": {"node_modules/vite": {"version": "8.0.0"}}}))
    assert hatch_build.has_packages(web)
    assert not hatch_build.has_packages(web, dev=True)
    installed.write_text(json.dumps({"packages": {"node_modules/vite": {"version": "7.9.0"}}}))
    assert not hatch_build.has_packages(web)


def test_a_built_page_without_its_sources_is_taken_as_it_is(tree: Path) -> None:
    (tree / "web").rename(tree / "elsewhere")
    assert hatch_build.build_page(tree) is False
    (tree / hatch_build.STATIC / "index.html").unlink()
    with pytest.raises(hatch_build.PageError, match="no built page"):
        hatch_build.build_page(tree)


def test_a_failing_build_says_what_failed_and_what_to_do(tree: Path) -> None:
    with pytest.raises(hatch_build.PageError) as caught:
        hatch_build.run_node(
            ["node", "-e", "console.error('the very reason'); process.exit(3)"], tree / "web"
        )
    assert "exit code 3" in str(caught.value)
    assert "the very reason" in str(caught.value)
    assert hatch_build.SKIP_VARIABLE in str(caught.value)


def test_the_lock_file_names_no_registry() -> None:
    lock = (WEB / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert "registry." not in lock
    assert "omit-lockfile-registry-resolved=true" in (WEB / ".npmrc").read_text()
    for package in json.loads(lock)["packages"].values():
        assert not package.get("hasInstallScript") or package.get("optional"), (
            "install scripts are not run"
        )


def test_the_page_that_is_served_is_that_of_the_sources() -> None:
    """Fails after a change of web/ until the page is built again: `pip install -e .` does it."""
    assert hatch_build.read_stamp(ROOT / hatch_build.STATIC) == hatch_build.inputs_hash(WEB)


def test_the_page_is_small_and_loads_nothing_from_elsewhere() -> None:
    import gzip

    static = ROOT / hatch_build.STATIC
    script = b"".join(path.read_bytes() for path in (static / "assets").glob("*.js"))
    assert 1000 < len(gzip.compress(script)) < 100_000
    for path in [static / "index.html", *(static / "assets").glob("*.css")]:
        assert "http:" not in path.read_text().replace("http://www.w3.org", "")
        assert "https:" not in path.read_text()
