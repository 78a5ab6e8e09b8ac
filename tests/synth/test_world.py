"""The world: its pieces against scalar loops and what a listener would measure."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from soundkin.errors import InputError
from soundkin.synth import world_air, world_mix, world_struck
from soundkin.synth.patches import make_patch
from soundkin.synth.world import FAMILIES, WorldPatch

F = np.float32
RATE, SAMPLES, FRAMES = 16_000, 16_000, 480
HUMAN = {
    "rhythm.rate": -1.5,
    "rhythm.regularity": 1.0,
    "rhythm.start": -0.1,
    "rhythm.accent": 0.0,
    "impact.stretch": 1.0,
    "impact.disorder": 0.0,
    "impact.damping": 1.0,
    "impact.bend": 0.0,
    "impact.burst": 0.0,
    "voice.vibrato": -0.5,
    "voice.roughness": -0.2,
    "voice.breath": -0.1,
    "voice.glide": 0.0,
    "voice.attack": -6.0,
    "voice.decay": 1.0,
    "air.flutter": 0.0,
    "air.sweep": 0.0,
    "air.sustain": 1.0,
    "air.second_level": 0.0,
    "air.low": 0.0,
    "room.wet": -0.2,
    "room.hiss": -100.0,
}


def heard(family: str, seeds: int = 1, **human: float) -> torch.Tensor:
    """One family alone, its knobs in human units, the rest plain: (seeds, samples)."""
    patch = WorldPatch(without=tuple(other for other in FAMILIES if other != family))
    values = patch.table.to_human(torch.full((1, len(patch.table)), 0.5))
    asked = HUMAN | {f"{family}.{knob}": value for knob, value in human.items()}
    for column, name in enumerate(patch.table.names):
        for knob, value in asked.items():
            if name == knob or name.endswith(f".{knob}"):
                values[0, column] = value
    u = patch.table.to_unit(values).expand(seeds, -1).contiguous()
    return patch.render(u, torch.arange(seeds) * 7919 + 1)


def pitch_hz(x: torch.Tensor, near_midi: float) -> float:
    """The strongest period within half an octave, by autocorrelation, between samples."""
    y = x.numpy().astype(float) * np.hanning(len(x))
    spectrum = np.abs(np.fft.rfft(y, 1 << 16)) ** 2
    track = np.fft.irfft(spectrum)[: 1 << 14]
    period = RATE / 440 * 2 ** ((69 - near_midi) / 12)
    lags = np.arange(int(period / 1.45), int(period * 1.45) + 1)
    best = lags[np.argmax(track[lags])]
    a, b, c = track[best - 1 : best + 2]
    return RATE / (best + 0.5 * (a - c) / (a - 2 * b + c))


def cents(hz: float, midi: float) -> float:
    return abs(1200 * math.log2(hz / 440) - 100 * (midi - 69))


def test_its_table_and_its_families() -> None:
    patch = WorldPatch()
    assert len(patch.table) == len(set(patch.table.names)) == 78
    assert all(p.curve == 1 and not p.symmetric for p in patch.table), "so that both priors agree"
    with pytest.raises(InputError, match="no family 'brass'; expected one of impact, pluck"):
        WorldPatch(without=("brass",)).render(torch.zeros(1, 78), torch.zeros(1).long())
    assert make_patch("world without pluck, air") == WorldPatch(without=("pluck", "air"))


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_finite_audible_and_fresh(family: str) -> None:
    patch = WorldPatch(without=tuple(other for other in FAMILIES if other != family))
    u = torch.rand(48, 78, generator=torch.Generator().manual_seed(1)).clamp_min(1e-6)
    x = patch.render(u, torch.arange(48), normalise="none")
    assert x.isfinite().all()
    assert (x.abs().amax(1) < 1e-3).float().mean() <= 0.05
    assert x.abs().max() < 10
    again = patch.render(u, torch.arange(48), normalise="none")
    other = patch.render(u, torch.arange(48) + 1000, normalise="none")
    assert torch.equal(x, again)
    assert not torch.equal(x, other)


def test_the_stream_of_random_numbers_against_plain_integers() -> None:
    state, word = np.array([12345], np.uint32), 0xFFFFFFFF
    s = 12345
    numbers = []
    for _ in range(3000):
        s = (s * 747796405 + 2891336453) & word
        w = ((s >> ((s >> 28) + 4)) ^ s) & word
        w = (w * 277803737) & word
        w = (w >> 22) ^ w
        numbers.append((w >> 8) / (1 << 24))
    made = [float(world_struck.random(state)) for _ in range(3000)]
    assert made == pytest.approx(numbers, abs=1e-9)
    assert np.mean(made) == pytest.approx(0.5, abs=0.02)
    assert np.var(made) == pytest.approx(1 / 12, abs=0.005)


@pytest.mark.parametrize("regularity", [0.0, 1.0])
def test_events_come_at_their_rate(regularity: float) -> None:
    times, levels = np.empty(4096, np.int64), np.empty(4096, F)
    p = np.array([math.log2(8), regularity, 0.1, 0.5], F)
    n = world_struck.events(times, levels, p, 100 * RATE, F(RATE), np.array([3], np.uint32))
    gaps_s = np.diff(times[:n]) / RATE
    assert times[0] == pytest.approx(10 * RATE, abs=2)
    assert n == pytest.approx(720, rel=0.1)
    assert gaps_s.std() / gaps_s.mean() == pytest.approx(1 - regularity, abs=0.1)
    assert levels[0] == 1
    assert levels[:n].min() > 0.5


def test_a_mode_against_its_formula() -> None:
    out = np.zeros(SAMPLES, F)
    step, t60, bend, bend_samples = 0.03, 8000.0, 0.5, 900.0
    world_struck.add_mode(out, 100, SAMPLES, F(step), F(bend), F(bend_samples), F(0.7), F(t60))
    t = np.arange(8000)
    turns = step * t + step * bend * bend_samples * (1 - np.exp(-t / bend_samples))
    expected = 0.7 * 10 ** (-3 * t / t60) * np.sin(2 * np.pi * turns)
    assert np.abs(out[100:8100] - expected).max() < 5e-3
    assert not out[:100].any()


@pytest.mark.parametrize("midi", [36.0, 60.0, 84.0])
def test_struck_plucked_and_voiced_pitches(midi: float) -> None:
    struck = heard("impact", pitch=midi, decay=1.0, brightness=-2.0)[0]
    assert cents(pitch_hz(struck[2000:14000], midi), midi) < 5
    plucked = heard("pluck", pitch=midi, decay=2.0, damping=0.3, position=0.2)[0]
    assert cents(pitch_hz(plucked[2000:14000], midi), midi) < 10
    voiced = heard("voice", pitch=midi, tension=0.6)[0]
    assert cents(pitch_hz(voiced[2000:10000], midi), midi) < 10


def test_a_string_against_a_scalar_loop() -> None:
    p = np.array([57.3, 1.0, 0.4, 0.21, 0.8], F)
    noise = np.random.default_rng(2).uniform(-1, 1, 4000).astype(F)
    out, scratch = np.empty(4000, F), np.empty(9000, F)
    world_struck.pluck_row(out, p, np.array([50]), np.ones(1, F), 1, noise, F(RATE), scratch)
    period = RATE / (440 * 2 ** ((57.3 - 69) / 12))
    whole, pick = int(period), int(0.21 * period)
    burst = noise[50 : 50 + whole].astype(float)
    burst -= burst.mean()
    y, smooth = np.zeros(4000), 0.0
    for i, value in enumerate(burst):
        smooth += 0.8 * (value - smooth)
        y[50 + i] += smooth
        y[50 + i + pick] -= smooth
    loss = 10 ** (-3 * period / (2 * RATE))
    for n in range(4000):
        for lag, weight in ((whole, 1 - period % 1), (whole + 1, period % 1)):
            for side, tap in ((-1, 0.1), (0, 0.8), (1, 0.1)):
                if n - lag + side >= 0:
                    y[n] += loss * weight * tap * y[n - lag + side]
    assert np.abs(out - y).max() < 1e-3 * np.abs(y).max()


@pytest.mark.parametrize("midi", [55.0, 75.0, 95.0])
def test_air_gathers_around_its_centre(midi: float) -> None:
    x = heard("air", centre=midi, sharpness=4.0)[0]
    power = np.abs(np.fft.rfft(x.numpy().astype(float))) ** 2
    smooth = np.convolve(power, np.hanning(15), "same")
    hz = np.fft.rfftfreq(SAMPLES, 1 / RATE)
    top = hz[np.argmax(smooth)]
    assert cents(float(top), midi) < 150


def test_grains_come_as_densely_as_asked_and_last_as_long() -> None:
    knobs = {"length": -9.0, "sizes": 0.0, "swell": 0.0, "centre": 100.0, "regularity": 1.0}
    for octaves in (2.0, 4.0, 5.0):
        x = heard("grains", density=octaves, **knobs)[0].abs()
        loud = torch.nn.functional.max_pool1d(x[None, None], 33, 1, 16)[0, 0] > 0.05
        onsets = int((loud[1:] & ~loud[:-1]).sum()) + int(loud[0])
        assert abs(onsets - 2**octaves) <= 1


def test_a_comb_and_an_all_pass_against_scalar_loops() -> None:
    x = np.random.default_rng(4).normal(0, 1, 900).astype(F)
    wet, echo = np.zeros(900, F), np.empty(5000, F)
    world_mix.comb_row(x, wet, 40, F(0.8), F(0.5), echo)
    y = np.zeros(941)
    for n in range(900):
        side = 0.5 * 0.25 * 0.8
        before = (y[n + 40 - 41 + k] if n + k >= 1 else 0.0 for k in range(3))
        a, b, c = before
        y[n + 40] = x[n] + (0.8 - 2 * side) * b + side * (a + c)
    assert wet == pytest.approx(y[:900], abs=1e-4)
    passed = np.zeros(4096, F)
    passed[0] = 1
    world_mix.all_pass_row(passed, 37, echo)
    assert np.abs(np.fft.rfft(passed)) == pytest.approx(1, abs=1e-3)


def test_a_room_rings_as_long_as_asked() -> None:
    dry = np.zeros(3 * RATE, F)
    dry[0] = 1
    wet, echo = np.empty_like(dry), np.empty(4 * RATE, F)
    world_mix.room_row(dry, np.array([1.0, 0.0, 0.0, 0.0], F), wet, echo, F(RATE))
    energy = np.cumsum(dry[::-1].astype(float) ** 2)[::-1]
    level_db = 10 * np.log10(energy / energy[0] + 1e-12)
    places = [int(np.argmax(level_db < mark)) for mark in (-10, -40)]
    assert 2 * (places[1] - places[0]) / RATE == pytest.approx(1.0, rel=0.15)


def test_hiss_has_its_level_and_colour() -> None:
    noise = np.random.default_rng(5).uniform(-1, 1, SAMPLES).astype(F)
    levels_db, tilts = [], []
    for colour in (-1.0, -6.0):
        out = np.zeros(SAMPLES, F)
        out[0] = 0.5
        world_mix.add_hiss(out, np.array([0, 0, 0, 0, -40.0, colour], F), noise)
        hiss = out[1:].astype(float)
        levels_db.append(10 * np.log10((hiss**2).mean() * 3 / 0.5**2))
        power = np.abs(np.fft.rfft(hiss)) ** 2
        tilts.append(power[:800].mean() / power[-800:].mean())
    assert levels_db == pytest.approx([-40, -40], abs=1.0)
    assert tilts[0] == pytest.approx(9, rel=0.3), "|H(0) / H(pi)|^2 = ((2 - k) / k)^2"
    assert tilts[1] > 100
    out = np.ones(4, F)
    world_mix.add_hiss(out, np.array([0, 0, 0, 0, -81.0, -1.0], F), noise)
    assert out.tolist() == [1, 1, 1, 1]


def test_an_envelope_rises_falls_and_keeps_its_floor() -> None:
    out = np.empty(FRAMES, F)
    times, levels = np.array([4000, 12000]), np.array([1.0, 0.5], F)
    world_air.event_envelope(out, times, levels, 2, F(0.05), F(0.1), F(0.1), F(RATE), F(480))
    assert out[:120] == pytest.approx(0.1)
    assert out[120:150].max() == pytest.approx(1, abs=0.05)
    for k in range(150, 240):
        assert out[k] == pytest.approx(max(out[149] * math.exp(-(k - 149) / 48), 0.1), rel=0.03)
    assert 0.45 < out[360:].max() <= 0.5


def test_families_weigh_by_the_fourth_power() -> None:
    gains = np.empty(5, F)
    world_mix.level_gains(gains, np.array([0.5, 1.0, 0.0, 0.25, 0.1], F))
    assert gains.tolist() == pytest.approx([1 / 16, 1, 0, 1 / 256, 1e-4])
    world_mix.level_gains(gains, np.array([1e-6, 0, 0, 0, 0], F))
    assert gains.tolist() == [1, 0, 0, 0, 0]
