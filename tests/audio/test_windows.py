"""The grid, the trimming of silence and the chunks, against plain loops and by properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.audio.decode import read_sound
from soundkin.audio.windows import Segments, active_range, block_power, chunks
from soundkin.errors import InputError

RATES = (8_000, 11_025, 16_000, 22_050, 22_257, 44_100, 48_000, 96_000, 192_000)
COLUMNS = ("seq", "start_s", "end_s", "centre_s", "energy_db")


def noise(n: int, rms_db: float = -20.0, seed: int = 0) -> np.ndarray:
    samples = np.random.default_rng(seed).standard_normal(n) * 10 ** (rms_db / 20)
    return samples.astype(np.float32)


def bursts(rate_hz: int, seed: int, seconds: float) -> np.ndarray:
    """Noise that comes and goes at several levels, with real silence between."""
    rng = np.random.default_rng(seed)
    parts = []
    while sum(map(len, parts)) < seconds * rate_hz:
        n = int(rng.uniform(0.005, 0.8) * rate_hz)
        level = rng.choice([0, 0, 1e-4, 0.01, 0.3])
        parts.append(level * rng.standard_normal(n).astype(np.float32))
    return np.concatenate(parts)[: int(seconds * rate_hz)].astype(np.float32)


def all_segments(found) -> Segments:
    return Segments(
        *(np.concatenate([getattr(c.segments, name) for c in found]) for name in COLUMNS)
    )


def in_blocks(samples: np.ndarray, size: int):
    return (samples[at : at + size] for at in range(0, len(samples), size))


def assert_same(left: Segments, right: Segments):
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


def grid_by_hand(n_samples: int, rate_hz: int) -> list[tuple[int, float, float]]:
    """Number, start and end of each window, written as the rule is spoken."""
    duration_s = n_samples / rate_hz
    if duration_s <= 1:
        return [(0, 0.0, duration_s)]
    windows = []
    seq = 0
    while seq * 0.5 + 1 <= duration_s + 1e-9:
        windows.append((seq, seq * 0.5, seq * 0.5 + 1))
        seq += 1
    if duration_s - windows[-1][2] >= 0.01 - 1e-9:
        windows.append((seq, duration_s - 1, duration_s))
    return windows


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("seconds", [0.004, 0.3, 1.0, 1.004, 1.02, 1.5, 2.2, 3.007])
def test_windows_of_a_steady_sound_are_the_grid(rate_hz, seconds):
    samples = noise(round(seconds * rate_hz))
    [chunk] = chunks([samples], rate_hz)
    expected = grid_by_hand(len(samples), rate_hz)
    got = chunk.segments
    assert got.seq.tolist() == [seq for seq, _, _ in expected]
    # half a second of an odd rate is no whole number of samples; ends are refined by a few more
    tolerance = 0.5 / rate_hz if seconds > 1 else 0.002
    np.testing.assert_allclose(got.start_s, [start for _, start, _ in expected], atol=tolerance)
    np.testing.assert_allclose(got.end_s, [end for _, _, end in expected], atol=tolerance)
    middles = [(start + end) / 2 for _, start, end in expected]
    np.testing.assert_allclose(got.centre_s, middles, atol=0.5 / rate_hz)
    assert chunk.n_silent == 0
    assert chunk.end_s == pytest.approx(len(samples) / rate_hz)


@settings(max_examples=40, deadline=None)
@given(
    rate_hz=st.sampled_from([1_000, 2_205, 4_001]),
    seed=st.integers(0, 10**6),
    seconds=st.floats(0.01, 40),
    block=st.integers(1, 9_000),
    chunk_s=st.integers(1, 12),
    margin_s=st.floats(0, 3),
)
def test_neither_blocks_nor_chunk_borders_change_a_segment(
    rate_hz, seed, seconds, block, chunk_s, margin_s
):
    samples = bursts(rate_hz, seed, seconds)
    [whole] = chunks([samples], rate_hz, chunk_s=1000)
    found = list(chunks(in_blocks(samples, block), rate_hz, margin_s=margin_s, chunk_s=chunk_s))
    assert_same(all_segments(found), whole.segments)
    assert sum(chunk.n_silent for chunk in found) == whole.n_silent
    margin = max(1, math.ceil(margin_s))
    for number, chunk in enumerate(found):
        first = round(chunk.origin_s * rate_hz)
        np.testing.assert_array_equal(chunk.samples, samples[first : first + len(chunk.samples)])
        assert chunk.origin_s == max(0, number * chunk_s - margin)
        assert chunk.end_s == pytest.approx(chunk.origin_s + len(chunk.samples) / rate_hz)
        if len(chunk.segments):
            assert chunk.segments.start_s.min() >= chunk.origin_s
            assert chunk.segments.end_s.max() <= chunk.end_s + 1e-9
            context = min(len(samples) / rate_hz, chunk.segments.centre_s.max() + 0.5 + margin)
            assert chunk.end_s >= context - 1e-6


def test_130_seconds_in_chunks_equal_one_piece():
    samples = bursts(16_000, 1, 130.4)
    [whole] = chunks([samples], 16_000, chunk_s=1000)
    found = list(chunks(in_blocks(samples, 65_536), 16_000))
    assert [chunk.origin_s for chunk in found] == [0, 59, 119]
    assert_same(all_segments(found), whole.segments)


@settings(max_examples=60, deadline=None)
@given(
    rate_hz=st.sampled_from([8_000, 11_025, 16_000, 22_257]),
    seed=st.integers(0, 10**6),
    seconds=st.floats(0.02, 7),
)
def test_every_sounding_sample_belongs_to_a_segment(rate_hz, seed, seconds):
    rng = np.random.default_rng(seed)
    samples = np.zeros(int(seconds * rate_hz), np.float32)
    for _ in range(rng.integers(1, 5)):
        start = rng.integers(0, len(samples))
        piece = samples[start : start + int(rng.uniform(0.012, 1.5) * rate_hz)]
        piece += (rng.uniform(0.05, 0.3) * rng.choice([-1, 1], len(piece))).astype(np.float32)
    covered = np.zeros(len(samples), bool)
    for chunk in chunks([samples], rate_hz):
        for start_s, end_s in zip(chunk.segments.start_s, chunk.segments.end_s, strict=True):
            covered[round(start_s * rate_hz) : round(end_s * rate_hz) + 1] = True
    sounding = np.abs(samples) > 0.04
    # up to 10 ms behind the last window belong to none, and half a sample at odd rates
    n_rest = round(0.01 * rate_hz)
    assert not (sounding & ~covered)[: len(samples) - n_rest].any()


@settings(max_examples=60, deadline=None)
@given(
    rate_hz=st.sampled_from(RATES[:6]),
    before_ms=st.floats(0, 400),
    length_ms=st.floats(3, 400),
    level_db=st.floats(-40, -1),
)
def test_silence_is_trimmed_to_the_sample(rate_hz, before_ms, length_ms, level_db):
    before, length = (round(ms * rate_hz / 1000) for ms in (before_ms, length_ms))
    sound = np.full(length, 10 ** (level_db / 20), np.float32) * np.where(
        np.arange(length) % 2, 1, -1
    )
    samples = np.concatenate([np.zeros(before), sound, np.zeros(rate_hz * 2)]).astype(np.float32)
    [chunk] = chunks([samples], rate_hz)
    assert chunk.segments.start_s[0] * rate_hz == pytest.approx(before, abs=1e-6)
    assert chunk.segments.end_s[0] * rate_hz == pytest.approx(before + length, abs=1e-6)
    assert chunk.segments.energy_db[0] == pytest.approx(level_db, abs=0.01)
    assert len(chunk.segments) + chunk.n_silent == len(grid_by_hand(len(samples), rate_hz))


def test_silence_is_counted_and_left_out():
    [chunk] = chunks([np.zeros(35_000, np.float32)], 16_000)
    assert len(chunk.segments) == 0
    assert chunk.n_silent == 4
    assert list(chunks([], 16_000)) == []
    assert list(chunks([np.zeros(0, np.float32)], 16_000)) == []


@pytest.mark.parametrize(
    ("level_db", "kept"), [(-40, True), (-60, True), (-68, True), (-75, False)]
)
def test_a_quiet_recording_is_sound_down_to_70_db(level_db, kept):
    [chunk] = chunks([noise(80_000, level_db)], 16_000)
    assert (len(chunk.segments) == 9) == kept
    assert (chunk.n_silent == 9) == (not kept)


@pytest.mark.parametrize("drum_s", [0.0, 0.3, 1.0, 1.7])
def test_the_noise_floor_around_a_drum_is_silence(drum_s):
    """-60 dBFS of noise before and behind a drum is not sound; alone it would be."""
    samples = noise(16_000 * 6, -60)
    drum = round(16_000 * drum_s)
    samples[drum : drum + 1600] += noise(1600, -15, seed=1)
    [chunk] = chunks([samples], 16_000)
    assert chunk.segments.start_s == pytest.approx(drum / 16_000, abs=2e-3)
    assert chunk.segments.end_s == pytest.approx(drum / 16_000 + 0.1, abs=2e-3)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), gain_db=st.floats(-12, 12))
def test_gain_moves_no_segment(seed, gain_db):
    """Sound over a floor that lies below -70 dB at any of the gains; 3 ms for rounding."""
    rng = np.random.default_rng(seed)
    samples = noise(int(16_000 * rng.uniform(0.05, 5)), rng.uniform(-88, -84), seed)
    for _ in range(rng.integers(1, 4)):
        piece = samples[rng.integers(0, len(samples)) :][: rng.integers(300, 30_000)]
        decay = np.exp(-np.arange(len(piece)) / rng.uniform(800, 20_000))
        piece += (noise(len(piece), -25, seed + 1) * decay).astype(np.float32)
    [plain] = chunks([samples], 16_000)
    [louder] = chunks([samples * np.float32(10 ** (gain_db / 20))], 16_000)
    # -55 dB makes the difference for faint tails only
    rows = {int(seq): row for row, seq in enumerate(louder.segments.seq)}
    for row in np.flatnonzero(plain.segments.energy_db > -40):
        other = rows[int(plain.segments.seq[row])]
        for name in ("start_s", "end_s"):
            moved_s = getattr(louder.segments, name)[other] - getattr(plain.segments, name)[row]
            assert abs(moved_s) <= 0.003
        change_db = louder.segments.energy_db[other] - plain.segments.energy_db[row]
        assert change_db == pytest.approx(gain_db, abs=0.2)


def test_a_second_that_sounds_at_both_ends_is_kept_whole():
    samples = noise(16_000)
    samples[:20] = samples[-20:] = 0
    assert active_range(samples, 16_000) == (0, 16_000)
    assert active_range(samples[:15_999], 16_000) == (20, 15_980)


@settings(max_examples=50, deadline=None)
@given(
    rate_hz=st.sampled_from(RATES),
    n=st.integers(1, 6000),
    per_second=st.sampled_from([100, 500]),
    seed=st.integers(0, 1000),
)
def test_block_power_by_plain_loops(rate_hz, n, per_second, seed):
    samples = noise(n, seed=seed)
    expected, block = [], 0
    while (first := (block * rate_hz + per_second // 2) // per_second) < n:
        following = ((block + 1) * rate_hz + per_second // 2) // per_second
        values = [float(x) ** 2 for x in samples[first:following]]
        expected.append(sum(values) / len(values))
        block += 1
    np.testing.assert_allclose(block_power(samples, rate_hz, per_second), expected, rtol=1e-4)


def test_energy_is_the_level_of_the_trimmed_range():
    samples = bursts(16_000, 5, 9.3)
    [chunk] = chunks([samples], 16_000)
    got = chunk.segments
    assert len(got) > 5
    for start_s, end_s, energy_db in zip(got.start_s, got.end_s, got.energy_db, strict=True):
        piece = samples[round(start_s * 16_000) : round(end_s * 16_000)].astype(np.float64)
        assert energy_db == pytest.approx(10 * math.log10(np.mean(piece**2)), abs=0.01)


@pytest.mark.parametrize("rate_hz", [0, 999, 800_000])
def test_other_rates_are_refused(rate_hz):
    with pytest.raises(InputError, match=f"rate of {rate_hz} Hz; expected 1,000 to 768,000 Hz"):
        list(chunks([noise(100)], rate_hz))


def test_blocks_with_channels_are_refused():
    with pytest.raises(InputError, match=r"shape \(10, 2\); expected \(frames,\); mix to mono"):
        list(chunks([np.zeros((10, 2), np.float32)], 16_000))


def test_real_sounds_keep_their_energy(data_dir):
    """What trimming leaves out of real one-shots is next to nothing."""
    files = sorted((data_dir / "mridangam").rglob("*.flac"))[:40]
    assert files
    for path in files:
        samples, rate_hz = read_sound(path)
        kept = np.zeros(len(samples), bool)
        for chunk in chunks([samples], rate_hz):
            for start_s, end_s in zip(chunk.segments.start_s, chunk.segments.end_s, strict=True):
                kept[round(start_s * rate_hz) : round(end_s * rate_hz)] = True
        power = samples.astype(np.float64) ** 2
        assert power[kept].sum() > 0.995 * power.sum(), path.name
