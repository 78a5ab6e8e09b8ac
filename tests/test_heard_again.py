"""What a query was heard as is remembered; who waits for a decoder can be let go."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from soundkin import Library, listen
from soundkin.errors import LibraryBusy
from soundkin.library.worker import hear_group
from soundkin.library.workers import Workers
from soundkin.space import load_space
from tests.library.making import wav

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from soundkin.library.workers import Job, Outcome


class Hearing:
    """Hears in this process and counts; `waits` says that nothing is heard until told to stop."""

    heard = 0
    waits: threading.Event | None = None

    def __init__(self, n: int, spaces: Sequence[str], **_: object) -> None:
        self.spaces = tuple(spaces)

    def hear(self, job: Job, *, stop: Callable[[], bool] = lambda: False) -> Outcome | None:
        if Hearing.waits is not None:
            Hearing.waits.set()
            while not stop():
                pass
            return None
        Hearing.heard += 1
        (outcome,) = hear_group((job,), [load_space(name) for name in self.spaces])
        return outcome

    def close(self) -> None:
        pass


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    for number in range(3):
        wav(tmp_path / "sounds" / f"{number}.wav", number, 1.5)
    with Library.open(tmp_path / "lib") as opened:
        opened.add(tmp_path / "sounds", jobs=1)
        monkeypatch.setattr(Hearing, "heard", 0)
        monkeypatch.setattr(Hearing, "waits", None)
        monkeypatch.setattr(listen, "Workers", Hearing)
        opened._listener._slicer = Hearing(1, [])
        yield opened


def test_a_file_and_a_range_are_heard_once(library: Library, tmp_path: Path) -> None:
    path = wav(tmp_path / "other.wav", 7, 1.5)
    data = path.read_bytes()
    first = library.search(data)
    assert library.search(data).hits == first.hits
    assert Hearing.heard == 1
    assert library.search(path).hits == first.hits, "by its path it is another query"
    assert library.search(path).hits == first.hits
    assert Hearing.heard == 2
    library.search(listen.QueryItem(path, 0.1, 0.9))
    assert Hearing.heard == 3
    wav(path, 8, 1.4)
    assert library.search(path).hits != first.hits, "another sound lies there now"
    assert Hearing.heard == 4


def test_only_some_are_remembered(library: Library, tmp_path: Path) -> None:
    names = [wav(tmp_path / f"o{n}.wav", 20 + n).read_bytes() for n in range(listen.MOST_KEPT + 1)]
    for data in [*names, names[0]]:
        library.search(data)
    assert Hearing.heard == len(names) + 1
    library.search(names[-1])
    assert Hearing.heard == len(names) + 1


@pytest.mark.parametrize("what", ["query", "slice"])
def test_who_waits_is_let_go(library: Library, tmp_path: Path, what: str) -> None:
    data = wav(tmp_path / "other.wav", 7).read_bytes()
    sound_id = library.sounds()[0][0].sound_id
    Hearing.waits = threading.Event()
    said: list[BaseException] = []

    def ask() -> None:
        try:
            library.search(data) if what == "query" else library.slice_wav(sound_id, 0.0, 0.1)
        except LibraryBusy as error:
            said.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert Hearing.waits.wait(20)
    library.give_up()
    asking.join(20)
    assert "given up" in str(said[0])
    Hearing.waits = None
    assert library.search(data).hits, "who asks later is answered"


def test_a_process_is_not_waited_for() -> None:
    assert Workers(1, []).hear(object(), stop=lambda: True) is None  # type: ignore[arg-type]
