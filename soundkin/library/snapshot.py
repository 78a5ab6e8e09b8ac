"""The library in memory at one moment: what a query reads. Nothing in here ever changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from soundkin.library.ids import SoundIds
from soundkin.library.labels import Labels, labels_from
from soundkin.library.spots import Spots, spots_from
from soundkin.library.tables import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from soundkin.index.exact import ExactIndex

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


@dataclass(frozen=True, slots=True)
class SpaceView:
    """The vectors of one space: an index whose ids are rows of `sound` and `segment`.

    sound (n,): ord of each row's sound; segment (n,): its row among the snapshot's segments, -1 for a
    forgotten sound's; a sound's rows lie together, `starts` says where each begins. loaded: the batches
    that are in. The index may have grown since: only its first n rows belong to this view.
    """

    space_id: str
    index: ExactIndex
    sound: npt.NDArray[np.int32]
    segment: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    loaded: frozenset[int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything about the library at one moment; arrays over sounds are indexed by ord.

    ids: every sound ever met, the living by name. sounds: their rows, by ord. batches: rows of the
    `sounds` table by batch. segments: columns over segments, sorted by keys = ord << 32 | seq. spaces:
    those that were asked for; space_ids: all. versions: of the tables that this was read from.
    """

    ids: SoundIds
    alive: npt.NDArray[np.bool_]
    sounds: pa.Table
    spots: Spots
    tags: Labels
    settings: Mapping[str, Any]
    space_ids: Sequence[str]
    segments: Mapping[str, npt.NDArray[Any]]
    keys: npt.NDArray[np.int64]
    batches: Mapping[int, int]
    spaces: Mapping[str, SpaceView]
    versions: Mapping[str, int]

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
    return np.flatnonzero(np.diff(sound, prepend=np.int32(-1))).astype(np.int64)
