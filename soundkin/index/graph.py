"""The k nearest neighbours of every item, for whatever would otherwise compare all pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from soundkin.index.tuning import without_self
from soundkin.index.vectors import check_k

if TYPE_CHECKING:
    from collections.abc import Callable

    from soundkin.index import Floats, Ids, Index

BLOCK = 4096


def knn_graph(
    index: Index,
    k: int = 10,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    **effort: float,
) -> tuple[Ids, Floats]:
    """Ids and distances (n_ids, k) of each item's neighbours in `index`, without the item itself.

    Rows of removed items, and places where there is no further neighbour, hold -1 and infinity.
    Memory is the answer and one block of queries. `on_progress` is called with items done and in
    all; `effort` goes to the index's `query`.

    >>> from soundkin.index import build
    >>> X = np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32)
    >>> knn_graph(build("exact", X), 1)[0].ravel().tolist()
    [1, 2, 1]
    """
    k = check_k(k)
    ids = np.full((index.n_ids, k), -1, np.int64)
    distances = np.full((index.n_ids, k), np.inf, np.float32)
    there = np.flatnonzero(index.alive)
    for start in range(0, there.size, BLOCK):
        own = there[start : start + BLOCK]
        found = index.query(np.ascontiguousarray(index.vectors[own]), k + 1, mask=None, **effort)
        ids[own], distances[own] = without_self(*found, own, k)
        if on_progress is not None:
            on_progress(start + own.size, there.size)
    return ids, distances
