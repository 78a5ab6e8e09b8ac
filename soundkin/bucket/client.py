"""One bucket, or a part of it: read, write where nothing is, replace what is unchanged, list.

Requests that fail for a moment are sent again with growing pauses (`RETRIES`, `PATIENCE_S`). Credentials
are read anew when they are refused, once: who logs in again need not start again.
"""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

import xxhash
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import AzureStore, GCSStore, S3Store

from soundkin.bucket.address import Address
from soundkin.bucket.again import asked_again
from soundkin.bucket.login import Options, options_for
from soundkin.bucket.refusal import refusal_of
from soundkin.errors import BucketError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RETRIES = 6
"""How often one request is sent again."""

PATIENCE_S = 30.0
"""How long one request is tried at all: less than a process that hears files may be silent."""

ANSWER_S = 20.0
"""How long one answer may take; a range of a sound is a few MB."""

_PLAIN_TAG = re.compile(r'"?([0-9a-fA-F]{32}(?:-\d+)?)"?')
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Object:
    """One object: its name below the bucket's address, bytes, nanoseconds since 1970, and its tag."""

    name: str
    size: int
    mtime_ns: int
    tag: str
    version: str | None = None

    @property
    def byte_hash(self) -> str:
        """32 hex digits that equal bytes share, as far as the store's tag tells; nothing is read.

        A tag that is no digest of the bytes is joined with name and time, so that it fits this object alone.
        """
        plain = _PLAIN_TAG.fullmatch(self.tag)
        mark = plain[1].lower() if plain else f"{self.tag} {self.name} {self.mtime_ns}"
        return str(xxhash.xxh3_128_hexdigest(f"etag:{self.size}:{mark}".encode()))


class Bucket:
    """What lies below one address; safe from many threads.

    Raises, from every method, `NotFound` for a bucket that is not there and `BucketError` for one that does
    not answer or refuses.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._lock = threading.Lock()
        self._options: Options | None = None
        self._store: Any = None

    @property
    def options(self) -> Options:
        """The options in use, read from the usual places when first asked."""
        with self._lock:
            if self._options is None:
                self._options = options_for(self.address)
            return self._options

    def renew(self) -> bool:
        """Read the credentials again; say whether they are others now."""
        fresh = options_for(self.address)
        with self._lock:
            changed = fresh != self._options
            self._options = fresh
            if changed:
                self._store = None
        return changed

    # -- reading ------------------------------------------------------------------------------------

    def get(self, name: str) -> bytes | None:
        """Return the bytes of a small object, None when it is not there."""
        found = self.get_tagged(name)
        return None if found is None else found[0]

    def get_tagged(self, name: str) -> tuple[bytes, Object] | None:
        """Return the bytes of a small object and what it is, None when it is not there."""

        def work(store: Any) -> tuple[bytes, Object]:
            result = store.get(name)
            return bytes(result.bytes()), _object(result.meta)

        return self._or_none(work)

    def head(self, name: str) -> Object | None:
        """Describe an object, None when it is not there."""
        return self._or_none(lambda store: _object(store.head(name)))

    def begin(self, name: str, n_bytes: int) -> tuple[bytes, Object]:
        """Return the first bytes of an object, up to so many, and what it is, in one request.

        Raises `FileNotFoundError` when it is not there.
        """

        def work(store: Any) -> tuple[bytes, Object]:
            result = store.get(name, options={"range": (0, n_bytes)})
            return bytes(result.bytes()), _object(result.meta)

        try:
            return self._do(work)
        except BucketError:
            found = self.head(name)  # a range of an empty object is refused
            if found is None or found.size:
                raise
            return b"", found

    def read_range(self, what: Object, start: int, end: int) -> bytes:
        """Return the bytes from start to end of an object as it was when described.

        Raises `FileNotFoundError` when it is gone or another now.
        """
        options: Any = {"range": (start, end)}
        if what.tag:
            options["if_match"] = what.tag
        try:
            return self._do(lambda store: bytes(store.get(what.name, options=options).bytes()))
        except PreconditionError as error:
            raise FileNotFoundError(what.name) from error

    def list(self, below: str = "") -> Iterator[Object]:
        """Describe everything below a name, in the store's order, some hundreds at a request."""
        last: str | None = None
        pages: Any = None

        def next_page(store: Any) -> Any:
            nonlocal pages
            begun, pages = pages, None  # a list that is cut off is asked for from where it ended
            if begun is None:
                begun = iter(store.list(below or None, offset=last))
            page = next(begun, None)
            pages = begun
            return page

        while (page := self._do(next_page)) is not None:
            found = [_object(meta) for meta in page]
            yield from found
            last = found[-1].name if found else last

    def is_empty(self) -> bool:
        """Say whether nothing at all lies here."""
        return next(self.list(), None) is None

    # -- writing ------------------------------------------------------------------------------------

    def create(self, name: str, body: bytes) -> Object | None:
        """Write an object where none is; None when there is one."""
        return self._conditional(name, body, "create")

    def replace(self, what: Object, body: bytes) -> Object | None:
        """Write an object over one that has not changed since it was described; None when it has."""
        mark = {"e_tag": what.tag, "version": what.version}
        return self._conditional(what.name, body, {k: v for k, v in mark.items() if v})

    def delete(self, name: str) -> None:
        """Remove an object, if it is there."""
        self._or_none(lambda store: store.delete(name))

    def _conditional(self, name: str, body: bytes, mode: Any) -> Object | None:
        """Write unless the condition fails.

        An answer may be lost after the write was done; the second try then meets the first. So what lies
        there is looked at before it is called somebody else's: every body here is unlike any other.
        """
        try:
            put = self._do(lambda store: store.put(name, body, mode=mode))
        except (AlreadyExistsError, PreconditionError, FileNotFoundError):
            found = self.get_tagged(name)
            return found[1] if found is not None and found[0] == body else None
        return Object(name, len(body), 0, cast("str", put.get("e_tag") or ""), put.get("version"))

    # -- asking -------------------------------------------------------------------------------------

    def _or_none(self, work: Callable[[Any], _T]) -> _T | None:
        """Do something with an object; None when it is not there."""
        try:
            return self._do(work)
        except FileNotFoundError:
            return None

    def _do(self, work: Callable[[Any], _T]) -> _T:
        """Ask the store; again when an answer was cut off, and with fresh credentials if there are."""
        return asked_again(lambda: self._asked(work), self.renew)

    def _asked(self, work: Callable[[Any], _T]) -> _T:
        """Ask the store once; its refusals as our errors."""
        try:
            return work(self._opened())
        except (AlreadyExistsError, PreconditionError):
            raise
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error) or "ContainerNotFound" in str(error):
                raise refusal_of(str(self.address), str(error)) from error
            raise
        except (BaseError, OSError, ValueError) as error:
            raise refusal_of(str(self.address), str(error)) from error

    def _opened(self) -> Any:
        """Return the client, made when first needed."""
        options = self.options
        with self._lock:
            if self._store is None:
                self._store = _store(self.address, options)
            return self._store


def _store(address: Address, options: Options) -> Any:
    """Return a client of one bucket or container, its names below the address."""
    wanted = {name: value for name, value in options.items() if name != "allow_http"}
    if address.scheme == "s3" and "aws_region" not in wanted:
        wanted["aws_region"] = _region(address.bucket)
    kind: Any = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}[address.scheme]
    return kind(
        address.bucket,
        prefix=address.key or None,
        config=wanted,
        client_options={
            "allow_http": "allow_http" in options,
            "timeout": f"{ANSWER_S:g}s",
            "connect_timeout": "5s",
        },
        retry_config={
            "max_retries": RETRIES,
            "retry_timeout": timedelta(seconds=PATIENCE_S),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=10),
                "base": 2,
            },
        },
    )


def _region(bucket: str) -> str:
    """Ask Amazon where a bucket lies, when nobody said; its first region when it does not tell."""
    from pyarrow.fs import resolve_s3_region  # noqa: PLC0415 - starts a whole SDK: only where needed

    try:
        return str(resolve_s3_region(bucket))
    except OSError:
        return "us-east-1"


def _object(meta: Any) -> Object:
    """Take what a client says of an object."""
    when = meta["last_modified"]
    return Object(
        meta["path"],
        int(meta["size"]),
        _nanoseconds(when),
        str(meta.get("e_tag") or ""),
        meta.get("version"),
    )


def _nanoseconds(when: datetime) -> int:
    """Return a time in nanoseconds since 1970, to the second: lists and answers tell more or less."""
    passed = when.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (passed.days * 86_400 + passed.seconds) * 10**9


_known: dict[str, Bucket] = {}
_known_lock = threading.Lock()
_known_by = 0


def bucket_of(address: Address) -> Bucket:
    """Return the client of a whole bucket, kept while the process lives: connections are shared."""
    global _known_by  # noqa: PLW0603 - a child of a fork must not use its parent's connections
    top = str(Address(address.scheme, address.bucket))
    with _known_lock:
        if _known_by != os.getpid():
            _known.clear()
            _known_by = os.getpid()
        if top not in _known:
            _known[top] = Bucket(Address(address.scheme, address.bucket))
        return _known[top]
