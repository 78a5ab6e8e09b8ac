"""How the rows of a table of vectors come to a view of its space: from a cache, then batch after batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.index.vectors import as_unit_vectors
from soundkin.library.live import LiveIndex, Rows
from soundkin.library.snapshot import SpaceView

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pyarrow as pa

    from soundkin.library.indexes import Cached
    from soundkin.library.rooms import Rooms
    from soundkin.library.snapshot import Snapshot


def keys_of(
    rows: pa.Table, sound: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the distinct segment keys of known sounds, ascending, and the first row of each.

    sound (n,): the ord of each row, -1 where unknown.
    """
    known = np.flatnonzero(sound >= 0)
    keys = (sound[known] << 32) | rows["seq"].to_numpy()[known].astype(np.int64)
    if (keys[1:] > keys[:-1]).all():
        return keys, known
    keys, first = np.unique(keys, return_index=True)
    return keys, known[first]


@dataclass(frozen=True, slots=True)
class Added:
    """Rows that come to a view: ord of the sound, row among the segments, commit, vector."""

    sound: npt.NDArray[np.int32]
    segment: npt.NDArray[np.int64]
    batch: npt.NDArray[np.int64]
    X: npt.NDArray[np.float32]


def matched(
    rows: pa.Table, sound: npt.NDArray[np.int64], snapshot: Snapshot, view: SpaceView | None
) -> Added:
    """Return sound, segment, batch and vector of the rows that a view does not have yet."""
    keys, first = keys_of(rows, sound)
    segment = snapshot.rows_of(keys)
    new = segment >= 0  # else a vector without its segment
    if view is not None:
        met = np.flatnonzero(keys >> 32 < len(view.run))
        run = view.run[keys[met] >> 32]
        met, run = met[run >= 0], np.unique(run[run >= 0]).astype(np.int64)
        held, _ = view.rows_of_runs(run)
        new[met] &= ~np.isin(segment[met], view.segment[held])
    chosen = first[new]
    batch = rows["batch"].to_numpy()[chosen]
    X = as_unit_vectors(_vectors_at(rows["vector"], chosen))
    return Added((keys[new] >> 32).astype(np.int32), segment[new], batch, X)


def _vectors_at(column: pa.ChunkedArray, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return some rows of a column of vectors, (n, dim), holding no more than one copy on the way."""
    dim = column.type.list_size
    X = np.empty((len(rows), dim), np.float32)
    order = np.argsort(rows, kind="stable")
    ascending = rows[order]
    begin = 0
    for chunk in column.chunks:
        low, high = np.searchsorted(ascending, [begin, begin + len(chunk)])
        values = np.asarray(chunk.flatten()).reshape(-1, dim)
        X[order[low:high]] = values[ascending[low:high] - begin]
        begin += len(chunk)
    return X


def complete(
    rows: pa.Table, sound: npt.NDArray[np.int64], snapshot: Snapshot, fresh: Collection[int]
) -> frozenset[int]:
    """Return the batches of which nothing more can come; the others are looked at again next time."""
    waiting = set(np.unique(rows["batch"].to_numpy()[sound < 0]).tolist()) - snapshot.batches.keys()
    return frozenset(fresh) - waiting


def opened(
    cached: Cached, space_id: str, snapshot: Snapshot, counts: Mapping[int, int]
) -> tuple[SpaceView, npt.NDArray[np.int64]]:
    """Return the view that a cache gives, and the ords of sounds whose batches are gone from the table."""
    sound = snapshot.ids.ords(cached.pairs)
    sound[cached.seq < 0] = -1
    there = np.isin(cached.batch, np.fromiter(counts, np.int64, len(counts)))
    lost = np.unique(sound[(sound >= 0) & ~there])
    sound[~there] = -1
    segment = snapshot.rows_of(np.where(sound < 0, -1, (sound << 32) | cached.seq))
    loaded = frozenset(cached.loaded.tolist()) & counts.keys()
    X = Rows.of(np.empty((0, cached.near.dim), np.float32), cached.near.vectors)
    index = LiveIndex.of(space_id, X, segment >= 0, cached.near)
    owner = sound.astype(np.int32)
    n_sounds = len(snapshot.ids)
    view = SpaceView.of(index, owner, segment, cached.batch, loaded, n_sounds, cached.name)
    return view, lost


def with_rows(
    view: SpaceView | None,
    space_id: str,
    snapshot: Snapshot,
    added: Added | None,
    loaded: frozenset[int],
    rooms: Rooms,
) -> SpaceView:
    """Return a view without the rows of forgotten sounds and with the new ones."""
    n_sounds = len(snapshot.ids)
    if view is None:
        assert added is not None  # noqa: S101 - a first look reads all rows
        index = LiveIndex.of(space_id, Rows.of(added.X), np.ones(len(added.X), np.bool_))
        return SpaceView.of(index, added.sound, added.segment, added.batch, loaded, n_sounds)
    segment = view.segment
    runs = view.run[np.flatnonzero(~snapshot.alive[: len(view.run)])]
    dead, _ = view.rows_of_runs(runs[runs >= 0].astype(np.int64))
    dead = dead[segment[dead] >= 0]
    if len(dead):
        segment = segment.copy()
        segment[dead] = -1
    if added is None or not len(added.sound):
        return replace(view, index=view.index.grown(None, dead), segment=segment, loaded=loaded)
    return view.grown(
        view.index.grown(added.X, dead),
        rooms.plus((space_id, "sound"), view.sound, added.sound),
        rooms.plus((space_id, "segment"), segment, added.segment),
        rooms.plus((space_id, "batch"), view.batch, added.batch),
        loaded,
        n_sounds,
    )
