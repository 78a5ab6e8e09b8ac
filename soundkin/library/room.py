"""The room that caches of libraries in buckets may take on this machine, and what goes first when it is full.

::

    <the user's caches>/soundkin/libraries/<library id>/<index>/     what was used longest ago goes first
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from typing import TYPE_CHECKING

from soundkin.errors import InputError
from soundkin.library.counts import bytes_below

if TYPE_CHECKING:
    from pathlib import Path

CACHE_BYTES = 20 * 10**9
"""What all of them together may take unless it is said otherwise."""

KEPT = "locks"
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def make_room(top: Path, limit: int, keep: Path) -> bool:
    """Remove caches, those used longest ago first, until all take `limit` bytes at most.

    top: the folder with one folder a library. keep: the one that is wanted now; it is never removed.
    Returns whether it may stay: False when it alone is larger than `limit`.
    """
    mine = bytes_below(keep)
    if mine > limit:
        return False
    found = []
    for library in _folders(top):
        for entry in _folders(library):
            if entry.name != KEPT and entry.path != str(keep):
                with contextlib.suppress(OSError):
                    found.append((entry.stat().st_mtime, bytes_below(entry.path), entry.path))
    taken = mine + sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if taken <= limit:
            break
        shutil.rmtree(path, ignore_errors=True)
        taken -= size
    return True


def used_now(path: Path) -> None:
    """Note that a cache is in use; a folder that cannot be written to is left as it is."""
    with contextlib.suppress(OSError):
        os.utime(path, (time.time(), time.time()))


def size_in_bytes(text: str) -> int:
    """Return a size as people write it. Raises `InputError`.

    >>> size_in_bytes("20GB"), size_in_bytes("500 m"), size_in_bytes("0")
    (20000000000, 500000000, 0)
    """
    plain = text.strip().lower().removesuffix("b").removesuffix("i").strip()
    number, unit = (plain[:-1], plain[-1]) if plain[-1:].isalpha() else (plain, "")
    try:
        return int(float(number) * UNITS[unit])
    except (ValueError, KeyError, OverflowError) as error:
        raise InputError(
            f"the size {text!r}", "something like 500MB or 20GB", "correct it"
        ) from error


def _folders(top: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    """Return the folders in a folder; none where there is none."""
    try:
        return [entry for entry in os.scandir(top) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
