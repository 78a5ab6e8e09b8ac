"""What can be read from frozen vectors: linear and k-NN probes, and a few seconds a speaker.

Logistic regression is multinomial with L2, on standardised vectors: it minimises
``|W|^2 / 2 + C * sum of losses`` (the intercept is free), scikit-learn's objective.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.evaluate.retrieval import neighbours

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[np.str_]

STRENGTHS = (0.001, 0.01, 0.1)
"""C that a linear probe chooses from."""
BUDGETS_S = (10.0, 15.0, 30.0, 60.0, 120.0)
"""Labelled seconds per speaker of Autodecompose's table."""
CROP_S = 1.024


@dataclass(frozen=True, slots=True)
class Logistic:
    """A fitted classifier: `classes` (c,), `weights` (dim, c), `bias` (c,), `mean`, `scale` (dim,)."""

    classes: Texts
    weights: Doubles
    bias: Doubles
    mean: Doubles
    scale: Doubles

    def scores(self, X: npt.ArrayLike) -> Doubles:
        """Logits (n, c) of vectors (n, dim)."""
        logits: Doubles = ((np.asarray(X, np.float64) - self.mean) * self.scale) @ self.weights
        return logits + self.bias

    def predict(self, X: npt.ArrayLike) -> Texts:
        """The likeliest class of each vector (n, dim): (n,)."""
        names: Texts = self.classes[self.scores(X).argmax(axis=1)]
        return names

    def probabilities(self, X: npt.ArrayLike) -> Doubles:
        """Probability of each class: (n, c), rows sum to 1."""
        logits = self.scores(X)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Doubles = odds / odds.sum(axis=1, keepdims=True)
        return shares


def fit_logistic(
    X: npt.ArrayLike, labels: npt.ArrayLike, *, C: float = 1.0, tol: float = 1e-5
) -> Logistic:
    """Fit by L-BFGS: X (n, dim), labels (n,).

    Stops when no entry of the gradient, in the units of :func:`_descend`, exceeds `tol` times n C.
    With one class it always answers that. Raises InputError for no rows.
    """
    return _fit(_turned(np.asarray(X, np.float64)), np.asarray(labels), C=C, tol=tol)[0]


@dataclass(frozen=True, slots=True)
class _Turned:
    """Standardised vectors in the coordinates of their own principal axes.

    `mean`, `scale` (dim,); `axes` (dim, r); `rows` (n, r) = standardised vectors @ axes; `sizes`
    (r,): their sums of squares. The best weights lie in the span of the axes.
    """

    mean: Doubles
    scale: Doubles
    axes: Doubles
    rows: Doubles
    sizes: Doubles


def _turned(x: Doubles) -> _Turned:
    """Standardise and turn vectors (n, dim)."""
    if not len(x):
        raise InputError("no vectors to learn from", "one and more")
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    scale = 1 / np.where(deviation > 1e-9 * (1 + np.abs(mean)), deviation, np.inf)
    z = (x - mean) * scale
    if len(z) < z.shape[1]:
        sizes, left = np.linalg.eigh(z @ z.T)
        kept = sizes > 1e-9 * max(float(sizes[-1]), 1e-30)
        axes = (z.T @ left[:, kept]) / np.sqrt(sizes[kept])
    else:
        sizes, axes = np.linalg.eigh(z.T @ z)
        kept = sizes > 1e-9 * max(float(sizes[-1]), 1e-30)
        axes = axes[:, kept]
    return _Turned(mean, scale, axes, z @ axes, sizes[kept])


def _fit(
    turned: _Turned, labels: Texts, *, C: float, tol: float = 1e-5, start: Doubles | None = None
) -> tuple[Logistic, Doubles]:
    """A fit, and its weights and bias (r + 1, c) in turned coordinates to start another from."""
    classes, y = np.unique(labels, return_inverse=True)
    if len(classes) == 1:
        none = np.zeros((len(turned.mean), 1))
        return Logistic(classes, none, np.zeros(1), turned.mean, turned.scale), np.empty((0, 0))
    found = _descend(turned, np.eye(len(classes))[y], C, tol, start)
    weights = turned.axes @ found[:-1]
    return Logistic(classes, weights, found[-1], turned.mean, turned.scale), found


def _descend(
    turned: _Turned, target: Doubles, C: float, tol: float, start: Doubles | None
) -> Doubles:
    """Minimise |W|^2 / 2 + C * losses: (r + 1, c), the last row the bias.

    Each coordinate is measured in units in which the objective is about as steep in all of them
    (with equal odds the loss bends by sizes * (1 - 1/c) / c), which takes tens of steps where plain
    coordinates take hundreds.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - 0.3 s to import

    n, c = target.shape
    rows = np.column_stack([turned.rows, np.ones(n)])
    bend = C * (1 - 1 / c) / c
    unit = 1 / np.sqrt(np.append(1 + bend * turned.sizes, bend * n))[:, None]
    ridge = np.append(np.ones(len(turned.sizes)), 0.0)[:, None]

    def objective(flat: Doubles) -> tuple[float, Doubles]:
        W = flat.reshape(-1, c) * unit
        logits = rows @ W
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        total = odds.sum(axis=1)
        loss = float(np.log(total).sum() - (logits * target).sum())
        gradient = C * (rows.T @ (odds / total[:, None] - target)) + ridge * W
        return C * loss + float((ridge * W * W).sum()) / 2, (gradient * unit).ravel()

    first = start / unit if start is not None and start.size else np.zeros((rows.shape[1], c))
    options = {"maxiter": 2000, "gtol": tol * n * C, "ftol": 1e-13, "maxcor": 20}
    found = minimize(objective, first.ravel(), jac=True, method="L-BFGS-B", options=options).x
    best: Doubles = found.reshape(-1, c) * unit
    return best


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe answered: `predicted` (n,), `correct` (n,) 0 or 1, and the C of each fold."""

    predicted: Texts
    correct: Doubles
    strengths: tuple[float, ...]


def linear_probe(
    X: npt.ArrayLike,
    labels: npt.ArrayLike,
    folds: npt.ArrayLike,
    *,
    strengths: Sequence[float] = STRENGTHS,
) -> Probed:
    """Answer each fold from the others: fold i is the test, i + 1 chooses C, refitted with it.

    X (n, dim); labels (n,); folds (n,) whole numbers, see :func:`group_folds`. Of strengths that do
    equally well the least is taken. With two folds C is the middle one. Raises InputError for one.

    Examples
    --------
    >>> X = np.repeat([[0.0, 1.0], [1.0, 0.0]], 6, axis=0)
    >>> linear_probe(X, np.repeat(["a", "b"], 6), np.arange(12) % 3).correct.mean()
    np.float64(1.0)
    """
    x, label, fold = np.asarray(X, np.float64), np.asarray(labels).astype(str), np.asarray(folds)
    names = np.unique(fold)
    if len(names) < 2:
        raise InputError("one fold", "two and more", "name a group column with more values")
    predicted = np.empty_like(label)
    chosen = []
    for i, test in enumerate(names):
        asked, validation = fold == test, fold == names[(i + 1) % len(names)]
        C = strengths[len(strengths) // 2]
        if len(names) > 2 and len(strengths) > 1:
            C = _best_strength(x, label, ~asked & ~validation, validation, strengths)
        predicted[asked] = fit_logistic(x[~asked], label[~asked], C=C).predict(x[asked])
        chosen.append(float(C))
    return Probed(predicted, (predicted == label).astype(np.float64), tuple(chosen))


def _best_strength(
    x: Doubles,
    label: Texts,
    train: npt.NDArray[np.bool_],
    validation: npt.NDArray[np.bool_],
    strengths: Sequence[float],
) -> float:
    """The C whose fit on `train` answers `validation` best."""
    best, most, start = strengths[0], -1.0, None
    turned = _turned(x[train])
    for C in sorted(strengths):
        fit, start = _fit(turned, label[train], C=C, start=start)
        right = float((fit.predict(x[validation]) == label[validation]).mean())
        if right > most:
            best, most = C, right
    return best


def group_folds(
    labels: npt.ArrayLike, groups: npt.ArrayLike, *, n_folds: int = 5, seed: int = 0
) -> Ints:
    """A fold (n,), 0 to n_folds - 1, for each clip, so that no group straddles two of them.

    With at most `n_folds` groups each is a fold. Else the largest groups first, each goes where its
    labels are scarcest, so that folds have about the same labels; equals by the seed.

    Examples
    --------
    >>> group_folds(["a", "a", "b", "b"], ["x", "y", "z", "w"], n_folds=2).tolist() in (
    ...     [0, 1, 0, 1], [0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 1, 0])
    True
    """
    _, label = np.unique(np.asarray(labels), return_inverse=True)
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) <= n_folds:
        return group.astype(np.int64)
    table = np.zeros((len(names), label.max() + 1))
    np.add.at(table, (group, label), 1)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(names))
    order = order[np.argsort(-table[order].sum(axis=1), kind="stable")]
    share = 1 / np.maximum(table.sum(axis=0), 1)
    held = np.zeros((n_folds, table.shape[1]))
    fold_of = np.empty(len(names), np.int64)
    for name in order:
        crowded = (held * share) @ table[name] / table[name].sum()
        fold = int(np.lexsort((held.sum(axis=1), crowded))[0])
        fold_of[name] = fold
        held[fold] += table[name]
    return fold_of[group]


def knn_probe(
    vectors: npt.ArrayLike,
    labels: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    *,
    k: int = 10,
) -> Probed:
    """Each clip is given the label most of its k nearest bear, by cosine, the own group left out.

    Of labels with equally many votes the one that comes first nearest.
    """
    label = np.asarray(labels).astype(str)
    names, number = np.unique(label, return_inverse=True)
    won = np.empty(len(label), np.int64)
    for begin, order, allowed in neighbours(vectors, groups, n_labels=len(label)):
        near, may = number[order[:, :k]], allowed[:, :k]
        votes = np.zeros((len(near), len(names)))
        ahead = np.zeros_like(votes)  # below 1, so that it decides between equals only
        for place in range(near.shape[1]):
            at = np.arange(len(near)), near[:, place]
            np.add.at(votes, at, may[:, place])
            np.maximum.at(ahead, at, may[:, place] / (place + 2))
        won[begin : begin + len(near)] = (votes + ahead).argmax(axis=1)
    return Probed(names[won], (won == number).astype(np.float64), ())


def macro_f1(labels: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Mean over the classes that occur of 2 TP / (2 TP + FP + FN): 0 to 1.

    Examples
    --------
    >>> round(macro_f1(["a", "a", "b"], ["a", "b", "b"]), 3)
    0.667
    """
    label, guess = np.asarray(labels).astype(str), np.asarray(predicted).astype(str)
    names, number = np.unique(np.concatenate([label, guess]), return_inverse=True)
    table = np.zeros((len(names), len(names)))
    np.add.at(table, (number[: len(label)], number[len(label) :]), 1)
    total = table.sum(axis=0) + table.sum(axis=1)
    return float((2 * np.diag(table) / np.maximum(total, 1))[total > 0].mean())


def speaker_test(
    crops: npt.ArrayLike,
    speakers: npt.ArrayLike,
    utterances: npt.ArrayLike,
    *,
    budgets_s: Sequence[float] = BUDGETS_S,
    crop_s: float = CROP_S,
    repeats: int = 5,
    C: float = 1.0,
    seed: int = 0,
    heard_as: npt.ArrayLike | None = None,
) -> dict[float, Doubles]:
    """Autodecompose's test: macro-F1 on crops from so many labelled seconds per speaker.

    `crops` (n, dim): vectors of stretches of `crop_s`, none overlapping; `speakers`, `utterances`
    (n,). Every repeat draws utterances of each speaker until the budget is full; what is left of
    those is not asked about, so that no utterance is on both sides. Speakers with less speech than
    the budget and one more utterance take no part. `heard_as` (n, dim): the same crops as they are
    asked about, over another microphone say (default: as they were learnt). Returns budget -> F1 of
    each repeat (repeats,); budgets that fewer than two speakers can meet are left out.
    """
    x, speaker = np.asarray(crops, np.float64), np.asarray(speakers).astype(str)
    utterance = np.asarray(utterances).astype(str)
    other = x if heard_as is None else np.asarray(heard_as, np.float64)
    found: dict[float, Doubles] = {}
    for budget_s in budgets_s:
        scores = []
        for repeat in range(repeats):
            rng = np.random.default_rng([seed, repeat])
            learnt, asked = split_budget(speaker, utterance, round(budget_s / crop_s), rng)
            if len(set(speaker[learnt])) < 2:
                break
            fit = fit_logistic(x[learnt], speaker[learnt], C=C)
            scores.append(macro_f1(speaker[asked], fit.predict(other[asked])))
        if scores:
            found[float(budget_s)] = np.array(scores)
    return found


def split_budget(
    speaker: Texts, utterance: Texts, n_crops: int, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Rows to learn from, `n_crops` of each speaker, and rows of untouched utterances."""
    learnt, asked = [], []
    for name in np.unique(speaker):
        rows = np.flatnonzero(speaker == name)
        taken = 0
        mine: list[Ints] = []
        spoken = rng.permutation(np.unique(utterance[rows]))
        rest: list[Ints] = []
        for said in spoken:
            part = rows[utterance[rows] == said]
            if taken < n_crops:
                mine.append(part[: n_crops - taken])
                taken += len(mine[-1])
            else:
                rest.append(part)
        if taken == n_crops and rest:
            learnt += mine
            asked += rest
    none = np.empty(0, np.int64)
    return np.concatenate([none, *learnt]), np.concatenate([none, *asked])


def content_test(
    features: Mapping[str, npt.ArrayLike], labels: npt.ArrayLike, speakers: npt.ArrayLike
) -> dict[str, Probed]:
    """What is said, read from several features of the same clips, unseen speakers: name -> answers.

    Content should read it better than voice does (`features`: name -> (n, dim)).
    """
    folds = group_folds(labels, speakers)
    return {name: linear_probe(X, labels, folds) for name, X in features.items()}
