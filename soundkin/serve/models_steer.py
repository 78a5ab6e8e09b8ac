"""What goes over the wire when a person steers: queries in words, the map, duplicates, tags, lists."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from soundkin.serve.models import ID_PATTERN, Answer, Asked, PathText, Problem, Text

AnyId = Annotated[str, Field(pattern=ID_PATTERN)]


class JobState(Answer):
    """Work in the background of the server: how far it is, how it ended."""

    state: Literal["idle", "running", "finished", "stopped", "failed"] = "idle"
    done: int = 0
    total: int | None = None
    error: Problem | None = None


# -- queries in words -----------------------------------------------------------------------------


class TermOut(Answer):
    """One term of a query in words: text[start:end] of what was written."""

    field: str
    op: str
    value: Text
    negated: bool
    start: int
    end: int
    text: Text


class QueryOut(Answer):
    """A query in words as it was understood, and how many sounds meet it."""

    terms: list[TermOut]
    text: Text
    sounds: int


# -- duplicates -----------------------------------------------------------------------------------


class DuplicatesIn(Asked):
    """What to look for: which kinds, heard in which space."""

    kinds: list[Literal["exact", "near", "version"]] = Field(
        default=["exact", "near", "version"], min_length=1, max_length=3
    )
    space: str | None = None


class MemberOut(Answer):
    """One file of a group; reason: what it is beside the first, empty for the first itself."""

    sound_id: str
    path: PathText
    name: Text
    format: str
    rate_hz: int
    duration_s: float
    state: str
    reason: Text


class GroupOut(Answer):
    """Files of one sound; the first is the one to keep when one is kept."""

    group_id: str
    kind: Literal["exact", "near", "version"]
    likeness: float
    members: list[MemberOut]


class DuplicatesOut(Answer):
    """How the search for duplicates stands, and a page of the groups that the last one found."""

    job: JobState
    groups: list[GroupOut] = Field(default=[])
    total: int = 0
    by_kind: dict[str, int] = Field(default={})
    sounds: int = 0
    compared: int = 0
    unread: int = 0


class SoundsIn(Asked):
    """Sounds of a group."""

    sound_ids: list[AnyId] = Field(min_length=2, max_length=100)


class Changed(Answer):
    """How much was changed."""

    changed: int
