"""Mel frames back to sound: a tone comes back at its pitch, spectra become consistent, errors."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from soundkin.errors import InputError
from soundkin.frontend.invert import griffin_lim, sound_of_mel, spectrum_of_mel, stft
from soundkin.frontend.log_mel import PRESETS, MelSettings, mel_at, mel_matrix

RATE_HZ = 16_000
FINE = MelSettings(win=512, hop=128, n_fft=512, bands=80)


def tone(hz, seconds=0.5, rate_hz=RATE_HZ):
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz).astype(np.float32)


def vowel(seconds=0.6):
    """A buzz through two resonances, its pitch falling."""
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(140 - 40 * time) / RATE_HZ
    x = np.zeros_like(time)
    for k in range(1, 40):
        x += np.cos(k * phase) / k
    for hz in (700, 1200):
        b, a = scipy.signal.iirpeak(hz, 6, fs=RATE_HZ)
        x = x + 3 * scipy.signal.lfilter(b, a, x)
    return (x / np.abs(x).max()).astype(np.float32)


def inconsistency(sound, magnitude, win, hop):
    return np.linalg.norm(np.abs(stft(sound, win, hop, win)) - magnitude) / np.linalg.norm(
        magnitude
    )


def frames_of(x, settings):
    places = np.arange(1 + (len(x) - settings.win) // settings.hop) * settings.hop
    return mel_at(x, places, settings)


@pytest.mark.parametrize("hz", [220.0, 997.0, 3100.0])
def test_a_tone_comes_back_at_its_pitch_and_level(hz):
    x = tone(hz)
    magnitude = np.abs(stft(x, 512, 128, 512))
    sound = griffin_lim(magnitude, win=512, hop=128, n_fft=512)
    middle = sound[1024:-1024]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 17))
    found = spectrum.argmax() * RATE_HZ / (1 << 17)
    assert abs(1200 * np.log2(found / hz)) < 10
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(1, abs=0.1)


def test_it_becomes_consistent_and_more_turns_help():
    x = vowel()
    magnitude = np.abs(stft(x, 512, 128, 512))
    left = [
        inconsistency(
            griffin_lim(magnitude, win=512, hop=128, n_fft=512, iterations=n), magnitude, 512, 128
        )
        for n in (0, 10, 80)
    ]
    assert left[0] > 0.4
    assert left[0] > 1.5 * left[1] > 1.5 * left[2]
    assert left[2] < 0.15


def test_the_sound_s_own_phases_give_the_sound_itself():
    x = vowel()
    spectrum = stft(x, 512, 128, 512)
    sound = griffin_lim(np.abs(spectrum), win=512, hop=128, n_fft=512, begin=spectrum, iterations=0)
    inside = slice(512, len(sound) - 512)
    np.testing.assert_allclose(sound[inside], x[: len(sound)][inside], atol=2e-3)


def test_the_spectrum_of_mel_frames_has_those_mel_frames():
    rng = np.random.default_rng(0)
    for settings in (PRESETS["autodecompose"], FINE):
        truth = rng.exponential(size=(7, settings.n_fft // 2 + 1)) ** 2
        mel = (truth @ mel_matrix(settings)).astype(np.float32)
        power = spectrum_of_mel(mel, settings)
        assert power.shape == truth.shape
        assert (power >= 0).all()
        gap = np.linalg.norm(power @ mel_matrix(settings) - mel) / np.linalg.norm(mel)
        assert gap < 0.02


def test_mel_frames_to_sound_to_mel_frames():
    x = vowel()
    mel = frames_of(x, FINE)
    sound = sound_of_mel(mel, FINE)
    again = frames_of(sound, FINE)
    assert len(again) == len(mel)
    level = [10 * np.log10(np.maximum(m, mel.max() * 1e-4)) for m in (mel, again)]
    assert np.abs(level[0] - level[1]).mean() < 2.5


def test_frames_that_do_not_overlap_are_filled_in_and_given_phases_help():
    settings = PRESETS["autodecompose"]
    plain = MelSettings(
        **{**{f: getattr(settings, f) for f in settings.__slots__}, "compression": "none"}
    )
    x = vowel()
    mel = frames_of(x, plain)
    blind, led = (sound_of_mel(mel, plain, like=like) for like in (None, x))
    assert len(blind) == len(led) == len(mel) * 256
    apart = [np.corrcoef(x[: len(y)], y)[0, 1] for y in (blind, led)]
    assert apart[1] > 0.3 > abs(apart[0])


def test_frames_too_far_apart_are_refused():
    with pytest.raises(InputError, match="frames 256 apart, 256 long; expected at least half"):
        griffin_lim(np.ones((4, 129)), win=256, hop=256, n_fft=256)


def test_silence_stays_silence():
    sound = sound_of_mel(np.zeros((4, 80), np.float32), PRESETS["autodecompose"], iterations=5)
    assert np.abs(sound).max() < 1e-3
