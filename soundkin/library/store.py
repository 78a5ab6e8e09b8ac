"""The tables of a library and the order in which they are written.

A library is a folder::

    soundkin.json     format version, the library's own id
    tables/           one Lance dataset a table, each with atomic, versioned commits
    locks/            who is indexing what (advisory locks; empty files)
    cache/            search indexes; never the truth, may be deleted

Lance commits one table at a time, so the order carries the meaning: segments and vectors first, then
places, the `sounds` row last. A sound exists when its `sounds` row does; rows without one are orphans
of an interrupted run, ignored by readers and swept by the next indexer. Every row carries the number
of the `batch` that wrote it, so a reader fetches only what is new.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
import uuid
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from soundkin.errors import LibraryBusy, LibraryError, LibraryFormatError, NotFound, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import lancedb

FORMAT = 1
"""The version of the layout written by this code."""

MARKER = "soundkin.json"
ID_CHARS = 32
_TIME = pa.timestamp("us", tz="UTC")

SCHEMAS: dict[str, pa.Schema] = {
    "sounds": pa.schema(
        [
            ("sound_id", pa.string()),
            ("duration_s", pa.float64()),
            ("rate_hz", pa.int32()),
            ("channels", pa.int32()),
            ("format", pa.string()),
            ("subtype", pa.string()),
            ("peak_db", pa.float32()),
            ("n_segments", pa.int32()),
            ("n_silent", pa.int32()),
            ("peaks", pa.binary()),
            ("added_at", _TIME),
            ("batch", pa.int64()),
        ]
    ),
    "locations": pa.schema(
        [
            ("root_id", pa.string()),
            ("path", pa.binary()),
            ("display", pa.string()),
            ("byte_hash", pa.string()),
            ("size", pa.int64()),
            ("mtime_ns", pa.int64()),
            ("sound_id", pa.string()),
            ("state", pa.string()),
        ]
    ),
    "segments": pa.schema(
        [
            ("sound_id", pa.string()),
            ("seq", pa.int32()),
            ("start_s", pa.float64()),
            ("end_s", pa.float64()),
            ("centre_s", pa.float64()),
            ("energy_db", pa.float32()),
            ("batch", pa.int64()),
        ]
    ),
    "tags": pa.schema([("sound_id", pa.string()), ("tag", pa.string()), ("added_at", _TIME)]),
    "failures": pa.schema(
        [
            ("root_id", pa.string()),
            ("path", pa.binary()),
            ("display", pa.string()),
            ("byte_hash", pa.string()),
            ("size", pa.int64()),
            ("mtime_ns", pa.int64()),
            ("reason", pa.string()),
            ("message", pa.string()),
            ("failed_at", _TIME),
        ]
    ),
    "roots": pa.schema(
        [
            ("root_id", pa.string()),
            ("path", pa.binary()),
            ("label", pa.string()),
            ("added_at", _TIME),
        ]
    ),
    "settings": pa.schema([("key", pa.string()), ("value", pa.string())]),
}
"""Every table but the vectors, which have one table per space."""

KEYS = {
    "locations": ["root_id", "path"],
    "failures": ["root_id", "path"],
    "roots": ["root_id"],
    "settings": ["key"],
    "tags": ["sound_id", "tag"],
}
"""What makes a row of an upserted table the same row."""

_T = TypeVar("_T")


def vectors_schema(dim: int) -> pa.Schema:
    """Return the schema of one space's vectors: unit vectors of `dim` float32, one row a segment."""
    return pa.schema(
        [
            ("sound_id", pa.string()),
            ("seq", pa.int32()),
            ("vector", pa.list_(pa.float32(), dim)),
            ("batch", pa.int64()),
        ]
    )


def vectors_table(space_id: str) -> str:
    """Return the name of the table that holds the vectors of a space."""
    return f"vectors_{space_id}"


def quote(values: Iterable[str]) -> str:
    """Return values as the inside of an SQL ``IN (...)``, quotes doubled.

    >>> quote(["kick", "it's"])
    "'kick', 'it''s'"
    """
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


class Store:
    """One library's tables; many readers, several writers.

    Raises `LibraryFormatError` for a folder that is no library or is written by a newer Soundkin, and
    `StorageError` when the disk is full.
    """

    def __init__(self, path: Path, library_id: str) -> None:
        self.path = path
        self.library_id = library_id
        self._db: lancedb.DBConnection | None = None
        self._tables: dict[str, Any] = {}

    # -- opening ------------------------------------------------------------------------------------

    @classmethod
    def open(cls, path: Path, *, create: bool = True) -> Store:
        """Open the library at `path`, or lay a new one into a missing or empty folder."""
        marker = path / MARKER
        if marker.exists():
            return cls(path, _read_marker(marker)["library_id"])
        if path.exists() and not path.is_dir():
            raise LibraryFormatError(
                f"'{path}' is a file", "the folder of a library", "give another path with --library"
            )
        if path.exists() and any(path.iterdir()):
            raise LibraryFormatError(
                f"'{path}' is a folder with other things in it",
                f"a library (a folder with {MARKER}) or an empty folder",
                "give another path with --library",
            )
        if not create:
            raise NotFound(
                f"there is no library at '{path}'",
                "a folder that `soundkin index` has written",
                "run `soundkin index FOLDER` first, or name another with --library",
            )
        return cls(path, _lay(path))

    @property
    def db(self) -> lancedb.DBConnection:
        """The connection, made when first needed."""
        if self._db is None:
            import lancedb

            self._db = lancedb.connect(str(self.path / "tables"))
        return self._db

    def names(self) -> list[str]:
        """Return the names of the tables that exist."""
        found: list[str] = []
        token = None
        while True:
            page = self.db.list_tables(page_token=token) if token else self.db.list_tables()
            found.extend(page.tables)
            token = page.page_token
            if not token:
                return sorted(found)

    def spaces(self) -> list[str]:
        """Return the ids of the spaces that this library has vectors of."""
        head = vectors_table("")
        return [name.removeprefix(head) for name in self.names() if name.startswith(head)]

    def table(self, name: str, schema: pa.Schema | None = None) -> Any:
        """Return a table at its latest version; make it when it is not there yet."""
        table = self._tables.get(name)
        if table is None:
            schema = schema if schema is not None else SCHEMAS.get(name)
            with guarded():
                if schema is None:
                    table = self.db.open_table(name)
                else:
                    table = self.db.create_table(name, schema=schema, exist_ok=True)
            self._tables[name] = table
        else:
            table.checkout_latest()
        return table

    # -- reading ------------------------------------------------------------------------------------

    def version(self, name: str) -> int:
        """Return the version number of a table; it grows with every commit."""
        return int(self.table(name).version)

    def read(
        self,
        name: str,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        schema: pa.Schema | None = None,
    ) -> pa.Table:
        """Read a table, or some of its columns and rows, as one consistent snapshot."""
        table = self.table(name, schema)
        query = table.search()
        if where is not None:
            query = query.where(where)
        if columns is not None:
            query = query.select(list(columns))
        with guarded():
            return query.to_arrow()

    def count(self, name: str, where: str | None = None) -> int:
        """Count the rows of a table."""
        return int(self.table(name).count_rows(where))

    def setting(self, key: str) -> Any:
        """Return a setting's value, or None."""
        rows = self.read("settings", where=f"key = {quote([key])}").to_pylist()
        return json.loads(rows[0]["value"]) if rows else None

    # -- writing ------------------------------------------------------------------------------------

    def append(self, name: str, rows: pa.Table, schema: pa.Schema | None = None) -> None:
        """Append rows in one commit."""
        if rows.num_rows:
            self._retry(lambda: self.table(name, schema).add(rows))

    def upsert(self, name: str, rows: pa.Table) -> None:
        """Insert rows or replace those with the same key, in one commit."""
        if rows.num_rows:
            self._retry(
                lambda: (
                    self.table(name)
                    .merge_insert(KEYS[name])
                    .when_matched_update_all()
                    .when_not_matched_insert_all()
                    .execute(rows)
                )
            )

    def insert_missing(self, name: str, rows: pa.Table) -> None:
        """Insert the rows whose key is not there yet, in one commit."""
        if rows.num_rows:
            self._retry(
                lambda: (
                    self.table(name)
                    .merge_insert(KEYS[name])
                    .when_not_matched_insert_all()
                    .execute(rows)
                )
            )

    def delete(self, name: str, where: str) -> None:
        """Delete the rows that match."""
        self._retry(lambda: self.table(name).delete(where))

    def delete_sounds(self, name: str, sound_ids: Sequence[str], *, block: int = 5_000) -> None:
        """Delete all rows of these sounds from one table."""
        for start in range(0, len(sound_ids), block):
            self.delete(name, f"sound_id IN ({quote(sound_ids[start : start + block])})")

    def put_setting(self, key: str, value: object) -> None:
        """Set a setting (any JSON value)."""
        self.upsert(
            "settings",
            pa.table({"key": [key], "value": [json.dumps(value)]}, schema=SCHEMAS["settings"]),
        )

    def compact(self) -> None:
        """Merge small fragments and drop versions older than an hour; readers go on."""
        from datetime import timedelta

        for name in self.names():
            table = self.table(name)
            self._retry(lambda table=table: table.optimize(cleanup_older_than=timedelta(hours=1)))

    def sweep(self) -> int:
        """Remove what an interrupted run left without its `sounds` row; return the rows removed."""
        known = set(self.read("sounds", ["sound_id"])["sound_id"].to_pylist())
        removed = 0
        names = ["segments", "locations", *(vectors_table(space) for space in self.spaces())]
        for name in names:
            present = self.read(name, ["sound_id"])["sound_id"]
            orphans = [sid for sid in present.unique().to_pylist() if sid not in known]
            if orphans:
                before = self.count(name)
                self.delete_sounds(name, orphans)
                removed += before - self.count(name)
        return removed

    def _retry(self, work: Callable[[], _T], *, tries: int = 12) -> _T:
        """Do one commit; wait and try again when another process committed first."""
        for attempt in range(tries):
            try:
                with guarded():
                    return work()
            except LibraryError as error:
                if "conflict" not in str(error).lower() or attempt == tries - 1:
                    raise
            time.sleep(min(0.02 * 2**attempt, 1.0))
        raise AssertionError("unreachable")  # pragma: no cover

    # -- who indexes what ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def indexing(self, root_id: str, root_name: str) -> Iterator[None]:
        """Hold a root for one indexer; sweep first when nobody else is indexing.

        Raises `LibraryBusy` when another process holds the same root.
        """
        locks = self.path / "locks"
        with guarded():
            locks.mkdir(exist_ok=True)
        with (
            (locks / f"root-{root_id}").open("a+") as mine,
            (locks / "indexers").open("a+") as everyone,
        ):
            try:
                fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                mine.seek(0)
                raise LibraryBusy(
                    f"'{root_name}' is being indexed by process {mine.read().strip() or 'unknown'}",
                    "one indexer a folder",
                    "wait for it to end, or stop it; searching and tagging go on meanwhile",
                ) from None
            mine.truncate(0)
            mine.write(str(os.getpid()))
            mine.flush()
            try:
                fcntl.flock(everyone, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.sweep()
            except BlockingIOError:
                pass
            fcntl.flock(everyone, fcntl.LOCK_SH)
            yield

    def is_indexing(self) -> bool:
        """Say whether any process is indexing into this library now."""
        lock = self.path / "locks" / "indexers"
        if not lock.exists():
            return False
        with lock.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


def _lay(path: Path) -> str:
    """Write a new library's marker, whole or not at all; return its id."""
    library_id = uuid.uuid4().hex
    body = {"format": FORMAT, "library_id": library_id}
    with guarded():
        (path / "tables").mkdir(parents=True, exist_ok=True)
        beside = path / f"{MARKER}.{os.getpid()}"
        beside.write_text(json.dumps(body, indent=1) + "\n")
        beside.replace(path / MARKER)
    return library_id


def _read_marker(marker: Path) -> dict[str, Any]:
    """Read and check the format of a library."""
    try:
        body = json.loads(marker.read_text())
        version = int(body["format"])
        body["library_id"] = str(body["library_id"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LibraryFormatError(
            f"'{marker}' cannot be read ({error})",
            "the settings of a library",
            "restore it from a backup, or index into another folder with --library",
        ) from error
    if version > FORMAT:
        raise LibraryFormatError(
            f"the library at '{marker.parent}' has format {version}",
            f"format {FORMAT} or older",
            "install a newer Soundkin; nothing was changed",
        )
    return dict(body)


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Turn the disk's and the store's refusals into errors that say what to do."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        text = str(error)
        lower = text.lower()
        if "no space left" in lower or "disk quota" in lower or "file too large" in lower:
            raise StorageError(
                "the disk with the library is full",
                "room for new rows",
                "free some space and run the same command again; what was committed is safe",
            ) from error
        if "permission denied" in lower or "read-only file system" in lower:
            raise StorageError(
                f"the library cannot be written ({text.splitlines()[0][:200]})",
                "a folder that this user may write",
                "change its permissions or name another with --library",
            ) from error
        if isinstance(error, RuntimeError | OSError):
            first = text.splitlines()[0][:300] if text else type(error).__name__
            raise LibraryError(f"the store refused: {first}") from error
        raise
