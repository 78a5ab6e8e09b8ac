"""A query -> hits grouped by sound.

Method. A query is one or more parts, each a set of segment vectors with a weight; a negative weight
pushes away. A segment's closeness to a part is the greatest cosine similarity to any of the part's
vectors; its closeness to the query is the mean over the parts, weighted and divided by the sum of the
absolute weights. A sound stands at its best segment, with its further good ranges behind it. What was
asked with never comes back: a whole sound as query leaves that sound out, a segment or a region leaves
out every segment that overlaps it. Distance = 1 - closeness; the band of a hit is read off its distance
to the positive parts (see :mod:`soundkin.library.calibrate`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.scope import Scope, sounds_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundkin.library.catalogue import Catalogue, Snapshot, SpaceView

Band = Literal["near-identical", "close", "related", "far"]
BANDS: tuple[Band, ...] = ("near-identical", "close", "related", "far")

MAX_QUERY_VECTORS = 32
"""A long query is heard at this many moments, evenly spread."""


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
    """One sound that answers: its best range, how far it is, and its further ranges."""

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


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer: the query as understood, the hits, whether anything is close, how many were compared."""

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
    return BANDS[int(np.searchsorted(np.asarray(borders), distance, side="left"))]


def rank(
    catalogue: Catalogue,
    snapshot: Snapshot,
    view: SpaceView,
    parts: Sequence[Part],
    *,
    borders: Sequence[float],
    scope: Scope | None = None,
    k: int = 10,
    min_closeness: float | None = None,
    most_different: bool = False,
    further: int = 8,
    space: str = "",
) -> SearchResult:
    """Rank the sounds of one space by closeness to the parts of a query.

    borders: see `band_of`. k: sounds to return. min_closeness: cosine similarity below which nothing is
    returned. most_different: farthest first. further: ranges per sound beside the best.
    Raises `InputError` for k < 1, a closeness outside -1..1, or parts without a positive weight.
    """
    started = time.perf_counter()
    _check(parts, k, min_closeness)
    total, positive = _closeness(view, parts)
    allowed = _allowed(snapshot, view, parts, scope)
    if min_closeness is not None:
        allowed &= total >= min_closeness
    order = _best_sounds(view, total, allowed, k, most_different=most_different)
    hits = tuple(
        _hit(
            catalogue,
            snapshot,
            view,
            rows,
            number,
            total,
            positive,
            borders,
            further,
            most_different=most_different,
        )
        for number, rows in enumerate(order, 1)
    )
    return SearchResult(
        query=tuple(_shown(part, snapshot) for part in parts),
        space=space,
        hits=hits,
        nothing_close=not any(hit.band != "far" for hit in hits),
        considered=int(np.count_nonzero(allowed)),
        elapsed_ms=(time.perf_counter() - started) * 1e3,
    )


def _check(parts: Sequence[Part], k: int, min_closeness: float | None) -> None:
    """Refuse what cannot be asked."""
    if k < 1:
        raise InputError(f"k is {k}", "1 or more hits", "ask for at least one")
    if min_closeness is not None and not -1 <= min_closeness <= 1:
        raise InputError(
            f"the minimum closeness is {min_closeness}", "-1 to 1", "0.5 is a fair start"
        )
    if not any(part.weight > 0 for part in parts):
        raise InputError(
            "every part of the query has a negative weight",
            "something to be like",
            "add a positive part",
        )


def _closeness(
    view: SpaceView, parts: Sequence[Part]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return each row's closeness to the whole query, and to its positive parts alone; both (n,)."""
    n = len(view.sound)
    total, positive = np.zeros(n, np.float32), np.zeros(n, np.float32)
    weights = np.array([part.weight for part in parts], np.float32)
    for part in parts:
        best = np.full(n, -np.inf, np.float32)
        vectors = spread(part.vectors)
        for low in range(0, len(vectors), 4):
            scores = view.index.scores(vectors[low : low + 4])
            np.maximum(best, scores.max(axis=0), out=best)
        total += part.weight * best
        if part.weight > 0:
            positive += part.weight * best
    total /= np.abs(weights).sum()
    positive /= weights[weights > 0].sum()
    return total, positive


def spread(
    vectors: npt.NDArray[np.float32], most: int = MAX_QUERY_VECTORS
) -> npt.NDArray[np.float32]:
    """Return at most `most` rows, evenly spread, the first and the last among them.

    >>> spread(np.arange(10.0).reshape(10, 1), 4)[:, 0].tolist()
    [0.0, 3.0, 6.0, 9.0]
    """
    if len(vectors) <= most:
        return vectors
    chosen: npt.NDArray[np.float32] = vectors[
        np.linspace(0, len(vectors) - 1, most).round().astype(int)
    ]
    return chosen


def _allowed(
    snapshot: Snapshot,
    view: SpaceView,
    parts: Sequence[Part],
    scope: Scope | None,
) -> npt.NDArray[np.bool_]:
    """Return which rows may answer: alive, somewhere on disk, in scope, not the query itself."""
    sounds = sounds_in(snapshot, scope)
    rows = sounds[view.sound] & (view.segment >= 0)
    for part in parts:
        if part.sound is None:
            continue
        own = np.flatnonzero(view.sound == part.sound)
        if part.start_s is not None and part.end_s is not None:
            segment = view.segment[own]
            overlap = (snapshot.segments["start_s"][segment] < part.end_s) & (
                snapshot.segments["end_s"][segment] > part.start_s
            )
            own = own[overlap]
        rows[own] = False
    return rows


def _best_sounds(
    view: SpaceView,
    total: npt.NDArray[np.float32],
    allowed: npt.NDArray[np.bool_],
    k: int,
    *,
    most_different: bool,
) -> list[npt.NDArray[np.int64]]:
    """Return, best sound first, the allowed rows of each of the k best sounds, best row first."""
    if not len(view.starts):
        return []
    value = np.where(allowed, -total if most_different else total, -np.inf)
    best = np.maximum.reduceat(value, view.starts)
    k = min(k, int(np.count_nonzero(best > -np.inf)))
    if k == 0:
        return []
    top = np.argpartition(-best, k - 1)[:k]
    top = top[np.lexsort((view.starts[top], -best[top]))]
    ends = np.append(view.starts[1:], len(view.sound))
    ordered = []
    for run in top:
        rows = np.arange(view.starts[run], ends[run])
        rows = rows[allowed[rows]]
        ordered.append(rows[np.argsort(-value[rows], kind="stable")])
    return ordered


def _hit(
    catalogue: Catalogue,
    snapshot: Snapshot,
    view: SpaceView,
    rows: npt.NDArray[np.int64],
    number: int,
    total: npt.NDArray[np.float32],
    positive: npt.NDArray[np.float32],
    borders: Sequence[float],
    further: int,
    *,
    most_different: bool,
) -> Hit:
    """Describe one sound that answers."""
    sound = int(view.sound[rows[0]])
    ranges: list[Range] = []
    for row in rows:
        here = _range(snapshot, view, int(row), total, positive, borders)
        apart = all(here.start_s >= r.end_s or here.end_s <= r.start_s for r in ranges)
        if not ranges or (apart and (most_different or here.band != "far")):
            ranges.append(here)
        if len(ranges) > further:
            break
    first = ranges[0]
    spots = snapshot.spots.of(sound)
    spot = min(spots, key=lambda s: ("present", "offline", "gone").index(catalogue.state(s)))
    return Hit(
        rank=number,
        sound_id=snapshot.ids[sound],
        segment_id=first.segment_id,
        name=spot.name,
        path=spot.path,
        root=spot.root,
        folder=spot.folder,
        start_s=first.start_s,
        end_s=first.end_s,
        duration_s=float(snapshot.sounds["duration_s"][int(snapshot.row_of[sound])].as_py()),
        distance=first.distance,
        closeness=round(1.0 - first.distance, 6),
        band=first.band,
        further=tuple(ranges[1:]),
        tags=snapshot.tags.get(sound, ()),
        state=catalogue.state(spot),
    )


def _range(
    snapshot: Snapshot,
    view: SpaceView,
    row: int,
    total: npt.NDArray[np.float32],
    positive: npt.NDArray[np.float32],
    borders: Sequence[float],
) -> Range:
    """Describe one row of a space as a range of its sound."""
    segment = int(view.segment[row])
    columns = snapshot.segments
    return Range(
        segment_id=f"{snapshot.ids[int(view.sound[row])]}-{int(columns['seq'][segment])}",
        start_s=round(float(columns["start_s"][segment]), 6),
        end_s=round(float(columns["end_s"][segment]), 6),
        distance=round(min(max(1.0 - float(total[row]), 0.0), 2.0), 6),
        band=band_of(1.0 - float(positive[row]), borders),
    )


def _shown(part: Part, snapshot: Snapshot) -> QueryPart:
    """Return a part as the answer shows it."""
    sound_id = None if part.sound is None else snapshot.ids[part.sound]
    return QueryPart(part.label, part.weight, len(part.vectors), sound_id, part.start_s, part.end_s)


def vectors_of(view: SpaceView, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the vectors of some rows of a space."""
    return np.asarray(view.index.vectors[rows], np.float32)
