"""The library in memory: what a query needs, kept up to date while another process writes.

A `Snapshot` never changes; `Catalogue.snapshot` returns the newest one and reads only what was committed
since the last. Sounds have a number (`ord`) that stays theirs while the process lives.
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from soundkin.index.exact import ExactIndex
from soundkin.library.scan import GONE, PRESENT, display
from soundkin.library.spots import Spot, Spots, spots_from
from soundkin.library.store import SCHEMAS, Store, vectors_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FRESH_S = 0.25
"""How long a snapshot is taken for the newest before the tables are looked at again."""

ONLINE_FOR_S = 2.0
"""How long a root is taken to be where it was when last looked at."""

SOUND_COLUMNS = (
    "sound_id",
    "duration_s",
    "rate_hz",
    "channels",
    "format",
    "subtype",
    "peak_db",
    "n_segments",
    "n_silent",
    "added_at",
)


@dataclass(frozen=True, slots=True)
class SpaceView:
    """The vectors of one space: an index whose ids are rows of `sound` and `segment`.

    sound (n,): ord of each row's sound; segment (n,): its row among the snapshot's segments; a sound's
    rows lie together, `starts` says where each begins. loaded: the batches that are in.
    """

    space_id: str
    index: ExactIndex
    sound: npt.NDArray[np.int32]
    segment: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    loaded: frozenset[int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything about the library at one moment; arrays over sounds are indexed by ord."""

    ids: Sequence[str]
    ord_of: Mapping[str, int]
    alive: npt.NDArray[np.bool_]
    sounds: pa.Table
    row_of: npt.NDArray[np.int64]
    spots: Spots
    tags: Mapping[int, tuple[str, ...]]
    settings: Mapping[str, Any]
    space_ids: Sequence[str]
    segments: Mapping[str, npt.NDArray[Any]]
    keys: npt.NDArray[np.int64]
    batches: frozenset[int]
    spaces: Mapping[str, SpaceView]
    versions: Mapping[str, int]

    def row(self, sound: int) -> dict[str, Any]:
        """Return a sound's row of the `sounds` table."""
        row: dict[str, Any] = self.sounds.slice(int(self.row_of[sound]), 1).to_pylist()[0]
        return row

    def segment_rows(self, sound: int) -> npt.NDArray[np.int64]:
        """Return the rows of a sound's segments, in time order."""
        low = np.searchsorted(self.keys, np.int64(sound) << 32)
        high = np.searchsorted(self.keys, np.int64(sound + 1) << 32)
        return np.arange(low, high, dtype=np.int64)


class Catalogue:
    """Keeps a `Snapshot` of a store fresh; safe to ask from many threads."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._looked_at = -FRESH_S
        self._online: dict[str, tuple[float, bool]] = {}

    def snapshot(self, space_id: str | None = None) -> Snapshot:
        """Return the library as of now; with `space_id`, that space's vectors are in it.

        What this process wrote is seen at once after `touch`, what others wrote within `FRESH_S`.
        """
        with self._lock:
            old = self._snapshot or _empty()
            now = time.monotonic()
            lacking = space_id is not None and space_id not in old.spaces
            if now - self._looked_at < FRESH_S and self._snapshot is not None and not lacking:
                return old
            space_ids = self.store.spaces()
            wanted = [s for s in {*old.spaces, *([space_id] if space_id else [])} if s in space_ids]
            versions = self._versions(wanted)
            if versions != old.versions or list(old.space_ids) != space_ids:
                old = self._refresh(old, versions, wanted, space_ids)
                self._snapshot = old
            self._looked_at = now
            return old

    def touch(self) -> None:
        """Look at the tables again when next asked."""
        self._looked_at = -FRESH_S

    def state(self, spot: Spot) -> str:
        """Say whether a place is "present", "gone", or "offline" with its whole root."""
        if spot.state == GONE:
            return GONE
        return PRESENT if self.is_online(spot.raw_root) else "offline"

    def is_online(self, root: bytes) -> bool:
        """Say whether a root's folder is there; asked of the disk every two seconds at most."""
        key = display(root)
        now = time.monotonic()
        when, answer = self._online.get(key, (-1e9, False))
        if now - when > ONLINE_FOR_S:
            answer = os.path.isdir(root)
            self._online[key] = (now, answer)
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
        """Read what changed since the last snapshot."""

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
        """Take in new sounds and their segments; mark forgotten ones."""
        sounds = self.store.read("sounds", [*SOUND_COLUMNS, "batch"])
        names: list[str] = sounds["sound_id"].to_pylist()
        ids, ord_of = list(old.ids), dict(old.ord_of)
        living = set(names)
        gone = [name for name in ord_of if name not in living]
        for name in gone:
            del ord_of[name]  # when it comes back it is a new sound with new rows
        for name in names:
            if name not in ord_of:
                ord_of[name] = len(ids)
                ids.append(name)
        row_of = np.full(len(ids), -1, np.int64)
        ords = np.fromiter((ord_of[name] for name in names), np.int64, len(names))
        row_of[ords] = np.arange(len(names))
        batches = frozenset(pc.unique(sounds["batch"]).to_pylist())
        new = replace(
            old,
            ids=ids,
            ord_of=ord_of,
            alive=row_of >= 0,
            sounds=sounds,
            row_of=row_of,
            batches=batches,
        )
        return self._with_segments(new, sorted(batches - old.batches))

    def _with_segments(self, old: Snapshot, batches: Sequence[int]) -> Snapshot:
        """Read the segments of new batches; rows stay sorted by sound and time."""
        if not batches:
            return old
        rows = self._new_rows("segments", batches, old.batches)
        sound = _ords(rows["sound_id"], old.ord_of)
        known = sound >= 0
        keys = (sound[known] << 32) | rows["seq"].to_numpy()[known].astype(np.int64)
        keys, first = np.unique(keys, return_index=True)
        twice = np.isin(keys, old.keys)  # two indexers met the same sound at the same moment
        keys, first = keys[~twice], first[~twice]
        fresh = {
            name: rows[name].to_numpy()[known][first]
            for name in ("seq", "start_s", "end_s", "centre_s", "energy_db")
        }
        fresh["sound"] = (keys >> 32).astype(np.int32)
        segments = {name: np.concatenate([old.segments[name], fresh[name]]) for name in fresh}
        all_keys = np.concatenate([old.keys, keys])
        if len(old.keys) and len(keys) and keys[0] < old.keys[-1]:
            order = np.argsort(all_keys, kind="stable")
            all_keys = all_keys[order]
            segments = {name: values[order] for name, values in segments.items()}
            return replace(old, segments=segments, keys=all_keys, spaces={})
        return replace(old, segments=segments, keys=all_keys)

    def _new_rows(self, name: str, batches: Sequence[int], loaded: frozenset[int]) -> pa.Table:
        """Read the rows of some batches; all rows when nothing was loaded before."""
        where = f"batch IN ({', '.join(map(str, batches))})" if loaded else None
        return self.store.read(name, where=where)

    def _with_spots(self, old: Snapshot) -> Snapshot:
        """Read roots and places."""
        roots = {row["root_id"]: row["path"] for row in self.store.read("roots").to_pylist()}
        table = self.store.read("locations", ["root_id", "path", "display", "sound_id", "state"])
        sound = _ords(table["sound_id"], old.ord_of)
        return replace(old, spots=spots_from(table, sound, len(old.ids), roots))

    def _with_tags(self, old: Snapshot) -> Snapshot:
        """Read the tags."""
        table = self.store.read("tags", ["sound_id", "tag"])
        tags: dict[int, set[str]] = {}
        for sound_id, tag in zip(
            table["sound_id"].to_pylist(), table["tag"].to_pylist(), strict=True
        ):
            number = old.ord_of.get(sound_id)
            if number is not None:
                tags.setdefault(number, set()).add(tag)
        return replace(old, tags={number: tuple(sorted(some)) for number, some in tags.items()})

    def _with_vectors(self, new: Snapshot, space_id: str) -> SpaceView:
        """Bring one space's index up to date: add new batches, take forgotten sounds out."""
        name = vectors_table(space_id)
        view = new.spaces.get(space_id)
        present = frozenset(pc.unique(self.store.read(name, ["batch"])["batch"]).to_pylist())
        loaded = view.loaded if view else frozenset()
        fresh = sorted(present - loaded)
        if view is not None:
            dead = np.flatnonzero(~new.alive[view.sound])
            dead = dead[_still_in(view, dead)]
            if len(dead):
                view.index.remove(dead)
                view = replace(view, segment=np.where(new.alive[view.sound], view.segment, -1))
        if view is not None and not fresh:
            return view
        rows = self._new_rows(name, fresh, loaded)
        sound, segment, X, complete = _matched(rows, new, fresh)
        if view is None:
            return SpaceView(
                space_id,
                ExactIndex.build(X, space_id=space_id),
                sound,
                segment,
                _starts(sound),
                frozenset(complete),
            )
        twice = np.isin(segment, view.segment)
        sound, segment, X = sound[~twice], segment[~twice], X[~twice]
        view.index.add(X)
        sound = np.concatenate([view.sound, sound])
        segment = np.concatenate([view.segment, segment])
        return replace(
            view,
            sound=sound,
            segment=segment,
            starts=_starts(sound),
            loaded=loaded | frozenset(complete),
        )


def _still_in(view: SpaceView, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Say which rows have not been taken out of the index before."""
    return view.segment[rows] >= 0


def _matched(
    rows: pa.Table, snapshot: Snapshot, fresh: Sequence[int]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.float32], list[int]]:
    """Match vector rows with segments; a batch that is not committed yet is read again next time."""
    sound = _ords(rows["sound_id"], snapshot.ord_of)
    batch = rows["batch"].to_numpy()
    vector = rows["vector"].combine_chunks()
    dim = vector.type.list_size
    X = np.asarray(vector.flatten()).reshape(-1, dim)
    known = set(np.unique(batch[sound >= 0]).tolist()) | snapshot.batches
    incomplete = {number for number in fresh if number not in known}
    keep = (sound >= 0) & ~np.isin(batch, list(incomplete))
    keys = (sound[keep] << 32) | rows["seq"].to_numpy()[keep].astype(np.int64)
    segment = np.searchsorted(snapshot.keys, keys)
    found = np.zeros(len(keys), bool)
    inside = segment < len(snapshot.keys)
    found[inside] = snapshot.keys[segment[inside]] == keys[inside]
    keys, segment, X = keys[found], segment[found], X[keep][found]
    keys, first = np.unique(keys, return_index=True)
    complete = [number for number in fresh if number not in incomplete]
    return (
        (keys >> 32).astype(np.int32),
        segment[first].astype(np.int64),
        np.ascontiguousarray(X[first], np.float32),
        complete,
    )


def _ords(sound_ids: pa.ChunkedArray, ord_of: Mapping[str, int]) -> npt.NDArray[np.int64]:
    """Return the ord of each id, -1 where unknown."""
    encoded = sound_ids.combine_chunks().dictionary_encode()
    table = np.fromiter(
        (ord_of.get(name, -1) for name in encoded.dictionary.to_pylist()),
        np.int64,
        len(encoded.dictionary),
    )
    if not len(table):
        return np.empty(0, np.int64)
    return table[encoded.indices.to_numpy()]


def _starts(sound: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Return where each sound's run of rows begins."""
    if not len(sound):
        return np.empty(0, np.int64)
    return np.flatnonzero(np.concatenate([[True], sound[1:] != sound[:-1]])).astype(np.int64)


def _empty() -> Snapshot:
    """Return the snapshot of a library with nothing in it."""
    return Snapshot(
        ids=[],
        ord_of={},
        alive=np.empty(0, bool),
        sounds=pa.table({}),
        row_of=np.empty(0, np.int64),
        spots=spots_from(SCHEMAS["locations"].empty_table(), np.empty(0, np.int64), 0, {}),
        tags={},
        settings={},
        space_ids=[],
        segments={
            "sound": np.empty(0, np.int32),
            "seq": np.empty(0, np.int32),
            "start_s": np.empty(0, np.float64),
            "end_s": np.empty(0, np.float64),
            "centre_s": np.empty(0, np.float64),
            "energy_db": np.empty(0, np.float32),
        },
        keys=np.empty(0, np.int64),
        batches=frozenset(),
        spaces={},
        versions={},
    )
