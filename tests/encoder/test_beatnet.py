"""The network of `rhythm` against plain loops."""

from __future__ import annotations

import numpy as np
import torch

from soundkin.encoder.beatnet import LAGS, PLACES, SHORTEST, BeatNet, distances


def test_coming_back_by_a_loop() -> None:
    net = BeatNet(frames=150).eval()
    strokes = torch.rand(1, 6, 149, generator=torch.Generator().manual_seed(2))
    ours = net.again(strokes)[0].numpy()
    x = strokes[0].numpy().astype(float)
    x = x - x.mean(axis=1, keepdims=True)
    n = 149 - LAGS
    for channel in range(6):
        energy = (x[channel, :n] ** 2).sum() + 1e-4
        for lag in (1, 37, LAGS):
            expected = (x[channel, :n] * x[channel, lag : lag + n]).sum() / energy
            np.testing.assert_allclose(ours[channel, lag - 1], expected, atol=1e-5)
    np.testing.assert_allclose(net.train().again(strokes)[0], ours, atol=1e-5)


def test_distances_are_even_by_logarithm() -> None:
    matrix = distances().numpy()
    assert matrix.shape == (LAGS, PLACES)
    np.testing.assert_allclose(matrix.sum(axis=0), 1, atol=1e-5)
    centres = np.arange(1, LAGS + 1) @ matrix
    np.testing.assert_allclose(centres[[0, -1]], [SHORTEST, LAGS], rtol=1e-5)
    ratios = centres[1:] / centres[:-1]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-3)
