"""Vectors laid out in the plane for a picture: principal axes, and t-SNE by its plain formula.

Exact t-SNE (van der Maaten and Hinton 2008) in NumPy: n^2 numbers a step, for some 1,000 points.
It begins at the principal axes, so that the same vectors give the same picture.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError

Doubles = npt.NDArray[np.float64]
MOST_POINTS = 1000


def principal_axes(X: npt.ArrayLike, *, n: int = 2) -> Doubles:
    """Coordinates (rows, n) along the axes of largest spread; their signs are made positive-skewed."""
    x = np.asarray(X, np.float64)
    centred = x - x.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    found = np.zeros((len(x), n))
    part: Doubles = centred @ axes[:n].T
    found[:, : part.shape[1]] = part * np.where((part**3).sum(axis=0) < 0, -1, 1)
    return found


def t_sne(
    X: npt.ArrayLike, *, perplexity: float = 30.0, steps: int = 400, rate: float | None = None
) -> Doubles:
    """Vectors (n, dim) of unit length, or any -> (n, 2), neighbours near each other.

    Raises InputError above 2,000 points: a step costs n^2.
    """
    x = np.asarray(X, np.float64)
    n = len(x)
    if n > 2 * MOST_POINTS:
        raise InputError(f"{n} points", f"{2 * MOST_POINTS} and fewer", "draw some of them")
    y = principal_axes(x)
    if n < 5:
        return y
    P = affinities(x, min(perplexity, (n - 1) / 3)).astype(np.float32)
    place = (y / max(float(y[:, 0].std()), 1e-12) * 1e-4).astype(np.float32)
    speed, gain = np.zeros_like(place), np.ones_like(place)
    rate = rate or max(n / 12 / 4, 50.0)
    early = min(100, steps // 3)
    for step in range(steps):
        gradient = _gradient(P * np.float32(12 if step < early else 1), place)
        same = np.sign(gradient) == np.sign(speed)
        gain = np.maximum(np.where(same, gain * np.float32(0.8), gain + np.float32(0.2)), 0.01)
        speed = (
            np.float32(0.5 if step < early else 0.8) * speed - np.float32(rate) * gain * gradient
        )
        place = place + speed
        place -= place.mean(axis=0)
    return place.astype(np.float64)


def _gradient(
    P: npt.NDArray[np.float32], place: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Slope of the divergence by every point."""
    squares = np.square(place).sum(axis=1)
    near = 1 / (1 + np.maximum(squares[:, None] + squares - 2 * (place @ place.T), 0))
    np.fill_diagonal(near, 0)
    pull = (P - near / max(float(near.sum()), 1e-12)) * near
    found: npt.NDArray[np.float32] = 4 * (pull.sum(axis=1)[:, None] * place - pull @ place)
    return found


def affinities(x: Doubles, perplexity: float) -> Doubles:
    """Joint probabilities (n, n) of pairs, rows of Gaussians with one perplexity, made symmetric."""
    squares = np.square(x).sum(axis=1)
    distance = np.maximum(squares[:, None] + squares - 2 * (x @ x.T), 0)
    np.fill_diagonal(distance, np.inf)
    distance -= distance.min(axis=1, keepdims=True)
    low, high = np.full(len(x), -20.0), np.full(len(x), 20.0)
    typical = np.log(1 / max(float(np.median(distance[np.isfinite(distance)])), 1e-12))
    for _ in range(50):
        middle = (low + high) / 2
        odds = np.exp(-distance * np.exp(middle + typical)[:, None])
        share = odds / odds.sum(axis=1, keepdims=True)
        entropy = -(share * np.log(np.maximum(share, 1e-300))).sum(axis=1)
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    joint: Doubles = (share + share.T) / (2 * len(x))
    return joint
