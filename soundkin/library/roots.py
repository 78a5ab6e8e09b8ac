"""Which root a folder belongs to, held for one indexer.

Roots never lie inside each other: a folder inside a known root is a part of that root, and a root that
is found inside a newly indexed folder is adopted by it, its places renamed, nothing decoded again.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from soundkin.library.scan import display
from soundkin.library.tables import SCHEMAS, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from soundkin.library.store import Store


@dataclass(frozen=True, slots=True)
class Claim:
    """A root (its id and raw path) and the part of it that was asked for; empty for all of it."""

    root_id: str
    root: bytes
    below: bytes = b""


@contextlib.contextmanager
def claimed(store: Store, path: bytes) -> Iterator[Claim]:
    """Hold the root of a folder for indexing; lay a new root, and adopt those inside it.

    path: an absolute, real folder. Raises `LibraryBusy` when another process is indexing that root or
    one inside it.
    """
    with contextlib.ExitStack() as held:
        # one at a time: two indexers of the same new folder must find the same root
        with store.storage.locks.turn("roots"):
            known = store.read("roots").to_pylist()
            claim = find(known, path) or Claim(uuid.uuid4().hex[:12], path)
            held.enter_context(store.indexing(claim.root_id, display(claim.root)))
            inner = _inner_roots(known, claim)
            with contextlib.ExitStack() as also:
                for row in inner:  # all or none: a busy one is found before anything is written
                    also.enter_context(store.indexing(row["root_id"], display(row["path"])))
                if all(row["root_id"] != claim.root_id for row in known):
                    _lay(store, claim)
                for row in inner:
                    below = row["path"][len(_head(claim.root)) :]
                    _adopt(store, row["root_id"], claim.root_id, below)
        yield claim


def find(known: Sequence[dict[str, Any]], path: bytes) -> Claim | None:
    """Return the root that a folder is or lies in, the outermost if there are several; None if new."""
    for row in sorted(known, key=lambda row: len(row["path"])):
        root = row["path"]
        if path == root or path.startswith(_head(root)):
            return Claim(row["root_id"], root, path[len(_head(root)) :])
    return None


def _head(root: bytes) -> bytes:
    """Return what every path inside a root begins with."""
    return root.rstrip(b"/") + b"/"


def _lay(store: Store, claim: Claim) -> None:
    """Write a new root."""
    row = {
        "root_id": claim.root_id,
        "path": claim.root,
        "label": display(os.path.basename(claim.root) or claim.root),
        "added_at": datetime.now(UTC),
    }
    store.upsert("roots", pa.Table.from_pylist([row], schema=SCHEMAS["roots"]))


def _inner_roots(known: Sequence[dict[str, Any]], claim: Claim) -> list[dict[str, Any]]:
    """Return the rows of every other root inside this one, also one that a kill left half adopted."""
    head = _head(claim.root)
    return [
        row
        for row in known
        if row["root_id"] != claim.root_id
        and (row["path"] == claim.root or row["path"].startswith(head))
    ]


def _adopt(store: Store, inner_id: str, outer_id: str, below: bytes) -> None:
    """Rename the places and failures of one root into another; write before deleting."""
    where = f"root_id = {quote([inner_id])}"
    for name in ("locations", "failures"):
        rows = store.read(name, where=where).to_pylist()
        for row in rows:
            row["root_id"] = outer_id
            row["path"] = os.path.join(below, row["path"])
            row["display"] = display(row["path"])
        store.upsert(name, pa.Table.from_pylist(rows, schema=SCHEMAS[name]))
        store.delete(name, where)
    store.delete("roots", where)
