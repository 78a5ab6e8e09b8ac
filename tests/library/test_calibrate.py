"""Where near ends and far begins: borders that copies and strangers set, tested on both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from soundkin import Library
from soundkin.audio import deform
from soundkin.audio.decode import read_sound
from soundkin.demo import render_demo
from soundkin.library import bands
from soundkin.library import calibrate as library_calibrate
from soundkin.library.calibrate import (
    COPIES_OF,
    LEAST_PAIRS,
    MIN_SOUNDS,
    Borders,
    borders_from,
    calibrate,
    copy_distances,
    embed_first,
    pair_distances,
)
from soundkin.search import band_of
from soundkin.space import load_space
from tests.library.making import RATE_HZ, index, tone, unit, wav

if TYPE_CHECKING:
    from pathlib import Path

    from soundkin.library.store import Store

distances = hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 2))


@settings(max_examples=300, deadline=None)
@given(copies=distances, pairs=distances)
def test_borders_ascend_whatever_was_measured(copies: np.ndarray, pairs: np.ndarray) -> None:
    near, close, related = borders_from(copies, pairs).values
    assert 0 < near < close < related


def test_borders_are_where_they_are_said_to_be() -> None:
    rng = np.random.default_rng(1)
    copies, pairs = rng.uniform(0, 0.05, 1000), rng.uniform(0.15, 1.5, 10_000)
    borders = borders_from(copies, pairs, sounds=7)
    assert np.mean(copies <= borders.near_identical) == pytest.approx(0.95, abs=0.002)
    assert np.mean(pairs <= borders.close) == pytest.approx(0.005, abs=0.0005)
    assert np.mean(pairs <= borders.related) == pytest.approx(0.05, abs=0.0005)
    assert borders.sounds == 7


def test_look_alikes_make_no_copy_out_of_everything() -> None:
    pairs = np.full(100, 0.01)
    borders = borders_from(np.full(100, 0.3), pairs)
    assert borders.near_identical < 0.01


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5), seed=st.integers(0, 99))
def test_pairs_are_compared_as_a_search_compares_them(sizes: list[int], seed: int) -> None:
    vectors = [unit(seed * 10 + i, n) for i, n in enumerate(sizes)]
    X = np.concatenate(vectors)
    sound = np.repeat(np.arange(len(sizes)) * 3 + 1, sizes).astype(np.int32)
    found = pair_distances(X, sound, n=40, seed=seed)
    possible = []
    for a, asked in enumerate(vectors):
        for b, other in enumerate(vectors):
            if a != b:
                best = [max(float(np.dot(q, v)) for v in other) for q in asked]
                possible.append(1 - sum(best) / len(best))
    assert len(found) == 40
    for distance in found:
        assert min(abs(distance - wanted) for wanted in possible) < 1e-6


def test_a_long_sound_does_not_drown_the_others() -> None:
    X = np.concatenate([unit(1, 5000), unit(2, 300)])
    sound = np.concatenate([np.zeros(5000), 1 + np.arange(300)]).astype(np.int32)
    spread = pair_distances(X, sound, n=2000)
    assert np.mean(spread > 0.3) > 0.5  # among 5,000 vectors of 8 numbers one is always near


def clip(number: int) -> np.ndarray:
    """One of many sounds of a third of a second, all of them different."""
    return tone(number, 0.35)


@pytest.fixture(scope="module")
def measured() -> tuple[Borders, np.ndarray, np.ndarray]:
    """The borders of 220 made sounds, their vectors and whose they are."""
    space = load_space("mfcc")
    X = np.stack([embed_first(space, clip(n), RATE_HZ) for n in range(220)])
    sound = np.arange(220, dtype=np.int32)
    copies = copy_distances(space, [(clip(n), RATE_HZ) for n in range(COPIES_OF)])
    borders = calibrate(X, sound, copies, sounds=220)
    assert borders is not None
    return borders, X, sound


def test_other_copies_are_mostly_near_identical(
    measured: tuple[Borders, np.ndarray, np.ndarray],
) -> None:
    borders, X, _ = measured
    space = load_space("mfcc")
    found: list[float] = []
    for number in range(120, 160):
        samples = clip(number)
        copies = (
            deform.gain(samples, -20.0),
            deform.trim(samples, RATE_HZ, 0.003, 0.004),
            deform.add_noise(samples, 45.0, seed=999),
            deform.reencode(samples, RATE_HZ, "ogg"),
        )
        vectors = [embed_first(space, copy, RATE_HZ) for copy in copies]
        found += [1 - float(X[number] @ vector) for vector in vectors]
    bands = [band_of(distance, borders.values) for distance in found]
    assert bands.count("near-identical") >= 0.9 * len(bands)
    assert "far" not in bands


def test_random_pairs_are_mostly_far(measured: tuple[Borders, np.ndarray, np.ndarray]) -> None:
    borders, X, sound = measured
    pairs = pair_distances(X, sound, n=3000, seed=5)
    bands = [band_of(distance, borders.values) for distance in pairs]
    assert bands.count("far") >= 0.93 * len(bands)
    assert bands.count("near-identical") <= 0.01 * len(bands)
    assert borders.sounds == 220


def test_too_few_sounds_or_none_that_can_be_read_set_no_borders() -> None:
    X = unit(1, 400, 80)
    few = np.repeat(np.arange(MIN_SOUNDS - 1), 3)[:400].astype(np.int32)
    many = np.arange(400, dtype=np.int32)
    copies = np.linspace(0, 0.1, COPIES_OF)
    assert calibrate(X, few, copies, sounds=400) is None
    assert calibrate(X, many, copies[1:], sounds=400) is None
    assert calibrate(X, many, copies, sounds=999).sounds == 999


def test_single_vectors_and_runs_of_them_are_compared_alike() -> None:
    X = unit(3, 40, 16)
    alone = pair_distances(X, np.arange(40, dtype=np.int32), n=500, seed=2)
    twice = pair_distances(np.repeat(X, 2, axis=0), np.repeat(np.arange(40), 2), n=500, seed=2)
    np.testing.assert_allclose(alone, twice, atol=1e-6)


def test_long_sounds_are_compared_in_fewer_pairs() -> None:
    X = np.repeat(unit(4, 3), 4_000, axis=0)
    sound = np.repeat(np.arange(3), 4_000).astype(np.int32)
    assert len(pair_distances(X, sound, n=20_000)) == LEAST_PAIRS


def test_a_library_is_measured_in_its_processes_and_again_when_it_has_doubled(
    store: Store, tmp_path: Path, inline: None
) -> None:
    for seed in range(MIN_SOUNDS + 9):
        wav(tmp_path / "S" / f"{seed:03}.wav", seed, 0.2)
    (tmp_path / "S" / "000.wav").rename(tmp_path / "S" / "zero.wav")
    index(store, tmp_path / "S")
    key = f"borders:{load_space('mfcc').id}"
    first = store.setting(key)
    assert first["sounds"] == MIN_SOUNDS + 9
    other = type(store).open(tmp_path / "again")
    index(other, tmp_path / "S")
    assert other.setting(key) == first  # the same sounds, the same borders
    wav(tmp_path / "S" / "more.wav", 999)
    index(store, tmp_path / "S")
    assert store.setting(key) == first
    store.put_setting(key, first | {"sounds": 100})
    index(store, tmp_path / "S")
    assert store.setting(key)["sounds"] == MIN_SOUNDS + 10


def test_sounds_too_short_to_deform_are_passed_over() -> None:
    space = load_space("mfcc")
    short = (clip(1)[:100], RATE_HZ)
    assert len(copy_distances(space, [short, (clip(2), RATE_HZ)])) == 5


def test_a_small_library_uses_the_shipped_borders_and_a_larger_one_its_own(
    tmp_path: Path, inline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    least = MIN_SOUNDS // 3
    for module in (library_calibrate, bands):
        monkeypatch.setattr(module, "MIN_SOUNDS", least)
    render_demo(tmp_path / "few", n=30, seed=1)
    with Library.open(tmp_path / "library") as library:
        library.add(tmp_path / "few")
        [space] = library.info().spaces
        shipped = load_space("mfcc").card["bands"]
        assert not space.calibrated
        assert space.borders == (shipped["near_identical"], shipped["close"], shipped["related"])
        render_demo(tmp_path / "many", n=least, seed=2)
        library.add(tmp_path / "many")
        [space] = library.info().spaces
        assert space.calibrated
        assert 0 < space.borders[0] < space.borders[1] < space.borders[2]
        assert library._store.setting(f"borders:{space.space_id}")["sounds"] >= least


@pytest.mark.parametrize(
    "name", ["mridangam", *(pytest.param(n, marks=pytest.mark.slow) for n in ("sonicpi", "esc10"))]
)
def test_real_sound(data_dir: Path, name: str) -> None:
    """Copies are near-identical and strangers far in collections of very different kinds."""
    space = load_space("mfcc")
    files = sorted(
        p for p in (data_dir / name).rglob("*") if p.suffix in {".wav", ".flac", ".ogg", ".mp3"}
    )
    files = [files[i] for i in np.random.default_rng(4).permutation(len(files))[:80]]
    if len(files) < 80:
        pytest.fail(f"only {len(files)} sounds in {name}")
    heard = [read_sound(path, end_s=1.0) for path in files]
    vectors = [embed_first(space, *one) for one in heard]
    rows = [i for i, vector in enumerate(vectors) if vector is not None]
    X = np.stack([vectors[i] for i in rows])
    half = copy_distances(space, [heard[i] for i in rows[:40]])
    borders = borders_from(half, pair_distances(X, np.arange(len(X), dtype=np.int32), n=5000))
    other = copy_distances(space, [heard[i] for i in rows[40:]])
    pairs = pair_distances(X, np.arange(len(X), dtype=np.int32), n=5000, seed=1)
    near = np.mean(other <= borders.near_identical)
    far = np.mean(pairs > borders.related)
    measured = f"{borders}: {near:.0%} of other copies near-identical, {far:.0%} of strangers far"
    assert near >= 0.8, measured
    assert np.mean(other <= borders.related) >= 0.97, measured
    assert far >= 0.93, measured
    assert len(half) >= COPIES_OF
