"""Keeps the places of a library's sounds up to date, reading those that were added."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from soundkin.library.follow import Tail
from soundkin.library.ids import packed
from soundkin.library.spots import spots_from

if TYPE_CHECKING:
    from soundkin.library.ids import SoundIds
    from soundkin.library.spots import Spots
    from soundkin.library.store import Store

COLUMNS = ("root_id", "path", "display", "sound_id", "state")


class Spotting:
    """The places as they were last read, and those that wait for their sound."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tail = Tail(store, "locations")
        self._spots: Spots | None = None
        self._waiting = pa.table({})

    def look(self, ids: SoundIds, *, anew: bool = False) -> Spots:
        """Return where the sounds lie now. anew: some have been forgotten, or have new ords."""
        roots = {row["root_id"]: row["path"] for row in self._store.read("roots").to_pylist()}
        known = None if anew else self._spots
        if known is None or known.roots != roots:
            self._tail, known = Tail(self._store, "locations"), None
        rows, added = self._tail.read(COLUMNS)
        rows = rows.select(COLUMNS)
        if added and known is not None:
            rows = pa.concat_tables([self._waiting, rows])
            sound = ids.ords(packed(rows["sound_id"]))
            spots = known.plus(rows, sound, len(ids))
        else:
            sound = ids.ords(packed(rows["sound_id"]))
            spots = spots_from(rows, sound, len(ids), roots)
        self._spots, self._waiting = spots, rows.filter(pa.array(sound < 0))
        return spots
