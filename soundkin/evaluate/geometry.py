"""How the vectors of a space lie: pairs near each other, the sphere used, hubs that answer everything."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.evaluate.retrieval import BLOCK, unit_rows

SAME = 0.02
"""Share of the usual distance up to which two sounds are near-duplicates."""
PAIRS = 5000


def alignment(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Mean squared distance of pairs x, y (n, dim) on the sphere: 0 (same) to 4 (opposite).

    Wang and Isola 2020, eq. 1 with alpha 2.

    Examples
    --------
    >>> alignment([[2.0, 0.0]], [[0.0, 1.0]])
    2.0
    """
    return float(np.square(unit_rows(x) - unit_rows(y), dtype=np.float64).sum(axis=1).mean())


def uniformity(x: npt.ArrayLike, *, t: float = 2.0) -> float:
    """How evenly x (n, dim) covers the sphere: 0 (one point) and less.

    The logarithm of the mean of exp(-t d^2) over all pairs, d their distance on the sphere
    (Wang and Isola 2020, eq. 2). Raises InputError for fewer than two vectors.

    Examples
    --------
    >>> round(uniformity([[1.0, 0.0], [-1.0, 0.0]]), 6)
    -8.0
    """
    unit = unit_rows(x).astype(np.float64)
    n = len(unit)
    if n < 2:
        raise InputError(f"{n} vectors", "two and more")
    total = 0.0
    for begin in range(0, n, BLOCK):
        squared = np.maximum(2 - 2 * (unit[begin : begin + BLOCK] @ unit.T), 0)
        total += float(np.exp(-t * squared).sum())
    return float(np.log((total - n) / (n * (n - 1))))


def effective_rank(x: npt.ArrayLike) -> float:
    """Of how many dimensions the rows (n, dim) make use: 1 to min(n, dim); 0 for one point.

    The exponential of the entropy of the centred rows' singular values (Roy and Vetterli 2007).

    Examples
    --------
    >>> round(effective_rank(np.tile(np.eye(4), (5, 1))), 3)
    3.0
    """
    rows = np.asarray(x, np.float64)
    values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
    if values.sum() < 1e-9:
        return 0.0
    share = values[values > 0] / values.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def occurrences(
    vectors: npt.ArrayLike, groups: npt.ArrayLike | None = None, *, k: int = 10
) -> npt.NDArray[np.int64]:
    """N_k: among the k nearest of how many others each row is, (n,); the own group left out.

    Raises InputError for fewer than k + 1 vectors.
    """
    unit = unit_rows(vectors)
    if len(unit) <= k:
        raise InputError(f"{len(unit)} vectors", f"more than {k}")
    group = np.arange(len(unit)) if groups is None else np.asarray(groups)
    counts = np.zeros(len(unit), np.int64)
    for begin in range(0, len(unit), BLOCK):
        scores = unit[begin : begin + BLOCK] @ unit.T
        scores[group[begin : begin + BLOCK, None] == group] = -np.inf
        nearest = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        may = np.isfinite(np.take_along_axis(scores, nearest, axis=1))
        counts += np.bincount(nearest[may], minlength=len(unit))
    return counts


def hubness(vectors: npt.ArrayLike, groups: npt.ArrayLike | None = None, *, k: int = 10) -> float:
    """Skewness of N_k: about 0 without hubs, above 1 where a few rows are everybody's neighbours.

    Radovanovic et al. 2010. 0 where all rows occur equally often.

    Examples
    --------
    >>> ring = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    >>> hubness(np.stack([np.cos(ring), np.sin(ring)], axis=1), k=2)
    0.0
    """
    counts = occurrences(vectors, groups, k=k).astype(np.float64)
    centred = counts - counts.mean()
    spread = float(np.square(centred).mean())
    return float((centred**3).mean() / spread**1.5) if spread > 0 else 0.0


def near_duplicate_rate(
    vectors: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    *,
    distance: float | None = None,
) -> float:
    """Share of rows with another, outside the own group, within a cosine distance.

    Without a `distance` it is 2 % of the usual one, so that spaces of any scale compare.

    Examples
    --------
    >>> near_duplicate_rate([[1, 0], [1, 0.01], [0, 1], [-1, 0]])
    0.5
    """
    unit = unit_rows(vectors)
    distance = SAME * usual_distance(unit) if distance is None else distance
    group = np.arange(len(unit)) if groups is None else np.asarray(groups)
    near = 0
    for begin in range(0, len(unit), BLOCK):
        scores = unit[begin : begin + BLOCK] @ unit.T
        scores[group[begin : begin + BLOCK, None] == group] = -2
        near += int((scores.max(axis=1) >= 1 - distance).sum())
    return near / len(unit)


def usual_distance(vectors: npt.ArrayLike, *, seed: int = 0) -> float:
    """The median cosine distance of random pairs of different rows (n, dim); 0 for a single one.

    Examples
    --------
    >>> usual_distance([[1, 0], [0, 1], [1, 0]]) in (0.0, 1.0)
    True
    """
    unit = unit_rows(vectors)
    if len(unit) < 2:
        return 0.0
    rng = np.random.default_rng(seed)
    first = rng.integers(0, len(unit), PAIRS)
    second = (first + rng.integers(1, len(unit), PAIRS)) % len(unit)
    return float(np.median(1 - (unit[first] * unit[second]).sum(axis=1)))
