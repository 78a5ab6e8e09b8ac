"""The same pipeline on many machines: Ray hears files wherever it has a processor, this process writes.

A run is the one of :mod:`soundkin.library.ingest`. It lists, plans and commits here, batch after batch, so
what makes a run safe on one machine makes it safe on many: a sound is itself by its samples, a run that was
killed goes on where its last commit ended, the ledger says why a file is not in. Only the hearing happens
elsewhere. A group of files is one task of Ray; the machine that gets it hands it to the very process that
hears files on one machine (:mod:`soundkin.library.workers`), so a file that crashes the decoder is blamed
alone, there as here. A task whose machine died is done again by another, one that is late by another beside
it (:mod:`soundkin.cluster.hand`); an answer is taken once.

Every machine needs the same Soundkin, and sees the folder under the same path, or the bucket with
credentials of its own. Ray's usage statistics and dashboard are off.

Ray is the extra `cluster`: Moritz et al., "Ray: a distributed framework for emerging AI applications", 2018.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections import deque
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from soundkin import __version__
from soundkin.bucket import is_address, whole
from soundkin.cluster.hand import Hand
from soundkin.cluster.here import QUIET, Here, is_there
from soundkin.errors import InputError, LibraryError, SoundkinError
from soundkin.library.outcome import Outcome, Parcel, pack, unpack
from soundkin.library.scan import display
from soundkin.library.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from soundkin.library.outcome import Job

AUTO = "auto"
PORT = 10001
"""Where the head of a Ray cluster takes clients, unless said."""

AGAIN = 3
"""How often a task is done again when its machine, or its process there, is gone."""

AHEAD = 2
"""Groups in hand for a processor: one to work on, one to go on with."""

LOOK_S, JOIN_S = 2.0, 60.0
"""Seconds between two looks at the cluster's machines; how long none at all is waited for."""

JOINS = 3
"""How often a cluster whose head is there is asked to take us."""

FETCH_S = 60.0
"""How long an answer that is there may take to come; its machine may go meanwhile."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a machine is told beside the files: who asks, what for, and where the files lie."""

    version: str
    spaces: tuple[str, ...]
    timeout_s: float
    root: bytes


# -- on the machines of the cluster ---------------------------------------------------------------------

_hearing: dict[Order, Workers] = {}
"""The process that hears for this process of Ray; kept from task to task."""


def hear(order: Order, group: tuple[Job, ...]) -> Parcel | str:
    """Hear a group of files on this machine; a sentence says why this machine cannot.

    >>> hear(Order("0.0", ("mfcc",), 60.0, b"/nowhere"), ()).partition("; ")[2]
    'expected the same on every machine; install the same version everywhere.'
    """
    try:
        if order not in _hearing:
            _demand(order)
            while _hearing:
                _hearing.popitem()[1].close()
            _hearing[order] = Workers(1, order.spaces, timeout_s=order.timeout_s)
        return pack(list(_hearing[order].run([group])))
    except SoundkinError as error:
        return f"the machine {socket.gethostname()}: {error}"


def _demand(order: Order) -> None:
    """Refuse to hear for another Soundkin, or files that this machine does not see."""
    if order.version != __version__:
        raise LibraryError(
            f"it has Soundkin {__version__}, and is asked by Soundkin {order.version}",
            "the same on every machine",
            "install the same version everywhere",
        )
    if is_address(order.root):
        from soundkin.library.scan_bucket import demand_something

        demand_something(order.root)
    elif not os.path.isdir(order.root):
        raise LibraryError(
            f"it has no folder '{display(order.root)}'",
            "a folder that all machines share, under the same path, or an address in a bucket",
            "mount it there too; nothing was changed",
        )


# -- where the library is written -----------------------------------------------------------------------


def hearing(
    address: str, folder: str | Path | bytes
) -> Callable[[int | None, tuple[str, ...], float], ClusterWorkers]:
    """Return what `index_folder` makes its hearers with, for a cluster and the folder to be heard.

    address: "auto" for the cluster that this machine belongs to, else one that is started here for the
    run; ray://host:port of a cluster's head. Raises `InputError` for another address, and where Ray is not
    installed.
    """
    if address != AUTO and not address.startswith("ray://"):
        raise InputError(
            f"--cluster {address}", "auto, or ray://head:10001", "name the head of a Ray cluster"
        )
    needed = ("ray",) if address == AUTO else ("ray", "grpc")
    if any(find_spec(name) is None for name in needed):
        raise InputError(
            "Ray is not installed", "the extra 'cluster'", "run `pip install 'soundkin[cluster]'`"
        )
    root = whole(folder)

    def made(jobs: int | None, spaces: tuple[str, ...], timeout_s: float) -> ClusterWorkers:
        return ClusterWorkers(address, Order(__version__, spaces, timeout_s, root), jobs)

    return made


class ClusterWorkers:
    """Hears files on a Ray cluster; a context manager, used as :class:`soundkin.library.workers.Workers`.

    jobs: how many files are heard at a time, by default one for each processor of the cluster, those that
    join later too.
    """

    def __init__(self, address: str, order: Order, jobs: int | None = None) -> None:
        self.address = address
        self.order = order
        self.jobs = jobs
        self._ray: Any = None
        self._task: Any = None
        self._is_mine = False
        self._here: Here | None = None
        self._cpus, self._looked_at = 0, 0.0
        self._machines: set[str] = set()
        self._hand = Hand()
        self._second_chance: set[int] = set()

    def __enter__(self) -> ClusterWorkers:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns
        try:
            self._connect()
            self._task = self._ray.remote(num_cpus=1, max_retries=AGAIN)(hear)
            self._look()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster; end it when it was started here."""
        if self._is_mine:
            with contextlib.suppress(Exception):
                self._ray.shutdown()
        self._is_mine = False
        if self._here is not None:
            self._here.close()
            self._here = None

    @property
    def n(self) -> int:
        """How many files it hears at a time."""
        return max(1, min(self._cpus, self.jobs or self._cpus))

    def run(
        self, groups: Iterable[tuple[Job, ...]], *, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[Outcome]:
        """Yield one outcome a job. Ending early, by `stop` or by the caller, gives back what is in hand.

        Raises `LibraryError` when a machine cannot hear these files, or the cluster is gone.
        """
        waiting = iter(groups)
        again: deque[tuple[Job, ...]] = deque()
        hand = self._hand = Hand()
        self._second_chance.clear()
        try:
            while not stop():
                self._hand_out(waiting, again)
                if not hand:
                    return
                for task in self._ready(hand.tasks):
                    yield from self._answered(task, again)
        finally:
            self._cancel(hand.tasks)

    def _hand_out(self, waiting: Iterator[tuple[Job, ...]], again: deque[tuple[Job, ...]]) -> None:
        """Give Ray as many groups as its processors take, and some to go on with; and what is late, again."""
        self._look()
        for group in self._hand.late(time.monotonic()):
            self._give(group)
        most = AHEAD * self.n if self.jobs is None or self._here is not None else self.n
        while len(self._hand) < most:
            found = again.popleft() if again else next(waiting, None)
            if found is None:
                return
            self._give(found)

    def _give(self, group: tuple[Job, ...]) -> None:
        """Make one task of a group."""
        with self._reached():
            task = self._task.remote(self.order, group)
        self._hand.give(task, group, time.monotonic())

    def _cancel(self, tasks: Iterable[Any]) -> None:
        """Tell Ray that nobody waits for these."""
        for task in tasks:
            with contextlib.suppress(Exception):
                self._ray.cancel(task)

    def _ready(self, refs: list[Any]) -> list[Any]:
        """Return the tasks that are done, after at most a second."""
        with self._reached():
            ready, _ = self._ray.wait(refs, num_returns=1, timeout=1.0)
            if ready and len(refs) > 1:
                ready, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0)
        found: list[Any] = ready
        return found

    def _answered(self, task: Any, again: deque[tuple[Job, ...]]) -> Iterator[Outcome]:
        """Take the outcomes of one group; one that was lost is heard again, file by file."""
        group = self._hand.group(task)
        if group is None:
            return  # another was quicker
        errors = self._ray.exceptions
        try:
            with self._reached():
                answer = self._ray.get(task, timeout=FETCH_S)
        except errors.RayTaskError as error:
            last = str(error).strip().rpartition("\n")[2]
            raise LibraryError(
                f"a machine of the cluster cannot hear ({last})",
                "the same Python, Ray and Soundkin on every machine",
                "install them there; what was committed is safe",
            ) from error
        except errors.RayError as error:
            if self._hand.lost(task):
                yield from self._lost(group, again, error)
            return
        if isinstance(answer, str):
            raise LibraryError(answer.removesuffix("."), "", "what was committed is safe")
        self._cancel(self._hand.answered(task, time.monotonic()))
        yield from unpack(answer)

    def _lost(
        self, group: tuple[Job, ...], again: deque[tuple[Job, ...]], error: Exception
    ) -> Iterator[Outcome]:
        """Hear the files of a lost group one by one; blame one that is lost alone, twice."""
        (key, *others) = (job.key for job in group)
        if others or key not in self._second_chance:
            if not others:
                self._second_chance.add(key)
            again.extend((job,) for job in group)
            return
        what = type(error).__name__
        message = f"whatever machine heard it lost its process ({what}); the file was passed over."
        yield Outcome(key, reason="crashed", message=message)

    # -- the cluster --------------------------------------------------------------------------------

    def _connect(self) -> None:
        """Join a cluster, or start one here: before Ray is loaded, which reads its token then."""
        address = self.address
        if address != AUTO:
            address = self._head()
        elif not is_there():
            self._here = Here(self.jobs or len(os.sched_getaffinity(0)))
            address = self._here.address
        import ray

        self._ray = ray
        if not ray.is_initialized():
            self._is_mine = True
            with self._reached():
                self._join(address)

    def _join(self, address: str) -> None:
        """Become a driver of the cluster; the head of a busy one may take more than Ray waits for."""
        for left in reversed(range(JOINS)):
            try:
                self._ray.init(address, **QUIET)
            except ConnectionError:
                if not left:
                    raise
                time.sleep(LOOK_S)
            else:
                return

    def _head(self) -> str:
        """Return the address of the cluster's head, when somebody answers there."""
        parts = urlsplit(self.address)
        try:
            host, port = parts.hostname or "", parts.port or PORT
            socket.create_connection((host, port), timeout=10.0).close()
        except (OSError, ValueError) as error:
            raise LibraryError(
                f"no Ray cluster answers at {self.address} ({error})",
                f"its head, which takes clients at port {PORT}",
                "start it with `ray start --head`; nothing was changed",
            ) from error
        return f"ray://{host}:{port}"

    def _look(self) -> None:
        """Look at the cluster's machines now and then; they come and go."""
        begun = time.monotonic()
        if begun - self._looked_at < LOOK_S:
            return
        while True:
            with self._reached():
                alive = [node for node in self._ray.nodes() if node["Alive"]]
            self._cpus = int(sum(node["Resources"].get("CPU", 0) for node in alive))
            machines = {node["NodeID"] for node in alive}
            if self._machines - machines:
                self._hand.hurry(time.monotonic())
            self._machines = machines
            if self._cpus:
                self._looked_at = time.monotonic()
                return
            if time.monotonic() - begun > JOIN_S:
                raise LibraryError(
                    "no machine of the cluster has a processor for us",
                    "at least one that joined with `ray start --address=HEAD:6379`",
                    "start one and run the same command again; what was committed is safe",
                )
            time.sleep(LOOK_S)

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        """Say in one sentence that the cluster does not answer, or not to such a client."""
        try:
            yield
        except (ConnectionError, RuntimeError) as error:
            if isinstance(error, self._ray.exceptions.RayError):
                raise
            said = str(error).strip().partition("\n")[0].rstrip(".")
            raise LibraryError(
                f"the Ray cluster at {self.address} cannot be used ({said})",
                "a cluster that answers, with this Python and this Ray",
                "run the same command again; what was committed is safe",
            ) from error
