"""Notes on a library's sounds: written, read page by page, imported and exported.

What a note may hold: :mod:`soundkin.library.notes`; how it looks in files: `soundkin.library.noteforms`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from soundkin.errors import InputError, NotFound, SoundkinError
from soundkin.library import noteforms, notes
from soundkin.library.noteforms import Filed
from soundkin.library.notes import Note
from soundkin.library.refusals import guarded
from soundkin.library.spots import folded
from soundkin.listen import RANGE, SEGMENT_ID, SOUND_ID, best_spot
from soundkin.listing import ord_of
from soundkin.scope import sounds_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from soundkin.library.catalogue import Catalogue, Snapshot
    from soundkin.scope import Scope

__all__ = ["Imported", "Note", "add", "export_to", "filed", "find", "import_from", "page", "remove"]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: notes added, known (there already, not added again), and sounds that are not here.

    unknown: paths or ids as the file names them; their notes were left out.
    """

    added: int
    known: int
    unknown: tuple[str, ...]


def add(
    catalogue: Catalogue,
    what: str | Path,
    text: str = "",
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    tags: Sequence[str] = (),
    author: str = "",
    low_hz: float | None = None,
    high_hz: float | None = None,
) -> Note:
    """Write a note; see `Library.annotate`."""
    snapshot = catalogue.snapshot()
    sound, start, end = find(snapshot, what)
    row = snapshot.row(sound)
    note = Note(
        note_id=notes.new_ids(1)[0],
        sound_id=row["sound_id"],
        start_s=start if start_s is None else start_s,
        end_s=end if end_s is None else end_s,
        text=text,
        tags=tuple(tags),
        author=author,
        made_at=datetime.now(UTC),
        low_hz=low_hz,
        high_hz=high_hz,
    )
    note = notes.checked(note, duration_s=row["duration_s"], rate_hz=row["rate_hz"])
    notes.write(catalogue.store, [note])
    catalogue.touch()
    return note


def remove(catalogue: Catalogue, note_ids: Sequence[str]) -> list[Note]:
    """Take notes away and return what they were. Raises `NotFound` when one is not there."""
    gone = notes.remove(catalogue.store, note_ids)
    catalogue.touch()
    return gone


def page(
    catalogue: Catalogue,
    what: str | Path | None = None,
    *,
    after: str = "",
    limit: int = 100,
    author: str = "",
    saying: str = "",
) -> list[Note]:
    """Return notes in the order of their ids; see `Library.annotations`."""
    snapshot = catalogue.snapshot()
    held = snapshot.notes
    wanted: list[npt.NDArray[np.bool_]] = []
    if what is not None:
        wanted.append(_touching(snapshot, what))
    if author:
        wanted.append(pc.equal(held.rows["author"], author).to_numpy())
    if saying:
        wanted.append(held.saying(folded(saying)))
    chosen = np.logical_and.reduce(wanted) if wanted else None
    return held.page(after=after, limit=limit, chosen=chosen)


def _touching(snapshot: Snapshot, what: str | Path) -> npt.NDArray[np.bool_]:
    """Say which notes are on a sound, and touch the range of it that is meant."""
    held = snapshot.notes
    sound, start, end = find(snapshot, what)
    on_it = held.of(sound)
    if start is None or end is None:
        return on_it
    first = pc.fill_null(held.rows["start_s"], 0.0).to_numpy()
    last = pc.fill_null(held.rows["end_s"], np.inf).to_numpy()
    touching: npt.NDArray[np.bool_] = on_it & (first <= end) & (last >= start)
    return touching


def find(snapshot: Snapshot, what: str | Path) -> tuple[int, float | None, float | None]:
    """Return the number of the sound that is meant, and the range of it.

    what: a sound id, a segment id, or a path, with or without "@start-end"; a path may be a whole one, or
    the end of one if only one sound lies there. Raises `NotFound`, `InputError`.
    """
    name = str(what)
    segment = SEGMENT_ID.fullmatch(name)
    if segment is not None:
        sound = ord_of(snapshot, segment[1])
        for row in snapshot.segment_rows(sound):
            if int(snapshot.segments["seq"][row]) == int(segment[2]):
                columns = snapshot.segments
                return sound, float(columns["start_s"][row]), float(columns["end_s"][row])
        raise NotFound(f"there is no segment '{name}'", "the id of a segment", "")
    if SOUND_ID.fullmatch(name):
        return ord_of(snapshot, name), None, None
    ranged = RANGE.fullmatch(name)
    if ranged is not None:
        return _at(snapshot, ranged["path"]), float(ranged["start"]), float(ranged["end"])
    return _at(snapshot, name), None, None


def _at(snapshot: Snapshot, path: str) -> int:
    """Return the number of the sound at a path."""
    spots = snapshot.spots
    for key in notes.path_keys(path):
        places = pc.equal(spots.text, folded(key)).to_numpy(zero_copy_only=False)
        found = np.unique(spots.sound[places])
        exact = [s for s in found.tolist() if any(spot.path == key for spot in spots.of(s))]
        if exact or len(found) == 1:
            return int(exact[0] if exact else found[0])
    end = f"/{folded(path.strip('/'))}"
    places = pc.ends_with(spots.text, end).to_numpy(zero_copy_only=False)
    found = np.unique(spots.sound[places])
    if len(found) != 1:
        raise NotFound(
            f"{len(found) or 'no'} sounds of the library lie at '{path}'",
            "one: its whole path, or its id",
            "look for it with `soundkin search`",
        )
    return int(found[0])


# -- files ------------------------------------------------------------------------------------------


def filed(catalogue: Catalogue, scope: Scope | str | None = None) -> list[Filed]:
    """Return the notes on the sounds in a scope, with what files say of their sounds."""
    snapshot = catalogue.snapshot()
    held = snapshot.notes
    chosen = sounds_in(snapshot, scope)[held.sound]
    found = held.page(limit=len(held.ids), chosen=chosen)
    facts: dict[str, tuple[str, float, int]] = {}
    for sound in np.unique(held.sound[chosen]).tolist():
        row = snapshot.row(sound)
        spot = best_spot(catalogue, snapshot, row["sound_id"])
        path = spot.path if spot else ""
        facts[row["sound_id"]] = path, row["duration_s"], row["rate_hz"]
    return [Filed(note, *facts[note.sound_id]) for note in found]


def export_to(
    catalogue: Catalogue, path: Path, form: str | None, scope: Scope | str | None = None
) -> int:
    """Write notes to a file, whole or not at all; return how many."""
    found = filed(catalogue, scope)
    text = noteforms.written(found, form or noteforms.form_of(path.name))
    if not path.parent.is_dir():
        raise InputError(f"there is no folder '{path.parent}'", "a folder to write into", "make it")
    beside = path.with_name(f".notes.{uuid.uuid4().hex[:12]}")
    try:
        with guarded(f"'{path}'"):
            beside.write_text(text, encoding="utf-8", newline="")
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return len(found)


def import_from(
    catalogue: Catalogue,
    path: Path,
    form: str | None = None,
    *,
    sound: str | Path | None = None,
    author: str = "",
) -> Imported:
    """Take in the notes of a file, all in one commit.

    sound: which sound they are on where the file does not say; else the one whose name, up to its suffix,
    is that of the file. author: of notes that name none. A note that is there already is not added again;
    one on a sound that is not here is left out. Raises `InputError` for a file that cannot be read:
    nothing is imported then.
    """
    text, snapshot = _text_of(path), catalogue.snapshot()
    finder = _Finder(snapshot, str(sound) if sound else "", path)
    read = noteforms.read(text, form or noteforms.form_of(path.name))
    placed = ((one, finder.sound_of(one)) for one in read)
    kept = (_fitted(snapshot, one, number, author) for one, number in placed if number is not None)
    new, n_known = _new_ones(snapshot, (note for note in kept if note is not None))
    ids = notes.new_ids(len(new))
    new = [
        note if note.note_id else replace(note, note_id=fresh)
        for note, fresh in zip(new, ids, strict=True)
    ]
    notes.write(catalogue.store, new)
    catalogue.touch()
    return Imported(len(new), n_known, tuple(finder.unknown))


def _text_of(path: Path) -> str:
    """Read a file of notes."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"'{path}' cannot be read ({error})", "a file of notes, text in UTF-8", "check it"
        ) from error


def _new_ones(snapshot: Snapshot, given: Iterable[Note]) -> tuple[list[Note], int]:
    """Return the notes that are not there yet, each once, and how many of them are."""
    held = snapshot.notes
    said = {note.said for note in held.page(limit=len(held.ids))}
    ids = set(held.ids)
    new: list[Note] = []
    n_known = 0
    for note in given:
        if note.note_id in ids or (not note.note_id and note.said in said):
            n_known += 1
            continue
        said.add(note.said)
        if note.note_id:
            ids.add(note.note_id)
        new.append(note)
    return new, n_known


def _fitted(snapshot: Snapshot, one: Filed, number: int, author: str) -> Note | None:
    """Return a note as it is kept, None for one that marks all and says nothing."""
    row = snapshot.row(number)
    duration_s = row["duration_s"]
    note = replace(one.note, sound_id=row["sound_id"], author=one.note.author or author)
    whole = (note.start_s or 0.0) == 0 and (note.end_s is None or note.end_s >= duration_s)
    if whole and not note.text.strip() and not note.tags:
        return None
    if note.note_id and not notes.NOTE_ID.fullmatch(note.note_id):
        note = replace(note, note_id="")
    try:
        return notes.checked(note, duration_s=duration_s, rate_hz=row["rate_hz"])
    except InputError as error:
        raise InputError(
            f"{error.found} in line {one.line}", error.expected, "correct it; nothing was imported"
        ) from error


class _Finder:
    """Finds the sounds of a file's notes; remembers what was found and what was not."""

    def __init__(self, snapshot: Snapshot, given: str, path: Path) -> None:
        self.snapshot = snapshot
        self.given = find(snapshot, given)[0] if given else None
        self.stem = path.name.partition(".")[0] if not given else ""
        self.unknown: dict[str, None] = {}
        self._found: dict[str, int | None] = {}

    def sound_of(self, one: Filed) -> int | None:
        """Return the number of a note's sound, None when it is not here."""
        if self.given is not None:
            return self.given
        for name in (one.note.sound_id, one.path):
            if name:
                number = self._look(name)
                if number is not None:
                    return number
        if not one.note.sound_id and not one.path:
            return self._by_stem()
        self.unknown[one.path or one.note.sound_id] = None
        return None

    def _look(self, name: str) -> int | None:
        """Find a sound by id or path."""
        if name not in self._found:
            try:
                self._found[name] = find(self.snapshot, name)[0]
            except SoundkinError:
                self._found[name] = None
        return self._found[name]

    def _by_stem(self) -> int:
        """Return the sound that is named as the file is."""
        names = pc.replace_substring_regex(self.snapshot.spots.text, r"\A.*/", "")
        begins = pc.starts_with(names, folded(self.stem) + ".").to_numpy(zero_copy_only=False)
        found = np.unique(self.snapshot.spots.sound[begins])
        if len(found) != 1:
            raise InputError(
                f"notes that do not say on which sound, and {len(found) or 'no'} sounds by the name "
                f"'{self.stem}'",
                "exactly one",
                "name the sound with --sound",
            )
        return int(found[0])
