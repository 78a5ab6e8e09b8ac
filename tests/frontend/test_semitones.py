"""Bands on half semitones: each tone has its band, each band a tone, however narrow it is."""

from __future__ import annotations

import numpy as np
import pytest

from soundkin.frontend.layers import NOTES
from soundkin.frontend.log_mel import mel_at, mel_matrix


def test_no_band_is_empty_and_none_lies_beyond_its_range() -> None:
    matrix = mel_matrix(NOTES)
    assert matrix.shape == (1025, 144)
    assert matrix.max(axis=0).min() > 0.4
    hz = np.arange(1025) * 8000 / 2048
    assert hz[matrix.any(axis=1)].max() < 3600
    spans = (matrix > 0).sum(axis=0)
    assert spans.min() >= 1
    assert spans[-1] > 20


@pytest.mark.parametrize("midi", [36.0, 45.0, 57.5, 69.0, 81.0, 95.5])
def test_a_tone_is_loudest_in_its_own_band(midi: float) -> None:
    hz = 440 * 2 ** ((midi - 69) / 12)
    tone = np.sin(2 * np.pi * hz * np.arange(4096) / 8000).astype(np.float32)
    frame = mel_at(tone, np.array([0]), NOTES)[0]
    assert abs(int(frame.argmax()) - round(2 * (midi - 33))) <= (1 if midi < 60 else 0)
