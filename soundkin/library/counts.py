"""How much a library holds, counted again only where something was committed since the last time."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from soundkin.library.store import Store

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Counts:
    """What is in the tables; places: by root and state; disk_bytes: of the library's own files."""

    sounds: int
    segments: int
    silent: int
    seconds_of_sound: float
    places: Mapping[tuple[str, str], int]
    tags: int
    failures: int
    disk_bytes: int

    def places_that_are(self, state: str) -> int:
        """Count the places of all roots in one state."""
        return sum(n for (_, found), n in self.places.items() if found == state)


class Counter:
    """Counts one library's tables; safe from many threads."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._held: dict[str, tuple[object, Any]] = {}

    def counts(self) -> Counts:
        """Count what was committed until now."""
        with self._lock:
            names = ("sounds", "locations", "tags", "failures")
            versions = {name: self.store.version(name) for name in names}
            sounds, segments, silent, seconds = self._kept(
                "sounds", versions["sounds"], self._sounds
            )
            return Counts(
                sounds,
                segments,
                silent,
                seconds,
                places=self._kept("locations", versions["locations"], self._places),
                tags=self._kept("tags", versions["tags"], self._tags),
                failures=self.store.count("failures"),
                disk_bytes=self._kept("disk", versions, self.store.storage.size),
            )

    def _kept(self, name: str, version: object, count: Callable[[], _T]) -> _T:
        """Return what was counted at this version, counted when it was not."""
        held = self._held.get(name)
        if held is None or held[0] != version:
            held = self._held[name] = version, count()
        found: _T = held[1]
        return found

    def _sounds(self) -> tuple[int, int, int, float]:
        """Count sounds, segments, silent windows and seconds."""
        table = self.store.read("sounds", ["duration_s", "n_segments", "n_silent"])
        sums = [pc.sum(table[name]).as_py() or 0 for name in ("n_segments", "n_silent")]
        return table.num_rows, *sums, float(pc.sum(table["duration_s"]).as_py() or 0.0)

    def _places(self) -> dict[tuple[str, str], int]:
        """Count places by root and state."""
        table = self.store.read("locations", ["root_id", "state"])
        rows = table.group_by(["root_id", "state"]).aggregate([([], "count_all")]).to_pylist()
        return {(row["root_id"], row["state"]): row["count_all"] for row in rows}

    def _tags(self) -> int:
        """Count different tags."""
        return int(pc.count_distinct(self.store.read("tags", ["tag"])["tag"]).as_py())


def bytes_below(folder: str | os.PathLike[str]) -> int:
    """Return the size of all files of a tree; what goes away meanwhile is passed over."""
    total = 0
    waiting = [os.fspath(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as items:
                for item in items:
                    if item.is_dir(follow_symlinks=False):
                        waiting.append(item.path)
                    elif item.is_file():
                        total += item.stat().st_size
        except OSError:
            continue
    return total
