"""`soundkin notes`, as it is typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from soundkin.library.store import Store
from tests.library.making import heard, lay_root, put, sound_id, unit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = Store.open(tmp_path / "library")
    lay_root(store)
    sounds = [heard(sound_id(n), unit(n, 5)) for n in range(2)]
    put(store, sounds, 1, paths=["wren.wav", "owl.wav"])
    return tmp_path / "library"


def test_notes(run: Callable[..., str], tmp_path: Path) -> None:
    assert "No notes" in run("notes")
    made = json.loads(
        run(
            "notes",
            "add",
            "wren.wav@0.5-1.5",
            "two calls",
            "--tag",
            "b",
            "--tag",
            "a",
            "--json",
            "--author",
            "ada",
        )
    )
    assert (made["start_s"], made["tags"], made["author"]) == (0.5, ["a", "b"], "ada")
    run("notes", "add", "owl.wav", "hoo", "--low", "100", "--high", "500")
    shown = run("notes")
    assert "0.50-1.50 s" in shown
    assert shown.index("two calls") < shown.index("hoo")
    assert "owl.wav" not in run("notes", "list", "wren.wav")
    assert [
        note["text"] for note in json.loads(run("notes", "list", "--saying", "HOO", "--json"))
    ] == ["hoo"]
    file = tmp_path / "notes.csv"
    assert "2 notes written" in run("notes", "export", str(file))
    assert "0 notes added, 2 were there already" in run("notes", "import", str(file))
    assert "1 notes removed" in run("notes", "remove", made["note_id"])
    assert json.loads(run("notes", "import", str(file), "--json"))["added"] == 1
    assert json.loads(run("search", "note:calls", "--json"))["total"] == 1
    labels = tmp_path / "wren.txt"
    run("notes", "export", str(labels), "--text", "note:calls")
    assert labels.read_text() == "0.5\t1.5\ttwo calls [a; b]\n"
    assert "there is no note" in run("notes", "remove", "0" * 24, code=2)
    assert "csv, json, audacity, raven" in run("notes", "export", str(tmp_path / "x.mid"), code=2)
    assert "lie at 'eagle.wav'" in run("notes", "add", "eagle.wav", "x", code=2)
    assert "1 sounds forgotten" in run("forget", sound_id(0))
    assert [note["text"] for note in json.loads(run("notes", "--json"))] == ["hoo"]
