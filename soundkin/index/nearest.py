"""The compiled part that all searches share: heaps of the best so far, and measuring exactly.

A search compares codes first (:mod:`soundkin.index.codes`); the best by their codes are measured
in float64 from the float32 vectors, the most promising first, and no further than a code's largest
error allows. So an answer's distance never depends on the way it was found.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: ANN001, ANN201, ANN202 - Numba infers the types; the docstrings give shapes
from __future__ import annotations

import numpy as np

from soundkin.index.codes import compiled, dot_at, fetch, narrow, slack_of

POOL = 1024
"""Rows of a whole scan that wait to be measured; when there are more, they are."""
SCAN_ROWS = 2048
"""Rows that stay in the cache while the queries of a batch take turns."""
AHEAD = 6
"""A row of a selection is asked for when so many others are still to be compared before it."""


@compiled
def push(keys, values, size, key, value):
    """Put into a heap of `size` entries whose least key is first."""
    i = size
    while i > 0 and keys[(i - 1) >> 1] > key:
        keys[i], values[i] = keys[(i - 1) >> 1], values[(i - 1) >> 1]
        i = (i - 1) >> 1
    keys[i], values[i] = key, value


@compiled
def replace(keys, values, size, key, value):
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
def keep(keys, values, held, wanted, key, value):
    """Put among the `wanted` greatest keys, of which a heap holds `held`; how many it holds now."""
    if held < wanted:
        push(keys, values, held, key, value)
        return held + 1
    if key > keys[0]:
        replace(keys, values, held, key, value)
    return held


@compiled
def best_first(keys, values, held):
    """A heap of `held` entries turned into a list from the greatest key to the least."""
    for last in range(held - 1, 0, -1):
        key, value = keys[last], values[last]
        keys[last], values[last] = keys[0], values[0]
        replace(keys, values, last, key, value)


@compiled
def settle(vectors, items, scores, count, q, slack, ids, distances, held):
    """Measure items in float64; the nearest stay in `ids` and `distances` (k,); how many are held.

    An item whose score, even `slack` better than it is, would not reach the k-th is passed over.
    """
    k = ids.size
    for c in range(count):
        if held == k and np.float64(scores[c]) + slack < 1.0 - distances[k - 1]:
            continue
        item = items[c]
        total = np.float64(0)
        for j in range(q.size):
            total += np.float64(vectors[item, j]) * np.float64(q[j])
        distance = np.float32(min(max(1.0 - total, 0.0), 2.0))
        place = held
        while place > 0 and (
            distances[place - 1] > distance
            or (distances[place - 1] == distance and ids[place - 1] > item)
        ):
            if place < k:
                distances[place], ids[place] = distances[place - 1], ids[place - 1]
            place -= 1
        if place < k:
            distances[place], ids[place] = distance, item
        held = min(held + 1, k)
    return held


@compiled
def measure(vectors, ids_of_rows, rows, scores, held, q, slack, ids, distances):
    """A heap of rows by their codes' scores, measured best first into `ids` and `distances` (k,)."""
    best_first(scores, rows, held)
    for c in range(held):
        rows[c] = ids_of_rows[rows[c]]
    settle(vectors, rows, scores, held, q, slack, ids, distances, 0)


@compiled
def rows_allowed(allowed, rows_of_ids, rows):
    """The rows of the ids that are allowed, into `rows`; `allowed` is a boolean for each id.

    Eight ids are looked at together, since most are not allowed where it matters.
    """
    words = allowed[: allowed.size // 8 * 8].view(np.uint64)
    count = 0
    for w in range(words.size):
        if words[w] != 0:
            for i in range(8 * w, 8 * w + 8):
                if allowed[i]:
                    rows[count] = rows_of_ids[i]
                    count += 1
    for i in range(8 * words.size, allowed.size):
        if allowed[i]:
            rows[count] = rows_of_ids[i]
            count += 1


@compiled
def scan(  # noqa: C901 - one pass, written out
    vectors, codes, scales, rows, items, low, high, allowed, Q, error, ids, distances
):
    """Exactly the nearest of a range of rows, for each query, into `ids` and `distances` (m, k).

    Looked at are the places low..high of `rows` - of the table itself where `rows` is empty - and
    of those the `allowed` ones, where that is not empty; a row's item is ``items[row]``, or the row
    where `items` is empty. `error` is the longest error of a code: a score that comes as near to
    the k-th best as two scores may be wrong waits in a pool, and the pool is measured.
    """
    m, k = ids.shape
    queries, units = narrow(Q, codes.shape[1])
    slack = np.empty(m)
    for i in range(m):
        slack[i] = slack_of(error, units[i], Q.shape[1])
    tops, places = np.empty((m, k), np.float32), np.empty((m, k), np.int32)
    pool, pool_scores = np.empty((m, POOL), np.int32), np.empty((m, POOL), np.float32)
    held, waiting, answered = np.zeros(m, np.int64), np.zeros(m, np.int64), np.zeros(m, np.int64)
    ids[:], distances[:] = -1, np.inf
    floors = np.full(m, -np.inf)
    for start in range(low, high, SCAN_ROWS):
        end = min(high, start + SCAN_ROWS)
        for i in range(m):
            floor, q, unit = np.float32(floors[i]), queries[i], units[i]
            for place in range(start, end):
                row = rows[place] if rows.size else place
                if place + AHEAD < rows.size:
                    fetch(codes, rows[place + AHEAD])
                if allowed.size and not allowed[row]:
                    continue
                score = np.float32(dot_at(codes, row, q)) * (scales[row] * unit)
                if score < floor:
                    continue
                held[i] = keep(tops[i], places[i], held[i], k, score, 0)
                if held[i] == k:
                    floor = max(floor, np.float32(tops[i, 0] - 2 * slack[i]))
                pool[i, waiting[i]] = items[row] if items.size else row
                pool_scores[i, waiting[i]] = score
                waiting[i] += 1
                if waiting[i] == POOL:
                    answered[i] = _drain(
                        vectors,
                        pool[i],
                        pool_scores[i],
                        POOL,
                        floor,
                        Q[i],
                        slack[i],
                        ids[i],
                        distances[i],
                        answered[i],
                    )
                    waiting[i] = 0
                    if answered[i] == k:
                        floor = max(floor, np.float32(1.0 - distances[i, k - 1] - slack[i]))
            floors[i] = floor
    for i in range(m):
        _drain(
            vectors,
            pool[i],
            pool_scores[i],
            waiting[i],
            np.float32(floors[i]),
            Q[i],
            slack[i],
            ids[i],
            distances[i],
            answered[i],
        )


@compiled
def _drain(vectors, items, scores, count, floor, q, slack, ids, distances, held):
    """Measure what waits and still reaches the floor; how many answers are held."""
    left = 0
    for c in range(count):
        if scores[c] >= floor:
            items[left], scores[left] = items[c], scores[c]
            left += 1
    order = np.argsort(-scores[:left])
    return settle(vectors, items[order], scores[order], left, q, slack, ids, distances, held)
