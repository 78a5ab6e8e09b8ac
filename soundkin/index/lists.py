"""The compiled part of the inverted lists: which lists are near, and what is in them.

Everything is in plain arrays (:class:`Lists`), so that it can be saved and memory-mapped as it
lies. Rows lie list after list; rows added later hang on their list as a chain, until
:func:`regroup` puts them in their place.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: ANN001, ANN201 - Numba infers the types; the docstrings give shapes
from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from soundkin.index.centres import centres_of
from soundkin.index.codes import compiled, dot_at, narrow, quantise, slack_of
from soundkin.index.nearest import best_first, keep, measure
from soundkin.index.room import grown


class Lists(NamedTuple):
    """Inverted lists; a row is a place in the table of codes, an item's id is ``ids_of_rows``."""

    centres: npt.NDArray[np.int8]  # (n_lists, width)
    centre_scales: npt.NDArray[np.float32]  # (n_lists,)
    halves: npt.NDArray[np.float32]  # (n_lists,) half the squared length of a centre
    starts: npt.NDArray[np.int32]  # (n_lists + 1,) first row of a list
    heads: npt.NDArray[np.int32]  # (n_lists,) the list's row that was added last, or -1
    nexts: npt.NDArray[np.int32]  # (room,) for each row added later the one before it, or -1
    codes: npt.NDArray[np.int8]  # (room, width) vector = code * scale
    scales: npt.NDArray[np.float32]  # (room,)
    ids_of_rows: npt.NDArray[np.int32]  # (room,)


@compiled
def near_lists(lists, q, unit, keys, order, most):
    """The `most` lists nearest to a query, best first, into `order`; how many there are."""
    centres, scales, halves = lists.centres, lists.centre_scales, lists.halves
    held, floor = 0, np.float32(-np.inf)
    for number in range(len(centres)):
        score = np.float32(dot_at(centres, number, q)) * (scales[number] * unit) - halves[number]
        if score > floor:
            held = keep(keys, order, held, most, score, number)
            if held == most:
                floor = keys[0]
    best_first(keys, order, held)
    return held


@compiled
def whole(lists, first, last, q, best, best_rows, held):
    """Rows first..last against a query: the best stay in a heap; how many it holds."""
    codes, scales, wanted = lists.codes, lists.scales, best.size
    floor = best[0] if held == wanted else np.float32(-np.inf)
    for row in range(first, last):
        score = np.float32(dot_at(codes, row, q)) * scales[row]
        if score > floor:
            held = keep(best, best_rows, held, wanted, score, row)
            if held == wanted:
                floor = best[0]
    return held


@compiled
def look(
    centres, centre_scales, halves, starts, heads, nexts, codes, scales, ids_of_rows,
    vectors, Q, n_probe, wanted, error, ids, distances,
):  # fmt: skip
    """The k nearest of the `n_probe` nearest lists, into `ids` and `distances` (m, k).

    Of the rows in these lists the `wanted` best by their codes are measured. Queries with fewer
    than k answers are counted: how many were short. (The arrays of the lists are given one by one,
    since taking a named tuple apart costs a call several microseconds.)
    """
    lists = Lists(centres, centre_scales, halves, starts, heads, nexts, codes, scales, ids_of_rows)
    short = 0
    keys, order = np.empty(n_probe, np.float32), np.empty(n_probe, np.int32)
    best, best_rows = np.empty(wanted, np.float32), np.empty(wanted, np.int32)
    n_sorted = lists.starts[-1]
    queries, units = narrow(Q, lists.codes.shape[1])
    for i in range(len(Q)):
        ids[i], distances[i] = -1, np.inf
        q, unit = queries[i], units[i]
        near, held = near_lists(lists, q, unit, keys, order, n_probe), 0
        for turn in range(near):
            number = order[turn]
            row = lists.heads[number]
            while row >= 0:
                score = np.float32(dot_at(lists.codes, row, q)) * lists.scales[row]
                held = keep(best, best_rows, held, wanted, score, row)
                row = lists.nexts[row - n_sorted]
            first, last = lists.starts[number], lists.starts[number + 1]
            held = whole(lists, first, last, q, best, best_rows, held)
        for c in range(held):
            best[c] *= unit
        slack = slack_of(error, unit, Q.shape[1])
        measure(
            vectors, lists.ids_of_rows, best_rows, best, held, Q[i], slack, ids[i], distances[i]
        )
        short += ids[i, -1] < 0
    return short


@compiled
def append(lists, first, last, X):
    """Hang the rows first..last, whose codes are in the table, on their lists."""
    keys, order = np.empty(1, np.float32), np.empty(1, np.int32)
    queries, units = narrow(X, lists.codes.shape[1])
    n_sorted = lists.starts[-1]
    for row in range(first, last):
        near_lists(lists, queries[row - first], units[row - first], keys, order, 1)
        lists.nexts[row - n_sorted] = lists.heads[order[0]]
        lists.heads[order[0]] = row


@compiled
def list_of_each_row(lists, numbers):
    """The number of each row's list, into `numbers` (n,)."""
    for number in range(len(lists.centres)):
        for row in range(lists.starts[number], lists.starts[number + 1]):
            numbers[row] = number
        row = lists.heads[number]
        while row >= 0:
            numbers[row] = number
            row = lists.nexts[row - lists.starts[-1]]


def list_numbers(lists: Lists, n: int) -> npt.NDArray[np.int32]:
    """The number of the list that each of the `n` items is in, (n,)."""
    numbers, of_items = np.empty(n, np.int32), np.empty(n, np.int32)
    list_of_each_row(lists, numbers)
    of_items[lists.ids_of_rows[:n]] = numbers
    return of_items


def most_lists(n: int) -> int:
    """As many lists as `n` vectors can have: each centre is learnt from 39 at least."""
    return max(1, n // 39)


def listed(
    vectors: npt.NDArray[np.float32], n_lists: int, seed: int, threads: int
) -> tuple[Lists, float]:
    """The vectors' codes in lists around centres, and the longest error of a code."""
    n, dim = vectors.shape
    codes, scales, error = quantise(vectors)
    if n_lists == 1:
        centres, numbers = np.zeros((1, dim), np.float32), np.zeros(n, np.int32)
    else:
        centres, numbers = centres_of(vectors, min(n_lists, most_lists(n)), seed, threads)
    centre_codes, centre_scales, _ = quantise(centres)
    halves = (np.einsum("ij,ij->i", centres, centres) / 2).astype(np.float32)
    none = np.empty(0, np.int32)
    empty = Lists(centre_codes, centre_scales, halves, none, none, none, codes, scales, none)
    return grouped(empty, numbers, codes, scales, np.arange(n, dtype=np.int32)), error


def appended(lists: Lists, first: int, new: npt.NDArray[np.float32]) -> tuple[Lists, float]:
    """Lists with new vectors hung on them as the rows from `first` on; the longest error of a code."""
    codes, scales, error = quantise(new)
    last, n_sorted = first + len(new), int(lists.starts[-1])
    lists = lists._replace(
        codes=grown(lists.codes, first, codes),
        scales=grown(lists.scales, first, scales),
        ids_of_rows=grown(lists.ids_of_rows, first, np.arange(first, last, dtype=np.int32)),
        nexts=grown(lists.nexts, first - n_sorted, np.full(last - first, -1, np.int32)),
    )
    append(lists, first, last, new)
    return lists, error


def regroup(lists: Lists, n: int) -> Lists:
    """The same lists with every one of the `n` rows in its list's place."""
    numbers = np.empty(n, np.int32)
    list_of_each_row(lists, numbers)
    return grouped(lists, numbers, lists.codes[:n], lists.scales[:n], lists.ids_of_rows[:n])


def grouped(
    lists: Lists,
    numbers: npt.NDArray[np.int32],
    codes: npt.NDArray[np.int8],
    scales: npt.NDArray[np.float32],
    ids: npt.NDArray[np.int32],
) -> Lists:
    """Rows put list after list, by the number of each one's list; centres are those of `lists`."""
    n_lists = len(lists.centres)
    order = np.argsort(numbers, kind="stable")
    starts = np.zeros(n_lists + 1, np.int32)
    np.cumsum(np.bincount(numbers, minlength=n_lists), out=starts[1:])
    return lists._replace(
        starts=starts,
        heads=np.full(n_lists, -1, np.int32),
        nexts=np.empty(0, np.int32),
        codes=codes[order],
        scales=scales[order],
        ids_of_rows=ids[order],
    )
