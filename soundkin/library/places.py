"""Where the library's sounds are: its folders, moving them, forgetting them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from soundkin.audio.decode import AUDIO_SUFFIXES
from soundkin.bucket import is_address, whole
from soundkin.errors import InputError, NotFound
from soundkin.library.scan import GONE, PRESENT, display, is_below
from soundkin.library.store import SCHEMAS, Store, quote, vectors_table
from soundkin.library.views import Root

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


def size_of(path: str | bytes | Path) -> int:
    """Return a file's size, -1 when it is not there (any more)."""
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def sizes_below(address: bytes) -> dict[bytes, int]:
    """Return the sizes of all sounds below an address, by path."""
    from soundkin.library.scan_bucket import scan_bucket

    return {entry.path: entry.size for entry in scan_bucket(address, AUDIO_SUFFIXES).entries}


def list_roots(
    store: Store, is_online: Callable[[bytes], bool], counts: Mapping[tuple[str, str], int]
) -> list[Root]:
    """List the indexed folders. counts: places by root and state."""
    found = [
        Root(
            root_id=root["root_id"],
            path=display(root["path"]),
            label=root["label"],
            state="online" if is_online(root["path"]) else "offline",
            n_sounds=counts.get((root["root_id"], PRESENT), 0),
            n_gone=counts.get((root["root_id"], GONE), 0),
        )
        for root in store.read("roots").to_pylist()
    ]
    return sorted(found, key=lambda root: root.path)


def repoint(store: Store, old: str | Path, new: str | Path) -> str:
    """Tell that a root is somewhere else now: another mount point, another machine.

    old: its path, label or id. new: an existing folder in which some of its sounds are found.
    Returns the root's id.
    Raises `NotFound` for an unknown root, `InputError` for a folder that does not look like it.
    """
    row = _root_row(store, str(old))
    target = whole(new)
    in_bucket = is_address(target)
    if not in_bucket and not os.path.isdir(target):
        raise NotFound(
            f"there is no folder at '{display(target)}'",
            "where the sounds are now",
            "check the path",
        )
    where = f"root_id = {quote([row['root_id']])} AND state = '{PRESENT}'"
    places = store.read("locations", ["path", "size"], where).to_pylist()[:2_000]
    sizes = sizes_below(target) if in_bucket else None
    matching = sum(
        (size_of(target + b"/" + place["path"]) if sizes is None else sizes.get(place["path"]))
        == place["size"]
        for place in places
    )
    if places and not matching:
        raise InputError(
            f"none of the sounds known in '{display(row['path'])}' is in '{display(target)}'",
            "the same folder in another place",
            "check the path; nothing was changed",
        )
    row["path"] = target
    store.upsert("roots", pa.Table.from_pylist([row], schema=SCHEMAS["roots"]))
    return str(row["root_id"])


def _root_row(store: Store, name: str) -> dict[str, Any]:
    """Return the row of a root by path, label or id."""
    rows = store.read("roots").to_pylist()
    wanted = {name, name.rstrip("/"), os.fsdecode(whole(name))}
    found = [r for r in rows if wanted & {display(r["path"]), r["label"], r["root_id"]}]
    if len(found) != 1:
        raise NotFound(
            f"{len(found) or 'no'} indexed folders go by '{name}'",
            f"one of {', '.join(display(r['path']) for r in rows) or 'none'}",
            "see `soundkin roots`",
        )
    row: dict[str, Any] = found[0]
    return row


def forget_places(store: Store, what: str | Path) -> int:
    """Forget every place whose file is missing ("gone"), or a folder; sounds left without a place go.

    Returns how many sounds went. Raises `NotFound` for a folder that is not indexed, `LibraryBusy` for one
    that is being indexed.
    """
    # read before the places: what an indexer commits meanwhile has its place first, and stays
    sounds = store.read("sounds", ["sound_id"])["sound_id"]
    if str(what) == GONE:
        store.delete("locations", f"state = '{GONE}'")
    else:
        _forget_folder(store, str(what))
    placed = store.read("locations", ["sound_id"])["sound_id"].combine_chunks()
    return forget_sounds(store, sounds.filter(pc.invert(pc.is_in(sounds, placed))).to_pylist())


def _forget_folder(store: Store, name: str) -> None:
    """Remove the places and ledger rows of a root or of a folder inside one."""
    path = whole(name)
    for root in store.read("roots").to_pylist():
        mine = f"root_id = {quote([root['root_id']])}"
        if path == root["path"] or name in {root["root_id"], root["label"]}:
            with store.indexing(root["root_id"], display(root["path"])):
                for table in ("locations", "failures", "roots"):
                    store.delete(table, mine)
            return
        head = root["path"].rstrip(b"/") + b"/"
        if path.startswith(head):
            inner = path[len(head) :]
            with store.indexing(root["root_id"], display(root["path"])):
                for table in ("locations", "failures"):
                    paths = store.read(table, ["path"], mine)["path"].to_pylist()
                    chosen = [p for p in paths if is_below(p, [inner])]
                    store.delete_paths(table, root["root_id"], chosen)
            return
    raise NotFound(
        f"'{name}' is not an indexed folder, nor inside one",
        "a folder, a sound id, or the word 'gone'",
        "see `soundkin roots`",
    )


def forget_sounds(store: Store, ids: Sequence[str]) -> int:
    """Delete sounds, the marker first, so that a kill leaves only orphans for the next sweep.

    What an indexer writes about the same sounds from now on is left alone. Returns how many went.
    """
    if ids:
        by_batch = ["sounds", *map(vectors_table, store.spaces()), "segments"]
        newest = [pc.max(store.read(name, ["batch"])["batch"]).as_py() for name in by_batch]
        before = 1 + max(batch or 0 for batch in newest)
        store.delete_sounds("sounds", ids, before=before)
        for table in ("locations", "tags", "notes"):
            store.delete_sounds(table, ids)
        for table in by_batch[1:]:
            store.delete_sounds(table, ids, before=before)
    return len(ids)
