"""Decoding and embedding in processes of their own.

A file that crashes the decoder, or never ends, costs one process and is blamed on that file alone.
`Workers.run` takes groups of jobs and yields one `Outcome` a job, in the order in which they finish.
The processes run :mod:`soundkin.library.worker`, joined by socket pairs: no fork, no re-run of the
caller's script, so it works from notebooks, scripts and servers alike. What decoders print goes into
a file of their process; its last line is told when the process dies, the rest is nobody's concern.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Protocol

import soundkin
from soundkin.errors import LibraryError
from soundkin.library.outcome import Heard, Job, Outcome, unpack
from soundkin.library.slate import Slate, last_words, scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["Heard", "Hearers", "Job", "Outcome", "Workers"]

STARTUP_S = 120.0
"""How long a process may take to import its libraries on a busy machine."""

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # memory between two files is kept: giving it back and taking it again costs more than reading a file
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
    "MALLOC_TOP_PAD_": str(1 << 20),
}

_BOOT = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("soundkin", sys.argv.pop(1))
sys.modules["soundkin"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
from soundkin.library.worker import main
main(sys.argv[1:])
"""
"""Imports this very package, wherever it lies, and then serves."""


class Hearers(Protocol):
    """What hears groups of files for a run: processes here, or a cluster's."""

    @property
    def n(self) -> int:
        """How many files it hears at a time."""

    def run(
        self, groups: Iterable[tuple[Job, ...]], *, stop: Callable[[], bool] = ...
    ) -> Iterator[Outcome]:
        """Yield one outcome a job, in the order in which they finish."""


@dataclass(slots=True)
class _Worker:
    """One process and what it is doing."""

    process: subprocess.Popen[bytes]
    pipe: Connection
    slate: Slate
    prints: int
    tasks: deque[tuple[Job, ...]] = field(default_factory=deque)
    alive_at: float = 0.0
    beats: int = 0

    @property
    def ready(self) -> bool:
        """Whether it has come to work: its first sign of life."""
        return self.slate.beats() > 0

    def is_silent_for(self, patience_s: float) -> bool:
        """Say whether it gave no sign of life since last asked and for so long."""
        now, beats = time.monotonic(), self.slate.beats()
        if beats != self.beats:
            self.alive_at, self.beats = now, beats
        return now - self.alive_at > patience_s


class Workers:
    """A few processes that hear files; started when first needed, kept until closed.

    n: how many; spaces: names for `load_space`; timeout_s: the longest a process may go without a
    sign of progress (a decoded block, a finished file) before it is ended and its file blamed.
    """

    def __init__(self, n: int, spaces: Sequence[str], *, timeout_s: float = 60.0) -> None:
        self.n = n
        self.spaces = tuple(spaces)
        self.timeout_s = timeout_s
        self._workers: list[_Worker] = []
        self._second_chance: set[int] = set()
        self._one_at_a_time = threading.Lock()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            _end(worker)
        self._workers.clear()

    def hear(self, job: Job, *, stop: Callable[[], bool] = lambda: False) -> Outcome | None:
        """Hear one job, now; callable from several threads. None: told to stop before it was heard."""
        with self._one_at_a_time:
            return next(self.run([(job,)], stop=stop), None)

    def run(
        self, groups: Iterable[tuple[Job, ...]], *, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[Outcome]:
        """Yield one outcome a job. Ending early, by `stop` or by the caller, leaves no old work behind."""
        waiting = iter(groups)
        again: deque[tuple[Job, ...]] = deque()
        self._second_chance.clear()
        try:
            while not stop():
                self._feed(waiting, again)
                busy = [worker for worker in self._workers if worker.tasks]
                if not busy:
                    return
                ready = wait([worker.pipe for worker in busy], timeout=min(1.0, self.timeout_s / 4))
                for worker in busy:
                    if worker.pipe in ready:
                        yield from self._listen(worker, again)
                    elif worker.is_silent_for(self._patience_s(worker)):
                        yield from self._bury(worker, again, "time-out")
        finally:
            for worker in [w for w in self._workers if w.tasks]:
                _end(worker)
                self._workers.remove(worker)

    def _feed(self, waiting: Iterator[tuple[Job, ...]], again: deque[tuple[Job, ...]]) -> None:
        """Give every process two groups: one to work on, one to go on with."""
        for depth in (1, 2):
            for i in range(self.n):
                if i < len(self._workers) and len(self._workers[i].tasks) >= depth:
                    continue
                group = again.popleft() if again else next(waiting, None)
                if group is None:
                    return
                if i == len(self._workers):
                    self._workers.append(_start(self.spaces))
                worker = self._workers[i]
                if not worker.tasks:
                    worker.alive_at = time.monotonic()
                worker.tasks.append(group)
                with contextlib.suppress(OSError):  # a dead process is noticed when listened to
                    worker.pipe.send(group)

    def _listen(self, worker: _Worker, again: deque[tuple[Job, ...]]) -> Iterator[Outcome]:
        """Take the outcomes of one group."""
        try:
            parcel = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self._bury(worker, again, "crashed")
            return
        worker.alive_at = time.monotonic()
        worker.tasks.popleft()
        yield from unpack(parcel)

    def _patience_s(self, worker: _Worker) -> float:
        """Return how long a process may be silent; one that is starting imports its libraries first."""
        return self.timeout_s if worker.ready else max(self.timeout_s, STARTUP_S)

    def _bury(
        self, worker: _Worker, again: deque[tuple[Job, ...]], reason: str
    ) -> Iterator[Outcome]:
        """Blame the file a dead or stuck process was at; give its other work to another one.

        Raises `LibraryError` for a process that never came to work: that is no file's fault.
        """
        worker.process.kill()
        worker.process.wait()
        code, ready, blamed = worker.process.returncode, worker.ready, worker.slate.read()
        words = last_words(worker.prints)
        said = f", its last words: {words}" if words else ""
        _end(worker)
        self._workers.remove(worker)
        if not ready:
            raise LibraryError(
                f"a decoding process did not start (exit status {code}){said}",
                f"{sys.executable} to run soundkin.library.worker",
                "run `soundkin doctor`; what was committed is safe",
            )
        current = worker.tasks.popleft()
        if blamed is None and len(current) == 1:
            if current[0].key in self._second_chance:
                blamed = Outcome(current[0].key)
            self._second_chance.add(current[0].key)
        if blamed is not None:
            what = (
                f"no progress within {self.timeout_s:g} s"
                if reason == "time-out"
                else f"decoding ended its process (exit status {code}){said}"
            )
            yield replace(blamed, reason=reason, message=f"{what}; the file was passed over.")
        again.extend((job,) for job in current if blamed is None or job.key != blamed.key)
        again.extend(worker.tasks)
        worker.tasks.clear()


def _start(spaces: Sequence[str]) -> _Worker:
    """Start one process: one thread of arithmetic, deaf to Ctrl-C, ends when its pipe closes.

    It runs this very package, and never imports from the current folder: samples may lie there.
    """
    ours, theirs = socket.socketpair()
    slate, prints = Slate.lay(), scratch()
    environment = os.environ | _ENVIRONMENT
    here = str(soundkin.__file__)
    fds = [theirs.fileno(), slate.fd]
    command = [sys.executable, "-P", "-c", _BOOT, here, *map(str, fds), *spaces]
    try:
        with theirs:
            process = subprocess.Popen(
                command,
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                stdout=prints,
                stderr=prints,
                env=environment,
                start_new_session=True,
            )
    except OSError as error:
        ours.close()
        slate.close()
        os.close(prints)
        raise LibraryError(
            f"a decoding process cannot be started ({error.strerror or error})",
            "room for one more process",
            "close other programs or use fewer --jobs",
        ) from error
    pipe = Connection(ours.detach())
    return _Worker(process, pipe, slate, prints, alive_at=time.monotonic())


def _end(worker: _Worker) -> None:
    """End one process, wait for it, and let go of what was shared with it."""
    worker.pipe.close()
    worker.process.kill()
    worker.process.wait()
    worker.slate.close()
    os.close(worker.prints)
