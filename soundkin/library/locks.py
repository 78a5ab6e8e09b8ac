"""Advisory locks between processes: empty files, held with ``flock``, let go when a process ends.

They hold between the processes of one machine, and between machines where the shared disk's server keeps
locks. What they protect stays whole without them too; they only keep two indexers from doing the same work
and two writers from inserting the same key. A bucket has leases: :mod:`soundkin.library.leases`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import IO, TYPE_CHECKING, Protocol

from soundkin.library.refusals import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

PATIENCE_S = 20.0
"""How long a short commit waits for its turn before it goes on without: a holder may be suspended."""

STEP_S = 0.005


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[str]]:
    """Open a lock file, made when it is not there."""
    with guarded():
        path.parent.mkdir(parents=True, exist_ok=True)
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


class Locks(Protocol):
    """How the writers of one library take turns, wherever it lies."""

    def turn(self, name: str) -> AbstractContextManager[None]:
        """Hold a name for one short commit; after some patience go on without."""

    def hold(self, name: str) -> AbstractContextManager[str]:
        """Hold a name for long; gives who else holds it, empty when it is held now."""

    def join(self, alone: Callable[[], object]) -> AbstractContextManager[None]:
        """Be one of the indexers; `alone` is called first when nobody else is; nobody begins meanwhile."""

    def any_joined(self) -> bool:
        """Say whether any process is indexing now."""


class FolderLocks:
    """Locks as files of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def turn(self, name: str) -> AbstractContextManager[None]:
        """See `Locks`."""
        return turn(self.folder / name)

    @contextlib.contextmanager
    def hold(self, name: str) -> Iterator[str]:
        """See `Locks`."""
        with opened(self.folder / name) as mine:
            if take(mine):
                sign(mine, str(os.getpid()))
                yield ""
            else:
                yield signature(mine)

    @contextlib.contextmanager
    def join(self, alone: Callable[[], object]) -> Iterator[None]:
        """See `Locks`."""
        with opened(self.folder / "indexers") as everyone:
            # a moment's patience: `any_joined` holds it for microseconds
            if take(everyone, patience_s=0.05):
                alone()
            wait_for(everyone, shared=True)
            yield

    def any_joined(self) -> bool:
        """See `Locks`."""
        lock = self.folder / "indexers"
        if not lock.exists():
            return False
        with opened(lock) as file:
            return not take(file)
