"""Where the library's sounds are: its folders, moving them, forgetting them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from soundkin.errors import InputError, NotFound
from soundkin.library.scan import GONE, PRESENT, display
from soundkin.library.store import SCHEMAS, Store, quote, vectors_table
from soundkin.library.views import Root

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def size_of(path: str | bytes | Path) -> int:
    """Return a file's size, -1 when it is not there (any more)."""
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def list_roots(store: Store, is_online: Callable[[bytes], bool]) -> list[Root]:
    """List the indexed folders."""
    rows = store.read("locations", ["root_id", "state"]).to_pylist()
    found = []
    for root in store.read("roots").to_pylist():
        mine = [row["state"] for row in rows if row["root_id"] == root["root_id"]]
        found.append(
            Root(
                root_id=root["root_id"],
                path=display(root["path"]),
                label=root["label"],
                state="online" if is_online(root["path"]) else "offline",
                n_sounds=mine.count(PRESENT),
                n_gone=mine.count(GONE),
            )
        )
    return sorted(found, key=lambda root: root.path)


def repoint(store: Store, old: str | Path, new: str | Path) -> str:
    """Tell that a root is somewhere else now: another mount point, another machine.

    old: its path, label or id. new: an existing folder in which some of its sounds are found.
    Returns the root's id.
    Raises `NotFound` for an unknown root, `InputError` for a folder that does not look like it.
    """
    row = _root_row(store, str(old))
    target = os.path.realpath(os.fsencode(Path(new).expanduser()))
    if not os.path.isdir(target):
        raise NotFound(
            f"there is no folder at '{display(target)}'",
            "where the sounds are now",
            "check the path",
        )
    where = f"root_id = {quote([row['root_id']])} AND state = '{PRESENT}'"
    places = store.read("locations", ["path", "size"], where).to_pylist()[:2_000]
    matching = sum(size_of(target + b"/" + place["path"]) == place["size"] for place in places)
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
    wanted = {name, name.rstrip("/"), os.path.realpath(name)}
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

    Returns how many sounds went. Raises `NotFound` for a folder that is not indexed.
    """
    if str(what) == GONE:
        store.delete("locations", f"state = '{GONE}'")
    else:
        _forget_folder(store, str(what))
    placed = set(store.read("locations", ["sound_id"])["sound_id"].to_pylist())
    sounds = store.read("sounds", ["sound_id"])["sound_id"].to_pylist()
    return forget_sounds(store, [sid for sid in sounds if sid not in placed])


def _forget_folder(store: Store, name: str) -> None:
    """Remove the places and ledger rows of a root or of a folder inside one."""
    path = os.path.realpath(os.fsencode(Path(name).expanduser()))
    for root in store.read("roots").to_pylist():
        mine = f"root_id = {quote([root['root_id']])}"
        if path == root["path"] or name in {root["root_id"], root["label"]}:
            for table in ("locations", "failures", "roots"):
                store.delete(table, mine)
            return
        head = root["path"].rstrip(b"/") + b"/"
        if path.startswith(head):
            inner = path[len(head) :] + b"/"
            for table in ("locations", "failures"):
                paths = store.read(table, ["path"], mine)["path"].to_pylist()
                hexes = [f"X'{p.hex()}'" for p in paths if p.startswith(inner)]
                for low in range(0, len(hexes), 2_000):
                    store.delete(
                        table, f"{mine} AND path IN ({', '.join(hexes[low : low + 2_000])})"
                    )
            return
    raise NotFound(
        f"'{name}' is not an indexed folder, nor inside one",
        "a folder, a sound id, or the word 'gone'",
        "see `soundkin roots`",
    )


def forget_sounds(store: Store, ids: Sequence[str]) -> int:
    """Delete sounds, the marker first, so that a kill leaves only orphans for the next sweep."""
    if ids:
        vectors = [vectors_table(space) for space in store.spaces()]
        for table in ("sounds", "locations", "tags", *vectors, "segments"):
            store.delete_sounds(table, ids)
    return len(ids)
