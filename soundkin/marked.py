"""What people say of a library's sounds: tags and notes, behind one object."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from soundkin import listing, noting
from soundkin.library import tags as tag_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from soundkin.library.catalogue import Catalogue
    from soundkin.library.store import Store
    from soundkin.noting import Imported, Note
    from soundkin.scope import Scope


class Marked:
    """A library whose sounds bear tags and notes; :class:`soundkin.Library` is one.

    Examples
    --------
    >>> from soundkin import Library
    >>> issubclass(Library, Marked)
    True
    """

    _store: Store
    _catalogue: Catalogue

    # -- tags ---------------------------------------------------------------------------------------

    def tag(self, sound_ids: Iterable[str], tags: Iterable[str]) -> None:
        """Put tags on sounds; favourites are the tag "favourite". Raises `NotFound`, `InputError`."""
        tag_rows.put(self._store, self._checked_ids(sound_ids), tags)
        self._catalogue.touch()

    def untag(self, sound_ids: Iterable[str], tags: Iterable[str]) -> None:
        """Take tags off sounds; one that is not there is passed over. Raises `NotFound`, `InputError`."""
        tag_rows.take_off(self._store, self._checked_ids(sound_ids), tags)
        self._catalogue.touch()

    def tag_counts(self) -> dict[str, int]:
        """Count the sounds of every tag, most used first."""
        return tag_rows.counts(self._store)

    # -- notes --------------------------------------------------------------------------------------

    def annotate(
        self,
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
        """Write a note on a sound, or on a range (seconds) and a band (Hz) of it; return it.

        what: a sound id, a segment id, a path in the library, or "path@start-end". Files that move and
        folders that are indexed again keep their notes; `forget` takes them with the sound.
        Raises `NotFound`, `InputError`.
        """
        return noting.add(
            self._catalogue,
            what,
            text,
            start_s=start_s,
            end_s=end_s,
            tags=tags,
            author=author,
            low_hz=low_hz,
            high_hz=high_hz,
        )

    def annotations(
        self,
        what: str | Path | None = None,
        *,
        after: str = "",
        limit: int = 100,
        author: str = "",
        saying: str = "",
    ) -> list[Note]:
        """Return up to `limit` notes in the order of their ids, which grow with time.

        what: only those on this sound, or that touch this range or segment of it. after: the last id of
        the page before. saying: what occurs in text or tags. Raises `NotFound`.
        """
        return noting.page(
            self._catalogue, what, after=after, limit=limit, author=author, saying=saying
        )

    def unannotate(self, note_ids: Sequence[str]) -> list[Note]:
        """Take notes away and return what they were. Raises `NotFound` when one is not there."""
        return noting.remove(self._catalogue, note_ids)

    def export_notes(
        self, path: str | Path, form: str | None = None, *, scope: Scope | str | None = None
    ) -> int:
        """Write notes as csv, json, audacity or raven, by the file's name or `form`; return how many."""
        return noting.export_to(self._catalogue, Path(path), form, scope)

    def import_notes(
        self,
        path: str | Path,
        form: str | None = None,
        *,
        sound: str | Path | None = None,
        author: str = "",
    ) -> Imported:
        """Take in the notes of a file; see `soundkin.noting.import_from`."""
        return noting.import_from(self._catalogue, Path(path), form, sound=sound, author=author)

    def _checked_ids(self, sound_ids: Iterable[str]) -> list[str]:
        """Return the ids once each, all of them known."""
        snapshot = self._catalogue.snapshot()
        ids = list(dict.fromkeys(sound_ids))
        for sound_id in ids:
            listing.ord_of(snapshot, sound_id)
        return ids
