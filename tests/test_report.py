"""A library's report: its measures against loops, its page as a reader gets it."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin import cli, report
from soundkin.audio.decode import read_sound
from soundkin.demo import render_demo
from soundkin.errors import InputError
from soundkin.facade import Library
from soundkin.report import DEFORMATIONS, Held, folder_labels, index_recall, make_report, same_file
from soundkin.report_page import as_markdown, pictures_of, rows_of, write_page
from soundkin.space import load_space


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A library of demo sounds, one of them in two places."""
    here = tmp_path_factory.mktemp("report")
    render_demo(here / "Samples", n=48, seed=3)
    first = min((here / "Samples").rglob("*.wav"))
    (here / "Samples" / "again.wav").write_bytes(first.read_bytes())
    with Library.open(here / "library") as opened:
        opened.add(here / "Samples", jobs=1)
        yield opened


@pytest.fixture(scope="module")
def made(library):
    return make_report(library, copies_of=6)


def held(seed, sounds=6, dim=4):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 7, sounds)
    owner = np.repeat(np.arange(sounds), counts)
    seq = np.concatenate([np.sort(rng.choice(12, n, replace=False)) for n in counts])
    X = rng.standard_normal((sounds, dim))[owner] + 0.7 * rng.standard_normal((len(owner), dim))
    X = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)
    means = np.array([X[owner == n].sum(axis=0) for n in range(sounds)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    return Held(X, owner, seq, means.astype(np.float32), tuple("ab"[n % 2] for n in range(sounds)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_same_file_against_a_loop(seed):
    h = held(seed)
    hits, chances = [], []
    for i in range(len(h.X)):
        others = [
            j for j in range(len(h.X)) if h.owner[j] != h.owner[i] or abs(h.seq[j] - h.seq[i]) >= 2
        ]
        mates = [j for j in others if h.owner[j] == h.owner[i]]
        if mates:
            best = max(others, key=lambda j: float(h.X[i] @ h.X[j]))
            hits.append(h.owner[best] == h.owner[i])
            chances.append(len(mates) / len(others))
    share, chance = same_file(h)
    if not hits:
        assert (share, chance) == (None, 0)
    else:
        assert share.value == pytest.approx(np.mean(hits))
        assert chance == pytest.approx(np.mean(chances))


def test_folder_names_count_only_where_they_say_something():
    rng = np.random.default_rng(0)
    owner, names = np.arange(60), tuple("drums" if n < 30 else "voices" for n in range(60))
    told = np.zeros((60, 5))
    told[:30, 0] = told[30:, 1] = 1
    told = (told + 0.1 * rng.standard_normal((60, 5))).astype(np.float32)
    noise = rng.standard_normal((60, 5)).astype(np.float32)
    share, chance, rows = folder_labels(Held(told, owner, owner, told, names))
    assert share.value == 1
    assert chance == pytest.approx(29 / 59)
    assert set(rows) == {"drums", "voices"}
    assert folder_labels(Held(noise, owner, owner, noise, names))[0] is None
    alone = tuple(["one"] * 57 + ["few"] * 3)
    assert folder_labels(Held(told, owner, owner, told, alone)) == (None, 0.0, {})


def test_the_index_is_measured_against_looking_at_all(monkeypatch):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((600, 16)).astype(np.float32)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    assert index_recall(X) == ("exact", 1.0)
    monkeypatch.setattr(report.indexing, "choose", lambda *_: ("forest", ""))
    kind, share = index_recall(X)
    assert kind == "forest"
    assert 0.3 < share <= 1


def test_a_report_of_a_small_library(library, made):
    assert (made.sounds, made.exact_duplicates, made.copies_of, made.unheard) == (48, 1, 6, 0)
    [space] = made.spaces
    assert space.name == "mfcc"
    assert space.found["gain -9 dB"].value == space.found_ten["MP3"].value == 1
    assert set(space.found) <= set(DEFORMATIONS)
    assert all(space.found_ten[kind].value >= space.found[kind].value for kind in space.found)
    assert space.counts.sum() == 48 * 10
    assert space.places.shape == (48, 2)
    assert "Samples/drums" in " ".join(space.place_labels)
    again = make_report(library, copies_of=6)
    assert rows_of(again) == rows_of(made)


def test_copies_are_searched_for_as_a_user_would(library):
    [first, *_] = library.sounds(limit=1)[0]
    heard = {first.sound_id: read_sound(library.locate(first.sound_id))}
    stranger = {"0" * 32: heard[first.sound_id]}
    space = load_space("mfcc")
    found = report.find_copies(library, space, "mfcc", heard)
    assert found["gain -9 dB"][0].tolist() == [True]
    missed = report.find_copies(library, space, "mfcc", stranger)
    assert not any(ten.any() for _, ten in missed.values())


def test_spaces_stand_side_by_side(library, made, tmp_path):
    [space] = made.spaces
    both = report.Report(**{**vars(made), "spaces": (space, space)})
    assert all(len(cells) == 2 for _, _, cells in rows_of(both))
    assert {"map-1", "map-2", "hubs-2", "found-again"} <= set(pictures_of(both))


class Words(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.words = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in {"meta", "rect", "line", "path", "circle"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in {"rect", "line", "path", "circle"}:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_is_whole(made, tmp_path):
    page, text = write_page(made, tmp_path / "out")
    reader = Words()
    reader.feed(page.read_text(encoding="utf-8"))
    assert reader.open == []
    assert "48 sounds" in " ".join(reader.words)
    assert "http" not in re.sub(r'xmlns="[^"]+"', "", page.read_text(encoding="utf-8"))
    markdown = text.read_text(encoding="utf-8")
    assert markdown == as_markdown(made, pictures_of(made))
    for name in re.findall(r"\]\(([\w-]+\.svg)\)", markdown):
        ET.parse(tmp_path / "out" / name)
    table = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1


def run(*arguments):
    with pytest.raises(SystemExit) as left:
        cli.main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


def test_the_command(library, tmp_path, capsys):
    out = tmp_path / "page"
    assert run("report", library.path, "--out", out, "--copies", 3, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["spaces"] == ["mfcc"]
    assert told["table"]["index"] == ["1.000 (exact)"]
    assert (out / "report.html").is_file()
    assert run("report", tmp_path / "none") == 2


def test_a_library_too_small_to_tell(tmp_path):
    render_demo(tmp_path / "few", n=4, seed=1)
    with Library.open(tmp_path / "library") as opened:
        opened.add(tmp_path / "few", jobs=1)
        with pytest.raises(InputError, match="a library of 4 sounds; expected 12 and more"):
            make_report(opened)
