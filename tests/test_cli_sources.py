"""`soundkin index --source`, as it is typed; and what is not kept here, played from where it came."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from soundkin import cli, gathering
from soundkin.errors import Offline
from soundkin.facade import Library
from soundkin.library import ingest
from soundkin.library.sources import run as running
from soundkin.library.sources.web import Client, Manners
from soundkin.serve import create_app
from tests.library.making import InlineWorkers
from tests.library.sources.standin import Reply, StandIn, sound, standing_in
from tests.serve.live import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def web() -> Iterator[StandIn]:
    with standing_in() as served:
        yield served


@pytest.fixture(scope="module")
def path(web: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of four pointers; one came over a redirect within its site, one will come over another."""
    folder = tmp_path_factory.mktemp("web")
    rows = ["id,url,title,author,licence,page"]
    web.put("/real/3.flac", Reply(body=sound(3, 1.0, "FLAC"), kind="audio/flac"))
    web.put("/3.flac", Reply(302, headers={"Location": "/real/3.flac"}))
    for n in range(1, 5):
        url = f"{web.base}/3.flac" if n == 3 else web.put(f"/{n}.wav", sound(n, 1.0))
        rows.append(f"n{n},{url},take {n},ada,CC0,https://example.org/{n}")
    rows.append(f"n9,{web.base}/gone.wav,,,,")
    (folder / "list.csv").write_text("\n".join(rows))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ingest, "Workers", InlineWorkers)
        patched.setattr(running, "Client", lambda: Client(Manners(gap_s=0.0, first_wait_s=0.01)))
        patched.chdir(folder)
        with pytest.raises(SystemExit) as left:
            cli.main(
                [
                    *("index", "--source", "manifest:list.csv", "--keep", "pointers", "--json"),
                    *("--space", "mfcc", "--library", str(folder / "library")),
                ]
            )
        assert not left.value.code
    return folder / "library"


def test_the_command_line(run: Callable[..., str], web: StandIn, path: Path) -> None:
    [listed] = json.loads(run("sources", "--json"))
    assert (listed["sounds"], listed["failed"], listed["keep"]) == (4, 1, "pointers")
    assert f"not-there       {web.base}/gone.wav\n" in run("failures")
    assert run("sources", "of", "1.wav") == "take 1, by ada (CC0), https://example.org/1\n"
    again = json.loads(run("index", "--source", f"manifest:{path.parent / 'list.csv'}", "--json"))
    assert (again["unchanged"], again["decoded"], again["failed_before"]) == (4, 0, 1)
    assert "ia:COLLECTION" in run("index", "--source", "tape:x", code=2)
    assert "audio or pointers" in run(
        "index", "--source", f"manifest:{path.parent / 'list.csv'}", "--keep", "x", code=2
    )


def test_what_is_not_kept_is_played_from_its_origin(web: StandIn, path: Path) -> None:
    with Library.open(path) as library:
        app = create_app(library)
        ids = {one.name: one.sound_id for one in library.sounds()[0]}
        assert {one.state for one in library.sounds()[0]} == {"present"}
        with pytest.raises(Offline):
            library.locate(ids["1.wav"])
        where = f"/api/sounds/{ids['1.wav']}"
        whole = ask(app, f"{where}/audio")
        assert (whole.status_code, whole.content) == (200, sound(1, 1.0))
        assert whole.headers["content-type"] == "audio/wav"
        part = ask(app, f"{where}/audio", headers={"Range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, sound(1, 1.0)[100:200])
        assert part.headers["content-range"] == f"bytes 100-199/{len(sound(1, 1.0))}"
        odd = ask(app, f"{where}/audio", headers={"Range": "bytes=0-1,5-6"})
        assert (odd.status_code, odd.content) == (200, whole.content), "several ranges: the whole"
        head = ask(app, f"{where}/audio", method="HEAD")
        assert (head.status_code, head.content) == (200, b"")
        moved = ask(app, f"/api/sounds/{ids['3.flac']}/audio")
        assert moved.content == sound(3, 1.0, "FLAC")
        [origin] = ask(app, f"{where}/origins").json()
        assert (origin["author"], origin["licence"], origin["keep"]) == ("ada", "CC0", "pointers")
        assert ask(app, f"/api/sounds/{'0' * 32}/origins").status_code == 404
        assert ask(app, "/api/sources").json()[0]["sounds"] == 4

        web.asked.clear()
        for _ in range(2):
            cut = ask(app, f"{where}/slice.wav?start_s=0.25&end_s=0.5")
            assert cut.status_code == 200
        assert web.paths() == ["/1.wav"], "the second cut is made of what was fetched for the first"
        (path / "cut.wav").write_bytes(cut.content)
        samples, _ = soundfile.read(path / "cut.wav", dtype="int16")
        (path / "all.wav").write_bytes(sound(1, 1.0))
        np.testing.assert_array_equal(
            samples, soundfile.read(path / "all.wav", dtype="int16")[0][4000:8000]
        )


def test_it_is_no_way_to_anything_else(web: StandIn, path: Path) -> None:
    with Library.open(path) as library, standing_in() as other:
        app = create_app(library)
        ids = {one.name: one.sound_id for one in library.sounds()[0]}
        where = f"/api/sounds/{ids['4.wav']}"
        inner = other.put("/secret.wav", sound(9))
        web.put("/4.wav", Reply(302, headers={"Location": inner}))
        for part in ("audio", "slice.wav"):
            refused = ask(app, f"{where}/{part}")
            assert refused.status_code == 409
            assert "another host" in refused.json()["error"]["message"]
        assert other.asked == []
        web.put("/4.wav", Reply(body=b"<html>", kind="text/html"))
        assert ask(app, f"{where}/audio").status_code == 409
        web.put("/4.wav", Reply(body=bytes(3 * 2**20)))
        assert "more now than it was" in ask(app, f"{where}/audio").json()["error"]["message"]
        web.put("/4.wav", sound(8, 1.0))
        assert "has changed" in ask(app, f"{where}/slice.wav").json()["error"]["message"]
        assert gathering.credit(gathering.origins_of(library, ids["4.wav"])[0]).startswith("take 4")
