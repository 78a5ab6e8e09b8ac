"""Lists of sounds that other programs can read."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from soundkin import Library
from soundkin.errors import InputError, StorageError
from soundkin.library import export
from soundkin.library.export import COLUMNS, write
from tests.library.making import wav

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WHEN = datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC)


def row(name: str, **other: Any) -> dict[str, Any]:
    """A sound as the library lists it."""
    return {
        "sound_id": "0" * 32,
        "path": f"/Samples/{name}",
        "root": "/Samples",
        "folder": "",
        "name": name,
        "duration_s": 1.25,
        "rate_hz": 44_100,
        "channels": 2,
        "format": "WAV",
        "n_segments": 3,
        "tags": ("dark", "kick"),
        "state": "present",
        "added_at": WHEN,
        "locations": ("/Samples/x",),
        **other,
    }


ROWS = [
    row('quote " comma , .wav'),
    row("new\nline.wav", tags=(), duration_s=0.4),
    row("\N{DRUM WITH DRUMSTICKS} e\u0301.wav", folder="Drums/Kicks"),
    row("bytes \ufffd.wav", raw=b"/Samples/bytes \xff.wav"),
]


def plain(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: r[name] for name in COLUMNS} for r in rows]


def test_csv_reads_back(tmp_path: Path) -> None:
    assert write(ROWS, tmp_path / "list.csv") == "csv"
    with (tmp_path / "list.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == list(COLUMNS)
    for line, wanted in zip(found, plain(ROWS), strict=True):
        assert line["path"] == wanted["path"]
        assert line["tags"] == ";".join(wanted["tags"])
        assert float(line["duration_s"]) == wanted["duration_s"]
        assert datetime.fromisoformat(line["added_at"]) == WHEN


def test_json_reads_back(tmp_path: Path) -> None:
    write(ROWS, tmp_path / "list", "json")
    found = json.loads((tmp_path / "list").read_text(encoding="utf-8"))
    wanted = plain(ROWS)
    for line in wanted:
        line["tags"] = list(line["tags"])
        line["added_at"] = WHEN.isoformat()
    assert found == wanted


@pytest.mark.parametrize("rows", [ROWS, []])
def test_parquet_reads_back(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    write(rows, tmp_path / "list.parquet")
    table = pq.read_table(tmp_path / "list.parquet")
    wanted = plain(rows)
    for line in wanted:
        line["tags"] = list(line["tags"])
    assert table.to_pylist() == wanted
    assert table.schema.field("tags").type == pa.list_(pa.string())
    assert table.column_names == list(COLUMNS)


def test_a_playlist_names_files_that_open(tmp_path: Path) -> None:
    write(ROWS, tmp_path / "list.m3u8")
    head, *lines = (tmp_path / "list.m3u8").read_bytes().splitlines()
    assert head == b"#EXTM3U"
    titles, paths = lines[::2], lines[1::2]
    assert titles[1] == b"#EXTINF:0,new line.wav"
    assert paths[0] == b'/Samples/quote " comma , .wav'
    assert unquote_to_bytes(paths[1].removeprefix(b"file://")) == b"/Samples/new\nline.wav"
    assert paths[3] == b"/Samples/bytes \xff.wav"


@pytest.mark.parametrize("fmt", ["csv", "json", "parquet", "m3u"])
def test_an_empty_list_is_a_whole_file(tmp_path: Path, fmt: str) -> None:
    assert write([], tmp_path / f"list.{fmt.upper()}") == fmt
    assert (tmp_path / f"list.{fmt.upper()}").stat().st_size > 0


@pytest.mark.parametrize(
    ("name", "fmt", "match"),
    [
        ("list.xlsx", None, "the format 'xlsx'; expected one of csv, json, parquet, m3u"),
        ("list", None, "has no suffix"),
        ("list.csv", "yaml", "the format 'yaml'"),
        ("missing/list.csv", None, "there is no folder"),
        ("folder.csv", None, "is a folder"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, name: str, fmt: str | None, match: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=match):
        write(ROWS, tmp_path / name, fmt)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.csv"]


def test_a_full_disk_leaves_the_old_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "list.csv"
    old.write_text("old")

    def full(rows: object, path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(export.WRITERS, "csv", full)
    with pytest.raises(StorageError, match=r"the disk with '.*list.csv' is full"):
        write(ROWS, old)
    assert [p.name for p in tmp_path.iterdir()] == ["list.csv"]
    assert old.read_text() == "old"


def test_a_library_is_exported(tmp_path: Path, inline: None) -> None:
    root = os.fsencode(tmp_path / "S")
    names = [b"kick \xff.wav", b"snare.wav", b"Pads/a.wav"]
    for seed, name in enumerate(names):
        wav(os.path.join(root, name), seed)
    with Library.open(tmp_path / "library") as library:
        library.add(tmp_path / "S")
        sounds, _ = library.sounds()
        library.tag([sounds[0].sound_id], ["loud"])
        assert library.export(tmp_path / "all.m3u") == 3
        assert library.export(tmp_path / "all.json") == 3
        sounds, _ = library.sounds()
    paths = (tmp_path / "all.m3u").read_bytes().splitlines()[2::2]
    assert sorted(paths) == sorted(os.path.join(root, name) for name in names)
    assert all(os.path.isfile(path) for path in paths)
    listed = json.loads((tmp_path / "all.json").read_text())
    assert [line["name"] for line in listed] == [sound.name for sound in sounds]
    for line, sound in zip(listed, sounds, strict=True):
        wanted = asdict(sound)
        assert line["tags"] == list(wanted["tags"])
        assert line["path"] == wanted["path"]
    assert sum("loud" in line["tags"] for line in listed) == 1
