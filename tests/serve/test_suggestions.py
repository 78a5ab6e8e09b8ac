"""Tags from examples through the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from soundkin.facade import Library
from soundkin.serve import create_app
from tests.serve.live import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastapi import FastAPI


@pytest.fixture(scope="module")
def own(sounds_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with Library.open(tmp_path_factory.mktemp("tags") / "lib") as opened:
        opened.add(sounds_dir, jobs=1)
        yield opened


@pytest.fixture(scope="module")
def app(own: Library) -> FastAPI:
    return create_app(own)


def test_suggest_decide_take_back(app: FastAPI, own: Library) -> None:
    noises = [sound.sound_id for sound in own.sounds("name:noise_", limit=50)[0]]
    own.tag(noises[:3], ["hiss"])
    answer = ask(app, "/api/suggestions?tag=hiss&k=5").json()
    assert answer["examples"] == 3
    first = answer["suggestions"][0]
    assert first["sound_id"] in noises[3:]
    assert 0 <= first["probability"] <= 1
    assert {e["sound_id"] for e in first["evidence"]} <= set(noises[:3])

    other = next(s for s in noises[3:] if s != first["sound_id"])
    body = {"tag": "hiss", "accept": [first["sound_id"]], "reject": [other]}
    made = ask(app, "/api/suggestions/decisions", method="POST", json=body).json()
    assert [(c["accepted"], c["rejected"]) for c in made] == [
        ([first["sound_id"]], []),
        ([], [other]),
    ]
    assert "hiss" in own.sound(first["sound_id"]).tags
    after = ask(app, "/api/suggestions?tag=hiss&k=100").json()
    assert (after["examples"], after["rejected"]) == (4, 1)
    assert other not in {one["sound_id"] for one in after["suggestions"]}

    listed = ask(app, "/api/suggestions/decisions").json()
    assert [c["change_id"] for c in listed] == [c["change_id"] for c in reversed(made)]
    where = f"/api/suggestions/decisions/{made[0]['change_id']}"
    assert ask(app, where, method="DELETE").json() == made[0]
    assert "hiss" not in own.sound(first["sound_id"]).tags
    assert ask(app, "/api/suggestions/decisions/last", method="DELETE").json() == made[1]
    assert ask(app, "/api/suggestions/decisions/last", method="DELETE").status_code == 404
    assert ask(app, "/api/suggestions?tag=hiss&k=5").json() == answer


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"tag": "x"}, 400),
        ({"tag": "x", "accept": ["0" * 32]}, 404),
        ({"tag": "x", "accept": ["0" * 32], "reject": ["0" * 32]}, 400),
        ({"tag": "x", "accept": ["/etc/passwd"]}, 422),
        ({"tag": "", "accept": ["0" * 32]}, 422),
    ],
)
def test_what_cannot_be_decided(app: FastAPI, body: dict, status: int) -> None:
    answer = ask(app, "/api/suggestions/decisions", method="POST", json=body)
    assert answer.status_code == status


def test_a_tag_that_nothing_bears(app: FastAPI) -> None:
    assert ask(app, "/api/suggestions?tag=nowhere").status_code == 404
