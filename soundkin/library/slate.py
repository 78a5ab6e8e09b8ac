"""A page of memory on which a process notes what it is at, for another to read even after its death.

Writing costs a microsecond, where a message costs both sides tens: so every block of every file can be
noted, and a crash or a stuck decoder is blamed on the right file.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import tempfile

from soundkin.library.outcome import Outcome

_BEATS = struct.Struct("<Q")
_NOTE = struct.Struct("<?qqq16s?")  # at a file, key, size, mtime_ns, byte hash, hash known
_BYTES = mmap.PAGESIZE


class Slate:
    """What a process is at, and how many signs of life it has given.

    One process writes and one reads. A process killed in the middle of a note leaves a mixture of two
    files' sizes and times: its ledger row then fits no file, so the file is tried again.

    Examples
    --------
    >>> mine = Slate.lay()
    >>> mine.note(Outcome(7, size=44))
    >>> theirs = Slate(os.dup(mine.fd))
    >>> theirs.beats(), theirs.read().key, theirs.read().size
    (1, 7, 44)
    >>> mine.close(); theirs.close()
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._page = mmap.mmap(fd, _BYTES)
        self._n = 0

    @classmethod
    def lay(cls) -> Slate:
        """Return a clean slate; its `fd` can be handed to another process."""
        fd = scratch()
        os.ftruncate(fd, _BYTES)
        return cls(fd)

    def close(self) -> None:
        """Let go of the page."""
        self._page.close()
        os.close(self.fd)

    def note(self, outcome: Outcome | None) -> None:
        """Note what is known of the file at hand, None between files; a sign of life."""
        if outcome is None:
            _NOTE.pack_into(self._page, _BEATS.size, False, 0, 0, 0, b"", False)
        else:
            hashed = bytes.fromhex(outcome.byte_hash)
            facts = outcome.key, outcome.size, outcome.mtime_ns, hashed, bool(hashed)
            _NOTE.pack_into(self._page, _BEATS.size, True, *facts)
        self._n += 1
        _BEATS.pack_into(self._page, 0, self._n)

    def beats(self) -> int:
        """Count the signs of life so far."""
        count: int = _BEATS.unpack_from(self._page)[0]
        return count

    def read(self) -> Outcome | None:
        """Return what the last note said."""
        at, key, size, mtime_ns, hashed, known = _NOTE.unpack_from(self._page, _BEATS.size)
        return Outcome(key, size, mtime_ns, hashed.hex() if known else "") if at else None


def scratch() -> int:
    """Return the descriptor of a new file without a name, in memory where the system can; it appends."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("soundkin")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)
    return fd


def last_words(fd: int, *, longest: int = 300) -> str:
    """Return the last line of a scratch file, as text for a message; empty when there is none."""
    tail = os.pread(fd, 4 * longest, max(0, os.fstat(fd).st_size - 4 * longest))
    lines = [line.strip() for line in tail.decode("utf-8", "replace").splitlines()]
    words = next((line for line in reversed(lines) if line), "")
    return "".join(c if c.isprintable() else " " for c in words)[:longest]
