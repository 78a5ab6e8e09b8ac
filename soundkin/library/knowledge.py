"""What the tables say about a root, as `scan.reconcile` wants it; read in columns, not row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from soundkin.library.scan import Knowledge, Place, is_below

if TYPE_CHECKING:
    import pyarrow as pa

    from soundkin.library.store import Store

PLACE_COLUMNS = ("root_id", "path", "size", "mtime_ns", "byte_hash", "sound_id", "state")
FAILURE_COLUMNS = ("root_id", "path", "size", "mtime_ns", "byte_hash", "reason")

TRIED_AGAIN = "unreadable"
"""Failures that are no property of the file: a permission, a drive pulled out. They are not remembered."""


def known_of(
    store: Store, root_id: str, below: bytes = b""
) -> tuple[Knowledge, set[str], set[bytes]]:
    """Return what is known of one root, every sound id, and the root's paths in the ledger.

    below: only places and failures of this part of the root are in the `Knowledge`. Places of a sound
    that has no row, left by an interrupted run, are unknown: their files are heard again.
    """
    sounds = store.read("sounds", ["sound_id"])["sound_id"]
    places = store.read("locations", PLACE_COLUMNS)
    places = places.filter(pc.is_in(places["sound_id"], sounds.combine_chunks()))
    failures = store.read("failures", FAILURE_COLUMNS)
    lasting = failures.filter(pc.not_equal(failures["reason"], TRIED_AGAIN))
    hashed = places.filter(pc.not_equal(places["byte_hash"], ""))
    failed = lasting.filter(pc.not_equal(lasting["byte_hash"], ""))
    sizes = set(pc.unique(places["size"]).to_pylist()) | set(pc.unique(failed["size"]).to_pylist())
    known = Knowledge(
        places={
            path: Place(*values)
            for path, *values in _rows_of(places, root_id, PLACE_COLUMNS[1:])
            if _is_mine(path, below)
        },
        failures={
            path: (size, mtime_ns, byte_hash)
            for path, size, mtime_ns, byte_hash in _rows_of(lasting, root_id, FAILURE_COLUMNS[1:5])
            if _is_mine(path, below)
        },
        by_hash=_pairs(hashed, "byte_hash", "sound_id"),
        failed_hashes=_pairs(failed, "byte_hash", "reason"),
        sizes=sizes,
    )
    ledger = {path for (path,) in _rows_of(failures, root_id, ("path",))}
    return known, set(sounds.to_pylist()), ledger


def _rows_of(table: pa.Table, root_id: str, columns: tuple[str, ...]) -> Any:
    """Return an iterator over some columns of the rows of one root."""
    mine = table.filter(pc.equal(table["root_id"], root_id))
    return zip(*(mine[name].to_pylist() for name in columns), strict=True)


def _pairs(table: pa.Table, key: str, value: str) -> dict[str, str]:
    """Return two columns as a dictionary."""
    return dict(zip(table[key].to_pylist(), table[value].to_pylist(), strict=True))


def _is_mine(path: bytes, below: bytes) -> bool:
    """Say whether a path lies in a part of the root."""
    return not below or is_below(path, [below])
