"""Noise, gain, equaliser, mixtures, rooms, shifts and crops, measured; identity at strength 0."""

# ruff: noqa: E402
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.augment.waveform import (
    add_noise,
    band_limit,
    circular_shift,
    equalise,
    gain,
    mix,
    nearby_starts,
    reverb,
    room,
)
from soundkin.errors import InputError

RATE = 16_000
INFINITE = float("inf")


def noise(seed, n=3, samples=4000):
    return torch.randn(n, samples, generator=torch.Generator().manual_seed(seed)) * 0.1


def tone(frequency, samples=8000):
    return torch.sin(torch.arange(samples) * (2 * torch.pi * frequency / RATE))[None] * 0.5


def level_db(x):
    return 10 * np.log10(x.square().mean(dim=1).numpy())


OFF_AND_ON = {
    "gain": gain,
    "noise": lambda x, s: add_noise(x, torch.where(s == 0, INFINITE, s)),
    "pink noise": lambda x, s: add_noise(x, torch.where(s == 0, INFINITE, s), colour="pink"),
    "mix": lambda x, s: mix(x, x.flip(0), s),
    "equalise": lambda x, s: equalise(x, s[:, None] * torch.ones(4), rate_hz=RATE),
    "high-pass": lambda x, s: band_limit(x, rate_hz=RATE, high_pass_hz=s * 500),
    "reverb": lambda x, s: reverb(x, room(1, 0.3, rate_hz=RATE), s * 0.5),
    "shift": lambda x, s: circular_shift(x, s * 7),
}


@pytest.mark.parametrize("name", OFF_AND_ON)
def test_strength_zero_is_the_identity_in_its_row_alone(name):
    x = noise(0)
    changed = OFF_AND_ON[name](x, torch.tensor([0.0, 1.0, 0.0]))
    assert changed.shape == x.shape
    assert changed[0].equal(x[0])
    assert changed[2].equal(x[2])
    assert (changed[1] - x[1]).abs().max() > 0.01


@given(snr=st.floats(-20, 40), colour=st.sampled_from(["white", "pink"]), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_noise_has_the_ratio_that_was_asked(snr, colour, seed):
    x = noise(seed, n=2)
    added = add_noise(x, snr, colour=colour, generator=torch.Generator().manual_seed(1)) - x
    np.testing.assert_allclose(level_db(x) - level_db(added), snr, atol=0.02)


def test_pink_noise_falls_by_three_decibels_an_octave_and_white_does_not():
    for colour, slope in (("white", 0), ("pink", -3.01)):
        x = torch.full((8, 1 << 15), 0.1)
        generator = torch.Generator().manual_seed(3)
        added = add_noise(x, 0.0, colour=colour, generator=generator) - x
        power = torch.fft.rfft(added).abs().square().mean(dim=0).numpy()
        octaves = [10 * np.log10(power[1 << k : 2 << k].mean()) for k in range(6, 14)]
        assert np.polyfit(range(8), octaves, 1)[0] == pytest.approx(slope, abs=0.25)


def test_noise_is_fresh_for_each_row_and_repeats_with_the_generator():
    x = torch.full((2, 1000), 0.1)
    first, again = (add_noise(x, 0.0, generator=torch.Generator().manual_seed(5)) for _ in "ab")
    assert first.equal(again)
    assert not first[0].allclose(first[1], atol=0.01)
    assert add_noise(torch.zeros(1, 100), 0.0).abs().max() == 0


@given(ratio=st.floats(0.01, 4), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_a_mixture_has_the_energy_ratio(ratio, seed):
    x, other = noise(seed), 5 * noise(seed + 100)
    added = mix(x, other, ratio) - x
    np.testing.assert_allclose(level_db(added) - level_db(x), 10 * np.log10(ratio), atol=0.02)
    cosine = (added * other).sum(dim=1) / (added.norm(dim=1) * other.norm(dim=1))
    np.testing.assert_allclose(cosine, 1, atol=1e-4)
    assert mix(x, torch.zeros_like(x), ratio).equal(x)


def test_gain_in_decibels():
    x = noise(1)
    np.testing.assert_allclose(level_db(gain(x, -12.0)) - level_db(x), -12, atol=1e-3)


@pytest.mark.parametrize(("knob", "frequency"), [(0, 60.0), (1, 306.5), (2, 1565.4), (3, 7990.0)])
def test_the_equaliser_lifts_what_its_knob_says(knob, frequency):
    gains = torch.zeros(1, 4)
    gains[0, knob] = 9.0
    x = tone(frequency)
    lifted = equalise(x, gains, rate_hz=RATE)
    assert (level_db(lifted) - level_db(x))[0] == pytest.approx(9, abs=0.7)
    gains[0, knob] = 0
    gains[0, (knob + 2) % 4] = 9.0
    same = equalise(x, gains, rate_hz=RATE)
    assert (level_db(same) - level_db(x))[0] == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize(
    ("frequency", "expected"), [(500, -12.3), (1000, -3.01), (4000, -3.01), (8000 * 0.9, -10.7)]
)
def test_band_limits_fall_like_butterworth(frequency, expected):
    x = tone(frequency, 16_000)
    passed = band_limit(x, rate_hz=RATE, high_pass_hz=1000.0, low_pass_hz=4000.0)
    middle = slice(4000, 12_000)
    fallen = level_db(passed[:, middle]) - level_db(x[:, middle])
    other = 1 + (1000 / frequency) ** 4
    other *= 1 + (frequency / 4000) ** 4
    assert fallen[0] == pytest.approx(-10 * np.log10(other), abs=0.05)
    assert fallen[0] == pytest.approx(expected, abs=0.15)


def test_reverb_against_a_plain_convolution():
    x, impulse = noise(2, n=2, samples=300), noise(3, n=1, samples=50)
    ours = reverb(x, impulse, 0.4)
    for row, wet in zip(x.double().numpy(), ours.numpy(), strict=True):
        tail = np.zeros(300)
        for k, weight in enumerate(impulse[0].double().numpy()):
            tail[k:] += weight * row[: 300 - k]
        tail *= np.sqrt((row**2).sum() / (tail**2).sum())
        np.testing.assert_allclose(wet, 0.6 * row + 0.4 * tail, atol=1e-5)


def test_a_room_decays_by_sixty_decibels():
    impulse = room(20, 0.4, rate_hz=RATE, length_s=0.5, generator=torch.Generator().manual_seed(0))
    early, late = impulse[:, 1:801].square().mean(), impulse[:, 6401:7201].square().mean()
    assert 10 * np.log10((late / early).item()) == pytest.approx(-60, abs=0.5)
    assert impulse[:, 0].eq(1).all()


def test_circular_shift_against_numpy():
    x = noise(4, n=3, samples=11)
    turned = circular_shift(x, torch.tensor([2, -3, 40]))
    for row, ours, shift in zip(x, turned, (2, -3, 40), strict=True):
        np.testing.assert_array_equal(ours, np.roll(row.numpy(), shift))


@given(
    start=st.integers(0, 500), rest=st.integers(0, 500), window=st.integers(1, 200),
    within=st.integers(0, 300), seed=st.integers(0, 999),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_nearby_is_near_and_inside(start, rest, window, within, seed):
    length = start + window + rest
    drawn = nearby_starts(
        torch.full((50,), start), torch.full((50,), length), window=window, within=within,
        generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip
    assert drawn.dtype == torch.int64
    assert (drawn - start).abs().max() <= within
    assert drawn.min() >= 0
    assert (drawn + window).max() <= length


def test_nearby_reaches_every_place():
    drawn = nearby_starts(torch.full((400,), 2), torch.full((400,), 20), window=15, within=2)
    assert sorted(set(drawn.tolist())) == [0, 1, 2, 3, 4]
    short = nearby_starts(torch.tensor([0]), torch.tensor([5]), window=15, within=2)
    assert short.tolist() == [0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: add_noise(x, 3.0, colour="blue"), "colour 'blue'; expected 'white' or 'pink'"),
        (lambda x: equalise(x, torch.zeros(2, 1), rate_hz=RATE), "2 knobs and more"),
        (lambda x: gain(x, torch.zeros(3)), r"shape \(3,\); expected a number or \(2,\)"),
    ],
)
def test_says_what_is_wrong(call, message):
    with pytest.raises(InputError, match=message):
        call(torch.zeros(2, 100))
