"""The query language through the server: terms with their places, counts, errors that point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx


def names(client: httpx.Client, text: str) -> set[str]:
    page = client.get("/api/sounds", params={"text": text}).json()
    return {sound["name"] for sound in page["sounds"]}


def test_a_query_comes_back_in_its_terms(client: httpx.Client) -> None:
    text = 'tone -0440  dur<2 in:"tones"'
    answer = client.get("/api/query", params={"text": text}).json()
    assert [term["text"] for term in answer["terms"]] == ["tone", "-0440", "dur<2", 'in:"tones"']
    assert [term["field"] for term in answer["terms"]] == ["word", "word", "dur", "in"]
    assert answer["text"] == "tone -0440 in:tones dur<2"
    assert answer["sounds"] == 7


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 22),
        ("format:flac", 13),
        ("-format:flac in:tones", 8),
        ("name:tone", 8),
        ("-name:tone -name:noise", 2),
        ("noise name:field", 0),
        ("dur>60", 1),
        ("dur<0.85", 2),
        ("dur<=0.8 in:noises", 1),
        ("dur<0.8 in:noises", 0),
        ("added>2020", 22),
        ("added<2020", 0),
        ("in:tones in:long", 9),
        ('"with %"', 1),
    ],
)
def test_what_a_query_finds(client: httpx.Client, text: str, count: int) -> None:
    assert client.get("/api/query", params={"text": text}).json()["sounds"] == count
    assert len(names(client, text)) == count


def test_a_search_by_sound_within_a_query(client: httpx.Client, ids: dict[str, str]) -> None:
    asked = {
        "items": [{"sound_id": ids["tone_0440.wav"]}],
        "scope": {"text": "name:noise dur<1.05", "not_folders": ["tones"]},
    }
    hits = client.post("/api/search", json=asked).json()["hits"]
    assert {hit["name"] for hit in hits} == {f"noise_0{i}.flac" for i in range(3)}


@pytest.mark.parametrize("path", ["/api/query", "/api/sounds"])
def test_an_error_points_at_its_place(client: httpx.Client, path: str) -> None:
    answer = client.get(path, params={"text": "kick dur=1"})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert (error["code"], error["position"]) == ("query-syntax", 5)
    assert "dur<1" in error["expected"]
