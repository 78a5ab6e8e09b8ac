"""Notes: what a person wrote about a sound or a range of it, with tags, author and time.

A note belongs to its sound's identity: it stays when files move and folders are indexed again, and goes
when its sound is forgotten. Its id grows with time, so pages are told apart by the last id that was seen.
Times are seconds from the sound's beginning, frequencies Hz; a range or band that is not there is all.
"""

from __future__ import annotations

import bisect
import math
import os
import re
import secrets
import time
import unicodedata
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from soundkin.errors import InputError, NotFound
from soundkin.library.ids import packed
from soundkin.library.spots import containing
from soundkin.library.tables import SCHEMAS, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from soundkin.library.store import Store

MAX_TEXT = 10_000
MAX_TAGS = 100
MAX_AUTHOR = 200
SLACK_S = 0.05
"""How far behind a sound's end a range may reach: other programs round."""

NOTE_ID = re.compile(r"[0-9a-f]{24}")
NOT_IN_A_TAG = ",;[]"


@dataclass(frozen=True, slots=True)
class Note:
    """One note on a range of a sound, None for all of it, and on a band, None for all frequencies."""

    note_id: str
    sound_id: str
    start_s: float | None
    end_s: float | None
    text: str
    tags: tuple[str, ...] = ()
    author: str = ""
    made_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    low_hz: float | None = None
    high_hz: float | None = None

    @property
    def said(self) -> tuple[object, ...]:
        """All that makes two notes say the same of the same."""
        place = self.sound_id, self.start_s, self.end_s, self.low_hz, self.high_hz
        return (*place, self.text, self.tags)


def new_ids(n: int) -> list[str]:
    """Return ids of notes made now, ascending: 16 hex digits of time and 8 of chance.

    >>> first, second = new_ids(2)
    >>> first < second, len(first)
    (True, 24)
    """
    now = time.time_ns()
    return [f"{now + i:016x}{secrets.token_hex(4)}" for i in range(n)]


# -- what may be written ----------------------------------------------------------------------------


def checked(note: Note, *, duration_s: float, rate_hz: int) -> Note:
    """Return a note as it is kept: trimmed, tags once each, in order; a range or band that is all is none.

    duration_s, rate_hz: of its sound. A range may be a moment (start and end equal).
    Raises `InputError`.

    >>> note = checked(Note("", "", 0.0, 2.0, "", ("bird ", "bird")), duration_s=2.0, rate_hz=8000)
    >>> note.tags, note.start_s
    (('bird',), None)
    """
    text = _line_breaks(note.text).strip()
    tags = tuple(sorted({tag.strip() for tag in note.tags}))
    author = note.author.strip()
    if not text and not tags and note.start_s is None and note.end_s is None:
        raise InputError("a note that says nothing", "a text or a tag", "write one")
    if len(text) > MAX_TEXT or _has_controls(text.replace("\n", "").replace("\t", "")):
        raise InputError(
            f"a note of {len(text)} characters beginning {text[:30]!r}",
            f"at most {MAX_TEXT} characters, none of which moves a cursor",
            "shorten or clean it",
        )
    if len(tags) > MAX_TAGS:
        raise InputError(f"{len(tags)} tags", f"at most {MAX_TAGS}", "leave some out")
    for tag in tags:
        if not 1 <= len(tag) <= 100 or _has_controls(tag) or any(c in tag for c in NOT_IN_A_TAG):
            raise InputError(
                f"the tag {tag!r}",
                "1 to 100 characters without comma, semicolon, bracket or line break",
                "choose another word",
            )
    if len(author) > MAX_AUTHOR or _has_controls(author):
        raise InputError(
            f"the author {author[:30]!r}", f"a name of up to {MAX_AUTHOR} characters", "shorten it"
        )
    start_s, end_s = _range(note.start_s, note.end_s, duration_s)
    low_hz, high_hz = _band(note.low_hz, note.high_hz, rate_hz / 2)
    return replace(
        note,
        text=text,
        tags=tags,
        author=author,
        start_s=start_s,
        end_s=end_s,
        low_hz=low_hz,
        high_hz=high_hz,
        made_at=note.made_at.astimezone(UTC),
    )


def _line_breaks(text: str) -> str:
    """Return text with one kind of line break."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _has_controls(text: str) -> bool:
    """Say whether a text has characters that no one can see, or that cannot be stored."""
    return any(unicodedata.category(c) in {"Cc", "Cs"} or c in "\u2028\u2029" for c in text)


def _range(
    start_s: float | None, end_s: float | None, duration_s: float
) -> tuple[float | None, float | None]:
    """Return a range within a sound; raises `InputError` for one that is not."""
    if start_s is None and end_s is None:
        return None, None
    start = 0.0 if start_s is None else float(start_s)
    end = duration_s if end_s is None else float(end_s)
    if not (math.isfinite(start) and math.isfinite(end) and 0 <= start <= end):
        raise InputError(
            f"the range {start:g}-{end:g} s", "a start of 0 or more, before the end", "correct it"
        )
    if end > duration_s + SLACK_S or start > duration_s:
        raise InputError(
            f"the range {start:g}-{end:g} s",
            f"one within the sound, which is {duration_s:g} s long",
            "correct it, or choose the sound that is meant",
        )
    end = min(end, duration_s)
    return (None, None) if start == 0 and end == duration_s else (start, end)


def _band(
    low_hz: float | None, high_hz: float | None, top_hz: float
) -> tuple[float | None, float | None]:
    """Return a band; raises `InputError` for one that cannot be."""
    if low_hz is None and high_hz is None:
        return None, None
    low = 0.0 if low_hz is None else float(low_hz)
    high = top_hz if high_hz is None else float(high_hz)
    if not (math.isfinite(low) and math.isfinite(high) and 0 <= low <= high):
        raise InputError(
            f"the band {low:g}-{high:g} Hz", "0 Hz or more, the lower one first", "correct it"
        )
    return (None, None) if low == 0 and high >= top_hz else (low, high)


# -- in memory --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes of a snapshot's sounds, by id; arrays are over notes.

    sound (n,): ords. rows: of the table, in the same order. text: what `note:` looks in, folded.
    """

    sound: npt.NDArray[np.int64]
    rows: pa.Table
    ids: Sequence[str]
    text: pa.Array

    def page(
        self, *, after: str = "", limit: int = 100, chosen: npt.NDArray[np.bool_] | None = None
    ) -> list[Note]:
        """Return up to `limit` notes whose id comes after one, in order; chosen (n,): which may come."""
        first = bisect.bisect_right(self.ids, after) if after else 0
        if chosen is None:
            return notes_of(self.rows.slice(first, limit))
        numbers = np.flatnonzero(chosen[first:])[:limit] + first
        return notes_of(self.rows.take(pa.array(numbers, pa.int64())))

    def of(self, sound: int) -> npt.NDArray[np.bool_]:
        """Return which notes are a sound's; (n,)."""
        mine: npt.NDArray[np.bool_] = self.sound == sound
        return mine

    def saying(self, word: str) -> npt.NDArray[np.bool_]:
        """Return which notes have a word, folded, in their text or tags; (n,)."""
        return containing(self.text, word)


def notes_from(
    ords: Callable[[npt.NDArray[np.uint64]], npt.NDArray[np.int64]], rows: pa.Table
) -> Notes:
    """Put notes in order. rows: of the table; ords: number of each sound id as `packed`, -1 where unknown."""
    sound = ords(packed(rows["sound_id"])) if len(rows) else np.empty(0, np.int64)
    known = np.flatnonzero(sound >= 0)
    rows = rows.take(pa.array(known, pa.int64()))
    order = pc.sort_indices(rows, [("note_id", "ascending")])
    rows = rows.take(order).combine_chunks()
    tags = pc.binary_join(_one(rows["tags"]), "\n")
    text = pc.binary_join_element_wise(_one(rows["text"]), tags, "\n")
    folded = pc.utf8_lower(pc.utf8_normalize(text, "NFC"))
    return Notes(sound[known][order.to_numpy()], rows, rows["note_id"].to_pylist(), folded)


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column as one array."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def notes_of(rows: pa.Table) -> list[Note]:
    """Return rows of the table as notes."""
    return [Note(**{**row, "tags": tuple(row["tags"] or ())}) for row in rows.to_pylist()]


# -- on disk ----------------------------------------------------------------------------------------


def write(store: Store, notes: Iterable[Note]) -> None:
    """Keep notes in one commit; one whose id is there already is passed over."""
    rows = [asdict(note) for note in notes]
    store.insert_missing("notes", pa.Table.from_pylist(rows, schema=SCHEMAS["notes"]))


def remove(store: Store, note_ids: Sequence[str]) -> list[Note]:
    """Take notes away and return what they were. Raises `NotFound` when one is not there."""
    where = f"note_id IN ({quote(note_ids)})"
    found = notes_of(store.read("notes", where=where)) if note_ids else []
    missing = set(note_ids) - {note.note_id for note in found}
    if missing:
        raise NotFound(
            f"there is no note '{min(missing)}'", "the id of a note", "see `soundkin notes list`"
        )
    if found:
        store.delete("notes", where)
    return sorted(found, key=lambda note: note.note_id)


def path_keys(path: str) -> list[str]:
    """Return how a path may stand in the library: as given, whole, and with its links followed."""
    given = os.path.expanduser(path)
    return list(dict.fromkeys([given, os.path.abspath(given), os.path.realpath(given)]))
