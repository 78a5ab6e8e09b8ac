"""A query -> hits grouped by sound.

Method. A query is one or more parts, each a set of segment vectors with a weight; a negative weight
pushes away. Every vector of a part looks for its counterpart in a sound: the segment with the greatest
cosine similarity; the sound's closeness to the part is the mean over the part's vectors, and its
closeness to the query the mean over the parts, weighted and divided by the sum of the absolute weights.
(On three of four labelled sets this finds the right class at least as often as comparing mean vectors,
and on all of them more often than single best segments. The other direction, what the sound's segments
find in the query, is not counted: it would lose the moment in a long recording. LOG.md has the figures.)

Over several spaces at once, a sound's distance is the weighted mean of its distances in each, measured in
that space's border of "related" (see :func:`soundkin.search.closeness.scales_of`); only sounds that all
of the spaces have are compared.

Not every sound is measured: a large library has an index that names those worth it
(:mod:`soundkin.search.candidates`); what is measured is measured the same way.

A hit shows the sound's segment nearest to any vector of the positive
parts, then its further ones. What was asked with never comes back: a whole sound as query leaves that
sound out, a segment or a region leaves out every segment that overlaps it. Distance = 1 - closeness; the
band of a hit is read off its distance to the positive parts (see :mod:`soundkin.library.calibrate`).

- :mod:`soundkin.search.answers`     what is asked with and what comes back
- :mod:`soundkin.search.candidates`  which sounds are measured
- :mod:`soundkin.search.closeness`   how
- :mod:`soundkin.search.standing`    what is remembered of it while the weights of spaces change
- :mod:`soundkin.search.hits`        how they are shown
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.search.answers import (
    BANDS,
    Band,
    Hit,
    Part,
    QueryPart,
    Range,
    SearchResult,
    Sense,
    band_of,
)
from soundkin.search.candidates import choose_sounds, key_of, reach_of
from soundkin.search.closeness import judge, scales_of, spread
from soundkin.search.hits import Show
from soundkin.search.standing import standing_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundkin.library.catalogue import Catalogue, Snapshot, SpaceView
    from soundkin.scope import Scope

__all__ = [
    "BANDS",
    "Band",
    "Hit",
    "Part",
    "QueryPart",
    "Range",
    "SearchResult",
    "Sense",
    "band_of",
    "prepare",
    "rank_in",
    "spread",
    "vectors_of",
]

MOST_TIES = 256
"""Sounds beyond those wanted that are measured when they are as close as the last one wanted."""


def prepare(snapshot: Snapshot) -> None:
    """Compute from a new snapshot what every question without a scope needs."""
    for view in snapshot.spaces.values():
        reach_of(snapshot, view, (), None)


def rank_in(
    catalogue: Catalogue,
    snapshot: Snapshot,
    senses: Sequence[Sense],
    *,
    scope: Scope | str | None = None,
    k: int = 10,
    min_closeness: float | None = None,
    most_different: bool = False,
    further: int = 8,
    space: str = "",
) -> SearchResult:
    """Rank the sounds of a library by closeness to a query, heard in one space or in several.

    k: sounds to return. min_closeness: cosine similarity below which nothing is returned.
    most_different: farthest first. further: ranges per sound beside the best.
    Raises `InputError` for k < 1, a closeness outside -1..1, or parts without a positive weight.
    """
    started = time.perf_counter()
    for sense in senses:
        _check(sense.parts, k, min_closeness)
    scales, borders = scales_of(senses)
    reaches = [reach_of(snapshot, sense.view, sense.parts, scope) for sense in senses]
    masks = [reach.rows for reach in reaches]
    standing = [
        standing_of(snapshot, sense, mask, key_of(scope))
        for sense, mask in zip(senses, masks, strict=True)
        if len(senses) > 1
    ]
    found = choose_sounds(
        senses, scales, reaches, standing, k, min_closeness, most_different=most_different
    )
    runs = found.runs
    if len(runs) > k + MOST_TIES:
        order = np.argsort(found.total if most_different else -found.total, kind="stable")
        runs = np.sort(runs[order[: k + MOST_TIES]])
    judged = judge(senses, scales, masks, runs)
    if min_closeness is not None:
        judged = [one for one in judged if one.total >= min_closeness]
    judged.sort(key=lambda one: np.float32(one.total if most_different else -one.total))
    each = [sense.borders for sense in senses]
    show = Show(catalogue, snapshot, senses[0].view, borders, each, further, most_different)
    hits = show.hits(judged[:k])
    return SearchResult(
        query=tuple(_shown(part, snapshot) for part in senses[0].parts),
        space=space,
        hits=hits,
        nothing_close=not most_different and all(hit.band == "far" for hit in hits),
        considered=min(reach.n for reach in reaches),
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


def _shown(part: Part, snapshot: Snapshot) -> QueryPart:
    """Return a part as the answer shows it."""
    sound_id = None if part.sound is None else snapshot.ids[part.sound]
    return QueryPart(part.label, part.weight, len(part.vectors), sound_id, part.start_s, part.end_s)


def vectors_of(view: SpaceView, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the vectors of some rows of a space."""
    return np.asarray(view.index.vectors[rows], np.float32)
