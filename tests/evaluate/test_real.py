"""How synthetic sound differs from real: against plain loops, other libraries and known sounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.errors import InputError
from soundkin.evaluate.real import (
    HOP,
    MEASURES,
    SIZE,
    causal_uncertainty,
    frechet_distance,
    spectral_measures,
)

RATE = 16_000
T = np.arange(RATE) / RATE


def by_loops(sound):
    """The four measures of colour, frame by frame and bin by bin."""
    rows, energies = [], []
    for begin in range(0, len(sound) - SIZE + 1, HOP):
        window = [0.5 - 0.5 * math.cos(2 * math.pi * i / (SIZE - 1)) for i in range(SIZE)]
        m = np.abs(np.fft.fft(sound[begin : begin + SIZE] * window))[: SIZE // 2 + 1]
        energies.append(float((m**2).sum()))
        hz = [k * RATE / SIZE for k in range(len(m))]
        centroid = sum(f * a for f, a in zip(hz, m, strict=True)) / m.sum()
        spread = sum((f - centroid) ** 2 * a for f, a in zip(hz, m, strict=True)) / m.sum()
        power = [float(a) ** 2 for a in m]
        flat = math.exp(sum(math.log(p + 1e-300) for p in power) / len(power))
        below, k = 0.0, -1
        while below < 0.85 * sum(power):
            k += 1
            below += power[k]
        rows.append((centroid, math.sqrt(spread), flat / (sum(power) / len(power)), hz[k]))
    kept = [row for row, e in zip(rows, energies, strict=True) if e > 1e-6 * max(energies)]
    return np.mean(kept, axis=0)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_colour_against_loops(seed):
    rng = np.random.default_rng(seed)
    sound = rng.standard_normal(2000) * rng.uniform(0.01, 1) + np.sin(2 * np.pi * 700 * T[:2000])
    found = spectral_measures(sound, rate_hz=RATE)
    ours = [found[name][0] for name in list(MEASURES)[:4]]
    np.testing.assert_allclose(ours, by_loops(sound), rtol=1e-5)


def test_known_sounds_have_their_colour():
    rng = np.random.default_rng(0)
    found = spectral_measures(
        np.stack([np.sin(2 * np.pi * 2000 * T), rng.standard_normal(RATE), 0 * T]), rate_hz=RATE
    )
    assert abs(found["centroid_hz"][0] - 2000) < 40
    assert abs(found["centroid_hz"][1] - 4000) < 150
    assert found["bandwidth_hz"][0] < 400 < 2000 < found["bandwidth_hz"][1]
    assert found["flatness"][0] < 0.01 < 0.4 < found["flatness"][1]
    assert abs(found["roll_off_hz"][1] - 0.85 * 8000) < 200
    assert all(np.isnan(column[2]) for column in found.values())
    louder = spectral_measures(7 * np.sin(2 * np.pi * 2000 * T), rate_hz=RATE)
    for name, column in louder.items():
        np.testing.assert_allclose(column, found[name][:1], rtol=1e-5)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_clicks_are_counted(count):
    rng = np.random.default_rng(count)
    sound = 1e-4 * rng.standard_normal(RATE)
    for at in (np.arange(count) + 0.3) * RATE / count:
        burst = rng.standard_normal(400) * np.exp(-np.arange(400) / 80)
        sound[int(at) : int(at) + 400] += burst
    assert spectral_measures(sound, rate_hz=RATE)["onsets_per_s"][0] == count


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_the_distance_of_gaussians(seed, dim):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, dim)) @ rng.standard_normal((dim, dim))
    y = rng.standard_normal((30, dim)) @ rng.standard_normal((dim, dim)) + rng.uniform(-2, 2)
    Cx, Cy = (np.cov(side, rowvar=False).reshape(dim, dim) for side in (x, y))
    root = scipy.linalg.sqrtm(Cx @ Cy).real
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(Cx + Cy - 2 * root)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6 * (1 + np.trace(Cx)))
    assert frechet_distance(x, x + 3) == pytest.approx(9 * dim, rel=1e-6, abs=1e-5)


def test_uncertainty_is_the_entropy():
    p = np.array([[0.7, 0.2, 0.1], [1, 0, 0], [1 / 3] * 3])
    found = causal_uncertainty(p)
    expected = -(0.7 * np.log(0.7) + 0.2 * np.log(0.2) + 0.1 * np.log(0.1)) / np.log(3)
    np.testing.assert_allclose(found, [expected, 0, 1], atol=1e-12)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(InputError, match="512 and more"):
        spectral_measures(np.zeros((2, 100)), rate_hz=RATE)
    with pytest.raises(InputError, match=r"\(n, dim\) and \(m, dim\)"):
        frechet_distance(np.zeros((3, 2)), np.zeros((3, 4)))
    with pytest.raises(InputError, match="two and more"):
        causal_uncertainty([[1.0]])
