"""The head of `tonal` against plain loops, and what moving a note does to it."""

from __future__ import annotations

import math

import numpy as np

from soundkin.frontend.log_mel import Frames
from soundkin.space_pitch import FLOOR, PitchHead, standing_out

HEAD = PitchHead(bands=48, steps=24, root=0.4, folded=2.0)


def frames_of(mel: np.ndarray, valid: int) -> Frames:
    return Frames(mel[None].astype(np.float32), np.array([valid]), np.array([1]))


def test_a_vector_by_loops() -> None:
    mel = np.random.default_rng(0).exponential(1.0, (5, 48)) ** 4
    ours = HEAD(frames_of(mel, 3))[0]
    heard = mel[:3]
    level = [
        [1 + math.log(x / heard.max() + FLOOR) / -math.log(FLOOR) for x in row] for row in heard
    ]
    total = np.zeros(48)
    for row in level:
        for k in range(48):
            around = row[max(0, k - 12) : k + 13]
            total[k] += max(0.0, row[k] - sum(around) / len(around)) / 3
    each = total**0.4
    octave = each[:24] + each[24:]
    each, octave = each - each.mean(), octave - octave.mean()
    expected = [*(each / np.linalg.norm(each)), *(2 * octave / np.linalg.norm(octave))]
    np.testing.assert_allclose(ours, expected, atol=2e-5)


def test_what_stands_out_is_the_same_at_any_level_and_slope_counts_little() -> None:
    row = np.zeros((1, 60), np.float32)
    row[0, 30] = 1
    ours = standing_out(row, 12)
    np.testing.assert_allclose(standing_out(row + np.float32(0.5), 12), ours, atol=1e-6)
    sloping = standing_out(row + np.linspace(0.6, 0, 60, dtype=np.float32), 12)
    np.testing.assert_allclose(sloping[0, 12:48], ours[0, 12:48], atol=1e-5)


def test_a_higher_note_is_the_same_profile_further_up() -> None:
    mel = np.full((4, 48), 1e-9)
    mel[:, 14] = 1.0
    low, high = HEAD(frames_of(mel, 4))[0], HEAD(frames_of(np.roll(mel, 5, axis=1), 4))[0]
    assert low[:48].argmax() == 14
    np.testing.assert_allclose(high[:48], np.roll(low[:48], 5), atol=1e-6)
    octave = HEAD(frames_of(np.roll(mel, 24, axis=1), 4))[0]
    np.testing.assert_allclose(octave[48:], low[48:], atol=1e-6)
    assert low[:48] @ octave[:48] < 0.01 < 0.9 < low[:48] @ low[:48]


def test_silence_is_no_number_too_many() -> None:
    assert np.isfinite(HEAD(frames_of(np.zeros((3, 48)), 3))).all()
