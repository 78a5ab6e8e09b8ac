"""Duplicates through the server: looked for in the background, told apart, exported."""

from __future__ import annotations

import csv
import io
import time
from typing import TYPE_CHECKING

import httpx
import pytest
import soundfile

from soundkin.audio.encode import encode_flac, encode_wav
from soundkin.facade import Library
from soundkin.serve import create_app
from tests.serve.live import RATE_HZ, noise, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server of its own: strangers, one twin, one quieter copy."""
    folder: Path = tmp_path_factory.mktemp("duplicates") / "sounds"
    folder.mkdir()
    for seed in range(12):
        soundfile.write(folder / f"noise {seed:02d}.wav", noise(0.7, seed), RATE_HZ)
    (folder / "noise 00.wav").write_bytes(encode_wav(noise(0.7, 0), RATE_HZ))
    (folder / "twin.flac").write_bytes(encode_flac(noise(0.7, 0), RATE_HZ))
    soundfile.write(folder / "quiet.wav", 0.5 * noise(0.7, 1), RATE_HZ)
    with Library.open(tmp_path_factory.mktemp("lib") / "lib") as library:
        library.add(folder, jobs=1)
        with (
            serving(create_app(library)) as base,
            httpx.Client(base_url=base, timeout=30) as opened,
        ):
            yield opened


def looked_for(client: httpx.Client, **asked: object) -> dict:
    assert client.post("/api/duplicates", json=asked).status_code == 202
    for _ in range(300):
        answer = client.get("/api/duplicates").json()
        if answer["job"]["state"] != "running":
            return answer
        time.sleep(0.05)
    raise AssertionError("it never ended")


def groups(answer: dict) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for group in answer["groups"]:
        found.setdefault(group["kind"], []).append([m["name"] for m in group["members"]])
    return found


def test_from_nothing_to_a_list(client: httpx.Client) -> None:
    before = client.get("/api/duplicates").json()
    assert (before["job"]["state"], before["groups"]) == ("idle", [])
    assert client.get("/api/duplicates/export").status_code == 404

    answer = looked_for(client)
    assert answer["job"]["state"] == "finished"
    found = groups(answer)
    assert found["exact"] == [["noise 00.wav", "twin.flac"]]
    (near,) = found["near"]
    assert set(near) == {"noise 01.wav", "quiet.wav"}
    (group,) = [group for group in answer["groups"] if group["kind"] == "near"]
    assert "6.0 dB" in group["members"][1]["reason"]
    only = client.get("/api/duplicates", params={"kind": "near"}).json()
    assert only["total"] == 1

    text = client.get("/api/duplicates/export").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["name"] for row in rows if row["kind"] == "near"} == set(near)
    body = client.get("/api/duplicates/export", params={"fmt": "json"}).json()
    assert body["groups"] == answer["groups"]

    ids = [member["sound_id"] for member in group["members"]]
    assert client.post("/api/duplicates/apart", json={"sound_ids": ids}).json() == {"changed": 1}
    assert "near" not in groups(client.get("/api/duplicates").json())
    assert "near" not in groups(looked_for(client)), "remembered"
    taken_back = client.delete("/api/duplicates/apart", params={"sound_id": ids}).json()
    assert taken_back == {"changed": 1}
    assert "near" in groups(looked_for(client, kinds=["near"]))


@pytest.mark.parametrize(
    ("body", "status"),
    [({"kinds": ["same"]}, 422), ({"kinds": []}, 422), ({"space": "nowhere"}, 404)],
)
def test_what_cannot_be_asked(client: httpx.Client, body: dict, status: int) -> None:
    assert client.post("/api/duplicates", json=body).status_code == status


def test_unknown_sounds_cannot_be_told_apart(client: httpx.Client) -> None:
    body = {"sound_ids": ["0" * 32, "1" * 32]}
    assert client.post("/api/duplicates/apart", json=body).status_code == 404
