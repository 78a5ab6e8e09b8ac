"""From a source to vectors: list, fetch, listen, remember; bounded, resumable, polite.

Sounds are fetched into batches, folders below one root a source; a batch is heard as any folder is. With
``keep="audio"`` its files stay; with ``keep="pointers"`` they go as soon as they were heard, and what stays
are places without a file and rows of `origins` that tell where to play them from. A run that was stopped or
killed goes on: a batch has a journal, which says what was fetched until it is heard.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from soundkin.errors import InputError, LibraryBusy, SourceError
from soundkin.library.ingest import index_folder
from soundkin.library.progress import IndexReport, Progress
from soundkin.library.refusals import guarded
from soundkin.library.roots import find
from soundkin.library.rows import ledger_rows
from soundkin.library.scan import PRESENT, Entry
from soundkin.library.sources import origins
from soundkin.library.sources.batches import JOURNAL, Batch, as_it_sounds, batch_of, note, noted
from soundkin.library.sources.net import WebError, checked, host_of
from soundkin.library.sources.origins import (
    AUDIO,
    DONE,
    FAILED,
    LISTED,
    PASSING,
    POINTERS,
    Mark,
    Origin,
)
from soundkin.library.sources.places import relative_path, slug
from soundkin.library.sources.robots import Robots
from soundkin.library.sources.web import Client, Fetched, Stopped
from soundkin.library.tables import at_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from soundkin.library.sources.naming import Source
    from soundkin.library.sources.origins import Item
    from soundkin.library.store import Store

AT_ONCE = 4
CHECK_AFTER = timedelta(days=1)
"""How long an item whose source tells no version is taken to be what it was."""


def index_source(
    store: Store,
    source: Source,
    *,
    keep: str = AUDIO,
    into: Path | None = None,
    spaces: Sequence[str],
    jobs: int | None = None,
    retry_failed: bool = False,
    dry_run: bool = False,
    timeout_s: float = 60.0,
    check_after: timedelta = CHECK_AFTER,
    client: Client | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> IndexReport:
    """Bring the library up to date with a source; return what was found and done, as for a folder.

    keep: "audio", or "pointers" for vectors, outlines and the address alone. into: the folder below which
    audio is kept, by default the library's own. An item that fails goes into the ledger with a reason and
    stops nothing; one that may be had later is tried again by the next run, the others with `retry_failed`.
    Raises `InputError`, `SourceError` when the source itself cannot be read, `LibraryBusy`, `StorageError`.
    """
    if keep not in {AUDIO, POINTERS}:
        raise InputError(f"--keep {keep}", f"{AUDIO} or {POINTERS}", "choose one of them")
    root = Path(os.path.realpath((into or store.path / "sources") / slug(source.name)))
    client = client or Client()
    client.trusted |= source.hosts
    client.stop = stop
    run = _Run(
        store, source, keep, root, tuple(spaces), jobs, retry_failed, timeout_s, check_after,
        client, on_progress, stop,
    )  # fmt: skip
    if dry_run:
        return run.rehearse()
    with store.storage.locks.hold(f"source-{slug(source.name)}") as holder:
        if holder:
            raise LibraryBusy(
                f"'{source.name}' is being fetched by process {holder}",
                "one at a time",
                "wait for it to end, or stop it",
            )
        return run.perform()


@dataclass(slots=True)
class _Run:
    """One run over one source."""

    store: Store
    source: Source
    keep: str
    root: Path
    spaces: tuple[str, ...]
    jobs: int | None
    retry_failed: bool
    timeout_s: float
    check_after: timedelta
    client: Client
    on_progress: Callable[[Progress], None]
    stop: Callable[[], bool]
    report: IndexReport = field(default_factory=IndexReport)
    known: dict[str, Origin] = field(default_factory=dict)
    root_id: str = ""
    below: bytes = b""
    started: float = field(default_factory=time.monotonic)
    batch: Batch | None = None
    robots: Robots | None = None
    broken: set[str] = field(default_factory=set)

    def rehearse(self) -> IndexReport:
        """Say what would be fetched, and fetch nothing but the list."""
        self._look()
        for item in self._listed({}):
            if not isinstance(item, Mark):
                self.report.found += 1
                self.report.decoded += self._is_wanted(item)
        self.report.dry_run = True
        return self.report

    def perform(self) -> IndexReport:
        """Do the run."""
        with guarded(f"'{self.root}'"):
            self.root.mkdir(parents=True, exist_ok=True)
        self._look()
        if not self.root_id:
            self._hear(self.root)  # lays the root
            self._look()
        self._go_on_with_the_last_run()
        self.robots = Robots(self.client) if self.source.asks_robots else None
        key = f"source:{self.source.name}"
        memory: dict[str, str] = dict(self.store.setting(key) or {})
        pending: dict[Future[Fetched], tuple[Item, Path]] = {}
        try:
            with ThreadPoolExecutor(AT_ONCE, "soundkin-fetch") as pool:
                self._fetch_all(pool, pending, memory)
        except (Stopped, KeyboardInterrupt):
            self.report.stopped = True
            for future, (item, path) in pending.items():
                if future.done() and not future.cancelled():
                    with contextlib.suppress(Stopped):
                        self._take(item, path, future)
        self._settle()
        if not self.report.stopped:
            self.store.put_setting(key, memory)
        self.report.elapsed_s = time.monotonic() - self.started
        return self.report

    # -- what is known ----------------------------------------------------------------------------------

    def _look(self) -> None:
        """Read what is known of the source; nothing, when its root was forgotten."""
        claim = find(self.store.read("roots").to_pylist(), os.fsencode(self.root))
        if claim is not None:
            self.root_id, self.below = claim.root_id, claim.below
            known = origins.of_source(self.store, self.source.name)
            self.known = {i: row for i, row in known.items() if row.root_id == self.root_id}

    def _is_wanted(self, item: Item) -> bool:
        """Say whether an item is to be fetched, or asked for again."""
        known = self.known.get(item.item_id)
        if known is None:
            return True
        if known.state == FAILED:
            changed = bool(item.version) and item.version != known.version
            return known.reason in PASSING or changed or self.retry_failed
        if item.version or known.version:
            return item.version != known.version
        old = datetime.now(UTC) - known.seen_at >= self.check_after
        return old and bool(known.etag or known.modified)

    def _listed(self, memory: dict[str, str]) -> Iterator[Item | Mark]:
        """Yield what the source offers; what it cannot say is an error of the whole run."""
        try:
            yield from self.source.items(self.client, self.known, memory)
        except WebError as error:
            raise SourceError(
                f"'{self.source.name}' cannot be read ({error})",
                "an answer of that source",
                "check its name, or try again later; what was fetched stays",
            ) from error

    # -- fetching ---------------------------------------------------------------------------------------

    def _fetch_all(
        self,
        pool: ThreadPoolExecutor,
        pending: dict[Future[Fetched], tuple[Item, Path]],
        memory: dict[str, str],
    ) -> None:
        """Fetch what is wanted, some at once, and hear each batch when it is due."""
        try:
            for item in self._listed(memory):
                if self.stop():
                    raise Stopped
                if isinstance(item, Mark):
                    self._collect(pending, until=0)
                    self._current().marks.append(item)
                    continue
                self.report.found += 1
                if not self._is_wanted(item):
                    self._pass_over(item)
                    continue
                path = self._place_for(item)
                pending[pool.submit(self._fetch, item, path)] = (item, path)
                self._collect(pending, until=2 * AT_ONCE)
                if self._current().is_due:
                    self._collect(pending, until=0)
                    self._settle()
            self._collect(pending, until=0)
        except SourceError:
            self._collect(pending, until=0)
            self._settle()
            raise
        finally:
            for future in pending:
                future.cancel()

    def _pass_over(self, item: Item) -> None:
        """Count an item that is left as it is."""
        if self.known[item.item_id].state == FAILED:
            self.report.failed += 1
            self.report.failed_before += 1
        else:
            self.report.unchanged += 1

    def _current(self) -> Batch:
        """Return the batch that is being filled; its number is one that no batch had."""
        if self.batch is None:
            names = {batch_of(row, self.below) for row in self.known.values()}
            names |= {folder.name for folder in self.root.iterdir()}
            number = 1 + max((int(name) for name in names if name.isdecimal()), default=0)
            self.batch = Batch(self.root / f"{number:06d}")
        return self.batch

    def _place_for(self, item: Item) -> Path:
        """Return where an item is written; makes the folder."""
        path = self._current().folder / relative_path(item)
        with guarded(f"'{self.root}'"):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _fetch(self, item: Item, path: Path) -> Fetched:
        """Fetch one item; runs in a thread."""
        checked(item.url)
        trusted = self.source.hosts | ({host_of(item.url)} if item.named else frozenset())
        if self.robots is not None:
            self.robots.check(item.url, trusted)
        known = self.known.get(item.item_id)
        ask = known is not None and known.state == DONE
        etag, modified = (known.etag, known.modified) if known and ask else ("", "")
        return self.client.fetch(item.url, path, etag=etag, modified=modified, trusted=trusted)

    def _collect(self, pending: dict[Future[Fetched], tuple[Item, Path]], *, until: int) -> None:
        """Take in what was fetched, until no more than so many are on their way."""
        while len(pending) > until:
            done, _ = wait(pending, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in done:
                item, path = pending.pop(future)
                self._take(item, path, future)
            self._tell("fetch")

    def _take(self, item: Item, path: Path, future: Future[Fetched]) -> None:
        """Note in the journal what became of one item."""
        batch = self._current()
        row = self._row(item)
        try:
            fetched = future.result()
            if fetched.unchanged:
                self.report.unchanged += 1
                known = self.known[item.item_id]
                batch.seen.append(replace(known, seen_at=row.seen_at, version=row.version))
                return
            named = as_it_sounds(path, fetched.media_type)
        except WebError as error:
            path.unlink(missing_ok=True)
            row = replace(row, state=FAILED, reason=error.reason, message=f"{error}.")
            batch.failed.append(row)
        else:
            row = replace(
                row,
                path=os.path.join(self.below, os.fsencode(named.relative_to(self.root))),
                final_url=fetched.url,
                etag=fetched.etag,
                modified=fetched.modified,
                media_type=fetched.media_type,
                size=fetched.size,
            )
            batch.rows.append(row)
            batch.size += fetched.size
        if row.state == FAILED and row.reason in PASSING:
            self.broken.add(item.folder)
        note(batch.folder, row)

    def _row(self, item: Item) -> Origin:
        """Return what is known of an item before it was fetched."""
        return Origin(
            source=self.source.name,
            item_id=item.item_id,
            root_id=self.root_id,
            keep=self.keep,
            url=item.url,
            named=item.named or _host(item.url) in self.source.hosts,
            page=item.page,
            title=item.title,
            author=item.author,
            licence=item.licence,
            version=item.version,
            seen_at=datetime.now(UTC),
        )

    # -- hearing ----------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Hear what the batch has gathered, and write down what became of it."""
        batch, self.batch = self.batch, None
        if batch is None:
            return
        self._settle_rows(batch.folder, batch.rows, batch.failed)
        marks = [
            Origin(
                self.source.name, m.item_id, state=LISTED, root_id=self.root_id, version=m.version
            )
            for m in batch.marks
            if m.item_id not in self.broken
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
        with guarded(f"'{folder}'"):
            (folder / JOURNAL).unlink(missing_ok=True)
            if any(row.keep == POINTERS for row in settled) or not rows:
                shutil.rmtree(folder, ignore_errors=True)

    def _hear(self, folder: Path) -> IndexReport:
        """Listen to a folder below the root."""
        return index_folder(
            self.store,
            folder,
            spaces=self.spaces,
            jobs=self.jobs,
            timeout_s=self.timeout_s,
            on_progress=lambda progress: self._tell("decode", progress.path),
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
        for name in (
            "decoded",
            "embedded",
            "copied",
            "segments",
            "silent",
            "failed",
            "seconds_of_sound",
        ):
            setattr(mine, name, getattr(mine, name) + getattr(report, name))

    def _go_on_with_the_last_run(self) -> None:
        """Settle batches that an interrupted run has fetched; clear what was heard and not taken away."""
        folders = sorted(p for p in self.root.iterdir() if p.name.isdecimal() and p.is_dir())
        kept = {batch_of(o, self.below) for o in self.known.values() if o.keep == AUDIO and o.path}
        for folder in folders:
            rows = noted(folder)
            if rows:
                failed = [row for row in rows if row.state == FAILED]
                there = [
                    row for row in rows if row.state != FAILED and self._file_of(row).is_file()
                ]
                self._settle_rows(folder, there, failed)
            elif folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _tell(self, phase: str, path: str = "") -> None:
        """Tell the caller how far the run is."""
        batch = self.batch
        done = self.report.decoded + (len(batch.rows) if batch else 0)
        elapsed_s = time.monotonic() - self.started
        failed = self.report.failed + (len(batch.failed) if batch else 0)
        said = Progress(phase, done, None, failed, self.report.seconds_of_sound, elapsed_s, path)
        self.on_progress(said)


def _host(url: str) -> str:
    """Return host and port of an address, empty for what is none."""
    try:
        return host_of(url)
    except ValueError:
        return ""


def _address_entry(row: Origin) -> Entry:
    """Return an item as the ledger names it: by its address."""
    return Entry(row.url.encode("utf-8", "replace"), row.size, 0)
