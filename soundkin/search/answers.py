"""What is asked with, and what comes back: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from soundkin.library.catalogue import SpaceView

Band = Literal["near-identical", "close", "related", "far"]
BANDS: tuple[Band, ...] = ("near-identical", "close", "related", "far")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a query, heard: its vectors and what it must not find again.

    sound: ord of the sound it is, when the library has it; start_s, end_s: the range of it that was asked
    with, None for all of it.
    """

    label: str
    weight: float
    vectors: npt.NDArray[np.float32]
    sound: int | None = None
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Sense:
    """A query as one space hears it: the library's vectors there, the parts, the borders of its bands.

    weight: what the space counts beside others.
    """

    view: SpaceView
    parts: Sequence[Part]
    borders: Sequence[float]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class QueryPart:
    """One part of the query as the answer shows it."""

    label: str
    weight: float
    segments: int
    sound_id: str | None
    start_s: float | None
    end_s: float | None


@dataclass(frozen=True, slots=True)
class Range:
    """A further place in a sound that answers the query."""

    segment_id: str
    start_s: float
    end_s: float
    distance: float
    band: Band


@dataclass(frozen=True, slots=True)
class Hit:
    """One sound that answers: its best range, how far it is, and its further ranges.

    bands: how close it is in each space that was asked in, in their order.
    """

    rank: int
    sound_id: str
    segment_id: str
    name: str
    path: str
    root: str
    folder: str
    start_s: float
    end_s: float
    duration_s: float
    distance: float
    closeness: float
    band: Band
    further: tuple[Range, ...]
    tags: tuple[str, ...]
    state: str
    bands: tuple[Band, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer: the query as understood, the hits, whether all are far, how many were in scope.

    `nothing_close` is never said of what was asked to be different.
    """

    query: tuple[QueryPart, ...]
    space: str
    hits: tuple[Hit, ...]
    nothing_close: bool
    considered: int
    elapsed_ms: float


def band_of(distance: float, borders: Sequence[float]) -> Band:
    """Name the band of a cosine distance; borders are the upper ends of the first three, ascending.

    >>> band_of(0.1, (0.05, 0.2, 0.6))
    'close'
    """
    return BANDS[sum(distance > border for border in borders)]
