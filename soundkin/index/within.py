"""The compiled part of a search of some items: a selection's rows, list after list.

A selection is looked up once (:func:`within`) and kept, since the same one is asked for again and
again; lists in which nothing is allowed cost nothing, rows that are not allowed neither.

How many lists a selection needs differs from query to query: its nearest items may lie in the
query's own list, or all be far away and in any list. So after the nearest lists every other one is
opened that may hold something better than the k-th best so far: whose centre's score is less than
the k-th best by no more than `reach` times what the list's items stray from their centre along the
query. That is the spread of the list, the length its centres' vectors lack of 1, and the more items,
the farther strays the farthest.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: ANN001, ANN201, ANN202 - Numba infers the types; the docstrings give shapes
from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from soundkin.index.codes import compiled, dot_at, fetch, narrow, slack_of, writeable
from soundkin.index.nearest import AHEAD, best_first, keep, measure, rows_allowed

if TYPE_CHECKING:
    from soundkin.index.lists import Lists


class Within(NamedTuple):
    """A selection as it was given, and its rows; where they lie list after list, by which places."""

    given: npt.NDArray[Any]  # the mask (n_ids,) or ids
    rows: npt.NDArray[np.int32]  # (n_allowed,)
    firsts: npt.NDArray[np.int32]  # (n_lists + 1,) a list's first place in `rows`; or empty
    strays: npt.NDArray[np.float32]  # (n_lists,) how far items stray from their centre; or empty
    n_lists: int  # those in which something is allowed

    def is_of(self, given: npt.NDArray[Any]) -> bool:
        """Whether it was made of this mask or these ids."""
        if given.dtype != self.given.dtype or given.shape != self.given.shape:
            return False
        if given.dtype != np.bool_ or given.ndim != 1:
            return np.array_equal(given, self.given)
        same: bool = _same(self.given, writeable(given))
        return same


def scattered(
    given: npt.NDArray[Any],
    allowed: npt.NDArray[np.bool_],
    n_allowed: int,
    rows_of_ids: npt.NDArray[np.int32],
) -> Within:
    """The rows of the items that are `allowed` (n_ids,), by their ids."""
    rows = np.empty(n_allowed, np.int32)
    rows_allowed(writeable(allowed), rows_of_ids, rows)
    return Within(given.copy(), rows, rows[:0], np.empty(0, np.float32), 0)


def within(
    given: npt.NDArray[Any], allowed: npt.NDArray[np.bool_], n_allowed: int, lists: Lists
) -> Within:
    """The rows of the items that are `allowed` (n_ids,), list after list."""
    rows, firsts = np.empty(n_allowed, np.int32), np.empty(len(lists.centres) + 1, np.int32)
    places = lists.starts, lists.heads, lists.nexts, lists.ids_of_rows
    _collect(*places, writeable(allowed), rows, firsts)
    counts = np.diff(firsts)
    spreads = np.sqrt(np.maximum(0.0, 1.0 - 2.0 * lists.halves))
    strays = (spreads * np.sqrt(4.0 + np.log1p(counts))).astype(np.float32)
    return Within(given.copy(), rows, firsts, strays, int(np.count_nonzero(counts)))


@compiled
def _same(one, two):
    """Whether two masks of one length are alike, eight items at a time."""
    words = one.size // 8
    ones, twos = one[: 8 * words].view(np.uint64), two[: 8 * words].view(np.uint64)
    for start in range(0, words, 512):
        differ = np.uint64(0)
        for w in range(start, min(start + 512, words)):
            differ |= ones[w] ^ twos[w]
        if differ != 0:
            return False
    return np.array_equal(one[8 * words :], two[8 * words :])


@compiled
def _collect(starts, heads, nexts, ids_of_rows, allowed, rows, firsts):
    """The rows allowed, list after list, into `rows`; a list's first place into `firsts`."""
    count, n_sorted, n_lists = 0, starts[-1], heads.size
    for number in range(n_lists):
        firsts[number] = count
        for row in range(starts[number], starts[number + 1]):
            if allowed[ids_of_rows[row]]:
                rows[count] = row
                count += 1
        row = heads[number]
        while row >= 0:
            if allowed[ids_of_rows[row]]:
                rows[count] = row
                count += 1
            row = nexts[row - n_sorted]
    firsts[n_lists] = count


@compiled
def _compare(codes, scales, rows, first, last, q, best, best_rows, held, tops, nothing):
    """The places first..last of `rows` against a query: the best stay in a heap; its size.

    `tops` holds the k greatest scores, the least of them first.
    """
    wanted = best.size
    floor = best[0] if held == wanted else np.float32(-np.inf)
    for place in range(first, last):
        row = rows[place]
        if place + AHEAD < rows.size:
            fetch(codes, rows[place + AHEAD])
        score = np.float32(dot_at(codes, row, q)) * scales[row]
        if score > floor:
            held = keep(best, best_rows, held, wanted, score, row)
            keep(tops, nothing, tops.size, tops.size, score, 0)
            if held == wanted:
                floor = best[0]
    return held


@compiled
def look_within(
    centres, centre_scales, halves, codes, scales, ids_of_rows, rows, firsts, strays,
    vectors, Q, n_probe, wanted, reach, error, ids, distances,
):  # fmt: skip
    """The k nearest of a selection, into `ids` and `distances` (m, k).

    The `n_probe` nearest lists with something in them are opened, and then all that `reach` asks
    for; of the rows compared the `wanted` best by their codes are measured.
    """
    n_lists, k = len(centres), ids.shape[1]
    keys, order = np.empty(n_probe, np.float32), np.empty(n_probe, np.int32)
    best, best_rows = np.empty(wanted, np.float32), np.empty(wanted, np.int32)
    tops, nothing = np.empty(k, np.float32), np.zeros(k, np.int32)
    scores = np.empty(n_lists, np.float32)
    queries, units = narrow(Q, codes.shape[1])
    for i in range(len(Q)):
        ids[i], distances[i] = -1, np.inf
        q, unit = queries[i], units[i]
        near, floor = 0, np.float32(-np.inf)
        for number in range(n_lists):
            scores[number] = -np.inf
            if firsts[number + 1] > firsts[number]:
                score = np.float32(dot_at(centres, number, q)) * (centre_scales[number] * unit)
                scores[number] = score + reach * strays[number]
                if score - halves[number] > floor:
                    near = keep(keys, order, near, n_probe, score - halves[number], number)
                    if near == n_probe:
                        floor = keys[0]
        best_first(keys, order, near)
        held = 0
        tops[:] = -np.inf
        for turn in range(near):
            number = order[turn]
            first, last = firsts[number], firsts[number + 1]
            held = _compare(
                codes, scales, rows, first, last, q, best, best_rows, held, tops, nothing
            )
            scores[number] = -np.inf
        kth = tops[0] * unit
        for number in range(n_lists):
            if scores[number] > kth:
                first, last = firsts[number], firsts[number + 1]
                held = _compare(
                    codes, scales, rows, first, last, q, best, best_rows, held, tops, nothing
                )
                kth = tops[0] * unit
        for c in range(held):
            best[c] *= unit
        slack = slack_of(error, unit, Q.shape[1])
        measure(vectors, ids_of_rows, best_rows, best, held, Q[i], slack, ids[i], distances[i])
