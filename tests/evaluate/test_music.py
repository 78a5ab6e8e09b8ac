"""Scores: what they promise is in the bytes, no property stands for another, and they can be heard."""

from __future__ import annotations

import csv
import shutil
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.audio.decode import read_sound
from soundkin.errors import InputError, NotFound
from soundkin.evaluate import arithmetic, midi, music, play
from soundkin.evaluate.datasets import read_datasets
from soundkin.evaluate.midi import Note, Part, write_midi
from soundkin.evaluate.music import KEYS, LEADS, MOODS, SCALES, compose, plan_scores
from tests.evaluate import plain, smf

SCORES = plan_scores(400, seed=1)
BANDS = [score for score in SCORES if not score.name.endswith(("-one", "-two"))]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 4000), st.integers(1, 2000), st.integers(0, 127), st.integers(1, 127)
        ),
        max_size=20,
        unique_by=lambda note: note[2],
    ),
    st.floats(40, 240),
)
def test_bytes_read_back_as_the_notes_that_were_written(notes, bpm):
    part = Part("näme", 40, tuple(Note(s / 480, n / 480, p, v) for s, n, p, v in notes))
    drums = Part("drums", 0, (Note(0, 1, 36, 100),), drums=True)
    ticks, [(tempo, *_), ours, beat] = smf.read(write_midi([part, drums], bpm=bpm))
    assert ticks == midi.TICKS
    assert tempo == pytest.approx(bpm, rel=1e-5)
    assert ours[1] == "näme"
    assert ours[2] == {(0, 40)}
    assert ours[3] == sorted((s, s + n, 0, p, v) for s, n, p, v in notes)
    assert beat[3] == [(0, 480, 9, 36, 100)]


def test_what_cannot_be_written():
    with pytest.raises(InputError, match="expected pitch 0-127"):
        write_midi([Part("a", 0, (Note(0, 1, 128, 1),))], bpm=100)
    with pytest.raises(InputError, match="more than 15 parts"):
        write_midi([Part("a", 0, ())] * 16, bpm=100)
    with pytest.raises(InputError, match="5 tracks; expected 20 and more"):
        plan_scores(5)


def cramer(a, b):
    """Bias-corrected Cramer's V (Bergsma 2013) of two columns: 0 is independent, 1 is the same."""
    _, i = np.unique(a, return_inverse=True)
    _, j = np.unique(b, return_inverse=True)
    table = np.zeros((i.max() + 1, j.max() + 1))
    np.add.at(table, (i, j), 1)
    n, (r, c) = len(i), table.shape
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi = max(0.0, ((table - expected) ** 2 / expected).sum() / n - (r - 1) * (c - 1) / (n - 1))
    r, c = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    return float(np.sqrt(phi / (min(r, c) - 1)))


def test_no_property_stands_for_another():
    assert cramer(["a", "b"] * 50, ["x", "y"] * 50) == pytest.approx(1)
    names = ["tempo_bpm", "key", "instrument", "style", "structure"]
    columns = {name: [str(getattr(score, name)) for score in BANDS] for name in names}
    for k, one in enumerate(names):
        often = Counter(columns[one]).values()
        assert max(often) <= (1.6 if one == "tempo_bpm" else 1.1) * min(often)
        for other in names[k + 1 :]:
            assert cramer(columns[one], columns[other]) < 0.12, (one, other)
    mood = [score.mood for score in BANDS]
    for name in ("key", "instrument", "style", "structure"):
        assert cramer(mood, columns[name]) < 0.12, name
    # mood goes with mode and a little with tempo, as in music, but is not told by either
    assert 0.5 < cramer(mood, [score.mode for score in BANDS]) < 0.95
    assert cramer(mood, columns["tempo_bpm"]) < 0.4
    for style in music.STYLES:
        of_style = [score for score in BANDS if score.style == style]
        assert len({score.key for score in of_style}) == 12
        assert len({score.tempo_bpm for score in of_style}) == 8


def test_four_hundred_tracks_with_solos_and_duets():
    assert len(SCORES) == 400
    assert len({score.name for score in SCORES}) == 400
    kinds = Counter(score.ensemble for score in SCORES)
    assert kinds == {"band": 325, "solo": 50, "duet": 25}
    assert plan_scores(400, seed=1) == SCORES != plan_scores(400, seed=2)
    for source, n in Counter(score.source for score in SCORES).items():
        versions = [score for score in SCORES if score.source == source]
        assert n in {1, 3}
        assert len({(s.key, s.tempo_bpm, s.style, s.seed) for s in versions}) == 1
        if n == 3:
            one, two, duet = versions
            assert (duet.instrument, duet.second) == (one.instrument, two.instrument)
            assert one.instrument != two.instrument


@pytest.mark.parametrize("score", SCORES[::19], ids=lambda score: score.name)
def test_the_bytes_keep_what_the_labels_promise(score):
    data = write_midi(compose(score), bpm=score.tempo_bpm)
    assert data == write_midi(compose(score), bpm=score.tempo_bpm)
    ticks, [(tempo, *_), *tracks] = smf.read(data)
    assert tempo == pytest.approx(score.tempo_bpm, rel=1e-4)
    seconds = [end / ticks * 60 / tempo for *_, notes in tracks for _, end, *_ in notes]
    assert 25 < max(seconds) < 30 + 4 * 60 / tempo + 3
    tonic, scale = KEYS.index(score.key), SCALES[score.mode]
    tuned = [note for *_, notes in tracks for note in notes if note[2] != 9]
    assert {(pitch - tonic) % 12 for _, _, _, pitch, _ in tuned} <= set(scale)
    programs = [next(iter(track[2]))[1] for track in tracks]
    assert programs[0] == LEADS[score.instrument]
    assert len(tracks) == {"solo": 1, "duet": 2, "band": 4}[score.ensemble]
    # sections that return are the same notes
    bar = 4 * ticks
    lead = tracks[0][3]

    def section(number):
        begin = number * 4 * bar
        return [(s - begin, p, v) for s, _, _, p, v in lead if begin <= s < begin + 4 * bar]

    whole = int(max(s for s, *_ in lead) // (4 * bar))
    for a in range(whole):
        for b in range(a):
            same = score.structure[a % 4] == score.structure[b % 4]
            assert (section(a) == section(b)) == same


def test_moods_play_differently():
    def mean(mood, what):
        notes = [n for s in BANDS[::3] if s.mood == mood for n in compose(s, seconds=8)[0].notes]
        return float(np.mean([getattr(note, what) for note in notes]))

    assert mean("angry", "velocity") > mean("tender", "velocity") + 20
    assert mean("sad", "length") > mean("happy", "length") + 0.2
    assert mean("happy", "pitch") > mean("sad", "pitch") + 6
    assert set(MOODS) == {score.mood for score in BANDS}


def test_a_duet_is_its_two_solos():
    one, two, duet = next(
        [s for s in SCORES if s.source == score.source]
        for score in SCORES
        if score.ensemble == "duet"
    )
    together = [part.notes for part in compose(duet)]
    assert together == [compose(one)[0].notes, compose(two)[0].notes]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_ranks_of_duets_against_a_loop(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((12, 4))
    triples = rng.permutation(12).reshape(4, 3)
    found = arithmetic.duet_ranks(x, triples)
    for row, (a, b, duet) in enumerate(triples):
        unit = [v / np.linalg.norm(v) for v in x]
        for query, rank in (
            (unit[a] + unit[b], found.both),
            (x[a], found.first),
            (x[b], found.second),
        ):
            others = [j for j in range(12) if j not in (a, b)]
            order = sorted(others, key=lambda j: -plain.cosine(query, x[j]))
            assert rank[row] == order.index(duet) + 1
    with pytest.raises(InputError, match=r"triples of shape \(2,\)"):
        arithmetic.duet_ranks(x, [0, 1])


def test_without_fluidsynth_one_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(play.shutil, "which", lambda _: None)
    with pytest.raises(
        NotFound, match=r"not installed; .* packages fluidsynth and fluid-soundfont-gm"
    ):
        play.make_music(tmp_path, 20)


def heard_tempo(samples, rate, hop=256):
    """Beats a minute of the strongest autocorrelation of onsets at 1, 2, 4 and 8 beats."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 1024)[::hop]
    loud = np.log1p(100 * np.abs(np.fft.rfft(frames * np.hanning(1024))))
    flux = np.maximum(np.diff(loud, axis=0), 0).sum(axis=1)
    flux -= flux.mean()
    echo = np.correlate(flux, flux, "full")[len(flux) - 1 :] / np.arange(len(flux), 0, -1)
    tempi = np.arange(60, 180, 0.5)
    beats = np.array([1, 2, 4, 8])[:, None] * 60 / tempi * rate / hop
    strength = np.interp(beats, np.arange(len(echo)), echo).mean(axis=0)
    return tempi[int(strength.argmax())]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_rendered_set_sounds_as_labelled(tmp_path):
    if shutil.which("fluidsynth") is None:
        pytest.skip("FluidSynth is not installed: apt-get install fluidsynth fluid-soundfont-gm")
    play.make_music(tmp_path, 20, seconds=15)
    with (tmp_path / "labels.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 20
    beats = []
    [clips] = read_datasets(tmp_path)
    assert {(task.label, task.group) for task in clips.tasks} >= {("mode", "source")}
    for row in rows:
        samples, rate = read_sound(tmp_path / row["path"])
        assert (len(samples), rate) == (15 * play.RATE_HZ, play.RATE_HZ)
        assert np.abs(samples).max() > 0.02
        # energy lies on the pitches of the key
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
        hz = np.fft.rfftfreq(len(samples), 1 / rate)
        heard = (hz > 110) & (hz < 1000)
        pitch = np.rint(69 + 12 * np.log2(hz[heard] / 440)).astype(int) - KEYS.index(row["key"])
        chroma = np.bincount(pitch % 12, spectrum[heard], minlength=12)
        assert chroma[list(SCALES[row["mode"]])].sum() > 0.75 * chroma.sum()
        if row["ensemble"] == "band":
            beats.append(float(heard_tempo(samples, rate) / float(row["tempo_bpm"])))
    # the beat is found again, now and then as its half, double, or another multiple
    multiples = np.array([1 / 2, 2 / 3, 3 / 4, 1, 4 / 3, 3 / 2, 2])
    off = np.abs(np.array(beats)[:, None] / multiples - 1)
    assert (off.min(axis=1) < 0.03).mean() > 0.8
    assert (off[:, 3] < 0.03).mean() > 0.4
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.flac")}
    play.make_music(tmp_path, 20, seconds=15)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.flac")} == before
