"""A folder decoded once: what is in the cache, its bound, and the folders that give nothing."""

from __future__ import annotations

import numpy as np
import pytest

from soundkin.audio.decode import read_sound
from soundkin.errors import InputError, NotFound
from soundkin.recipe.sounds import open_sounds
from tests.recipe.folders import labelled_folder, write_wav


@pytest.fixture
def folder(tmp_path):
    return labelled_folder(tmp_path / "in", each=2, seconds=0.5, rate_hz=22_050)


def test_sounds_are_there_resampled_at_full_scale(folder, tmp_path):
    sounds = open_sounds(folder, rate_hz=16_000, cache=tmp_path / "cache")
    assert len(sounds) == 8
    assert (sounds.left_out, sounds.failed) == (0, 0)
    assert set(sounds.lengths.tolist()) == {8000}
    for k, name in enumerate(sounds.names):
        whole, _ = read_sound(folder / name, rate_hz=16_000)
        [ours] = sounds.read(np.array([k]), np.array([0]), 8000)
        np.testing.assert_allclose(ours, whole / np.abs(whole).max(), atol=1e-4)


def test_a_window_past_the_end_is_filled_with_silence(folder, tmp_path):
    sounds = open_sounds(folder, rate_hz=16_000, cache=tmp_path / "cache")
    window = sounds.read(np.array([3, 0]), np.array([7000, 0]), 2000)
    assert window.shape == (2, 2000)
    assert np.abs(window[0, 1000:]).max() == 0
    np.testing.assert_allclose(np.abs(window).max(axis=1), 1, atol=1e-6)


def test_decoded_once_and_anew_when_the_folder_changed(folder, tmp_path):
    heard = []
    for _ in range(2):
        open_sounds(
            folder, rate_hz=8000, cache=tmp_path / "c", on_progress=lambda *now: heard.append(now)
        )
    assert heard == [(k, 8) for k in range(8)]
    write_wav(folder / "new.wav", np.sin(np.arange(4000) / 9))
    again = open_sounds(folder, rate_hz=8000, cache=tmp_path / "c")
    assert len(again) == 9
    assert len(list((tmp_path / "c").glob("*.i16"))) == 1


def test_the_bound_holds_and_the_same_files_are_left_out(folder, tmp_path):
    bound = 3.5 * 8000 * 2 / 1e9
    some = open_sounds(folder, rate_hz=16_000, cache=tmp_path / "a", cache_gb=bound)
    assert (len(some), some.left_out) == (3, 5)
    assert sum(p.stat().st_size for p in (tmp_path / "a").glob("*.i16")) <= bound * 1e9
    same = open_sounds(folder, rate_hz=16_000, cache=tmp_path / "b", cache_gb=bound)
    assert same.names == some.names


def test_bad_files_are_counted_and_passed_over(folder, tmp_path):
    (folder / "text.wav").write_text("no sound", encoding="utf-8")
    (folder / "empty.wav").write_bytes(b"")
    write_wav(folder / "silent.wav", np.zeros(8000))
    write_wav(folder / "short.wav", np.sin(np.arange(100) / 3))
    sounds = open_sounds(folder, rate_hz=16_000, cache=tmp_path / "cache")
    assert (len(sounds), sounds.failed) == (8, 4)


def test_an_interrupted_decode_is_begun_again(folder, tmp_path):
    def stop(done, _):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_sounds(folder, rate_hz=16_000, cache=tmp_path / "c", on_progress=stop)
    assert len(open_sounds(folder, rate_hz=16_000, cache=tmp_path / "c")) == 8


def test_folders_that_give_nothing(tmp_path):
    with pytest.raises(NotFound, match=r"no folder .*nowhere"):
        open_sounds(tmp_path / "nowhere", rate_hz=16_000, cache=tmp_path)
    with pytest.raises(InputError, match=r"no sound in .*; expected files such as \.wav"):
        open_sounds(tmp_path, rate_hz=16_000, cache=tmp_path)
    (tmp_path / "a.wav").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"none of the files in .* gives sound"):
        open_sounds(tmp_path, rate_hz=16_000, cache=tmp_path / "c")
