"""Named lists and taking sounds away: zip, CSV, JSON, M3U; the samples are the source's own."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from soundkin.facade import Library
from tests.serve.live import EVENT, RATE_HZ

if TYPE_CHECKING:
    from pathlib import Path

    import httpx


def test_a_list_from_birth_to_death(
    client: httpx.Client, library: Library, ids: dict[str, str]
) -> None:
    tone, field = ids["tone_0440.wav"], ids["field.flac"]
    item = {"sound_id": field, "start_s": 40.0, "end_s": 42.0}
    made = client.post("/api/lists", json={"name": " drums ", "items": [item]})
    assert made.status_code == 201
    one = made.json()
    assert (one["name"], one["items"]) == ("drums", [item])
    where = f"/api/lists/{one['list_id']}"

    more = {"more": [{"sound_id": tone}, item]}
    changed = client.patch(where, json=more).json()
    whole = {"sound_id": tone, "start_s": None, "end_s": None}
    assert changed["items"] == [item, whole], "an equal slice stands once"
    renamed = client.patch(where, json={"name": "bells", "items": [whole]}).json()
    assert (renamed["name"], renamed["items"]) == ("bells", [whole])
    assert client.get(where).json() == renamed
    assert one["list_id"] in {entry["list_id"] for entry in client.get("/api/lists").json()}
    with Library.open(library.path) as again:
        from soundkin import lists

        assert lists.one_list(again, one["list_id"]).name == "bells", "kept"
    assert client.delete(where).json() == renamed
    assert client.get(where).status_code == 404


@pytest.mark.parametrize(
    ("item", "status"),
    [
        ({"sound_id": "0" * 32}, 404),
        ({"sound_id": "tone", "start_s": 2.0, "end_s": 1.0}, 400),
        ({"sound_id": "tone", "start_s": 99.0}, 400),
        ({"sound_id": "/etc/passwd"}, 422),
    ],
)
def test_items_that_cannot_be(
    client: httpx.Client, ids: dict[str, str], item: dict, status: int
) -> None:
    if item["sound_id"] == "tone":
        item = item | {"sound_id": ids["tone_0440.wav"]}
    before = client.get("/api/lists").json()
    answer = client.post("/api/lists", json={"name": "x", "items": [item]})
    assert answer.status_code == status
    assert client.get("/api/lists").json() == before


def test_a_zip_holds_the_samples_of_the_source(
    client: httpx.Client, ids: dict[str, str], sounds_dir: Path
) -> None:
    slices = [
        {"sound_id": ids["field.flac"], "start_s": EVENT[0], "end_s": EVENT[1]},
        {"sound_id": ids["tone_0440.wav"]},
        {"sound_id": "0" * 32},
    ]
    answer = client.post("/api/export/zip", json={"slices": slices, "name": "my take"})
    assert answer.status_code == 200
    assert "my%20take.zip" in answer.headers["content-disposition"]
    assert int(answer.headers["content-length"]) == len(answer.content)
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    names = archive.namelist()
    assert names == ["001 field_40.00-42.00.wav", "002 tone_0440.wav", "not exported.txt"]
    assert "0" * 32 in archive.read("not exported.txt").decode()
    heard, rate_hz = soundfile.read(io.BytesIO(archive.read(names[0])), dtype="int16")
    source, _ = soundfile.read(sounds_dir / "long" / "field.flac", dtype="int16")
    first, last = (round(s * RATE_HZ) for s in EVENT)
    assert rate_hz == RATE_HZ
    assert np.array_equal(heard, source[first:last])


def test_a_zip_of_nothing_that_is_there(client: httpx.Client) -> None:
    answer = client.post("/api/export/zip", json={"slices": [{"sound_id": "0" * 32}]})
    assert answer.status_code == 400
    assert "none of the 1 slices" in answer.json()["error"]["found"]
    for name in ("a/b", "..\\x", "line\nbreak", ""):
        body = {"slices": [{"sound_id": "0" * 32}], "name": name}
        assert client.post("/api/export/zip", json=body).status_code == 422


def test_a_list_as_csv_json_and_m3u(
    client: httpx.Client, library: Library, ids: dict[str, str]
) -> None:
    odd = ids["a name, with % & 'ü'.wav"]
    slices = [{"sound_id": odd}, {"sound_id": ids["field.flac"], "start_s": 1.5, "end_s": 3.0}]

    def text(fmt: str) -> str:
        return client.post("/api/export/list", params={"fmt": fmt}, json={"slices": slices}).text

    rows = list(csv.DictReader(io.StringIO(text("csv"))))
    assert [row["path"] for row in rows] == [
        library.sound(item["sound_id"]).path for item in slices
    ]
    assert (rows[1]["start_s"], rows[1]["end_s"]) == ("1.5", "3.0")
    body = client.post("/api/export/list", params={"fmt": "json"}, json={"slices": slices}).json()
    assert [row["path"] for row in body] == [row["path"] for row in rows]
    lines = text("m3u").splitlines()
    assert lines[0] == "#EXTM3U"
    assert lines[4] == rows[0]["path"]
    assert lines[6:8] == ["#EXTVLCOPT:start-time=1.5", "#EXTVLCOPT:stop-time=3.0"]
