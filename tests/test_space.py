"""Spaces: mfcc against a second implementation, and what may not change a vector."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from soundkin.audio.decode import read_sound, resample
from soundkin.audio.windows import active_range, chunks
from soundkin.errors import InputError, SpaceError, UnknownSpace
from soundkin.shelf import SHIPPED, installed_spaces
from soundkin.space import Space, load_space, space_id

SPACE = load_space("mfcc")
WIDTH = SPACE.window_samples


def varied(n: int, seed: int = 0) -> np.ndarray:
    """Noise whose colour and level change all the time."""
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal(n)
    for step in (1, 3, 9):
        gate = np.repeat(rng.uniform(-1, 1, n // 700 + 1), 700)[:n]
        samples += gate * np.roll(samples, step)
    level = np.repeat(10 ** rng.uniform(-1.5, -0.5, n // 1500 + 1), 1500)[:n]
    return (0.3 * level * samples).astype(np.float32)


def windows_of(sounds) -> tuple[np.ndarray, np.ndarray]:
    windows = np.zeros((len(sounds), WIDTH), np.float32)
    for window, sound in zip(windows, sounds, strict=True):
        window[: len(sound)] = sound
    return windows, np.array([len(sound) for sound in sounds])


def mfcc_by_hand(sound: np.ndarray) -> np.ndarray:
    """The whole space, frame by frame and in double precision."""
    settings = json.loads((SHIPPED / "mfcc.json").read_text(encoding="utf-8"))
    how, head = settings["frontend"], settings["head"]
    win, bands, rate = how["win"], how["bands"], how["rate_hz"]
    steps = 4 if len(sound) * 4 <= WIDTH else 2 if len(sound) * 2 <= WIDTH else 1
    tiled = np.tile(sound, -(-win // len(sound)))[:win] if len(sound) < win else sound
    edges = np.linspace(
        *(2595 * np.log10(1 + np.array([how["low_hz"], how["high_hz"]]) / 700)), bands + 2
    )
    edges = 700 * (10 ** (edges / 2595) - 1)
    bins = np.arange(win // 2 + 1) * rate / win
    filters = [np.interp(bins, edges[b : b + 3], [0, 1, 0]) for b in range(bands)]
    powers = []
    for start in range(0, len(tiled) - win + 1, how["hop"] // steps):
        frame = tiled[start : start + win].astype(np.float64) * scipy.signal.get_window("hann", win)
        power = np.abs(np.fft.fft(frame)[: win // 2 + 1]) ** 2
        powers.append([float(power @ weights) for weights in filters])
    logs = np.log(np.array(powers) / np.max(powers) + head["floor"])
    coefficients = scipy.fft.dct(logs, norm="ortho", axis=1)[:, : head["n_coefficients"]]
    reach = head["reach"] * steps
    padded = np.pad(coefficients, ((reach, reach), (0, 0)), mode="edge")
    slopes = []
    for t in range(len(coefficients)):
        line = np.polyfit(np.arange(-reach, reach + 1), padded[t : t + 2 * reach + 1], 1)
        slopes.append(line[0] * steps)
    parts = [coefficients.mean(0), np.mean(slopes, 0), coefficients.std(0), np.std(slopes, 0)]
    vector = (np.concatenate(parts) - head["mean"]) * head["scale"]
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize(
    "n", [WIDTH, 15_999, 12_345, 8_001, 8_000, 4_001, 4_000, 1_600, 700, 512, 300, 40]
)
def test_mfcc_by_hand(n):
    sound = varied(n, seed=n)
    windows, valid = windows_of([sound])
    windows[0, n:] = 0.5  # behind the sound nothing is looked at
    np.testing.assert_allclose(SPACE.embed(windows, valid)[0], mfcc_by_hand(sound), atol=2e-4)


def test_what_a_space_says_of_itself():
    assert SPACE.name == "mfcc"
    assert SPACE.id.startswith("mfcc-")
    assert (SPACE.sample_rate, SPACE.window_samples, SPACE.window_s, SPACE.dim) == (
        16_000,
        16_000,
        1,
        80,
    )
    assert SPACE.margin_s >= SPACE.window_s / 2
    assert {"what", "made", "figures", "bands"} <= set(SPACE.card)
    bands = SPACE.card["bands"]
    assert 0 < bands["near_identical"] < bands["close"] < bands["related"] < 2


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), m=st.integers(WIDTH, 60_000), k=st.integers(1, 12))
def test_windows_of_a_stretch_equal_windows_alone(seed, m, k):
    rng = np.random.default_rng(seed)
    samples = varied(m, seed)
    lattice = rng.integers(0, (m - WIDTH) // 200 + 1, k) * 200
    anywhere = rng.integers(0, m - WIDTH + 1, k)
    short = rng.integers(1, WIDTH, k)
    starts = np.concatenate([[0, m - WIDTH], lattice, anywhere, m - short])
    valid = np.concatenate([np.full(2 + 2 * k, WIDTH), short])
    order = rng.permutation(len(starts))
    starts, valid = starts[order], valid[order]
    alone = SPACE.embed(
        *windows_of([samples[s : s + n] for s, n in zip(starts, valid, strict=True)])
    )
    np.testing.assert_allclose(SPACE.embed_at(samples, starts, valid), alone, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 90))
def test_a_vector_does_not_depend_on_its_neighbours(seed, n):
    rng = np.random.default_rng(seed)
    sounds = [
        varied(int(length), seed + k) for k, length in enumerate(rng.integers(1, WIDTH + 1, n))
    ]
    windows, valid = windows_of(sounds)
    together = SPACE.embed(windows, valid)
    order = rng.permutation(n)
    np.testing.assert_array_equal(SPACE.embed(windows[order], valid[order]), together[order])
    one = rng.integers(n)
    np.testing.assert_array_equal(SPACE.embed(windows[one][None], valid[[one]])[0], together[one])
    np.testing.assert_array_equal(SPACE.embed(windows, valid), together)


def test_a_vector_does_not_depend_on_the_number_of_threads():
    windows, valid = windows_of([varied(n, n) for n in (WIDTH, 9_000, 1_600, 16_000, 123)] * 20)
    samples = varied(500_000)
    [chunk] = chunks([samples], 16_000)
    found = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads):
            found.append((SPACE.embed(windows, valid), SPACE.embed_chunk(chunk)))
    for vectors, stretch in found[1:]:
        np.testing.assert_array_equal(vectors, found[0][0])
        np.testing.assert_array_equal(stretch, found[0][1])


@settings(max_examples=30, deadline=None)
@given(gain_db=st.floats(-60, 40), n=st.integers(1, WIDTH), seed=st.integers(0, 1000))
def test_gain_changes_nothing(gain_db, n, seed):
    windows, valid = windows_of([varied(n, seed)])
    louder = windows * np.float32(10 ** (gain_db / 20))
    np.testing.assert_allclose(SPACE.embed(louder, valid), SPACE.embed(windows, valid), atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, WIDTH), max_size=5), st.integers(0, 100))
def test_vectors_have_length_one(lengths, seed):
    vectors = SPACE.embed(*windows_of([varied(n, seed) for n in lengths]))
    assert vectors.shape == (len(lengths), 80)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    silent = SPACE.embed(np.zeros((1, WIDTH), np.float32))
    assert np.isfinite(silent).all()


def test_a_long_sound_in_chunks_equals_one_piece():
    samples = varied(130 * 44_100, seed=3)
    in_chunks = np.concatenate([SPACE.embed_chunk(c) for c in chunks([samples], 44_100)])
    [whole] = chunks([samples], 44_100, chunk_s=1000)
    at_once = SPACE.embed_chunk(whole)
    assert len(at_once) == len(in_chunks) == 259
    np.testing.assert_allclose(in_chunks, at_once, atol=1e-3)


@pytest.mark.parametrize(
    "rate_hz", [8_000, 11_025, 22_050, 22_257, 32_000, 44_100, 48_000, 96_000, 192_000]
)
def test_the_same_sound_at_another_rate(rate_hz):
    """Sound below 3.5 kHz, rendered at each rate: chunks of it give one vector."""
    rng = np.random.default_rng(5)
    partials = [
        (f, p, d)
        for f, p, d in zip(
            rng.uniform(80, 3500, 40), rng.uniform(0, 6, 40), rng.uniform(0.3, 2, 40), strict=True
        )
    ]

    def render(rate):
        t = np.arange(round(2.3 * rate)) / rate
        waves = [np.sin(2 * np.pi * f * t + p) * np.exp(-(t % 0.7) / d) for f, p, d in partials]
        return (0.02 * np.sum(waves, axis=0)).astype(np.float32)

    [ours], [other] = chunks([render(16_000)], 16_000), chunks([render(rate_hz)], rate_hz)
    expected, got = SPACE.embed_chunk(ours), SPACE.embed_chunk(other)
    assert got.shape == expected.shape == (4, 80)
    # the edge of the sound rings in any resampler, and at 8 kHz the filter's end shows
    assert (got * expected).sum(axis=1).min() > 0.98


def test_gathered_windows_give_the_same_vectors():
    """Batching windows across sounds changes nothing."""
    found = []
    for seed in range(4):
        samples = varied(70_000, seed)
        samples[3_000 : 5_000 + 3_000 * seed] = 0
        found.extend(chunks([samples], 22_050))
    gathered = [SPACE.gather_chunk(chunk) for chunk in found]
    together = SPACE.embed_gathered(gathered)
    for chunk, part, vectors in zip(found, gathered, together, strict=True):
        assert len(part.full_rows)
        assert len(part.rows)
        assert sorted([*part.full_rows, *part.rows]) == list(range(len(chunk.segments)))
        np.testing.assert_array_equal(vectors, SPACE.embed_chunk(chunk))


def test_a_space_with_a_shorter_window_looks_at_the_middle():
    space = replace(SPACE, window_samples=11_888)
    samples = varied(40_000)
    samples[30_000:] = 0
    [chunk] = chunks([samples], 16_000)
    got = space.embed_chunk(chunk)
    assert len(got) == len(chunk.segments) == 4
    for vector, start_s, end_s in zip(
        got, chunk.segments.start_s, chunk.segments.end_s, strict=True
    ):
        n = min(11_888, round((end_s - start_s) * 16_000))
        start = round((start_s + end_s) * 8_000 - n / 2)
        window = np.zeros((1, 11_888), np.float32)
        window[0, :n] = samples[start : start + n]
        np.testing.assert_allclose(vector, space.embed(window, [n])[0], atol=1e-5)


def test_a_space_with_a_longer_window_looks_around_the_centre():
    space = replace(SPACE, window_samples=48_000)
    samples = varied(100 * 16_000)
    samples[20_000:52_000] = 0
    found = list(chunks([samples], 16_000, margin_s=space.margin_s))
    assert len(found) == 2
    for chunk in found:
        got = space.embed_chunk(chunk)
        assert len(got) == len(chunk.segments)
        for row in (0, 1, 5, len(got) - 1):
            centre = round(chunk.segments.centre_s[row] * 16_000)
            around = samples[max(0, centre - 24_000) : centre + 24_000]
            start, end = active_range(around, 16_000)
            window = np.zeros((1, 48_000), np.float32)
            window[0, : end - start] = around[start:end]
            np.testing.assert_allclose(got[row], space.embed(window, [end - start])[0], atol=1e-5)


@pytest.mark.parametrize(
    ("windows", "valid", "message"),
    [
        (np.zeros((2, 5)), None, r"shape \(2, 5\); expected \(n, 16000\) at 16000 Hz"),
        (np.zeros(WIDTH), None, r"shape \(16000,\)"),
        (np.zeros((2, WIDTH)), [1], r"valid_samples of shape \(1,\); expected \(2,\)"),
        (np.zeros((2, WIDTH)), [1, 0], "valid_samples from 0 to 1; expected 1 to 16000"),
        (np.zeros((1, WIDTH)), [WIDTH + 1], "expected 1 to 16000"),
        (np.full((1, WIDTH), np.nan), None, "not finite"),
        (np.full((1, WIDTH), np.inf), [200], "not finite"),
    ],
)
def test_windows_that_cannot_be(windows, valid, message):
    with pytest.raises(InputError, match=message):
        SPACE.embed(windows, valid)


@pytest.mark.parametrize(
    ("starts", "valid"), [([-1], [5]), ([0], [0]), ([10], [95]), ([0], [WIDTH + 1]), ([0, 1], [5])]
)
def test_places_outside_the_stretch_are_refused(starts, valid):
    with pytest.raises(InputError, match="expected"):
        SPACE.embed_at(np.zeros(100, np.float32), starts, valid)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_stretch_that_is_not_finite_is_refused(value):
    samples = varied(40_000)
    samples[20_000] = value
    with pytest.raises(InputError, match="not finite"):
        SPACE.embed_at(samples, [8_000], [WIDTH])


def test_a_name_that_is_not_there_lists_those_that_are():
    names = ", ".join(installed_spaces())
    assert "mfcc" in names
    for name in ("mfc", "", "../shipped/mfcc", "nowhere/space.json"):
        with pytest.raises(
            UnknownSpace, match=rf"expected one of {names}, or the path of a \.json file"
        ):
            load_space(name)


def written(tmp_path, **changes) -> Space:
    settings = json.loads((SHIPPED / "mfcc.json").read_text(encoding="utf-8")) | changes
    path = tmp_path / "own.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    return load_space(path)


def test_the_id_follows_what_shapes_a_vector(tmp_path):
    assert written(tmp_path).id == SPACE.id
    assert written(tmp_path, card={"what": "better words", "bands": {}}).id == SPACE.id
    assert written(tmp_path, version=2).id != SPACE.id
    head = SPACE.settings["head"]
    mean = [*head["mean"][:-1], head["mean"][-1] + 1e-4]
    assert written(tmp_path, head=head | {"mean": mean}).id != SPACE.id
    assert written(tmp_path, frontend=SPACE.settings["frontend"] | {"hop": 250}).id != SPACE.id
    assert written(tmp_path, name="other").id.startswith("other-")
    assert space_id(SPACE.settings) == SPACE.id


@pytest.mark.parametrize(
    "changes",
    [{"format": 99}, {"head": {}}, {"frontend": {"tempo": 1}}, {"head": {"kind": "magic"}}],
)
def test_a_file_that_is_no_space_is_refused(tmp_path, changes):
    with pytest.raises(SpaceError, match=r"does not describe a space .*; expected"):
        written(tmp_path, **changes)


def test_importing_a_space_is_light():
    """Neither SciPy nor a decoder is loaded before they are needed."""
    code = "import sys, soundkin.space as s; s.load_space('mfcc'); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "numpy" in loaded
    assert not loaded & {"scipy", "scipy.fft", "soundfile", "soxr", "av", "torch", "lancedb"}


def test_a_real_sound_in_one_call_and_by_hand(data_dir):
    path = sorted((data_dir / "esc10").rglob("*.ogg"))[3]
    samples, rate_hz = read_sound(path)
    [chunk] = chunks([samples], rate_hz)
    vectors = SPACE.embed_chunk(chunk)
    at_16 = resample(samples, rate_hz, 16_000)
    assert len(vectors) > 3
    for vector, start_s, end_s in zip(
        vectors, chunk.segments.start_s, chunk.segments.end_s, strict=True
    ):
        start, n = round(start_s * 16_000), round((end_s - start_s) * 16_000)
        np.testing.assert_allclose(vector, mfcc_by_hand(at_16[start : start + n]), atol=1e-3)
