"""Searching over HTTP is searching the library: the same hits, by sound, range, segment and upload."""

from __future__ import annotations

import json
import tempfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from soundkin.facade import Library, QueryItem, Scope
from tests.serve.conftest import UPLOAD_BYTES
from tests.serve.live import EVENT, RATE_HZ, ask, tone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    from fastapi import FastAPI


def hit_keys(answer: dict) -> list[tuple[str, float]]:
    return [(hit["segment_id"], pytest.approx(hit["distance"])) for hit in answer["hits"]]


def test_by_sound(client: httpx.Client, library: Library, ids: dict[str, str]) -> None:
    sound_id = ids["tone_0440.wav"]
    answer = client.post("/api/search", json={"items": [{"sound_id": sound_id}], "k": 5}).json()
    expected = library.search(sound_id, k=5)
    assert hit_keys(answer) == [(hit.segment_id, hit.distance) for hit in expected.hits]
    assert answer["hits"][0]["name"].startswith(("tone_", "field")), "a tone is like a tone"
    assert answer["query"][0]["sound_id"] == sound_id
    assert sound_id not in {hit["sound_id"] for hit in answer["hits"]}


def test_a_blend_of_spaces(client: httpx.Client, ids: dict[str, str]) -> None:
    asked = {"items": [{"sound_id": ids["tone_0440.wav"]}], "k": 5}
    alone = client.post("/api/search", json=asked | {"space": "mfcc"}).json()
    both = client.post("/api/search", json=asked | {"blend": {"mfcc": 2.0}}).json()
    assert both["hits"] == alone["hits"]
    for blend, status in (
        ({"mfcc": 1, "nonsense": 1}, 404),
        ({}, 422),
        ({"mfcc": 0}, 422),
        ({"mfcc": "x"}, 422),
    ):
        assert client.post("/api/search", json=asked | {"blend": blend}).status_code == status
    refused = client.post("/api/search", json=asked | {"blend": {"mfcc": 1}, "space": "mfcc"})
    assert refused.json()["error"]["found"] == "both space and blend"


def test_by_range_finds_the_moment(client: httpx.Client, ids: dict[str, str]) -> None:
    """The event in the long recording is the 880 Hz tone: asked with it, that moment comes first."""
    asked = {"items": [{"sound_id": ids["tone_0880.wav"]}], "scope": {"folders": ["long"]}}
    (hit,) = client.post("/api/search", json=asked).json()["hits"]
    assert hit["name"] == "field.flac"
    assert EVENT[0] - 0.5 <= hit["start_s"] < hit["end_s"] <= EVENT[1] + 0.5
    back = {
        "items": [
            {"sound_id": ids["field.flac"], "start_s": EVENT[0] + 0.5, "end_s": EVENT[0] + 1.5}
        ],
        "k": 1,
    }
    (first,) = client.post("/api/search", json=back).json()["hits"]
    assert first["name"] == "tone_0880.wav"


def test_by_segment_and_with_weights(
    client: httpx.Client, library: Library, ids: dict[str, str]
) -> None:
    segment = library.segments(ids["noise_05.flac"])[0].segment_id
    items = [{"segment_id": segment}, {"sound_id": ids["tone_0220.wav"], "weight": -0.5}]
    answer = client.post("/api/search", json={"items": items, "k": 4, "further": 0}).json()
    expected = library.search(
        [QueryItem(segment), QueryItem(ids["tone_0220.wav"], weight=-0.5)], k=4, further=0
    )
    assert hit_keys(answer) == [(hit.segment_id, hit.distance) for hit in expected.hits]
    assert [part["weight"] for part in answer["query"]] == [1.0, -0.5]


def test_scope_and_most_different(
    client: httpx.Client, library: Library, ids: dict[str, str]
) -> None:
    asked = {
        "items": [{"sound_id": ids["tone_0440.wav"]}],
        "scope": {"not_folders": ["tones"], "max_duration_s": 10, "text": "noise"},
        "most_different": True,
        "k": 3,
    }
    answer = client.post("/api/search", json=asked).json()
    scope = Scope(not_folders=("tones",), max_duration_s=10, text="noise")
    expected = library.search(ids["tone_0440.wav"], scope=scope, most_different=True, k=3)
    assert [hit["sound_id"] for hit in answer["hits"]] == [hit.sound_id for hit in expected.hits]
    assert len(answer["hits"]) == 3


@pytest.mark.parametrize(
    ("body", "status", "code", "word"),
    [
        ({"items": []}, 422, "validation", "items"),
        ({"items": [{}]}, 422, "validation", "sound_id or segment_id"),
        ({"items": [{"sound_id": "/etc/passwd"}]}, 422, "validation", "pattern"),
        ({"items": [{"sound_id": "../secret.txt"}]}, 422, "validation", "pattern"),
        ({"items": [{"sound_id": "0" * 32}]}, 404, "not-found", "0" * 32),
        ({"items": [{"sound_id": "0" * 32, "path": "/etc"}]}, 422, "validation", "path"),
        ({"items": [{"sound_id": "0" * 32}], "k": 0}, 422, "validation", "k"),
        ({"items": [{"sound_id": "0" * 32}], "space": "nowhere"}, 404, "unknown-space", "nowhere"),
        (
            {"items": [{"sound_id": "0" * 32, "start_s": 1e400}]},
            422,
            "validation",
            "start_s",
        ),
    ],
)
def test_what_cannot_be_asked(
    client: httpx.Client, body: dict, status: int, code: str, word: str
) -> None:
    import json

    answer = client.post(
        "/api/search", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    assert word in error["message"]


def test_an_empty_range_is_a_clear_error(client: httpx.Client, ids: dict[str, str]) -> None:
    asked = {"items": [{"sound_id": ids["tone_0440.wav"], "start_s": 0.5, "end_s": 0.5}]}
    answer = client.post("/api/search", json=asked)
    assert answer.status_code == 400
    assert answer.json()["error"]["todo"]


# -- uploads ------------------------------------------------------------------------------------------


@pytest.fixture
def upload(tmp_path: Path) -> bytes:
    """A file that the library does not have: an 890 Hz tone, then 2,500 Hz."""
    path = tmp_path / "query.wav"
    soundfile.write(path, np.concatenate([tone(890, 1.0), tone(2500, 1.0)]), RATE_HZ)
    return path.read_bytes()


def test_an_upload_is_searched_like_a_file(
    client: httpx.Client, library: Library, upload: bytes
) -> None:
    answer = client.post(
        "/api/search/upload", files={"file": ("mine.wav", upload)}, data={"k": "4"}
    ).json()
    expected = library.search(upload, k=4)
    assert hit_keys(answer) == [(hit.segment_id, hit.distance) for hit in expected.hits]
    assert answer["query"][0]["label"] == "mine.wav"


def test_a_range_of_an_upload(client: httpx.Client, upload: bytes) -> None:
    def first(start_s: float, end_s: float) -> str:
        form = {
            "start_s": str(start_s),
            "end_s": str(end_s),
            "scope": '{"folders": ["tones"]}',
            "k": "1",
        }
        answer = client.post(
            "/api/search/upload", files={"file": ("q.wav", upload)}, data=form
        ).json()
        return answer["hits"][0]["name"]

    assert first(0.1, 0.9) == "tone_0880.wav"
    assert first(1.1, 1.9) == "tone_2489.wav"


def test_an_upload_is_added_to_and_subtracted_from(
    client: httpx.Client, library: Library, upload: bytes, ids: dict[str, str]
) -> None:
    other = ids["noise_05.flac"]
    form = {"weight": "2", "items": json.dumps([{"sound_id": other, "weight": -0.5}])}
    found = client.post("/api/search/upload", files={"file": ("q.wav", upload)}, data=form).json()
    expected = library.search([QueryItem(upload, weight=2), QueryItem(other, weight=-0.5)], k=50)
    assert [hit["sound_id"] for hit in found["hits"]] == [hit.sound_id for hit in expected.hits]
    assert [part["weight"] for part in found["query"]] == [2.0, -0.5]
    alone = library.search(upload, k=50)
    assert [hit.distance for hit in alone.hits] != [hit.distance for hit in expected.hits]


def test_an_upload_is_not_kept(
    client: httpx.Client,
    library: Library,
    upload: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = {path: path.stat().st_mtime_ns for path in library.path.rglob("*") if path.is_file()}
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    assert client.post("/api/search/upload", files={"file": ("q.wav", upload)}).status_code == 200
    assert list((tmp_path / "temporary").iterdir()) == []
    after = {path: path.stat().st_mtime_ns for path in library.path.rglob("*") if path.is_file()}
    assert after == before
    assert library.sounds(Scope(text="q.wav"))[1] == 0


def test_a_large_upload_is_refused_before_it_is_read(client: httpx.Client) -> None:
    answer = client.post(
        "/api/search/upload", files={"file": ("big.wav", bytes(UPLOAD_BYTES + 2**17))}
    )
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too-large"


def test_a_large_upload_of_unknown_length_is_stopped_on_the_way(app: FastAPI) -> None:
    """No Content-Length: it is counted while it comes, and no more is taken than the limit."""
    taken = 0
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="endless.wav"\r\n\r\n'

    async def endless() -> Iterator[bytes]:
        nonlocal taken
        yield head
        while taken < 50 * UPLOAD_BYTES:
            taken += 2**16
            yield bytes(2**16)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = ask(app, "/api/search/upload", method="POST", headers=headers, content=endless())
    assert answer.status_code == 413
    assert taken <= UPLOAD_BYTES + 2**18


@pytest.mark.parametrize(
    ("files", "data", "status", "word"),
    [
        ({}, {"k": "3"}, 400, "no file"),
        ({"file": ("a.wav", b"")}, {}, 422, "a.wav"),
        ({"file": ("a.wav", b"text, not sound")}, {}, 422, "a.wav"),
        ({"file": ("a.wav", b"RIFF")}, {"k": "0"}, 422, "k"),
        ({"file": ("a.wav", b"RIFF")}, {"scope": "{not json"}, 422, "scope"),
        ({"file": ("a.wav", b"RIFF")}, {"scope": '{"folder": "x"}'}, 422, "folder"),
        ({"file": ("a.wav", b"RIFF")}, {"path": "/etc/passwd"}, 422, "path"),
    ],
)
def test_uploads_that_cannot_be(
    client: httpx.Client, files: dict, data: dict, status: int, word: str
) -> None:
    answer = client.post("/api/search/upload", files=files or {"other": ("a", b"")}, data=data)
    assert answer.status_code == status, answer.text
    assert word in answer.json()["error"]["found"]


def test_silence_is_a_clear_error(client: httpx.Client, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "s.wav", np.zeros(RATE_HZ), RATE_HZ)
    answer = client.post(
        "/api/search/upload", files={"file": ("s.wav", (tmp_path / "s.wav").read_bytes())}
    )
    assert answer.status_code == 422
    assert "silent" in answer.json()["error"]["found"]


def test_an_empty_library_says_what_to_do(tmp_path: Path, upload: bytes) -> None:
    from soundkin.serve import create_app

    with Library.open(tmp_path / "lib") as empty:
        answer = ask(
            create_app(empty),
            "/api/search/upload",
            method="POST",
            files={"file": ("q.wav", upload)},
        )
    assert answer.status_code == 404
    assert "soundkin index" in answer.json()["error"]["todo"]
