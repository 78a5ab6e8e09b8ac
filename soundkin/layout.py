"""The map: every item at a place in the plane, neighbours near each other. The axes have no unit.

From the neighbour graph, as UMAP does it (McInnes, Healy and Melville 2018, sections 3.1 and 3.2): each
neighbour gets a weight that falls with its distance beyond the nearest one's, at a rate that makes every
item's weights add up to log2(k); the two directions are united. Items are drawn to their neighbours and
driven from random others, with the kernel 1 / (1 + d^2). All forces of a round are taken from the places of
the round before, and the random others from a counter, so that the outcome is the same for any number of
threads, bit for bit.

Stable: what has a place keeps it while new items are laid beside their neighbours (`place`). A layout
computed anew begins at the old places and is laid over them by turning, mirroring, scaling and moving
(`aligned`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from soundkin.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

Places = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

ROUNDS = 500
NEW_ROUNDS = 60
OTHERS = 6
"""Random others that each item is driven from, a round."""

REACH = 4.0
"""No item moves farther in one round."""

ALONE = 5_000
"""Below so many items one thread is faster than several that wait for each other."""

SPREAD = 10.0
"""Half the width of the first layout."""


def layout(
    ids: Ids,
    distances: Floats,
    *,
    first: Places | None = None,
    rounds: int = ROUNDS,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Places:
    """Return places (n, 2) for items with neighbours `ids` and `distances`, (n, k) as of `knn_graph`.

    -1 stands for "no neighbour". first (n, 2): where to begin, else :func:`begin`; NaN rows are put
    beside their neighbours. Raises `InputError` for shapes that do not agree.

    >>> ids = np.array([[1], [0], [3], [2]])
    >>> places = layout(ids, np.full((4, 1), 0.1, np.float32), seed=1)
    >>> near, far = np.linalg.norm(places[0] - places[[1, 2]], axis=1)
    >>> places.shape, bool(near < far)
    ((4, 2), True)
    """
    ids, distances = np.atleast_2d(ids), np.atleast_2d(distances)
    if ids.shape != distances.shape or (first is not None and first.shape != (len(ids), 2)):
        raise InputError(
            f"neighbours {ids.shape}, distances {distances.shape}",
            "two arrays (n, k), and first places (n, 2)",
            "take them from knn_graph",
        )
    if len(ids) < 2:
        return np.zeros((len(ids), 2), np.float32)
    graph = union(ids, distances)
    places = begin(graph, seed=seed) if first is None else _beside(graph, first, seed)
    moving = np.ones(len(ids), np.bool_)
    return _rounds(graph, places, moving, rounds, seed, on_progress, stop)


def place(
    ids: Ids,
    distances: Floats,
    known: Places,
    *,
    rounds: int = NEW_ROUNDS,
    seed: int = 0,
) -> Places:
    """Return places (n, 2) where rows of `known` that are not NaN stay to the bit and the rest is laid.

    ids, distances (n, k): neighbours among all n.
    """
    if len(ids) < 2:
        return np.nan_to_num(known).astype(np.float32)
    graph = union(ids, distances)
    places = _beside(graph, known, seed)
    new = np.asarray(np.isnan(known).any(axis=1))
    return _rounds(graph, places, new, rounds, seed, None, lambda: False)


def union(ids: Ids, distances: Floats) -> sp.csr_matrix:
    """Return the weights (n, n) of the neighbour graph, symmetric, in (0, 1].

    w = exp(-(d - rho) / sigma), rho the nearest distance, sigma so that the row adds up to log2(k + 1);
    two directions a, b are united to a + b - a b.
    """
    n, k = ids.shape
    there = (ids >= 0) & np.isfinite(distances)
    known = np.where(there, distances, np.inf).astype(np.float64)
    nearest = known.min(axis=1, keepdims=True)
    gap = np.maximum(known - np.where(np.isfinite(nearest), nearest, 0), 0)
    low, high = np.full((2, n, 1), 1e-6)
    high[:] = 1e3
    for _ in range(50):  # bisection of log sigma; the sum rises with it
        sigma = np.sqrt(low * high)
        over = np.exp(-gap / sigma).sum(axis=1, keepdims=True) > np.log2(k + 1)
        high, low = np.where(over, sigma, high), np.where(over, low, sigma)
    weights = np.exp(-gap / np.sqrt(low * high))
    rows = np.repeat(np.arange(n), k)[there.ravel()]
    kept = np.maximum(weights[there], 1e-6).astype(np.float32)
    one = sp.csr_matrix((kept, (rows, ids[there])), (n, n))
    other = one.T.tocsr()
    both: sp.csr_matrix = one + other - one.multiply(other)
    return both


def begin(graph: sp.csr_matrix, *, seed: int = 0, rounds: int = 40) -> Places:
    """Return first places (n, 2): two slow vibrations of the graph, found by repeated averaging."""
    rng = np.random.default_rng(seed)
    n = graph.shape[0]
    degree = np.asarray(graph.sum(axis=1)).ravel() + 1e-9
    step = sp.diags(1 / degree) @ graph
    Y = rng.normal(size=(n, 4))
    for _ in range(rounds):
        Y = 0.5 * (Y + step @ Y)
        Y -= (degree @ Y) / degree.sum()
        Y, _ = np.linalg.qr(Y)
    wide = Y[:, :2] / np.maximum(np.abs(Y[:, :2]).max(axis=0), 1e-9)
    ranked = 0.5 * wide + 0.5 * (np.argsort(np.argsort(Y[:, :2], 0), 0) / max(n - 1, 1) * 2 - 1)
    shaken = SPREAD * ranked + 0.01 * rng.normal(size=(n, 2))
    first: Places = shaken.astype(np.float32)
    return first


def aligned(new: Places, old: Places) -> Places:
    """Return `new` (n, 2) turned, mirrored, scaled and moved so that it lies best over `old` (n, 2).

    Rows where either is NaN do not count; the least sum of squares (Procrustes).

    >>> old = np.array([[0, 0], [2, 0], [0, 1]], np.float32)
    >>> turned = 3 * old[:, ::-1] + 5
    >>> bool(np.allclose(aligned(turned.astype(np.float32), old), old, atol=1e-5))
    True
    """
    both = ~(np.isnan(new).any(axis=1) | np.isnan(old).any(axis=1))
    if np.count_nonzero(both) < 2:
        return new
    a, b = new[both].astype(np.float64), old[both].astype(np.float64)
    centre_a, centre_b = a.mean(axis=0), b.mean(axis=0)
    u, s, vt = np.linalg.svd((a - centre_a).T @ (b - centre_b))
    scale = s.sum() / max(((a - centre_a) ** 2).sum(), 1e-12)
    laid: Places = ((new - centre_a) @ (u @ vt) * scale + centre_b).astype(np.float32)
    return laid


def _beside(graph: sp.csr_matrix, known: Places, seed: int) -> Places:
    """Return places where NaN rows lie at the weighted mean of their neighbours that have one."""
    places = known.astype(np.float64).copy()
    lacking = np.asarray(np.isnan(places).any(axis=1))
    rng = np.random.default_rng(seed)
    if lacking.all():
        return begin(graph, seed=seed)
    centre = places[~lacking].mean(axis=0)
    width = max(float(np.ptp(places[~lacking], axis=0).max()), 1.0)
    for _ in range(20):  # from neighbour to neighbour
        if not lacking.any():
            break
        held = np.where(lacking[:, None], 0.0, places)
        weight = np.asarray(graph[lacking] @ (~lacking).astype(np.float64))
        reached = weight > 0
        rows = np.flatnonzero(lacking)[reached]
        if not len(rows):
            break
        places[rows] = (graph[rows] @ held) / weight[reached, None]
        places[rows] += 1e-3 * width * rng.normal(size=(len(rows), 2))
        lacking[rows] = False
    lost = np.flatnonzero(lacking)
    places[lost] = centre + 0.5 * width * rng.uniform(-1, 1, (len(lost), 2))
    return places.astype(np.float32)


def _rounds(
    graph: sp.csr_matrix,
    places: Places,
    moving: npt.NDArray[np.bool_],
    rounds: int,
    seed: int,
    on_progress: Callable[[int, int], None] | None,
    stop: Callable[[], bool],
) -> Places:
    """Move all that may move, round after round, by ever smaller steps."""
    rows = np.flatnonzero(moving)
    graph.sort_indices()
    threads = numba.get_num_threads()
    if len(rows) < ALONE:
        numba.set_num_threads(1)
    try:
        return _all_rounds(graph, places, rows, rounds, seed, on_progress, stop)
    finally:
        numba.set_num_threads(threads)


def _all_rounds(
    graph: sp.csr_matrix,
    places: Places,
    rows: Ids,
    rounds: int,
    seed: int,
    on_progress: Callable[[int, int], None] | None,
    stop: Callable[[], bool],
) -> Places:
    """Take round after round."""
    for number in range(rounds):
        if stop():
            break
        step = np.float32((1.0 - number / rounds) ** 2)
        fresh = places.copy()
        _round(graph.indptr, graph.indices, graph.data, places, fresh, rows, step, seed, number)
        places = fresh
        if on_progress is not None:
            on_progress(number + 1, rounds)
    return places


def _fast(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile, and keep what was compiled where the folder can be written."""
    try:
        kept: Callable[..., Any] = numba.njit(function, parallel=True, cache=True, fastmath=False)
    except RuntimeError:
        kept = numba.njit(function, parallel=True, fastmath=False)
    return kept


@_fast
def _round(indptr, indices, weights, places, fresh, rows, step, seed, number):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
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
