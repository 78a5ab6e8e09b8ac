"""What goes over the wire: the page's types are the server's, and text from odd names survives."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from soundkin.serve.events import Counter, encode
from soundkin.serve.models import Counts, IndexState, TagsOut, displayable

if TYPE_CHECKING:
    from fastapi import FastAPI

API = Path(__file__).parents[2] / "web/src/api.ts"
INTERFACE = re.compile(r"export interface (\w+) \{(.*?)\n\}", re.DOTALL)
FIELD = re.compile(r"^  (\w+):", re.MULTILINE)


def interfaces() -> dict[str, set[str]]:
    found = {name: set(FIELD.findall(body)) for name, body in INTERFACE.findall(API.read_text())}
    del found["UploadQuery"]  # the page's own; it is sent as a form
    return found


@pytest.mark.parametrize("name", sorted(interfaces()))
def test_the_page_types_are_those_of_the_server(app: FastAPI, name: str) -> None:
    """What the page reads must be sent, what it sends must be known; requests may leave defaults out."""
    schema = app.openapi()["components"]["schemas"][name]
    sent, read = set(schema["properties"]), interfaces()[name]
    assert read <= sent, f"{name}: the server has no {read - sent}"
    if not name.endswith("In"):
        assert read == sent, f"{name}: the page does not know {sent - read}"


def test_every_type_was_compared() -> None:
    assert {"Problem", "HitOut", "SoundOut", "LibraryOut", "IndexState", "SearchIn"} <= set(
        interfaces()
    )


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
