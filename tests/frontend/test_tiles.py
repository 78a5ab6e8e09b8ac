"""Eight transforms side by side: every piece against NumPy, lane by lane."""

from __future__ import annotations

import numpy as np
import pytest

from soundkin.frontend.lanes import LANES
from soundkin.frontend.tiles import bands_of, frames_of, powers_of, transform


def turns(n_fft):
    angles = 2 * np.pi * np.arange(n_fft) / n_fft
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


@pytest.mark.parametrize("n_fft", [1 << k for k in range(2, 13)])
def test_transform_and_powers_of_every_size(n_fft):
    rng = np.random.default_rng(n_fft)
    half = n_fft // 2
    sound = rng.standard_normal((n_fft, LANES)).astype(np.float32)
    x = np.concatenate([sound[0::2], sound[1::2]]).reshape(-1)
    y, power = np.empty_like(x), np.empty((half + 1) * LANES, np.float32)
    given = sound[0::2] + 1j * sound[1::2]
    found = y if transform(x, y, *turns(n_fft)) else x
    parts = found.reshape(2, half, LANES)
    scale = np.sqrt(n_fft)
    np.testing.assert_allclose(
        parts[0] + 1j * parts[1], np.fft.fft(given, axis=0), atol=2e-6 * scale
    )
    powers_of(found, *turns(n_fft), power)
    expected = np.abs(np.fft.rfft(sound, axis=0)) ** 2
    np.testing.assert_allclose(power.reshape(-1, LANES), expected, atol=1e-5 * n_fft, rtol=1e-5)


@pytest.mark.parametrize("win", [1, 7, 8, 21, 32])
def test_frames_are_samples_times_the_window_evens_first(win):
    rng = np.random.default_rng(win)
    samples, window = (rng.standard_normal(n).astype(np.float32) for n in (100, win))
    places = rng.integers(0, 100 - win, LANES)
    half = 16
    x = np.zeros(2 * half * LANES, np.float32)
    frames_of(samples, places, window, x, half)
    expected = np.zeros((2 * half, LANES), np.float32)
    for lane, place in enumerate(places):
        for n in range(win):
            expected[n // 2 + half * (n % 2), lane] = samples[place + n] * window[n]
    np.testing.assert_array_equal(x.reshape(-1, LANES), expected)


def test_bands_sum_their_bins():
    rng = np.random.default_rng(0)
    power = rng.random((9, LANES)).astype(np.float32)
    firsts, lasts = np.array([0, 3, 0, 8]), np.array([2, 8, 0, 9])
    weights = rng.random(int((lasts - firsts).sum())).astype(np.float32)
    mel = np.full(4 * LANES, 7, np.float32)
    bands_of(power.reshape(-1), firsts, lasts, weights, mel)
    expected, at = [], 0
    for first, last in zip(firsts, lasts, strict=True):
        expected.append(weights[at : at + last - first] @ power[first:last])
        at += last - first
    np.testing.assert_allclose(mel.reshape(4, LANES), expected, rtol=1e-6)
