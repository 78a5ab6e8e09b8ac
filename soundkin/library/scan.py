"""What is on disk now against what the library knows.

`scan` lists a tree without opening a file; `reconcile` compares the list with the tables and says what
is unchanged, touched, moved, copied, new or gone. Only files whose size matches a known one are hashed
here, so a first run reads nothing twice and a renamed tree of 10,000 is recognised without decoding.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

PRESENT = "present"
GONE = "gone"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as the folder shows it: path below the root (raw bytes), bytes, nanoseconds."""

    path: bytes
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Place:
    """One place as the library knows it."""

    size: int
    mtime_ns: int
    byte_hash: str
    sound_id: str
    state: str


@dataclass(slots=True)
class Listing:
    """A tree as it is on disk: sounds, what cannot be opened, and how much was passed over.

    unreadable: folders and files that may hold sounds and could not be looked at. mounts: folders on
    another disk than the one they lie in, those that are not there now included. hashes: byte hashes that
    are known without reading, by path.
    """

    entries: list[Entry] = field(default_factory=list)
    odd: list[tuple[Entry, str]] = field(default_factory=list)
    unreadable: list[bytes] = field(default_factory=list)
    mounts: set[bytes] = field(default_factory=set)
    ignored: int = 0
    hashes: dict[bytes, str] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """What a run has to do; every entry of the listing is in exactly one of the lists or counts."""

    unchanged: int = 0
    remembered: int = 0
    touched: list[tuple[Entry, Place]] = field(default_factory=list)
    moved: list[tuple[Entry, str, str]] = field(default_factory=list)
    copied: list[tuple[Entry, str, str]] = field(default_factory=list)
    failed_before: list[tuple[Entry, str]] = field(default_factory=list)
    decode: list[Entry] = field(default_factory=list)
    gone: list[bytes] = field(default_factory=list)
    left: list[bytes] = field(default_factory=list)


def display(path: bytes) -> str:
    r"""Return a raw path as text that can be shown and searched.

    >>> display(b"Drums/kick\xff.wav")
    'Drums/kick\ufffd.wav'
    """
    return path.decode("utf-8", "replace")


def scan(
    root: bytes,
    suffixes: Collection[str],
    *,
    below: bytes = b"",
    mounts: Collection[bytes] = frozenset(),
) -> Listing:
    """List the sounds of a tree; nothing is opened.

    Links are followed, but a folder is visited once, and under its own name where that lies in the tree.

    root: the folder, as raw bytes; below: only this part of it. suffixes: lower case, with the dot.
    mounts: folders that were another disk when last listed. One that is not there, or is empty and no
    other disk any more, has been unmounted. Such folders, and those that cannot be read, are listed in
    `unreadable`: what is known below them is left as it is.
    """
    listing = Listing()
    wanted = {suffix.encode() for suffix in suffixes}
    outer = _device(os.path.dirname(os.path.join(root, below)) if below else root)
    stack = [(below, outer)]
    links: list[tuple[bytes, int | None]] = []
    seen: set[tuple[int, int]] = set()
    visited: set[bytes] = set()
    while stack or links:
        folder, outer = stack.pop() if stack else links.pop(0)
        visited.add(folder)
        full = os.path.join(root, folder) if folder else root
        try:
            here, device = os.stat(full), _device(full)
            if (here.st_dev, here.st_ino) in seen:
                continue
            seen.add((here.st_dev, here.st_ino))
            with os.scandir(full) as items:
                found = sorted(items, key=lambda item: item.name)
        except OSError:
            listing.unreadable.append(folder)
            continue
        if device != outer or (folder in mounts and not found):
            listing.mounts.add(folder)
            if not found:
                listing.unreadable.append(folder)
        below_here: list[bytes] = []
        linked: list[bytes] = []
        for item in found:
            path = os.path.join(folder, item.name) if folder else item.name
            _sort_in(listing, linked if item.is_symlink() else below_here, item, path, wanted)
        stack.extend((path, device) for path in reversed(below_here))
        links.extend((path, device) for path in linked)
    _keep_away(listing, {m for m in mounts if not below or is_below(m, [below])} - visited)
    return listing


def _device(folder: bytes) -> int | None:
    """Return the number of the disk that a folder is on, None when it cannot be looked at."""
    try:
        return os.stat(folder).st_dev
    except OSError:
        return None


def _keep_away(listing: Listing, missing: Collection[bytes]) -> None:
    """Take mounts that are not there for unmounted."""
    listing.mounts.update(missing)
    listing.unreadable.extend(sorted(missing))


def _sort_in(
    listing: Listing,
    folders: list[bytes],
    item: os.DirEntry[bytes],
    path: bytes,
    wanted: set[bytes],
) -> None:
    """Put one directory entry where it belongs."""
    suffix = os.path.splitext(item.name)[1].lower()
    is_sound = suffix.rstrip() in wanted and not item.name.startswith(b"._")
    try:
        mode = item.stat()
    except OSError as error:
        if is_sound:
            listing.odd.append((Entry(path, 0, 0), f"it cannot be looked at ({error.strerror})"))
        if not is_sound or error.errno != errno.ENOENT:  # a disk that went away, not a file
            listing.unreadable.append(path)
        return
    if stat.S_ISDIR(mode.st_mode):
        if (
            item.name not in {b".", b".."}
            and not item.name.startswith(b".")
            and item.name != b"__MACOSX"
        ):
            folders.append(path)
    elif not is_sound:
        listing.ignored += 1
    elif not stat.S_ISREG(mode.st_mode):
        listing.odd.append((Entry(path, 0, mode.st_mtime_ns), "it is not a regular file"))
    else:
        listing.entries.append(Entry(path, mode.st_size, mode.st_mtime_ns))


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the tables say, as `reconcile` needs it.

    places: of the scanned part of this root, by path. failures: of the same part, as (size, mtime_ns,
    byte_hash). by_hash: every place of the library that can be recognised, byte hash -> sound id;
    failed_hashes: byte hashes of every remembered failure; sizes: the sizes of both.
    """

    places: Mapping[bytes, Place]
    failures: Mapping[bytes, tuple[int, int, str]]
    by_hash: Mapping[str, str]
    failed_hashes: Mapping[str, str]
    sizes: Collection[int]


def reconcile(
    listing: Listing,
    known: Knowledge,
    hash_of: Callable[[bytes], str | None],
    *,
    retry_failed: bool = False,
) -> Plan:
    """Compare a listing with what is known and say what is to be done.

    hash_of: byte hash of a path of the listing, None when it cannot be read (then it goes to decode,
    which says why). A known place that is missing is `left` when its sound turned up elsewhere and
    `gone` otherwise; below unreadable folders nothing is missing.
    """
    plan = Plan()
    arrived: list[tuple[Entry, str, str]] = []
    for entry in listing.entries:
        _judge(entry, known, hash_of, plan, arrived, retry_failed=retry_failed)
    here = {entry.path for entry in listing.entries}
    missing = {
        path: place
        for path, place in known.places.items()
        if path not in here and not is_below(path, listing.unreadable)
    }
    homeless: dict[str, list[bytes]] = {}
    for path, place in missing.items():
        homeless.setdefault(place.sound_id, []).append(path)
    for entry, byte_hash, sound_id in arrived:
        if homeless.get(sound_id):
            plan.left.append(homeless[sound_id].pop())
            plan.moved.append((entry, byte_hash, sound_id))
        else:
            plan.copied.append((entry, byte_hash, sound_id))
    left = set(plan.left)
    plan.gone = [p for p, place in missing.items() if p not in left and place.state != GONE]
    return plan


def _judge(
    entry: Entry,
    known: Knowledge,
    hash_of: Callable[[bytes], str | None],
    plan: Plan,
    arrived: list[tuple[Entry, str, str]],
    *,
    retry_failed: bool,
) -> None:
    """Put one listed file into the plan."""
    place = known.places.get(entry.path)
    if place and (place.size, place.mtime_ns) == (entry.size, entry.mtime_ns):
        if place.state == PRESENT:
            plan.unchanged += 1
        else:
            plan.touched.append((entry, place))
        return
    failure = known.failures.get(entry.path)
    if failure and failure[:2] == (entry.size, entry.mtime_ns):
        if retry_failed:
            plan.decode.append(entry)
        else:
            plan.remembered += 1
        return
    byte_hash = hash_of(entry.path) if entry.size in known.sizes else None
    if byte_hash is None:
        plan.decode.append(entry)
    elif place and place.byte_hash == byte_hash:
        plan.touched.append((entry, place))
    elif byte_hash in known.by_hash:
        arrived.append((entry, byte_hash, known.by_hash[byte_hash]))
    elif byte_hash in known.failed_hashes and not retry_failed:
        plan.failed_before.append((entry, byte_hash))
    else:
        plan.decode.append(entry)


def is_below(path: bytes, folders: list[bytes]) -> bool:
    r"""Say whether a path is one of the folders or lies below one.

    >>> is_below(b"a/b", [b"a"]), is_below(b"a", [b"a"]), is_below(b"ab", [b"a"])
    (True, True, False)
    """
    return any(not folder or path == folder or path.startswith(folder + b"/") for folder in folders)
