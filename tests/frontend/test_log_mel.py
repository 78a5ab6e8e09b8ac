"""Mel frames against sums written out, and what may not change a frame."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.errors import InputError
from soundkin.frontend.log_mel import (
    PRESETS,
    TILE,
    MelSettings,
    mel_at,
    mel_matrix,
    mel_windows,
    n_frames,
)

RNG = np.random.default_rng(8)
SOUND = (RNG.standard_normal(16_000) * 0.1).astype(np.float32)


def mel_of(frequency, scale):
    factor = 1127.0 if scale == "1127" else 2595 / math.log(10)
    return factor * math.log(1 + frequency / 700)


def hz_of(mel, scale):
    factor = 1127.0 if scale == "1127" else 2595 / math.log(10)
    return 700 * (math.exp(mel / factor) - 1)


def triangle_by_hand(band, bin_hz, how):
    """Weight of one bin in one band, from the three corners of the band."""
    low, high = mel_of(how.low_hz, how.scale), mel_of(how.high_hz, how.scale)
    corners = [low + (high - low) * (band + k) / (how.bands + 1) for k in range(3)]
    place = mel_of(bin_hz, how.scale)
    if how.scale == "htk":
        corners = [hz_of(mel, "htk") for mel in corners]
        place = bin_hz
    if not corners[0] < place < corners[2]:
        return 0.0
    if place <= corners[1]:
        return (place - corners[0]) / (corners[1] - corners[0])
    return (corners[2] - place) / (corners[2] - corners[1])


COMPRESSIONS = {
    "none": lambda x: x,
    "ln": lambda x: math.log(x + 0.01),
    "log10": lambda x: math.log10(10_000 * x + 1),
    "db": lambda x: (10 * math.log10(max(x, 1e-10)) + 100) / 200,
}


def frame_by_hand(samples, how):
    """One frame by an explicit Fourier sum in double precision."""
    k = np.arange(how.win)
    windowed = samples[: how.win].astype(np.float64) * (0.5 - 0.5 * np.cos(2 * np.pi * k / how.win))
    spectrum = [
        abs(np.sum(windowed * np.exp(-2j * np.pi * k * b / how.n_fft)))
        for b in range(how.n_fft // 2 + 1)
    ]
    bands = []
    for band in range(how.bands):
        total = sum(
            triangle_by_hand(band, b * how.rate_hz / how.n_fft, how) * magnitude**how.power
            for b, magnitude in enumerate(spectrum)
        )
        bands.append(COMPRESSIONS[how.compression](total))
    return np.array(bands)


@pytest.mark.parametrize("name", PRESETS)
def test_frames_by_hand(name):
    how = PRESETS[name]
    positions = np.array([0, 777, 5000])
    got = mel_at(SOUND, positions, how)
    assert got.shape == (3, how.bands)
    for position, frame in zip(positions, got, strict=True):
        expected = frame_by_hand(SOUND[position:], how)
        np.testing.assert_allclose(frame, expected, rtol=2e-4, atol=2e-5 * abs(expected).max())


@pytest.mark.parametrize("name", ["vggish", "mule", "mfcc"])
def test_triangles_cover_their_range_evenly(name):
    how = PRESETS[name]
    matrix = mel_matrix(how).astype(np.float64)
    assert matrix.shape == (how.n_fft // 2 + 1, how.bands)
    assert (matrix.max(axis=0) > 0.3).all()
    assert matrix.max() <= 1
    bins = np.arange(len(matrix)) * how.rate_hz / how.n_fft
    outside = (bins <= how.low_hz) | (bins >= how.high_hz)
    assert not matrix[outside].any()
    # between the peaks of the first and the last band, neighbouring triangles add up to one
    edges = [mel_of(how.low_hz, how.scale), mel_of(how.high_hz, how.scale)]
    step = (edges[1] - edges[0]) / (how.bands + 1)
    inner = (bins > hz_of(edges[0] + step, how.scale)) & (bins < hz_of(edges[1] - step, how.scale))
    np.testing.assert_allclose(matrix[inner].sum(axis=1), 1, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 40))
def test_a_window_has_the_same_frames_among_any_others(seed, n):
    """Bit for bit, wherever it stands and however many there are."""
    rng = np.random.default_rng(seed)
    how = PRESETS["mfcc"]
    windows = rng.standard_normal((n, 4000)).astype(np.float32)
    valid = rng.integers(1, 4001, n)
    together = mel_windows(windows, valid, how)
    order = rng.permutation(n)
    shuffled = mel_windows(windows[order], valid[order], how)
    np.testing.assert_array_equal(shuffled.mel, together.mel[order])
    alone = mel_windows(windows[-1:], valid[-1:], how)
    np.testing.assert_array_equal(alone.mel, together.mel[-1:])


@pytest.mark.parametrize("name", PRESETS)
def test_many_frames_against_another_transform(name):
    """And the last tiles of them, of which one is not full, bit for bit as alone."""
    how = PRESETS[name]
    positions = np.arange(0, 13_900, 13)
    got = mel_at(SOUND, positions, how)
    window = np.hanning(how.win + 1)[:-1]
    frames = np.stack([SOUND[p : p + how.win] for p in positions]).astype(np.float64)
    spectrum = np.abs(np.fft.rfft(frames * window, how.n_fft)) ** how.power
    plain = spectrum @ mel_matrix(how).astype(np.float64)
    if how.compression == "none":
        np.testing.assert_allclose(got, plain, rtol=1e-4, atol=1e-6 * plain.max())
    else:
        expected = np.vectorize(COMPRESSIONS[how.compression])(plain)
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)
    begin = len(positions) // TILE * TILE - TILE
    np.testing.assert_array_equal(mel_at(SOUND, positions[begin:], how), got[begin:])


@settings(max_examples=25, deadline=None)
@given(power=st.integers(2, 11), seed=st.integers(0, 10**6), data=st.data())
def test_any_power_of_two(power, seed, data):
    n_fft = 1 << power
    win = data.draw(st.integers(1, n_fft))
    how = MelSettings(win=win, n_fft=n_fft, bands=5, hop=win)
    sound = np.random.default_rng(seed).standard_normal(win + 20).astype(np.float32)
    positions = np.array([20, 0, 3])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(win) / win)
    frames = np.stack([sound[p : p + win] for p in positions]).astype(np.float64)
    turns = np.exp(-2j * np.pi * np.outer(np.arange(win), np.arange(n_fft // 2 + 1)) / n_fft)
    expected = np.abs((frames * window) @ turns) ** 2 @ mel_matrix(how).astype(np.float64)
    top = max(1e-9, (np.abs(frames) * window).sum(axis=1).max() ** 2)
    np.testing.assert_allclose(mel_at(sound, positions, how), expected, rtol=1e-5, atol=1e-6 * top)


def test_frames_outside_the_sound():
    how = PRESETS["mfcc"]
    for place in (-1, len(SOUND) - how.win + 1):
        with pytest.raises(InputError, match="expected places within 16000 samples"):
            mel_at(SOUND, np.array([0, place]), how)
    assert mel_at(SOUND[:10], np.empty(0, np.int64), how).shape == (0, 40)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 16_000), finest=st.sampled_from([1, 2, 4]))
def test_frames_of_a_window_are_those_of_its_sound(n, finest):
    how = replace(PRESETS["mfcc"], finest=finest)
    window = SOUND[None].copy()
    window[0, n:] = np.nan  # behind the sound nothing is looked at
    frames = mel_windows(window, np.array([n]), how)
    sound = SOUND[:n]
    steps = 4 if n <= 4000 else 2 if n <= 8000 else 1
    steps = min(steps, finest)
    hop = how.hop // steps
    while len(sound) < how.win:
        sound = np.concatenate([sound, SOUND[:n]])
    starts = list(range(0, max(len(SOUND[:n]), how.win) - how.win + 1, hop))
    assert frames.per_hop.tolist() == [steps]
    assert frames.valid.tolist() == [len(starts)]
    assert frames.mel.shape == (1, n_frames(16_000, how), how.bands)
    expected = mel_at(sound, np.array(starts), how)
    np.testing.assert_allclose(frames.mel[0, : len(starts)], expected, rtol=1e-4, atol=1e-4)
    rest = frames.mel[0, len(starts) :]
    np.testing.assert_array_equal(rest, np.broadcast_to(frames.mel[0, len(starts) - 1], rest.shape))


def test_windows_leave_the_callers_samples_alone():
    windows = np.stack([SOUND, SOUND])
    before = windows.copy()
    mel_windows(windows, np.array([5, 16_000]), PRESETS["mfcc"])
    np.testing.assert_array_equal(windows, before)
