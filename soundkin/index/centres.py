"""Centres for inverted lists: k-means by faiss, at two levels where there are very many."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAT_UP_TO = 8192
"""So many centres are found at once; more in the neighbourhoods of as many as their root.

Neighbourhoods cut clusters of which there are thousands into pieces: of a million vectors in ten
thousand clusters the nearest ten lay in the first of 2,048 lists to .75, and to .48 with lists found
at two levels.
"""
POINTS, ITERATIONS = 64, 10
"""k-means looks at so many vectors for each centre, so many times."""
MANY, POINTS_OF_MANY = 1024, 40
"""For more centres than so many it looks at fewer vectors each."""
POINTS_BELOW, ITERATIONS_BELOW = 32, 8
"""The same for the centres of a neighbourhood."""
ROUNDS = 2
"""Centres of all neighbourhoods are then moved together, so many times."""
NEAR = 6
"""A vector's centre is looked for in so many neighbourhoods."""


def centres_of(
    vectors: npt.NDArray[np.float32], n_centres: int, seed: int, threads: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Centres (n_centres, dim) of some vectors (n, dim), and the number of each one's own (n,)."""
    with _faiss(threads) as faiss:
        if n_centres <= FLAT_UP_TO:
            return _at_one_level(faiss, vectors, n_centres, seed)
        return _at_two_levels(faiss, vectors, n_centres, seed)


def _at_one_level(
    faiss: Any,  # noqa: ANN401
    vectors: npt.NDArray[np.float32],
    n_centres: int,
    seed: int,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Centres found at once."""
    per = POINTS if n_centres <= MANY else POINTS_OF_MANY
    centres = _means(faiss, vectors, n_centres, seed, per, ITERATIONS)
    return centres, _nearest(faiss, centres, vectors)


def _at_two_levels(
    faiss: Any,  # noqa: ANN401
    vectors: npt.NDArray[np.float32],
    n_centres: int,
    seed: int,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Centres found in the neighbourhoods of few, then moved together."""
    rng = np.random.default_rng(seed)
    n_points = min(len(vectors), POINTS_BELOW * n_centres)
    points = vectors[np.sort(rng.choice(len(vectors), n_points, replace=False))]
    n_places = round(n_centres**0.5)
    places = _means(faiss, points, n_places, seed, POINTS, ITERATIONS)
    at = _nearest(faiss, places, points)
    shares = _shares(np.bincount(at, minlength=n_places), n_centres)
    centres = np.concatenate(
        [
            _means(faiss, points[at == place], int(share), seed, POINTS, ITERATIONS_BELOW)
            for place, share in enumerate(shares)
            if share
        ]
    )
    for _ in range(ROUNDS):
        numbers = _near(faiss, places, centres, points)
        order = np.argsort(numbers, kind="stable")
        firsts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
        counts = np.diff(firsts, append=len(order))
        sums = np.add.reduceat(points[order], firsts, axis=0)
        centres[numbers[order[firsts]]] = sums / counts[:, None]
    return centres, _near(faiss, places, centres, vectors)


@contextmanager
def _faiss(threads: int) -> Iterator[Any]:
    """faiss, imported when it is needed; within, it works with so many threads.

    The number is the whole process's, PyTorch's too: afterwards it is what it was.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        faiss = import_module("faiss")
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads)
    try:
        yield faiss
    finally:
        faiss.omp_set_num_threads(before)


def _means(
    faiss: Any,  # noqa: ANN401
    points: npt.NDArray[np.float32],
    n: int,
    seed: int,
    per: int,
    iterations: int,
) -> npt.NDArray[np.float32]:
    """`n` means of some points, of which there are as many at least."""
    means = faiss.Kmeans(
        points.shape[1], n, niter=iterations, seed=seed & 0x7FFFFFFF,
        max_points_per_centroid=per, min_points_per_centroid=1,
    )  # fmt: skip
    means.train(np.ascontiguousarray(points))
    centres: npt.NDArray[np.float32] = means.centroids
    return centres


def _nearest(
    faiss: Any,  # noqa: ANN401
    centres: npt.NDArray[np.float32],
    points: npt.NDArray[np.float32],
) -> npt.NDArray[np.int32]:
    """The number of each point's nearest centre."""
    index = faiss.IndexFlatL2(centres.shape[1])
    index.add(centres)
    numbers: npt.NDArray[np.int64] = index.search(points, 1)[1]
    return numbers[:, 0].astype(np.int32)


def _near(
    faiss: Any,  # noqa: ANN401
    places: npt.NDArray[np.float32],
    centres: npt.NDArray[np.float32],
    points: npt.NDArray[np.float32],
) -> npt.NDArray[np.int32]:
    """The number of each point's nearest centre, nearly always, by way of the places."""
    by_place = faiss.IndexFlatL2(places.shape[1])
    by_place.add(places)
    index = faiss.IndexIVFFlat(by_place, places.shape[1], len(places))
    index.is_trained = True
    index.add(centres)
    index.nprobe = NEAR
    numbers: npt.NDArray[np.int64] = index.search(points, 1)[1]
    lost = np.flatnonzero(numbers[:, 0] < 0)
    if lost.size:  # all places near a point are without a centre
        numbers[lost, 0] = _nearest(faiss, centres, points[lost])
    return numbers[:, 0].astype(np.int32)


def _shares(counts: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """`n` divided in proportion to `counts`, whose sum is `n` at least, by the largest remainders.

    >>> _shares(np.array([5, 1, 4]), 5).tolist()
    [3, 0, 2]
    """
    exact = counts * n / counts.sum()
    shares: npt.NDArray[np.int64] = exact.astype(np.int64)
    shares[np.argsort(shares - exact, kind="stable")[: n - shares.sum()]] += 1
    return shares
