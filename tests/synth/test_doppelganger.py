"""Pairs: steps as published, priors, groups, fresh noise, levels, and that delta is heard."""

from __future__ import annotations

import pytest
import torch

from soundkin.errors import InputError
from soundkin.synth.doppelganger import Prior, deltas, draw, pairs, perturb
from soundkin.synth.patches import PATCHES, make_patch
from tests.synth.listening import log_mel_distance


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_step_against_a_loop() -> None:
    u = torch.rand(4, 6, generator=generator(1))
    steps = torch.tensor([0.0, 0.1, 0.2, 0.5, 1.0, 0.25])
    moved = perturb(u, steps, generator=generator(2))
    normal = torch.randn(4, 6, generator=generator(2))
    for i in range(4):
        for j in range(6):
            asked = float(u[i, j]) + float(steps[j]) * float(normal[i, j])
            assert float(moved[i, j]) == pytest.approx(min(max(asked, 1e-6), 1.0), abs=1e-6)


def test_both_views_step_away_and_neither_is_the_sound_itself() -> None:
    patch, g = make_patch("voice", duration_s=0.02), generator(3)
    made = pairs(patch, 400, delta=0.1, generator=g)
    u = draw(patch, 400, prior="uniform-human", generator=generator(3))
    inner = (u > 0.4) & (u < 0.6)
    a, b = (made.u_a - u)[inner], (made.u_b - u)[inner]
    assert a.std() == pytest.approx(0.1, rel=0.05)
    assert b.std() == pytest.approx(0.1, rel=0.05)
    assert torch.corrcoef(torch.stack([a, b]))[0, 1].abs() < 0.05
    assert min(made.u_a.min(), made.u_b.min()) >= 1e-6
    assert max(made.u_a.max(), made.u_b.max()) <= 1


@pytest.mark.parametrize("name", PATCHES)
def test_pairs_come_apart_as_delta_grows(name: str) -> None:
    patch = make_patch(name)
    distances = []
    for delta in (0.01, 0.05, 0.1, 0.25, 0.5):
        made = pairs(patch, 40, delta=delta, generator=generator(4))
        distances.append(float(log_mel_distance(made.a, made.b).mean()))
    assert distances == sorted(distances)
    assert distances[-1] > 1.5 * distances[0]


def test_priors() -> None:
    patch, column = make_patch("voice"), make_patch("voice").table.column("adsr_1.attack")
    human = draw(patch, 4000, prior="uniform-human", generator=generator(5))
    unit = draw(patch, 4000, prior="uniform-unit", generator=generator(5))
    attack_s = patch.table.to_human(human)[:, column]
    quarters = torch.histc(attack_s, 4, 0, 2) / 4000
    assert (quarters - 0.25).abs().max() < 0.03
    quarters = torch.histc(unit[:, column], 4, 0, 1) / 4000
    assert (quarters - 0.25).abs().max() < 0.03
    assert patch.table.to_human(unit)[:, column].median() == pytest.approx(0.5, abs=0.05)


def test_a_group_moves_alone() -> None:
    patch = make_patch("voice")
    steps = deltas(patch, 0.0, pitch=0.3)
    made = pairs(patch, 5, delta=steps, generator=generator(6))
    moved = (made.u_a != made.u_b).any(0)
    assert torch.equal(moved, patch.table.in_group("pitch"))
    assert deltas(patch, 0.2, timbre=0.1, envelope=0.4).unique().tolist() == pytest.approx(
        [0.1, 0.2, 0.4]
    )


@pytest.mark.parametrize("name", PATCHES)
def test_a_generator_gives_the_same_pairs_and_another_others(name: str) -> None:
    patch = make_patch(name)
    first, again, other = (pairs(patch, 3, generator=generator(seed)) for seed in (7, 7, 8))
    assert torch.equal(first.a, again.a)
    assert torch.equal(first.b, again.b)
    assert not torch.equal(first.a, other.a)


def test_noise_is_fresh_for_every_sound_and_view() -> None:
    patch = make_patch("voice")
    u = torch.full((1, 78), 0.5)
    for name in ("mixer.level_1", "mixer.level_2"):
        u[0, patch.table.column(name)] = 0.0
    noises = torch.randint(0, 1 << 62, (4,), generator=generator(9))
    x = patch.render(u.expand(4, -1).contiguous(), noises)
    assert (torch.corrcoef(x) - torch.eye(4)).abs().max() < 0.05
    made = pairs(patch, 2, delta=0.0, generator=generator(10))
    assert torch.equal(made.u_a, made.u_b)
    assert not torch.equal(made.a, made.b)


@pytest.mark.parametrize("name", PATCHES)
@pytest.mark.parametrize("prior", ["uniform-human", "uniform-unit"])
def test_sounds_are_finite_in_range_and_audible(name: str, prior: Prior) -> None:
    made = pairs(make_patch(name), 64, prior=prior, generator=generator(11), normalise="none")
    x = torch.cat([made.a, made.b])
    assert x.isfinite().all()
    silent = (x.abs().amax(1) < 1e-3).float().mean()
    assert silent <= 0.02
    loud = pairs(make_patch(name), 32, prior=prior, generator=generator(11)).a
    assert loud.abs().amax(1).max() <= 1 + 1e-6


def test_levels_are_set_sound_by_sound() -> None:
    patch = make_patch("voice")
    raw = pairs(patch, 64, generator=generator(12), normalise="none").a
    clipped = pairs(patch, 64, generator=generator(12), normalise="clip").a
    peaked = pairs(patch, 64, generator=generator(12), normalise="peak").a
    for i in range(64):
        peak = float(raw[i].abs().max())
        assert float(clipped[i].abs().max()) == pytest.approx(min(peak, 1.0), rel=1e-5)
        assert float(peaked[i].abs().max()) == pytest.approx(1.0, rel=1e-5)
        assert torch.allclose(peaked[i] * peak, raw[i], atol=1e-5)
    assert 0 < (raw.abs().amax(1) > 1).float().mean() < 1


def test_what_cannot_be_asked() -> None:
    patch = make_patch("voice", duration_s=0.02)
    with pytest.raises(InputError, match=r"a delta of 1\.5; expected 0 to 1"):
        pairs(patch, 2, delta=1.5, generator=generator())
    with pytest.raises(InputError, match=r"a delta of -0\.1; expected 0 to 1"):
        deltas(patch, 0.1, timbre=-0.1)
    with pytest.raises(
        InputError, match="a prior 'normal'; expected one of uniform-human, uniform-unit"
    ):
        draw(patch, 2, prior="normal", generator=generator())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="0 pairs; expected one pair and more"):
        pairs(patch, 0, generator=generator())
