"""Named lists: slices of sounds in an order of one's own, kept in the library."""

from __future__ import annotations

import threading
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from soundkin.errors import InputError, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundkin.facade import Library

LIST = "list:"
MOST_ITEMS = 10_000
_changing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Slice:
    """A sound, or a range of it in seconds."""

    sound_id: str
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class SoundList:
    """A named list."""

    list_id: str
    name: str
    items: tuple[Slice, ...]
    changed_at: datetime


def lists(library: Library) -> list[SoundList]:
    """Return all lists, by name."""
    settings = library.catalogue.snapshot().settings
    found = [
        SoundList(
            key.removeprefix(LIST),
            value["name"],
            tuple(Slice(*item) for item in value["items"]),
            datetime.fromisoformat(value["changed_at"]),
        )
        for key, value in settings.items()
        if key.startswith(LIST)
    ]
    return sorted(found, key=lambda one: (one.name.casefold(), one.list_id))


def one_list(library: Library, list_id: str) -> SoundList:
    """Return a list. Raises `NotFound`."""
    for one in lists(library):
        if one.list_id == list_id:
            return one
    raise NotFound(f"there is no list '{list_id}'", "the id of a list", "see which lists there are")


def create(library: Library, name: str, items: Sequence[Slice] = ()) -> SoundList:
    """Make a list; a name may be given twice, the ids differ."""
    made = SoundList(uuid.uuid4().hex[:12], _checked(name), (), datetime.now(UTC))
    return _written(library, replace(made, items=_known(library, items)))


def change(
    library: Library,
    list_id: str,
    *,
    name: str | None = None,
    items: Sequence[Slice] | None = None,
    more: Sequence[Slice] = (),
) -> SoundList:
    """Rename a list, put other items in its place, or add some at the end; equal slices stand once."""
    with _changing:
        old = one_list(library, list_id)
        kept = old.items if items is None else _known(library, items)
        changed = replace(
            old,
            name=old.name if name is None else _checked(name),
            items=tuple(dict.fromkeys([*kept, *_known(library, more)])),
        )
        if len(changed.items) > MOST_ITEMS:
            raise InputError(
                f"{len(changed.items)} items", f"at most {MOST_ITEMS} in a list", "make two"
            )
        return _written(library, changed)


def remove(library: Library, list_id: str) -> SoundList:
    """Delete a list; its sounds stay. Raises `NotFound`."""
    gone = one_list(library, list_id)
    library.store.delete_settings([LIST + list_id])
    library.catalogue.touch()
    return gone


def _checked(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 200:
        raise InputError(f"the name {name[:50]!r}", "1 to 200 characters", "choose another")
    return name


def _known(library: Library, items: Sequence[Slice]) -> tuple[Slice, ...]:
    """Return items of known sounds, with ranges that can be."""
    for item in items:
        sound = library.sound(item.sound_id)
        start, end = item.start_s or 0.0, sound.duration_s if item.end_s is None else item.end_s
        if not 0 <= start < min(end, sound.duration_s):
            raise InputError(
                f"the range {start:g}-{end:g} s of '{sound.name}'",
                f"a start before the end, within {sound.duration_s:g} s",
                "correct the range",
            )
    return tuple(dict.fromkeys(items))


def _written(library: Library, one: SoundList) -> SoundList:
    """Write a list down."""
    now = replace(one, changed_at=datetime.now(UTC))
    value = {
        "name": now.name,
        "items": [list(asdict(item).values()) for item in now.items],
        "changed_at": now.changed_at.isoformat(),
    }
    library.store.put_setting(LIST + now.list_id, value)
    library.catalogue.touch()
    return now
