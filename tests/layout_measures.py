"""How right a layout is, over all rows of a small set: written out, for the tests and the benchmark."""

from __future__ import annotations

import numpy as np


def trustworthiness(X: np.ndarray, Y: np.ndarray, k: int = 10) -> float:
    """Venna and Kaski (2001), over all rows of a small set."""
    n = len(X)
    far = 1 - X @ X.T
    np.fill_diagonal(far, -1)
    rank = np.argsort(np.argsort(far, axis=1), axis=1)
    near = ((Y[:, None] - Y[None]) ** 2).sum(axis=2)
    np.fill_diagonal(near, -1)
    chosen = np.argsort(near, axis=1)[:, 1 : k + 1]
    over = np.maximum(np.take_along_axis(rank, chosen, 1) - k, 0).sum()
    return 1 - 2 / (n * k * (2 * n - 3 * k - 1)) * float(over)


def kept(X: np.ndarray, Y: np.ndarray, k: int = 10) -> float:
    """The share of the k nearest neighbours that are among the k nearest on the map."""
    far = 1 - X @ X.T
    near = ((Y[:, None] - Y[None]) ** 2).sum(axis=2)
    np.fill_diagonal(far, 9)
    np.fill_diagonal(near, np.inf)
    a, b = np.argsort(far, axis=1)[:, :k], np.argsort(near, axis=1)[:, :k]
    return float(np.mean([len(set(p) & set(q)) / k for p, q in zip(a, b, strict=True)]))
