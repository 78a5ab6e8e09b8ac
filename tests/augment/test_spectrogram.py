"""Time and frequency moved and masked: against plain loops, and the identity at strength 0."""

# ruff: noqa: E402
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.augment.spectrogram import (
    mask_frequency,
    mask_time,
    permute_time,
    rotate_time,
    stretch_frequency,
)
from soundkin.errors import InputError


def frames(n=3, bands=12, length=20, seed=0):
    return torch.rand((n, bands, length), generator=torch.Generator().manual_seed(seed)) + 0.1


def drawn(seed):
    return torch.Generator().manual_seed(seed)


def test_strength_zero_is_the_identity():
    x = frames()
    for same in (
        rotate_time(x, 0),
        permute_time(x, 0),
        permute_time(x, 1),
        mask_time(x, 0, longest=5),
        mask_time(x, 5, longest=0),
        mask_frequency(x, 0, widest=5),
        mask_frequency(x, 5, widest=0),
        stretch_frequency(x, 1.0),
    ):
        assert same.equal(x)
    mixed = stretch_frequency(x, torch.tensor([1.0, 1.1, 1.0]))
    assert mixed[0].equal(x[0])
    assert not mixed[1].allclose(x[1], atol=0.01)


def test_rotations_compose_to_one_rotation_which_is_the_papers_trap():
    x = frames()
    turned = x
    for pivot in (3, 11, 7):  # swapping halves at a pivot
        turned = torch.cat([turned[..., pivot:], turned[..., :pivot]], dim=2)
    assert turned.equal(rotate_time(x, -(3 + 11 + 7)))
    each = rotate_time(x, torch.tensor([1, -2, 50]))
    for row, ours, shift in zip(x, each, (1, -2, 50), strict=True):
        np.testing.assert_array_equal(ours, np.roll(row.numpy(), shift, axis=1))


@given(segments=st.integers(1, 20), seed=st.integers(0, 9999))
@settings(max_examples=60, deadline=None)
def test_a_permutation_keeps_every_frame_and_breaks_few_neighbours(segments, seed):
    x = torch.arange(20.0).expand(4, 2, 20)
    shuffled = permute_time(x, segments, generator=drawn(seed))
    assert shuffled.sort(dim=2).values.equal(x)
    assert shuffled[:, 0].equal(shuffled[:, 1])
    breaks = (shuffled[:, 0].diff(dim=1) != 1).sum(dim=1)
    assert breaks.max() <= segments - 1


def test_a_permutation_breaks_order_where_rotations_do_not():
    x = torch.arange(64.0).expand(50, 1, 64)
    breaks = (permute_time(x, 12, generator=drawn(1))[:, 0].diff(dim=1) != 1).sum(dim=1)
    assert breaks.float().mean() > 9
    assert (rotate_time(x, 17)[:, 0].diff(dim=1) != 1).sum(dim=1).max() == 1
    counts = permute_time(x[:3], torch.tensor([1, 2, 64]), generator=drawn(2))
    assert counts[0].equal(x[0])
    assert (counts[1, 0].diff() != 1).sum() <= 1


@given(masks=st.integers(1, 6), longest=st.integers(1, 25), seed=st.integers(0, 9999))
@settings(max_examples=60, deadline=None)
def test_masks_hide_runs_and_leave_the_rest(masks, longest, seed):
    x = frames(n=5)
    for axis, hidden in (
        (2, mask_time(x, masks, longest=longest, value=-1.0, generator=drawn(seed))),
        (1, mask_frequency(x, masks, widest=longest, value=-1.0, generator=drawn(seed))),
    ):
        inside = hidden == -1
        assert hidden[~inside].equal(x[~inside])
        line = inside.all(dim=3 - axis)
        assert line.equal(inside.any(dim=3 - axis))  # whole frames, whole bands
        assert line.any(dim=1).all()
        assert line.sum(dim=1).max() <= masks * longest
        runs = line.int().diff(dim=1, prepend=torch.zeros(5, 1, dtype=torch.int)).eq(1).sum(dim=1)
        assert runs.max() <= masks


def test_low_bands_are_spared_and_counts_may_differ_by_row():
    x = frames(n=4)
    hidden = mask_frequency(x, torch.tensor([0, 1, 30, 30]), widest=2, lowest=10)
    assert hidden[:, :10].equal(x[:, :10])
    assert hidden[0].equal(x[0])
    assert hidden[1, 10:].eq(0).any()
    assert mask_frequency(x, 3, widest=9, lowest=12).equal(x)


@pytest.mark.parametrize("factor", [0.79, 0.94, 1.06, 1.21])
def test_a_stretched_axis_against_the_curve_itself(factor):
    """A smooth curve over the bands, drawn anew at the stretched places."""

    def curve(place):
        return np.sin(place / 6) + 0.02 * place

    x = torch.from_numpy(curve(np.arange(80.0))).float()[None, :, None].expand(1, 80, 3)
    ours = stretch_frequency(x, factor)[0, :, 1].numpy()
    places = np.minimum(np.arange(80) / factor, 79)
    inner = slice(2, int(77 * min(1, factor)))
    np.testing.assert_allclose(ours[inner], curve(places)[inner], atol=2e-3)
    np.testing.assert_allclose(ours, curve(places), atol=2e-2)


def test_a_peak_moves_with_the_factor():
    x = torch.zeros(1, 80, 2)
    x[0, 50] = 1
    assert stretch_frequency(x, 1.1)[0, :, 0].argmax() == 55
    assert stretch_frequency(x, 0.9)[0, :, 0].argmax() == 45


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: permute_time(x, 21), "expected 0 to 20, the number of frames"),
        (lambda x: permute_time(x, -1), "expected 0 to 20, the number of frames"),
        (lambda x: stretch_frequency(x, 0.0), "a factor of 0; expected above 0"),
    ],
)
def test_says_what_is_wrong(call, message):
    with pytest.raises(InputError, match=message):
        call(frames())
