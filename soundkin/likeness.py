"""How probable it is that a sound is like a few examples.

Two views of every sound's mean vector (centred on the library's mean) are put together: how near it is to
its nearest example, and what a linear probe says that was fitted to tell the examples from the rest of the
library, where rejected sounds count for more. Both are standardised over the rest and averaged.

The probability is careful: each example is scored as if it were not one; the rest is taken for a mixture of
sounds like those and others, and the odds that follow are tempered by two constants, measured on labelled
sets where a few examples stood for a whole class.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

Floats = npt.NDArray[np.float64]

PENALTY = 0.003
"""Weight of the probe's squared norm."""

BACKGROUND = 5_000
"""So many sounds of the rest are learned from, evenly drawn; all of them are scored."""

FOLDS = 20
"""So many examples are scored as if they were not one."""

TEMPER = (0.37, -1.39)
"""Slope and offset of the log-odds (esc10, sonicpi, mridangam; 5 and 15 examples a class)."""

REJECTIONS_HALF = 10
"""With so many rejected sounds they weigh as much as all the rest."""


def probabilities(
    X: npt.NDArray[np.float32],
    examples: npt.NDArray[np.bool_],
    rejected: npt.NDArray[np.bool_] | None = None,
    *,
    seed: int = 0,
) -> Floats:
    """Return how probable it is that each row is like the examples; (n,).

    X (n, dim): unit vectors; examples, rejected (n,): masks. Two examples or more.

    >>> X = np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 1, 2, 2, 1]]
    >>> p = probabilities(X, np.arange(8) < 2)
    >>> int(np.argmax(p[2:])), bool((p >= 0).all() and (p <= 1).all())
    (0, True)
    """
    none = np.zeros(len(X), bool) if rejected is None else rejected
    centred = X.astype(np.float64) - X.mean(axis=0)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    centred /= np.maximum(norms, 1e-9)
    rng = np.random.default_rng(seed)
    rest = np.flatnonzero(~examples & ~none)
    if not len(rest):
        return np.ones(len(X))
    learned = np.sort(rng.permutation(rest)[:BACKGROUND])
    near = np.flatnonzero(examples)
    scores = _scores(centred, near, learned, np.flatnonzero(none))
    held_out = np.array(
        [
            _scores(centred, np.delete(near, i), learned, np.flatnonzero(none))[near[i]]
            for i in _spread(len(near), FOLDS)
        ]
    )
    odds = _log_odds(scores, held_out, scores[learned], scores[none])
    slope, offset = TEMPER
    tempered: Floats = expit(slope * odds + offset)
    return tempered


def _spread(n: int, most: int) -> list[int]:
    """Return at most `most` numbers below n, evenly spread."""
    chosen: list[int] = np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int)).tolist()
    return chosen


def _scores(
    X: Floats,
    near: npt.NDArray[np.int64],
    learned: npt.NDArray[np.int64],
    rejected: npt.NDArray[np.int64],
) -> Floats:
    """Return the standardised mean of nearness to an example and the probe's answer; (n,)."""
    nearest = (X @ X[near].T).max(axis=1)
    share = len(rejected) / (len(rejected) + REJECTIONS_HALF)
    rows = np.concatenate([near, learned, rejected])
    weight = np.concatenate(
        [
            np.full(len(near), 0.5 / len(near)),
            np.full(len(learned), 0.5 * (1 - share) / len(learned)),
            np.full(len(rejected), 0.5 * share / max(len(rejected), 1)),
        ]
    )
    target = (np.arange(len(rows)) < len(near)).astype(np.float64)
    coefficients = probe(X[rows], target, weight)
    answer = X @ coefficients[:-1] + coefficients[-1]
    return 0.5 * (_standardised(nearest, learned) + _standardised(answer, learned))


def _standardised(values: Floats, learned: npt.NDArray[np.int64]) -> Floats:
    """Return values with mean 0 and deviation 1 over the rest."""
    background = values[learned]
    standard: Floats = (values - background.mean()) / max(float(background.std()), 1e-9)
    return standard


def probe(X: Floats, target: Floats, weight: Floats, *, penalty: float = PENALTY) -> Floats:
    """Fit a weighted logistic regression by Newton's method; coefficients (dim + 1,), offset last.

    X (n, dim); target (n,): 0 or 1; weight (n,): sums to 1. The offset is not penalised.
    """
    A = np.column_stack([X, np.ones(len(X))])
    ridge = np.full(A.shape[1], penalty)
    ridge[-1] = 1e-6
    found = np.zeros(A.shape[1])
    for _ in range(50):
        p = expit(A @ found)
        gradient = A.T @ (weight * (p - target)) + ridge * found
        curvature = (A * (weight * p * (1 - p))[:, None]).T @ A + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        found -= step
        if np.abs(step).max() < 1e-8:
            break
    return found


def _log_odds(scores: Floats, held_out: Floats, rest: Floats, rejected: Floats) -> Floats:
    """Return the log-odds of being like the examples, for two bells of one width; rises with the score.

    The rest is a mixture of both kinds; its share, and the other bell, are found by turns.
    """
    like = float(held_out.mean())
    other, variance, share = float(rest.mean()), max(float(rest.var()), 1e-9), 0.1
    certain = np.zeros(len(rejected))
    both = np.concatenate([rest, rejected])
    for _ in range(100):
        r = expit(_linear(rest, like, other, variance, share))
        share = float(np.clip((r.sum() + 1) / (len(r) + 10), 1e-4, 0.9))
        no = 1 - np.concatenate([r, certain])
        other = min(float((no * both).sum() / no.sum()), like - 1e-6)
        spread = (no * (both - other) ** 2).sum() + ((held_out - like) ** 2).sum()
        variance = max(float(spread / (no.sum() + len(held_out))), 1e-9)
    return _linear(scores, like, other, variance, share)


def _linear(values: Floats, like: float, other: float, variance: float, share: float) -> Floats:
    odds: Floats = logit(share) + (like - other) / variance * (values - (like + other) / 2)
    return np.clip(odds, -50.0, 50.0)
