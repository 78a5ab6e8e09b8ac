"""The Morlet bank: unit norm, zero mean, peaks where they should be, and Gaussians by another way."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.errors import InputError
from soundkin.frontend.morlet import (
    a_weighting,
    bank_responses,
    cochlea_bank,
    morlet_bank,
    morlet_centres,
)


def check(bank, centres, rate):
    np.testing.assert_allclose(np.linalg.norm(bank, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(bank.astype(np.float64).mean(axis=1), 0, atol=1e-8)
    frequency, magnitude = bank_responses(bank, rate, n_fft=1 << 16)
    np.testing.assert_allclose(frequency[magnitude.argmax(axis=1)], centres, rtol=0.01)


def test_cochleas_bank():
    check(cochlea_bank(), morlet_centres(128, 80, 5300), 11_025)


@given(
    rate=st.sampled_from([8000, 11_025, 16_000, 44_100]),
    scale=st.sampled_from(["mel", "log", "linear"]),
    scaling=st.floats(0.1, 1.0),
    kernel=st.sampled_from([256, 512, 1001]),
)
@settings(max_examples=30, deadline=None)
def test_any_bank_whose_kernel_holds_enough_periods(rate, scale, scaling, kernel):
    # enough: eight periods in the kernel, and three in the Gaussian's deviation
    periods = max(8, 3 * 4 * math.pi * scaling)
    centres = morlet_centres(12, periods * rate / kernel, 0.42 * rate, scale)
    check(morlet_bank(centres, rate, kernel=kernel, scaling=scaling), centres, rate)


def test_a_row_against_the_complex_wavelet_sample_by_sample():
    rate, kernel, s, centre = 11_025, 512, 0.7, 900.0
    w = centre / (s * 2 * rate / kernel)
    samples = []
    for k in range(kernel):
        x = s * 2 * math.pi * (2 * k + 1 - kernel) / kernel
        value = (cmath.exp(1j * w * x) - math.exp(-w * w / 2)) * math.exp(-x * x / 2)
        samples.append(value.real)
    length = math.sqrt(sum(v * v for v in samples))
    expected = [v / length for v in samples]
    [row] = morlet_bank([centre], rate, kernel=kernel, scaling=s)
    np.testing.assert_allclose(row, expected, atol=2e-6)


def test_a_larger_scaling_is_wider_in_frequency():
    frequency, magnitude = bank_responses(morlet_bank([2000] * 2, 11_025, scaling=[0.2, 1]), 11_025)
    widths = (magnitude > magnitude.max(axis=1, keepdims=True) / 2).sum(axis=1)
    assert widths[1] > 2 * widths[0]
    assert frequency[-1] == pytest.approx(11_025 / 2)


def test_a_weighting_against_the_standards_table():
    table = {31.5: -39.4, 63: -26.2, 125: -16.1, 500: -3.2, 1000: 0.0, 4000: 1.0, 8000: -1.1}
    decibels = 20 * np.log10(a_weighting(list(table)))
    np.testing.assert_allclose(decibels, list(table.values()), atol=0.15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: morlet_bank([6000.0], 11_025), "6000 to 6000 Hz; expected above 0 and below 5512"),
        (lambda: morlet_bank([100.0], 11_025, scaling=0), "a scaling of 0; expected above 0"),
        (lambda: morlet_centres(3, 1, 2, "bark"), "scale 'bark'; expected 'mel', 'log'"),
    ],
)
def test_says_what_is_wrong(call, message):
    with pytest.raises(InputError, match=message):
        call()
