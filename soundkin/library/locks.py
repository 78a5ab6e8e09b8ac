"""Advisory locks between processes: empty files, held with ``flock``, let go when a process ends.

They hold between the processes of one machine. What they protect stays whole without them too; they only
keep two indexers from doing the same work and two writers from inserting the same key.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import IO, TYPE_CHECKING

from soundkin.library.refusals import guarded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S = 20.0
"""How long a short commit waits for its turn before it goes on without: a holder may be suspended."""

STEP_S = 0.005


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[str]]:
    """Open a lock file, made when it is not there."""
    with guarded():
        path.parent.mkdir(exist_ok=True)
        file = path.open("a+")
    with file:
        yield file


def take(file: IO[str], *, shared: bool = False, patience_s: float = 0.0) -> bool:
    """Try to take a lock for at most `patience_s`; say whether it is held now."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    until = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(STEP_S)
        else:
            return True


def wait_for(file: IO[str], *, shared: bool = False) -> None:
    """Take a lock, however long it takes."""
    fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)


@contextlib.contextmanager
def turn(path: Path) -> Iterator[None]:
    """Hold a lock for one short commit."""
    with opened(path) as file:
        take(file, patience_s=PATIENCE_S)
        yield


def sign(file: IO[str], text: str) -> None:
    """Write into a held lock file who holds it; a full disk is no reason to stop."""
    with contextlib.suppress(OSError):
        os.ftruncate(file.fileno(), 0)
        os.write(file.fileno(), text.encode())


def signature(file: IO[str]) -> str:
    """Read who holds a lock file, as far as it is known."""
    file.seek(0)
    return file.read(40).strip() or "unknown"
