"""Vectors of several shapes and the plain way to find neighbours among them."""

from __future__ import annotations

import numpy as np


def unit(X):
    X = np.asarray(X, np.float64)
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)


def clustered(n, dim, seed=0, n_centres=40, spread=0.5):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((n_centres, dim))
    noise = spread * rng.standard_normal((n, dim))
    return unit(centres[rng.integers(0, n_centres, n)] + noise)


def uniform(n, dim, seed=0):
    return unit(np.random.default_rng(seed).standard_normal((n, dim)))


def duplicated(n, dim, seed=0):
    return np.repeat(uniform(-(-n // 5), dim, seed), 5, axis=0)[:n]


def plain_search(X, Q, k, allowed=None):
    """Nearest by a loop in float64: sort (distance rounded to float32, id) and take the first k."""
    allowed = range(len(X)) if allowed is None else allowed
    answers = []
    for q in np.asarray(Q, np.float64):
        pairs = []
        for row in allowed:
            x = np.asarray(X[row], np.float64)
            distance = max(0.0, 1.0 - float(np.dot(x, q)))
            pairs.append((float(np.float32(distance)), int(row)))
        pairs.sort()
        pairs = (pairs + [(float("inf"), -1)] * k)[:k]
        answers.append(pairs)
    ids = np.array([[i for _, i in pairs] for pairs in answers]).reshape(len(Q), k)
    return ids, np.array([[d for d, _ in pairs] for pairs in answers], np.float32).reshape(
        ids.shape
    )


def recall(distances, true_distances, slack=1e-5):
    """The part of answers no farther than the true k-th, so that ties are no misses."""
    hits = distances <= true_distances[:, -1:] + slack
    return float(hits.mean())
