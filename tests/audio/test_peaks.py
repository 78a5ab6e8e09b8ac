"""The outline for drawing, against a plain loop over the whole sound."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.audio.peaks import PeakMeter


def loop(samples: np.ndarray, pairs: int, margin: Fraction) -> np.ndarray:
    """Lowest and highest of every stretch, whose borders are moved outwards by `margin` of its width."""
    n = len(samples)
    rows = []
    for column in range(pairs):
        width = Fraction(n, pairs)  # exact: a rounded border would take a sample more
        first = max(0, math.floor(column * width - margin * width))
        last = min(n, max(math.ceil((column + 1) * width + margin * width), first + 1))
        rows.append((min(samples[first:last].tolist()), max(samples[first:last].tolist())))
    return np.clip(np.rint(np.array(rows) * 127), -127, 127).astype(np.int8)


def measure(samples: np.ndarray, pairs: int, cuts: list[int]) -> PeakMeter:
    meter = PeakMeter(pairs)
    for block in np.split(samples, sorted(min(cut, len(samples)) for cut in cuts)):
        meter.add(block)
    return meter


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 6_000),
    pairs=st.integers(1, 40),
    cuts=st.lists(st.integers(0, 6_000), max_size=6),
)
def test_against_a_loop(seed: int, n: int, pairs: int, cuts: list[int]) -> None:
    samples = np.random.default_rng(seed).normal(0, 0.4, n).astype(np.float32)
    meter = measure(samples, pairs, cuts)
    found = meter.peaks()
    inner, outer = loop(samples, pairs, Fraction(0)), loop(samples, pairs, Fraction(1, 8))
    if n <= 16 * pairs:
        assert np.array_equal(found, inner)
    assert (found[:, 0] <= inner[:, 0]).all()
    assert (found[:, 1] >= inner[:, 1]).all()
    assert (found[:, 0] >= outer[:, 0]).all()
    assert (found[:, 1] <= outer[:, 1]).all()
    assert np.array_equal(found, measure(samples, pairs, []).peaks())
    assert (meter.frames, meter.low, meter.high) == (n, samples.min(), samples.max())


@cache
def long_sound(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples, and between what their peaks must lie."""
    samples = np.random.default_rng(n).normal(0, 0.2, n).astype(np.float32)
    samples *= np.linspace(1, 0.1, n, dtype=np.float32)
    return samples, loop(samples, 800, Fraction(0)), loop(samples, 800, Fraction(1, 8))


@pytest.mark.parametrize("n", [800, 44_100, 1_000_000, 5_000_003])
@pytest.mark.parametrize("block", [1_000, 65_536, 10_000_000])
def test_long_sounds_in_blocks(n: int, block: int) -> None:
    samples, inner, outer = long_sound(n)
    meter = measure(samples, 800, list(range(block, n, block)))
    found = meter.peaks()
    assert found.shape == (800, 2)
    assert found.dtype == np.int8
    assert ((found[:, 0] <= inner[:, 0]) & (found[:, 0] >= outer[:, 0])).all()
    assert ((found[:, 1] >= inner[:, 1]) & (found[:, 1] <= outer[:, 1])).all()


def test_fewer_samples_than_pairs_are_stretched() -> None:
    meter = measure(np.array([0.5, -0.5], np.float32), 4, [])
    assert meter.peaks().tolist() == [[64, 64], [64, 64], [-64, -64], [-64, -64]]


def test_nothing_is_a_flat_line() -> None:
    assert not PeakMeter().peaks().any()


def test_what_exceeds_full_scale_is_cut() -> None:
    assert measure(np.array([3.0, -3.0], np.float32), 1, []).peaks().tolist() == [[-127, 127]]


def test_bad_samples_are_not_lost_from_sight() -> None:
    for value in (np.nan, np.inf, -np.inf):
        meter = measure(np.array([0.1, value, 0.2, 0.3], np.float32), 2, [3])
        assert not (math.isfinite(meter.low) and math.isfinite(meter.high))


def test_memory_stays_the_same() -> None:
    meter = PeakMeter()
    block = np.random.default_rng(0).normal(0, 0.1, 65_536).astype(np.float32)
    sizes = []
    for _ in range(300):
        meter.add(block)
        sizes.append(meter._lows.nbytes + meter._highs.nbytes)
    assert set(sizes) == {2 * 4 * (16 * 800 + 1)}
