"""The compiled part of the neighbour graph: from row to row, always on from the best one yet.

Rows are linked to rows near them, in different directions (:mod:`soundkin.index.linking`). A search
enters at the best of some rows spread over all, and looks at the links of the best row whose links it
has not seen, until those of the `ef` best rows have been seen (Malkov and Yashunin 2018, section 4).
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: ANN001, ANN201 - Numba infers the types; the docstrings give shapes
from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from soundkin.index.codes import compiled, dot_at, fetch, narrow, slack_of
from soundkin.index.nearest import settle

ENTERED = 8
"""A search enters at so many rows."""
SEEN_FOR_EACH, SEEN = 32, 1024
"""Room for rows seen: for each of the `ef` rows, and besides."""
_SPREAD, _LOW = np.uint64(2_654_435_769), np.uint64(2**32 - 1)


class Links(NamedTuple):
    """A graph over the rows of the lists."""

    links: npt.NDArray[np.int32]  # (room, degree) rows that a row is linked to, then -1
    entry_rows: npt.NDArray[np.int32]  # (n_entries,) rows to enter at
    entry_codes: npt.NDArray[np.int8]  # (n_entries, width) their codes
    entry_scales: npt.NDArray[np.float32]  # (n_entries,)


@compiled
def seen_before(seen, row, shift):
    """Whether a row is in a table of rows, -1 where it is free; it is put in."""
    place = np.int64(((np.uint64(row) * _SPREAD) & _LOW) >> shift)
    while seen[place] != row:
        if seen[place] < 0:
            seen[place] = row
            return False
        place += 1
        if place == seen.size:
            place = np.int64(0)
    return True


@compiled
def place_in(scores, rows, held, most, score, row):
    """Put among the best `most` rows, best first; the place, `most` for none. `held` + 1 have room."""
    place = min(held, most - 1)
    if held == most and score <= scores[most - 1]:
        return most
    while place > 0 and scores[place - 1] < score:
        scores[place], rows[place] = scores[place - 1], rows[place - 1]
        place -= 1
    scores[place], rows[place] = score, row
    return place


@compiled
def follow(codes, scales, links, q, ef, best, best_rows, held, seen, shift, fresh):
    """Go on from the `held` rows in `best`, best first; how many of the `ef` best are held then.

    Rows in `best_rows` whose links have been seen are noted as -1 - row; `fresh` (degree,) is room.
    Also how many rows were compared.
    """
    at, compared, full = 0, 0, seen.size - seen.size // 8
    while at < held:
        row = best_rows[at]
        if row < 0:
            at += 1
            continue
        best_rows[at] = -1 - row
        count = 0
        for c in range(links.shape[1]):
            other = links[row, c]
            if other < 0:
                break
            if not seen_before(seen, other, shift):
                fetch(codes, other)
                fresh[count] = other
                count += 1
        compared += count
        at += 1
        for c in range(count):
            other = fresh[c]
            score = np.float32(dot_at(codes, other, q)) * scales[other]
            if held == ef and score <= best[ef - 1]:
                continue
            place = place_in(best, best_rows, held, ef, score, other)
            held = min(held + 1, ef)
            at = min(at, place)
        if compared + links.shape[1] > full:
            break
    return held, compared


@compiled
def room_of(ef):
    """Length of a table of rows seen, a power of two, and the shift that goes with it."""
    bits = 10
    while (1 << bits) < SEEN_FOR_EACH * ef + SEEN:
        bits += 1
    return 1 << bits, np.uint64(32 - bits)


@compiled
def enter(entry_rows, entry_codes, entry_scales, q, best, best_rows, seen, shift):
    """The best rows to enter at, best first; how many."""
    held, most = 0, min(ENTERED, best.size)
    floor = np.float32(-np.inf)
    for number in range(entry_rows.size):
        score = np.float32(dot_at(entry_codes, number, q)) * entry_scales[number]
        if score > floor:
            place_in(best, best_rows, held, most, score, entry_rows[number])
            held = min(held + 1, most)
            if held == most:
                floor = best[most - 1]
    for c in range(held):
        seen_before(seen, best_rows[c], shift)
    return held


@compiled
def stroll(
    codes, scales, ids_of_rows, links, entry_rows, entry_codes, entry_scales,
    vectors, alive, Q, ef, error, ids, distances,
):  # fmt: skip
    """The k nearest by way of the links, into `ids` and `distances` (m, k).

    Of the `ef` best rows those are measured that are `alive` (n_ids,), or all where that is empty.
    Returns rows compared in all, and how many queries have fewer than k answers.
    """
    best, best_rows = np.empty(ef, np.float32), np.empty(ef, np.int32)
    size, shift = room_of(ef)
    seen, fresh = np.empty(size, np.int32), np.empty(links.shape[1], np.int32)
    queries, units = narrow(Q, codes.shape[1])
    total, short = 0, 0
    for i in range(len(Q)):
        ids[i], distances[i] = -1, np.inf
        q, unit = queries[i], units[i]
        seen[:] = -1
        held = enter(entry_rows, entry_codes, entry_scales, q, best, best_rows, seen, shift)
        held, compared = follow(
            codes, scales, links, q, ef, best, best_rows, held, seen, shift, fresh
        )
        total += compared
        count = 0
        for c in range(held):
            item = ids_of_rows[-1 - best_rows[c] if best_rows[c] < 0 else best_rows[c]]
            if alive.size == 0 or alive[item]:
                best_rows[count], best[count] = item, best[c] * unit
                count += 1
        slack = slack_of(error, unit, Q.shape[1])
        settle(vectors, best_rows, best, count, Q[i], slack, ids[i], distances[i], 0)
        short += ids[i, -1] < 0
    return total, short
