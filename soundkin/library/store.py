"""The tables of a library on disk and the order in which they are written.

A library is a folder, or a part of a bucket (see :mod:`soundkin.library.storage`)::

    soundkin.json     format version, the library's own id
    tables/           one Lance dataset a table, each with atomic, versioned commits
    locks/            who is indexing what (advisory locks: empty files; in a bucket: leases)
    cache/            search indexes; never the truth, may be deleted (of a bucket: on this machine)

Lance commits one table at a time, so the order carries the meaning: segments and vectors first, then
places, the `sounds` row last. A sound exists when its `sounds` row does; rows without one are orphans
of an interrupted run, ignored by readers and swept by the next indexer. Forgetting goes the other way:
the `sounds` row first, so that what is left behind are orphans again.

Appends go side by side. What inserts by key, deletes or rewrites takes turns, table by table, so that
two writers never insert the same key; a conflict that is met all the same is tried again.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import pyarrow as pa

from soundkin.bucket.again import asked_again
from soundkin.errors import LibraryBusy, LibraryError
from soundkin.library.lance import connect
from soundkin.library.marker import library_id_at
from soundkin.library.refusals import guarded
from soundkin.library.room import CACHE_BYTES
from soundkin.library.storage import Storage, storage_at
from soundkin.library.sweep import sweep
from soundkin.library.tables import (
    KEYS,
    SCHEMAS,
    at_paths,
    quote,
    vectors_schema,
    vectors_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import lancedb

__all__ = [
    "KEYS",
    "SCHEMAS",
    "Store",
    "at_paths",
    "guarded",
    "quote",
    "vectors_schema",
    "vectors_table",
]

READ_ROWS = 1 << 16
"""Rows that the store hands over at once; its own choice of 1,024 takes ten times as long."""

KEPT_FOR = timedelta(hours=1)
"""How long an old version of a table can still be read."""

FRAGMENTS = 32
"""From this many small pieces on a table is merged."""

COMMITS_A_MERGE = 64
"""After so many commits by key of one process it looks whether a table wants merging."""

MANY_LISTS, LEARNT_FROM, ROUNDS = 512, 64, 15
"""From so many lists on: vectors a list that its centre is learnt from, and rounds. Lance's own choice, 256
and 50, is ten times the work, which grows with the square of the lists."""

_CONFLICT = re.compile(r"conflict|concurrent", re.IGNORECASE)
_P = ParamSpec("_P")
_T = TypeVar("_T")


def _asked_again(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let a method that can be done twice be done again when a bucket failed for a moment.

    The engine tries most requests again by itself, but not a list or a body that was cut off. Credentials
    that are refused are read anew, once.
    """

    @wraps(method)
    def asked(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        store: Any = args[0]
        return asked_again(lambda: method(*args, **kwargs), store.reconnect)

    return asked


class Store:
    """One library's tables; many readers, several writers.

    Raises `LibraryFormatError` for a folder that is no library or is written by a newer Soundkin,
    `StorageError` when the disk is full, and `BucketError` where a bucket does not answer or refuses.
    """

    def __init__(self, storage: Storage, library_id: str) -> None:
        self.storage = storage
        self.library_id = library_id
        self.cache_bytes = CACHE_BYTES
        self._db: lancedb.DBConnection | None = None
        self._tables: dict[str, Any] = {}
        self._commits: dict[str, int] = {}
        self._options: dict[str, str] = {}
        self._what = f"'{storage}'" if storage.remote else "the library"

    # -- opening ------------------------------------------------------------------------------------

    @classmethod
    def open(cls, path: str | Path, *, create: bool = True) -> Store:
        """Open the library at `path`, or lay a new one into a missing or empty folder.

        path: a folder, or an address in a bucket, as in ``s3://bucket/library``.
        """
        storage = storage_at(path)
        return cls(storage, library_id_at(storage, create=create))

    @property
    def cache(self) -> Path:
        """The folder on this machine for what can be made again."""
        return self.storage.cache(self.library_id)

    @property
    def local_locks(self) -> Path:
        """The folder of locks over what lies in `cache`."""
        return self.cache / "locks" if self.storage.remote else self.cache.parent / "locks"

    @property
    def path(self) -> Path:
        """The library's folder; of a library in a bucket, the folder of what this machine keeps of it."""
        return self.cache if self.storage.remote else self.cache.parent

    @property
    def db(self) -> lancedb.DBConnection:
        """The connection, made when first needed."""
        if self._db is None:
            self._options = self.storage.options
            with guarded(self._what):
                self._db = connect(self.storage.uri, self._options)
        return self._db

    def reconnect(self) -> bool:
        """Read the credentials again; when they are others now, forget every open table and say yes."""
        self.storage.renew()
        if self.storage.options == self._options:
            return False
        self._db = None
        self._tables.clear()
        return True

    @_asked_again
    def names(self) -> list[str]:
        """Return the names of the tables that exist."""
        found: list[str] = []
        token = None
        while True:
            with guarded(self._what):
                page = self.db.list_tables(page_token=token) if token else self.db.list_tables()
            found.extend(page.tables)
            token = page.page_token
            if not token:
                return sorted(found)

    def spaces(self) -> list[str]:
        """Return the ids of the spaces that this library has vectors of."""
        head = vectors_table("")
        names = [name for name in self.names() if name.startswith(head)]
        return [name.removeprefix(head) for name in names if self._opened(name) is not None]

    @_asked_again
    def table(self, name: str, schema: pa.Schema | None = None) -> Any:
        """Return a table at its latest version; make it when it is not there yet.

        schema: of the vectors of a new space; the other tables know theirs.
        """
        table = self._existing(name)
        if table is None:
            schema = schema if schema is not None else SCHEMAS[name]
            with guarded(self._what):
                table = self.db.create_table(name, schema=schema, exist_ok=True)
            self._tables[name] = table
        return table

    def _existing(self, name: str) -> Any:
        """Return a table at its latest version, or None when nothing was ever written to it."""
        known = name in self._tables
        table = self._opened(name)
        if known:
            with guarded(self._what):
                table.checkout_latest()
        return table

    def _opened(self, name: str) -> Any:
        """Return a table at some version, or None when it is not there, or not whole yet."""
        if name not in self._tables:
            try:
                with guarded(self._what):
                    self._tables[name] = self.db.open_table(name)
            except ValueError as error:  # also for what a kill leaves of a table being made
                if "not found" not in str(error):
                    raise LibraryError(f"the table {name!r} cannot be opened ({error})") from error
                return None
        return self._tables[name]

    # -- reading ------------------------------------------------------------------------------------

    @_asked_again
    def version(self, name: str) -> int:
        """Return the version number of a table; it grows with every commit, 0 is "not there"."""
        table = self._existing(name)
        return 0 if table is None else int(table.version)

    @_asked_again
    def read(
        self, name: str, columns: Sequence[str] | None = None, where: str | None = None
    ) -> pa.Table:
        """Read a table, or some of its columns and rows, as one consistent snapshot."""
        table = self._existing(name)
        if table is None:
            empty = SCHEMAS[name].empty_table()
            return empty if columns is None else empty.select(list(columns))
        query = table.search()
        if where is not None:
            query = query.where(where)
        if columns is not None:
            query = query.select(list(columns))
        with guarded(self._what):
            return query.to_batches(batch_size=READ_ROWS).read_all()

    @_asked_again
    def count(self, name: str, where: str | None = None) -> int:
        """Count the rows of a table."""
        table = self._existing(name)
        with guarded(self._what):
            return 0 if table is None else int(table.count_rows(where))

    def setting(self, key: str) -> Any:
        """Return a setting's value, or None."""
        rows = self.read("settings", where=f"key = {quote([key])}").to_pylist()
        return json.loads(rows[0]["value"]) if rows else None

    # -- writing ------------------------------------------------------------------------------------

    @_asked_again
    def append(self, name: str, rows: pa.Table, schema: pa.Schema | None = None) -> None:
        """Append rows in one commit."""
        if rows.num_rows:
            added = self.version(name) if self.storage.remote else 0
            self._retry(lambda: self._add_once(name, rows, schema, added))

    def _add_once(self, name: str, rows: pa.Table, schema: pa.Schema | None, seen: int) -> None:
        """Append rows, unless a try whose answer was lost has done so since version `seen`."""
        table = self.table(name, schema)
        if self.storage.remote and "batch" in rows.schema.names and table.version > max(seen, 1):
            mine = rows["batch"][0].as_py()
            if table.count_rows(f"batch = {mine}") >= rows.num_rows:
                return
        table.add(rows)

    @_asked_again
    def upsert(self, name: str, rows: pa.Table, *, leaving: str = "") -> None:
        """Insert rows or replace those with the same key, in one commit.

        leaving: a condition; the other rows that meet it are deleted in that very commit.
        """
        if not rows.num_rows:
            return

        def work() -> object:
            merge = self.table(name).merge_insert(KEYS[name])
            merge = merge.when_matched_update_all().when_not_matched_insert_all()
            if leaving:
                merge = merge.when_not_matched_by_source_delete(leaving)
            return merge.execute(rows)

        self._in_turn(name, work)

    @_asked_again
    def insert_missing(self, name: str, rows: pa.Table) -> None:
        """Insert the rows whose key is not there yet, in one commit."""
        if rows.num_rows:
            self._in_turn(
                name,
                lambda: (
                    self.table(name)
                    .merge_insert(KEYS[name])
                    .when_not_matched_insert_all()
                    .execute(rows)
                ),
            )

    @_asked_again
    def delete(self, name: str, where: str) -> None:
        """Delete the rows that match."""
        if self._existing(name) is not None:
            self._in_turn(name, lambda: self.table(name).delete(where))

    def delete_paths(
        self, name: str, root_id: str, paths: Sequence[bytes], *, block: int = 2_000
    ) -> None:
        """Delete the rows of some raw paths of a root."""
        for start in range(0, len(paths), block):
            self.delete(name, at_paths(root_id, paths[start : start + block]))

    def delete_sounds(
        self, name: str, sound_ids: Sequence[str], *, before: int | None = None, block: int = 5_000
    ) -> None:
        """Delete the rows of these sounds from one table; with `before`, only those of older batches."""
        older = "" if before is None else f" AND batch < {before}"
        for start in range(0, len(sound_ids), block):
            chosen = quote(sound_ids[start : start + block])
            self.delete(name, f"sound_id IN ({chosen}){older}")

    def put_setting(self, key: str, value: object) -> None:
        """Set a setting (any JSON value)."""
        self.put_settings({key: value})

    def put_settings(self, values: Mapping[str, object]) -> None:
        """Set several settings (any JSON values) in one commit."""
        rows = {"key": list(values), "value": [json.dumps(value) for value in values.values()]}
        self.upsert("settings", pa.table(rows, schema=SCHEMAS["settings"]))

    def delete_settings(self, keys: Sequence[str]) -> None:
        """Forget settings; one that is not there is passed over."""
        if keys:
            self.delete("settings", f"key IN ({quote(keys)})")

    def index_vectors(self, name: str, *, n_lists: int = 0, n_codes: int = 0) -> None:
        """Build the store's own index over a table's vectors: lists of codes of `n_codes` bytes.

        Without `n_lists`, what came since it was built is added to it.
        """
        from lancedb.index import IvfPq

        def work() -> None:
            table = self.table(name)
            if not n_lists:
                table.optimize(cleanup_older_than=KEPT_FOR)
                return
            how = IvfPq(distance_type="cosine", num_partitions=n_lists, num_sub_vectors=n_codes)
            if n_lists >= MANY_LISTS:
                how = replace(how, sample_rate=LEARNT_FROM, max_iterations=ROUNDS)
            table.create_index("vector", config=how)

        with self.storage.locks.turn(f"table-{name}"):
            self._retry(work)

    def compact(self, *, fragments: int = 0) -> None:
        """Merge the small pieces of tables that have more than `fragments`; drop versions past `KEPT_FOR`.

        Readers and writers go on; a table that is written to at that very moment is left for next time.
        """
        for name in self.names():
            self._merge(name, fragments)

    def _merge(self, name: str, fragments: int) -> None:
        """Merge the pieces of one table when it has too many."""
        table = self._existing(name)
        if table is None:
            return
        with guarded(self._what):
            pieces = table.stats()["fragment_stats"]["num_small_fragments"]
        if pieces > fragments:
            turn = self.storage.locks.turn(f"table-{name}")
            with contextlib.suppress(_ConflictError), turn:
                self._retry(partial(table.optimize, cleanup_older_than=KEPT_FOR))

    def _in_turn(self, name: str, work: Callable[[], object]) -> None:
        """Do a commit that must not overlap another of its kind on the same table.

        Each leaves a small piece behind; now and then they are merged.
        """
        with self.storage.locks.turn(f"table-{name}"):
            self._retry(work)
        self._commits[name] = self._commits.get(name, 0) + 1
        if self._commits[name] % COMMITS_A_MERGE == 0:
            self._merge(name, FRAGMENTS)

    def _retry(self, work: Callable[[], _T], *, tries: int = 12) -> _T:
        """Do one commit; wait and try again when another process committed first."""
        for attempt in range(tries):
            try:
                with guarded(self._what):
                    return work()
            except LibraryError as error:
                if not _CONFLICT.search(str(error)):
                    raise
                if attempt == tries - 1:
                    raise _ConflictError(
                        f"other processes kept writing during {tries} tries ({error.found})",
                        "a moment without them",
                        "run the same command again",
                    ) from error
            time.sleep(min(0.02 * 2**attempt, 1.0))
        raise AssertionError("unreachable")  # pragma: no cover

    # -- who indexes what ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def indexing(self, root_id: str, root_name: str) -> Iterator[None]:
        """Hold a root for one indexer; sweep first when nobody else is indexing.

        Raises `LibraryBusy` when another process holds the same root.
        """
        with self.storage.locks.hold(f"root-{root_id}") as holder:
            if holder:
                raise LibraryBusy(
                    f"'{root_name}' is being indexed by process {holder}",
                    "one indexer a folder",
                    "wait for it to end, or stop it; searching and tagging go on meanwhile",
                )
            with self.storage.locks.join(lambda: sweep(self)):
                yield

    def is_indexing(self) -> bool:
        """Say whether any process is indexing into this library now."""
        return self.storage.locks.any_joined()


class _ConflictError(LibraryError):
    """Other processes kept committing first."""
