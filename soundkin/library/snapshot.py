"""The library in memory at one moment: what a query reads. Nothing in here ever changes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from soundkin.library.ids import SoundIds
from soundkin.library.labels import Labels, labels_from
from soundkin.library.notes import Notes, notes_from
from soundkin.library.spots import Spots, spots_from
from soundkin.library.tables import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from soundkin.library.live import LiveIndex

_T = TypeVar("_T")

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
SEGMENT_COLUMNS = ("seq", "start_s", "end_s", "centre_s", "energy_db")


MEMORIES = 12
"""Answers that a snapshot remembers: masks of a million rows are one megabyte each."""

STANDING, STANDING_BYTES = 256, 96 << 20
"""Queries that a snapshot remembers in one space each, and what they take together: of a million segments
some forty."""


class Memo:
    """What was computed from a snapshot and may be asked for again; safe from many threads.

    most: answers that are remembered; most_bytes: what they take at most, by their `nbytes`. What was not
    asked for the longest goes first.

    >>> memo = Memo()
    >>> memo.get("nine", lambda: 3 * 3), memo.get("nine", lambda: 0)
    (9, 9)
    """

    def __init__(self, most: int = MEMORIES, most_bytes: int | None = None) -> None:
        self._lock = threading.Lock()
        self._known: dict[Hashable, Any] = {}
        self._most, self._most_bytes = most, most_bytes

    def get(self, key: Hashable, compute: Callable[[], _T]) -> _T:
        """Return what is remembered under a key, computed when it is not."""
        with self._lock:
            if key in self._known:
                found: _T = self._known.pop(key)
                self._known[key] = found
                return found
        found = compute()
        with self._lock:
            found = self._known.setdefault(key, found)
            while len(self._known) > 1 and self._is_full():
                del self._known[next(iter(self._known))]
        return found

    def _is_full(self) -> bool:
        """Say whether more is remembered than may be."""
        if len(self._known) > self._most:
            return True
        held = self._known.values()
        return self._most_bytes is not None and sum(v.nbytes for v in held) > self._most_bytes


def standing_memo() -> Memo:
    """Return room for queries that stand."""
    return Memo(STANDING, STANDING_BYTES)


@dataclass(frozen=True, slots=True)
class SpaceView:
    """The vectors of one space: an index whose ids are rows of `sound` and `segment`.

    sound (n,): ord of each row's sound; segment (n,): its row among the snapshot's segments, -1 for a
    forgotten sound's; batch (n,): the commit that brought it; a sound's rows lie together in a run,
    `starts` and `ends` say where each lies, `run` (by ord, -1 where none) which is a sound's. A row that was
    forgotten before this process looked has no sound: -1. loaded: the batches that are in. cache: the
    file that the index came from, empty for none.
    """

    space_id: str
    index: LiveIndex
    sound: npt.NDArray[np.int32]
    segment: npt.NDArray[np.int64]
    batch: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    run: npt.NDArray[np.int32]
    loaded: frozenset[int]
    cache: str = ""

    @classmethod
    def of(
        cls,
        index: LiveIndex,
        sound: npt.NDArray[np.int32],
        segment: npt.NDArray[np.int64],
        batch: npt.NDArray[np.int64],
        loaded: frozenset[int],
        n_sounds: int,
        cache: str = "",
    ) -> SpaceView:
        """Return a view over rows; n_sounds: how many ords have been given."""
        starts = starts_of(sound)
        ends = np.append(starts[1:], len(sound)) if len(starts) else starts
        run = runs_of(sound, starts, n_sounds)
        return cls(index.space_id, index, sound, segment, batch, starts, ends, run, loaded, cache)

    def grown(
        self,
        index: LiveIndex,
        sound: npt.NDArray[np.int32],
        segment: npt.NDArray[np.int64],
        batch: npt.NDArray[np.int64],
        loaded: frozenset[int],
        n_sounds: int,
    ) -> SpaceView:
        """Return this view with rows behind those it has; only what is new is looked at."""
        n_old, n_runs = len(self.sound), len(self.starts)
        low = max(n_old - 1, 0)
        new = starts_of(sound[low:])[min(n_old, 1) :] + low
        starts = np.concatenate([self.starts, new])
        ends = np.append(starts[1:], len(sound))
        run = np.full(n_sounds, -1, np.int32)
        run[: len(self.run)] = self.run
        known = np.flatnonzero(sound[new] >= 0)
        run[sound[new[known]]] = n_runs + known
        return SpaceView(
            self.space_id, index, sound, segment, batch, starts, ends, run, loaded, self.cache
        )

    def rows_of(self, sound: int) -> npt.NDArray[np.int64]:
        """Return the rows of a sound, in time order; none when the space does not have it."""
        run = int(self.run[sound]) if sound < len(self.run) else -1
        if run < 0:
            return np.empty(0, np.int64)
        return np.arange(self.starts[run], self.ends[run], dtype=np.int64)

    def rows_of_runs(
        self, runs: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the rows of some runs, run after run, and where each run begins among them."""
        starts, ends = self.starts[runs], self.ends[runs]
        lengths = ends - starts
        begins = np.cumsum(lengths) - lengths
        rows = np.repeat(starts - begins, lengths) + np.arange(int(lengths.sum()))
        return rows, begins


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything about the library at one moment; arrays over sounds are indexed by ord.

    ids: every sound ever met, the living by name. sounds: their rows, by ord. batches: rows of the
    `sounds` table by batch. segments: columns over segments, sorted by keys = ord << 32 | seq. spaces:
    those that were asked for; space_ids: all. versions: of the tables that this was read from. memo: what
    was computed from this very snapshot; standing: what is known of the last queries of several spaces.
    """

    ids: SoundIds
    alive: npt.NDArray[np.bool_]
    sounds: pa.Table
    spots: Spots
    tags: Labels
    notes: Notes
    settings: Mapping[str, Any]
    space_ids: Sequence[str]
    segments: Mapping[str, npt.NDArray[Any]]
    keys: npt.NDArray[np.int64]
    batches: Mapping[int, int]
    spaces: Mapping[str, SpaceView]
    versions: Mapping[str, int]
    memo: Memo = field(default_factory=Memo, compare=False, repr=False)
    standing: Memo = field(default_factory=standing_memo, compare=False, repr=False)

    @property
    def ord_of(self) -> SoundIds:
        """Answers `get(sound_id)` and `sound_id in ...` for living sounds."""
        return self.ids

    @property
    def row_of(self) -> range:
        """Rows of `sounds` by ord: a sound's row is its ord."""
        return range(len(self.ids))

    def row(self, sound: int) -> dict[str, Any]:
        """Return a sound's row of the `sounds` table."""
        row: dict[str, Any] = self.sounds.slice(sound, 1).to_pylist()[0]
        return row

    def segment_rows(self, sound: int) -> npt.NDArray[np.int64]:
        """Return the rows of a sound's segments, in time order."""
        low, high = np.searchsorted(self.keys, [sound << 32, (sound + 1) << 32])
        return np.arange(low, high, dtype=np.int64)

    def rows_of(self, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the row of each segment key, -1 where there is none."""
        rows = np.searchsorted(self.keys, keys)
        rows[rows == len(self.keys)] = -1
        if len(self.keys):
            rows[self.keys[rows] != keys] = -1
        return rows


def empty_snapshot() -> Snapshot:
    """Return the snapshot of a library with nothing in it."""
    segments = {
        name: np.empty(0, SCHEMAS["segments"].field(name).type.to_pandas_dtype())
        for name in SEGMENT_COLUMNS
    }
    return Snapshot(
        ids=SoundIds.of(),
        alive=np.empty(0, bool),
        sounds=SCHEMAS["sounds"].empty_table().select(list(SOUND_COLUMNS)),
        spots=spots_from(SCHEMAS["locations"].empty_table(), np.empty(0, np.int64), 0, {}),
        tags=labels_from(np.empty(0, np.int64), pa.chunked_array([], pa.string())),
        notes=notes_from(SoundIds.of().ords, SCHEMAS["notes"].empty_table()),
        settings={},
        space_ids=[],
        segments={**segments, "sound": np.empty(0, np.int32)},
        keys=np.empty(0, np.int64),
        batches={},
        spaces={},
        versions={},
    )


def starts_of(sound: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Return where each sound's run of rows begins.

    >>> starts_of(np.array([4, 4, 7], np.int32)).tolist()
    [0, 2]
    """
    return np.flatnonzero(np.diff(sound, prepend=np.int32(-2))).astype(np.int64)


def runs_of(
    sound: npt.NDArray[np.int32], starts: npt.NDArray[np.int64], n_sounds: int
) -> npt.NDArray[np.int32]:
    """Return the number of each sound's run of rows by ord, -1 where it has none.

    >>> sound = np.array([4, 4, 2], np.int32)
    >>> runs_of(sound, starts_of(sound), 6).tolist()
    [-1, -1, 1, -1, 0, -1]
    """
    runs = np.full(n_sounds, -1, np.int32)
    owner = sound[starts]
    known = np.flatnonzero(owner >= 0)
    runs[owner[known]] = known
    return runs
