"""Which spaces a library listens in: its own, one more, and what it is asked in when none is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from soundkin import Library, cli
from soundkin.chosen import DEFAULT_SPACE
from soundkin.errors import InputError, UnknownSpace
from soundkin.library import ingest
from soundkin.library.listening import Ear, ears, ears_of, remember
from soundkin.library.store import Store
from soundkin.shelf import SHIPPED, installed_spaces
from soundkin.space import load_space
from tests.library.making import InlineWorkers, contents, wav


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shelf with `mine` on it, mfcc by another name; hearing in this very process."""
    monkeypatch.setenv("SOUNDKIN_SPACES", str(tmp_path / "shelf"))
    monkeypatch.setattr(ingest, "Workers", InlineWorkers)
    put(tmp_path / "shelf")


def put(shelf: Path, **changes: object) -> None:
    settings = json.loads((SHIPPED / "mfcc.json").read_text(encoding="utf-8"))
    (shelf / "mine").mkdir(parents=True, exist_ok=True)
    text = json.dumps({**settings, "name": "mine", **changes})
    (shelf / "mine" / "mine.json").write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three sounds."""
    for number in range(3):
        wav(tmp_path / "sounds" / f"{number}.wav", number)
    return tmp_path / "sounds"


def test_what_a_new_library_listens_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert DEFAULT_SPACE in installed_spaces()
    with Library.open(tmp_path / "library") as library:
        assert library.sources() == ["mfcc"]  # as the tests' own variable says
        monkeypatch.delenv("SOUNDKIN_DEFAULT_SPACE")
        assert library.sources() == [DEFAULT_SPACE] == ["sound"]
        assert library.default_space() == "sound"
        assert library.sources(["mine", "mfcc"]) == ["mine", "mfcc"]


def test_several_in_one_pass_and_the_first_is_asked_in(tmp_path: Path, folder: Path) -> None:
    with Library.open(tmp_path / "library") as library:
        report = library.add(folder, spaces=["mine", "mfcc"])
        assert (report.decoded, report.embedded) == (3, 3)
        assert library.sources() == ["mine", "mfcc"]
        assert library.search(folder / "0.wav").space == load_space("mine").id
        assert library.search(folder / "0.wav", space="").space == load_space("mine").id
        told = [(space.name, space.vectors, space.default) for space in library.info().spaces]
        assert told == [("mine", 3, True), ("mfcc", 3, False)]
        wav(folder / "new.wav", 9)
        assert library.add(folder).decoded == 1
        assert {space.vectors for space in library.info().spaces} == {4}
        # what comes later stands behind, and the first keeps its place
        assert library.sources(["mfcc"]) == ["mine", "mfcc"]


def test_a_library_gains_a_space_and_the_others_stay(tmp_path: Path, folder: Path) -> None:
    store = Store.open(tmp_path / "library")
    for number in (5, 6):
        wav(tmp_path / "more" / f"{number}.wav", number)
    with Library(store) as library:
        with pytest.raises(InputError, match="has no folder yet"):
            library.add_space("mine")
        library.add(folder)
        library.add(tmp_path / "more")
        before = contents(store)["vectors"]
        shutil.move(tmp_path / "more", tmp_path / "away")
        joined = library.add_space("mine")
        assert joined.vectors == 3
        assert joined.offline == [str(tmp_path / "more")]
        assert [report.decoded for report in joined.reports.values()] == [3]
        shutil.move(tmp_path / "away", tmp_path / "more")
        again = library.add_space("mine")
        assert (again.vectors, again.offline) == (5, [])
        assert sorted(report.decoded for report in again.reports.values()) == [0, 2]
        after = contents(store)["vectors"]
        assert after[load_space("mfcc").id] == before[load_space("mfcc").id]
        assert library.default_space() == "mfcc"
        assert library.search(folder / "0.wav", space={"mfcc": 1, "mine": 1}).hits
        with pytest.raises(UnknownSpace, match="no space 'nonsense'"):
            library.add_space("nonsense")


def test_a_join_that_is_stopped_goes_on(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "GROUP_FILES", 1)
    seen: list[object] = []
    with Library.open(tmp_path / "library") as library:
        library.add(folder)
        joined = library.add_space("mine", on_progress=seen.append, stop=lambda: len(seen) > 1)
        assert joined.stopped
        assert joined.vectors < 3
        assert library.add(folder).embedded == 3 - joined.vectors
        assert library.add_space("mine").vectors == 3


def test_a_newer_space_of_the_same_name_is_another(tmp_path: Path, folder: Path) -> None:
    with Library.open(tmp_path / "library") as library:
        library.add(folder, spaces=["mine"])
        old = load_space("mine").id
        put(tmp_path / "shelf", version=9)
        with pytest.raises(UnknownSpace, match=rf"{old}, which is not installed as it was then"):
            library.add(folder)
        assert [space.default for space in library.info().spaces] == [False]
        assert library.add_space("mine").vectors == 3
        assert library.default_space() == "mine"
        assert [space.space_id for space in library.info().spaces] == [load_space("mine").id, old]
        assert library.search(folder / "0.wav").space == load_space("mine").id


def test_what_older_libraries_did_not_remember(tmp_path: Path) -> None:
    named = ears_of({}, ["cats-1", "mfcc-2"])
    assert named == [Ear("mfcc-2", "mfcc"), Ear("cats-1", "cats")]
    store = Store.open(tmp_path / "library")
    remember(store, ["b.json", "mfcc"], ["b-1", "mfcc-2"])
    remember(store, ["mfcc", "c"], ["mfcc-2", "c-3"])
    assert [ear.id for ear in ears(store)] == ["b-1", "mfcc-2", "c-3"]
    assert Path(ears(store)[0].source).is_absolute()


def test_from_the_command_line(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = ("-l", str(tmp_path / "library"))

    def run(*words: object) -> str:
        with pytest.raises(SystemExit) as left:
            cli.main([str(word) for word in words])
        assert left.value.code in {0, None}, words
        return capsys.readouterr().out

    run("index", folder, "--spaces", "mfcc,mine", *library)
    shutil.copyfile(tmp_path / "shelf" / "mine" / "mine.json", tmp_path / "theirs.json")
    theirs = json.loads((tmp_path / "theirs.json").read_text())
    (tmp_path / "theirs.json").write_text(json.dumps({**theirs, "name": "theirs"}))
    assert "Installed theirs-" in run("spaces", "add", tmp_path / "theirs.json")
    assert f"3 vectors in {tmp_path / 'library'}" in run("spaces", "add", "theirs", *library)
    said = run("info", *library)
    assert said.index("mfcc-") < said.index("mine-") < said.index("theirs-")
    assert said.count("searched in first") == 1
    assert np.all(
        np.diff([said.index("mfcc-"), said.index("searched in first"), said.index("mine-")]) > 0
    )
