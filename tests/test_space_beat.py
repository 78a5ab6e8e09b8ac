"""The head of `rhythm` against plain loops, and what moving a beginning does to it."""

from __future__ import annotations

import math

import numpy as np

from soundkin.frontend.log_mel import Frames
from soundkin.space_beat import BeatHead, coming_back
from soundkin.space_pitch import FLOOR

HEAD = BeatHead(groups=2, shortest=3, longest=20, places=9, still=0.25)


def frames_of(mel: np.ndarray) -> Frames:
    return Frames(mel[None].astype(np.float32), np.array([len(mel)]), np.array([1]))


def test_a_vector_by_loops() -> None:
    mel = np.random.default_rng(0).exponential(1.0, (60, 4)) ** 6
    *ours, still = HEAD(frames_of(mel))[0]
    assert still == 0.25
    ours = np.reshape(ours, (2, 9))
    level = 1 + np.log(mel / mel.max() + FLOOR) / -math.log(FLOOR)
    places = np.geomspace(3, 20, 9)
    for group in range(2):
        strokes = [
            sum(max(0.0, level[t + 1, b] - level[t, b]) for b in (2 * group, 2 * group + 1))
            for t in range(59)
        ]
        x = np.array(strokes) - np.mean(strokes)
        n = 59 - 20
        again = [sum(x[t] * x[t + lag] for t in range(n)) for lag in range(1, 21)]
        expected = np.interp(places, np.arange(1, 21), again) / (np.square(x[:n]).sum() + 1e-4)
        np.testing.assert_allclose(ours[group], expected, atol=1e-4)


def test_where_a_loop_begins_changes_nothing() -> None:
    bar = np.full((16, 4), 1e-6)
    bar[[0, 6, 10], :] = 1.0
    mel = np.tile(bar, (5, 1))
    ours, later = HEAD(frames_of(mel[:64]))[0], HEAD(frames_of(mel[9:73]))[0]
    assert ours @ later > 0.9 * np.linalg.norm(ours) * np.linalg.norm(later)
    other = np.full((16, 4), 1e-6)
    other[[0, 5, 8, 13], :] = 1.0
    different = HEAD(frames_of(np.tile(other, (4, 1))))[0]
    assert ours @ different < 0.8 * np.linalg.norm(ours) * np.linalg.norm(different)


def test_without_strokes_nothing_comes_back() -> None:
    assert not coming_back(np.ones((1, 2, 40), np.float32), 10).any()
    assert HEAD(frames_of(np.zeros((60, 4))))[0].tolist() == [*[0.0] * 18, 0.25]
