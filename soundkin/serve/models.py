"""What goes over the wire, typed: the OpenAPI document is made from these.

Requests are checked here (ids, ranges, counts); answers are filled from the library's dataclasses by
attribute. Text that came from raw file names is made valid Unicode.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    model_validator,
)

ID_PATTERN = r"^[0-9a-f]{32}$"
SEGMENT_PATTERN = r"^[0-9a-f]{32}-\d{1,9}$"
MAX_ITEMS = 32
MAX_K = 1000
MAX_PAGE = 1000
MAX_BLEND = 8


def displayable(value: object) -> object:
    r"""Return text that can be encoded: bytes of a file name that are no UTF-8 become U+FFFD.

    >>> displayable("kick\udcff.wav")
    'kick\ufffd.wav'
    """
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return value


Text = Annotated[str, BeforeValidator(displayable)]
PathText = Annotated[str, BeforeValidator(lambda value: displayable(str(value)))]
Tag = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Answer(BaseModel):
    """Base of every answer: filled from a dataclass by attribute."""

    model_config = ConfigDict(from_attributes=True)


class Asked(BaseModel):
    """Base of every request: a field nobody knows is an error, not a surprise."""

    model_config = ConfigDict(extra="forbid")


# -- errors -------------------------------------------------------------------------------------------


class Problem(Answer):
    """What was found, what was expected, what to do; `message` is all three as one sentence."""

    code: str
    found: Text
    expected: Text = ""
    todo: Text = ""
    message: Text
    reason: str | None = None
    position: int | None = None


class ProblemBody(Answer):
    """The body of every error."""

    error: Problem


# -- search -------------------------------------------------------------------------------------------


class ScopeIn(Asked):
    """Which sounds may answer; empty means all. text: the query language, see `GET /api/query`."""

    folders: list[str] = Field(default=[], max_length=MAX_ITEMS)
    not_folders: list[str] = Field(default=[], max_length=MAX_ITEMS)
    tags: list[Tag] = Field(default=[], max_length=MAX_ITEMS)
    not_tags: list[Tag] = Field(default=[], max_length=MAX_ITEMS)
    min_duration_s: Seconds | None = None
    max_duration_s: Seconds | None = None
    added_after: AwareDatetime | None = None
    added_before: AwareDatetime | None = None
    text: str = Field(default="", max_length=500)


class ItemIn(Asked):
    """One sound, or one range or segment of it, that the hits shall be like (or unlike: weight < 0)."""

    sound_id: Annotated[str, Field(pattern=ID_PATTERN)] | None = None
    segment_id: Annotated[str, Field(pattern=SEGMENT_PATTERN)] | None = None
    start_s: Seconds | None = None
    end_s: Seconds | None = None
    weight: Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)] = 1.0

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.sound_id is None) == (self.segment_id is None):
            raise ValueError("expected either sound_id or segment_id")
        if self.segment_id is not None and (self.start_s is not None or self.end_s is not None):
            raise ValueError(
                "a segment has its own range; expected sound_id with start_s and end_s"
            )
        return self


Blend = Annotated[
    dict[str, Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]],
    Field(min_length=1, max_length=MAX_BLEND),
]


class How(Asked):
    """How to search: which space, or a blend of several with weights; how many hits and further ranges."""

    space: str | None = None
    blend: Blend | None = None
    k: int = Field(default=50, ge=1, le=MAX_K)
    further: int = Field(default=8, ge=0, le=100)
    min_closeness: float | None = Field(default=None, ge=-1, le=1)
    most_different: bool = False


class SearchIn(How):
    """A query of one or more items against one space."""

    items: list[ItemIn] = Field(min_length=1, max_length=MAX_ITEMS)
    scope: ScopeIn | None = None


class UploadIn(How):
    """The fields of an upload beside its file; `scope`, `items` and `blend` are JSON text."""

    blend: Json[Blend] | None = None
    start_s: Seconds | None = None
    end_s: Seconds | None = None
    weight: Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)] = 1.0
    items: Json[Annotated[list[ItemIn], Field(max_length=MAX_ITEMS)]] = []
    scope: Json[ScopeIn] | None = None


class RangeOut(Answer):
    """A further range of the same sound that answers the query too."""

    segment_id: str
    start_s: float
    end_s: float
    distance: float
    band: str


class HitOut(Answer):
    """One sound that answers, with its best range; bands: in each space that was asked in."""

    rank: int
    sound_id: str
    segment_id: str
    name: Text
    path: PathText
    root: PathText
    folder: Text
    start_s: float
    end_s: float
    duration_s: float
    distance: float
    closeness: float
    band: str
    bands: list[str]
    further: list[RangeOut]
    tags: list[Text]
    state: str


class QueryPartOut(Answer):
    """One part of the query as the library heard it."""

    label: Text
    weight: float
    segments: int
    sound_id: str | None
    start_s: float | None
    end_s: float | None


class SearchOut(Answer):
    """The hits, best first, and what was compared with what."""

    query: list[QueryPartOut]
    space: str
    hits: list[HitOut]
    nothing_close: bool
    considered: int
    elapsed_ms: float


# -- sounds -------------------------------------------------------------------------------------------


class SoundOut(Answer):
    """One sound of the library."""

    sound_id: str
    name: Text
    path: PathText
    root: PathText
    folder: Text
    duration_s: float
    rate_hz: int
    channels: int
    format: str
    tags: list[Text]
    state: str
    added_at: datetime
    n_segments: int


class SoundPage(Answer):
    """Some of the sounds in scope, and how many there are."""

    sounds: list[SoundOut]
    total: int
    offset: int


class SegmentOut(Answer):
    """One searchable range of a sound."""

    segment_id: str
    seq: int
    start_s: float
    end_s: float
    energy_db: float


class TagsIn(Asked):
    """Tags to add."""

    tags: list[Tag] = Field(min_length=1, max_length=100)


class SoundIds(Asked):
    """Sounds that something is asked of."""

    sound_ids: list[Annotated[str, Field(pattern=ID_PATTERN)]] = Field(
        min_length=1, max_length=MAX_PAGE
    )


class TagsOut(Answer):
    """The tags a sound has now."""

    sound_id: str
    tags: list[Text]


# -- library ------------------------------------------------------------------------------------------


class RootOut(Answer):
    """A folder of the library; `online` or `offline`."""

    root_id: str
    path: PathText
    label: Text
    state: str
    n_sounds: int
    n_gone: int


class FailureOut(Answer):
    """A file that gave no sound, and why."""

    path: PathText
    root: PathText
    reason: str
    message: Text
    size: int
    failed_at: datetime


class IndexState(Answer):
    """The indexing run of this server: how far, how fast, how it ended."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    state: Literal["idle", "running", "finished", "stopped", "failed"] = "idle"
    folder: Text = ""
    phase: str = ""
    done: int = 0
    total: int | None = None
    failed: int = 0
    seconds_of_sound: float = 0.0
    elapsed_s: float = 0.0
    path: Text = ""
    error: Problem | None = None


class IndexIn(Asked):
    """A folder to index: an absolute path on the server's machine."""

    folder: str = Field(min_length=1, max_length=4096)
    retry_failed: bool = False


class Counts(Answer):
    """How much the library holds now, and whether any process is indexing into it.

    marks: a word that changes whenever tags or named lists do, whoever changed them.
    """

    sounds: int
    segments: int
    failures: int
    indexing: bool = False
    marks: str = ""


class IndexInfoOut(Answer):
    """How a space is searched, why, and what part of the nearest is found; measured on so many segments."""

    kind: str
    why: str
    recall: float
    measured: int
    target: float
    said: str


class SpaceOut(Answer):
    """One space of the library and how it is searched."""

    name: str
    space_id: str
    vectors: int
    indexed: IndexInfoOut


class DiskOut(Answer):
    """A part of the library's own files, in words, and its size."""

    what: str
    bytes: int


class LibraryOut(Answer):
    """What the page needs to know first; installed: names of all spaces of this installation."""

    name: Text
    path: PathText
    version: str
    counts: Counts
    spaces: list[str]
    indexes: list[SpaceOut]
    installed: list[str]
    disk: list[DiskOut]
    roots: list[RootOut]
    indexing: IndexState
    max_upload_bytes: int


class Health(Answer):
    """The server answers."""

    status: Literal["ok"] = "ok"
    version: str
