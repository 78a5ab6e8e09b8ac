"""Notes over HTTP: written, paged by id, found by words, taken away, and as files."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx


def test_a_note_from_birth_to_death(client: httpx.Client, ids: dict[str, str]) -> None:
    field = ids["field.flac"]
    where = f"/api/sounds/{field}/notes"
    asked = {"text": "a tone", "start_s": 40.0, "end_s": 42.0, "tags": ["event"], "author": "ada"}
    answer = client.post(where, json=asked)
    assert answer.status_code == 201
    made = answer.json()
    assert {name: made[name] for name in asked} == asked
    assert (made["sound_id"], made["low_hz"]) == (field, None)
    assert client.get(where).json() == {"notes": [made], "next": None}
    assert client.get("/api/notes", params={"saying": "TONE"}).json()["notes"] == [made]
    assert client.get("/api/notes", params={"saying": "owl"}).json()["notes"] == []
    found = client.get("/api/query", params={"text": "note:event"}).json()
    assert (found["sounds"], found["terms"][0]["field"]) == (1, "note")
    gone = client.delete(f"/api/notes/{made['note_id']}")
    assert gone.json() == made
    assert client.get(where).json()["notes"] == []
    assert client.delete(f"/api/notes/{made['note_id']}").status_code == 404


def test_pages(client: httpx.Client, ids: dict[str, str]) -> None:
    names = sorted(ids)[:5]
    made = [
        client.post(f"/api/sounds/{ids[name]}/notes", json={"text": name}).json() for name in names
    ]
    seen, after = [], ""
    for _ in range(9):
        page = client.get("/api/notes", params={"after": after, "limit": 2}).json()
        seen += page["notes"]
        after = page["next"]
        if after is None:
            break
    assert seen == made
    rows = client.get("/api/notes/export", params={"form": "csv"})
    assert rows.headers["content-type"].startswith("text/csv")
    assert "notes.csv" in rows.headers["content-disposition"]
    table = list(csv.DictReader(io.StringIO(rows.text, newline="")))
    assert [row["note_id"] for row in table] == [note["note_id"] for note in made]
    for note in made:
        client.delete(f"/api/notes/{note['note_id']}")
    labels = client.get("/api/notes/export", params={"form": "audacity"})
    assert (labels.status_code, labels.text) == (200, "")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 400),
        ({"text": "x", "start_s": 5.0, "end_s": 1.0}, 400),
        ({"text": "x", "end_s": 1e6}, 400),
        ({"text": "x", "start_s": -1.0}, 422),
        ({"text": "x", "tags": ["a;b"]}, 400),
        ({"text": "x" * 10_001}, 422),
        ({"text": "x", "colour": "red"}, 422),
    ],
)
def test_what_is_refused(
    client: httpx.Client, ids: dict[str, str], asked: dict[str, object], status: int
) -> None:
    answer = client.post(f"/api/sounds/{ids['field.flac']}/notes", json=asked)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert client.post(f"/api/sounds/{'0' * 32}/notes", json={"text": "x"}).status_code == 404
    assert client.get("/api/notes", params={"after": "x"}).status_code == 422
