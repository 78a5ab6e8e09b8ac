"""The compiled part of searching a forest: walking to leaves, scanning rows, measuring exactly.

The caches and the terms are those of :mod:`soundkin.index.trees`.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: ANN001, ANN201, ANN202 - Numba infers the types; the docstrings give shapes
from __future__ import annotations

import numpy as np

from soundkin.index.codes import compiled, dot_at, narrow, slack_of
from soundkin.index.nearest import keep, measure, push, replace

TABLE_STEPS = 64
SOFTPLUS = np.log1p(np.exp(-np.arange(0, 16, 1 / TABLE_STEPS))).astype(np.float32)
"""log(1 + exp(-x)), 64 steps to the unit: minus the log of the odds' probability."""


@compiled
def _score(trees, rows, count, q, unit, allowed, best, best_rows, held):
    """Rows against the query; the best allowed ones stay in a heap; how many it holds."""
    codes, scales, wanted = trees.codes, trees.scales, best.size
    floor = best[0] if held == wanted else np.float32(-np.inf)
    for i in range(count):
        row = rows[i]
        score = np.float32(dot_at(codes, row, q)) * (scales[row] * unit)
        if score > floor and (allowed.size == 0 or allowed[row]):
            held = keep(best, best_rows, held, wanted, score, row)
            if held == wanted:
                floor = best[0]
    return held


@compiled
def _open(trees, leaf, q, unit, allowed, seen, stamp, fresh, best, best_rows, held):
    """Score the leaf's rows that no other leaf has shown to this query; as `_score`."""
    start, end = trees.leaf_starts[leaf], trees.leaf_starts[leaf] + trees.leaf_counts[leaf]
    for begin in range(start, end, fresh.size):
        count = 0
        for place in range(begin, min(begin + fresh.size, end)):
            row = trees.slots[place]
            fresh[count] = row
            count += seen[row] != stamp
            seen[row] = stamp
        held = _score(trees, fresh, count, q, unit, allowed, best, best_rows, held)
    return held


@compiled
def walk(
    trees,
    vectors,
    ids_of_rows,
    Q,
    n_candidates,
    wanted,
    slope,
    threshold,
    error,
    allowed,
    seen,
    ids,
    distances,
):
    """The k nearest of `n_candidates` rows of the most promising leaves, into `ids` and `distances`.

    The `wanted` best of those rows by their codes are measured.

    One queue over all trees. With ``slope > 0`` the key of a child is minus the log of the
    probability that a neighbour of the query lies in it, which the way to it has added up: at a
    plane at distance m, the near side has the odds exp(slope * |m|). With ``slope == 0`` the key
    is the largest distance to a plane that was crossed, less the least distance to one that was
    not. The far side of a plane farther than `threshold` is not entered. `seen` has a stamp for
    each row and ends with the stamp in use; the answers (m, k) are padded with -1 and infinity.
    """
    size_limit = 4096 + 64 * len(trees.roots) + n_candidates
    keys, values = np.empty(size_limit, np.float32), np.empty(size_limit, np.int32)
    best, best_rows = np.empty(wanted, np.float32), np.empty(wanted, np.int32)
    queries, units = narrow(Q, trees.codes.shape[1])
    fresh = np.empty(1024, np.int32)
    for i in range(len(Q)):
        q, unit = queries[i], units[i]
        ids[i], distances[i] = -1, np.inf
        stamp = seen[-1] + 1
        if stamp > 255:
            seen[:] = 0
            stamp = 1
        seen[-1] = stamp
        size, held, looked = 0, 0, 0
        for tree in range(len(trees.roots)):
            keys[size], values[size] = np.float32(0 if slope > 0 else -9), trees.roots[tree]
            size += 1
        while size > 0 and looked < n_candidates:
            key, child = keys[0], values[0]
            size -= 1
            replace(keys, values, size, keys[size], values[size])
            while child >= 0:
                margin = np.float32(dot_at(trees.planes, child, q))
                margin *= trees.plane_scales[child] * unit
                margin -= trees.offsets[child]
                near = trees.kids[child, 0 if margin <= 0 else 1]
                far = trees.kids[child, 1 if margin <= 0 else 0]
                margin = abs(margin)
                if slope > 0:
                    step = np.int64(min(margin * slope, np.float32(15.9)) * TABLE_STEPS)
                    far_key = key + SOFTPLUS[step] + margin * slope
                    key += SOFTPLUS[step]
                else:
                    far_key, key = max(key, margin), max(key, -margin)
                if size > 0 and keys[0] < key:
                    child, next_key = values[0], keys[0]
                    replace(keys, values, size, key, near)
                    key = next_key
                else:
                    child = near
                if margin < threshold and size < size_limit:
                    push(keys, values, size, far_key, far)
                    size += 1
            leaf = -child - 1
            held = _open(trees, leaf, q, unit, allowed, seen, stamp, fresh, best, best_rows, held)
            looked += trees.leaf_counts[leaf]
        slack = slack_of(error, unit, Q.shape[1])
        measure(vectors, ids_of_rows, best_rows, best, held, Q[i], slack, ids[i], distances[i])
