"""Every study on made-up sets: a few cells, a page with its tables and pictures, and it goes on."""

# ruff: noqa: E402
from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from soundkin import cli
from soundkin.errors import InputError, NotFound
from soundkin.evaluate import play
from soundkin.evaluate.subjects import log_mel_statistics
from soundkin.recipe.assemble import DecomposeModel
from soundkin.reproduce import autodecompose, cochlea, doppelganger, learn, locality, sound
from soundkin.reproduce.cells import Cell, Place, results
from soundkin.reproduce.run import NAMES, reproduce, study_named
from soundkin.space import load_space
from tests.reproduce.sets import made, music

TRACKS, TRACK_S = 12, 6.0
SMALL = (
    "run.batch=4", "run.log_steps=1", "encoder.width=4", "encoder.widths=[4, 8, 8, 8]",
)  # fmt: skip
TINY = {"autodecompose": ("encoder.size=dense", "encoder.dim=4")}
SOME = {
    "doppelganger": ["mfcc", "sounds-voice", "voice-0.25", "real-augmented"],
    "locality": ["mfcc", "none", "pitch"],
    "autodecompose": ["mfcc", "in-domain.0", "fine-tuned-10s.0"],
    "cochlea": ["mfcc", "random-weights", "only-noise"],
}
SAID = {
    "doppelganger": ["## By delta", "[S]", "11,432,960", "causal uncertainty", "real-augmented"],
    "locality": ["## Labelling", "pitch shift lowers the locality of key [S]", "![tempo_bpm]"],
    "autodecompose": ["wrong encoder", "in-domain", "98.6", "fine-tuned-10s", "digits by"],
    "cochlea": ["70 h of sound", "only-noise", "mAP", "84 %"],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return made(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """What was heard before is shared by all tests; the music is there already."""
    folder = tmp_path_factory.mktemp("cache")
    for seed in (locality.JUDGED, locality.LEARNT_FROM):
        music(folder / "music" / f"{TRACKS}-{TRACK_S:g}s-seed{seed}", TRACKS, TRACK_S)
    return folder


@pytest.fixture
def small(monkeypatch):
    """Short sets, few sounds, and listeners that are there in place of exported ones."""
    monkeypatch.setattr(sound, "TRACKS", TRACKS)
    monkeypatch.setattr(sound, "TRACK_S", TRACK_S)
    monkeypatch.setattr(autodecompose, "LONG_S", 20.0)
    monkeypatch.setattr(autodecompose, "OVERFIT_S", 10.0)
    monkeypatch.setattr(doppelganger, "N_SOUNDS", 12)
    monkeypatch.setattr(cochlea, "PAIRS_SEEN", 8)

    def opened(model, cell, heard, place):
        if isinstance(model, DecomposeModel):
            return {"voice": load_space("mfcc"), "content": log_mel_statistics()}
        return {"space": log_mel_statistics()}

    monkeypatch.setattr(learn, "_spaces", opened)


def place_of(name, data, cache, out, steps=1):
    changes = (*SMALL, *TINY.get(name, ()))
    return Place(out=out, data=data, cache=cache, steps=steps, seeds=1, changes=changes)


@pytest.mark.parametrize("name", NAMES)
def test_a_study_runs_goes_on_and_gives_a_page(name, data, cache, small, tmp_path, monkeypatch):
    place = place_of(name, data, cache, tmp_path / "out")
    page = reproduce(name, place, only=SOME[name])
    text = page.read_text()
    for said in [*SAID[name], "cells are done", "mfcc", "95 % intervals", "1 steps"]:
        assert said in text, said
    assert "nan" not in text
    pictures = sorted(path.name for path in page.parent.glob("*.svg"))
    assert pictures
    for file in pictures:
        ET.parse(page.parent / file)
        assert f"({file})" in text
    # every row of a table has as many cells as its head
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) > 5
    # nothing is left to do: nothing is trained, and the page is the same
    monkeypatch.setattr("soundkin.reproduce.cells.learn", None)
    assert reproduce(name, place, only=SOME[name]).read_text() == text
    done = results(study_named(name).cells(1), place)
    assert {f"{r['cell']['setting']}" for r in done} >= {SOME[name][0]}
    trained = [r for r in done if r["training"].get("steps")]
    assert trained
    assert all(r["training"]["steps"] == 1 for r in trained)


def test_what_judges_is_not_what_was_learnt_from(data, cache, tmp_path):
    place = place_of("cochlea", data, cache, tmp_path / "out")
    folder = cochlea.sound(Cell("all", 0, "cochlea", sound="sets"), place)
    learnt = {path.resolve() for path in folder.rglob("*.flac")}
    asked = {path.resolve() for clips in cochlea.judged(place) for path in clips.files()}
    assert learnt
    assert asked
    assert not learnt & asked
    folds = {c.name: set(c.columns["fold"]) for c in cochlea.judged(place) if "fold" in c.columns}
    assert folds == {"esc10": {"4", "5"}}


def test_fine_tuning_on_ten_seconds_is_asked_about_the_rest(data, cache, tmp_path):
    place = place_of("autodecompose", data, cache, tmp_path / "out")
    a, b = (autodecompose.half(place, which) for which in "ab")
    assert not set(a.columns["speaker"]) & set(b.columns["speaker"])
    few = autodecompose._few(b, 10.0)
    for speaker in np.unique(b.columns["speaker"]):
        seconds = few.columns["seconds"][few.columns["speaker"] == speaker].astype(float)
        assert 10 <= seconds.sum() < 10 + 6.0 + 1
    # the same utterances that the test draws first
    crops = (b.columns["seconds"].astype(float) // autodecompose.CROP_S).astype(int)
    of = np.repeat(np.arange(len(b)), crops).astype(str)
    rows, _ = autodecompose.split_budget(
        b.columns["speaker"][of.astype(int)], of, 10, np.random.default_rng([0, 0])
    )
    assert {b.paths[int(i)] for i in of[rows]} == set(few.paths)


def test_a_training_begins_with_the_weights_of_another(data, cache, small, tmp_path):
    place = place_of("autodecompose", data, cache, tmp_path / "out")
    first = Cell("first", 0, "autodecompose", ("encoder.size=dense",), sound="a")
    second = Cell("second", 0, "autodecompose", ("encoder.size=dense",), sound="b", after="first")
    folder = data / "speechocean" / "audio"
    with pytest.raises(InputError, match=r"no weights of first.0 to begin with"):
        learn.learn(second, folder, place)
    before = learn.learn(first, folder, place).model.state_dict()
    learn.begin_with(
        place.out / "training" / "first.0", tmp_path / "fresh",
        learn.load_recipe("autodecompose", [*TINY["autodecompose"], *SMALL]),
    )  # fmt: skip
    kept = torch.load(tmp_path / "fresh" / "checkpoint.pt", weights_only=True)
    assert (kept["step"], kept["rows"]) == (0, [])
    for name, value in before.items():
        torch.testing.assert_close(kept["model"][name], value)
    told = learn.learn(second, folder, place).told
    assert told["steps"] == 1
    # what has begun is not begun anew
    was = (place.out / "training" / "second.0" / "checkpoint.pt").read_bytes()
    learn.learn(second, folder, place)
    again = torch.load(place.out / "training" / "second.0" / "checkpoint.pt", weights_only=True)
    assert again["step"] == 1
    assert was


def test_without_a_renderer_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(play.shutil, "which", lambda _: None)
    place = place_of("locality", None, tmp_path / "cache", tmp_path / "out")
    with pytest.raises(NotFound, match=r"install the Debian packages fluidsynth and fluid-sound"):
        reproduce("locality", place, only=["none"])


def test_the_command_lists_and_refuses(data, tmp_path, capsys):
    words = ["reproduce", "cochlea", "--out", str(tmp_path / "out"), "--data", str(data)]
    with pytest.raises(SystemExit) as left:
        cli.main([*words, "--list", "--seeds", "1", "--only", "all", "--minutes", "2"])
    assert left.value.code in (0, None)
    assert capsys.readouterr().out.splitlines() == [
        "to do  all.0", "0 of 1 cells done, 2 min left."
    ]  # fmt: skip
    for extra, said in (
        (["--only", "al"], "no cell 'al'"),
        (["--minutes", "1", "--steps", "1"], "one of them"),
    ):
        with pytest.raises(SystemExit) as left:
            cli.main([*words, *extra])
        assert left.value.code == 2
        assert said in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        cli.main(["reproduce", "coclea"])
    assert "no study 'coclea'; expected one of doppelganger" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_twenty_steps_of_a_cell_end_in_a_space_that_is_judged(
    name, data, cache, small, tmp_path, monkeypatch
):
    monkeypatch.undo()
    monkeypatch.setattr(sound, "TRACKS", TRACKS)
    monkeypatch.setattr(sound, "TRACK_S", TRACK_S)
    monkeypatch.setattr(autodecompose, "LONG_S", 20.0)
    setting = {"doppelganger": "voice-0.25", "locality": "both", "autodecompose": "in-domain",
               "cochlea": "all"}[name]  # fmt: skip
    place = place_of(name, data, cache, tmp_path / "out", steps=20)
    reproduce(name, place, only=[setting])
    [result] = results(study_named(name).cells(1), place)
    assert result["training"]["steps"] == 20
    files = sorted((place.out / "spaces" / f"{setting}.0").glob("*.json"))
    assert len(files) == (2 if name == "autodecompose" else 1)
    assert all(load_space(file).dim > 1 for file in files)
