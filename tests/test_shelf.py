"""Spaces by name: what is installed, added, replaced, removed; a library listens by that name."""

from __future__ import annotations

import json
import re

import pytest

from soundkin import cli
from soundkin.demo import render_demo
from soundkin.errors import InputError, SpaceError, StorageError, UnknownSpace
from soundkin.shelf import SHIPPED, find_space, install, installed_spaces, remove, spaces_folder
from soundkin.space import load_space


@pytest.fixture(autouse=True)
def shelf(tmp_path, monkeypatch):
    """A folder of one's own spaces that is not there yet."""
    folder = tmp_path / "own" / "spaces"
    monkeypatch.setenv("SOUNDKIN_SPACES", str(folder))
    monkeypatch.setenv("SOUNDKIN_LIBRARY", str(tmp_path / "library"))
    return folder


def written(folder, name="mine", **changes):
    """A space that is mfcc by another name; `changes` to its settings."""
    settings = json.loads((SHIPPED / "mfcc.json").read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    file.write_text(json.dumps({**settings, "name": name, **changes}), encoding="utf-8")
    return file


def run(*arguments):
    with pytest.raises(SystemExit) as left:
        cli.main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


def test_the_folder_is_the_variable_s_or_the_user_s(shelf, monkeypatch):
    assert spaces_folder() == shelf
    monkeypatch.delenv("SOUNDKIN_SPACES")
    assert spaces_folder().parts[-2:] == ("soundkin", "spaces")


def test_install_find_replace_remove(shelf, tmp_path):
    first = written(tmp_path / "a")
    assert "mine" not in installed_spaces()
    home = install(first)
    assert home == shelf / "mine" / "mine.json"
    assert installed_spaces()[-1] == "mine"
    assert find_space("mine") == home
    assert load_space("mine").id == load_space(first).id
    install(written(tmp_path / "b", version=2))
    assert load_space("mine").version == 2
    assert install(home) == home
    assert [path.name for path in shelf.iterdir()] == ["mine"]
    remove("mine")
    assert list(shelf.iterdir()) == []
    with pytest.raises(UnknownSpace, match=r"no space 'mine' of your own; expected one that was"):
        remove("mine")


def test_the_graph_goes_with_its_settings_and_one_without_is_refused(shelf, tmp_path):
    head = {"kind": "onnx", "file": "net.onnx", "sha256": "", "batch": 1, "dim": 1}
    file = written(tmp_path / "a", head=head)
    with pytest.raises(SpaceError, match=r"no net\.onnx beside"):
        install(file)
    assert not shelf.exists()
    (tmp_path / "a" / "net.onnx").write_bytes(b"graph")
    install(file)
    assert (shelf / "mine" / "net.onnx").read_bytes() == b"graph"


def test_what_came_along_keeps_its_name(shelf, tmp_path):
    with pytest.raises(InputError, match=r"the space 'mfcc' came with Soundkin"):
        install(written(tmp_path / "a", "mfcc"))
    with pytest.raises(InputError, match=r"the space 'mfcc' came with Soundkin"):
        remove("mfcc")
    # put there by hand, it hides nothing
    by_hand = written(shelf / "mfcc", "mfcc", version=9)
    assert by_hand.is_file()
    assert installed_spaces().count("mfcc") == 1
    assert load_space("mfcc").version != 9


@pytest.mark.parametrize("name", ["../mine", ".mine", "a/b", "a:b", ""])
def test_a_name_that_is_a_path_is_refused(name, tmp_path):
    file = written(tmp_path / "a")
    settings = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**settings, "name": name}), encoding="utf-8")
    with pytest.raises(InputError, match="expected a plain name"):
        install(file)


def test_a_file_that_is_no_space_and_a_folder_that_cannot_be(tmp_path, monkeypatch):
    for text in ("{", "[]", '{"name": "a"}'):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(SpaceError, match="does not describe a space"):
            install(tmp_path / "a.json")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SOUNDKIN_SPACES", str(tmp_path / "file" / "spaces"))
    with pytest.raises(StorageError, match="cannot be written"):
        install(written(tmp_path / "b"))


def test_by_name_from_the_command_line(tmp_path, capsys, shelf):
    render_demo(tmp_path / "sounds", n=6, seed=1)
    query = next(path for path in sorted((tmp_path / "sounds").rglob("*.*")) if path.is_file())
    assert run("index", tmp_path / "sounds") == 0
    assert run("search", query, "--space", "mine") == 4
    assert re.search("expected one of .*mfcc", capsys.readouterr().err)
    assert run("spaces", "add", written(tmp_path / "a"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "mine"
    assert run("search", query, "--space", "mine") == 4
    assert "run `soundkin spaces add mine` first" in capsys.readouterr().err
    assert run("index", tmp_path / "sounds", "--space", "mine") == 0
    capsys.readouterr()
    assert run("search", query, "--space", "mine", "--json") == 0
    assert json.loads(capsys.readouterr().out)["space"] == load_space("mine").id
    assert run("spaces", "--json") == 0
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert (listed["mine"]["dim"], listed["mine"]["rate_hz"]) == (80, 16_000)
    assert listed["mine"]["where"] == str(shelf / "mine" / "mine.json")
    assert listed["mfcc"]["where"] == "shipped"
    assert run("spaces") == 0
    assert "mine" in capsys.readouterr().out
    assert run("spaces", "remove", "mine") == 0
    assert run("search", query, "--space", "mine") == 4


def test_a_broken_one_is_listed_with_what_is_wrong(shelf, capsys):
    written(shelf / "mine", head={"kind": "onnx", "file": "net.onnx"})
    assert run("spaces", "--json") == 0
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert "net.onnx" in listed["mine"]["error"]
