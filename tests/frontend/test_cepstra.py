"""Cepstra, slopes and statistics against plain loops and SciPy's transform."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.frontend.cepstra import cepstra, deltas, mean_and_deviation


def mel_frames(seed: int, n: int = 3, frames: int = 9, bands: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (10 ** rng.uniform(-9, 2, (n, frames, bands))).astype(np.float32)


@given(st.integers(0, 10**6), st.sampled_from([1e-3, 1e-6]))
@settings(max_examples=30, deadline=None)
def test_cepstra_by_another_transform(seed, floor):
    mel = mel_frames(seed)
    got = cepstra(mel, 20, floor)
    for window, coefficients in zip(mel.astype(np.float64), got, strict=True):
        for frame, row in zip(window, coefficients, strict=True):
            logs = [np.log(value / window.max() + floor) for value in frame]
            expected = scipy.fft.dct(logs, type=2, norm="ortho")[:20]
            np.testing.assert_allclose(row, expected, atol=1e-3)


@given(st.floats(1e-6, 1e6), st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_gain_changes_nothing(gain, seed):
    mel = mel_frames(seed)
    np.testing.assert_allclose(
        cepstra(mel * np.float32(gain), 20, 1e-6), cepstra(mel, 20, 1e-6), atol=1e-3
    )


def test_nothing_far_below_the_loudest_counts():
    mel = mel_frames(0)
    mel[:, 0, 0] = 1e4
    faint = mel.copy()
    faint[faint < 1e-5] = 0
    np.testing.assert_allclose(cepstra(faint, 20, 1e-6), cepstra(mel, 20, 1e-6), atol=5e-3)
    assert np.isfinite(cepstra(np.zeros((1, 2, 40), np.float32), 20, 1e-6)).all()


@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_slopes_by_plain_loops(seed, n_frames, reach):
    frames = np.random.default_rng(seed).standard_normal((2, n_frames, 3)).astype(np.float32)
    got = deltas(frames, reach)
    for window in range(2):
        for t in range(n_frames):
            for c in range(3):
                above = below = 0.0
                for k in range(-reach, reach + 1):
                    place = min(max(t + k, 0), n_frames - 1)
                    above += k * float(frames[window, place, c])
                    below += k * k
                assert got[window, t, c] == pytest.approx(above / below, abs=1e-5)


def test_a_ramp_has_its_slope():
    ramp = np.arange(20, dtype=np.float32).reshape(1, 20, 1) * 3
    np.testing.assert_allclose(deltas(ramp, 2)[0, 2:-2, 0], 3, atol=1e-5)


@given(st.integers(0, 10**6), st.lists(st.integers(1, 12), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_statistics_of_the_valid_frames_only(seed, valid):
    frames = np.random.default_rng(seed).standard_normal((len(valid), 12, 5)).astype(np.float32)
    got = mean_and_deviation(frames, np.array(valid))
    for row, (window, n) in enumerate(zip(frames, valid, strict=True)):
        for c in range(5):
            values = [float(window[t, c]) for t in range(n)]
            mean = sum(values) / n
            deviation = (sum((value - mean) ** 2 for value in values) / n) ** 0.5
            assert got[row, c] == pytest.approx(mean, abs=1e-5)
            assert got[row, 5 + c] == pytest.approx(deviation, abs=1e-5)
