"""The torch front-ends equal the NumPy ones, and the Morlet layer a plain convolution."""

# ruff: noqa: E402
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.audio.decode import read_sound
from soundkin.errors import InputError
from soundkin.frontend.layers import (
    LAYER_PRESETS,
    MelFrames,
    MorletFrames,
    centred,
    compress,
    relative_log,
)
from soundkin.frontend.log_mel import mel_at
from soundkin.frontend.morlet import a_weighting, cochlea_bank, morlet_centres


def sounds(seed, n, length):
    """Tones, noise and clicks at very different levels."""
    rng = np.random.default_rng(seed)
    time = np.arange(length)
    tone = np.sin(time * rng.uniform(0.01, 3.0, (n, 1))) * np.exp(-time * rng.uniform(0, 1e-3))
    noise = rng.standard_normal((n, length)) * 10 ** rng.uniform(-5, -1, (n, 1))
    mixed = tone * 10 ** rng.uniform(-4, 0, (n, 1)) + noise
    return np.clip(mixed, -1, 1).astype(np.float32)


def both(name, samples, **changed):
    """Frames (n, bands) of one sound by either road, and the settings."""
    how = replace(LAYER_PRESETS[name], **changed)
    starts = np.arange(1 + (len(samples) - how.win) // how.hop) * how.hop
    with torch.no_grad():
        [ours] = MelFrames(how)(torch.from_numpy(samples[None])).numpy()
    return ours.T, mel_at(samples, starts, how)


def assert_equal_roads(name, samples):
    """Equal to 1e-4 within 50 dB of the loudest; below, rounding of float32 spectra shows."""
    ours, numpys = both(name, samples, compression="none")
    assert ours.shape == numpys.shape
    loudest = numpys.max()
    np.testing.assert_allclose(ours / loudest, numpys / loudest, atol=2e-6)
    near = numpys > loudest * (1e-5 if LAYER_PRESETS[name].power == 2 else 10**-2.5)
    ours, numpys = both(name, samples)
    scale = loudest if LAYER_PRESETS[name].compression == "none" else 1
    np.testing.assert_allclose(ours[near] / scale, numpys[near] / scale, atol=1e-4)


@pytest.mark.parametrize("name", ["vggish", "mule", "autodecompose", "soundkin", "mfcc"])
@given(seed=st.integers(0, 2**31), length=st.integers(512, 9000))
@settings(max_examples=8, deadline=None)
def test_equals_the_numpy_frames(name, seed, length):
    assert_equal_roads(name, sounds(seed, 1, length)[0])


@pytest.mark.parametrize("name", ["vggish", "mule", "autodecompose", "soundkin"])
def test_equals_the_numpy_frames_on_real_sound(name, data_dir):
    files = sorted(p for p in (data_dir / "esc10").rglob("*.ogg"))[::100]
    assert len(files) == 4
    for file in files:
        samples, _ = read_sound(file, rate_hz=16_000, end_s=2.0)
        assert_equal_roads(name, samples)


def test_vggish_against_the_paper_written_out():
    """Magnitudes by a plain DFT sum, triangles by hand, ln(x + 0.01)."""
    samples = sounds(4, 1, 720)[0].astype(np.float64)
    frames = np.stack([samples[k : k + 400] for k in (0, 160, 320)])
    frames *= 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    turn = np.exp(-2j * np.pi * np.outer(np.arange(400), np.arange(257)) / 512)
    magnitude = np.abs(frames @ turn)
    mels = 1127 * np.log(1 + np.arange(257) * 16_000 / 512 / 700)
    edges = np.linspace(*(1127 * np.log(1 + np.array([125, 7500]) / 700)), 66)
    bands = []
    for low, centre, high in zip(edges, edges[1:], edges[2:], strict=False):
        up = (mels - low) / (centre - low)
        down = (high - mels) / (high - centre)
        bands.append((np.clip(np.minimum(up, down), 0, None), centre))
    # the paper's triangles are straight in mel, ours in Hz: close, not equal
    expected = np.log(np.stack([magnitude @ weights for weights, _ in bands]) + 0.01)
    with torch.no_grad():
        ours = MelFrames("vggish")(torch.from_numpy(samples[None]).float())[0].numpy()
    assert np.abs(ours - expected).mean() < 0.1


def test_relative_log_forgets_loudness_and_shows_silence_as_zero():
    samples = torch.from_numpy(sounds(1, 3, 4000))
    layer = MelFrames("soundkin", relative=True)
    loud, soft = layer(samples), layer(samples * 0.01)
    torch.testing.assert_close(loud, soft, atol=1e-4, rtol=0)
    assert loud.amax(dim=(1, 2)).allclose(torch.ones(3), atol=1e-5)
    assert loud.min() >= 0
    silent = layer(torch.zeros(1, 4000))
    assert silent.abs().max() < 1e-6
    # 10 log10 of the ratio, on a scale of 50 dB
    steps = relative_log(torch.tensor([[[1.0, 0.1, 0.01]]]))[0, 0]
    assert steps.tolist() == pytest.approx([1, 0.8, 0.6], abs=1e-3)


@pytest.mark.parametrize("name", LAYER_PRESETS)
def test_gradients_reach_the_samples_and_are_finite(name):
    samples = torch.from_numpy(sounds(2, 2, 4096))
    samples[1] = 0
    samples.requires_grad_()
    MelFrames(name)(samples).sum().backward()
    assert torch.isfinite(samples.grad).all()
    assert samples.grad[0].abs().max() > 0


def test_frozen_has_no_parameters_and_learnable_one():
    samples = torch.from_numpy(sounds(3, 2, 8192))
    for kind in (MelFrames, MorletFrames):
        frozen, learning = kind(), kind(learnable=True)
        assert list(frozen.parameters()) == []
        [parameter] = learning.parameters()
        learning(samples).sum().backward()
        assert parameter.grad.abs().max() > 0
        torch.testing.assert_close(frozen(samples), learning(samples))


def test_centred_bands_have_no_mean_over_the_sound_and_nothing_behind_it():
    frames = np.random.default_rng(0).uniform(0, 1, (3, 4, 9)).astype(np.float32)
    valid = [9, 5, 1]
    ours = centred(torch.from_numpy(frames), torch.tensor(valid)).numpy()
    for row, plain, n in zip(ours, frames, valid, strict=True):
        expected = plain[:, :n] - plain[:, :n].mean(axis=1)[:, None]
        np.testing.assert_allclose(row[:, :n], expected, atol=1e-6)
        assert (row[:, n:] == 0).all()


def test_morlet_frames_against_numpy_correlation():
    samples = sounds(5, 1, 2048)
    layer = MorletFrames(bands=6, hop=4, pool=16)
    with torch.no_grad():
        ours = layer(torch.from_numpy(samples))[0].numpy()
    gains = a_weighting(morlet_centres(6, 80, 5300))
    padded = np.pad(samples[0].astype(np.float64), 256)
    for row, gain, frames in zip(cochlea_bank(6), gains, ours, strict=True):
        filtered = np.correlate(padded, row.astype(np.float64), "valid")[::4]
        loud = 20 * np.log10(1 + np.maximum(filtered, 0) * gain)
        expected = [loud[k * 16 : k * 16 + 16].mean() for k in range(len(loud) // 16)]
        np.testing.assert_allclose(frames, expected, atol=1e-4)


def test_a_tone_shows_in_the_band_of_its_frequency():
    centres = morlet_centres(128, 80, 5300)
    for band in (20, 60, 100):
        tone = np.sin(2 * np.pi * centres[band] * np.arange(8192) / 11_025).astype(np.float32)
        frames = MorletFrames()(torch.from_numpy(tone[None]))
        assert abs(int(frames.mean(dim=2).argmax()) - band) <= 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MelFrames("gammatone"), "front-end 'gammatone'; expected one of vggish, mule"),
        (lambda: MelFrames("vggish")(torch.zeros(1, 399)), "399 samples; expected 400 and more"),
        (lambda: compress(torch.zeros(1), "cube"), "compression 'cube'; expected none, ln"),
    ],
)
def test_says_what_is_wrong(call, message):
    with pytest.raises(InputError, match=message):
        call()
