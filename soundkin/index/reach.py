"""How far beyond the nearest lists a selection is looked for: measured, since data differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.index.lists import Lists, list_numbers
from soundkin.index.opening import Plan, of_rows, of_some
from soundkin.index.tuning import recall
from soundkin.index.within import within

if TYPE_CHECKING:
    from soundkin.index import Floats

REACHES = (
    (0, 0.0), (0, 0.06), (0, 0.08), (0, 0.09), (0, 0.1), (8, 0.1), (8, 0.11), (8, 0.12), (32, 0.11),
    (32, 0.12), (64, 0.11), (64, 0.12), (128, 0.12), (128, 0.14), (128, 0.2), (128, 0.3), (128, 0.6),
)  # fmt: skip
"""Lists opened besides the usual ones, and reach, from the cheapest to the dearest."""
REACH_QUERIES, REACH_SPARE = 128, 0.2
"""Other selections may be harder: this part of what may be missed must not be."""
REACH_PARTS = (("items", 0.1), ("items", 0.5), ("lists", 0.1), ("lists", 0.5))
"""Selections on which reach is measured: a part of the items, and of the lists, by chance."""


def least_reach(
    lists: Lists,
    vectors: Floats,
    alive: npt.NDArray[np.bool_],
    plan: Plan,
    target: float,
    k: int,
    seed: int,
) -> tuple[int, float]:
    """The first of `REACHES` that finds `target` of the `k` nearest in each of some selections."""
    rng = np.random.default_rng(seed)
    numbers = list_numbers(lists, len(vectors))
    asked = rng.choice(np.flatnonzero(alive), REACH_QUERIES)
    queries, parts, shape = np.ascontiguousarray(vectors[asked]), [], (REACH_QUERIES, k)
    ids, distances = np.empty(shape, np.int64), np.empty(shape, np.float32)
    for what, share in REACH_PARTS:
        of = np.arange(len(numbers)) if what == "items" else numbers
        allowed = alive & (rng.random(int(of.max()) + 1) < share)[of]
        allowed[asked] = False
        n_allowed = int(np.count_nonzero(allowed))
        true = np.empty(shape, np.float32)
        part = within(allowed, allowed, n_allowed, lists)
        of_rows(lists, vectors, plan, part.rows, n_allowed, queries, ids, true)
        parts.append((part, true))
    more, reach = REACHES[-1]
    for more, reach in REACHES:
        tried = plan._replace(more=more, reach=np.float32(reach))
        for part, true in parts:
            of_some(lists, vectors, tried, part, queries, ids, distances)
            if recall(distances, true) < target + REACH_SPARE * (1 - target):
                break
        else:
            break
    return more, reach
