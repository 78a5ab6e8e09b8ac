"""Scales of pitch against the formulas as they are printed."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundkin.frontend.scales import hz_to_mel, log_spaced, mel_to_hz


@given(st.floats(0, 100_000))
def test_both_forms_as_printed(frequency_hz):
    htk = float(hz_to_mel(frequency_hz))
    assert htk == pytest.approx(2595 * math.log10(1 + frequency_hz / 700), rel=1e-12, abs=1e-12)
    other = float(hz_to_mel(frequency_hz, "1127"))
    assert other == pytest.approx(1127 * math.log(1 + frequency_hz / 700), rel=1e-12, abs=1e-12)


@given(st.lists(st.floats(0, 100_000), min_size=1), st.sampled_from(["htk", "1127"]))
def test_there_and_back(frequencies, scale):
    back = mel_to_hz(hz_to_mel(frequencies, scale), scale)
    np.testing.assert_allclose(back, frequencies, rtol=1e-9, atol=1e-9)


def test_a_thousand_hertz_are_a_thousand_mel():
    assert float(hz_to_mel(1000)) == pytest.approx(1000, abs=0.05)


@given(st.floats(10, 100), st.floats(200, 20_000), st.integers(2, 200))
def test_centres_keep_one_ratio(low_hz, high_hz, n):
    centres = log_spaced(low_hz, high_hz, n)
    assert len(centres) == n
    assert centres[0] == pytest.approx(low_hz)
    assert centres[-1] == pytest.approx(high_hz)
    ratio = (high_hz / low_hz) ** (1 / (n - 1))
    for left, right in itertools.pairwise(centres):
        assert right / left == pytest.approx(ratio)


@given(st.floats(8, 20_000))
def test_semitones_are_those_of_midi(frequency_hz):
    semitones = float(hz_to_mel(frequency_hz, "semitones"))
    assert semitones == pytest.approx(69 + 12 * math.log2(frequency_hz / 440))
    assert float(mel_to_hz(semitones, "semitones")) == pytest.approx(frequency_hz)
