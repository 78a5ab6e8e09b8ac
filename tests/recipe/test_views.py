"""Batches of pairs: what b has of a under each deformation, and draws that repeat."""

# ruff: noqa: E402
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import soundkin.recipe.views as views_module
from soundkin.recipe.assemble import without_content, without_voice
from soundkin.recipe.load import load_recipe
from soundkin.recipe.settings import Scramble
from soundkin.recipe.sounds import Sounds
from soundkin.recipe.views import draw_views
from soundkin.synth.doppelganger import pairs
from tests.recipe.drawing import drawn_twice

RATE = 16_000


def ramps(n=6, seconds=4.0):
    """Sounds whose value tells the place: slow ramps, each at its own level."""
    length = round(seconds * RATE)
    one = np.linspace(3000, 32_000, length).astype(np.int16)
    return Sounds(
        samples=np.tile(one, n), begins=np.arange(n + 1) * length, names=[str(k) for k in range(n)],
        rate_hz=RATE, left_out=0, failed=0,
    )  # fmt: skip


def noises(n=6, seconds=3.0, seed=0):
    length = round(seconds * RATE)
    samples = np.random.default_rng(seed).integers(-20_000, 20_000, n * length)
    return Sounds(
        samples=samples.astype(np.int16), begins=np.arange(n + 1) * length,
        names=[str(k) for k in range(n)], rate_hz=RATE, left_out=0, failed=0,
    )  # fmt: skip


def recipe(*changes, name="music", batch=6):
    return load_recipe(name, [f"run.batch={batch}", "data.window=8000", *changes])


def draw(how, sounds, seed=0):
    return draw_views(how, sounds, torch.Generator().manual_seed(seed))


def test_without_deformation_both_views_are_one():
    views = draw(recipe("deform.nearby_s=0.0"), noises())
    assert views.a.shape == (6, 8000)
    assert views.b.equal(views.a)
    assert views.mixed.tolist() == [-1] * 6


def test_nearby_windows_are_of_the_same_sound_within_the_reach():
    views = draw(recipe("deform.nearby_s=0.1", batch=40), ramps())
    assert not views.a.equal(views.b)
    # windows are scaled to their end: the slope against it tells where they begin
    rise = (32_000 - 3000) / (4 * RATE)

    def place(x):
        first = x[:, 0].double()
        end = (7999 * rise) / (1 - first)
        return (end - 7999 * rise - 3000) / rise

    gaps = (place(views.b) - place(views.a)).abs()
    assert gaps.max() < 0.1 * RATE + 300
    assert gaps.max() > 0.03 * RATE


@pytest.mark.parametrize(
    "change",
    [
        "deform.pitch_semitones=[3.0, 5.0]", "deform.stretch=[0.5, 0.8]",
        "deform.equaliser_db=[-12.0, 12.0]", "deform.high_pass_hz=[300.0, 800.0]",
        "deform.low_pass_hz=[1200.0, 4000.0]", "deform.reverberation_s=[0.2, 0.5]",
        "deform.shift=0.25", "deform.noise=[0.01, 0.05]", "deform.mixture=0.25",
    ],
)  # fmt: skip
def test_each_deformation_changes_b_alone_and_some_rows_stay(change):
    plain = draw(recipe("deform.nearby_s=0.0"), noises())
    views = draw(recipe("deform.nearby_s=0.0", change, "deform.probability=1.0"), noises())
    assert views.a.equal(plain.a)
    assert views.b.shape == (6, 8000)
    assert torch.isfinite(views.b).all()
    changed = (views.b - views.a).abs().amax(dim=1) > 1e-3
    assert changed.all()
    some = draw(recipe("deform.nearby_s=0.0", change, "deform.probability=0.5", batch=24), noises())
    same = (some.b == some.a).all(dim=1)
    if "mixture" not in change:  # a mixture is a matter of the whole batch
        assert 3 < same.sum() < 21


def test_one_deformation_a_batch():
    how = recipe(
        "deform.one_a_batch=true", "deform.noise=[0.01, 0.05]", "deform.mixture=0.25",
        "deform.pitch_semitones=[-3.0, 3.0]",
    )  # fmt: skip
    kinds = set()
    for seed in range(12):
        views = draw(how, noises(), seed)
        change = views.b - views.a
        if (views.mixed >= 0).all():
            assert views.mixed.tolist() == [1, 2, 3, 4, 5, 0]
            other = views.a[views.mixed]
            ratio = change.square().sum(dim=1) / views.a.square().sum(dim=1)
            torch.testing.assert_close(ratio, torch.full((6,), 0.25), rtol=1e-3, atol=0)
            cosine = (change * other).sum(dim=1) / change.norm(dim=1) / other.norm(dim=1)
            assert cosine.min() > 0.999
            kinds.add("mixture")
        else:
            assert (views.mixed == -1).all()
            deviation = change.std(dim=1)
            kinds.add("noise" if deviation.max() < 0.06 else "other")
    assert kinds == {"mixture", "noise", "other"}


def test_the_same_draws_from_the_same_state():
    for name, sounds in (("music", noises()), ("doppelganger", None)):
        how = recipe("deform.noise=[0.01, 0.05]", name=name, batch=3)
        generator = torch.Generator().manual_seed(4)
        first, again = drawn_twice(how, sounds, generator)
        assert first.a.equal(again.a)
        assert first.b.equal(again.b)


def test_doppelgangers_draw_closer_as_delta_falls():
    gaps = []
    for delta in (0.0, 0.05, 0.5):
        views = draw(recipe(f"data.delta={delta}", name="doppelganger", batch=24), None)
        spectra = [torch.fft.rfft(x).abs().log1p() for x in (views.a, views.b)]
        gaps.append((spectra[0] - spectra[1]).abs().mean().item())
    assert gaps[0] < gaps[1] < gaps[2]


def test_silent_windows_are_drawn_again():
    sounds = noises(n=4)
    quiet = sounds.samples.copy()
    quiet[: 2 * 48_000] = 0
    silent = Sounds(quiet, sounds.begins, sounds.names, RATE, 0, 0)
    views = draw(recipe(batch=40), silent)
    assert (views.a.abs().amax(dim=1) > 0).float().mean() > 0.9
    assert ((views.a == 0).all(dim=1) == (views.b == 0).all(dim=1)).all()


@pytest.mark.parametrize("time", ["permute", "rotate"])
def test_content_goes_with_time_and_voice_with_frequency(time):
    frames = torch.rand(5, 80, 64) + 0.5
    generator = torch.Generator().manual_seed(0)
    scrambled = without_content(frames, Scramble(time=time, time_masks=2), generator)
    hidden = (scrambled == 0).all(dim=1).sum(dim=1)
    assert (hidden >= 1).all()
    assert (hidden <= 6).all()
    kept = {tuple(c) for c in frames[0].T.tolist()}
    assert all(tuple(c) in kept or not any(c) for c in scrambled[0].T.tolist())
    altered = without_voice(frames, Scramble(), generator)
    assert altered.shape == frames.shape
    assert (altered[:, 10:] == 0).any()
    assert not (altered[:, :10] == 0).any()


def mixed(*changes, batch=12):
    return recipe("data.window=16000", *changes, name="sound", batch=batch)


PLAIN = ("deform.equaliser_db=[0,0]", "deform.noise=[0,0]", "data.layers=0.0", "data.shorten=0.0",
         "data.spare_s=0.0")  # fmt: skip


def test_pairs_of_several_patches_with_a_delta_each():
    near = draw(mixed(*PLAIN, "data.deltas=[0.001, 0.001]"), None)
    wide = draw(mixed(*PLAIN, "data.deltas=[0.5, 0.5]"), None)
    assert near.a.shape == near.b.shape == (12, 16_000)

    def spectra(x):
        return torch.fft.rfft(x).abs().clamp_min(1e-3).log()

    def gap(views):
        return (spectra(views.a) - spectra(views.b)).abs().mean(dim=1).median()

    assert gap(near) < 0.8 * gap(wide)
    assert draw(mixed(*PLAIN), None).a.equal(draw(mixed(*PLAIN), None).a)


def test_each_group_of_knobs_goes_its_share_of_a_delta(monkeypatch):
    seen = []

    def told(patch, n, **how):
        seen.append((patch, how["delta"]))
        return pairs(patch, n, **how)

    monkeypatch.setattr(views_module, "pairs", told)
    deltas = "data.deltas=[0.1, 0.4]"
    draw(mixed(*PLAIN, deltas, "data.shares=[2.0, 1.0, 0.0]"), None)
    draw(mixed(*PLAIN, deltas, "data.shares=[1.0, 1.0, 1.0]"), None)
    (patch, steps), (_, plain) = seen[0], seen[len(seen) // 2]
    for group, share in (("pitch", 2), ("timbre", 1), ("envelope", 0)):
        own = steps[:, patch.table.in_group(group)]
        torch.testing.assert_close(own, (share * plain).clamp(max=1).expand_as(own))
    assert 0.1 <= plain.min() < plain.max() <= 0.4


def test_views_are_cut_anywhere_in_what_is_spare():
    views = draw(mixed(*PLAIN, "data.spare_s=0.5", "data.patches=['voice']",
                       "data.deltas=[0.001, 0.001]", batch=40), None)  # fmt: skip
    starts = [(x.abs() > 0.05).int().argmax() for x in views.a]
    assert len({int(start) // 400 for start in starts}) > 3


def test_layers_add_the_next_sound_and_shortening_ends_early():
    both = draw(mixed(*PLAIN, "data.layers=1.0", "data.deltas=[0.001, 0.001]"), None)
    alone = draw(mixed(*PLAIN, "data.deltas=[0.001, 0.001]"), None)
    loud = alone.a / alone.a.abs().amax(dim=1, keepdim=True)
    rest, beside = both.a - loud, loud.roll(1, 0)
    gain = (rest * beside).sum(dim=1) / beside.square().sum(dim=1)
    torch.testing.assert_close(rest, gain[:, None] * beside, atol=1e-4, rtol=0)
    assert (gain < 10 ** (-3 / 20) + 1e-3).all()
    assert (gain > 10 ** (-18 / 20) - 1e-3).all()
    short = draw(mixed(*PLAIN, "data.shorten=1.0", "data.patches=['voice-fm']"), None)
    ends = [int(x.abs().gt(0).nonzero().max()) + 1 for x in short.a if x.abs().max() > 0]
    assert min(ends) < 12_000
    assert min(ends) >= 1
