"""Each module against a scalar loop, and what a listener would check: pitch, aliasing, noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.synth import modules

RATE = 16_000


def adsr_loop(parameters: list[float], note: float, frames: int, control_hz: float) -> list[float]:
    """Attack, decay, sustain and release told one after the other, in seconds."""
    attack, decay, sustain, release, alpha = parameters
    peak_at = min(attack, note)
    settled_at = peak_at + max(min(decay, note - attack), 0.0)
    level = sustain if settled_at > peak_at else 1.0
    out = []
    for k in range(frames):
        t = k / control_hz
        if t < peak_at:
            out.append((t / peak_at) ** alpha)
        elif t < settled_at:
            fallen = 1 - (t - peak_at) / (settled_at - peak_at)
            out.append(level + (1 - level) * fallen**alpha)
        elif t <= note:
            out.append(level)
        elif t < note + release:
            out.append(level * (1 - (t - note) / release) ** alpha)
        else:
            out.append(0.0)
    return out


@settings(max_examples=40)
@given(
    st.lists(st.floats(0.01, 1), min_size=5, max_size=5),
    st.floats(0.05, 1.2),
)
def test_an_envelope_against_a_scalar_loop(fractions: list[float], note: float) -> None:
    spans = (1.0, 1.0, 1.0, 1.0, 5.9)
    parameters = [span * f for span, f in zip(spans, fractions, strict=True)]
    parameters[4] += 0.1
    made = modules.adsr(
        torch.tensor(parameters, dtype=torch.float64),
        torch.tensor(note, dtype=torch.float64),
        frames=480,
        control_hz=480.0,
    )
    assert made.tolist() == pytest.approx(adsr_loop(parameters, note, 480, 480.0), abs=1e-6)


def lfo_loop(parameters: list[float], envelope: list[float], control_hz: float) -> list[float]:
    hz, depth, phase, *weights = parameters
    sharpened = [w**math.e for w in weights]
    turns, out = phase / (2 * math.pi), []
    for e in envelope:
        turns += max(hz + depth * e, 0.0) / control_hz
        x = turns % 1.0
        triangle = 2 * x if x < 0.5 else 2 - 2 * x
        square = 1.0 if 0.25 < x < 0.75 else 0.0
        shapes = [math.sin(math.pi * x) ** 2, triangle, x, 1 - x, square]
        out.append(sum(w * s for w, s in zip(sharpened, shapes, strict=True)) / sum(sharpened))
    return out


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_a_slow_oscillator_against_a_scalar_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parameters = [
        rng.uniform(0, 20),
        rng.uniform(-10, 20),
        rng.uniform(-3, 3),
        *rng.uniform(0.05, 1, 5),
    ]
    envelope = rng.uniform(0, 1, 300)
    made = modules.lfo(
        torch.tensor(parameters, dtype=torch.float64), torch.from_numpy(envelope), control_hz=480.0
    )
    expected = lfo_loop(parameters, envelope.tolist(), 480.0)
    assert made.tolist() == pytest.approx(expected, abs=1e-6)
    assert made.min() >= 0
    assert made.max() <= 1


def test_the_matrix_against_a_loop() -> None:
    g = torch.Generator().manual_seed(2)
    weights, signals = torch.rand(3, 5, 4, generator=g), torch.rand(3, 4, 9, generator=g)
    made = modules.modulation_matrix(weights, signals)
    for b in range(3):
        for o in range(5):
            for k in range(9):
                total = sum(float(weights[b, o, i] * signals[b, i, k]) for i in range(4))
                assert float(made[b, o, k]) == pytest.approx(total, abs=1e-6)


def test_stretching_a_control_signal_against_numpy() -> None:
    control = np.random.default_rng(3).random(48)
    made = modules.upsample(torch.from_numpy(control), 1601)
    places = np.linspace(0, 47, 1601)
    assert made.numpy() == pytest.approx(np.interp(places, np.arange(48), control), abs=1e-9)


def test_levels_mix_as_a_weighted_sum() -> None:
    sounds = torch.tensor([[[1.0, -2.0], [0.5, 0.5]]])
    assert modules.mix(torch.tensor([[2.0, 4.0]]), sounds).tolist() == [[4.0, -2.0]]


def measured_hz(x: torch.Tensor, near_hz: float) -> float:
    """Frequency from the phase that a tone gains between two halves of the sound."""
    n = x.shape[-1] // 2
    window = np.hanning(n)
    times = np.arange(n) / RATE
    spin = np.exp(-2j * np.pi * near_hz * times) * window
    first, second = (np.sum(half.numpy() * spin) for half in (x[:n], x[n : 2 * n]))
    step = np.angle(second / first * np.exp(-2j * np.pi * near_hz * n / RATE))
    return float(near_hz + step / (2 * np.pi * n / RATE))


@pytest.mark.parametrize("midi", [33.0, 45.5, 57.2, 69.0, 81.7, 93.1, 105.0, 115.0])
@pytest.mark.parametrize("wave", ["sine", "square", "saw", "fm"])
def test_a_tone_has_the_asked_pitch_within_two_cents(midi: float, wave: str) -> None:
    zero, pitch = torch.zeros(()), torch.tensor(midi)
    hz = modules.pitch(pitch, zero, zero, torch.zeros(480))
    turns = modules.turns_of(modules.upsample(hz, RATE), zero, rate_hz=RATE)
    if wave == "sine":
        x = modules.sine(turns)
    elif wave == "fm":
        hz = modules.fm_hz(pitch, zero, zero, torch.zeros(RATE), rate_hz=RATE)
        x = modules.sine(modules.turns_of(hz, zero, rate_hz=RATE))
    else:
        shape = torch.tensor(0.0 if wave == "square" else 1.0)
        x = modules.square_saw(turns, shape, modules.partials(pitch, zero, zero))
    asked = 440 * 2 ** ((midi - 69) / 12)
    assert abs(1200 * math.log2(measured_hz(x, asked) / asked)) < 2


def test_a_pitch_stays_within_the_keyboard() -> None:
    bent = modules.pitch(
        torch.tensor(60.0), torch.tensor(0.0), torch.tensor(96.0), torch.tensor([-1.0, 0.0, 1.0])
    )
    assert bent.tolist() == pytest.approx([8.1758, 261.6256, 12543.85], rel=1e-5)


def test_a_carrier_stays_between_zero_and_nyquist() -> None:
    modulator = torch.linspace(-1, 1, 101)
    hz = modules.fm_hz(
        torch.tensor(69.0), torch.tensor(0.0), torch.tensor(60.0), modulator, rate_hz=RATE
    )
    assert hz.min() == 0
    assert hz.max() == 8000
    assert hz[50] == pytest.approx(440.0, abs=0.01)


def aliases_db(midi: float, shape: float, rate_hz: int) -> float:
    """Energy between the partials, over that of the partials."""
    n = 1 << 14
    pitch, zero = torch.tensor(midi), torch.zeros(())
    f = 440 * 2 ** ((midi - 69) / 12)
    turns = torch.arange(n, dtype=torch.float64) * (f / rate_hz)
    x = modules.square_saw(turns, torch.tensor(shape), modules.partials(pitch, zero, zero))
    power = np.abs(np.fft.rfft(x.numpy().astype(float) * np.blackman(n))) ** 2
    bins = np.arange(power.size)
    own = np.zeros(power.size, bool)
    for partial in np.arange(0, rate_hz / 2, f):
        own |= np.abs(bins - partial * n / rate_hz) <= 4
    return float(10 * np.log10(power[~own].sum() / power[own].sum()))


@pytest.mark.parametrize(("rate_hz", "level_db"), [(16_000, -18), (32_000, -34), (44_100, -48)])
def test_aliases_of_the_square_saw_are_below_the_stated_level(rate_hz: int, level_db: int) -> None:
    worst = max(
        aliases_db(midi, shape, rate_hz)
        for midi in (33.3, 57.3, 81.3, 93.3, 105.3)
        for shape in (0.0, 0.5, 1.0)
    )
    assert worst < level_db
    assert worst > -90, "no sound at all has no aliases either"


def test_noise_is_white_uniform_fresh_and_repeatable() -> None:
    seeds = torch.tensor([1, 2, 3 << 60, (1 << 62) - 1, 1])
    x = modules.noise(seeds, RATE)
    assert torch.equal(x[0], x[4])
    assert x.min() >= -1
    assert x.max() < 1
    assert x.mean().abs() < 0.01
    assert x.var() == pytest.approx(1 / 3, rel=0.02)
    correlations = torch.corrcoef(x[:4]) - torch.eye(4)
    assert correlations.abs().max() < 0.04
    spectrum = torch.fft.rfft(x[0]).abs().pow(2)[1:8001].reshape(10, 800).mean(1)
    assert (spectrum / spectrum.mean() - 1).abs().max() < 0.15
    lag_one = (x[0, 1:] * x[0, :-1]).mean() * 3
    assert abs(float(lag_one)) < 0.03


def test_noise_against_a_hash_of_plain_integers() -> None:
    seed, word = 0x1234_5678_9ABC_DEF, 0xFFFFFFFF
    for i, value in enumerate(modules.noise(torch.tensor([seed]), 50)[0].tolist()):
        x = (i + (seed * 0x9E3779B9)) & word
        x = ((x ^ (x >> 16)) * 0x7FEB352D) & word
        x ^= (seed >> 16) & word
        x = ((x ^ (x >> 15)) * 0x846CA68B) & word
        x ^= x >> 16
        signed = x - (1 << 32) if x >= 1 << 31 else x
        assert value == pytest.approx(signed / 2**31, abs=1e-7)


def test_gradients_agree_with_finite_differences() -> None:
    g = torch.Generator().manual_seed(5)

    def draw(*shape: int) -> torch.Tensor:
        return (0.2 + 0.6 * torch.rand(*shape, generator=g, dtype=torch.float64)).requires_grad_()

    assert torch.autograd.gradcheck(
        lambda p, note: modules.adsr(p, note, frames=12, control_hz=9.7), (draw(2, 5), draw(2))
    )
    assert torch.autograd.gradcheck(
        lambda p, e: modules.lfo(p, e, control_hz=47.3)[..., :6], (draw(8), draw(6))
    )
    assert torch.autograd.gradcheck(
        lambda t, d, m: modules.pitch(60 + t, t, d, m), (draw(2), draw(2), draw(2, 5))
    )
    turns = torch.linspace(0.03, 2.9, 9, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda s, p: modules.square_saw(turns, s, p), (draw(2), draw(2))
    )
