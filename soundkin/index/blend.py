"""One query over several spaces: near in this one and in that one, with weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from soundkin.errors import InputError
from soundkin.index.vectors import as_unit_vectors, check_k, exact_distances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundkin.index import Floats, Ids, Index, Selection

CANDIDATES_PER_ANSWER = 10
"""Neighbours asked of each space for one answer, 100 at least."""


def blend(
    indexes: Sequence[Index],
    queries: Sequence[Floats],
    weights: Sequence[float],
    k: int = 10,
    *,
    scales: Sequence[float] | None = None,
    n_candidates: int | None = None,
    mask: Selection = None,
) -> tuple[Ids, Floats]:
    """Ids (k,) and blended distances (k,) for one query seen in several spaces.

    `indexes` hold the same items under the same ids, one index a space; `queries` is the query's
    vector (dim,) in each; a weight of 0 or more goes to each. The blended distance is the weighted
    mean of the cosine distances, each divided by its space's `scales` (1): give the distance of
    random pairs there, so that a space with small distances is not drowned. Each space with a
    weight proposes its `n_candidates` nearest (10 k, at least 100); over all that are proposed
    the answer is exact. Padded with -1 and infinity. `InputError` for what does not fit.

    >>> from soundkin.index import build
    >>> X, Y = np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)[::-1]
    >>> ids, distances = blend([build("exact", X), build("exact", Y)], [X[0], X[2]], [1, 1], 2)
    >>> ids.tolist(), distances.tolist()
    ([0, 1], [0.0, 1.0])
    """
    k = check_k(k)
    scales = [1.0] * len(indexes) if scales is None else scales
    _check(indexes, queries, weights, scales)
    wanted = max(100, CANDIDATES_PER_ANSWER * k) if n_candidates is None else max(n_candidates, k)
    rows = [
        as_unit_vectors(q, dim=index.dim, what="query vectors")[0]
        for q, index in zip(queries, indexes, strict=True)
    ]
    proposed = [
        index.query(q[None], min(wanted, max(1, index.n_ids)), mask=mask)[0][0]
        for q, index, weight in zip(rows, indexes, weights, strict=True)
        if weight
    ]
    union = np.unique(np.concatenate(proposed))
    union = union[union >= 0]
    blended = np.zeros(union.size, np.float64)
    for q, index, weight, scale in zip(rows, indexes, weights, scales, strict=True):
        if weight:
            blended += weight / scale * exact_distances(index.vectors, union, q)
    near = (blended / sum(weights)).astype(np.float32)
    order = np.lexsort((union, near))[:k]
    ids, distances = np.full(k, -1, np.int64), np.full(k, np.inf, np.float32)
    ids[: order.size], distances[: order.size] = union[order], near[order]
    return ids, distances


def _check(
    indexes: Sequence[Index],
    queries: Sequence[Floats],
    weights: Sequence[float],
    scales: Sequence[float],
) -> None:
    """One of everything for each space, weights that weigh, the same items everywhere."""
    counts = {len(indexes), len(queries), len(weights), len(scales)}
    if counts == {0} or len(counts) > 1:
        raise InputError(
            f"{len(indexes)} indexes, {len(queries)} queries, {len(weights)} weights and "
            f"{len(scales)} scales",
            "one of each for every space",
        )
    if min(weights) < 0 or sum(weights) <= 0 or min(scales) <= 0:
        raise InputError(
            f"weights {list(weights)} and scales {list(scales)}",
            "weights of 0 or more, one of them above 0, and scales above 0",
            "leave out the spaces that do not count",
        )
    lengths = sorted({index.n_ids for index in indexes})
    if len(lengths) > 1:
        raise InputError(
            f"indexes of {lengths} items", "the same items under the same ids in each space"
        )
