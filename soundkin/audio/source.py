"""Where the bytes come from: a path in any spelling, an address in a bucket, or an open binary file.

Paths are handed to the system as raw bytes, so every name that a disk can hold opens. Only regular
files are opened: a pipe, a socket or a device could wait for ever. What lies in a bucket is read by ranges.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING, BinaryIO, cast

import xxhash

from soundkin.bucket import Address, is_address
from soundkin.errors import DecodeError, SoundkinError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from soundkin.bucket.reading import BucketFile

Openable = str | bytes | os.PathLike[str] | os.PathLike[bytes] | BinaryIO
"""A path (text, raw bytes or path object), an address as text or bytes, or a binary file that can seek."""

CHUNK_BYTES = 1 << 20


def display_name(source: Openable) -> str:
    r"""Text to show for a source; bytes that are no UTF-8 show as U+FFFD.

    Examples
    --------
    >>> display_name(b"kick\xff.wav")
    'kick�.wav'
    """
    if isinstance(source, str | bytes | os.PathLike):
        return os.fsencode(source).decode("utf-8", "replace")
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the uploaded sound"


class Source:
    """Seekable bytes with a name and a size in bytes; a path is opened here and closed by `close`.

    Raises
    ------
    DecodeError
        unreadable: not there, no permission, not a regular file; empty: no bytes.
    """

    def __init__(self, source: Openable, *, name: str | None = None) -> None:
        self.name = name or display_name(source)
        self.fd: int | None = None
        self.stream: BinaryIO | None = None
        if is_address(source):
            stream = _in_bucket(cast("str | bytes", source))
            self.stream, self.size = cast("BinaryIO", stream), stream.what.size
        elif isinstance(source, str | bytes | os.PathLike):
            self.fd, self.size = _open_regular(os.fspath(source), self.name)
        else:
            self.stream, self.size = source, _stream_size(source, self.name)
        if self.size == 0:
            self.close()
            raise DecodeError("empty", f"'{self.name}' has no bytes", "a sound file")

    def read_at(self, offset: int, n_bytes: int) -> bytes:
        """Up to `n_bytes` bytes from `offset`; fewer at the end."""
        self.rewind(offset)
        return self.read(n_bytes)

    def read(self, n_bytes: int) -> bytes:
        """Up to `n_bytes` bytes from the current place; fewer only at the end."""
        try:
            if self.stream is not None:
                return self.stream.read(n_bytes)
            return os.read(self._open_fd(), n_bytes)
        except OSError as error:
            raise _unreadable(self.name, error) from error

    def rewind(self, offset: int = 0) -> None:
        """Step to a byte, counted from the front; past the end is the end."""
        offset = min(offset, self.size)
        if self.stream is not None:
            self.stream.seek(offset)
        else:
            os.lseek(self._open_fd(), offset, os.SEEK_SET)

    def tell(self) -> int:
        """The current byte, counted from the front."""
        if self.stream is not None:
            return self.stream.tell()
        return os.lseek(self._open_fd(), 0, os.SEEK_CUR)

    def close(self) -> None:
        """Close what was opened here; a caller's file stays open."""
        fd, self.fd = self.fd, None
        if fd is not None:
            os.close(fd)

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open_fd(self) -> int:
        if self.fd is None:
            raise ValueError(f"'{self.name}' is closed")
        return self.fd


@contextlib.contextmanager
def fetching(source: str | bytes, on_fetch: Callable[[], None]) -> Iterator[BucketFile]:
    """Open an address for decoding.

    A range that could not be fetched makes it "unreadable", whatever the decoder made of the gap.

    Raises
    ------
    DecodeError
        unreadable.
    """
    file = _in_bucket(source, on_fetch)
    try:
        yield file
    except Exception as error:
        if file.failure is None:
            raise
        raise _not_fetched(file.name, file.failure) from error
    if file.failure is not None:
        raise _not_fetched(file.name, file.failure)


def _in_bucket(source: str | bytes, on_fetch: Callable[[], None] = lambda: None) -> BucketFile:
    from soundkin.bucket.reading import BucketFile  # noqa: PLC0415 - who has no bucket pays nothing

    try:
        return BucketFile(Address.of(source), on_fetch)
    except (SoundkinError, OSError) as error:
        raise _not_fetched(display_name(source), error) from error


def _not_fetched(name: str, error: Exception) -> DecodeError:
    why = (
        error.found if isinstance(error, SoundkinError) else getattr(error, "strerror", str(error))
    )
    return DecodeError(
        "unreadable", f"'{name}' cannot be read ({why})", "an object that can be read", "try again"
    )


def byte_hash(path: Openable) -> str:
    """The xxh3_128 hash of a file's bytes, 32 hex digits, read in pieces of 1 MiB.

    Raises
    ------
    DecodeError
        unreadable or empty.
    """
    digest = xxhash.xxh3_128()
    with Source(path) as source:
        source.rewind()
        for piece in _pieces(source):
            digest.update(piece)
    return str(digest.hexdigest())


def _pieces(source: Source) -> Iterator[bytes]:
    while piece := source.read(min(CHUNK_BYTES, source.size + 1)):
        yield piece


def _open_regular(path: str | bytes, name: str) -> tuple[int, int]:
    try:
        _demand_regular(os.stat(path).st_mode, name)  # noqa: PTH116 - raw bytes
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    status = os.fstat(fd)
    try:
        _demand_regular(status.st_mode, name)
    except DecodeError:
        os.close(fd)
        raise
    return fd, status.st_size


def _demand_regular(mode: int, name: str) -> None:
    if not stat.S_ISREG(mode):
        raise DecodeError("unreadable", f"'{name}' is {_kind(mode)}", "a regular file")


def _kind(mode: int) -> str:
    kinds = {stat.S_ISDIR: "a folder", stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket"}
    return next((word for test, word in kinds.items() if test(mode)), "a device")


def _stream_size(stream: BinaryIO, name: str) -> int:
    try:
        stream.seek(0, os.SEEK_END)
        size = stream.tell()
        stream.seek(0)
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    return size


def _unreadable(name: str, error: OSError | ValueError) -> DecodeError:
    why = getattr(error, "strerror", None) or str(error)
    return DecodeError("unreadable", f"'{name}' cannot be read ({why})", "a file that can be read")
