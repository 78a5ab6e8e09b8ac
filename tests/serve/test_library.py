"""The library over HTTP: its card, folders, failures, indexing, and events of what goes on."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import soundfile

import soundkin
from soundkin import lists
from soundkin.facade import IndexReport, Library, Progress
from soundkin.serve import create_app
from tests.serve.live import RATE_HZ, ask, noise, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soundkin.serve.models import IndexState

READ_S = 30.0


def test_the_card(client: httpx.Client, library: Library, sounds_dir: Path) -> None:
    card = client.get("/api/library").json()
    info = library.info()
    assert card["name"] == library.path.name
    assert card["counts"].pop("marks")
    assert card["counts"] == {
        "sounds": info.sounds,
        "segments": info.segments,
        "failures": 1,
        "indexing": False,
    }
    assert card["spaces"] == ["mfcc"]
    (space,) = card["indexes"]
    assert (space["name"], space["vectors"]) == ("mfcc", info.segments)
    assert (space["indexed"]["kind"], space["indexed"]["said"]) == ("exact", "exact")
    assert space["indexed"]["why"] == info.spaces[0].indexed.why
    assert [root["path"] for root in card["roots"]] == [str(sounds_dir)]
    assert card["indexing"]["state"] == "idle"
    assert {"mfcc", "sound"} <= set(card["installed"])
    sizes = {part["what"]: part["bytes"] for part in card["disk"]}
    vectors = [*library.path.glob("tables/vectors_*/**/*")]
    assert sizes["vectors"] == sum(file.stat().st_size for file in vectors if file.is_file()) > 0
    assert sizes["tables"] > 0


def test_marks_change_with_tags_and_lists_alone(
    client: httpx.Client, library: Library, ids: dict[str, str]
) -> None:
    def marks() -> str:
        return client.get("/api/library").json()["counts"]["marks"]

    tone, other = ids["tone_0440.wav"], ids["noise_05.flac"]
    seen = [marks(), marks()]
    library.tag([tone], ["marked"])
    seen.append(marks())
    body = {"sound_ids": [tone, other, "0" * 32]}
    found = client.post("/api/tags/of", json=body).json()
    assert found == [{"sound_id": tone, "tags": ["marked"]}, {"sound_id": other, "tags": []}]
    library.untag([tone], ["marked"])
    seen.append(marks())
    made = lists.create(library, "x")
    seen.append(marks())
    lists.remove(library, made.list_id)
    assert seen[0] == seen[1]
    assert len(set(seen)) == 4
    assert client.post("/api/tags/of", json={"sound_ids": ["../x"]}).status_code == 422


def test_roots_and_failures(client: httpx.Client, sounds_dir: Path) -> None:
    (root,) = client.get("/api/roots").json()
    assert (root["state"], root["n_sounds"]) == ("online", 22)
    (failure,) = client.get("/api/failures").json()
    assert failure["path"] == str(sounds_dir / "broken/no sound.wav")
    assert failure["reason"] == "not-sound"
    assert failure["message"]


def test_health_and_openapi(client: httpx.Client) -> None:
    assert client.get("/api/health").json() == {"status": "ok", "version": soundkin.__version__}
    paths = client.get("/api/openapi.json").json()["paths"]
    assert set(paths["/api/sounds/{sound_id}/tags"]) == {"post", "delete"}
    upload = paths["/api/search/upload"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert upload["schema"]["required"] == ["file"]
    for path, methods in paths.items():
        for method, route in methods.items():
            assert {"4XX", "5XX"} <= set(route["responses"]), (
                f"{method} {path} does not describe its errors"
            )


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_no_page_that_loads_from_elsewhere(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_unknown_addresses_and_methods_have_the_same_body(client: httpx.Client) -> None:
    missing = client.get("/api/nowhere")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "http-404"
    assert "/api/nowhere" in missing.json()["error"]["found"]
    assert client.put("/api/roots").status_code == 405


# -- indexing -----------------------------------------------------------------------------------------


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[tuple[str, Library, Path]]:
    """A live server over an empty library, and a folder with three sounds and a broken one."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    for seed in range(3):
        soundfile.write(folder / f"n{seed}.wav", noise(0.6, seed), RATE_HZ)
    (folder / "bad.wav").write_text("text")
    with Library.open(tmp_path / "lib") as library, serving(create_app(library)) as base:
        yield base, library, folder


def read_events(lines: Iterator[str]) -> Iterator[tuple[str, dict]]:
    event = ""
    for line in lines:
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield event, json.loads(line.removeprefix("data: "))


def test_index_a_folder_and_follow_it(growing: tuple[str, Library, Path]) -> None:
    base, library, folder = growing
    states: list[dict] = []
    counts: list[dict] = []
    with (
        httpx.Client(base_url=base, timeout=READ_S) as client,
        client.stream("GET", "/api/events") as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        for event, data in read_events(stream.iter_lines()):
            (states if event == "index" else counts).append(data)
            if len(states) == 1 and counts:
                started = client.post("/api/index", json={"folder": str(folder)})
                assert started.status_code == 202
                states.append(started.json())
            if states[-1]["state"] == "finished" and counts[-1]["sounds"] == 3:
                break
    assert states[0]["state"] == "idle"
    assert counts[0]["sounds"] == 0
    assert states[1]["state"] == "running"
    assert states[-1]["folder"] == str(folder)
    assert (states[-1]["done"], states[-1]["total"], states[-1]["failed"]) == (4, 4, 1)
    assert states[-1]["error"] is None
    assert library.sounds()[1] == 3


def test_growth_by_another_process_is_told_too(growing: tuple[str, Library, Path]) -> None:
    base, library, folder = growing
    with (
        httpx.Client(base_url=base, timeout=READ_S) as client,
        client.stream("GET", "/api/events") as stream,
        Library.open(library.path) as other,
    ):
        events = read_events(stream.iter_lines())
        assert next(data for event, data in events if event == "counts")["sounds"] == 0
        other.add(folder, jobs=1)
        assert (
            next(data for event, data in events if event == "counts" and data["sounds"])["sounds"]
            == 3
        )


@pytest.mark.parametrize(
    ("folder", "status", "word"),
    [
        ("/nowhere/at/all", 404, "no folder"),
        ("relative/folder", 400, "relative"),
        ("", 422, "folder"),
    ],
)
def test_folders_that_cannot_be_indexed(
    client: httpx.Client, folder: str, status: int, word: str
) -> None:
    answer = client.post("/api/index", json={"folder": folder})
    assert answer.status_code == status
    assert word in answer.json()["error"]["message"]
    assert client.get("/api/library").json()["indexing"]["state"] == "idle"


class Slow:
    """A library whose indexing waits until it is told to stop, or fails."""

    path = Path("slow")

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.begun = threading.Event()

    def add(
        self, folder: Path, *, retry_failed: bool, on_progress: object, stop: object
    ) -> IndexReport:
        on_progress(Progress("decode", 3, 10, 1, 4.0, 2.0, "a.wav"))
        self.begun.set()
        if self.error:
            raise self.error
        while not stop():
            threading.Event().wait(0.01)
        return IndexReport(found=10, failed=1, stopped=True)


def finished(app: object) -> IndexState:
    indexer = app.state.serving.indexer
    indexer._thread.join(10)
    return indexer.state


def test_one_folder_at_a_time_and_stop(tmp_path: Path) -> None:
    slow = Slow()
    app = create_app(slow)
    asked = {"folder": str(tmp_path)}
    assert ask(app, "/api/index", method="POST", json=asked).status_code == 202
    slow.begun.wait(5)
    second = ask(app, "/api/index", method="POST", json=asked)
    assert second.status_code == 409
    assert second.json()["error"]["code"] == "library-busy"
    assert app.state.serving.indexer.state.done == 3
    assert ask(app, "/api/index", method="DELETE").status_code == 200
    assert (finished(app).state, finished(app).done) == ("stopped", 3)
    slow.begun.clear()
    assert ask(app, "/api/index", method="POST", json=asked).status_code == 202, (
        "it can be begun again"
    )
    slow.begun.wait(5)
    assert app.state.serving.indexer.state.state == "running"
    ask(app, "/api/index", method="DELETE")
    finished(app)


@pytest.mark.parametrize(
    ("error", "word"),
    [(soundkin.errors.StorageError("the disk is full"), "disk is full"), (OSError("odd"), "odd")],
)
def test_a_run_that_fails_says_why(tmp_path: Path, error: Exception, word: str) -> None:
    app = create_app(Slow(error))
    ask(app, "/api/index", method="POST", json={"folder": str(tmp_path)})
    state = finished(app)
    assert state.state == "failed"
    assert word in state.error.message
    assert state.done == 3
