"""A query -> hits grouped by sound.

Method. A query is one or more parts, each a set of segment vectors with a weight; a negative weight
pushes away. Every vector of a part looks for its counterpart in a sound: the segment with the greatest
cosine similarity; the sound's closeness to the part is the mean over the part's vectors, and its
closeness to the query the mean over the parts, weighted and divided by the sum of the absolute weights.
(On three of four labelled sets this finds the right class at least as often as comparing mean vectors,
and on all of them more often than single best segments; LOG.md has the figures.)

A hit shows the sound's segment nearest to any vector of the positive
parts, then its further ones. What was asked with never comes back: a whole sound as query leaves that
sound out, a segment or a region leaves out every segment that overlaps it. Distance = 1 - closeness; the
band of a hit is read off its distance to the positive parts (see :mod:`soundkin.library.calibrate`).
"""

from __future__ import annotations

import itertools
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

NOTHING = np.float32(-2.0)
"""Below every cosine similarity: what a row that may not answer stands for."""

BLOCK = 8192
"""Rows compared at once with several vectors."""

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
    """The answer: the query as understood, the hits, whether all are far, how many were compared.

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
    return BANDS[int(np.searchsorted(np.asarray(borders), distance, side="left"))]


def rank(
    catalogue: Catalogue,
    snapshot: Snapshot,
    view: SpaceView,
    parts: Sequence[Part],
    *,
    borders: Sequence[float],
    scope: Scope | str | None = None,
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
    allowed = _allowed(snapshot, view, parts, scope)
    closeness = _closeness(view, parts, allowed)
    runs = _best_runs(view, closeness, allowed, k, min_closeness, most_different=most_different)
    show = _Show(catalogue, snapshot, view, closeness, borders, further, most_different)
    hits = tuple(show.hit(number, run, allowed) for number, run in enumerate(runs, 1))
    return SearchResult(
        query=tuple(_shown(part, snapshot) for part in parts),
        space=space,
        hits=hits,
        nothing_close=not most_different and all(hit.band == "far" for hit in hits),
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


@dataclass(frozen=True, slots=True)
class _Closeness:
    """Closeness of sounds (one a run of rows) to the query and to its positive parts; of rows to those."""

    total: npt.NDArray[np.float32]
    positive: npt.NDArray[np.float32]
    rows: npt.NDArray[np.float32]


def _closeness(
    view: SpaceView, parts: Sequence[Part], allowed: npt.NDArray[np.bool_]
) -> _Closeness:
    """Compare every row with every vector of the query; rows not allowed stand for nothing."""
    total, positive = np.zeros((2, len(view.starts)), np.float32)
    rows = np.zeros(len(view.sound), np.float32)
    for part in parts:
        best, mean = _counterparts(view, spread(part.vectors), allowed)
        total += part.weight * mean
        if part.weight > 0:
            positive += part.weight * mean
            rows += part.weight * best
    weights = np.array([part.weight for part in parts], np.float32)
    above = weights[weights > 0].sum()
    return _Closeness(total / np.abs(weights).sum(), positive / above, rows / above)


def _counterparts(
    view: SpaceView, Q: npt.NDArray[np.float32], allowed: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return each row's greatest similarity to any vector of Q, and each sound's mean counterpart.

    Some thousand rows at a time, whole sounds each, so that what is compared stays in the cache.
    """
    X, starts = view.index.vectors, np.append(view.starts, len(view.sound))
    best = np.empty(len(view.sound), np.float32)
    mean = np.empty(len(view.starts), np.float32)
    block = BLOCK if len(Q) > 1 else len(best)
    cuts = np.searchsorted(starts, np.arange(0, len(best), max(block, 1)))
    for low, high in itertools.pairwise(np.unique(np.append(cuts, len(mean)))):
        rows = slice(starts[low], starts[high])
        scores = (X[rows] @ Q[0])[None] if len(Q) == 1 else Q @ X[rows].T
        np.copyto(scores, NOTHING, where=~allowed[rows])
        best[rows] = scores.max(axis=0)
        if len(scores[0]) > high - low:
            scores = np.maximum.reduceat(scores, starts[low:high] - starts[low], axis=1)
        mean[low:high] = scores.mean(axis=0)
    return best, mean


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
    scope: Scope | str | None,
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


def _best_runs(
    view: SpaceView,
    closeness: _Closeness,
    allowed: npt.NDArray[np.bool_],
    k: int,
    min_closeness: float | None,
    *,
    most_different: bool,
) -> list[int]:
    """Return the numbers of the k best sounds' runs of rows, best first; ties in the order of rows."""
    if not len(view.starts):
        return []
    may = np.logical_or.reduceat(allowed, view.starts)
    if min_closeness is not None:
        may &= closeness.total >= min_closeness
    candidates = np.flatnonzero(may)
    value = closeness.total[candidates] * (1 if most_different else -1)
    k = min(k, len(candidates))
    if k < len(candidates):
        worst = np.partition(value, k - 1)[k - 1]
        near = value <= worst
        candidates, value = candidates[near], value[near]
    runs: list[int] = candidates[np.argsort(value, kind="stable")][:k].tolist()
    return runs


@dataclass(frozen=True, slots=True)
class _Show:
    """Turns runs of rows into hits."""

    catalogue: Catalogue
    snapshot: Snapshot
    view: SpaceView
    closeness: _Closeness
    borders: Sequence[float]
    further: int
    most_different: bool

    def hit(self, number: int, run: int, allowed: npt.NDArray[np.bool_]) -> Hit:
        """Describe the sound of one run."""
        starts = self.view.starts
        end = starts[run + 1] if run + 1 < len(starts) else len(self.view.sound)
        rows = np.arange(starts[run], end)
        rows = rows[allowed[rows]]
        sound = int(self.view.sound[rows[0]])
        first, *further = self._ranges(rows)
        spots = self.snapshot.spots.of(sound)
        order = ("present", "offline", "gone")
        spot = min(spots, key=lambda s: order.index(self.catalogue.state(s)))
        distance = _distance(self.closeness.total[run])
        duration = self.snapshot.sounds["duration_s"][sound]
        return Hit(
            rank=number,
            sound_id=self.snapshot.ids[sound],
            segment_id=first.segment_id,
            name=spot.name,
            path=spot.path,
            root=spot.root,
            folder=spot.folder,
            start_s=first.start_s,
            end_s=first.end_s,
            duration_s=float(duration.as_py()),
            distance=distance,
            closeness=round(1.0 - distance, 6),
            band=band_of(1.0 - float(self.closeness.positive[run]), self.borders),
            further=tuple(further),
            tags=self.snapshot.tags.get(sound, ()),
            state=self.catalogue.state(spot),
        )

    def _ranges(self, rows: npt.NDArray[np.int64]) -> list[Range]:
        """Return a sound's best range and those of its others that are apart from it and not far."""
        near = self.closeness.rows[rows]
        order = np.argsort(near if self.most_different else -near, kind="stable")
        ranges: list[Range] = []
        for row in rows[order]:
            here = self._range(int(row))
            if ranges and here.band == "far" and not self.most_different:
                break  # and so are all that follow
            if all(here.start_s >= r.end_s or here.end_s <= r.start_s for r in ranges):
                ranges.append(here)
            if len(ranges) > self.further:
                break
        return ranges

    def _range(self, row: int) -> Range:
        """Describe one row as a range of its sound."""
        segment = int(self.view.segment[row])
        columns = self.snapshot.segments
        sound_id = self.snapshot.ids[int(self.view.sound[row])]
        distance = _distance(self.closeness.rows[row])
        return Range(
            segment_id=f"{sound_id}-{int(columns['seq'][segment])}",
            start_s=round(float(columns["start_s"][segment]), 6),
            end_s=round(float(columns["end_s"][segment]), 6),
            distance=distance,
            band=band_of(distance, self.borders),
        )


def _distance(closeness: np.float32) -> float:
    """Return 1 - closeness, in [0, 2], without the last digits that depend on how sums are ordered."""
    return round(min(max(1.0 - float(closeness), 0.0), 2.0), 6)


def _shown(part: Part, snapshot: Snapshot) -> QueryPart:
    """Return a part as the answer shows it."""
    sound_id = None if part.sound is None else snapshot.ids[part.sound]
    return QueryPart(part.label, part.weight, len(part.vectors), sound_id, part.start_s, part.end_s)


def vectors_of(view: SpaceView, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the vectors of some rows of a space."""
    return np.asarray(view.index.vectors[rows], np.float32)
