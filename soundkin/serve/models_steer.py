"""What goes over the wire when a person steers: queries in words, the map, duplicates, tags, lists."""

from __future__ import annotations

# ruff: noqa: TC003 - pydantic reads the annotations at run time
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from soundkin.serve.models import (
    ID_PATTERN,
    MAX_ITEMS,
    Answer,
    Asked,
    ItemIn,
    PathText,
    Problem,
    Seconds,
    Tag,
    Text,
)

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


# -- tags -----------------------------------------------------------------------------------------


class EvidenceOut(Answer):
    """A sound tagged by hand that a suggestion rests on."""

    sound_id: str
    name: Text
    closeness: float


class SuggestionOut(Answer):
    """A sound that may bear the tag, and why."""

    sound_id: str
    name: Text
    path: PathText
    folder: Text
    duration_s: float
    probability: float
    evidence: list[EvidenceOut]


class SuggestionsOut(Answer):
    """Suggestions for a tag, the most probable first; likely: how many are more likely than not."""

    tag: Text
    space: str
    examples: int
    rejected: int
    likely: int
    suggestions: list[SuggestionOut]


class TagGuessOut(Answer):
    """A tag that a sound may bear: how close the nearest sound that bears it is, and which bear it."""

    tag: Text
    closeness: float
    band: str
    evidence: list[EvidenceOut]


class DecisionIn(Asked):
    """Sounds that do, and sounds that do not bear a tag."""

    tag: Tag
    accept: list[AnyId] = Field(default=[], max_length=10_000)
    reject: list[AnyId] = Field(default=[], max_length=10_000)


class ChangeOut(Answer):
    """What was accepted or rejected at once."""

    change_id: str
    tag: Text
    accepted: list[str]
    rejected: list[str]
    at: datetime


# -- the map --------------------------------------------------------------------------------------


class MapIn(Asked):
    """How to make the map; anew: compute the whole layout again."""

    space: str | None = None
    anew: bool = False
    most: int = Field(default=1_000_000, ge=1, le=2_000_000)


class ClusterOut(Answer):
    """A crowd of points: its middle, how many, and the words that tell it from the others."""

    label: Text
    x: float
    y: float
    points: int


class MapOut(Answer):
    """How the making of the map stands, and the map there is; version is empty where there is none.

    The axes have no unit. total: segments that there are; sampled: not all of them are drawn. missing:
    segments that are not on the map yet. bounds: least x, least y, greatest x, greatest y.
    """

    job: JobState
    space: str
    version: str = ""
    points: int = 0
    sounds: int = 0
    total: int = 0
    sampled: bool = False
    missing: int = 0
    seed: int = 0
    bounds: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    clusters: list[ClusterOut] = Field(default=[])
    made_at: datetime | None = None


class GroupsOut(Answer):
    """A group for each sound on the map, in the order of its sounds: a number of `names`, -1 for none."""

    names: list[Text]
    groups: list[int]


class ClosenessIn(Asked):
    """A query whose closeness is to colour the map."""

    items: list[ItemIn] = Field(min_length=1, max_length=MAX_ITEMS)
    space: str | None = None


# -- lists and taking away ------------------------------------------------------------------------


class SliceIn(Asked):
    """A sound, or a range of it."""

    sound_id: AnyId
    start_s: Seconds | None = None
    end_s: Seconds | None = None


class SliceOut(Answer):
    """A sound, or a range of it; null: from its beginning, to its end."""

    sound_id: str
    start_s: float | None
    end_s: float | None


class ListIn(Asked):
    """A new list."""

    name: str = Field(min_length=1, max_length=200)
    items: list[SliceIn] = Field(default=[], max_length=10_000)


class ListChange(Asked):
    """What is to be other: the name, all items, or more items at the end."""

    name: str | None = Field(default=None, min_length=1, max_length=200)
    items: list[SliceIn] | None = Field(default=None, max_length=10_000)
    more: list[SliceIn] = Field(default=[], max_length=10_000)


class ListOut(Answer):
    """A named list."""

    list_id: str
    name: Text
    items: list[SliceOut]
    changed_at: datetime


class ExportIn(Asked):
    """Slices to take away, and what the file is to be called."""

    slices: list[SliceIn] = Field(min_length=1, max_length=10_000)
    name: str = Field(default="sounds", min_length=1, max_length=100, pattern=r"^[^/\\\x00-\x1f]+$")


# -- one sound ------------------------------------------------------------------------------------


class AlikeSegment(Answer):
    """A segment of a sound and how close it is to the one at the playhead."""

    segment_id: str
    start_s: float
    end_s: float
    closeness: float
    band: str


class AlikeOut(Answer):
    """Where else in a sound it sounds like at one moment."""

    space: str
    segment_id: str
    segments: list[AlikeSegment]


class Revealed(Answer):
    """What was shown in the file manager."""

    path: PathText
