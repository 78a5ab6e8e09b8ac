"""The shipped spaces of music: what each keeps lies near, what it forgets does not part."""

from __future__ import annotations

import numpy as np
import pytest

from soundkin.shelf import SHIPPED
from soundkin.space import Space, load_space

pytest.importorskip("onnxruntime")

RATE = 16_000
NAMES = [name for name in ("timbre", "tonal", "rhythm") if (SHIPPED / f"{name}.json").is_file()]
INSTRUMENTS = ((1.0, 0.6, 0.0), (2.5, 0.1, 0.0), (1.2, 2.0, 1.0))
"""Slope of the partials, decay in seconds, and whether the even ones are missing."""


def tone(midi: float, instrument: tuple[float, float, float]) -> np.ndarray:
    """A second of one note."""
    slope, decay_s, hollow = instrument
    seconds = np.arange(RATE) / RATE
    number = np.arange(1, 21)
    hz = 440 * 2 ** ((midi - 69) / 12) * number
    level = number**-slope * (hz < 7500) * (1 - hollow * (number % 2 == 0))
    wave = level @ np.sin(2 * np.pi * hz[:, None] * seconds)
    shape = np.minimum(1, seconds / 0.005) * np.exp(-seconds / decay_s)
    return (0.5 * wave * shape / np.abs(wave).max()).astype(np.float32)


def loop(beats: tuple[float, ...], bpm: float, hit: np.ndarray, first_s: float) -> np.ndarray:
    """Seven seconds of a bar of four beats, again and again."""
    samples = np.zeros(8 * RATE, np.float32)
    for bar in range(20):
        for beat in beats:
            at = round((first_s + (4 * bar + beat) * 60 / bpm) * RATE)
            if at < 7 * RATE:
                samples[at : at + len(hit)] += hit
    return samples[: 7 * RATE]


def heard(space: Space, sounds: list[np.ndarray]) -> np.ndarray:
    """Vectors of the first window of each."""
    step = RATE // space.sample_rate
    windows = np.stack([
        sound.reshape(-1, step).mean(axis=1)[: space.window_samples] for sound in sounds
    ])  # fmt: skip
    return space.embed(windows.astype(np.float32))


def closeness(vectors: np.ndarray, one: list[int], other: list[int]) -> tuple[float, float]:
    """Mean cosine of rows that share `one` and not `other`, and of those that share `other` alone."""
    cosine = vectors @ vectors.T
    same, also = (np.equal.outer(values, values) for values in (one, other))
    return float(cosine[same & ~also].mean()), float(cosine[~same & also].mean())


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_card_with_every_figure_beside_its_baselines(name: str) -> None:
    card = load_space(name).card
    assert {"title", "paper", "what", "data", "made", "limits", "licence", "bands"} <= set(card)
    bands = card["bands"]
    assert 0 < bands["near_identical"] < bands["close"] < bands["related"] < 2
    learnt = {f"{name}-untrained"} if (SHIPPED / f"{name}.onnx").is_file() else set()
    assert len(card["figures"]) >= 5
    for row in card["figures"].values():
        assert set(row) == {"mfcc", "log-mel", "sound", name} | learnt


@pytest.mark.parametrize("name", NAMES)
def test_graphs_are_small_and_tell_nothing_of_the_machine(name: str) -> None:
    file = SHIPPED / f"{name}.onnx"
    graph = file.read_bytes() if file.is_file() else b""
    assert len(graph) < 2e6
    assert not [word for word in (b".py", b"/home", b"/tmp", b"/work") if word in graph]


@pytest.mark.parametrize("name", NAMES)
def test_vectors_of_length_one_the_same_alone_and_in_any_batch(name: str) -> None:
    space, rng = load_space(name), np.random.default_rng(0)
    windows = rng.standard_normal((18, space.window_samples)).astype(np.float32)
    valid = rng.integers(400, space.window_samples + 1, 18)
    together = space.embed(windows, valid)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for row in (0, 17):
        assert np.array_equal(
            space.embed(windows[row : row + 1], valid[row : row + 1])[0], together[row]
        )
    quiet = space.embed(windows * np.float32(0.01), valid)
    assert (quiet * together).sum(axis=1).min() > 0.99


def test_timbre_keeps_an_instrument_and_tonal_a_pitch() -> None:
    pitches = [48, 53, 59, 64]
    rows = [(k, midi) for k in range(len(INSTRUMENTS)) for midi in pitches]
    sounds = [tone(midi, INSTRUMENTS[k]) for k, midi in rows]
    instrument, pitch = [k for k, _ in rows], [midi for _, midi in rows]
    if "timbre" in NAMES:
        kept, forgotten = closeness(heard(load_space("timbre"), sounds), instrument, pitch)
        assert kept > forgotten + 0.1
    if "tonal" in NAMES:
        kept, forgotten = closeness(heard(load_space("tonal"), sounds), pitch, instrument)
        assert kept > forgotten + 0.3


@pytest.mark.skipif("rhythm" not in NAMES, reason="rhythm is not shipped")
def test_rhythm_keeps_a_pattern_whatever_strikes_it() -> None:
    rng = np.random.default_rng(1)
    seconds = np.arange(2000) / RATE
    hits = [
        (rng.standard_normal(2000) * np.exp(-seconds / 0.02)).astype(np.float32),
        (np.sin(2 * np.pi * 160 * seconds) * np.exp(-seconds / 0.04)).astype(np.float32),
    ]
    patterns = [((0, 1, 2, 3), 96.0), ((0, 1.5, 2.5), 96.0), ((0, 0.75, 2, 3.5), 130.0)]
    rows = [(p, h, first) for p in range(3) for h in range(2) for first in (0.0, 0.37)]
    sounds = [loop(*patterns[p], hits[h], first) for p, h, first in rows]
    vectors = heard(load_space("rhythm"), sounds)
    kept, forgotten = closeness(vectors, [p for p, _, _ in rows], [h for _, h, _ in rows])
    assert kept > forgotten + 0.3
