"""What goes over the wire: the page's types are the server's, and text from odd names survives."""

from __future__ import annotations

import itertools
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

from soundkin.serve import events
from soundkin.serve.events import Counter, encode
from soundkin.serve.models import Counts, IndexState, TagsOut, displayable

if TYPE_CHECKING:
    import pytest
    from fastapi import FastAPI

WEB = Path(__file__).parents[2] / "web"


def test_the_page_types_are_those_of_the_server(app: FastAPI) -> None:
    """Fails after a change of the API until `python web/make_wire.py` has been run."""
    wire = runpy.run_path(str(WEB / "make_wire.py"))["wire"]
    made = wire(app.openapi())
    for line in ("export interface SearchOut {", "  hits: HitOut[];", "  space?: string | null;"):
        assert line in made.splitlines()
    assert (WEB / "src/wire.ts").read_text() == made


def test_names_that_are_no_text_can_be_sent() -> None:
    name = b"kick\xff.wav".decode("utf-8", "surrogateescape")
    assert displayable(name) == "kick\ufffd.wav"
    assert "kick" in TagsOut(sound_id="0", tags=[name]).model_dump_json()
    assert "kick" in IndexState(path=name).model_dump_json()


def test_an_event_is_one_event_whatever_its_text_holds() -> None:
    wire = encode("index", IndexState(path="a\n\ndata: b\r\nevent: c"))
    assert wire.count("\n\n") == 1
    assert len(wire.strip().splitlines()) == 2


def test_counting_is_shared_and_not_done_at_every_look() -> None:
    counted: list[Counts] = []

    def count() -> Counts:
        counted.append(Counts(sounds=len(counted), segments=0, failures=0))
        return counted[-1]

    counter = Counter(count)
    assert counter.is_due
    assert counter.last is None
    for _ in range(3):
        counter.refresh()
    assert not counter.is_due
    assert counted == [counter.last]
    counter.expire()
    counter.refresh()
    assert counter.last is counted[1]


def test_what_others_must_see_soon_is_counted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that changes makes a count due; one that stays costs no count."""
    monkeypatch.setattr(events, "WATCH_S", 0.0)
    counts = itertools.count(1)
    word = ["a"]
    counter = Counter(lambda: Counts(sounds=next(counts), segments=0, failures=0), lambda: word[0])
    counter.refresh()
    counter.refresh()
    assert counter.last.sounds == 1
    word[0] = "b"
    assert counter.is_due
    counter.refresh()
    counter.refresh()
    assert counter.last.sounds == 2
