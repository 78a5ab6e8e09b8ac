"""What a run writes: places, ledger, and new sounds in the order that makes the `sounds` row the marker."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from soundkin.library.scan import PRESENT, display
from soundkin.library.tables import SCHEMAS, vectors_schema, vectors_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from soundkin.library.scan import Entry
    from soundkin.library.store import Store
    from soundkin.library.workers import Heard


def place_rows(
    root_id: str, places: Iterable[tuple[Entry, str, str]], *, state: str = PRESENT
) -> pa.Table:
    """Return rows of the locations table for (file, byte hash, sound id)."""
    placed = list(places)
    entries = [entry for entry, _, _ in placed]
    return pa.table(
        {
            "root_id": [root_id] * len(placed),
            "path": [entry.path for entry in entries],
            "display": [display(entry.path) for entry in entries],
            "byte_hash": [byte_hash for _, byte_hash, _ in placed],
            "size": [entry.size for entry in entries],
            "mtime_ns": [entry.mtime_ns for entry in entries],
            "sound_id": [sound_id for _, _, sound_id in placed],
            "state": [state] * len(placed),
        },
        schema=SCHEMAS["locations"],
    )


def ledger_rows(root_id: str, failures: Iterable[tuple[Entry, str, str, str]]) -> pa.Table:
    """Return rows of the failures table for (file, byte hash, reason, message)."""
    now = datetime.now(UTC)
    return pa.Table.from_pylist(
        [
            {
                "root_id": root_id,
                "path": entry.path,
                "display": display(entry.path),
                "byte_hash": byte_hash,
                "size": entry.size,
                "mtime_ns": entry.mtime_ns,
                "reason": reason,
                "message": message,
                "failed_at": now,
            }
            for entry, byte_hash, reason, message in failures
        ],
        schema=SCHEMAS["failures"],
    )


def write_sounds(
    store: Store,
    sounds: Sequence[Heard],
    number: int,
    *,
    before_marker: Callable[[], None] = lambda: None,
) -> None:
    """Commit sounds in the order that makes the `sounds` row the marker.

    Segments, vectors of every space, whatever `before_marker` writes, then the sounds. number: of the
    batch, never used before.
    """
    if sounds:
        store.append("segments", _segment_rows(sounds, number))
        for space_id in sounds[0].vectors:
            rows = _vector_rows(sounds, space_id, number)
            store.append(vectors_table(space_id), rows, rows.schema)
    before_marker()
    if sounds:
        store.append("sounds", _sound_rows(sounds, number))


def write_vectors(store: Store, sounds: Sequence[tuple[Heard, Sequence[str]]], number: int) -> None:
    """Commit vectors of known sounds in spaces that came later: pairs of (sound, space ids)."""
    for space_id in sorted({space_id for _, space_ids in sounds for space_id in space_ids}):
        mine = [sound for sound, space_ids in sounds if space_id in space_ids]
        rows = _vector_rows(mine, space_id, number)
        store.append(vectors_table(space_id), rows, rows.schema)


def _owners(sounds: Sequence[Heard]) -> pa.Array:
    """Return the sound id of every segment."""
    ids = pa.array([s.sample_hash for s in sounds], pa.string())
    return ids.take(pa.array(np.repeat(np.arange(len(sounds)), [len(s.seq) for s in sounds])))


def _segment_rows(sounds: Sequence[Heard], number: int) -> pa.Table:
    """Return rows of the segments table."""
    columns = {
        name: np.concatenate([getattr(s, name) for s in sounds])
        for name in ("seq", "start_s", "end_s", "centre_s", "energy_db")
    }
    batch = np.full(len(columns["seq"]), number, np.int64)
    return pa.table(
        {"sound_id": _owners(sounds), **columns, "batch": batch}, schema=SCHEMAS["segments"]
    )


def _vector_rows(sounds: Sequence[Heard], space_id: str, number: int) -> pa.Table:
    """Return rows of a space's table of vectors."""
    vectors = np.concatenate([s.vectors[space_id] for s in sounds])
    dim = vectors.shape[1]
    return pa.table(
        {
            "sound_id": _owners(sounds),
            "seq": np.concatenate([s.seq for s in sounds]),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), dim),
            "batch": np.full(len(vectors), number, np.int64),
        },
        schema=vectors_schema(dim),
    )


def _sound_rows(sounds: Sequence[Heard], number: int) -> pa.Table:
    """Return rows of the sounds table."""
    n, now = len(sounds), datetime.now(UTC)
    plain = ("duration_s", "rate_hz", "channels", "format", "subtype", "peak_db", "n_silent")
    return pa.table(
        {
            "sound_id": [s.sample_hash for s in sounds],
            **{name: [getattr(s, name) for s in sounds] for name in plain},
            "n_segments": [len(s.seq) for s in sounds],
            "peaks": [s.peaks.astype(np.int8, copy=False).tobytes() for s in sounds],
            "added_at": [now] * n,
            "batch": [number] * n,
        },
        schema=SCHEMAS["sounds"],
    )
