"""What the page can do, a script can: words, duplicates and suggestions on the command line."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from soundkin.facade import Library

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HZ = 16_000


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight noises and eight tones; one tone is there twice, one quieter."""
    folder = tmp_path_factory.mktemp("steered") / "Sounds"
    t = np.arange(HZ // 2) / HZ
    for kind in ("tones", "noises"):
        (folder / kind).mkdir(parents=True)
    for i in range(8):
        fade = np.exp(-t * (3 + i))
        tone = 0.4 * np.sin(2 * np.pi * (200 * 1.3**i) * t) * fade
        noise = np.random.default_rng(i).normal(0, 0.1, len(t)) * fade
        soundfile.write(folder / "tones" / f"tone {i}.wav", tone, HZ)
        soundfile.write(folder / "noises" / f"noise {i}.flac", noise, HZ)
        if i == 2:
            soundfile.write(folder / "tones" / "twin.wav", tone, HZ)
        if i == 3:
            soundfile.write(folder / "noises" / "quiet.wav", 0.5 * noise, HZ)
    path = tmp_path_factory.mktemp("lib") / "lib"
    with Library.open(path) as library:
        library.add(folder, jobs=1)
    return path


@pytest.mark.parametrize(
    ("words", "total"),
    [
        (["name:tone"], 8),
        (["name:tone", "dur<1"], 8),
        (["name:tone -name:3 in:tones format:wav dur<=0.5"], 7),
        (["in:noises -quiet"], 8),
        (["format:flac"], 8),
        (["dur>0.5"], 0),
    ],
)
def test_words_alone(run: Callable[..., str], words: list[str], total: int) -> None:
    found = json.loads(run("search", *words, "--json"))
    assert found["total"] == total


def test_a_file_within_words(run: Callable[..., str], path: Path) -> None:
    with Library.open(path) as library:
        source = library.sounds("name:tone name:5")[0][0].path
    found = json.loads(run("search", source, "in:noises -quiet", "-k", "50", "--json"))
    assert {hit["name"] for hit in found["hits"]} == {f"noise {i}.flac" for i in range(8)}


def test_a_path_that_is_not_there_is_no_word(run: Callable[..., str]) -> None:
    assert "there is nothing at 'kcik.wav'" in run("search", "kcik.wav", code=2)
    assert "there is nothing at 'Drums/kick'" in run("search", "Drums/kick", code=2)
    assert "(at character 6 of the query)" in run("search", "kick dur=1", code=2)


def test_dedupe(run: Callable[..., str], path: Path) -> None:
    found = json.loads(run("dedupe", "--json"))
    groups = {group["kind"]: group for group in found["groups"]}
    assert {m["name"] for m in groups["exact"]["members"]} == {"tone 2.wav", "twin.wav"}
    assert {m["name"] for m in groups["near"]["members"]} == {"noise 3.flac", "quiet.wav"}
    rows = list(csv.DictReader(io.StringIO(run("dedupe", "--csv", "--kind", "near"))))
    assert [row["name"] for row in rows] == [m["name"] for m in groups["near"]["members"]]
    assert "6.0 dB" in rows[1]["reason"]
    ids = [m["sound_id"] for m in groups["near"]["members"]]
    text = run("dedupe", "--apart", ids[0], "--apart", ids[1])
    assert "quiet.wav" not in text
    assert "twin.wav" in text
    assert "exact, near, version" in run("dedupe", "--kind", "same", code=2)


def test_tags_suggest(run: Callable[..., str], path: Path) -> None:
    run("tags", "add", "hiss", "--text", "name:noise -name:3 -name:4 -name:5 -name:6 -name:7")
    found = json.loads(run("tags", "suggest", "hiss", "-k", "5", "--json"))
    assert found["examples"] == 3
    names = {one["name"] for one in found["suggestions"]}
    assert sum(name.startswith(("noise", "quiet")) for name in names) >= 4
    first = found["suggestions"][0]
    again = json.loads(run("tags", "suggest", "hiss", "--reject", first["sound_id"], "--json"))
    assert first["sound_id"] not in {one["sound_id"] for one in again["suggestions"]}
    assert again["rejected"] == 1
    assert "all 2 tagged" in run("tags", "suggest", "hiss", "-k", "2", "--accept")
    with Library.open(path) as library:
        assert library.sounds("tag:hiss")[1] == 5
    run("tags", "suggest", "hiss", "--undo")
    with Library.open(path) as library:
        assert library.sounds("tag:hiss")[1] == 3
    assert "nothing bears the tag 'x'" in run("tags", "suggest", "x", code=2)
