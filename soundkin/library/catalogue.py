"""Keeps a `Snapshot` of a store fresh, reading only what was committed since the last.

A reader never waits for a writer and never sees half a commit: a sound is there when its `sounds` row is,
and by then its segments and vectors are too. What other processes write is seen within `FRESH_S`.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from soundkin.bucket import is_address
from soundkin.errors import SoundkinError
from soundkin.library import instore
from soundkin.library.arrivals import complete, keys_of, matched, opened, with_rows
from soundkin.library.follow import Batches, counts_of
from soundkin.library.ids import distinct, packed
from soundkin.library.indexes import Indexes, setting_key
from soundkin.library.labels import labels_from
from soundkin.library.notes import notes_from
from soundkin.library.rooms import Rooms
from soundkin.library.scan import GONE, PRESENT
from soundkin.library.snapshot import (
    SEGMENT_COLUMNS,
    SOUND_COLUMNS,
    Memo,
    Snapshot,
    SpaceView,
    empty_snapshot,
    standing_memo,
)
from soundkin.library.spotting import Spotting
from soundkin.library.store_index import KIND
from soundkin.library.tables import vectors_table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from soundkin.library.spots import Spot
    from soundkin.library.store import Store

__all__ = ["Catalogue", "Snapshot", "SpaceView"]

FRESH_S = 0.25
"""How long a snapshot is taken for the newest before the tables are looked at again."""

LARGE, STALE_S, PAUSE = 100_000, 2.0, 4
"""Segments from which on a library is looked at in the background, seconds that what is seen may be old
then, and how many times as long as a look takes nothing is looked at."""

CHUNKS = 64
"""Pieces from which on the columns of sounds are joined."""

ONLINE_FOR_S = 2.0
"""How long a root is taken to be where it was when last looked at."""


class Catalogue:
    """Keeps a `Snapshot` of a store fresh; safe to ask from many threads.

    on_look: called with a new snapshot before anybody else sees it, to prepare what questions need.
    """

    def __init__(self, store: Store, on_look: Callable[[Snapshot], None] = lambda _: None) -> None:
        self.store = store
        self.on_look = on_look
        self.indexes = Indexes(store)
        self._to_open: set[str] = set()
        self._followed: dict[str, Batches] = {}
        self._spotting = Spotting(store)
        self._rooms = Rooms()
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._looking = threading.Lock()
        self._looked_at = self._took_s = 0.0
        self._touches = 0
        self._seen_touches = -1
        self._online: dict[bytes, tuple[float, bool]] = {}

    def snapshot(self, space_id: str | None = None) -> Snapshot:
        """Return the library as of now; with `space_id`, that space's vectors are in it.

        What this process wrote is seen at once after `touch`, what others wrote within `FRESH_S`. A large
        library, or one in a bucket, is looked at in the background while questions come: what others wrote
        is seen some seconds later at most, for after a pause of `STALE_S` and more a question waits.
        """
        seen, old = self._seen_touches, self._snapshot  # in this order: what was seen is in it
        if old is not None and self._touches == seen:
            there = space_id is None or space_id in old.spaces
            if there and self._is_new_enough(old):
                return old
        with self._lock:
            return self._look(space_id)

    def _is_new_enough(self, old: Snapshot) -> bool:
        """Say whether a question may be answered from what was seen last; begin to look where it is time."""
        age = time.monotonic() - self._looked_at
        if age < FRESH_S:
            return True
        if len(old.keys) <= LARGE and not self.store.storage.remote:
            return False
        pause = min(PAUSE * self._took_s, STALE_S)
        if age >= STALE_S + pause and not self._looking.locked():
            return False
        if age > pause:
            self._look_soon()
        return True

    def seen(self) -> tuple[Snapshot, float] | None:
        """Return the last snapshot and its age in seconds, None before the first; nothing is read."""
        old = self._snapshot
        return None if old is None else (old, time.monotonic() - self._looked_at)

    def _look(self, space_id: str | None) -> Snapshot:
        """Bring the snapshot up to date, unless another thread has just done so; hold the lock."""
        old = self._snapshot or empty_snapshot()
        now, touches = time.monotonic(), self._touches
        lacking = space_id is not None and space_id not in old.spaces
        fresh = touches == self._seen_touches and now - self._looked_at < FRESH_S
        if fresh and not lacking:
            return old
        space_ids = self.store.spaces()
        wanted = [s for s in {*old.spaces, *([space_id] if space_id else [])} if s in space_ids]
        versions = self._versions(wanted)
        if versions != old.versions or list(old.space_ids) != space_ids or self._to_open:
            old = self._refresh(old, versions, wanted, space_ids)
            self.on_look(old)
        self._snapshot = old
        self._took_s = time.monotonic() - now
        self._looked_at, self._seen_touches = now + self._took_s, touches
        return old

    def _look_soon(self) -> None:
        """Look in a thread of its own, unless one does already."""
        if self._looking.acquire(blocking=False):

            def look() -> None:
                try:
                    with (
                        self._lock,
                        contextlib.suppress(SoundkinError),
                    ):  # told when next waited for
                        self._look(None)
                finally:
                    self._looking.release()

            threading.Thread(target=look, name="soundkin-look").start()

    def reopen(self, space_id: str) -> None:
        """Take a space's index from its cache when next asked."""
        self._to_open.add(space_id)
        self.touch()

    def close(self) -> None:
        """Wait for a look in the background."""
        with self._looking:
            pass

    def touch(self) -> None:
        """Look at the tables again when next asked."""
        self._touches += 1

    def state(self, spot: Spot) -> str:
        """Say whether a place is "present", "gone", or "offline" with its whole root."""
        if spot.state == GONE:
            return GONE
        return PRESENT if self.is_online(spot.raw_root) else "offline"

    def is_online(self, root: bytes) -> bool:
        """Say whether a root is there; its disk is asked every two seconds at most, a bucket never."""
        now = time.monotonic()
        when, answer = self._online.get(root, (-ONLINE_FOR_S, False))
        if now - when >= ONLINE_FOR_S:
            answer = is_address(root) or os.path.isdir(root)
            self._online[root] = (now, answer)
        return answer

    def _versions(self, spaces: Sequence[str]) -> dict[str, int]:
        """Return the versions of the tables that a snapshot depends on."""
        tables = ("sounds", "locations", "tags", "notes", "roots", "settings")
        names = [*tables, *map(vectors_table, spaces)]
        return {name: self.store.version(name) for name in names}

    def _refresh(
        self,
        old: Snapshot,
        versions: Mapping[str, int],
        wanted: Sequence[str],
        space_ids: Sequence[str],
    ) -> Snapshot:
        """Return the snapshot with what changed since; what a failure leaves behind is forgotten."""
        try:
            return self._refreshed(old, versions, wanted, space_ids)
        except BaseException:
            self._spotting = Spotting(self.store)
            raise

    def _refreshed(
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
            n = len(old.alive)
            forgot = not np.array_equal(new.alive[:n], old.alive)
            new = replace(new, spots=self._spotting.look(new.ids, anew=forgot))
        if changed("sounds", "tags"):
            new = self._with_tags(new)
        if changed("sounds", "notes"):
            new = replace(new, notes=notes_from(new.ids.ords, self.store.read("notes")))
        if changed("settings"):
            rows = self.store.read("settings").to_pylist()
            new = replace(new, settings={row["key"]: json.loads(row["value"]) for row in rows})
        spaces = {space: view for space, view in new.spaces.items() if space in wanted}
        for space in wanted:
            anew = space in self._to_open
            if space not in spaces or anew or changed("sounds", vectors_table(space)):
                spaces[space] = self._with_vectors(new, space, None if anew else spaces.get(space))
                self._to_open.discard(space)
        return replace(
            new,
            spaces=spaces,
            space_ids=list(space_ids),
            versions=dict(versions),
            memo=Memo(),
            standing=standing_memo(),
        )

    def _with_sounds(self, old: Snapshot) -> Snapshot:
        """Take in new sounds with their segments, let forgotten ones go."""
        counts = self._batches("sounds").counts()
        fresh = counts.keys() - old.batches.keys()
        new = old
        if any(counts.get(batch) != n for batch, n in old.batches.items()):
            new = self._without_forgotten(new)
        if not fresh:
            return new
        rows = self._batches("sounds").rows(fresh, [*SOUND_COLUMNS, "batch"], all_=not old.batches)
        pairs = packed(rows["sound_id"])
        unknown = distinct(pairs)
        unknown = unknown[new.ids.ords(pairs[unknown]) < 0]
        ids = new.ids.plus(pairs[unknown])
        met = rows.select(list(SOUND_COLUMNS)).take(pa.array(unknown))
        sounds = pa.concat_tables([new.sounds, met])
        batches = {**new.batches, **counts_of(rows["batch"])}
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
        counts = counts_of(rows["batch"])
        batches = {batch: counts[batch] for batch in old.batches if batch in counts}
        return replace(old, ids=ids, alive=ids.alive(), batches=batches)

    def _with_segments(self, old: Snapshot, batches: Collection[int], *, all_: bool) -> Snapshot:
        """Read the segments of new batches; rows stay sorted by sound and time."""
        followed = self._batches("segments")
        if not all_:
            followed.counts()
        rows = followed.rows(batches, None, all_=all_)
        keys, first = keys_of(rows, old.ids.ords(packed(rows["sound_id"])))
        new = old.rows_of(keys) < 0  # else two indexers met the same sound at the same moment
        keys, first = keys[new], first[new]
        fresh = {name: rows[name].to_numpy()[first] for name in SEGMENT_COLUMNS}
        fresh["sound"] = (keys >> 32).astype(np.int32)
        rooms = self._rooms
        segments = {name: rooms.plus(name, old.segments[name], fresh[name]) for name in fresh}
        all_keys = rooms.plus("keys", old.keys, keys)
        if len(old.keys) and len(keys) and keys[0] < old.keys[-1]:
            order = np.argsort(all_keys, kind="stable")
            segments = {name: values[order] for name, values in segments.items()}
            return replace(old, segments=segments, keys=all_keys[order], spaces={})
        return replace(old, segments=segments, keys=all_keys)

    def _with_tags(self, old: Snapshot) -> Snapshot:
        """Read the tags."""
        table = self.store.read("tags", ["sound_id", "tag"])
        return replace(old, tags=labels_from(old.ids.ords(packed(table["sound_id"])), table["tag"]))

    def _with_vectors(self, new: Snapshot, space_id: str, view: SpaceView | None) -> SpaceView:
        """Bring one space's view up to date: add new batches, take forgotten sounds out.

        A first look takes from the space's cache what that has; so does one at an index that has become
        old, when another process has built a newer one.
        """
        counts = self._batches(vectors_table(space_id)).counts()
        if instore.is_too_large(sum(counts.values()), self._dim(space_id)):
            return self._in_store(new, space_id, view, counts)
        if view is not None and view.index.kind == KIND:
            view = None  # it fits into memory now
        if view is not None and self.indexes.is_old(view, new.settings):
            newest = self.indexes.newest(space_id)
            view = view if newest in {"", view.cache} else None
        wish = new.settings.get(setting_key(space_id), {})
        if view is None and len(new.ids) and wish.get("kind") != "exact":
            cached = self.indexes.open(space_id)
            found = None if cached is None else opened(cached, space_id, new, counts)
            if found is not None:
                view = self._grown(*found, new, counts)
                if view is not None:
                    return view
        whole = self._grown(view, np.empty(0, np.int64), new, counts, space_id)
        assert whole is not None  # noqa: S101 - nothing was lost
        return whole

    def _in_store(
        self, new: Snapshot, space_id: str, view: SpaceView | None, counts: Mapping[int, int]
    ) -> SpaceView:
        """Bring the view of a space up to date whose vectors stay in the store."""
        lost = np.empty(0, np.int64)
        if view is None or not instore.may_stay(view, self.store.version(vectors_table(space_id))):
            cached = instore.held(self.store, space_id, new, counts)
            view, lost = opened(cached, space_id, new, counts)
        grown = self._grown(view, lost, new, counts)
        assert grown is not None  # noqa: S101 - what it holds is in its batches
        return grown

    def _dim(self, space_id: str) -> int:
        """Return the length of a space's vectors."""
        schema = self.store.table(vectors_table(space_id)).schema
        return int(schema.field("vector").type.list_size)

    def _grown(
        self,
        view: SpaceView | None,
        lost: npt.NDArray[np.int64],
        new: Snapshot,
        counts: Mapping[int, int],
        space_id: str = "",
    ) -> SpaceView | None:
        """Return a view with what is not in it yet and without the forgotten.

        lost: ords of sounds whose rows were in a cache but are in its batches no more; None when they
        are not in a new batch either.
        """
        name = vectors_table(view.space_id if view else space_id)
        loaded = view.loaded if view else frozenset()
        fresh = counts.keys() - loaded
        added = None
        if fresh or view is None:
            rows = self._batches(name).rows(fresh, None, all_=not loaded)
            sound = new.ids.ords(packed(rows["sound_id"]))
            added = matched(rows, sound, new, view)
            loaded |= complete(rows, sound, new, fresh)
        if len(lost) and not np.isin(lost, [] if added is None else added.sound).all():
            return None
        return with_rows(view, space_id, new, added, loaded, self._rooms)

    def _batches(self, name: str) -> Batches:
        """Return the batches of a table, as they are followed."""
        return self._followed.setdefault(name, Batches(self.store, name))
