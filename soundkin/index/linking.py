"""The neighbour graph is built: each row linked to rows near it, in all directions.

First candidates are the nearest rows of the near lists. Of its candidates a row keeps those that are
nearer to it than to one already kept (the rule of HNSW, Malkov and Yashunin 2018, section 4), and is
linked back by them. Then each row is looked for along these links, and what is found are its new
candidates (as in Vamana, Subramanya et al. 2019). Every step writes beside what it reads, so that the
graph is the same with any number of threads.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: ANN001, ANN201 - Numba infers the types; the docstrings give shapes
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.index.beam import Links, enter, follow, place_in, room_of, seen_before
from soundkin.index.codes import compiled, dot_at
from soundkin.index.lists import Lists, whole
from soundkin.index.nearest import best_first
from soundkin.index.room import grown

if TYPE_CHECKING:
    from collections.abc import Callable

DEGREE, KEPT = 32, 24
"""Links of a row at most, and those that it chooses; the rest are from rows that chose it."""
CANDIDATES, NEAR_LISTS = 40, 12
"""Rows that may become a row's first links, from so many lists."""
LOOKED = 64
"""Rows that may become a row's links when it is looked for along the first ones."""
APART = np.float32(1.2)
"""A row is nearer to a link than to another row when its squared distance is so many times less."""
BLOCK = 1024
SHARE = 1000
"""So many rows at least are one thread's share."""


@compiled
def between(codes, scales, one, other):
    """Cosine similarity of two rows by their codes."""
    return np.float32(dot_at(codes, one, codes[other])) * (scales[one] * scales[other])


@compiled
def thinned(codes, scales, scores, rows, count, most, kept_rows):
    """Of rows best first those nearer to the row in question than to one already kept; how many."""
    kept = 0
    for c in range(count):
        if kept == most:
            break
        q, unit, far = codes[rows[c]], scales[rows[c]], True
        limit = np.float32(1.0) - (np.float32(1.0) - scores[c]) / APART
        for e in range(kept):
            near = np.float32(dot_at(codes, kept_rows[e], q)) * (scales[kept_rows[e]] * unit)
            if near > limit:
                far = False
                break
        if far:
            kept_rows[kept] = rows[c]
            kept += 1
    return kept


@compiled
def lay(lists, numbers, near, low, high, links):
    """The rows low..high linked to rows of the lists near their own; free places in `links` are -1."""
    best, best_rows = np.empty(CANDIDATES + 1, np.float32), np.empty(CANDIDATES + 1, np.int32)
    codes, scales = lists.codes, lists.scales
    for row in range(low, high):
        q, unit, held = codes[row], scales[row], 0
        for number in near[numbers[row]]:
            first, last = lists.starts[number], lists.starts[number + 1]
            held = whole(lists, first, last, q, best, best_rows, held)
        best_first(best, best_rows, held)
        count = 0
        for c in range(held):
            if best_rows[c] != row:
                best[count], best_rows[count] = best[c] * unit, best_rows[c]
                count += 1
        links[row] = -1
        thinned(codes, scales, best, best_rows, count, KEPT, links[row])


@compiled
def relay(codes, scales, old, low, high, links):
    """The rows low..high linked anew to what is found when they are looked for along `old` links."""
    best, best_rows = np.empty(LOOKED, np.float32), np.empty(LOOKED, np.int32)
    size, shift = room_of(LOOKED)
    seen, fresh = np.empty(size, np.int32), np.empty(old.shape[1], np.int32)
    for row in range(low, high):
        q, unit = codes[row], scales[row]
        seen[:] = -1
        seen_before(seen, row, shift)
        best[0], best_rows[0] = np.float32(dot_at(codes, row, q)) * unit, row
        held, _ = follow(codes, scales, old, q, LOOKED, best, best_rows, 1, seen, shift, fresh)
        count = 0
        for c in range(held):
            other = -1 - best_rows[c] if best_rows[c] < 0 else best_rows[c]
            if other != row:
                best[count], best_rows[count] = best[c] * unit, other
                count += 1
        links[row] = -1
        thinned(codes, scales, best, best_rows, count, KEPT, links[row])


@compiled
def reverse(links, firsts, backs):
    """For each row the rows linked to it: `backs` from ``firsts[row]`` on."""
    firsts[:] = 0
    n, degree = links.shape
    for row in range(n):
        for c in range(degree):
            if links[row, c] < 0:
                break
            firsts[links[row, c] + 1] += 1
    for row in range(n):
        firsts[row + 1] += firsts[row]
    places = firsts[:-1].copy()
    for row in range(n):
        for c in range(degree):
            other = links[row, c]
            if other < 0:
                break
            backs[places[other]] = row
            places[other] += 1


@compiled
def link_back(codes, scales, old, firsts, backs, low, high, links):
    """The rows low..high linked to the rows of `old` and to those that are linked to them."""
    degree = old.shape[1]
    most = 4 * degree
    best, best_rows = np.empty(most, np.float32), np.empty(most, np.int32)
    for row in range(low, high):
        held = 0
        for c in range(degree):
            other = old[row, c]
            if other < 0:
                break
            place_in(best, best_rows, held, most, between(codes, scales, row, other), other)
            held += 1
        own = held
        for place in range(firsts[row], firsts[row + 1]):
            other, new = backs[place], True
            for c in range(own):
                if old[row, c] == other:
                    new = False
                    break
            if new:
                place_in(best, best_rows, held, most, between(codes, scales, row, other), other)
                held = min(held + 1, most)
        links[row] = -1
        if held <= degree:
            links[row, :held] = best_rows[:held]
        else:
            thinned(codes, scales, best, best_rows, held, degree, links[row])


@compiled
def middles(lists, rows):
    """The row nearest to each list's centre, into `rows` (n_lists,); -1 for an empty list."""
    for number in range(rows.size):
        most, rows[number] = np.float32(-np.inf), -1
        for row in range(lists.starts[number], lists.starts[number + 1]):
            score = np.float32(dot_at(lists.codes, row, lists.centres[number])) * lists.scales[row]
            if score > most:
                most, rows[number] = score, row


@compiled
def link_new(lists, links, entry_rows, entry_codes, entry_scales, first, last):
    """The rows first..last, which are in the table, linked to others and those to them."""
    codes, scales, degree = lists.codes, lists.scales, links.shape[1]
    best, best_rows = np.empty(LOOKED, np.float32), np.empty(LOOKED, np.int32)
    pool, pool_rows = np.empty(degree + 1, np.float32), np.empty(degree + 1, np.int32)
    size, shift = room_of(LOOKED)
    seen, fresh = np.empty(size, np.int32), np.empty(degree, np.int32)
    for row in range(first, last):
        q, unit = codes[row], scales[row]
        seen[:] = -1
        links[row] = -1
        held = enter(entry_rows, entry_codes, entry_scales, q, best, best_rows, seen, shift)
        held, _ = follow(codes, scales, links, q, LOOKED, best, best_rows, held, seen, shift, fresh)
        for c in range(held):
            best[c] *= unit
            best_rows[c] = -1 - best_rows[c] if best_rows[c] < 0 else best_rows[c]
        kept = thinned(codes, scales, best, best_rows, held, KEPT, links[row])
        for c in range(kept):
            other, free = links[row, c], 0
            while free < degree and links[other, free] >= 0:
                free += 1
            if free < degree:
                links[other, free] = row
                continue
            for e in range(degree):
                near = between(codes, scales, other, links[other, e])
                place_in(pool, pool_rows, e, degree + 1, near, links[other, e])
            near = between(codes, scales, other, row)
            place_in(pool, pool_rows, degree, degree + 1, near, row)
            links[other] = -1
            left = thinned(codes, scales, pool, pool_rows, degree + 1, degree, links[other])
            if c == 0:  # the nearest leads to it whatever happens, or nothing might
                there = False
                for e in range(left):
                    there = there or links[other, e] == row
                if not there:
                    links[other, min(left, degree - 1)] = row


def linked(lists: Lists, threads: int) -> Links:
    """A graph over the rows of the lists, all in their place, entered at the middle of each list."""
    n, n_lists = int(lists.starts[-1]), len(lists.centres)
    codes, scales = lists.codes, lists.scales
    numbers = np.repeat(np.arange(n_lists, dtype=np.int32), np.diff(lists.starts))
    near = _lists_near(lists, min(NEAR_LISTS, n_lists))
    first, links = np.empty((n, DEGREE), np.int32), np.empty((n, DEGREE), np.int32)
    _shared(n, threads, lambda low, high: lay(lists, numbers, near, low, high, first))
    _back(lists, first, links, threads)
    _shared(n, threads, lambda low, high: relay(codes, scales, links, low, high, first))
    _back(lists, first, links, threads)
    rows = np.empty(n_lists, np.int32)
    middles(lists, rows)
    return _entered(lists, links, rows[rows >= 0])


def more_linked(lists: Lists, graph: Links, first: int, last: int) -> Links:
    """The graph with the rows first..last, which the lists have already; some become entries."""
    links = grown(graph.links, first, np.full((last - first, graph.links.shape[1]), -1, np.int32))
    link_new(lists, links, *graph[1:], first, last)
    every = max(1, first // max(1, len(graph.entry_rows)))
    new = np.arange(first + -first % every, last, every, dtype=np.int32)
    if not new.size:
        return graph._replace(links=links)
    return _entered(lists, links, np.concatenate([graph.entry_rows, new]))


def renumbered(graph: Links, places: npt.NDArray[np.int32]) -> Links:
    """The graph when each row has moved to its place in `places` (n,)."""
    n = len(places)
    links = np.empty((n, graph.links.shape[1]), np.int32)
    old = graph.links[:n]
    links[places] = np.where(old < 0, np.int32(-1), places[old])
    return graph._replace(links=links, entry_rows=places[graph.entry_rows])


def _entered(lists: Lists, links: npt.NDArray[np.int32], rows: npt.NDArray[np.int32]) -> Links:
    """The graph entered at these rows."""
    return Links(links, rows, lists.codes[rows], lists.scales[rows])


def _back(
    lists: Lists, old: npt.NDArray[np.int32], links: npt.NDArray[np.int32], threads: int
) -> None:
    """The links of `old` and their reverse, thinned, into `links`."""
    n = len(old)
    firsts, backs = np.empty(n + 1, np.int64), np.empty(np.count_nonzero(old >= 0), np.int32)
    reverse(old, firsts, backs)
    _shared(
        n,
        threads,
        lambda low, high: link_back(
            lists.codes, lists.scales, old, firsts, backs, low, high, links
        ),
    )


def _shared(n: int, threads: int, work: Callable[[int, int], object]) -> None:
    """`work` on all ranges of `n` rows, by several threads."""
    edges = np.linspace(0, n, max(1, min(8 * threads, n // SHARE)) + 1).astype(np.int64).tolist()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))


def _lists_near(lists: Lists, most: int) -> npt.NDArray[np.int32]:
    """The `most` lists nearest to each list, itself among them, (n_lists, most)."""
    centres = lists.centres.astype(np.float32) * lists.centre_scales[:, None]
    near = np.empty((len(centres), most), np.int32)
    for start in range(0, len(centres), BLOCK):
        far = lists.halves - centres[start : start + BLOCK] @ centres.T
        near[start : start + BLOCK] = np.argpartition(far, most - 1, axis=1)[:, :most]
    return near
