"""From a recipe's name to a space that opens, with a line that says how it goes."""

# ruff: noqa: E402
from __future__ import annotations

import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from rich.console import Console

from soundkin.errors import InputError
from soundkin.space import load_space
from soundkin.train_space import train_space
from tests.recipe.folders import labelled_folder


@pytest.mark.slow
def test_a_recipe_becomes_a_space_and_says_how_it_went(tmp_path, monkeypatch):
    folder = labelled_folder(tmp_path / "sound", each=2)
    out, lines = tmp_path / "out", io.StringIO()
    small = ["encoder.widths=[4, 8, 8, 8]", "run.batch=6", "run.log_steps=1", "data.window=16000"]
    how = {"changes": small, "data": folder, "steps": 3, "labelled": folder, "int8": True}
    monkeypatch.setenv("SOUNDKIN_SPACES", str(tmp_path / "spaces"))
    [file] = train_space("music-tempo", out, console=Console(file=lines), **how)
    assert file == out / "music-tempo.json"
    space = load_space(file)
    assert (space.name, space.sample_rate, space.dim) == ("music-tempo", 16_000, 16)
    assert (space.card["steps"], space.card["pairs"]) == (3, 18)
    assert space.card["trained_on"] == "the folder 'sound'"
    assert "McCallum" in space.card["paper"]
    noise = np.random.default_rng(0).standard_normal((3, 16_000)).astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(space.embed(noise), axis=1), 1, atol=1e-5)
    assert "step 3" in lines.getvalue()
    assert "k-NN" in lines.getvalue()
    assert "8 bits: median cosine" in lines.getvalue()
    # once more: nothing is left to do, and the space is the same
    [again] = train_space("music-tempo", out, console=Console(file=lines), **how)
    assert load_space(again).dim == 16
    # and its name opens it
    assert load_space("music-tempo").id == load_space(again).id


def test_autodecompose_gives_a_voice_and_a_content(tmp_path, monkeypatch):
    written = []

    def note(model, file, *, windows, part, card, int8):
        written.append((file.name, part, len(windows)))
        return file

    installed = []
    monkeypatch.setattr("soundkin.train_space.export_space", note)
    monkeypatch.setattr("soundkin.train_space.export_swap", lambda model, file, *, windows: file)
    monkeypatch.setattr("soundkin.train_space.install", installed.append)
    folder = labelled_folder(tmp_path / "sound", each=2)
    changes = ["encoder.size=dense", "encoder.dim=4", "run.batch=4"]
    files = train_space(
        "autodecompose", tmp_path / "out", changes=changes, data=folder, steps=1,
        console=Console(file=io.StringIO()),
    )  # fmt: skip
    assert [file.name for file in files] == [
        "autodecompose-voice.json",
        "autodecompose-content.json",
    ]
    assert installed == [*files, tmp_path / "out" / "autodecompose.swap"]
    assert written == [
        ("autodecompose-voice.json", "voice", 4),
        ("autodecompose-content.json", "content", 4),
    ]


def test_a_wrong_setting_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match=r"key 'data\.detla' is unknown"):
        train_space("doppelganger", tmp_path / "out", changes=["data.detla=1"])
    assert not (tmp_path / "out").exists()
