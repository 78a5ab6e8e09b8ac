"""From a source to vectors: list, fetch, listen, remember; bounded, resumable, polite.

Sounds are fetched into batches, folders below one root a source; a batch is heard as any folder is. With
``keep="audio"`` its files stay; with ``keep="pointers"`` they go as soon as they were heard, and what stays
are places without a file and rows of `origins` that tell where to play them from. A run that was stopped or
killed goes on: a batch has a journal, which says what was fetched until it is heard.
"""

from __future__ import annotations

import contextlib
import os
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from soundkin.errors import InputError, LibraryBusy, SourceError
from soundkin.library.progress import Progress
from soundkin.library.refusals import guarded
from soundkin.library.sources.batches import Batch, as_it_sounds, batch_of, note
from soundkin.library.sources.net import WebError, checked, host_of
from soundkin.library.sources.origins import AUDIO, DONE, FAILED, PASSING, POINTERS, Mark, Origin
from soundkin.library.sources.places import relative_path, slug
from soundkin.library.sources.robots import Robots
from soundkin.library.sources.settle import Books
from soundkin.library.sources.web import Client, Fetched, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from soundkin.library.progress import IndexReport
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
    books: Books = field(init=False)
    started: float = field(default_factory=time.monotonic)
    batch: Batch | None = None
    robots: Robots | None = None
    broken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.books = Books(
            self.store,
            self.source.name,
            self.root,
            self.spaces,
            self.jobs,
            self.timeout_s,
            lambda path: self._tell("decode", path),
        )

    @property
    def report(self) -> IndexReport:
        """What was done so far."""
        return self.books.report

    @property
    def known(self) -> dict[str, Origin]:
        """What is known of the source's items."""
        return self.books.known

    def rehearse(self) -> IndexReport:
        """Say what would be fetched, and fetch nothing but the list."""
        self.books.look()
        for item in self._listed({}):
            if not isinstance(item, Mark):
                self.report.found += 1
                self.report.decoded += self._is_wanted(item)
        self.report.dry_run = True
        return self.report

    def perform(self) -> IndexReport:
        """Do the run."""
        self.books.lay_root()
        self.books.go_on()
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
            names = {batch_of(row, self.books.below) for row in self.known.values()}
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
                path=os.path.join(self.books.below, os.fsencode(named.relative_to(self.root))),
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
            root_id=self.books.root_id,
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

    def _settle(self) -> None:
        """Hear what the batch has gathered."""
        batch, self.batch = self.batch, None
        if batch is not None:
            self.books.settle(batch, self.broken)

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
