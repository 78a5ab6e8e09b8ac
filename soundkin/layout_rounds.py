"""The rounds of a layout, compiled: every item moves by the forces at the places of the round before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

    import scipy.sparse as sp

Places = npt.NDArray[np.float32]

OTHERS = 6
"""Random others that each item is driven from, a round."""

REACH = 4.0
"""No item moves farther in one round."""

ALONE = 5_000
"""Below so many items one thread is faster than several that wait for each other."""


def take_rounds(
    graph: sp.csr_matrix,
    places: Places,
    rows: npt.NDArray[np.int64],
    rounds: int,
    seed: int,
    on_progress: Callable[[int, int], None] | None,
    stop: Callable[[], bool],
    warmth: float = 1.0,
) -> Places:
    """Return places (n, 2) after so many rounds in which `rows` moved, by ever smaller steps.

    graph (n, n): weights, rows sorted. warmth: above 0 to 1, the root of the first step's length.
    """
    threads = numba.get_num_threads()
    if len(rows) < ALONE:
        numba.set_num_threads(1)
    try:
        for number in range(rounds):
            if stop():
                break
            step = np.float32((warmth * (1.0 - number / rounds)) ** 2)
            fresh = places.copy()
            one_round(
                graph.indptr, graph.indices, graph.data, places, fresh, rows, step, seed, number
            )
            places = fresh
            if on_progress is not None:
                on_progress(number + 1, rounds)
    finally:
        numba.set_num_threads(threads)
    return places


def _fast(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile, and keep what was compiled where the folder can be written."""
    try:
        kept: Callable[..., Any] = numba.njit(function, parallel=True, cache=True, fastmath=False)
    except RuntimeError:
        kept = numba.njit(function, parallel=True, fastmath=False)
    return kept


@_fast
def one_round(indptr, indices, weights, places, fresh, rows, step, seed, number):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Move each of `rows` by the forces at `places`; write to `fresh`."""
    n = len(places)
    for at in numba.prange(len(rows)):
        i = rows[at]
        x, y = places[i, 0], places[i, 1]
        pull_x, pull_y, total = np.float32(0), np.float32(0), np.float32(1e-6)
        for edge in range(indptr[i], indptr[i + 1]):
            j, w = indices[edge], weights[edge]
            dx, dy = places[j, 0] - x, places[j, 1] - y
            near = w / (np.float32(1) + dx * dx + dy * dy)
            pull_x += near * dx
            pull_y += near * dy
            total += w
        push_x, push_y = np.float32(0), np.float32(0)
        state = np.uint64(seed * 1_000_003 + number) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(i)
        for _ in range(OTHERS):
            state += np.uint64(0x9E3779B97F4A7C15)  # splitmix64 (Steele, Lea and Flood 2014)
            z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            j = np.int64((z ^ (z >> np.uint64(31))) % np.uint64(n))
            dx, dy = x - places[j, 0], y - places[j, 1]
            d2 = dx * dx + dy * dy
            far = np.float32(1) / ((np.float32(0.01) + d2) * (np.float32(1) + d2))
            push_x += far * dx
            push_y += far * dy
        move_x = step * (pull_x / total + push_x)
        move_y = step * (pull_y / total + push_y)
        fresh[i, 0] = x + min(max(move_x, -REACH), REACH)
        fresh[i, 1] = y + min(max(move_y, -REACH), REACH)
