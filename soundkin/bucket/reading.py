"""One object as a file that can seek, read by ranges: never the whole of a long one in memory or on disk."""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import TYPE_CHECKING

from soundkin.bucket.client import Object, bucket_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from soundkin.bucket.address import Address
    from soundkin.bucket.client import Bucket

FIRST_BYTES = 1 << 18
"""What is fetched first: a whole one-shot, or the header of a long sound."""

BLOCK_BYTES = 4 << 20
"""What is fetched at a time once a sound is read on."""

BLOCKS = 3
"""Blocks kept: a decoder reads ahead, steps back to the header, and asks for the end."""


def describe(address: Address) -> Object:
    """Describe an object by its whole address. Raises `FileNotFoundError`, `BucketError`, `NotFound`."""
    found = bucket_of(address).head(address.key)
    if found is None:
        raise _missing(address)
    return found


class BucketFile(io.RawIOBase):
    """One object, read by ranges; a change of it meanwhile is an error, not a mixture.

    on_fetch: called after every range. failure: the last range that could not be fetched; decoders that read
    by callbacks lose the error itself.
    Raises as `describe`; while reading, `OSError` for an object that is gone or another now.
    """

    def __init__(self, address: Address, on_fetch: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.name = str(address)
        self.failure: Exception | None = None
        self._on_fetch = on_fetch
        self._bucket: Bucket = bucket_of(address)
        self._at = 0
        try:
            first, self.what = self._bucket.begin(address.key, FIRST_BYTES)
        except FileNotFoundError as error:
            raise _missing(address) from error
        self._blocks = OrderedDict({_borders(0, self.what.size): first})

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Return the current byte, counted from the front."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Step to a byte; nothing is fetched."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.what.size}[whence]
        if base + offset < 0:
            raise OSError(22, "a place before the beginning")
        self._at = base + offset
        return self._at

    def readall(self) -> bytes:
        """Return the rest."""
        return self.read(max(self.what.size - self._at, 0))

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to `size` bytes from the current one; fewer only at the end."""
        if size is None or size < 0:
            return self.readall()
        end = min(self._at + size, self.what.size)
        pieces = []
        while self._at < end:
            start, block = self._block(self._at)
            piece = block[self._at - start : end - start]
            if not piece:
                raise OSError(5, "the object ended early", self.name)
            pieces.append(piece)
            self._at += len(piece)
        return b"".join(pieces) if len(pieces) != 1 else pieces[0]

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill a buffer; return how many bytes."""
        view = memoryview(buffer).cast("B")
        piece = self.read(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def _fetched(self, start: int, end: int) -> bytes:
        """Fetch one range."""
        try:
            block = self._bucket.read_range(self.what, start, end)
        except FileNotFoundError as error:
            self.failure = OSError(5, "the object changed while it was read", self.name)
            raise self.failure from error
        except Exception as error:
            self.failure = error
            raise
        self._on_fetch()
        return block

    def _block(self, at: int) -> tuple[int, bytes]:
        """Return the block around a byte and where it begins, fetched when it is not kept."""
        start, end = _borders(at, self.what.size)
        block = self._blocks.get((start, end))
        if block is None:
            block = self._fetched(start, end)
            self._blocks[start, end] = block
            while len(self._blocks) > BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end((start, end))
        return start, block


def _missing(address: Address) -> FileNotFoundError:
    """Return the error for an object that is not there."""
    return FileNotFoundError(2, "there is no such object", str(address))


def _borders(at: int, size: int) -> tuple[int, int]:
    """Return the block that a byte lies in: a small one at the front, then long ones.

    >>> _borders(10, 10**8), _borders(FIRST_BYTES, 10**8), _borders(5, 20)
    ((0, 262144), (262144, 4456448), (0, 20))
    """
    if at < FIRST_BYTES:
        return 0, min(FIRST_BYTES, size)
    number = (at - FIRST_BYTES) // BLOCK_BYTES
    start = FIRST_BYTES + number * BLOCK_BYTES
    return start, min(start + BLOCK_BYTES, size)
