"""Pairs of speech: what the two share, what they do not, and draws that repeat."""

# ruff: noqa: E402
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from soundkin.recipe import speech
from soundkin.recipe.load import load_recipe
from soundkin.recipe.sounds import Sounds
from soundkin.recipe.speech import QUIET, play, recordings, synthesized
from soundkin.recipe.views import draw_views
from tests.recipe.drawing import drawn_twice

RATE = 16_000
PLAIN = ("deform.equaliser_db=[0,0]", "deform.low_pass_hz=[0,0]", "deform.reverberation_s=[0,0]",
         "deform.noise=[0,0]")  # fmt: skip


def recorded(parts, names=None):
    """Sounds of float waveforms in [-1, 1]."""
    whole = np.rint(32_767 * np.concatenate(parts)).astype(np.int16)
    begins = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    names = names or [f"{k}/a.wav" for k in range(len(parts))]
    return Sounds(whole, begins, names, RATE, 0, 0)


def tones(*pitches, seconds=5.0):
    time = np.arange(round(seconds * RATE)) / RATE
    return recorded([0.9 * np.sin(2 * np.pi * pitch * time) for pitch in pitches])


def pitch(windows):
    """Where the spectrum is highest, in Hz: (n,)."""
    spectrum = np.abs(np.fft.rfft(np.asarray(windows) * np.hanning(windows.shape[1]), 8 * RATE))
    return spectrum.argmax(axis=1) / 8


def draw(name, sounds, *changes, batch=8, seed=0):
    how = load_recipe(name, [f"run.batch={batch}", *PLAIN, *changes])
    return draw_views(how, sounds, torch.Generator().manual_seed(seed))


def test_at_speed_one_the_samples_and_at_another_another_pitch():
    sounds = tones(300, 500)
    plain = play(sounds, 1, 1234, 1.0, 800)
    first = sounds.begins[1] + 1234
    np.testing.assert_array_equal(plain, sounds.samples[first : first + 800] / np.float32(32_768))
    quick = play(sounds, 1, 4000, 1.25, RATE)
    assert pitch(quick[None])[0] == pytest.approx(625, abs=0.5)
    time = (4000 + 1.25 * np.arange(RATE)) / RATE
    np.testing.assert_allclose(quick, 0.9 * np.sin(2 * np.pi * 500 * time), atol=1e-3)


def test_behind_a_recording_lies_silence_and_not_the_next():
    sounds = tones(300, 500, seconds=1.0)
    end = play(sounds, 0, RATE - 100, 1.0, 300)
    assert (end[100:] == 0).all()
    assert np.abs(end[:99]).max() > 0.5
    begin = play(sounds, 1, 0, 0.8, 300)
    assert np.abs(begin).max() > 0.5


@pytest.fixture
def places(monkeypatch):
    """What was read for each view: recordings, starts, speeds."""
    seen, heard = [], speech._played

    def noted(sounds, which, starts, speeds, window):
        seen.append((which, starts, speeds))
        return heard(sounds, which, starts, speeds, window)

    monkeypatch.setattr(speech, "_played", noted)
    return seen


def test_kin_by_voice_are_moments_of_one_recording_at_one_speed(places):
    views = draw("voice", tones(200, 300, 400, 500), batch=8)
    (which, a, speeds), (other, b, also) = places
    assert which.tolist() == other.tolist()
    assert which[::2].tolist() == which[1::2].tolist()
    assert sorted(which[::2].tolist()) == [0, 1, 2, 3]
    np.testing.assert_array_equal(speeds, also)
    np.testing.assert_allclose(speeds[1::2] / speeds[::2], 1.25, rtol=1e-12)
    assert (np.abs(a - b) >= 0.99 * speeds * RATE).all(), "the two moments overlap"
    expected = (200 + 100 * which) * speeds
    np.testing.assert_allclose(pitch(views.a), expected, atol=0.5)
    np.testing.assert_allclose(pitch(views.b), expected, atol=0.5)
    assert (views.mixed == -1).all()


def test_kin_by_content_are_one_moment_in_two_voices(places):
    time = np.arange(10 * RATE) / RATE
    rise = 0.9 * np.sin(2 * np.pi * (400 * time + 50 * time**2))  # pitch 400 + 100 t
    views = draw("content", recorded([rise, rise]), "data.speeds=[0.8, 1.25]", batch=16)
    (which, a, slow), (other, b, fast) = places
    assert which.tolist() == other.tolist()
    np.testing.assert_allclose(fast / slow, 1.25, rtol=1e-12)
    assert 0.8 <= slow.min() < fast.max() <= 1.25
    middles = a + slow * RATE / 2, b + fast * RATE / 2
    inside = (b > 0) & (b < len(rise) - fast * RATE - 2)
    assert inside.sum() > 8
    np.testing.assert_allclose(middles[0][inside], middles[1][inside], atol=2)
    # rows of one recording lie in its four parts, one after the other
    assert (np.diff(middles[0].reshape(-1, 4), axis=1) > 0).all()
    found = [pitch(view[:, 7800:8200]) for view in (views.a, views.b)]
    expected = (400 + 100 * middles[0] / RATE) * slow
    np.testing.assert_allclose(found[0], expected, rtol=0.02)
    np.testing.assert_allclose(found[1][inside] / found[0][inside], 1.25, rtol=0.02)


def test_recordings_of_one_folder_do_not_meet_while_there_are_others():
    names = ["a/1", "a/2", "a/3", "b/1", "c/1"]
    sounds = recorded([np.full(10, 0.1)] * 5, names)
    seen = set()
    for seed in range(20):
        drawn = recordings(sounds, 3, torch.Generator().manual_seed(seed)).tolist()
        assert sorted(names[k][0] for k in drawn) == ["a", "b", "c"]
        seen |= set(drawn)
    assert seen == {0, 1, 2, 3, 4}
    more = recordings(sounds, 7, torch.Generator().manual_seed(0))
    assert sorted(np.bincount([ord(names[k][0]) - 97 for k in more]).tolist()) == [2, 2, 3]
    flat = recorded([np.full(10, 0.1)] * 5, [*"vwxyz"])
    assert sorted(recordings(flat, 5, torch.Generator()).tolist()) == [0, 1, 2, 3, 4]


def test_pauses_are_drawn_again():
    time = np.arange(8 * RATE) / RATE
    rare = 0.9 * np.sin(2 * np.pi * 300 * time) * ((time > 3) & (time < 5))
    views = draw("voice", recorded([rare] * 8), batch=64)
    level = torch.cat([views.a, views.b]).square().mean(dim=1).sqrt()
    assert (level > QUIET).float().mean() > 0.9


@pytest.mark.parametrize("name", ["voice", "content"])
def test_the_same_draws_from_the_same_state_deformed_and_finite(name):
    how = load_recipe(name, ["run.batch=6", "data.moments=2", "deform.probability=1.0"])
    sounds, generator = tones(200, 300, 400), torch.Generator().manual_seed(3)
    first, again = drawn_twice(how, sounds, generator)
    assert first.a.equal(again.a)
    assert first.b.equal(again.b)
    assert torch.isfinite(first.a).all()
    assert first.a.shape == first.b.shape == (6, RATE)


@pytest.mark.parametrize("name", ["voice", "content"])
def test_how_long_a_window_is_tells_nothing(name):
    changes = ("data.shorten=0.5", "data.moments=4", "data.speeds=[1, 1]")
    views = draw(name, tones(200, 300, 400, 500, 600, 700), *changes, batch=24)
    ends = np.array([
        [int(row.abs().gt(1e-6).nonzero().max()) + 1 for row in view] for view in (views.a, views.b)
    ])  # fmt: skip
    assert ends.min() >= 0.19 * RATE
    whole = ends > RATE - 3
    assert 0.1 < whole.mean() < 0.9
    if name == "content":  # all of a recording end alike
        assert np.abs(ends.reshape(2, -1, 4) - ends.reshape(2, -1, 4)[:1, :, :1]).max() < 100
    else:
        assert (np.abs(ends[0] - ends[1]) > 200).mean() > 0.4


@pytest.mark.parametrize("kin", ["voice", "content"])
def test_synthesized_voices_hold_what_the_kin_share(kin, monkeypatch):
    given = []

    class Table:
        parameters = tuple(
            type("P", (), {"name": f"voice.{name}"})()
            for name in ("level", "pitch", "tract", "open_from", "rhythm.rate")
        )

    class Patch:
        table = Table()

        def render(self, u, noise):
            given.append((u, noise))
            return torch.ones(len(u), 400)

    monkeypatch.setattr(speech, "make_patch", lambda *_, **__: Patch())
    data = load_recipe(kin, ["data.window=400", "data.moments=2"]).data
    a, b = synthesized(data, 6, torch.Generator().manual_seed(0))
    assert a.shape == b.shape == (6, 400)
    (u, noise), (v, other) = given
    assert (u[:, 0] == 1).all()
    same = (u == v).all(dim=0).tolist()
    if kin == "voice":
        assert same == [True, True, True, False, False]
        assert not noise.equal(other)
    else:
        assert same == [True, False, False, True, True]
        assert noise.equal(other)
        assert u[::2, 1:3].equal(u[1::2, 1:3])  # rows of a group share the voice
        assert not (u[::2, 3:] == u[1::2, 3:]).any()


def test_a_share_of_the_rows_is_synthesized():
    views = draw("voice", tones(200, 300, 400), "data.drawn=0.5", "data.moments=1", batch=4)
    assert views.a.shape == (4, RATE)
    assert (pitch(views.a)[:2] / pitch(views.b)[:2]).tolist() == pytest.approx([1, 1], rel=1e-3)
    assert torch.isfinite(views.b).all()
    assert not views.a[2:].equal(views.b[2:])
