"""How close sounds are to a query: every vector's counterpart, the mean over a part, the sum over parts."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundkin.library.catalogue import SpaceView
    from soundkin.search.answers import Part, Sense

NOTHING = np.float32(-2.0)
"""Below every cosine similarity: what a row that may not answer stands for."""

BLOCK = 8192
"""Rows compared at once with several vectors."""

MAX_QUERY_VECTORS = 32
"""A long query is heard at this many moments, evenly spread."""

Runs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]


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


@dataclass(frozen=True, slots=True)
class Scale:
    """What the closeness in one space counts in the answer: share * (closeness - 1), summed, plus 1.

    Of one space alone the share is 1, and closeness stays what it is. Of several, distances are measured
    in the border of "related" of each, so that a space of small distances is not drowned; the sum is
    brought back to the size of a cosine distance by the mean of those borders.
    """

    share: float


def scales_of(senses: Sequence[Sense]) -> tuple[list[Scale], tuple[float, float, float]]:
    """Return the scale of each space of a query, and the borders of the bands of the blended distance.

    >>> from soundkin.search.answers import Sense
    >>> near, far = Sense(None, [], (0.01, 0.1, 0.2)), Sense(None, [], (0.1, 0.5, 1.0))
    >>> scales, borders = scales_of([near, far])
    >>> [round(scale.share, 3) for scale in scales], [round(border, 3) for border in borders]
    ([1.5, 0.3], [0.045, 0.3, 0.6])
    """
    total = sum(sense.weight for sense in senses)
    parts = [sense.weight / total for sense in senses]
    related = [max(float(sense.borders[2]), 1e-9) for sense in senses]
    mean = sum(part * border for part, border in zip(parts, related, strict=True))
    shares = [part * mean / border for part, border in zip(parts, related, strict=True)]
    if len(senses) == 1:
        shares = [1.0]
    borders = [
        sum(share * float(sense.borders[i]) for share, sense in zip(shares, senses, strict=True))
        for i in range(3)
    ]
    return [Scale(share) for share in shares], (borders[0], borders[1], borders[2])


def closeness_of_runs(
    view: SpaceView, parts: Sequence[Part], allowed: Mask, runs: Runs | None
) -> npt.NDArray[np.float32]:
    """Return the closeness of the sounds of some runs, or of all, to the parts together.

    Rows that are not allowed stand for nothing.
    """
    n = len(view.starts) if runs is None else len(runs)
    total = np.zeros(n, np.float32)
    picked = None if runs is None else _picked(view, allowed, runs)
    for part in parts:
        Q = spread(part.vectors)
        mean = _scanned(view, Q, allowed) if picked is None else picked.mean(Q)
        total += np.float32(part.weight) * mean
    return total / np.float32(sum(abs(part.weight) for part in parts))


@dataclass(frozen=True, slots=True)
class _Picked:
    """Vectors of some runs, taken together."""

    X: npt.NDArray[np.float32]
    begins: Runs
    left_out: Runs

    def mean(self, Q: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return each run's mean counterpart of the vectors Q."""
        if not len(self.begins):
            return np.empty(0, np.float32)
        scores = Q @ self.X.T
        scores[:, self.left_out] = NOTHING
        found: npt.NDArray[np.float32] = np.maximum.reduceat(scores, self.begins, axis=1).mean(
            axis=0
        )
        return found


def _picked(view: SpaceView, allowed: Mask, runs: Runs) -> _Picked:
    """Take the vectors of some runs."""
    rows, begins = view.rows_of_runs(runs)
    return _Picked(view.index.vectors[rows], begins, np.flatnonzero(~allowed[rows]))


def _scanned(view: SpaceView, Q: npt.NDArray[np.float32], allowed: Mask) -> npt.NDArray[np.float32]:
    """Return each sound's mean counterpart, all rows compared.

    Some thousand rows at a time, whole sounds each, so that what is compared stays in the cache.
    """
    starts = np.append(view.starts, len(view.sound))
    mean = np.empty(len(view.starts), np.float32)
    n, first = len(view.sound), len(view.index.vectors.base)
    block = BLOCK if len(Q) > 1 else 1 << 18
    cuts = np.searchsorted(starts, np.append(np.arange(0, n, block), first))
    for low, high in itertools.pairwise(np.unique(np.append(cuts, len(mean)))):
        rows = slice(int(starts[low]), int(starts[high]))
        X = view.index.vectors[rows]
        scores = (X @ Q[0])[None] if len(Q) == 1 else Q @ X.T
        may = allowed[rows]
        if not may.all():
            np.copyto(scores, NOTHING, where=~may)
        if len(scores[0]) > high - low:
            scores = np.maximum.reduceat(scores, starts[low:high] - starts[low], axis=1)
        mean[low:high] = scores[0] if len(scores) == 1 else scores.mean(axis=0)
    return mean


@dataclass(frozen=True, slots=True)
class Judged:
    """One sound, measured: closeness to the query, to its positive parts, and of its rows to those.

    rows: those that may answer, in time order; near: closeness of each. each: what `positive` is in
    every space alone.
    """

    run: int
    total: float
    positive: float
    rows: Runs
    near: npt.NDArray[np.float64]
    each: tuple[float, ...]


def judge(
    senses: Sequence[Sense], scales: Sequence[Scale], masks: Sequence[Mask], runs: Runs
) -> list[Judged]:
    """Measure some sounds, in float64: a vector is as close alone as in any company.

    runs: of the first sense's view; each has a row that may answer, in every space.
    """
    if not len(runs):
        return []
    first = senses[0].view
    sounds = first.sound[first.starts[runs]]
    total, positive = np.ones((2, len(runs)))
    shown = begins = segment = np.empty(0, np.int64)
    near = np.empty(0)
    each: list[list[float]] = []
    for number, (sense, scale, mask) in enumerate(zip(senses, scales, masks, strict=True)):
        mine = runs if number == 0 else sense.view.run[sounds].astype(np.int64)
        rows, starts = sense.view.rows_of_runs(mine)
        may = mask[rows]
        starts = np.concatenate([[0], np.cumsum(may)])[starts]
        rows = rows[may]
        here = _measured(sense.parts, sense.view.index.vectors[rows], starts)
        total += scale.share * (here.total - 1.0)
        positive += scale.share * (here.positive - 1.0)
        each.append(here.positive.tolist())
        heard = here.near
        if number == 0:
            shown, begins, segment, near = (
                rows,
                starts,
                sense.view.segment[rows],
                np.ones(len(rows)),
            )
        else:
            heard = _at(segment, sense.view.segment[rows], heard)
        near += scale.share * (heard - 1.0)
    pieces = zip(
        runs.tolist(),
        total.tolist(),
        positive.tolist(),
        np.split(shown, begins[1:]),
        np.split(near, begins[1:]),
        zip(*each, strict=True),
        strict=True,
    )
    return [Judged(*piece) for piece in pieces]


def _at(
    wanted: npt.NDArray[np.int64],
    segment: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the values that belong to wanted segments, -1 for a segment that has none."""
    order = np.argsort(segment)
    where = np.minimum(np.searchsorted(segment, wanted, sorter=order), len(order) - 1)
    at = order[where]
    return np.where(segment[at] == wanted, values[at], -1.0)


@dataclass(frozen=True, slots=True)
class _Measured:
    """Closeness of sounds to all parts and to the positive ones; of rows to those."""

    total: npt.NDArray[np.float64]
    positive: npt.NDArray[np.float64]
    near: npt.NDArray[np.float64]


def _measured(parts: Sequence[Part], X: npt.NDArray[np.float32], starts: Runs) -> _Measured:
    """Measure rows X (n, dim); each sound's begin at `starts`."""
    total, positive = np.zeros((2, len(starts)))
    near = np.zeros(len(X))
    weights = above = 0.0
    wide = X.astype(np.float64)
    for part in parts:
        scores = spread(part.vectors) @ wide.T
        mean = np.maximum.reduceat(scores, starts, axis=1).mean(axis=0)
        total += part.weight * mean
        weights += abs(part.weight)
        if part.weight > 0:
            positive += part.weight * mean
            near += part.weight * scores.max(axis=0)
            above += part.weight
    return _Measured(total / weights, positive / above, near / above)
