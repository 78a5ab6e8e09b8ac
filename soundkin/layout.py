"""The map: every item at a place in the plane, neighbours near each other. The axes have no unit.

From the neighbour graph, as UMAP does it (McInnes, Healy and Melville 2018, sections 3.1 and 3.2): each
neighbour gets a weight that falls with its distance beyond the nearest one's, at a rate that makes every
item's weights add up to log2(k); the two directions are united. Items are drawn to their neighbours and
driven from random others, with the kernel 1 / (1 + d^2). All forces of a round are taken from the places of
the round before, and the random others from a counter, so that the outcome is the same for any number of
threads, bit for bit.

Stable: what has a place keeps it while new items are laid beside their neighbours (`place`). A layout
computed anew begins at the old places, where new items are laid in first and then all move, by small steps
as those at the end of a layout, for great ones would only shake what lies well; it is laid over the old one
by turning, mirroring, scaling and moving (`aligned`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
SETTLED = 0.07
"""Where a layout that begins at old places sets in: with so much of the rounds of a fresh one to go."""

MOSTLY_NEW = 0.5
"""From this share of new items on, old places are only where to begin."""

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

    -1 stands for "no neighbour". first (n, 2): old places, near which all stay; NaN rows are laid beside
    their neighbours first. Where most are new, old places are only where to begin. Raises `InputError`
    for shapes that do not agree.

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
    moving = np.ones(len(ids), np.bool_)
    if first is None:
        return _rounds(graph, begin(graph, seed=seed), moving, rounds, seed, on_progress, stop)
    new = np.asarray(np.isnan(first).any(axis=1))
    places, warmth = _beside(graph, first, seed), 1.0
    if new.mean() < MOSTLY_NEW:
        places, warmth = _rounds(graph, places, new, NEW_ROUNDS, seed, None, stop), SETTLED
    return _rounds(graph, places, moving, rounds, seed, on_progress, stop, warmth)


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
    warmth: float = 1.0,
) -> Places:
    """Move all that may move, round after round, by ever smaller steps."""
    from soundkin.layout_rounds import take_rounds  # noqa: PLC0415 - a compiler that few need

    graph.sort_indices()
    rows = np.flatnonzero(moving)
    return take_rounds(graph, places, rows, rounds, seed, on_progress, stop, warmth)
