"""Hearing what was fetched, and writing down what became of it; each step may be done twice.

First the sounds, as those of any folder; then the ledger and the rows of `origins`; then the audio of
pointers goes. A kill in between costs a second look at what the journal names.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from soundkin.library.ingest import index_folder
from soundkin.library.progress import IndexReport
from soundkin.library.refusals import guarded
from soundkin.library.roots import find
from soundkin.library.rows import ledger_rows
from soundkin.library.scan import PRESENT, Entry
from soundkin.library.sources import origins
from soundkin.library.sources.batches import JOURNAL, noted
from soundkin.library.sources.origins import AUDIO, DONE, FAILED, LISTED, POINTERS, Origin
from soundkin.library.tables import at_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from soundkin.library.sources.batches import Batch
    from soundkin.library.store import Store

HEARD = ".heard"
"""What the name of a folder ends in whose audio goes."""

COUNTED = ("decoded", "embedded", "copied", "segments", "silent", "failed", "seconds_of_sound")


@dataclass(slots=True)
class Books:
    """What a library knows of one source, and how that grows.

    root: the folder of the source's batches. tell: called with the name of what is being heard.
    """

    store: Store
    source: str
    root: Path
    spaces: tuple[str, ...]
    jobs: int | None
    timeout_s: float
    tell: Callable[[str], None] = lambda _: None
    report: IndexReport = field(default_factory=IndexReport)
    known: dict[str, Origin] = field(default_factory=dict)
    root_id: str = ""
    below: bytes = b""

    def look(self) -> None:
        """Read what is known of the source; nothing, when its root was forgotten."""
        claim = find(self.store.read("roots").to_pylist(), os.fsencode(self.root))
        if claim is not None:
            self.root_id, self.below = claim.root_id, claim.below
            known = origins.of_source(self.store, self.source)
            self.known = {i: row for i, row in known.items() if row.root_id == self.root_id}

    def lay_root(self) -> None:
        """Make the root known to the library when it is not."""
        with guarded(f"'{self.root}'"):
            self.root.mkdir(parents=True, exist_ok=True)
        self.look()
        if not self.root_id:
            self._hear(self.root)
            self.look()

    def settle(self, batch: Batch, broken: set[str]) -> None:
        """Hear what a batch has gathered, and write it down. broken: parts whose marks do not hold."""
        self._settle_rows(batch.folder, batch.rows, batch.failed)
        marks = [
            Origin(self.source, m.item_id, state=LISTED, root_id=self.root_id, version=m.version)
            for m in batch.marks
            if m.item_id not in broken
        ]
        origins.write(self.store, [*batch.seen, *marks])

    def _settle_rows(self, folder: Path, rows: Sequence[Origin], failed: Sequence[Origin]) -> None:
        """Hear a folder; from here on each step may be done twice."""
        if rows:
            self._add(self._hear(folder))
        fresh = [*self._heard(rows), *failed]
        settled = [self._succeeded(row) for row in fresh]
        entries = [(_address_entry(row), "", row.reason, row.message) for row in failed]
        self.store.upsert("failures", ledger_rows(self.root_id, entries))
        had = (self.known.get(row.item_id) for row in fresh if row.state == DONE)
        cured = [
            old.url.encode("utf-8", "replace") for old in had if old is not None and old.reason
        ]
        self.store.delete_paths("failures", self.root_id, cured)
        origins.write(self.store, settled)
        self.known |= {row.item_id: row for row in settled}
        self.report.failed += len(failed)
        if not folder.exists():
            return  # a batch of marks alone
        with guarded(f"'{folder}'"):
            if any(row.keep == POINTERS for row in settled) or not rows:
                heard = folder.with_name(f"{folder.name}{HEARD}")
                folder.rename(heard)
                shutil.rmtree(heard, ignore_errors=True)
            else:
                (folder / JOURNAL).unlink(missing_ok=True)

    def _hear(self, folder: Path) -> IndexReport:
        """Listen to a folder below the root."""
        return index_folder(
            self.store,
            folder,
            spaces=self.spaces,
            jobs=self.jobs,
            timeout_s=self.timeout_s,
            on_progress=lambda progress: self.tell(progress.path),
        )

    def _heard(self, rows: Sequence[Origin]) -> list[Origin]:
        """Return rows with what became of their files: the sound, or why there is none."""
        if not rows:
            return []
        where = at_paths(self.root_id, [row.path for row in rows])
        places = self.store.read(
            "locations", ["path", "sound_id"], f"{where} AND state = '{PRESENT}'"
        )
        sounds = {row["path"]: row["sound_id"] for row in places.to_pylist()}
        ledger = self.store.read("failures", ["path", "reason", "message"], where).to_pylist()
        reasons = {row["path"]: (row["reason"], row["message"]) for row in ledger}
        settled = []
        for row in rows:
            if row.path in sounds:
                settled.append(replace(row, state=DONE, sound_id=sounds[row.path]))
            else:
                reason, message = reasons.get(row.path, ("unreadable", "it was not heard."))
                settled.append(replace(row, state=FAILED, reason=reason, message=message))
        return settled

    def _succeeded(self, row: Origin) -> Origin:
        """Return what is known of an item now. One that was a sound stays it when it fails later."""
        old = self.known.get(row.item_id)
        if old is None:
            return row
        if row.state == FAILED and old.state == DONE:
            return replace(old, reason=row.reason, message=row.message, seen_at=row.seen_at)
        if old.path not in {b"", row.path}:
            self._let_go(old)
        return row

    def _let_go(self, old: Origin) -> None:
        """Take away the place of what an item was before it changed."""
        for table in ("locations", "failures"):
            self.store.delete_paths(table, old.root_id, [old.path])
        if old.keep == AUDIO and old.root_id == self.root_id:
            self._file_of(old).unlink(missing_ok=True)

    def _file_of(self, row: Origin) -> Path:
        """Return where an item's file lies, or lay."""
        return self.root / os.fsdecode(os.path.relpath(row.path, self.below or b"."))

    def _add(self, report: IndexReport) -> None:
        """Add what hearing a batch came to."""
        mine = self.report
        for name in COUNTED:
            setattr(mine, name, getattr(mine, name) + getattr(report, name))

    def go_on(self) -> None:
        """Settle the batches that an interrupted run has fetched; clear away what it left."""
        for folder in sorted(p for p in self.root.iterdir() if p.is_dir()):
            if folder.name.endswith(HEARD):
                shutil.rmtree(folder, ignore_errors=True)
            elif folder.name.isdecimal():
                self._go_on_with(folder)

    def _go_on_with(self, folder: Path) -> None:
        """Settle one batch, if its journal is still there."""
        for part in folder.glob("*/*.part"):
            part.unlink(missing_ok=True)
        rows = noted(folder)
        if rows:
            failed = [row for row in rows if row.state == FAILED]
            there = [row for row in rows if row.state != FAILED and self._file_of(row).is_file()]
            self._settle_rows(folder, there, failed)


def _address_entry(row: Origin) -> Entry:
    """Return an item as the ledger names it: by its address."""
    return Entry(row.url.encode("utf-8", "replace"), row.size, 0)
