"""Which sounds are worth measuring: all of them, those in a narrow scope, or those an index names.

With an index, every vector of the query is asked for its nearest rows; a sound that none of them names can
be no closer than the farthest that was named (the threshold of Fagin, Lotem & Naor, "Optimal aggregation
algorithms for middleware", 2003). When the k-th best of those named is closer than that, the answer is
what looking at everything would give, up to the recall of the index; else the index is asked for more, and
in the end everything is looked at. So it is too where an index says nothing: for the most different, and
when a part pushes away.

Several spaces at once are asked once, and deeper: the answer is exact over the sounds that any of them
names. A sound in the middle of the field in all of them is rarely the best of a blend, and never asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.scope import Scope, sounds_in
from soundkin.search.closeness import (
    MAX_QUERY_VECTORS,
    closeness_of_runs,
    spread,
)
from soundkin.search.standing import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from soundkin.library.catalogue import Snapshot, SpaceView
    from soundkin.search.answers import Part, Sense
    from soundkin.search.closeness import Mask, Runs, Scale
    from soundkin.search.standing import Standing

NARROW = 4_000
"""Rows in scope up to which all of them are compared."""

DEPTH, DEPTH_OF_MANY, A_HIT, DEEPER = 48, 128, 4, 2
"""Rows that a vector asks for at first, alone and beside others; at least so many a hit; each time so many
times as many."""

DEPTH_OF_BLEND, A_HIT_OF_BLEND = 200, 20
"""Rows that a vector asks for when several spaces are asked, once: what is near in none of them is not
looked for further."""

DEEPEST = 16_384
"""Rows that all vectors together ask for at most; then everything is looked at."""

SLACK = 1e-5
"""What float32 sums of the same products may differ by; whatever comes that near is measured anew."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Rows of a view that may answer, (n,), and how many."""

    rows: Mask
    n: int


def reach_of(
    snapshot: Snapshot, view: SpaceView, parts: Sequence[Part], scope: Scope | str | None
) -> Reach:
    """Return which rows may answer: alive, somewhere on disk, in scope, not the query itself."""
    inside = snapshot.memo.get(
        ("reach", view.space_id, key_of(scope)), lambda: _in_scope(snapshot, view, scope)
    )
    own = [_own(snapshot, view, part) for part in parts if part.sound is not None]
    taken = np.unique(np.concatenate(own)) if own else np.empty(0, np.int64)
    taken = taken[inside.rows[taken]]
    if not len(taken):
        return inside
    rows = inside.rows.copy()
    rows[taken] = False
    return Reach(rows, inside.n - len(taken))


def _in_scope(snapshot: Snapshot, view: SpaceView, scope: Scope | str | None) -> Reach:
    """Return the rows of living sounds in a scope."""
    sounds = snapshot.memo.get(("sounds", key_of(scope)), lambda: sounds_in(snapshot, scope))
    rows = sounds[view.sound] if len(sounds) else np.zeros(len(view.sound), np.bool_)
    rows &= view.index.alive
    return Reach(rows, int(np.count_nonzero(rows)))


def key_of(scope: Scope | str | None) -> Hashable:
    """Return what tells one scope from another."""
    return scope if scope is None or isinstance(scope, str) else repr(scope)


def _own(snapshot: Snapshot, view: SpaceView, part: Part) -> npt.NDArray[np.int64]:
    """Return the rows of what was asked with: a whole sound, or what overlaps a range of it."""
    own = view.rows_of(int(part.sound or 0))
    own = own[view.segment[own] >= 0]
    if part.start_s is not None and part.end_s is not None:
        segment = view.segment[own]
        overlap = (snapshot.segments["start_s"][segment] < part.end_s) & (
            snapshot.segments["end_s"][segment] > part.start_s
        )
        own = own[overlap]
    return own


@dataclass(frozen=True, slots=True)
class Chosen:
    """Runs of the first view that may be among the best, and their closeness, in the order of rows."""

    runs: Runs
    total: npt.NDArray[np.float32]


def choose_sounds(
    senses: Sequence[Sense],
    scales: Sequence[Scale],
    reaches: Sequence[Reach],
    standing: Sequence[Standing],
    k: int,
    min_closeness: float | None,
    *,
    most_different: bool = False,
) -> Chosen:
    """Return the k best sounds, and those that are within rounding of the last of them.

    standing: what is known of the query in each space, when there are several.
    """
    narrow = min(range(len(senses)), key=lambda i: reaches[i].n)
    if reaches[narrow].n <= NARROW and reaches[narrow].n < senses[narrow].view.index.n:
        runs = _runs_with(senses[narrow].view, reaches[narrow].rows)
        found = _measured(senses, scales, reaches, standing, _in_first(senses, narrow, runs))
    else:
        nearest = None
        if not most_different and _may_ask(senses):
            nearest = _named(senses, scales, reaches, standing, k, min_closeness)
        found = nearest or _measured(senses, scales, reaches, standing, None)
    return _best(found, k, min_closeness, most_different=most_different)


def _runs_with(view: SpaceView, rows: Mask) -> Runs:
    """Return the runs that have any of the rows."""
    return _runs_at(view, np.flatnonzero(rows))


def _runs_at(view: SpaceView, rows: npt.NDArray[np.int64]) -> Runs:
    """Return the runs that some rows lie in, ascending, once each."""
    return _once(view.run[view.sound[rows]], len(view.starts))


def _once(runs: npt.NDArray[np.integer], n: int) -> Runs:
    """Return some of n runs, ascending, once each."""
    if len(runs) < n >> 8:
        return np.unique(runs).astype(np.int64)
    there = np.zeros(n, np.bool_)
    there[runs] = True
    return np.flatnonzero(there)


def _in_first(senses: Sequence[Sense], number: int, runs: Runs) -> Runs:
    """Return the first view's runs for the sounds of runs of another view; what it lacks is left out."""
    if number == 0:
        return runs
    view, first = senses[number].view, senses[0].view
    found = _run_of(first, view.sound[view.starts[runs]])
    return _once(found[found >= 0], len(first.starts))


def _run_of(view: SpaceView, sounds: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return the runs of sounds (ords), -1 for those that the view lacks."""
    known = (sounds >= 0) & (sounds < len(view.run))
    return np.where(known, view.run[np.where(known, sounds, 0)], np.int32(-1))


def _measured(
    senses: Sequence[Sense],
    scales: Sequence[Scale],
    reaches: Sequence[Reach],
    standing: Sequence[Standing],
    runs: Runs | None,
) -> Chosen:
    """Return the closeness of the sounds of some runs, or of all, that may answer in every space."""
    first = senses[0].view
    if standing:
        every = np.arange(len(first.starts), dtype=np.int64) if runs is None else runs
        return _blended(scales, standing, every)
    total = closeness_of_runs(first, senses[0].parts, reaches[0].rows, runs)
    if runs is not None:
        return Chosen(runs, total)
    kept = np.flatnonzero(_any_row(first, reaches[0]))
    return Chosen(kept, total[kept])


def _blended(scales: Sequence[Scale], standing: Sequence[Standing], runs: Runs) -> Chosen:
    """Return the closeness of some sounds in all spaces together; what one of them lacks is left out."""
    first = standing[0].view
    sounds = first.sound[first.starts[runs]]
    total = np.ones(len(runs), np.float32)
    for scale, known in zip(scales, standing, strict=True):
        mine = runs if known.view is first else _run_of(known.view, sounds).astype(np.int64)
        here = np.full(len(runs), NOWHERE, np.float32)
        there = mine >= 0
        here[there] = known.closeness(mine[there])
        total += np.float32(scale.share) * (here - np.float32(1))
    may = np.isfinite(total)
    return Chosen(runs[may], total[may])


def _any_row(view: SpaceView, reach: Reach) -> Mask:
    """Return which runs have a row that may answer."""
    if reach.n == len(view.sound) or not len(view.starts):
        return np.ones(len(view.starts), np.bool_)
    found: Mask = np.logical_or.reduceat(reach.rows, view.starts)
    return found


def _may_ask(senses: Sequence[Sense]) -> bool:
    """Say whether indexes can name the candidates of a query."""
    return all(
        sense.view.index.near is not None and all(part.weight >= 0 for part in sense.parts)
        for sense in senses
    )


def _named(
    senses: Sequence[Sense],
    scales: Sequence[Scale],
    reaches: Sequence[Reach],
    standing: Sequence[Standing],
    k: int,
    min_closeness: float | None,
) -> Chosen | None:
    """Return the sounds that the indexes name, measured; None when they cannot settle which are best."""
    n_vectors = max(
        sum(min(len(part.vectors), MAX_QUERY_VECTORS) for part in sense.parts) for sense in senses
    )
    depth = max(DEPTH if n_vectors == 1 else DEPTH_OF_MANY, A_HIT * k)
    if len(senses) > 1:
        depth = max(DEPTH_OF_BLEND, A_HIT_OF_BLEND * k)
    while depth * n_vectors <= DEEPEST:
        named, bound = [], 1.0
        for number, (sense, scale, reach) in enumerate(zip(senses, scales, reaches, strict=True)):
            runs, frontier = (
                standing[number].named(depth, partial(_asked, sense, reach, depth))
                if standing
                else _asked(sense, reach, depth)
            )
            named.append(_in_first(senses, number, runs))
            bound += scale.share * (frontier - 1.0)
        union = _once(np.concatenate(named), len(senses[0].view.starts))
        found = _measured(senses, scales, reaches, standing, union)
        if len(senses) > 1 and len(found.runs) >= k:
            return found
        if min_closeness is not None and bound <= min_closeness:
            return found
        if len(found.runs) >= k:
            last = -np.partition(-found.total, k - 1)[k - 1]
            if last >= bound - SLACK:
                return found
        if not np.isfinite(bound):
            return found
        depth *= DEEPER
    return None


def _asked(sense: Sense, reach: Reach, depth: int) -> tuple[Runs, float]:
    """Return the runs near any vector of a query, and what no other sound's closeness is above.

    That is -inf when every row that may answer was named.
    """
    view, parts = sense.view, [part for part in sense.parts if part.weight]
    Q = [spread(part.vectors) for part in parts]
    ids, distances = view.index.among(np.concatenate(Q), depth, reach.rows, reach.n)
    frontier = 0.0
    for part, last in zip(
        parts, np.split(distances[:, -1], np.cumsum([len(q) for q in Q])[:-1]), strict=True
    ):
        frontier += part.weight * float(1.0 - last.mean())
    frontier /= sum(part.weight for part in parts)
    return _runs_at(view, ids[ids >= 0]), frontier


def _best(found: Chosen, k: int, min_closeness: float | None, *, most_different: bool) -> Chosen:
    """Return the k best and what is within rounding of the last of them."""
    runs, total = found.runs, found.total
    if min_closeness is not None:
        near = total >= min_closeness - SLACK
        runs, total = runs[near], total[near]
    if k < len(runs):
        value = total if most_different else -total
        worst = np.partition(value, k - 1)[k - 1]
        kept = value <= worst + SLACK
        runs, total = runs[kept], total[kept]
    return Chosen(runs, total)
