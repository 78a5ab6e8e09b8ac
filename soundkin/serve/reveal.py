"""Show a file in the file manager of this machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 5.0


def commands(path: Path, platform: str = sys.platform) -> list[list[str]]:
    """Return the commands that show a file, the best first; paths are whole, so none begins with "-".

    >>> from pathlib import Path
    >>> commands(Path("/a b/c.wav"), "darwin")
    [['open', '-R', '/a b/c.wav']]
    """
    if platform == "darwin":
        return [["open", "-R", str(path)]]
    if platform == "win32":
        return [["explorer", f"/select,{path}"]]
    ask = [
        "dbus-send",
        "--session",
        "--print-reply",
        "--dest=org.freedesktop.FileManager1",
        "/org/freedesktop/FileManager1",
        "org.freedesktop.FileManager1.ShowItems",
        f"array:string:{path.as_uri().replace(',', '%2C')}",
        "string:",
    ]
    return [ask, ["xdg-open", str(path.parent)]]


def show(path: Path) -> bool:
    """Show a file, or its folder where files cannot be pointed at; say whether that worked."""
    for command in commands(path.absolute()):
        program = shutil.which(command[0])
        if program is None:
            continue
        try:
            done = subprocess.run(  # noqa: S603 - a known program; the path is one of its arguments
                [program, *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0 or command[0] == "explorer":  # which says 1 when all went well
            return True
    return False
