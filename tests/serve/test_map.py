"""The map through the server: made in the background, its points in one piece."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest

from soundkin import atlas as maps
from soundkin.facade import Library
from soundkin.serve import create_app
from tests.serve.live import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def own(sounds_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with Library.open(tmp_path_factory.mktemp("map") / "lib") as opened:
        opened.add(sounds_dir, jobs=1)
        yield opened


@pytest.fixture(scope="module")
def client(own: Library) -> Iterator[httpx.Client]:
    with serving(create_app(own)) as base, httpx.Client(base_url=base, timeout=60) as opened:
        yield opened


def made(client: httpx.Client) -> dict:
    assert client.post("/api/map", json={}).status_code == 202
    for _ in range(600):
        answer = client.get("/api/map").json()
        if answer["job"]["state"] != "running":
            return answer
        time.sleep(0.05)
    raise AssertionError("it never ended")


def test_from_nothing_to_points(client: httpx.Client, own: Library) -> None:
    before = client.get("/api/map").json()
    assert (before["version"], before["points"]) == ("", 0)
    assert before["missing"] > 0
    assert client.get("/api/map/points").status_code == 404
    about = made(client)
    assert about["job"]["state"] == "finished"
    assert (about["job"]["done"], about["missing"], about["sampled"]) == (100, 0, False)

    answer = client.get("/api/map/points")
    assert answer.headers["x-map-version"] == about["version"]
    n, m, body = about["points"], about["sounds"], answer.content
    assert len(body) == n * 18 + m * 16
    places = np.frombuffer(body, "<f4", 2 * n).reshape(n, 2)
    sound = np.frombuffer(body, "<u4", n, 8 * n)
    seq = np.frombuffer(body, "<u4", n, 12 * n)
    cluster = np.frombuffer(body, "<u2", n, 16 * n)
    ids = [body[18 * n + 16 * i : 18 * n + 16 * i + 16].hex() for i in range(m)]
    segments = {f"{ids[s]}-{q}" for s, q in zip(sound, seq, strict=True)}
    expected = {g.segment_id for s in own.sounds(limit=100)[0] for g in own.segments(s.sound_id)}
    assert segments == expected
    assert cluster.max() < len(about["clusters"])
    low_x, low_y, high_x, high_y = about["bounds"]
    assert (places.min(axis=0) == np.array([low_x, low_y], np.float32)).all()
    assert (places.max(axis=0) == np.array([high_x, high_y], np.float32)).all()
    assert (places == maps.current(own).places).all()

    groups = client.get("/api/map/groups", params={"by": "folder"}).json()
    folder = {i: groups["names"][g] for i, g in enumerate(groups["groups"])}
    assert all(folder[i] == own.sound(sound_id).folder for i, sound_id in enumerate(ids))

    tone = next(s.sound_id for s in own.sounds("name:tone_0440", limit=1)[0])
    body = client.post("/api/map/closeness", json={"items": [{"sound_id": tone}]}).content
    near = np.frombuffer(body, np.uint8)
    assert len(near) == n
    own_points = np.array([ids[s] == tone for s in sound])
    assert near[own_points].max() == 255
    noise = np.array([own.sound(ids[s]).name.startswith("noise") for s in sound])
    assert near[noise].max() < 255


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/map", {"space": "nowhere"}, 404),
        ("POST", "/api/map", {"most": 0}, 422),
        ("GET", "/api/map?space=nowhere", None, 404),
        ("GET", "/api/map/groups?by=colour", None, 422),
        ("POST", "/api/map/closeness", {"items": []}, 422),
        ("POST", "/api/map/closeness", {"items": [{"sound_id": "0" * 32}]}, 404),
    ],
)
def test_what_cannot_be_asked(
    client: httpx.Client, method: str, path: str, body: dict | None, status: int
) -> None:
    made(client)
    assert client.request(method, path, json=body).status_code == status
