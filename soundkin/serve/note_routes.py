"""Notes over HTTP: page by page in the order of their ids, written, taken away, and as files."""

from __future__ import annotations

# ruff: noqa: TC001, TC003 - FastAPI and pydantic read the annotations at run time
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from soundkin import noting
from soundkin.facade import Scope
from soundkin.library.noteforms import written
from soundkin.library.notes import MAX_AUTHOR, MAX_TAGS, MAX_TEXT
from soundkin.serve.models import ID_PATTERN, MAX_PAGE, Answer, Asked, Seconds, Tag, Text
from soundkin.serve.sound_routes import disposition
from soundkin.serve.wiring import Lib, SoundId

router = APIRouter(tags=["notes"])

NOTE_PATTERN = r"^[0-9a-f]{24}$"
FORMS = {
    "csv": ("notes.csv", "text/csv"),
    "json": ("notes.json", "application/json"),
    "audacity": ("labels.txt", "text/plain"),
    "raven": ("notes.selections.txt", "text/tab-separated-values"),
}
"""What a file of each form is called, and its media type."""

Hertz = Annotated[float, Field(ge=0, allow_inf_nan=False)]
NoteId = Annotated[str, Path(pattern=NOTE_PATTERN, description="a note's id: 24 hex characters")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
After = Annotated[str, Query(pattern=r"^([0-9a-f]{24})?$", description="the last id seen")]


class NoteIn(Asked):
    """A note on a sound, or on a range (seconds) and a band (Hz) of it."""

    text: str = Field(default="", max_length=MAX_TEXT)
    start_s: Seconds | None = None
    end_s: Seconds | None = None
    low_hz: Hertz | None = None
    high_hz: Hertz | None = None
    tags: list[Tag] = Field(default=[], max_length=MAX_TAGS)
    author: str = Field(default="", max_length=MAX_AUTHOR)


class NoteOut(Answer):
    """One note; without a range it is on the whole sound."""

    note_id: str
    sound_id: str
    start_s: float | None
    end_s: float | None
    low_hz: float | None
    high_hz: float | None
    text: Text
    tags: list[Text]
    author: Text
    made_at: datetime


class NotePage(Answer):
    """Some notes in the order of their ids; `next`: what `after` is for the page behind, if there is one."""

    notes: list[NoteOut]
    next: str | None


@router.get("/notes")
def all_notes(
    library: Lib,
    after: After = "",
    limit: Limit = 100,
    sound_id: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
    author: Annotated[str, Query(max_length=MAX_AUTHOR)] = "",
    saying: Annotated[str, Query(max_length=500)] = "",
) -> NotePage:
    """Return a page of notes; none is seen twice or missed while others are written and taken away."""
    found = library.annotations(
        sound_id, after=after, limit=limit + 1, author=author, saying=saying
    )
    shown = found[:limit]
    more = shown[-1].note_id if len(found) > limit else None
    return NotePage(notes=[NoteOut.model_validate(note) for note in shown], next=more)


@router.get("/sounds/{sound_id}/notes")
def notes_of(sound_id: SoundId, library: Lib, after: After = "", limit: Limit = 100) -> NotePage:
    """Return a page of the notes on one sound."""
    return all_notes(library, after, limit, sound_id)


@router.post("/sounds/{sound_id}/notes", status_code=201)
def add_note(sound_id: SoundId, asked: NoteIn, library: Lib) -> NoteOut:
    """Write a note on a sound."""
    note = library.annotate(
        sound_id,
        asked.text,
        start_s=asked.start_s,
        end_s=asked.end_s,
        tags=asked.tags,
        author=asked.author,
        low_hz=asked.low_hz,
        high_hz=asked.high_hz,
    )
    return NoteOut.model_validate(note)


@router.delete("/notes/{note_id}")
def remove_note(note_id: NoteId, library: Lib) -> NoteOut:
    """Take a note away; returns what it was, so that it can be written again."""
    [gone] = library.unannotate([note_id])
    return NoteOut.model_validate(gone)


@router.get("/notes/export", response_class=Response)
def export_notes(
    library: Lib,
    form: Literal["csv", "json", "audacity", "raven"] = "csv",
    text: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """Return the notes on the sounds that meet a query as a file."""
    name, media_type = FORMS[form]
    data = written(noting.filed(library.catalogue, Scope(text=text)), form)
    headers = {"Content-Disposition": disposition("attachment", name)}
    body = data.encode("utf-8", "replace")
    return Response(body, media_type=media_type, headers=headers)
