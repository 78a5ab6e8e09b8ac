"""HEAR's probe: slopes by finite differences, what a line cannot tell, honest folds."""

from __future__ import annotations

import numpy as np
import pytest

from soundkin.errors import InputError
from soundkin.evaluate import mlp
from soundkin.evaluate.mlp import fit_mlp, mlp_probe
from soundkin.evaluate.probe import linear_probe


def test_slopes_are_those_of_the_loss(monkeypatch):
    monkeypatch.setattr(mlp, "DROPOUT", 0.0)
    rng = np.random.default_rng(0)
    net = mlp._fresh([4, 5, 6, 3], rng)
    for layer in net:
        for name in layer.__slots__:
            setattr(layer, name, getattr(layer, name).astype(np.float64))
    x, y = rng.standard_normal((9, 4)), rng.integers(0, 3, 9)

    def loss():
        h = x
        for layer in net[:-1]:
            z = h @ layer.weight + layer.bias
            z = (z - z.mean(0)) / np.sqrt(z.var(0) + mlp.TINY)
            h = np.where(z * layer.gain + layer.shift > 0, z * layer.gain + layer.shift, 0)
        logits = h @ net[-1].weight + net[-1].bias
        return float(
            np.mean([np.log(np.exp(r).sum()) - r[k] for r, k in zip(logits, y, strict=True)])
        )

    slopes = mlp._gradients(net, x, y, rng)
    for weight, slope in zip([w for layer in net for w in layer.learnt()], slopes, strict=True):
        for at in list(np.ndindex(weight.shape))[::3]:
            was = weight[at]
            weight[at] = was + 1e-5
            above = loss()
            weight[at] = was - 1e-5
            below = loss()
            weight[at] = was
            assert slope[at] == pytest.approx((above - below) / 2e-5, abs=1e-8)


def test_it_tells_what_no_line_tells(monkeypatch):
    monkeypatch.setattr(mlp, "GRID", ((1, 3.2e-3), (1, 1e-3)))
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (240, 2))
    y = np.where(x[:, 0] * x[:, 1] > 0, "same", "other")
    folds = np.arange(240) % 3
    found = mlp_probe(x, y, folds, hidden=32, epochs=90)
    assert found.correct.mean() > 0.85 > 0.65 > linear_probe(x, y, folds).correct.mean()
    assert set(found.strengths) <= {3.2e-3, 1e-3}


def test_the_same_seed_gives_the_same_probe():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((40, 3)).astype(np.float32), np.resize(["a", "b"], 40)
    how = {"layers": 2, "rate": 1e-3, "hidden": 8, "epochs": 6}
    one, other = (fit_mlp(x, y, x, y, **how)[0] for _ in range(2))
    for a, b in zip(one.layers, other.layers, strict=True):
        np.testing.assert_array_equal(a.weight, b.weight)
    third = fit_mlp(x, y, x, y, **how, seed=1)[0]
    assert not np.array_equal(one.layers[0].weight, third.layers[0].weight)


def test_labels_of_chance_stay_chance():
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((200, 10)), rng.integers(0, 2, 200).astype(str)
    found = mlp_probe(x, y, np.arange(200) % 4, hidden=16, epochs=7)
    assert abs(found.correct.mean() - 0.5) < 0.15


def test_a_constant_column_and_two_folds():
    x = np.repeat([[0.0, 7.0], [1.0, 7.0]], 10, axis=0).astype(np.float32)
    y = np.repeat(["a", "b"], 10)
    probe, right = fit_mlp(x, y, x, y, layers=1, rate=1e-2, hidden=8, epochs=30)
    assert right == 1.0
    assert (probe.predict(x) == y).all()
    with pytest.raises(InputError, match="three and more"):
        mlp_probe(x, y, np.arange(20) % 2)
