"""One sound over HTTP: its card, peaks, the original file in ranges, exact slices, tags."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.errors import NotFound
from soundkin.serve import sound_routes
from tests.serve.live import EVENT, LONG_S, RATE_HZ, TONES_HZ, ask

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    from fastapi import FastAPI

    from soundkin.facade import Library

ODD = "a name, with % & 'ü'.wav"


def test_the_list_is_that_of_the_library(client: httpx.Client, library: Library) -> None:
    page = client.get("/api/sounds", params={"limit": 5, "offset": 3}).json()
    sounds, total = library.sounds(limit=5, offset=3)
    assert page["total"] == total
    assert page["offset"] == 3
    assert [sound["sound_id"] for sound in page["sounds"]] == [sound.sound_id for sound in sounds]
    assert page["sounds"][0]["path"] == sounds[0].path


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"text": "tone_04"}, ["tone_0440.wav"]),
        ({"text": "tone", "max_duration_s": 0.1}, []),
        ({"folder": "odd"}, [ODD]),
        ({"folder": ["odd", "long"]}, [ODD, "field.flac"]),
        ({"min_duration_s": 60}, ["field.flac"]),
        ({"not_folder": ["tones", "noises", "long"]}, [ODD]),
    ],
)
def test_filters(client: httpx.Client, params: dict, expected: list[str]) -> None:
    page = client.get("/api/sounds", params=params).json()
    assert [sound["name"] for sound in page["sounds"]] == expected


def test_one_sound_and_its_segments(
    client: httpx.Client, library: Library, ids: dict[str, str]
) -> None:
    card = client.get(f"/api/sounds/{ids['field.flac']}").json()
    assert card["duration_s"] == pytest.approx(LONG_S)
    assert card["rate_hz"] == RATE_HZ
    segments = client.get(f"/api/sounds/{ids['field.flac']}/segments").json()
    assert len(segments) == card["n_segments"] == len(library.segments(ids["field.flac"]))
    assert segments[0]["segment_id"] == f"{ids['field.flac']}-{segments[0]['seq']}"


def test_peaks_are_the_waveform(
    client: httpx.Client, sounds_dir: Path, ids: dict[str, str]
) -> None:
    answer = client.get(f"/api/sounds/{ids['field.flac']}/peaks")
    peaks = np.frombuffer(answer.content, np.int8).reshape(800, 2)
    samples, _ = soundfile.read(sounds_dir / "long/field.flac", dtype="float32")
    for pair in (0, 100, 470, 799):  # pair 470 lies in the event
        part = samples[pair * len(samples) // 800 : (pair + 1) * len(samples) // 800]
        assert peaks[pair] == pytest.approx([part.min() * 127, part.max() * 127], abs=1.5)
    assert "immutable" in answer.headers["cache-control"]


def test_peaks_of_many_sounds_in_one_answer(
    client: httpx.Client, library: Library, ids: dict[str, str]
) -> None:
    asked = [ids["field.flac"], "0" * 32, ids["tone_0440.wav"], ids["field.flac"]]
    answer = client.post("/api/peaks", json={"sound_ids": asked})
    found = np.frombuffer(answer.content, np.int8).reshape(4, 800, 2)
    for at in (0, 2, 3):
        np.testing.assert_array_equal(found[at], library.peaks(asked[at]))
    assert found[0].any()
    assert not found[1].any()
    assert client.post("/api/peaks", json={"sound_ids": ["../x"]}).status_code == 422


@pytest.mark.parametrize("name", ["tone_0440.wav", ODD, "noise_03.flac"])
def test_the_original_file(
    client: httpx.Client, sounds_dir: Path, ids: dict[str, str], name: str
) -> None:
    answer = client.get(f"/api/sounds/{ids[name]}/audio")
    assert answer.content == next(sounds_dir.rglob(name)).read_bytes()
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"] == f"audio/{name.rpartition('.')[2]}"
    head = client.head(f"/api/sounds/{ids[name]}/audio")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(answer.content))


@settings(max_examples=60, deadline=None)
@given(
    first=st.integers(0, 60_000),
    length=st.integers(0, 60_000),
    kind=st.sampled_from(["bounded", "open", "last"]),
)
def test_any_range_is_that_part_of_the_file(
    app: FastAPI, library: Library, ids: dict[str, str], first: int, length: int, kind: str
) -> None:
    whole = library.locate(ids["tone_0440.wav"]).read_bytes()
    header, expected = {
        "bounded": (f"bytes={first}-{first + length}", whole[first : first + length + 1]),
        "open": (f"bytes={first}-", whole[first:]),
        "last": (f"bytes=-{length + 1}", whole[-(length + 1) :]),
    }[kind]
    answer = ask(app, f"/api/sounds/{ids['tone_0440.wav']}/audio", headers={"Range": header})
    if not expected:
        assert answer.status_code == 416
        assert answer.headers["content-range"] == f"bytes */{len(whole)}"
        return
    start = whole.index(expected) if kind == "last" and length + 1 >= len(whole) else None
    assert answer.status_code == 206
    assert answer.content == expected
    assert answer.headers["content-length"] == str(len(expected))
    at, _, size = answer.headers["content-range"].removeprefix("bytes ").partition("/")
    assert int(size) == len(whole)
    assert int(at.split("-")[0]) == (
        start if start is not None else len(whole) - len(expected) if kind == "last" else first
    )


def test_if_range_with_another_file_gives_all_of_it(
    client: httpx.Client, ids: dict[str, str]
) -> None:
    path = f"/api/sounds/{ids['tone_0440.wav']}/audio"
    etag = client.head(path).headers["etag"]
    same = client.get(path, headers={"Range": "bytes=0-9", "If-Range": etag})
    other = client.get(path, headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    assert (same.status_code, len(same.content)) == (206, 10)
    assert other.status_code == 200
    assert len(other.content) > 10


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(0.0, 0.25), (0.1234, 0.1235), (EVENT[0], EVENT[1]), (69.5, 80.0)]
)
def test_a_slice_is_exactly_those_samples(
    client: httpx.Client, sounds_dir: Path, ids: dict[str, str], start_s: float, end_s: float
) -> None:
    answer = client.get(
        f"/api/sounds/{ids['field.flac']}/slice.wav", params={"start_s": start_s, "end_s": end_s}
    )
    got, rate_hz = soundfile.read(io.BytesIO(answer.content), dtype="float32")
    whole, _ = soundfile.read(sounds_dir / "long/field.flac", dtype="float32")
    expected = whole[round(start_s * RATE_HZ) : round(min(end_s, LONG_S) * RATE_HZ)]
    assert rate_hz == RATE_HZ
    np.testing.assert_array_equal(got, expected)


def test_a_slice_keeps_channels_and_takes_its_name_along(
    client: httpx.Client, ids: dict[str, str]
) -> None:
    answer = client.get(
        f"/api/sounds/{ids[ODD]}/slice.wav", params={"end_s": 0.1, "download": True}
    )
    assert soundfile.info(io.BytesIO(answer.content)).channels == 2
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; filename*=utf-8''a%20name%2C%20with%20%25%20%26")
    assert disposition.endswith("_0.00-0.10.wav")


@pytest.mark.parametrize(
    "params", [{"start_s": 2, "end_s": 1}, {"start_s": 1, "end_s": 1}, {"start_s": 99}]
)
def test_an_empty_slice_is_a_clear_error(
    client: httpx.Client, ids: dict[str, str], params: dict
) -> None:
    answer = client.get(f"/api/sounds/{ids['field.flac']}/slice.wav", params=params)
    assert answer.status_code == 400
    assert "is empty" in answer.json()["error"]["message"]


def test_a_slice_that_would_fill_the_memory_is_refused(
    client: httpx.Client, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_routes, "MAX_SLICE_BYTES", RATE_HZ * 2)
    path = f"/api/sounds/{ids['field.flac']}/slice.wav"
    assert client.get(path, params={"end_s": 1.0}).status_code == 200
    refused = client.get(path, params={"end_s": 1.1})
    assert refused.status_code == 413
    assert refused.json()["error"]["code"] == "too-large"


@pytest.mark.parametrize("part", ["", "/segments", "/peaks", "/audio", "/slice.wav", "/tags"])
def test_a_sound_that_is_not_there(client: httpx.Client, part: str) -> None:
    method = "POST" if part == "/tags" else "GET"
    answer = client.request(
        method, f"/api/sounds/{'0' * 32}{part}", json={"tags": ["x"]} if part == "/tags" else None
    )
    assert answer.status_code == NotFound.http_status
    assert answer.json()["error"]["code"] == NotFound.code


@pytest.mark.parametrize(
    "path",
    [
        "/api/sounds/../../secret.txt/audio",
        "/api/sounds/..%2f..%2fsecret.txt/audio",
        "/api/sounds/%2e%2e%2f%2e%2e%2fsecret.txt/audio",
        "/api/sounds/%2fetc%2fpasswd/audio",
        "/api/sounds/secret.txt/audio",
        "/assets/../../app.py",
        "/assets/..%2f..%2fapp.py",
        "/assets/%2e%2e/%2e%2e/app.py",
        "/..%2fapp.py",
    ],
)
def test_no_path_leads_out_of_the_library(app: FastAPI, path: str) -> None:
    answer = ask(app, path)
    assert answer.status_code in {404, 422}
    assert "not a sound of the library" not in answer.text
    assert "def create_app" not in answer.text


def test_tags_come_and_go(client: httpx.Client, library: Library, ids: dict[str, str]) -> None:
    path = f"/api/sounds/{ids['tone_0622.wav']}/tags"
    assert client.post(path, json={"tags": ["bright", "favourite"]}).json()["tags"] == [
        "bright",
        "favourite",
    ]
    assert set(library.sound(ids["tone_0622.wav"]).tags) == {"bright", "favourite"}
    assert client.get("/api/tags").json() == {"bright": 1, "favourite": 1}
    found = client.get("/api/sounds", params={"tag": "bright"}).json()["sounds"]
    assert [sound["name"] for sound in found] == ["tone_0622.wav"]
    assert client.delete(path, params={"tag": ["bright", "favourite"]}).json()["tags"] == []
    assert client.get("/api/tags").json() == {}


@pytest.mark.parametrize(
    "body", [{"tags": []}, {"tags": [""]}, {"tags": "x"}, {}, {"tags": ["x"], "more": 1}]
)
def test_odd_tags_are_refused(client: httpx.Client, ids: dict[str, str], body: dict) -> None:
    answer = client.post(f"/api/sounds/{ids['tone_0622.wav']}/tags", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "validation"
    assert "tags" in answer.json()["error"]["found"] or "more" in answer.json()["error"]["found"]


def test_every_test_tone_is_there(ids: dict[str, str]) -> None:
    assert {f"tone_{hz:04d}.wav" for hz in TONES_HZ} <= set(ids)
