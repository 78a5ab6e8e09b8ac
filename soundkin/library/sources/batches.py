"""A batch: a folder of fetched files that wait to be heard, and the journal that says what they are.

The journal is what a run that was killed goes on from: a line for each item, fetched or failed, there until
all of them are in the tables.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from soundkin.library.refusals import guarded
from soundkin.library.sources.net import WebError
from soundkin.library.sources.origins import Mark, Origin
from soundkin.library.sources.places import with_suffix_of_sound

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

JOURNAL = "fetched.jsonl"
BATCH_ITEMS, BATCH_BYTES, BATCH_S = 500, 2**30, 120.0
"""What a batch holds at most, and how long it is gathered."""


@dataclass(slots=True)
class Batch:
    """A folder that is being filled: what was fetched, what failed, what is as it was; marks that wait."""

    folder: Path
    rows: list[Origin] = field(default_factory=list)
    failed: list[Origin] = field(default_factory=list)
    seen: list[Origin] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    size: int = 0
    begun: float = field(default_factory=time.monotonic)

    @property
    def is_due(self) -> bool:
        """Say whether it is time to hear it."""
        n = len(self.rows) + len(self.failed)
        old = n and time.monotonic() - self.begun > BATCH_S
        return bool(n >= BATCH_ITEMS or self.size >= BATCH_BYTES or old)


def as_it_sounds(path: Path, media_type: str) -> Path:
    """Give a file the suffix of what it is. Raises `WebError` for what is no sound."""
    named = with_suffix_of_sound(path, media_type)
    if named is None:
        raise WebError("wrong-type", f"it is {media_type or 'of no known kind'}")
    if named != path:
        path.rename(named)
    return named


def note(folder: Path, row: Origin) -> None:
    """Add a line to a batch's journal."""
    said = asdict(row) | {"path": os.fsdecode(row.path), "seen_at": row.seen_at.isoformat()}
    with guarded(f"'{folder}'"):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / JOURNAL).open("a", encoding="utf-8") as file:
            file.write(json.dumps(said) + "\n")


def noted(folder: Path) -> list[Origin]:
    """Return the lines of a batch's journal; a half one, which a kill left, is none."""
    journal = folder / JOURNAL
    rows: list[Origin] = []
    if not journal.is_file():
        return rows
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            said: Mapping[str, object] = json.loads(line)
            path = os.fsencode(str(said["path"]))
            when = datetime.fromisoformat(str(said["seen_at"]))
            rows.append(Origin(**{**said, "path": path, "seen_at": when}))  # type: ignore[arg-type]
        except (ValueError, KeyError, TypeError):
            continue
    return rows


def batch_of(row: Origin, below: bytes) -> str:
    """Return the name of the batch that an item's file lies in."""
    inner = row.path[len(below) :].lstrip(b"/") if below else row.path
    return os.fsdecode(inner.partition(b"/")[0])
