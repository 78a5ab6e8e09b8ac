"""Keeps a `Snapshot` of a store fresh, reading only what was committed since the last.

A reader never waits for a writer and never sees half a commit: a sound is there when its `sounds` row is,
and by then its segments and vectors are too. What other processes write is seen within `FRESH_S`.
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from soundkin.index.exact import ExactIndex
from soundkin.library.ids import distinct, packed
from soundkin.library.labels import labels_from
from soundkin.library.scan import GONE, PRESENT
from soundkin.library.snapshot import (
    SEGMENT_COLUMNS,
    SOUND_COLUMNS,
    Snapshot,
    SpaceView,
    empty_snapshot,
    starts_of,
)
from soundkin.library.spots import Spot, spots_from
from soundkin.library.tables import vectors_table

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from soundkin.library.store import Store

__all__ = ["Catalogue", "Snapshot", "SpaceView"]

FRESH_S = 0.25
"""How long a snapshot is taken for the newest before the tables are looked at again."""

ONLINE_FOR_S = 2.0
"""How long a root is taken to be where it was when last looked at."""

CHUNKS = 64
"""Pieces from which on the columns of sounds are joined."""

SPOT_COLUMNS = ("root_id", "path", "display", "sound_id", "state")


class Catalogue:
    """Keeps a `Snapshot` of a store fresh; safe to ask from many threads."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._looked_at = 0.0
        self._touches = 0
        self._seen_touches = -1
        self._online: dict[bytes, tuple[float, bool]] = {}

    def snapshot(self, space_id: str | None = None) -> Snapshot:
        """Return the library as of now; with `space_id`, that space's vectors are in it.

        What this process wrote is seen at once after `touch`, what others wrote within `FRESH_S`.
        """
        with self._lock:
            old = self._snapshot or empty_snapshot()
            now, touches = time.monotonic(), self._touches
            lacking = space_id is not None and space_id not in old.spaces
            fresh = touches == self._seen_touches and now - self._looked_at < FRESH_S
            if fresh and not lacking:
                return old
            space_ids = self.store.spaces()
            wanted = [s for s in {*old.spaces, *([space_id] if space_id else [])} if s in space_ids]
            versions = self._versions(wanted)
            if versions != old.versions or list(old.space_ids) != space_ids:
                old = self._refresh(old, versions, wanted, space_ids)
            self._snapshot = old
            self._looked_at, self._seen_touches = now, touches
            return old

    def touch(self) -> None:
        """Look at the tables again when next asked."""
        self._touches += 1

    def state(self, spot: Spot) -> str:
        """Say whether a place is "present", "gone", or "offline" with its whole root."""
        if spot.state == GONE:
            return GONE
        return PRESENT if self.is_online(spot.raw_root) else "offline"

    def is_online(self, root: bytes) -> bool:
        """Say whether a root's folder is there; asked of the disk every two seconds at most."""
        now = time.monotonic()
        when, answer = self._online.get(root, (-ONLINE_FOR_S, False))
        if now - when >= ONLINE_FOR_S:
            answer = os.path.isdir(root)
            self._online[root] = (now, answer)
        return answer

    def _versions(self, spaces: Sequence[str]) -> dict[str, int]:
        """Return the versions of the tables that a snapshot depends on."""
        names = [*("sounds", "locations", "tags", "roots", "settings"), *map(vectors_table, spaces)]
        return {name: self.store.version(name) for name in names}

    def _refresh(
        self,
        old: Snapshot,
        versions: Mapping[str, int],
        wanted: Sequence[str],
        space_ids: Sequence[str],
    ) -> Snapshot:
        """Read what changed since the last snapshot.

        The versions were asked for first: what is committed while this reads is read again next time.
        """

        def changed(*names: str) -> bool:
            return any(versions[name] != old.versions.get(name) for name in names)

        new = old
        if changed("sounds"):
            new = self._with_sounds(new)
        if changed("sounds", "locations", "roots"):
            new = self._with_spots(new)
        if changed("sounds", "tags"):
            new = self._with_tags(new)
        if changed("settings"):
            rows = self.store.read("settings").to_pylist()
            new = replace(new, settings={row["key"]: json.loads(row["value"]) for row in rows})
        spaces = {space: view for space, view in new.spaces.items() if space in wanted}
        for space in wanted:
            if space not in spaces or changed("sounds", vectors_table(space)):
                spaces[space] = self._with_vectors(new, space)
        return replace(new, spaces=spaces, space_ids=list(space_ids), versions=dict(versions))

    def _with_sounds(self, old: Snapshot) -> Snapshot:
        """Take in new sounds with their segments, let forgotten ones go."""
        counts = self._batches("sounds")
        fresh = counts.keys() - old.batches.keys()
        new = old
        if any(counts.get(batch) != n for batch, n in old.batches.items()):
            new = self._without_forgotten(new)
        if not fresh:
            return new
        rows = self._rows_of_batches(
            "sounds", fresh, [*SOUND_COLUMNS, "batch"], all_=not old.batches
        )
        pairs = packed(rows["sound_id"])
        unknown = distinct(pairs)
        unknown = unknown[new.ids.ords(pairs[unknown]) < 0]
        ids = new.ids.plus(pairs[unknown])
        met = rows.select(list(SOUND_COLUMNS)).take(pa.array(unknown))
        sounds = pa.concat_tables([new.sounds, met])
        batches = {**new.batches, **_counts(rows["batch"])}
        new = replace(
            new,
            ids=ids,
            alive=ids.alive(),
            sounds=sounds.combine_chunks() if sounds["sound_id"].num_chunks > CHUNKS else sounds,
            batches=batches,
        )
        return self._with_segments(new, fresh, all_=not old.batches)

    def _without_forgotten(self, old: Snapshot) -> Snapshot:
        """Take out the sounds that have no row any more."""
        rows = self.store.read("sounds", ["sound_id", "batch"])
        living = np.zeros(len(old.ids), bool)
        ords = old.ids.ords(packed(rows["sound_id"]))
        living[ords[ords >= 0]] = True
        ids = old.ids.without(np.flatnonzero(old.alive & ~living))
        counts = _counts(rows["batch"])
        batches = {batch: counts[batch] for batch in old.batches if batch in counts}
        return replace(old, ids=ids, alive=ids.alive(), batches=batches)

    def _with_segments(self, old: Snapshot, batches: Collection[int], *, all_: bool) -> Snapshot:
        """Read the segments of new batches; rows stay sorted by sound and time."""
        rows = self._rows_of_batches("segments", batches, None, all_=all_)
        keys, first = _keys(rows, old.ids.ords(packed(rows["sound_id"])))
        new = old.rows_of(keys) < 0  # else two indexers met the same sound at the same moment
        keys, first = keys[new], first[new]
        fresh = {name: rows[name].to_numpy()[first] for name in SEGMENT_COLUMNS}
        fresh["sound"] = (keys >> 32).astype(np.int32)
        segments = {name: np.concatenate([old.segments[name], fresh[name]]) for name in fresh}
        all_keys = np.concatenate([old.keys, keys])
        if len(old.keys) and len(keys) and keys[0] < old.keys[-1]:
            order = np.argsort(all_keys, kind="stable")
            segments = {name: values[order] for name, values in segments.items()}
            return replace(old, segments=segments, keys=all_keys[order], spaces={})
        return replace(old, segments=segments, keys=all_keys)

    def _with_spots(self, old: Snapshot) -> Snapshot:
        """Read roots and places."""
        roots = {row["root_id"]: row["path"] for row in self.store.read("roots").to_pylist()}
        table = self.store.read("locations", SPOT_COLUMNS)
        sound = old.ids.ords(packed(table["sound_id"]))
        return replace(old, spots=spots_from(table, sound, len(old.ids), roots))

    def _with_tags(self, old: Snapshot) -> Snapshot:
        """Read the tags."""
        table = self.store.read("tags", ["sound_id", "tag"])
        return replace(old, tags=labels_from(old.ids.ords(packed(table["sound_id"])), table["tag"]))

    def _with_vectors(self, new: Snapshot, space_id: str) -> SpaceView:
        """Bring one space's index up to date: add new batches, take forgotten sounds out.

        The table is read before the index is touched, and the index is touched last: when reading fails,
        index and view still belong together.
        """
        name = vectors_table(space_id)
        view = new.spaces.get(space_id)
        if view is not None and not _in_step(view):
            view = None  # a refresh broke off after the index had grown
        loaded = view.loaded if view else frozenset()
        fresh = self._batches(name).keys() - loaded
        added = None
        if fresh or view is None:
            rows = self._rows_of_batches(name, fresh, None, all_=not loaded)
            sound = new.ids.ords(packed(rows["sound_id"]))
            added = _matched(rows, sound, new, view)
            loaded |= _complete(rows, sound, new, fresh)
        return _grown(view, space_id, new, added, loaded)

    def _batches(self, name: str) -> dict[int, int]:
        """Return how many rows of a table each batch has."""
        return _counts(self.store.read(name, ["batch"])["batch"])

    def _rows_of_batches(
        self, name: str, batches: Collection[int], columns: Sequence[str] | None, *, all_: bool
    ) -> pa.Table:
        """Read the rows of some batches, or of all when that is the same and cheaper."""
        where = None if all_ else f"batch IN ({', '.join(map(str, sorted(batches))) or 'NULL'})"
        return self.store.read(name, columns, where)


def _counts(batch: pa.ChunkedArray) -> dict[int, int]:
    """Return how often each number occurs."""
    numbers, counts = np.unique(batch.to_numpy(), return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def _keys(
    rows: pa.Table, sound: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the distinct segment keys of known sounds, ascending, and the first row of each.

    sound (n,): the ord of each row, -1 where unknown.
    """
    known = np.flatnonzero(sound >= 0)
    keys = (sound[known] << 32) | rows["seq"].to_numpy()[known].astype(np.int64)
    keys, first = np.unique(keys, return_index=True)
    return keys, known[first]


_Added = tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.float32]]


def _matched(
    rows: pa.Table, sound: npt.NDArray[np.int64], snapshot: Snapshot, view: SpaceView | None
) -> _Added:
    """Return sound, segment and vector of the rows that a view does not have yet."""
    keys, first = _keys(rows, sound)
    segment = snapshot.rows_of(keys)
    held = np.zeros(len(snapshot.keys) + 1, bool)
    held[-1] = True  # a vector without its segment
    if view is not None:
        held[view.segment[view.segment >= 0]] = True
    new = ~held[segment]
    X = _vectors_at(rows["vector"], first[new])
    return (keys[new] >> 32).astype(np.int32), segment[new], X


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


def _complete(
    rows: pa.Table, sound: npt.NDArray[np.int64], snapshot: Snapshot, fresh: Collection[int]
) -> frozenset[int]:
    """Return the batches of which nothing more can come; the others are looked at again next time."""
    waiting = set(np.unique(rows["batch"].to_numpy()[sound < 0]).tolist()) - snapshot.batches.keys()
    return frozenset(fresh) - waiting


def _in_step(view: SpaceView) -> bool:
    """Say whether a view and its index still hold the same rows."""
    alive = np.count_nonzero(view.segment >= 0)
    return view.index.n_ids == len(view.sound) and view.index.n == alive


def _grown(
    view: SpaceView | None,
    space_id: str,
    snapshot: Snapshot,
    added: _Added | None,
    loaded: frozenset[int],
) -> SpaceView:
    """Return a view without the rows of forgotten sounds and with the new ones."""
    if view is None:
        assert added is not None  # noqa: S101 - a first look reads all rows
        sound, segment, X = added
        index = ExactIndex.build(X, space_id=space_id)
        return SpaceView(space_id, index, sound, segment, starts_of(sound), loaded)
    sound, segment = view.sound, view.segment
    dead = np.flatnonzero(~snapshot.alive[sound] & (segment >= 0))
    if len(dead):
        segment = segment.copy()
        segment[dead] = -1
    if added is not None and len(added[0]):
        sound = np.concatenate([sound, added[0]])
        segment = np.concatenate([segment, added[1]])
    grown = SpaceView(space_id, view.index, sound, segment, starts_of(sound), loaded)
    if len(dead):
        view.index.remove(dead)
    if added is not None and len(added[0]):
        view.index.add(added[2])
    return grown
