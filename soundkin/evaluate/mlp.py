"""HEAR's probe: a small network on frozen vectors (Turian et al. 2022), in NumPy.

Hidden layers of 1,024 units, each linear, batch norm, dropout of 0.1, ReLU; Adam in batches of
1,024; early stopping by the validation fold. Layers and rate are chosen there too. HEAR tries eight
models of sixteen; ours are four: 1 and 2 layers, rates of 3.2e-3 and 1e-3.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.evaluate.probe import Probed

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

GRID = ((1, 3.2e-3), (1, 1e-3), (2, 3.2e-3), (2, 1e-3))
"""Hidden layers and rate of the models that are tried."""
HIDDEN, DROPOUT, BATCH = 1024, 0.1, 1024
EPOCHS, EVERY, PATIENCE = 500, 3, 20
"""Longest training; every how many epochs the validation is asked, and how often in vain."""
MOMENTUM, TINY = 0.1, 1e-5


@dataclass(slots=True)
class _Layer:
    """Weights (before, after), bias; gain and shift of the norm, its running mean and variance.

    The last layer has no norm: `gain` of length 0.
    """

    weight: Floats
    bias: Floats
    gain: Floats
    shift: Floats
    mean: Floats
    variance: Floats

    def learnt(self) -> list[Floats]:
        """What the gradient moves."""
        return [self.weight, self.bias, self.gain, self.shift]


@dataclass(frozen=True, slots=True)
class Mlp:
    """A fitted probe: `classes` (c,), its layers, and what standardises a vector: (dim,) each."""

    classes: npt.NDArray[np.str_]
    layers: tuple[_Layer, ...]
    mean: Floats
    scale: Floats

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[np.str_]:
        """The likeliest class of each vector (n, dim): (n,)."""
        x = (np.asarray(X, np.float32) - self.mean) * self.scale
        names: npt.NDArray[np.str_] = self.classes[_scores(x, self.layers).argmax(axis=1)]
        return names


def mlp_probe(
    X: npt.ArrayLike, labels: npt.ArrayLike, folds: npt.ArrayLike, *, seed: int = 0,
    hidden: int = HIDDEN, epochs: int = EPOCHS,
) -> Probed:  # fmt: skip
    """Answer each fold from the others: fold i is the test, i + 1 chooses the model and its stop.

    X (n, dim); labels (n,); folds (n,). `strengths` of the answer are the rates chosen. Raises
    InputError for fewer than three folds.

    Examples
    --------
    >>> X = np.repeat([[0.0, 1.0], [1.0, 0.0]], 6, axis=0)
    >>> y = np.repeat(["a", "b"], 6)
    >>> mlp_probe(X, y, np.arange(12) % 3, hidden=4, epochs=10).predicted.shape
    (12,)
    """
    x, label, fold = np.asarray(X, np.float32), np.asarray(labels).astype(str), np.asarray(folds)
    names = np.unique(fold)
    if len(names) < 3:
        raise InputError(f"{len(names)} folds", "three and more", "name a group with more values")
    predicted, rates = np.empty_like(label), []
    for i, test in enumerate(names):
        asked, validation = fold == test, fold == names[(i + 1) % len(names)]
        train = ~asked & ~validation
        tried = [
            fit_mlp(x[train], label[train], x[validation], label[validation], layers=layers,
                    rate=rate, seed=seed, hidden=hidden, epochs=epochs)
            for layers, rate in GRID
        ]  # fmt: skip
        best = max(range(len(GRID)), key=lambda k: tried[k][1])
        predicted[asked] = tried[best][0].predict(x[asked])
        rates.append(GRID[best][1])
    return Probed(predicted, (predicted == label).astype(np.float64), tuple(rates))


def fit_mlp(
    X: Floats,
    labels: npt.NDArray[np.str_],
    X_validation: Floats,
    validation: npt.NDArray[np.str_],
    *,
    layers: int,
    rate: float,
    seed: int = 0,
    hidden: int = HIDDEN,
    epochs: int = EPOCHS,
) -> tuple[Mlp, float]:
    """A probe trained on X (n, dim), stopped where it answers the validation best, and that share."""
    rng = np.random.default_rng(seed)
    classes, y = np.unique(labels, return_inverse=True)
    deviation = X.std(axis=0)
    mean = X.mean(axis=0)
    scale = np.where(deviation > 1e-9, 1 / np.maximum(deviation, 1e-9), 0).astype(np.float32)
    x = (X - mean) * scale
    net = _fresh([x.shape[1], *[hidden] * layers, len(classes)], rng)
    adam = [(np.zeros_like(w), np.zeros_like(w)) for layer in net for w in layer.learnt()]
    best, most, vain, step = _copied(net), -1.0, 0, 0
    for epoch in range(epochs):
        order = rng.permutation(len(x))
        for rows in np.array_split(order, -(-len(x) // BATCH)):
            step += 1
            _update(net, adam, _gradients(net, x[rows], y[rows], rng), rate, step)
        if epoch % EVERY and epoch + 1 < epochs:
            continue
        probe = Mlp(classes, tuple(net), mean, scale)
        right = float((probe.predict(X_validation) == validation).mean())
        vain += 1
        if right > most:
            best, most, vain = _copied(net), right, 0
        if vain >= PATIENCE:
            break
    return Mlp(classes, best, mean, scale), most


def _fresh(sizes: Sequence[int], rng: np.random.Generator) -> list[_Layer]:
    """Layers with weights as Glorot and Bengio 2010 draw them, evenly."""
    net = []
    for place, (before, after) in enumerate(itertools.pairwise(sizes)):
        edge = np.sqrt(6 / (before + after))
        norm = 0 if place == len(sizes) - 2 else after
        weight = rng.uniform(-edge, edge, (before, after)).astype(np.float32)
        zeros, ones = (np.full(norm, v, np.float32) for v in (0, 1))
        bias = np.zeros(after, np.float32)
        net.append(_Layer(weight, bias, ones.copy(), zeros.copy(), zeros.copy(), ones.copy()))
    return net


def _scores(x: Floats, net: Sequence[_Layer]) -> Floats:
    """Logits (n, c) with the running statistics and no dropout."""
    for layer in net:
        x = x @ layer.weight + layer.bias
        if len(layer.gain):
            x = (x - layer.mean) / np.sqrt(layer.variance + TINY) * layer.gain + layer.shift
            x = np.maximum(x, 0)
    return x


def _gradients(net: list[_Layer], x: Floats, y: Ints, rng: np.random.Generator) -> list[Floats]:
    """Slopes of the mean cross-entropy of a batch, in the order of `learnt` of all layers.

    Moves the running statistics of the norms on the way.
    """
    kept = []
    for layer in net[:-1]:
        z = x @ layer.weight + layer.bias
        mean, variance = z.mean(axis=0), z.var(axis=0)
        layer.mean += MOMENTUM * (mean - layer.mean)
        layer.variance += MOMENTUM * (variance * len(z) / max(1, len(z) - 1) - layer.variance)
        normed = (z - mean) / np.sqrt(variance + TINY)
        mask = (rng.random(z.shape, np.float32) >= DROPOUT) / np.float32(1 - DROPOUT)
        out = (normed * layer.gain + layer.shift) * mask
        kept.append((x, normed, variance, mask * (out > 0)))
        x = np.maximum(out, 0)
    logits = x @ net[-1].weight + net[-1].bias
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    slope = odds / odds.sum(axis=1, keepdims=True)
    slope[np.arange(len(y)), y] -= 1
    slope /= len(y)
    none = np.empty(0, np.float32)
    found = [x.T @ slope, slope.sum(axis=0), none, none]
    slope = slope @ net[-1].weight.T
    for layer, (before, normed, variance, passed) in zip(net[-2::-1], kept[::-1], strict=True):
        slope *= passed
        gain, shift = (slope * normed).sum(axis=0), slope.sum(axis=0)
        inner = slope * layer.gain
        inner = inner - inner.mean(axis=0) - normed * (inner * normed).mean(axis=0)
        slope = inner / np.sqrt(variance + TINY)
        found = [before.T @ slope, slope.sum(axis=0), gain, shift, *found]
        slope = slope @ layer.weight.T
    return found


def _update(
    net: list[_Layer],
    adam: list[tuple[Floats, Floats]],
    slopes: list[Floats],
    rate: float,
    step: int,
) -> None:
    """One step of Adam (Kingma and Ba 2015), in place."""
    weights = [w for layer in net for w in layer.learnt()]
    size = rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    for weight, moments, slope in zip(weights, adam, slopes, strict=True):
        first, second = moments
        np.add(first, 0.1 * (slope - first), out=first)
        np.add(second, 0.001 * (slope * slope - second), out=second)
        np.subtract(
            weight, size * first / (np.sqrt(second) + 1e-8), out=weight, casting="same_kind"
        )


def _copied(net: Sequence[_Layer]) -> tuple[_Layer, ...]:
    """The layers as they are now."""
    names = _Layer.__slots__
    return tuple(_Layer(*(getattr(layer, name).copy() for name in names)) for layer in net)
