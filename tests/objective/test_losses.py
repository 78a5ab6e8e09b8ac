"""Every objective against a plain loop, its gradient against finite differences, and its limits."""

# ruff: noqa: E402
from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from soundkin.errors import InputError
from soundkin.objective.align_uniform import align_uniform_loss, alignment, uniformity
from soundkin.objective.autodecompose import decompose_loss, join_codes, reconstruction_loss
from soundkin.objective.barlow_twins import barlow_twins_loss
from soundkin.objective.nt_xent import nt_xent_loss
from soundkin.objective.triplet import triplet_loss
from soundkin.objective.vicreg import vicreg_loss
from tests.objective import references

SEEDS = st.integers(0, 2**31)
SIZES = st.tuples(st.integers(2, 7), st.integers(1, 6))


def views(seed, shape, count=2):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(count)]


PAIR_LOSSES = {
    "align-uniform": (
        lambda x, y: align_uniform_loss(x, y, align_weight=0.7, uniform_weight=1.3, t=2),
        lambda x, y: references.align_uniform(x, y, 0.7, 1.3, 2),
    ),
    "nt-xent": (
        lambda x, y: nt_xent_loss(x, y, temperature=0.2),
        lambda x, y: references.nt_xent(x, y, 0.2),
    ),
    "vicreg": (
        lambda x, y: vicreg_loss(
            x, y, invariance_weight=3, variance_weight=5, covariance_weight=0.5
        ),
        lambda x, y: references.vicreg(x, y, 3, 5, 0.5),
    ),
    "barlow-twins": (
        lambda x, y: barlow_twins_loss(x, y, redundancy_weight=0.2),
        lambda x, y: references.barlow_twins(x, y, 0.2),
    ),
    "triplet-cosine": (
        lambda x, y: triplet_loss(x, y, y.flip(0), margin=0.3),
        lambda x, y: references.triplet(x, y, y[::-1], 0.3, "cosine"),
    ),
    "triplet-squared-l2": (
        lambda x, y: triplet_loss(x, y, y.flip(0), margin=0.3, distance="squared-l2"),
        lambda x, y: references.triplet(x, y, y[::-1], 0.3, "squared-l2"),
    ),
}


@pytest.mark.parametrize("name", PAIR_LOSSES)
@given(seed=SEEDS, shape=SIZES)
@settings(max_examples=25, deadline=None)
def test_equals_the_plain_loop(name, seed, shape):
    ours, reference = PAIR_LOSSES[name]
    x, y = views(seed, shape)
    expected = reference(x.tolist(), y.tolist())
    assert ours(x, y).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", PAIR_LOSSES)
def test_gradient_equals_finite_differences(name):
    ours, _ = PAIR_LOSSES[name]
    pair = [x.requires_grad_() for x in views(3, (4, 3))]
    ours(*pair).backward()
    step = 1e-6
    for side in range(2):
        gradient = pair[side].grad
        assert gradient.abs().max() > 1e-3
        for place in [(0, 0), (1, 2), (3, 1)]:
            moved = [x.detach().clone() for x in pair]
            moved[side][place] += step
            up = ours(*moved).item()
            moved[side][place] -= 2 * step
            slope = (up - ours(*moved).item()) / (2 * step)
            assert gradient[place].item() == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("name", ["align-uniform", "nt-xent", "triplet-cosine"])
def test_length_of_rows_does_not_matter(name):
    ours, _ = PAIR_LOSSES[name]
    x, y = views(5, (6, 4))
    lengths = torch.rand(6, 1, dtype=torch.float64) + 0.1
    assert ours(x * 7, y * lengths).item() == pytest.approx(ours(x, y).item(), rel=1e-9)


@pytest.mark.parametrize("name", PAIR_LOSSES)
def test_float32_is_finite_for_collapsed_and_opposite_rows(name):
    ours, _ = PAIR_LOSSES[name]
    for x in (torch.ones(8, 5), torch.zeros(8, 5)):
        one = x.clone().requires_grad_()
        loss = ours(one, -x)
        loss.backward()
        assert math.isfinite(loss.item())
        assert torch.isfinite(one.grad).all()


def test_triplet_is_zero_when_the_negative_is_far_and_the_margin_when_it_is_the_positive():
    x, y = views(1, (5, 3))
    assert triplet_loss(x, x, -x, margin=1.9).item() == 0
    assert triplet_loss(x, y, y, margin=0.4, distance="squared-l2").item() == pytest.approx(0.4)


def test_uniformity_and_alignment_do_not_assume_unit_length():
    x, y = views(2, (4, 3))
    assert uniformity(3 * x).item() == pytest.approx(references.uniform((3 * x).tolist(), 2))
    assert alignment(3 * x, 3 * y).item() == pytest.approx(9 * alignment(x, y).item())


def test_uniformity_falls_as_rows_spread():
    near, far = (normalize(torch.tensor(1.0) + s * views(4, (64, 16))[0], dim=1) for s in (0.1, 9))
    assert uniformity(far) < uniformity(near) < 0


def test_nt_xent_in_groups_is_the_mean_of_each_groups_own():
    x, y = (torch.randn(6, 4, generator=torch.Generator().manual_seed(k)) for k in (0, 1))
    for group in (2, 3):
        parts = zip(x.split(group), y.split(group), strict=True)
        own = [references.nt_xent(a.tolist(), b.tolist(), 0.2) for a, b in parts]
        found = nt_xent_loss(x, y, temperature=0.2, group=group).item()
        assert found == pytest.approx(sum(own) / len(own), rel=1e-5)
    whole = nt_xent_loss(x, y, temperature=0.2)
    assert nt_xent_loss(x, y, temperature=0.2, group=6).item() == pytest.approx(whole.item())


def test_nt_xent_of_unrelated_views_is_the_log_of_the_choice():
    everywhere = torch.ones(10, 4)
    assert nt_xent_loss(everywhere, everywhere).item() == pytest.approx(math.log(19), rel=1e-5)


@given(seed=SEEDS, n=st.integers(1, 4), frames=st.integers(1, 5), data=st.data())
@settings(max_examples=20, deadline=None)
def test_reconstruction_counts_valid_frames_alone(seed, n, frames, data):
    valid = data.draw(st.lists(st.integers(1, frames), min_size=n, max_size=n))
    rebuilt, target = views(seed, (n, 3, frames))
    ours = reconstruction_loss(rebuilt, target, valid_frames=torch.tensor(valid)).item()
    assert ours == pytest.approx(
        references.reconstruction(rebuilt.tolist(), target.tolist(), valid)
    )
    if min(valid) == frames:
        assert ours == pytest.approx(reconstruction_loss(rebuilt, target).item())


def test_decompose_gives_each_encoder_its_own_view():
    voice_map, content_map, decode_map = views(6, (3, 3), 3)
    scrambled, altered, target = views(7, (2, 3, 4), 3)

    def encode_voice(x):
        return torch.einsum("nbf,bd->nfd", x, voice_map)

    def encode_content(x):
        return torch.einsum("nbf,bd->nfd", x, content_map)

    def decode(codes):
        return torch.einsum("nfd,db->nbf", codes, torch.cat([decode_map, 2 * decode_map]))

    loss = decompose_loss(
        encode_voice, encode_content, decode, scrambled=scrambled, altered=altered, target=target
    )
    total = 0.0
    for n in range(2):
        for f in range(4):
            code = voice_map.T @ scrambled[n, :, f] + 2 * (content_map.T @ altered[n, :, f])
            total += (decode_map.T @ code - target[n, :, f]).square().sum().item()
    assert loss.item() == pytest.approx(total / 24)


def test_a_code_for_the_whole_sound_is_repeated():
    voice, content = torch.randn(2, 1, 3), torch.randn(2, 5, 4)
    joined = join_codes(voice, content)
    for frame in range(5):
        assert joined[:, frame].equal(torch.cat([voice[:, 0], content[:, frame]], dim=1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: triplet_loss(torch.ones(2, 3), torch.ones(2, 3), torch.ones(1, 3)), "one shape"),
        (
            lambda: triplet_loss(*[torch.ones(2, 3)] * 3, distance="l1"),
            "distance 'l1'; expected 'cosine' or 'squared-l2'",
        ),
        (lambda: alignment(torch.ones(2, 3), torch.ones(3, 3)), r"\(2, 3\) and \(3, 3\)"),
        (lambda: uniformity(torch.ones(1, 3)), "1 rows; expected two and more"),
        (lambda: nt_xent_loss(torch.ones(2, 3), torch.ones(2, 4)), "one shape"),
        (
            lambda: nt_xent_loss(torch.ones(2, 3), torch.ones(2, 3), temperature=0),
            "temperature of 0; expected more than 0",
        ),
        (lambda: barlow_twins_loss(torch.ones(1, 3), torch.ones(1, 3)), "two and more rows"),
        (lambda: vicreg_loss(torch.ones(1, 3), torch.ones(1, 3)), "two and more rows"),
        (lambda: reconstruction_loss(torch.ones(2, 3), torch.ones(3, 3)), "one shape"),
    ],
)
def test_says_what_is_wrong(call, message):
    with pytest.raises(InputError, match=message):
        call()
