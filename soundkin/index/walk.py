"""The compiled part of searching a forest: walking to leaves, scanning rows, measuring exactly.

The caches and the terms are those of :mod:`soundkin.index.trees`.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: ANN001, ANN201, ANN202 - Numba infers the types; the docstrings give shapes
from __future__ import annotations

import numpy as np

from soundkin.index.trees import compiled, dot

TABLE_STEPS = 64
SOFTPLUS = np.log1p(np.exp(-np.arange(0, 16, 1 / TABLE_STEPS))).astype(np.float32)
"""log(1 + exp(-x)), 64 steps to the unit: minus the log of the odds' probability."""


@compiled
def _push(keys, values, size, key, value):
    """Put into a heap of `size` entries whose least key is first."""
    i = size
    while i > 0 and keys[(i - 1) >> 1] > key:
        keys[i], values[i] = keys[(i - 1) >> 1], values[(i - 1) >> 1]
        i = (i - 1) >> 1
    keys[i], values[i] = key, value


@compiled
def _replace(keys, values, size, key, value):
    """Put in place of the first entry of a heap of `size` entries."""
    i = 0
    while 2 * i + 1 < size:
        child = 2 * i + 1
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[i], values[i] = keys[child], values[child]
        i = child
    keys[i], values[i] = key, value


@compiled
def _score(trees, rows, count, q, allowed, best, best_rows, held, wanted):
    """Rows against the query; the `wanted` best allowed ones stay in a heap; how many it holds."""
    floor = best[0] if held == wanted else np.float32(-np.inf)
    for i in range(count):
        row = rows[i]
        similarity = dot(trees.codes, row, q) * trees.scales[row]
        if similarity > floor and (allowed.size == 0 or allowed[row]):
            if held < wanted:
                _push(best, best_rows, held, similarity, row)
                held += 1
            else:
                _replace(best, best_rows, held, similarity, row)
            if held == wanted:
                floor = best[0]
    return held


@compiled
def _open(trees, leaf, q, allowed, seen, stamp, fresh, best, best_rows, held, wanted):
    """Score the leaf's rows that no other leaf has shown to this query; as `_score`."""
    start, end = trees.leaf_starts[leaf], trees.leaf_starts[leaf] + trees.leaf_counts[leaf]
    for begin in range(start, end, fresh.size):
        count = 0
        for place in range(begin, min(begin + fresh.size, end)):
            row = trees.slots[place]
            fresh[count] = row
            count += seen[row] != stamp
            seen[row] = stamp
        held = _score(trees, fresh, count, q, allowed, best, best_rows, held, wanted)
    return held


@compiled
def scan(trees, rows, Q, wanted, out):
    """The `wanted` best of `rows` by their codes, for each query; `out` is padded with -1."""
    best, everything = np.empty(wanted, np.float32), np.empty(0, np.bool_)
    for i in range(len(Q)):
        out[i] = -1
        _score(trees, rows, rows.size, Q[i], everything, best, out[i], 0, wanted)


@compiled
def walk(trees, Q, n_candidates, wanted, slope, threshold, allowed, seen, out):
    """The `wanted` best rows by their codes among `n_candidates` of the most promising leaves.

    One queue over all trees. With ``slope > 0`` the key of a child is minus the log of the
    probability that a neighbour of the query lies in it, which the way to it has added up: at a
    plane at distance m, the near side has the odds exp(slope * |m|). With ``slope == 0`` the key
    is the largest distance to a plane that was crossed, less the least distance to one that was
    not. The far side of a plane farther than `threshold` is not entered. `seen` has a stamp for
    each row and ends with the stamp in use; `out` (n_queries, wanted) is padded with -1.
    """
    size_limit = 4096 + 64 * len(trees.roots) + n_candidates
    keys, values = np.empty(size_limit, np.float32), np.empty(size_limit, np.int32)
    best = np.empty(wanted, np.float32)
    fresh = np.empty(1024, np.int32)
    for i in range(len(Q)):
        q = Q[i]
        out[i] = -1
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
            _replace(keys, values, size, keys[size], values[size])
            while child >= 0:
                margin = dot(trees.planes, child, q) * trees.plane_scales[child]
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
                    _replace(keys, values, size, key, near)
                    key = next_key
                else:
                    child = near
                if margin < threshold and size < size_limit:
                    _push(keys, values, size, far_key, far)
                    size += 1
            leaf = -child - 1
            held = _open(trees, leaf, q, allowed, seen, stamp, fresh, best, out[i], held, wanted)
            looked += trees.leaf_counts[leaf]


@compiled
def measure(vectors, ids_of_rows, rows, Q, ids, distances):
    """Exact distances of the rows found, in float64; the nearest go to `ids` and `distances`.

    `rows` (n_queries, wanted) is padded with -1, the answers (n_queries, k) with -1 and infinity.
    """
    wanted, k = rows.shape[1], ids.shape[1]
    for i in range(len(Q)):
        ids[i] = -1
        distances[i] = np.inf
        held = 0
        for c in range(wanted):
            if rows[i, c] < 0:
                continue
            item = ids_of_rows[rows[i, c]]
            total = np.float64(0)
            for j in range(Q.shape[1]):
                total += np.float64(vectors[item, j]) * np.float64(Q[i, j])
            distance = np.float32(min(max(1.0 - total, 0.0), 2.0))
            place = min(held, k)
            while place > 0 and (
                distances[i, place - 1] > distance
                or (distances[i, place - 1] == distance and ids[i, place - 1] > item)
            ):
                if place < k:
                    distances[i, place], ids[i, place] = distances[i, place - 1], ids[i, place - 1]
                place -= 1
            if place < k:
                distances[i, place], ids[i, place] = distance, item
            held = min(held + 1, k)
