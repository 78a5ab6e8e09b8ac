"""Notes as files: CSV, JSON, Audacity's labels and RAVEN's selection tables, written and read back.

CSV and JSON keep all of a note. Labels keep its range, band, text and tags: tags stand behind the text in
brackets, as in ``two calls [wren; dawn]``. Selection tables keep the author and the time too, in columns
of their own. Labels and tables have one line a note, so line breaks and tabs in a text become blanks.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from soundkin.errors import InputError
from soundkin.library.notes import NOT_IN_A_TAG, Note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

COLUMNS = (
    "note_id",
    "sound_id",
    "path",
    "start_s",
    "end_s",
    "low_hz",
    "high_hz",
    "text",
    "tags",
    "author",
    "made_at",
)
NUMBERS = ("start_s", "end_s", "low_hz", "high_hz")

SELECTION = ("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)")
BAND = ("Low Freq (Hz)", "High Freq (Hz)")
FILE = ("Begin File", "Begin Path", "File Offset (s)")
OURS = ("Annotation", "Tags", "Author", "Made At", "Sound ID", "Note ID")
TEXT_COLUMNS = ("annotation", "common name", "species", "label", "call type", "notes", "comments")
"""Columns of others' selection tables that say what was heard; the first one that says anything."""

_BRACKETS = re.compile(r"(.*)\[([^\[\]]*)\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Filed:
    """A note as a file has it, and the path of its sound, empty where the file does not say.

    duration_s, rate_hz: of the sound, for what is written; line: where it was read.
    """

    note: Note
    path: str = ""
    duration_s: float = 0.0
    rate_hz: int = 0
    line: int = 0


def written(filed: Sequence[Filed], form: str) -> str:
    """Return notes as the text of a file. form: one of `FORMS`. Raises `InputError` for another."""
    return FORMS[checked_form(form)][0](filed)


def read(text: str, form: str) -> list[Filed]:
    """Return the notes in the text of a file. Raises `InputError` that names the line."""
    return FORMS[checked_form(form)][1](text.removeprefix("\ufeff"))


def checked_form(form: str) -> str:
    """Return a form's name. Raises `InputError` for one that is not there."""
    if form not in FORMS:
        raise InputError(
            f"the form {form!r}" if form else "a file without a form",
            f"one of {', '.join(FORMS)}",
            "name it with --format",
        )
    return form


def form_of(name: str) -> str:
    """Return the form that a file's name tells, empty when it tells none.

    >>> form_of("wren.csv"), form_of("wren.Table.1.selections.txt"), form_of("labels.txt")
    ('csv', 'raven', 'audacity')
    """
    lower = name.lower()
    for end, form in SUFFIXES.items():
        if lower.endswith(end):
            return form
    return ""


# -- CSV and JSON -----------------------------------------------------------------------------------


def _csv(filed: Sequence[Filed]) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    for one in filed:
        row = _plain(one)
        writer.writerow(row | {"tags": ";".join(row["tags"])})
    return out.getvalue()


def _read_csv(text: str) -> list[Filed]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    names = [name.strip().lower() for name in reader.fieldnames or []]
    if not set(names) & {"text", "tags"}:
        raise InputError(
            f"a table with the columns {', '.join(names) or 'none'}",
            f"some of {', '.join(COLUMNS)}; text or tags among them",
            "give the columns these names",
        )
    reader.fieldnames = names
    found = []
    try:
        for row in reader:
            row["tags"] = [tag for tag in (row.get("tags") or "").split(";") if tag.strip()]
            found.append(_filed(row, reader.line_num))
    except csv.Error as error:
        raise _bad(reader.line_num, str(error)) from error
    return found


def _json(filed: Sequence[Filed]) -> str:
    return json.dumps([_plain(one) for one in filed], ensure_ascii=False, indent=1) + "\n"


def _read_json(text: str) -> list[Filed]:
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise InputError(f"a file that is no JSON ({error})", "a list of notes", "") from error
    if isinstance(rows, dict):
        rows = rows.get("notes")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError("JSON that is no list of notes", "a list of objects", "")
    return [_filed(row, number) for number, row in enumerate(rows, 1)]


def _plain(one: Filed) -> dict[str, Any]:
    """Return a note's columns, the time as ISO 8601."""
    row = asdict(one.note) | {"path": one.path, "made_at": one.note.made_at.isoformat()}
    return {name: row[name] for name in COLUMNS}


def _filed(row: Mapping[str, Any], line: int) -> Filed:
    """Return a note from named columns, most of which may be missing."""
    made_at = row.get("made_at") or ""
    try:
        when = datetime.fromisoformat(str(made_at)) if made_at else datetime.now(UTC)
    except ValueError as error:
        raise _bad(line, f"the time {made_at!r}") from error
    tags = row.get("tags") or []
    if not isinstance(tags, list):
        raise _bad(line, f"the tags {tags!r}")
    note = Note(
        note_id=_text(row.get("note_id")),
        sound_id=_text(row.get("sound_id")),
        text=_text(row.get("text")),
        tags=tuple(map(str, tags)),
        author=_text(row.get("author")),
        made_at=when if when.tzinfo else when.replace(tzinfo=UTC),
        **{name: _number(row.get(name), line) for name in NUMBERS},
    )
    return Filed(note, _text(row.get("path")), line=line)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _number(value: object, line: int) -> float | None:
    """Return a number, None for an empty cell."""
    if value is None or value == "":
        return None
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise _bad(line, f"{value!r} where a number should be") from error


def _bad(line: int, what: str) -> InputError:
    """Return the error for a line that cannot be read."""
    return InputError(f"{what} in line {line}", "a note", "correct the file; nothing was imported")


# -- Audacity's labels ------------------------------------------------------------------------------


def _audacity(filed: Sequence[Filed]) -> str:
    lines = []
    for one in filed:
        start, end = _ends(one)
        lines.append(f"{start!r}\t{end!r}\t{_label(one.note)}\n")
        if one.note.low_hz is not None:
            lines.append(f"\\\t{one.note.low_hz!r}\t{one.note.high_hz!r}\n")
    return "".join(lines)


def _read_audacity(text: str) -> list[Filed]:
    found: list[Filed] = []
    for number, line in enumerate(text.split("\n"), 1):
        cells = line.rstrip("\r").split("\t")
        if len(cells) == 1 and not cells[0].strip():
            continue
        if len(cells) < 2:
            raise _bad(number, f"{line[:30]!r}, which is no label,")
        first, second = _number(cells[1], number), None
        if cells[0] == "\\" and found:
            second = _number(cells[2] if len(cells) > 2 else None, number)
            band = {} if (first or 0) < 0 else {"low_hz": first, "high_hz": second}
            last = found.pop()
            found.append(Filed(Note(**{**asdict(last.note), **band}), line=number))
            continue
        said, tags = _of_label("\t".join(cells[2:]))
        start = _number(cells[0], number)
        note = Note("", "", start, first, said, tags, made_at=datetime.now(UTC))
        found.append(Filed(note, line=number))
    return found


def _label(note: Note) -> str:
    """Return text and tags as one label, such that `_of_label` tells them apart."""
    text = _flat(note.text)
    if not note.tags and not text.endswith("]"):
        return text
    return f"{text} [{'; '.join(note.tags)}]".lstrip()


def _of_label(label: str) -> tuple[str, tuple[str, ...]]:
    """Return a label's text, and its tags when it ends in brackets that can be read as such.

    >>> _of_label("two calls [wren; dawn]"), _of_label("see [1, 2]")
    (('two calls', ('wren', 'dawn')), ('see [1, 2]', ()))
    """
    found = _BRACKETS.fullmatch(label.strip())
    tags = tuple(t.strip() for t in found[2].split(";") if t.strip()) if found else ()
    if found is None or any(len(tag) > 100 or set(tag) & set(NOT_IN_A_TAG) for tag in tags):
        return label.strip(), ()
    return found[1].strip(), tags


def _flat(text: str) -> str:
    """Return text on one line."""
    return text.replace("\n", " ").replace("\t", " ")


def _ends(one: Filed) -> tuple[float, float]:
    """Return a note's range in numbers."""
    note = one.note
    start = 0.0 if note.start_s is None else note.start_s
    return start, one.duration_s if note.end_s is None else note.end_s


# -- RAVEN's selection tables -----------------------------------------------------------------------


def _raven(filed: Sequence[Filed]) -> str:
    rows: list[Iterable[object]] = [(*SELECTION, *BAND, *FILE, *OURS)]
    for number, one in enumerate(filed, 1):
        start, end = _ends(one)
        note = one.note
        low = 0.0 if note.low_hz is None else note.low_hz
        high = one.rate_hz / 2 if note.high_hz is None else note.high_hz
        name = one.path.rpartition("/")[2]
        ours = _flat(note.text), ";".join(note.tags), note.author, note.made_at.isoformat()
        place = (*map(repr, (start, end, low, high)), _flat(name), _flat(one.path), repr(start))
        rows.append((number, "Spectrogram 1", 1, *place, *ours, note.sound_id, note.note_id))
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def _read_raven(text: str) -> list[Filed]:
    lines = [line.rstrip("\r") for line in text.split("\n")]
    names = [name.strip().lower() for name in lines[0].split("\t")]
    if "begin time (s)" not in names or "end time (s)" not in names:
        raise InputError(
            f"a first line that begins {lines[0][:40]!r}",
            "the columns of a selection table, 'Begin Time (s)' and 'End Time (s)' among them",
            "export the table with its header",
        )
    found: dict[str, Filed] = {}
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        row = dict(zip(names, line.split("\t"), strict=False))
        key = row.get("selection") or f"line {number}"
        if key in found and not row.get("view", "").startswith("Spectrogram"):
            continue  # the waveform's view of a selection that is there already
        found[key] = _selected(row, number)
    return list(found.values())


def _selected(row: Mapping[str, str], line: int) -> Filed:
    """Return a row of a selection table; times count from the beginning of its file where that is said."""
    start = _number(row["begin time (s)"], line)
    end = _number(row.get("end time (s)"), line)
    offset = _number(row.get("file offset (s)"), line)
    if offset is not None and start is not None and end is not None and offset != start:
        start, end = offset, offset + (end - start)
    columns = {
        "note_id": row.get("note id"),
        "sound_id": row.get("sound id"),
        "path": row.get("begin path") or row.get("begin file"),
        "start_s": start,
        "end_s": end,
        "low_hz": row.get("low freq (hz)"),
        "high_hz": row.get("high freq (hz)"),
        "text": next((row[name] for name in TEXT_COLUMNS if row.get(name, "").strip()), ""),
        "tags": [tag for tag in (row.get("tags") or "").split(";") if tag.strip()],
        "author": row.get("author"),
        "made_at": row.get("made at"),
    }
    return _filed(columns, line)


FORMS: dict[str, tuple[Callable[[Sequence[Filed]], str], Callable[[str], list[Filed]]]] = {
    "csv": (_csv, _read_csv),
    "json": (_json, _read_json),
    "audacity": (_audacity, _read_audacity),
    "raven": (_raven, _read_raven),
}
"""The forms, each with its writer and its reader."""

SUFFIXES = {
    ".csv": "csv",
    ".json": "json",
    ".selections.txt": "raven",
    ".tsv": "raven",
    ".txt": "audacity",
}
"""What a file's name tells of its form, the most telling first."""
