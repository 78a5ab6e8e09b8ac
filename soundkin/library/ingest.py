"""From a folder to vectors: scan, decode, embed, commit; bounded, resumable, never losing a sound.

One run walks a root (or a part of it), works out what is new, hears that in worker processes and
commits every few seconds. A run that is stopped, killed or cut off goes on where its last commit ended.
"""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from soundkin.audio.decode import AUDIO_SUFFIXES, byte_hash
from soundkin.errors import DecodeError, InputError, NotFound, Offline
from soundkin.library.scan import (
    GONE,
    PRESENT,
    Entry,
    Knowledge,
    Listing,
    Place,
    Plan,
    display,
    reconcile,
    scan,
)
from soundkin.library.store import SCHEMAS, Store, quote, vectors_schema, vectors_table
from soundkin.library.workers import Heard, Job, Outcome, Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

COMMIT_S = 4.0
"""Seconds of work between two commits: what a kill can cost."""

GROUP_BYTES = 4_000_000
GROUP_FILES = 32
COMPACT_AFTER = 24


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: `done` of `total` files in a `phase` ("scan", "decode", "finish")."""

    phase: str
    done: int = 0
    total: int | None = None
    failed: int = 0
    seconds_of_sound: float = 0.0
    elapsed_s: float = 0.0
    path: str = ""


@dataclass(slots=True)
class IndexReport:
    """What a run found and did, in files unless the name says otherwise.

    found: sounds on disk. decoded: files opened and decoded. embedded: sounds that got vectors.
    unchanged: known, not opened. moved: known under another name, not decoded. copied: a known sound in
    one more place. failed: in the ledger now (`failed_before`: of these, not tried again). gone: places
    that are missing now. ignored: files without the suffix of a sound.
    """

    found: int = 0
    decoded: int = 0
    embedded: int = 0
    unchanged: int = 0
    moved: int = 0
    copied: int = 0
    failed: int = 0
    failed_before: int = 0
    gone: int = 0
    ignored: int = 0
    segments: int = 0
    silent: int = 0
    seconds_of_sound: float = 0.0
    elapsed_s: float = 0.0
    stopped: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class _Batch:
    """Rows that wait for the next commit."""

    sounds: list[Heard] = field(default_factory=list)
    places: list[tuple[Entry, str, str]] = field(default_factory=list)
    failures: list[tuple[Entry, str, str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.sounds or self.places or self.failures)


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
) -> IndexReport:
    """Bring the library up to date with a folder; return what was found and done.

    spaces: names for `load_space`. jobs: worker processes, by default one a core. stop: asked between
    files; when it says yes the run commits what it has and ends.
    Raises `NotFound`, `InputError`, `Offline` (an empty folder where sounds are known: an unmounted
    drive), `LibraryBusy`, `StorageError`.
    """
    path = _checked(folder)
    if jobs is not None and jobs < 1:
        raise InputError(f"--jobs is {jobs}", "1 or more", "leave it out for one a core")
    root_id, root, below = _root_of(store, path, dry_run=dry_run)
    run = _Run(
        store=store,
        root_id=root_id,
        root=root,
        below=below,
        spaces=tuple(spaces),
        jobs=jobs or len(os.sched_getaffinity(0)),
        timeout_s=timeout_s,
        on_progress=on_progress or (lambda _: None),
        stop=stop or (lambda: False),
    )
    if dry_run:
        return run.rehearse(retry_failed=retry_failed)
    with store.indexing(root_id, display(root)):
        return run.perform(retry_failed=retry_failed)


def _checked(folder: Path | str | bytes) -> bytes:
    """Return an existing, readable folder as an absolute raw path."""
    raw = os.path.realpath(os.fsencode(folder))
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


def _root_of(store: Store, path: bytes, *, dry_run: bool) -> tuple[str, bytes, bytes]:
    """Return (root_id, root, part of it) for a folder: a known root above it, or a new one."""
    known = store.read("roots").to_pylist()
    for row in known:
        root = row["path"]
        if path == root or path.startswith(root.rstrip(b"/") + b"/"):
            return row["root_id"], root, path[len(root.rstrip(b"/")) + 1 :]
    root_id = uuid.uuid4().hex[:12]
    if not dry_run:
        row = {
            "root_id": root_id,
            "path": path,
            "label": display(os.path.basename(path) or path),
            "added_at": datetime.now(UTC),
        }
        store.upsert("roots", pa.Table.from_pylist([row], schema=SCHEMAS["roots"]))
        for inner in known:
            if inner["path"].startswith(path.rstrip(b"/") + b"/"):
                _adopt(store, inner, root_id, inner["path"][len(path.rstrip(b"/")) + 1 :])
    return root_id, path, b""


def _adopt(store: Store, inner: dict[str, object], root_id: str, below: bytes) -> None:
    """Move the places of a root into one that contains it."""
    where = f"root_id = {quote([str(inner['root_id'])])}"
    for name in ("locations", "failures"):
        rows = store.read(name, where=where).to_pylist()
        for row in rows:
            row["root_id"] = root_id
            row["path"] = below + b"/" + row["path"]
            row["display"] = display(row["path"])
        store.upsert(name, pa.Table.from_pylist(rows, schema=SCHEMAS[name]))
        store.delete(name, where)
    store.delete("roots", where)


@dataclass(slots=True)
class _Run:
    """One run over one root; the state is what it has still to commit."""

    store: Store
    root_id: str
    root: bytes
    below: bytes
    spaces: tuple[str, ...]
    jobs: int
    timeout_s: float
    on_progress: Callable[[Progress], None]
    stop: Callable[[], bool]
    report: IndexReport = field(default_factory=IndexReport)
    batch: _Batch = field(default_factory=_Batch)
    known_sounds: set[str] = field(default_factory=set)
    commits: int = 0
    started: float = field(default_factory=time.monotonic)
    committed_at: float = field(default_factory=time.monotonic)

    def rehearse(self, *, retry_failed: bool) -> IndexReport:
        """Say what a run would do, and write nothing."""
        plan = self._plan(self._listing(), retry_failed=retry_failed)
        self.report.dry_run = True
        self.report.decoded = len(plan.decode)
        self.report.elapsed_s = time.monotonic() - self.started
        return self.report

    def perform(self, *, retry_failed: bool) -> IndexReport:
        """Do the run."""
        listing = self._listing()
        plan = self._plan(listing, retry_failed=retry_failed)
        self._place_known(plan)
        for entry, why in listing.odd:
            self._fail(entry, "", "unreadable", f"{why}; expected a file that can be read.")
        self.known_sounds = set(self.store.read("sounds", ["sound_id"])["sound_id"].to_pylist())
        try:
            self._hear(plan)
        except KeyboardInterrupt:
            self.report.stopped = True
        self._commit()
        if self.commits > COMPACT_AFTER:
            self.store.compact()
        self.report.elapsed_s = time.monotonic() - self.started
        self._tell("finish", self.report.decoded, len(plan.decode))
        return self.report

    # -- what is to be done -------------------------------------------------------------------------

    def _listing(self) -> Listing:
        """List the folder; an empty one where sounds are known is an unmounted drive."""
        self._tell("scan")
        listing = scan(self.root, AUDIO_SUFFIXES, below=self.below)
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

    def _plan(self, listing: Listing, *, retry_failed: bool) -> Plan:
        """Compare the listing with the tables."""
        places = self.store.read("locations").to_pylist()
        failures = self.store.read("failures").to_pylist()
        known = Knowledge(
            places={r["path"]: _place(r) for r in places if self._is_mine(r)},
            failures={
                r["path"]: (r["size"], r["mtime_ns"], r["byte_hash"])
                for r in failures
                if self._is_mine(r)
            },
            by_hash={r["byte_hash"]: r["sound_id"] for r in places if r["byte_hash"]},
            failed_hashes={r["byte_hash"]: r["reason"] for r in failures if r["byte_hash"]},
            sizes={r["size"] for r in places} | {r["size"] for r in failures if r["byte_hash"]},
        )
        plan = reconcile(listing, known, self._hash, retry_failed=retry_failed)
        report = self.report
        report.unchanged = plan.unchanged + len(plan.touched)
        report.moved, report.copied, report.gone = len(plan.moved), len(plan.copied), len(plan.gone)
        report.failed_before = plan.remembered + len(plan.failed_before)
        report.failed = report.failed_before
        if not report.dry_run:
            self._forget_failures(known, listing, plan)
        return plan

    def _is_mine(self, row: dict[str, object]) -> bool:
        """Say whether a row lies in the part of the root that this run looks at."""
        path = row["path"]
        return (
            row["root_id"] == self.root_id
            and isinstance(path, bytes)
            and (not self.below or path.startswith(self.below + b"/"))
        )

    def _hash(self, path: bytes) -> str | None:
        """Hash a file of the listing; None when it cannot be read."""
        try:
            return byte_hash(os.path.join(self.root, path))
        except (OSError, DecodeError):
            return None

    def _forget_failures(self, known: Knowledge, listing: Listing, plan: Plan) -> None:
        """Drop ledger rows of files that are gone from disk."""
        if listing.unreadable:
            return
        here = {entry.path for entry in listing.entries} | {entry.path for entry, _ in listing.odd}
        self._clear_failures([path for path in known.failures if path not in here])
        rows = [
            (entry, byte_hash_, known.failed_hashes[byte_hash_], "the same bytes failed before.")
            for entry, byte_hash_ in plan.failed_before
        ]
        self.batch.failures.extend(rows)

    # -- doing it -----------------------------------------------------------------------------------

    def _place_known(self, plan: Plan) -> None:
        """Write the places of files that need no decoding, and mark what is missing."""
        known = [(entry, place.byte_hash, place.sound_id) for entry, place in plan.touched]
        self.store.upsert("locations", self._places([*known, *plan.moved, *plan.copied]))
        self._delete_places(plan.left)
        if plan.gone:
            gone = set(plan.gone)
            rows = self.store.read(
                "locations", where=f"root_id = {quote([self.root_id])}"
            ).to_pylist()
            rows = [{**row, "state": GONE} for row in rows if row["path"] in gone]
            self.store.upsert("locations", pa.Table.from_pylist(rows, schema=SCHEMAS["locations"]))

    def _hear(self, plan: Plan) -> None:
        """Decode and embed what is new, committing as it goes."""
        entries = plan.decode
        if not entries:
            return
        total, done = len(entries), 0
        with Workers(
            min(self.jobs, len(entries)), self.spaces, timeout_s=self.timeout_s
        ) as workers:
            for outcome in workers.run(self._groups(entries), stop=self.stop):
                done += 1
                self._take(entries[outcome.key], outcome)
                self._tell("decode", done, total, display(entries[outcome.key].path))
                if time.monotonic() - self.committed_at > COMMIT_S:
                    self._commit()
        self.report.stopped = done < total

    def _groups(self, entries: Sequence[Entry]) -> Iterator[tuple[Job, ...]]:
        """Pack files into groups: many small ones, or one long one."""
        group: list[Job] = []
        size = 0
        limit = max(1, min(GROUP_FILES, len(entries) // (2 * self.jobs)))
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
        if heard is None:
            self._fail(entry, outcome.byte_hash, outcome.reason, outcome.message)
            return
        report = self.report
        report.decoded += 1
        report.seconds_of_sound += heard.duration_s
        now = Entry(entry.path, outcome.size, outcome.mtime_ns)
        self.batch.places.append((now, outcome.byte_hash, heard.sample_hash))
        if heard.sample_hash not in self.known_sounds:
            self.known_sounds.add(heard.sample_hash)
            self.batch.sounds.append(heard)
            report.embedded += 1
            report.segments += len(heard.seq)
            report.silent += heard.n_silent

    def _fail(self, entry: Entry, byte_hash_: str, reason: str, message: str) -> None:
        """Put a file into the ledger."""
        self.report.failed += 1
        self.batch.failures.append((entry, byte_hash_, reason, message))

    def _commit(self) -> None:
        """Write what has gathered: vectors and segments, places, then the sounds: the commit marker."""
        batch, self.batch = self.batch, _Batch()
        self.committed_at = time.monotonic()
        if not batch:
            return
        number = time.time_ns()
        write_sounds(
            self.store, batch.sounds, number, before_marker=lambda: self._write_places(batch)
        )
        self.commits += 1
        self.committed_at = time.monotonic()

    def _write_places(self, batch: _Batch) -> None:
        """Write places and ledger of one batch."""
        self.store.upsert("locations", self._places(batch.places))
        self._clear_failures([entry.path for entry, _, _ in batch.places])
        self.store.upsert("failures", self._ledger(batch.failures))
        self._mark_gone([entry.path for entry, *_ in batch.failures])

    def _places(self, rows: Iterable[tuple[Entry, str, str]]) -> pa.Table:
        """Return rows of the locations table."""
        return pa.Table.from_pylist(
            [
                {
                    "root_id": self.root_id,
                    "path": entry.path,
                    "display": display(entry.path),
                    "byte_hash": byte_hash_,
                    "size": entry.size,
                    "mtime_ns": entry.mtime_ns,
                    "sound_id": sound_id,
                    "state": PRESENT,
                }
                for entry, byte_hash_, sound_id in rows
            ],
            schema=SCHEMAS["locations"],
        )

    def _ledger(self, rows: Iterable[tuple[Entry, str, str, str]]) -> pa.Table:
        """Return rows of the failures table."""
        now = datetime.now(UTC)
        return pa.Table.from_pylist(
            [
                {
                    "root_id": self.root_id,
                    "path": entry.path,
                    "display": display(entry.path),
                    "byte_hash": byte_hash_,
                    "size": entry.size,
                    "mtime_ns": entry.mtime_ns,
                    "reason": reason,
                    "message": message,
                    "failed_at": now,
                }
                for entry, byte_hash_, reason, message in rows
            ],
            schema=SCHEMAS["failures"],
        )

    def _clear_failures(self, paths: Sequence[bytes]) -> None:
        """Drop ledger rows of these paths, where there are any."""
        rows = self.store.read("failures", ["path"], f"root_id = {quote([self.root_id])}")[
            "path"
        ].to_pylist()
        self._delete_rows("failures", sorted(set(paths) & set(rows)))

    def _mark_gone(self, paths: Sequence[bytes]) -> None:
        """Mark the places of files that were sounds once and failed now."""
        if not paths:
            return
        wanted = set(paths)
        rows = self.store.read("locations", where=f"root_id = {quote([self.root_id])}").to_pylist()
        rows = [{**row, "state": GONE} for row in rows if row["path"] in wanted]
        self.store.upsert("locations", pa.Table.from_pylist(rows, schema=SCHEMAS["locations"]))

    def _delete_places(self, paths: Sequence[bytes]) -> None:
        """Delete the places that a moved file left."""
        self._delete_rows("locations", paths)

    def _delete_rows(self, name: str, paths: Sequence[bytes], *, block: int = 2_000) -> None:
        """Delete rows of this root by raw path."""
        for start in range(0, len(paths), block):
            hexes = ", ".join(f"X'{path.hex()}'" for path in paths[start : start + block])
            self.store.delete(name, f"root_id = {quote([self.root_id])} AND path IN ({hexes})")

    def _tell(self, phase: str, done: int = 0, total: int | None = None, path: str = "") -> None:
        """Tell the caller how far the run is."""
        self.on_progress(
            Progress(
                phase,
                done,
                total,
                self.report.failed,
                self.report.seconds_of_sound,
                time.monotonic() - self.started,
                path,
            )
        )


def _place(row: dict[str, object]) -> Place:
    """Return a row of the locations table as `reconcile` wants it."""
    return Place(
        size=int(str(row["size"])),
        mtime_ns=int(str(row["mtime_ns"])),
        byte_hash=str(row["byte_hash"]),
        sound_id=str(row["sound_id"]),
        state=str(row["state"]),
    )


def write_sounds(
    store: Store,
    sounds: Sequence[Heard],
    number: int,
    *,
    before_marker: Callable[[], None] = lambda: None,
) -> None:
    """Commit sounds in the order that makes the `sounds` row the marker.

    Segments, vectors of every space, whatever `before_marker` writes, then the sounds.
    """
    if sounds:
        ids = np.repeat([s.sample_hash for s in sounds], [len(s.seq) for s in sounds])
        seq = np.concatenate([s.seq for s in sounds])
        batch = np.full(len(seq), number, np.int64)
        store.append(
            "segments",
            pa.table(
                {
                    "sound_id": ids,
                    "seq": seq,
                    "start_s": np.concatenate([s.start_s for s in sounds]),
                    "end_s": np.concatenate([s.end_s for s in sounds]),
                    "centre_s": np.concatenate([s.centre_s for s in sounds]),
                    "energy_db": np.concatenate([s.energy_db for s in sounds]),
                    "batch": batch,
                },
                schema=SCHEMAS["segments"],
            ),
        )
        for space_id in sounds[0].vectors:
            vectors = np.concatenate([s.vectors[space_id] for s in sounds])
            schema = vectors_schema(vectors.shape[1])
            flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
            store.append(
                vectors_table(space_id),
                pa.table(
                    {"sound_id": ids, "seq": seq, "vector": flat, "batch": batch}, schema=schema
                ),
                schema,
            )
    before_marker()
    if sounds:
        now = datetime.now(UTC)
        store.append(
            "sounds",
            pa.Table.from_pylist(
                [
                    {
                        "sound_id": s.sample_hash,
                        "duration_s": s.duration_s,
                        "rate_hz": s.rate_hz,
                        "channels": s.channels,
                        "format": s.format,
                        "subtype": s.subtype,
                        "peak_db": s.peak_db,
                        "n_segments": len(s.seq),
                        "n_silent": s.n_silent,
                        "peaks": s.peaks.astype(np.int8).tobytes(),
                        "added_at": now,
                        "batch": number,
                    }
                    for s in sounds
                ],
                schema=SCHEMAS["sounds"],
            ),
        )
