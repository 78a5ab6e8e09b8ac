"""Made-up music: what the two views of a pair share, and what they do not."""

from __future__ import annotations

import math

import numpy as np
import torch

from soundkin.synth import notes

RATE = 8000


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plain(n: int, *, sustain: float = 1.0) -> notes.Instruments:
    """n instruments of one partial that neither die nor waver."""
    partials = torch.full((n, notes.PARTIALS), -200.0)
    partials[:, 0] = 0.0
    ones = torch.ones(n)
    return notes.Instruments(
        partials=partials, formant_hz=ones * 1000, formant_db=ones * 0, dulling=ones * 0,
        attack_s=ones * 0.002, decay_s=ones, sustain=ones * sustain, detune=ones * 0,
        vibrato=ones * 0,
    )  # fmt: skip


def test_a_note_sounds_at_its_pitch_within_its_tuning() -> None:
    pitch = torch.tensor([[40, 0, 0, 0], [69, 0, 0, 0], [90, 0, 0, 0]])
    score = notes.Score(pitch, torch.tensor([[True, False, False, False]] * 3))
    sound = notes.play(score, plain(3), RATE, RATE, drawn(0)).numpy()
    for row, midi in zip(sound, (40, 69, 90), strict=True):
        spectrum = np.abs(np.fft.rfft(row * np.hanning(RATE), 8 * RATE))
        hz = np.argmax(spectrum) / 8
        assert abs(12 * math.log2(hz / 440) + 69 - midi) < 0.2 + 0.05


def test_pairs_are_the_generators_own_and_of_one_peak() -> None:
    how = {"rate_hz": RATE, "samples": RATE}
    a, b = notes.instrument_pairs(6, **how, generator=drawn(1))
    again, _ = notes.instrument_pairs(6, **how, generator=drawn(1))
    assert torch.equal(a, again)
    assert not torch.equal(a, b)
    for view in (a, b):
        assert view.isfinite().all()
        torch.testing.assert_close(view.abs().amax(dim=1), torch.ones(6))


def test_scores_lie_in_their_range_and_have_one_note_and_more() -> None:
    score = notes.draw_score(500, drawn(2))
    assert score.pitch.min() >= notes.LOWEST
    assert score.pitch.max() <= notes.HIGHEST
    counts = torch.bincount(score.on.sum(dim=1), minlength=5) / 500
    torch.testing.assert_close(counts[1:], torch.tensor(notes.COUNTS), atol=0.08, rtol=0)
    assert counts[0] == 0
