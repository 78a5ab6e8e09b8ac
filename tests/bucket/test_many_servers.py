"""One writer and four servers on one bucket, asked all the time: no error, no answer older than is stated.

As many minutes as the variable SOUNDKIN_MINUTES says, ten without it.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import pytest

from soundkin.audio.decode import SoundReader
from soundkin.library import ingest
from soundkin.library.catalogue import STALE_S, Catalogue
from soundkin.library.places import forget_sounds
from soundkin.library.store import Store
from tests.library.making import InlineWorkers, column, index, wav

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MINUTES = float(os.environ.get("SOUNDKIN_MINUTES") or 10)
SERVERS, AT_FIRST = 4, 60
PAUSE_S = 0.2
"""Between two questions to the same server."""
EVERY_S = 5.0
"""Between two commits."""
LOOK_S, RECENT_S = 3.0, 30.0
"""What one look takes here, to a Python server that six processes ask, where none of late took longer."""


class Looker:
    """Looks at the library as a server does, to know how long that takes on this machine just now."""

    def __init__(self, address: str) -> None:
        self.took: list[tuple[float, float]] = []
        self._catalogue = Catalogue(Store.open(address))

    def run(self, over: threading.Event) -> None:
        """Look every second or so."""
        while not over.wait(1.0):
            begun = time.monotonic()
            self._catalogue.touch()
            self._catalogue.snapshot()
            self.took.append((time.monotonic(), time.monotonic() - begun))
        self._catalogue.close()

    def stated_s(self) -> float:
        """What docs/scale.md states: twice STALE_S and the time of one look."""
        now = time.monotonic()
        recent = [took for at, took in self.took[-int(RECENT_S) :] if now - at < RECENT_S]
        return 2 * STALE_S + max([LOOK_S, *recent])


@dataclass
class History:
    """What was in the library when: from when on an answer may show it, and until when."""

    looker: Looker
    since: list[float] = field(default_factory=list)
    until: list[float] = field(default_factory=list)
    sounds: list[frozenset[str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, sounds: frozenset[str]) -> None:
        """A commit begins that makes it these."""
        with self.lock:
            self.since.append(time.monotonic())
            self.until.append(float("inf"))
            self.sounds.append(sounds)

    def done(self) -> None:
        """It was committed: what was before is old from now on."""
        with self.lock:
            if len(self.until) > 1:
                self.until[-2] = time.monotonic()

    def verdict(self, named: set[str], asked: float) -> str:
        """Say what is wrong with an answer: how old it is, or that the library never was so."""
        with self.lock:
            ages = [
                asked - until
                for until, sounds in zip(self.until, self.sounds, strict=True)
                if sounds == named
            ]
            if ages:
                return f"an answer {min(ages):.1f} s old, stated: {self.looker.stated_s():.1f} s"
            more, fewer = named - self.sounds[-1], self.sounds[-1] - named
            return (
                f"the library never was so: beside the newest {len(more)} more, {len(fewer)} fewer"
            )

    def between(self, asked: float, answered: float, *, grace_s: float) -> list[frozenset[str]]:
        """What an answer may show that was asked for and given at these moments."""
        with self.lock:
            return [
                sounds
                for since, until, sounds in zip(self.since, self.until, self.sounds, strict=True)
                if since <= answered and until + grace_s >= asked
            ]


@contextlib.contextmanager
def served(address: str, here: Path, number: int) -> Iterator[str]:
    """Run a server as a user does, with a cache of its own; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = here / f"server-{number}.txt"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "soundkin", "serve"),
                *("--library", address, "--port", str(port)),
            ],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=os.environ | {"XDG_CACHE_HOME": str(here / f"cache-{number}")},
        )
    try:
        where = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 300
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{where}/ready").status_code == 200:
                    break
            time.sleep(0.2)
        yield where
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.wait()


@dataclass
class Asker:
    """Asks one server all the time, and judges every answer."""

    where: str
    history: History
    over: threading.Event
    seed: int
    problems: list[str] = field(default_factory=list)
    answers: int = 0
    oldest_s: float = 0.0
    times_s: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Ask until it is over, or something is wrong."""
        rng = random.Random(self.seed)
        try:
            with httpx.Client(base_url=self.where, timeout=60) as client:
                while not self.over.wait(PAUSE_S) and not self.problems:
                    self.ask(client, rng)
        except Exception as error:
            self.problems.append(f"{type(error).__name__}: {error}")

    def ask(self, client: httpx.Client, rng: random.Random) -> None:
        """List the sounds; search by one that has been there all along."""
        asked = time.monotonic()
        listed = client.get("/api/sounds", params={"limit": 500})
        self.judge(listed, asked, {s["sound_id"] for s in _json(listed).get("sounds", [])})
        steady = sorted(self.history.sounds[0])
        asked = time.monotonic()
        item = {"sound_id": rng.choice(steady)}
        found = client.post("/api/search", json={"items": [item], "k": 400, "space": "mfcc"})
        named = {hit["sound_id"] for hit in _json(found).get("hits", [])} | {item["sound_id"]}
        self.judge(found, asked, named)

    def judge(self, answer: httpx.Response, asked: float, named: set[str]) -> None:
        """Compare an answer with what was in the library."""
        answered = time.monotonic()
        self.answers += 1
        self.times_s.append(answered - asked)
        if answer.status_code != 200:
            self.problems.append(f"{answer.status_code}: {answer.text[:300]}")
        elif named not in self.history.between(
            asked, answered, grace_s=self.history.looker.stated_s()
        ):
            self.problems.append(self.history.verdict(named, asked))
        elif named not in self.history.between(asked, answered, grace_s=0.0):
            with self.history.lock:
                number = max(i for i, s in enumerate(self.history.sounds) if s == named)
                self.oldest_s = max(self.oldest_s, asked - self.history.until[number])


def _json(answer: httpx.Response) -> dict[str, list[dict[str, str]]]:
    """What was answered, nothing where it is no JSON."""
    with contextlib.suppress(ValueError):
        return answer.json()
    return {}


@dataclass
class Writer:
    """Adds a sound, and every third time takes one away that it added."""

    store: Store
    folder: Path
    history: History
    added: dict[str, Path] = field(default_factory=dict)

    def write(self, step: int) -> None:
        """Do one commit; what is in the library then is what history says."""
        now = self.history.sounds[-1]
        if step % 3 == 2:
            gone = next(iter(self.added))
            self.history.begin(now - {gone})
            forget_sounds(self.store, [gone])
            self.added.pop(gone).unlink()
        else:
            path = self.folder / f"new {step}.wav"
            wav(path, 10_000 + step)
            sound_id = sound_of(path)
            self.added[sound_id] = path
            self.history.begin(now | {sound_id})
            assert index(self.store, self.folder).embedded == 1
        self.history.done()
        assert frozenset(column(self.store, "sounds", "sound_id")) == self.history.sounds[-1]


def sound_of(path: Path) -> str:
    """The id of a file's sound."""
    with SoundReader(path) as reader:
        for _ in reader.blocks():
            pass
        return reader.summary().sample_hash


@pytest.mark.slow
@pytest.mark.timeout(int(60 * MINUTES) + 600)
def test_no_error_and_nothing_stale(
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(ingest, "Workers", InlineWorkers)
    folder = tmp_path / "S"
    for seed in range(AT_FIRST):
        wav(folder / f"{seed:02}.wav", seed)
    store = Store.open(address)
    index(store, folder)
    history = History(Looker(address))
    history.begin(frozenset(column(store, "sounds", "sound_id")))
    writer = Writer(store, folder, history)
    over = threading.Event()
    with contextlib.ExitStack() as servers:
        places = [servers.enter_context(served(address, tmp_path, n)) for n in range(SERVERS)]
        askers = [Asker(where, history, over, seed) for seed, where in enumerate(places)]
        threads = [threading.Thread(target=asker.run) for asker in askers]
        threads.append(threading.Thread(target=history.looker.run, args=(over,)))
        for thread in threads:
            thread.start()
        try:
            end, step = time.monotonic() + 60 * MINUTES, 0
            while time.monotonic() < end and not any(asker.problems for asker in askers):
                begun = time.monotonic()
                writer.write(step)
                step += 1
                time.sleep(max(0.0, EVERY_S - (time.monotonic() - begun)))
            time.sleep(history.looker.stated_s())
        finally:
            over.set()
            for thread in threads:
                thread.join(120)
        assert [asker.problems for asker in askers] == [[]] * SERVERS
        for where in places:
            text = httpx.get(f"{where}/metrics").text
            [told] = re.findall(r"^soundkin_sounds (\d+)$", text, re.MULTILINE)
            assert int(told) == len(history.sounds[-1])
            failed = re.findall(r'route="(?!/ready)[^"]*",status="5.*', text)
            assert failed == []  # /ready says 503 until a server has begun
    answers = sum(asker.answers for asker in askers)
    times_ms = sorted(1000 * t for asker in askers for t in asker.times_s)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{MINUTES:g} minutes: {step} commits, {answers} answers, none wrong; oldest "
            f"{max(asker.oldest_s for asker in askers):.1f} s; the longest look took "
            f"{max(took for _, took in history.looker.took):.1f} s; median answer "
            f"{times_ms[len(times_ms) // 2]:.0f} ms\n"
        )
