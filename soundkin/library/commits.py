"""What a run over one root writes: gathered, and committed together every few seconds.

A kill in between costs what was heard since the last commit, and never a row: vectors and segments come
first, then the places, and the rows of the sounds last, for they are what readers go by.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from soundkin.library.knowledge import TRIED_AGAIN
from soundkin.library.rows import ledger_rows, place_rows, write_sounds, write_vectors
from soundkin.library.scan import GONE, Entry, is_below
from soundkin.library.store import FRAGMENTS, at_paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from soundkin.library.scan import Knowledge, Listing, Place, Plan
    from soundkin.library.store import Store
    from soundkin.library.workers import Heard

COMMIT_S = 4.0
"""Seconds of work between two commits: what a kill can cost."""

COMMITS_A_TIDY = 64
"""Commits of one run after which small pieces of tables are merged on the way."""

MOVES = 20_000
"""Moves in one commit."""


@dataclass(slots=True)
class Batch:
    """Rows that wait for the next commit; places and failures with the hash of the file's bytes."""

    sounds: list[Heard] = field(default_factory=list)
    later: list[tuple[Heard, tuple[str, ...]]] = field(default_factory=list)
    places: list[tuple[Entry, str, str]] = field(default_factory=list)
    failures: list[tuple[Entry, str, str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.sounds or self.later or self.places or self.failures)


@dataclass(slots=True)
class Commits:
    """The commits of one run: `batch` is what it has still to write.

    places, ledger: what the tables said of the root when the run began; the ledger is kept up to date.
    """

    store: Store
    root_id: str
    places: Mapping[bytes, Place] = field(default_factory=dict)
    ledger: set[bytes] = field(default_factory=set)
    batch: Batch = field(default_factory=Batch)
    n: int = 0
    last_at: float = field(default_factory=time.monotonic)

    def settle(self, plan: Plan, listing: Listing, known: Knowledge, below: bytes) -> None:
        """Write what needs no decoding: places, what is missing, and the ledger of files that went."""
        touched = [(entry, place.byte_hash, place.sound_id) for entry, place in plan.touched]
        self.store.upsert("locations", place_rows(self.root_id, [*touched, *plan.copied]))
        for low in range(0, len(plan.moved), MOVES):
            self.store.upsert(  # a move is one commit: the new place comes as the old one goes
                "locations",
                place_rows(self.root_id, plan.moved[low : low + MOVES]),
                leaving=at_paths(self.root_id, plan.left[low : low + MOVES]),
            )
        self._mark_gone(plan.gone)
        placed = [*touched, *plan.moved, *plan.copied]
        here = {entry.path for entry in listing.entries} | {entry.path for entry, _ in listing.odd}
        mine = (path for path in self.ledger if not below or is_below(path, [below]))
        went = [p for p in mine if p not in here and not is_below(p, listing.unreadable)]
        self._clear_failures([*went, *(entry.path for entry, _, _ in placed)])
        for entry, hashed in plan.failed_before:
            reason = known.failed_hashes[hashed]
            self.batch.failures.append((entry, hashed, reason, "the same bytes failed before."))
        for entry, why in listing.odd:
            said = f"{why}; expected a file that can be read."
            self.batch.failures.append((entry, "", "unreadable", said))

    def commit_when_due(self) -> None:
        """Commit what has gathered, when the last commit was some seconds ago."""
        if time.monotonic() - self.last_at > COMMIT_S:
            self.commit()

    def commit(self) -> None:
        """Write what has gathered: vectors and segments, places, then the sounds: the commit marker."""
        batch, self.batch = self.batch, Batch()
        if batch:
            number = time.time_ns()
            write_vectors(self.store, batch.later, number)
            write_sounds(
                self.store, batch.sounds, number, before_marker=lambda: self._write_places(batch)
            )
            self.n += 1
            if self.n % COMMITS_A_TIDY == 0:
                self.tidy()
        self.last_at = time.monotonic()

    def tidy(self) -> None:
        """Merge small pieces of tables."""
        self.store.compact(fragments=FRAGMENTS)

    def _write_places(self, batch: Batch) -> None:
        """Write places and ledger of one batch; a kill in between costs a second look, never a row."""
        self.store.upsert("locations", place_rows(self.root_id, batch.places))
        self._clear_failures([entry.path for entry, _, _ in batch.places])
        failed = [entry.path for entry, *_ in batch.failures]
        # what cannot be read now may be a disk that went away; a sound is gone when its file is
        self._mark_gone([e.path for e, _, reason, _ in batch.failures if reason != TRIED_AGAIN])
        self.store.upsert("failures", ledger_rows(self.root_id, batch.failures))
        self.ledger.update(failed)

    def _clear_failures(self, paths: Sequence[bytes]) -> None:
        """Drop ledger rows of these paths, where there are any."""
        cleared = sorted(self.ledger.intersection(paths))
        self.store.delete_paths("failures", self.root_id, cleared)
        self.ledger.difference_update(cleared)

    def _mark_gone(self, paths: Sequence[bytes]) -> None:
        """Mark places whose file is missing, or was a sound once and is none now."""
        rows = [
            (Entry(path, place.size, place.mtime_ns), place.byte_hash, place.sound_id)
            for path in paths
            if (place := self.places.get(path)) is not None and place.state != GONE
        ]
        self.store.upsert("locations", place_rows(self.root_id, rows, state=GONE))
