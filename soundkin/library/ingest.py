"""From a folder to vectors: scan, decode, embed, commit; bounded, resumable, never losing a sound.

One run walks a root (or a part of it), works out what is new, hears that in worker processes and
commits every few seconds. A run that is stopped, killed or cut off goes on where its last commit ended.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from soundkin.audio.decode import AUDIO_SUFFIXES, byte_hash
from soundkin.bucket import is_address, whole
from soundkin.errors import DecodeError, InputError, NotFound, Offline
from soundkin.library.bands import measure_borders
from soundkin.library.catchup import entries_of, lacking
from soundkin.library.commits import Commits
from soundkin.library.knowledge import known_of
from soundkin.library.listening import remember
from soundkin.library.progress import IndexReport, Progress
from soundkin.library.roots import Claim, claimed, find
from soundkin.library.scan import PRESENT, Entry, Plan, display, is_below, reconcile, scan
from soundkin.library.store import Store, quote
from soundkin.library.workers import Hearers, Job, Outcome, Workers
from soundkin.space import load_space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from soundkin.library.scan import Knowledge, Listing

    Hearing = Callable[[int | None, tuple[str, ...], float], AbstractContextManager[Hearers]]

__all__ = ["IndexReport", "Progress", "index_folder"]

GROUP_BYTES = 4_000_000
GROUP_FILES = 32

TELL_S = 0.2
"""Seconds between two signs of life while files are compared by their bytes."""


class _Stopped(Exception):  # noqa: N818 - a way out, not an error
    """The caller asked to stop before there was anything to commit."""


def index_folder(
    store: Store,
    folder: Path | str | bytes,
    *,
    spaces: Sequence[str],
    jobs: int | None = None,
    retry_failed: bool = False,
    dry_run: bool = False,
    timeout_s: float = 60.0,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
    hearers: Hearing | None = None,
) -> IndexReport:
    """Bring the library up to date with a folder; return what was found and done.

    spaces: names for `load_space`; known sounds without vectors in one of them get them too. jobs: worker
    processes, by default one a core. hearers: what hears instead of processes of this machine, made of
    `jobs`, the spaces and `timeout_s`. stop: asked between files; when it says yes the run commits what it
    has and ends. dry_run: report what would be done and write nothing.
    Raises `NotFound`, `InputError`, `Offline` (an empty folder where sounds are known: an unmounted
    drive), `LibraryBusy`, `StorageError`, `UnknownSpace`.
    """
    path = demand_folder(folder)
    if jobs is not None and jobs < 1:
        raise InputError(f"--jobs is {jobs}", "1 or more", "leave it out for one a core")
    space_ids = tuple(load_space(name).id for name in spaces)

    def run(claim: Claim) -> _Run:
        return _Run(
            store=store,
            root_id=claim.root_id,
            root=claim.root,
            below=claim.below,
            spaces=tuple(spaces),
            space_ids=space_ids,
            on_progress=on_progress or (lambda _: None),
            stop=stop or (lambda: False),
        )

    if dry_run:
        known = find(store.read("roots").to_pylist(), path)
        return run(known or Claim("", path)).rehearse(retry_failed=retry_failed)
    with (
        (hearers or _here)(jobs, tuple(spaces), timeout_s) as workers,
        claimed(store, path) as claim,
    ):
        return run(claim).perform(workers, retry_failed=retry_failed)


def _here(jobs: int | None, spaces: tuple[str, ...], timeout_s: float) -> Workers:
    """Return processes of this machine, one a core unless said; they start when first needed."""
    return Workers(jobs or len(os.sched_getaffinity(0)), spaces, timeout_s=timeout_s)


def demand_folder(folder: Path | str | bytes) -> bytes:
    """Return an existing, readable folder as an absolute raw path; an address as it is.

    Raises `NotFound` or `InputError` for what is none.
    """
    raw = whole(folder)
    if is_address(raw):
        from soundkin.library.scan_bucket import demand_something

        demand_something(raw)
        return raw
    name = display(raw)
    if not os.path.exists(raw):
        raise NotFound(f"there is nothing at '{name}'", "a folder with sounds", "check the path")
    if not os.path.isdir(raw):
        raise InputError(
            f"'{name}' is a file", "a folder with sounds", "give the folder it lies in"
        )
    if not os.access(raw, os.R_OK | os.X_OK):
        raise InputError(
            f"'{name}' cannot be read", "a folder this user may read", "change its permissions"
        )
    return raw


@dataclass(slots=True)
class _Run:
    """One run over one root."""

    store: Store
    root_id: str
    root: bytes
    below: bytes
    spaces: tuple[str, ...]
    space_ids: tuple[str, ...]
    on_progress: Callable[[Progress], None]
    stop: Callable[[], bool]
    report: IndexReport = field(default_factory=IndexReport)
    commits: Commits = field(init=False)
    known_sounds: set[str] = field(default_factory=set)
    lacking: dict[str, tuple[str, ...]] = field(default_factory=dict)
    mounts: set[bytes] | None = None
    hashes: dict[bytes, str] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    told_at: float = 0.0

    def __post_init__(self) -> None:
        self.commits = Commits(self.store, self.root_id)

    def rehearse(self, *, retry_failed: bool) -> IndexReport:
        """Say what a run would do, and write nothing."""
        listing = self._listing()
        plan, _ = self._plan(listing, retry_failed=retry_failed)
        self.report.dry_run = True
        self.report.decoded = len(plan.decode)
        self.report.failed += len(listing.odd)
        self.report.elapsed_s = time.monotonic() - self.started
        return self.report

    def perform(self, workers: Hearers, *, retry_failed: bool) -> IndexReport:
        """Do the run."""
        report = self.report
        total = 0
        try:
            remember(self.store, self.spaces, self.space_ids)
            listing = self._listing()
            plan, known = self._plan(listing, retry_failed=retry_failed)
            self._settle(plan, listing, known)
            total = len(plan.decode)
            self._hear(plan, workers)
        except (_Stopped, KeyboardInterrupt):
            report.stopped = True
        self.commits.commit()
        self.commits.tidy()
        if not report.stopped:
            measure_borders(self.store, self.space_ids, workers, stop=self.stop)
        report.elapsed_s = time.monotonic() - self.started
        self._tell("finish", report.decoded, total)
        return report

    # -- what is to be done -------------------------------------------------------------------------

    def _listing(self) -> Listing:
        """List the folder; an empty one where sounds are known is an unmounted drive."""
        self._tell("scan")
        key = f"mounts:{self.root_id}"
        mounts = {os.fsencode(name) for name in self.store.setting(key) or []}
        if is_address(self.root):
            from soundkin.library.scan_bucket import scan_bucket

            listing = scan_bucket(self.root, AUDIO_SUFFIXES, below=self.below)
        else:
            listing = scan(self.root, AUDIO_SUFFIXES, below=self.below, mounts=mounts)
        self.hashes = listing.hashes
        elsewhere = {m for m in mounts if self.below and not is_below(m, [self.below])}
        self.mounts = None if listing.mounts | elsewhere == mounts else listing.mounts | elsewhere
        self.report.found = len(listing.entries) + len(listing.odd)
        self.report.ignored = listing.ignored
        if not listing.entries and not listing.ignored and not self.below:
            known = self.store.count(
                "locations", f"root_id = {quote([self.root_id])} AND state = '{PRESENT}'"
            )
            if known:
                raise Offline(
                    f"'{display(self.root)}' is empty, but {known} sounds are known there",
                    "the folder as it was",
                    "mount the drive, or tell where it is now with `soundkin roots move OLD NEW`; "
                    "`soundkin forget` removes the sounds for good",
                )
        return listing

    def _plan(self, listing: Listing, *, retry_failed: bool) -> tuple[Plan, Knowledge]:
        """Compare the listing with the tables; also what these say."""
        known, self.known_sounds, ledger = known_of(self.store, self.root_id, self.below)
        self.commits.places, self.commits.ledger = known.places, ledger
        plan = reconcile(listing, known, self._hash, retry_failed=retry_failed)
        report = self.report
        report.unchanged = plan.unchanged + len(plan.touched)
        report.moved, report.copied, report.gone = len(plan.moved), len(plan.copied), len(plan.gone)
        report.failed_before = plan.remembered + len(plan.failed_before)
        report.failed = report.failed_before
        self.lacking = lacking(self.store, self.space_ids, self.known_sounds)
        again = entries_of(self.lacking, listing, plan, known)
        plan.decode += again
        arrived = {entry.path for entry, _, _ in [*plan.moved, *plan.copied]}
        report.unchanged -= sum(entry.path not in arrived for entry in again)
        return plan, known

    def _hash(self, path: bytes) -> str | None:
        """Hash a file of the listing; None when it cannot be read."""
        if self.stop():
            raise _Stopped
        if path in self.hashes:
            return self.hashes[path]
        if time.monotonic() - self.told_at > TELL_S:
            self._tell("scan", path=display(path))
        try:
            return byte_hash(os.path.join(self.root, path))
        except (OSError, DecodeError):
            return None

    # -- doing it -----------------------------------------------------------------------------------

    def _settle(self, plan: Plan, listing: Listing, known: Knowledge) -> None:
        """Write what needs no decoding."""
        if self.mounts is not None:
            names = sorted(map(os.fsdecode, self.mounts))
            self.store.put_setting(f"mounts:{self.root_id}", names)
        self.commits.settle(plan, listing, known, self.below)
        self.report.failed += len(listing.odd)

    def _hear(self, plan: Plan, workers: Hearers) -> None:
        """Decode and embed what is new, committing as it goes."""
        entries = plan.decode
        if not entries:
            return
        total, done = len(entries), 0
        for outcome in workers.run(self._groups(entries, workers.n), stop=self.stop):
            done += 1
            self._take(entries[outcome.key], outcome)
            self._tell("decode", done, total, display(entries[outcome.key].path))
            self.commits.commit_when_due()
        self.report.stopped = done < total

    def _groups(self, entries: Sequence[Entry], n: int) -> Iterator[tuple[Job, ...]]:
        """Pack files into groups for n processes: many small ones, or one long one."""
        group: list[Job] = []
        size = 0
        limit = max(1, min(GROUP_FILES, len(entries) // (2 * n)))
        for key, entry in enumerate(entries):
            if group and (size + entry.size > GROUP_BYTES or len(group) >= limit):
                yield tuple(group)
                group, size = [], 0
            group.append(Job(key, os.path.join(self.root, entry.path)))
            size += entry.size
        if group:
            yield tuple(group)

    def _take(self, entry: Entry, outcome: Outcome) -> None:
        """Sort one outcome into the batch."""
        heard = outcome.heard
        now = Entry(entry.path, outcome.size, outcome.mtime_ns) if outcome.mtime_ns else entry
        batch, report = self.commits.batch, self.report
        if heard is None:
            report.failed += 1
            batch.failures.append((now, outcome.byte_hash, outcome.reason, outcome.message))
            return
        report.decoded += 1
        report.seconds_of_sound += heard.duration_s
        batch.places.append((now, outcome.byte_hash, heard.sample_hash))
        later = self.lacking.pop(heard.sample_hash, ())
        if later:
            batch.later.append((heard, later))
            report.embedded += 1
        elif heard.sample_hash not in self.known_sounds:
            self.known_sounds.add(heard.sample_hash)
            batch.sounds.append(heard)
            report.embedded += 1
            report.segments += len(heard.seq)
            report.silent += heard.n_silent

    def _tell(self, phase: str, done: int = 0, total: int | None = None, path: str = "") -> None:
        """Tell the caller how far the run is."""
        self.told_at = time.monotonic()
        self.on_progress(
            Progress(
                phase,
                done,
                total,
                self.report.failed,
                self.report.seconds_of_sound,
                self.told_at - self.started,
                path,
            )
        )
