"""Where sounds of the web came from, and how far each item of a source is: rows of the `origins` table.

A row tells whom to thank: page, title, author and licence stay with the sound while the library has it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from soundkin.library.tables import SCHEMAS, quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soundkin.library.store import Store

DONE, FAILED, LISTED = "done", "failed", "listed"
AUDIO, POINTERS = "audio", "pointers"

PASSING = frozenset({"unreachable"})
"""Failures that are tried again without being asked to."""


@dataclass(frozen=True, slots=True)
class Item:
    """One sound that a source offers. item_id: its name within the source, for ever the same.

    version: changes when the sound does; empty where the source does not tell. name, folder: what the file
    is called where it is kept, and below what. named: a person gave this very address.
    """

    item_id: str
    url: str
    title: str = ""
    page: str = ""
    author: str = ""
    licence: str = ""
    version: str = ""
    name: str = ""
    folder: str = ""
    named: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """Everything that a part of a source offers has been named: it need not be asked for again."""

    item_id: str
    version: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of an item: where it is on the web, whom to thank, and what became of it.

    state: "done", "failed" (with reason and message), or "listed" for a `Mark`. keep: "audio" or
    "pointers". path: of the file below its root, raw. final_url: where redirects ended.
    """

    source: str
    item_id: str
    state: str = DONE
    sound_id: str = ""
    root_id: str = ""
    path: bytes = b""
    keep: str = AUDIO
    url: str = ""
    final_url: str = ""
    named: bool = False
    page: str = ""
    title: str = ""
    author: str = ""
    licence: str = ""
    version: str = ""
    etag: str = ""
    modified: str = ""
    media_type: str = ""
    size: int = 0
    reason: str = ""
    message: str = ""
    seen_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)


def read(store: Store, where: str | None = None) -> list[Origin]:
    """Return rows of the table."""
    return [Origin(**row) for row in store.read("origins", where=where).to_pylist()]


def of_source(store: Store, source: str) -> dict[str, Origin]:
    """Return what is known of a source's items, by item id."""
    return {row.item_id: row for row in read(store, f"source = {quote([source])}")}


def of_sound(store: Store, sound_id: str) -> list[Origin]:
    """Return where a sound came from; once for each source that has it."""
    found = read(store, f"sound_id = {quote([sound_id])}")
    return sorted(found, key=lambda origin: (origin.source, origin.item_id))


def write(store: Store, rows: Iterable[Origin]) -> None:
    """Keep rows, the newest word on each item, in one commit."""
    unique = {(row.source, row.item_id): asdict(row) for row in rows}
    store.upsert("origins", pa.Table.from_pylist(list(unique.values()), schema=SCHEMAS["origins"]))
