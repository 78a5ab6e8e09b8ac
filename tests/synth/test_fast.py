"""The compiled path against the plain one: arithmetic, each module, whole patches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from soundkin.synth import fast, kernels, modules, polynomials
from soundkin.synth.doppelganger import draw
from soundkin.synth.patches import PATCHES, Normalise, OscillatorPatch, make_patch
from tests.synth.listening import log_mel_distance

F = np.float32
SAMPLES, FRAMES, RATE = 16_000, 480, 16_000
RNG = np.random.default_rng(11)


def each(function: object, *columns: np.ndarray) -> np.ndarray:
    return np.array([function(*row) for row in zip(*columns, strict=True)])  # type: ignore[operator]


def test_polynomials_are_as_exact_as_they_say() -> None:
    turns = RNG.uniform(0, 20, 4000).astype(F)
    cosine = each(polynomials.cos_turns, turns)
    assert np.abs(cosine - np.cos(2 * np.pi * turns.astype(float))).max() < 3e-7
    z = RNG.normal(0, 4, 4000).astype(F)
    assert np.abs(each(polynomials.tanh, z) - np.tanh(z.astype(float))).max() < 3e-7
    x = RNG.uniform(-30, 30, 4000).astype(F)
    assert np.abs(each(polynomials.exp2, x) / np.exp2(x.astype(float)) - 1).max() < 2e-7
    y = np.exp2(RNG.uniform(-40, 10, 4000)).astype(F)
    true = np.log2(y.astype(float))
    assert (np.abs(each(polynomials.log2, y) - true) / (3 + np.abs(true))).max() < 1e-7
    r, alpha = RNG.uniform(0, 1, 4000).astype(F), RNG.uniform(0.1, 6, 4000).astype(F)
    error = np.abs(each(polynomials.power, r, alpha) - r.astype(float) ** alpha.astype(float))
    assert error.max() < 1e-6
    assert polynomials.power(F(0), F(0.1)) == 0


def test_envelopes_and_slow_oscillators_are_those_of_the_modules() -> None:
    for _ in range(20):
        p = (RNG.random(5) * [2, 2, 1, 2, 5.9] + [0, 0, 0, 0, 0.1]).astype(F)
        note = F(RNG.uniform(0.01, 1.2))
        envelope, lfo = np.empty(FRAMES, F), np.empty(FRAMES, F)
        kernels.adsr_row(envelope, *p, note, F(480))
        expected = modules.adsr(
            torch.from_numpy(p), torch.tensor(note), frames=FRAMES, control_hz=480.0
        )
        assert np.abs(envelope - expected.numpy()).max() < 3e-5
        knobs = np.concatenate([RNG.uniform(-3, 20, 3), RNG.random(5)]).astype(F)
        kernels.lfo_row(lfo, knobs, envelope, np.ones(FRAMES, F), F(480))
        slow = modules.lfo(torch.from_numpy(knobs), torch.from_numpy(envelope), control_hz=480.0)
        off = np.abs(lfo - slow.numpy()) > 1e-5
        assert off.mean() < 0.01, "only a jump may fall on the next frame"


@pytest.mark.parametrize(("frames", "samples"), [(480, 16_000), (480, 44_100), (5, 161), (2, 160)])
def test_phases_and_levels_are_those_of_the_modules(frames: int, samples: int) -> None:
    rate = samples * 480 // frames
    hz = torch.from_numpy(RNG.uniform(50, rate / 4, frames)).float()
    turns, level = np.empty(samples, F), np.empty(samples, F)
    blocks = fast.blocks(frames, samples)
    kernels.phase_row(turns, (hz / rate).numpy(), F(1.0), *blocks)
    kernels.stretch_row(level, hz.numpy(), *blocks)
    at_samples = modules.upsample(hz.double(), samples)
    expected = modules.turns_of(at_samples, torch.tensor(1.0), rate_hz=rate)
    off = (torch.from_numpy(turns).double() - expected + 0.5) % 1 - 0.5
    assert off.abs().max() < 2e-4
    assert np.abs(level / at_samples.numpy() - 1).max() < 1e-5


def test_oscillators_are_those_of_the_modules() -> None:
    turns, amp = RNG.uniform(0, 20, SAMPLES).astype(F), RNG.random(SAMPLES).astype(F)
    out = np.empty(SAMPLES, F)
    as_turns, as_amp = torch.from_numpy(turns).double(), torch.from_numpy(amp)
    kernels.sine_row(out, turns, amp)
    assert np.abs(out - (modules.sine(as_turns) * as_amp).numpy()).max() < 1e-6
    for shape, partials, error in ((0.0, 2.0, 3e-5), (0.4, 0.3, 1e-5), (1.0, 60.0, 4e-4)):
        kernels.square_saw_row(out, turns, amp, F(shape), F(np.pi / 2 * partials))
        wave = modules.square_saw(as_turns, torch.tensor(shape), torch.tensor(partials))
        assert np.abs(out - (wave * as_amp).numpy()).max() < error
    hz = modules.fm_hz(
        torch.tensor(60.0), torch.tensor(3.0), torch.tensor(2.0), as_amp, rate_hz=RATE
    )
    expected = modules.sine(modules.turns_of(hz, torch.tensor(-1.0), rate_hz=RATE))
    f0 = kernels.midi_steps(F(63.0), F(RATE))
    kernels.carrier_row(out, amp, f0, F(2.0), F(-1.0))
    assert np.abs(out - expected.numpy()).max() < 2e-3


def test_noise_is_that_of_the_modules() -> None:
    seeds = torch.tensor([0, 5, (1 << 62) - 3])
    out = np.empty(SAMPLES, F)
    for seed, row in zip(seeds.tolist(), modules.noise(seeds, SAMPLES), strict=True):
        kernels.noise_row(out, np.int64(seed))
        assert np.array_equal(out, row.numpy())


def apart(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Energy of the difference over that of `b`, as an amplitude: (n,)."""
    return ((a - b).pow(2).mean(1) / b.pow(2).mean(1)).sqrt()


@pytest.mark.parametrize(
    ("name", "normalise"),
    [("voice", "none"), ("voice", "clip"), ("voice-fm", "peak"), ("parametric", "peak")],
)
def test_a_patch_sounds_the_same_on_both_paths(name: str, normalise: Normalise) -> None:
    """Both paths are judged by the plain one in float64.

    A pitch rounded to float32 becomes phase over a second, and FM multiplies that up to a
    hundredfold, so the plain float32 path is itself a little off: the compiled one may be three
    times as far. Voice, which has no FM: half of the sounds within -55 dB, nine in ten within
    -40 dB, log-mel pictures within 0.01.
    """
    patch = make_patch(name)
    assert isinstance(patch, OscillatorPatch)
    g = torch.Generator().manual_seed(7)
    u = draw(patch, 32, prior="uniform-human", generator=g)
    seeds = torch.randint(0, 1 << 62, (32,), generator=g)
    exact = patch.render(u.double(), seeds, normalise=normalise, plain=True).float()
    plain = patch.render(u, seeds, normalise=normalise, plain=True)
    quick = patch.render(u, seeds, normalise=normalise)
    for share in (0.25, 0.5, 0.75):
        assert apart(quick, exact).quantile(share) < 3 * apart(plain, exact).quantile(share)
    if name == "voice":
        assert apart(quick, plain).median() < 1.8e-3
        assert apart(quick, plain).quantile(0.9) < 1e-2
        assert log_mel_distance(quick, plain).max() < 1e-2


@pytest.mark.parametrize("name", PATCHES)
def test_a_sound_does_not_depend_on_its_neighbours_or_the_threads(name: str) -> None:
    patch = make_patch(name)
    g = torch.Generator().manual_seed(8)
    u = draw(patch, 12, prior="uniform-human", generator=g)
    seeds = torch.randint(0, 1 << 62, (12,), generator=g)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = patch.render(u, seeds)
        torch.set_num_threads(3)
        three = patch.render(u, seeds)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(one, three)
    assert torch.equal(one[4:5], patch.render(u[4:5], seeds[4:5]))


def test_gradients_take_the_plain_path_and_agree_with_finite_differences() -> None:
    patch = make_patch("voice", duration_s=0.05)
    g = torch.Generator().manual_seed(9)
    u = (0.3 + 0.4 * torch.rand(2, 78, generator=g)).requires_grad_()
    seeds = torch.tensor([1, 2])
    assert not fast.can_render(u)
    loudness = patch.render(u, seeds, normalise="none").pow(2).sum(1)
    (gradient,) = torch.autograd.grad(loudness.sum(), u)
    assert gradient.isfinite().all()
    table = patch.table
    for name in ("mixer.level_1", "mixer.level_2", "mixer.noise", "matrix.adsr_1>level_2"):
        column, step = table.column(name), 1e-2
        ends = []
        for sign in (1, -1):
            moved = u.detach().clone()
            moved[:, column] += sign * step
            ends.append(patch.render(moved, seeds, normalise="none", plain=True).pow(2).sum(1))
        slope = (ends[0] - ends[1]) / (2 * step)
        assert gradient[:, column].tolist() == pytest.approx(slope.tolist(), rel=0.02, abs=1e-3)


@pytest.mark.parametrize("rate_hz", [8000, 44_100])
@pytest.mark.parametrize("duration_s", [0.02, 2.5])
def test_other_rates_and_lengths(rate_hz: int, duration_s: float) -> None:
    patch = make_patch("voice-fm", rate_hz=rate_hz, duration_s=duration_s)
    u = torch.full((3, 130), 0.4)
    x = patch.render(u, torch.tensor([1, 2, 3]))
    assert x.shape == (3, round(rate_hz * duration_s))
    assert x.isfinite().all()
    assert x.abs().amax(1) == pytest.approx(1.0, abs=1e-6)
