"""The demo library: varied, named, and the same every time."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import soundfile

from soundkin.audio.windows import chunks
from soundkin.demo import LONG, ONE_SHOTS, SHORT, one_shots, render_demo
from soundkin.space import load_space

MAKERS = sorted({maker for makers in SHORT.values() for maker in makers}, key=lambda m: m.__name__)


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_every_maker_makes_a_sound(maker, rate_hz):
    for seed in range(3):
        samples = maker(np.random.default_rng(seed), rate_hz)
        assert samples.dtype == np.float32
        assert samples.ndim == 1
        assert 0.05 * rate_hz < len(samples) < 12 * rate_hz
        assert np.isfinite(samples).all()
        assert np.abs(samples).max() == pytest.approx(1, abs=1e-5)
        assert samples[-1] == 0
        np.testing.assert_array_equal(samples, maker(np.random.default_rng(seed), rate_hz))
    assert not np.array_equal(samples, maker(np.random.default_rng(9), rate_hz))


@pytest.mark.parametrize("maker", LONG, ids=lambda maker: maker.__name__)
def test_long_sounds_are_as_long_as_asked(maker):
    samples = maker(np.random.default_rng(1), 8_000, 21.0)
    assert len(samples) / 8_000 == pytest.approx(21, abs=0.5)


def test_a_library_of_300_sounds(tmp_path):
    paths = render_demo(tmp_path)
    assert len(paths) == len(set(paths)) == 300
    assert sorted(paths) == sorted(path for path in tmp_path.rglob("*") if path.is_file())
    infos = {path: soundfile.info(path) for path in paths}
    assert {info.format for info in infos.values()} == {"WAV", "FLAC"}
    assert {info.samplerate for info in infos.values()} == {22_050, 44_100, 48_000}
    assert {info.channels for info in infos.values()} == {1, 2}
    assert len({info.subtype for info in infos.values()}) >= 3
    folders = Counter(path.parent.relative_to(tmp_path).as_posix() for path in paths)
    assert set(folders) == {*SHORT, "field"}
    long_ones = [info.duration for info in infos.values() if info.duration > 19]
    assert len(long_ones) == folders["field"] == 8
    assert max(long_ones) < 61
    assert sum(info.duration < 1 for info in infos.values()) > 120


def test_the_same_seed_gives_the_same_sounds(tmp_path):
    """Samples and names; the bytes of a float WAV also hold the time of writing."""

    def rendered(folder, seed):
        paths = render_demo(tmp_path / folder, n=26, seed=seed)
        return [path.name for path in paths], [soundfile.read(path)[0].tobytes() for path in paths]

    first, second, other = rendered("a", 4), rendered("b", 4), rendered("c", 5)
    assert first == second
    assert not set(first[1]) & set(other[1])


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_tiny_libraries(tmp_path, n):
    assert len(render_demo(tmp_path, n=n)) == n


def test_one_shots_are_short_and_of_all_kinds():
    sounds = one_shots(4 * len(ONE_SHOTS), 16_000, seed=3)
    assert all(400 < len(sound) <= 16_000 for sound in sounds)
    assert len({sound.tobytes() for sound in sounds}) == len(sounds)


def test_kinds_differ_in_what_is_heard():
    """Most sounds have a sound of their own kind next to them, which chance would give one in 15."""
    space = load_space("mfcc")
    vectors = []
    for sound in one_shots(20 * len(ONE_SHOTS), 16_000, seed=6):
        [chunk] = chunks([sound], 16_000)
        vectors.append(space.embed_chunk(chunk)[0])
    X = np.array(vectors)
    similarity = X @ X.T - 2 * np.eye(len(X))
    kind = np.arange(len(X)) % len(ONE_SHOTS)
    assert (kind[similarity.argmax(axis=1)] == kind).mean() > 0.6
