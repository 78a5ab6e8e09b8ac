"""The cheapest effort that gives the recall asked for, measured on the index's own items."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from soundkin.index.exact import search

if TYPE_CHECKING:
    from soundkin.index import Floats, Ids, Index


def tune(
    index: Index, target: float = 0.95, *, k: int = 10, n_queries: int = 256, seed: int = 0
) -> dict[str, Any]:
    """Find, adopt and return the first effort of the ladder with recall@k of `target` or more.

    As :func:`measured`; an index with fewer than two items has nothing to measure: an empty result.
    """
    tuned = measured(index, target, k=k, n_queries=n_queries, seed=seed)
    if tuned:
        index.adopt(tuned)
    return tuned


def measured(
    index: Index,
    target: float = 0.95,
    *,
    k: int = 10,
    n_queries: int = 256,
    seed: int = 0,
    ladder: list[dict[str, float]] | None = None,
) -> dict[str, Any]:
    """The first effort of the ladder - the index's own, if none is given - with recall@k of `target`.

    Queries are items of the index, with themselves left out. The result has `effort`, `recall`
    (which is below the target where even the dearest effort is), `queries_per_s` (one at a time,
    as measured now), `target`, `k` and `n_queries`; it is empty for fewer than two items.
    """
    there = np.flatnonzero(index.alive)
    if there.size < 2:
        return {}
    asked = np.random.default_rng(seed).choice(there, min(n_queries, there.size), replace=False)
    Q = np.ascontiguousarray(index.vectors[asked])
    allowed = index.alive if there.size < len(index.alive) else None
    _, true = without_self(*search(index.vectors, Q, k + 1, allowed), asked, k)
    tuned: dict[str, Any] = {}
    for effort in index.ladder() if ladder is None else ladder:
        index.query(Q[:1], k + 1, mask=None, **effort)
        started = time.perf_counter()
        answers = [index.query(q[None], k + 1, mask=None, **effort) for q in Q]
        elapsed_s = time.perf_counter() - started
        ids = np.concatenate([ids for ids, _ in answers])
        distances = np.concatenate([distances for _, distances in answers])
        _, found = without_self(ids, distances, asked, k)
        tuned = {
            "effort": effort,
            "recall": round(recall(found, true), 4),
            "queries_per_s": round(len(Q) / elapsed_s, 1),
            "target": target,
            "k": k,
            "n_queries": len(Q),
        }
        if tuned["recall"] >= target:
            break
    return tuned


def recall(found: Floats, true: Floats, slack: float = 1e-5) -> float:
    """Recall@k by distance: the part of the answers no farther than the true k-th.

    Both (n_queries, k), ascending; counted by distance, so that ties are no misses; answers that
    there cannot be (infinite in `true`) do not count.

    >>> recall(np.array([[0.1, 0.3]], np.float32), np.array([[0.1, 0.2]], np.float32))
    0.5
    """
    possible = np.isfinite(true)
    farthest = np.where(possible, true, -np.inf).max(axis=1, keepdims=True)
    hits = (found <= farthest + slack) & np.isfinite(found)
    counted = np.minimum(hits.sum(axis=1), possible.sum(axis=1)).sum()
    return float(counted / max(1, possible.sum()))


def without_self(ids: Ids, distances: Floats, own: Ids, k: int) -> tuple[Ids, Floats]:
    """Of k + 1 answers a query those that are not the query itself, else without the last: k.

    >>> without_self(np.array([[7, 3, 5]]), np.array([[0.0, 0.1, 0.2]]), np.array([3]), 2)[0]
    array([[7, 5]])
    """
    same = ids == own[:, None]
    same[~same.any(axis=1), -1] = True
    keep = ~same
    return ids[keep].reshape(len(ids), k), distances[keep].reshape(len(ids), k)
