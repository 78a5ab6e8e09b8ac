"""For whoever runs servers: alive, ready, metrics, and an end that finishes what was begun."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import httpx

from soundkin.errors import BucketError, UnknownSpace
from soundkin.facade import Library
from soundkin.serve import create_app
from soundkin.serve.health_routes import warm_up
from soundkin.serve.metrics import BORDERS_S
from tests.serve.live import ask, serving

if TYPE_CHECKING:
    import pytest
    from fastapi import FastAPI

TOKEN = "a token of sixteen letters"


def values(text: str) -> dict[str, float]:
    """Metrics by name and labels, as Prometheus reads them; every family is introduced once, in one piece."""
    found: dict[str, float] = {}
    kinds: dict[str, str] = {}
    family = ""
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            assert family not in kinds
            kinds[family] = kind
        elif not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert name.startswith(family)
            assert name not in found
            found[name] = float(value)
    return found


def test_alive_ready_and_counted(client: httpx.Client, library: Library) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    for _ in range(100):
        ready = client.get("/ready")
        if ready.status_code == 200:
            break
        time.sleep(0.05)
    assert ready.json() == {"status": "ready"}
    before = values(client.get("/metrics").text)
    sound_id = library.sounds()[0][0].sound_id
    for _ in range(3):
        client.get(f"/api/sounds/{sound_id}")
    client.get("/api/sounds/" + "0" * 32)
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    after = values(answer.text)
    route = "/api/sounds/{sound_id}"

    def grown(status: int) -> float:
        key = f'soundkin_requests_total{{method="GET",route="{route}",status="{status}"}}'
        return after[key] - before.get(key, 0)

    assert (grown(200), grown(404)) == (3, 1)
    steps = [
        after[f'soundkin_request_seconds_bucket{{route="{route}",le="{border}"}}']
        for border in (*BORDERS_S, "+Inf")
    ]
    assert steps == sorted(steps)
    assert steps[-1] == after[f'soundkin_request_seconds_count{{route="{route}"}}']
    assert after["soundkin_sounds"] == library.sounds(limit=0)[1]
    assert after["soundkin_requests_in_flight"] == 1
    assert after["process_resident_memory_bytes"] > 1e6


def test_a_balancer_needs_no_token_and_nobody_else_gets_in(library: Library) -> None:
    app = create_app(library, token=TOKEN)
    how = {"host": "http://10.1.2.3:80", "peer": "10.9.9.9"}
    assert ask(app, "/health", **how).status_code == 200
    assert ask(app, "/ready", **how).json() == {"status": "starting"}
    assert ask(app, "/metrics", **how).status_code == 401
    known = {"Authorization": f"Bearer {TOKEN}"}
    assert ask(app, "/metrics", headers=known, **how).status_code == 200


def test_not_ready_while_the_library_cannot_be_read(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    app: FastAPI = create_app(library)
    app.state.serving.warm.set()
    assert ask(app, "/ready").json() == {"status": "ready"}

    def fails() -> None:
        raise BucketError("'s3://b' does not answer")

    monkeypatch.setattr(library.catalogue, "snapshot", fails)
    answer = ask(app, "/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "unreachable"})
    app.state.serving.closing = True
    assert ask(app, "/ready").json() == {"status": "closing"}
    assert ask(app, "/health").status_code == 200


def test_what_was_begun_is_finished_when_the_server_is_told_to_stop(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    real = Library.peaks

    def slow(self: Library, sound_id: str) -> object:
        begun.set()
        assert go_on.wait(20)
        return real(self, sound_id)

    monkeypatch.setattr(Library, "peaks", slow)
    app = create_app(library)
    sound_id = library.sounds()[0][0].sound_id
    answers: list[httpx.Response] = []
    with serving(app) as address:
        asking = threading.Thread(
            target=lambda: answers.append(
                httpx.get(f"{address}/api/sounds/{sound_id}/peaks", timeout=30)
            )
        )
        asking.start()
        assert begun.wait(20)
        threading.Timer(0.3, go_on.set).start()  # while the server below is told to stop
    asking.join(20)
    assert [answer.status_code for answer in answers] == [200]
    assert len(answers[0].content) == 1600


def test_a_warm_server_has_looked_into_every_space(library: Library) -> None:
    with Library.open(library.path) as fresh:
        warm_up(fresh)
        seen = fresh.catalogue.seen()
        assert seen is not None
        assert set(seen[0].spaces) == set(seen[0].space_ids) != set()


def test_a_space_that_is_not_installed_keeps_no_server_cold(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    def search(_query: str, *, space: str, k: int) -> None:
        asked.append((space, k))
        raise UnknownSpace(f"no space {space!r}", "one that is installed", "")

    names = [space_id.rpartition("-")[0] for space_id in library.look().snapshot.space_ids]
    monkeypatch.setattr(library, "search", search)
    warm_up(library)
    assert asked == [(name, 1) for name in names]
    assert not caplog.records
