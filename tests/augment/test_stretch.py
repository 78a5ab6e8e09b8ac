"""Pitch shift and time stretch: cents, level, length and cleanness of tones; identity at 0."""

# ruff: noqa: E402
from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.augment.stretch import pitch_shift, read_faster, time_stretch
from soundkin.errors import InputError

RATE = 16_000
TIME = np.arange(RATE) / RATE


def tone(*frequencies):
    waves = [np.sin(2 * np.pi * f * TIME + k) for k, f in enumerate(frequencies)]
    return torch.from_numpy(0.5 * np.mean(waves, axis=0)[None]).float()


def frequency_of(samples):
    """Frequency in Hz of the tone that fits best, by golden search around the spectrum's peak."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 17))
    middle, step = spectrum.argmax() * RATE / (1 << 17), RATE / (1 << 17)
    time = np.arange(len(samples)) / RATE
    weighted = samples * np.hanning(len(samples))

    def power(f):
        return abs(np.dot(weighted, np.exp(-2j * np.pi * f * time)))

    low, high = middle - 2 * step, middle + 2 * step
    for _ in range(40):
        a, b = low + (high - low) * 0.382, low + (high - low) * 0.618
        low, high = (low, b) if power(a) > power(b) else (a, high)
    return (low + high) / 2


def check_tone(samples, expected_hz, within_cents=5.0):
    """One steady tone of the right pitch and level, 30 dB above all else."""
    middle = samples[0, 2000:-2000].double().numpy()
    found = frequency_of(middle)
    assert abs(1200 * math.log2(found / expected_hz)) < within_cents
    time = np.arange(len(middle)) / RATE
    basis = np.stack([np.sin(2 * np.pi * found * time), np.cos(2 * np.pi * found * time)], axis=1)
    weights = np.linalg.lstsq(basis, middle, rcond=None)[0]
    rest = middle - basis @ weights
    assert np.hypot(*weights) == pytest.approx(0.5, rel=0.06)
    assert 10 * np.log10(np.mean(rest**2) / np.mean(middle**2)) < -30


@given(frequency=st.floats(110, 3000), semitones=st.floats(-12, 12))
@settings(max_examples=20, deadline=None)
def test_pitch_moves_by_semitones_and_length_stays(frequency, semitones):
    target = frequency * 2 ** (semitones / 12)
    if 80 < target < 7000:
        shifted = pitch_shift(tone(frequency), semitones)
        assert shifted.shape == (1, RATE)
        check_tone(shifted, target)


@given(frequency=st.floats(110, 6000), factor=st.floats(0.5, 2.0))
@settings(max_examples=20, deadline=None)
def test_stretch_keeps_pitch_and_changes_length(frequency, factor):
    stretched = time_stretch(tone(frequency), factor)
    assert stretched.shape == (1, round(RATE * np.float32(factor)))
    check_tone(stretched, frequency)


@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.3, 2.0])
def test_reading_faster_against_the_tone_itself(ratio):
    ours = read_faster(tone(700.0), ratio, 6000)[0, 500:-500].numpy()
    place = np.arange(6000)[500:-500] * ratio
    np.testing.assert_allclose(ours, 0.5 * np.sin(2 * np.pi * 700 * place / RATE), atol=2e-3)


def test_reading_faster_lets_nothing_fold_back():
    folded = read_faster(tone(6000.0), 2.0, 7000)[0, 500:-500]
    assert folded.abs().max() < 0.005


def test_a_chord_keeps_its_notes():
    shifted = pitch_shift(tone(220.0, 277.2, 329.6), 5.0)[0, 2000:-2000].numpy()
    spectrum = np.abs(np.fft.rfft(shifted * np.hanning(len(shifted)), 1 << 17))
    places = np.arange(len(spectrum)) * RATE / (1 << 17)
    for note in (220.0, 277.2, 329.6):
        near = abs(places - note * 2 ** (5 / 12)) < 20
        found = places[near][spectrum[near].argmax()]
        assert abs(1200 * math.log2(found / (note * 2 ** (5 / 12)))) < 5


def test_an_event_stays_in_its_place():
    click = torch.zeros(1, RATE)
    click[0, 7800:8200] = torch.hann_window(400)
    for factor in (0.5, 0.8, 1.4, 2.0):
        place = time_stretch(click, factor).square()[0]
        centre = (place * torch.arange(len(place))).sum() / place.sum()
        assert abs(centre.item() - 8000 * factor) < 300
    place = pitch_shift(click, 4.0).square()[0]
    assert abs(((place * torch.arange(RATE)).sum() / place.sum()).item() - 8000) < 300


def test_strength_zero_is_the_identity_in_its_row_alone():
    x = torch.randn(3, 5000, generator=torch.Generator().manual_seed(0))
    shifted = pitch_shift(x, torch.tensor([0.0, 3.0, 0.0]))
    assert shifted[0].equal(x[0])
    assert shifted[2].equal(x[2])
    assert not shifted[1].allclose(x[1], atol=0.1)
    stretched = time_stretch(x, torch.tensor([1.0, 1.2, 1.0]))
    assert stretched.shape == (3, 6000)
    assert stretched[0, :5000].equal(x[0])
    assert stretched[0, 5000:].abs().max() == 0
    assert time_stretch(x, 1.0).equal(x)
    assert pitch_shift(x, 0.0).equal(x)


def test_a_row_does_not_depend_on_the_others():
    x = torch.randn(3, 3000, generator=torch.Generator().manual_seed(1))
    how = torch.tensor([-5.0, 2.0, 9.0])
    together = pitch_shift(x, how)
    for row in range(3):
        alone = pitch_shift(x[row : row + 1], float(how[row]))[0]
        # white noise up to half the rate: the ends of a longer stretch ring a little differently
        assert (together[row] - alone).square().mean() < 1e-5 * alone.square().mean()


@pytest.mark.parametrize("samples", [1, 10, 300, 1025])
def test_the_shortest_sounds_and_the_widest_strengths(samples):
    x = torch.randn(2, samples, generator=torch.Generator().manual_seed(2))
    for semitones in (-24.0, 24.0):
        assert torch.isfinite(pitch_shift(x, semitones)).all()
    for factor in (0.2, 5.0):
        stretched = time_stretch(x, factor)
        assert stretched.shape[1] == round(samples * factor)
        assert torch.isfinite(stretched).all()
    assert pitch_shift(torch.zeros(1, samples), 3.0).abs().max() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: pitch_shift(x, 25.0), "a shift of 25 semitones; expected -24 to 24"),
        (lambda x: time_stretch(x, torch.tensor([1.0, 0.0])), "a factor of 0; expected 0.2 to 5"),
        (lambda x: time_stretch(x, float("nan")), "a factor of nan; expected 0.2 to 5"),
        (lambda x: pitch_shift(x, torch.zeros(3)), r"a strength of shape \(3,\); expected a numb"),
    ],
)
def test_says_what_is_wrong(call, message):
    with pytest.raises(InputError, match=message):
        call(torch.zeros(2, 100))
