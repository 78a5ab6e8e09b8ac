"""Locks in a bucket: small objects that are written only where none is, and renewed while they are held.

::

    locks/table-sounds            {"who", "host", "pid", "lasts_s", "token", "beat"}
    locks/indexers/<token>        one for every indexer

A lease that is not renewed is over after `lasts_s` by the store's own clock, so the clocks of the machines
need not agree; one that a process of this very machine left when it was killed is over at once. Nobody
relies on them for the tables: those stay whole without.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from functools import cache
from typing import TYPE_CHECKING, Any

from soundkin.errors import SoundkinError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from soundkin.bucket.client import Bucket, Object

LASTS_S = 60.0
"""How long a lease is good for without being renewed."""

BEAT_S = 15.0
"""Seconds between two renewals."""

TURN_S = 30.0
"""How long the lease of one short commit is good for; it is not renewed."""

PATIENCE_S = 20.0
"""How long a short commit waits for its turn before it goes on without."""

STEP_S, LONGEST_STEP_S = 0.05, 0.5
"""The first pause between two tries, and the longest."""


class Leases:
    """The leases of one library in a bucket; see :class:`soundkin.library.locks.Locks`."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    @contextlib.contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """Hold a name for one short commit; after `PATIENCE_S` go on without."""
        lease, _ = self._take(f"locks/{name}", TURN_S, PATIENCE_S)
        try:
            yield
        finally:
            if lease is not None:
                lease.end()

    @contextlib.contextmanager
    def hold(self, name: str) -> Iterator[str]:
        """Hold a name for long; gives who else holds it, empty when it is held now."""
        lease, holder = self._take(f"locks/{name}", LASTS_S, 0.0)
        if lease is None:
            yield holder
            return
        with lease.kept():
            yield ""

    @contextlib.contextmanager
    def join(self, alone: Callable[[], object]) -> Iterator[None]:
        """Be one of the indexers; `alone` is called first when nobody else is; nobody begins meanwhile."""
        mine, _ = self._take(f"locks/indexers/{uuid.uuid4().hex}", LASTS_S, 0.0)
        if mine is None:
            raise AssertionError("a new name was taken")  # pragma: no cover
        with mine.kept():
            first, _ = self._take("locks/sweep", LASTS_S, float("inf"))
            if first is not None:
                with first.kept():
                    if not self._others(mine):
                        alone()
            yield

    def any_joined(self) -> bool:
        """Say whether any process is indexing now, as far as this machine's clock tells."""
        now_ns = time.time_ns()
        return any(
            now_ns - found.mtime_ns < 2 * LASTS_S * 1e9
            for found in self.bucket.list("locks/indexers")
        )

    def _others(self, mine: _Lease) -> bool:
        """Say whether anybody else is indexing; take away what the dead left."""
        seen = {found.name: found for found in self.bucket.list("locks/indexers")}
        me = seen.pop(mine.what.name, None)
        alive = False
        for name, found in seen.items():
            body = self.bucket.get(name)
            if body is None:
                continue
            age_s = 0.0 if me is None else (me.mtime_ns - found.mtime_ns) / 1e9
            if age_s > LASTS_S or _is_dead_here(_read(body)):
                self.bucket.delete(name)
            else:
                alive = True
        return alive

    def _take(self, name: str, lasts_s: float, patience_s: float) -> tuple[_Lease | None, str]:
        """Take a lease within some time; else return None and who holds it."""
        note = _note(lasts_s)
        until = time.monotonic() + patience_s
        step_s = STEP_S
        while True:
            body = _written(note)
            what = self.bucket.create(name, body)
            found = None if what is not None else self.bucket.get_tagged(name)
            if what is None and found is not None and self._is_over(*found):
                what = self.bucket.replace(found[1], body)
            if what is not None:
                return _Lease(self.bucket, what, note), ""
            if found is not None and time.monotonic() >= until:
                return None, str(_read(found[0]).get("who", "unknown"))
            time.sleep(step_s)
            step_s = min(2 * step_s, LONGEST_STEP_S)

    def _is_over(self, body: bytes, what: Object) -> bool:
        """Say whether a lease is no longer good: its process is dead, or it was not renewed in time."""
        note = _read(body)
        if _is_dead_here(note):
            return True
        lasts_s = float(note.get("lasts_s", LASTS_S))
        if (
            time.time_ns() - what.mtime_ns
        ) / 1e9 < lasts_s / 2:  # hardly: ask the store's clock later
            return False
        return (self._now_ns() - what.mtime_ns) / 1e9 > lasts_s

    def _now_ns(self) -> int:
        """Return the time by the store's clock."""
        name = f"locks/clock-{uuid.uuid4().hex}"
        self.bucket.create(name, name.encode())
        found = self.bucket.head(name)
        self.bucket.delete(name)
        return 0 if found is None else found.mtime_ns


class _Lease:
    """One lease that this process holds."""

    def __init__(self, bucket: Bucket, what: Object, note: dict[str, Any]) -> None:
        self.bucket = bucket
        self.what = what
        self._note = note
        self._since = time.monotonic()
        self._lost = self._long = False

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the lease in a thread until the block ends."""
        self._long = True
        over = threading.Event()
        thread = threading.Thread(
            target=self._renew, args=(over,), name="soundkin-lease", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.end()

    def _renew(self, over: threading.Event) -> None:
        """Renew now and then; one failure is no loss yet."""
        while not over.wait(BEAT_S) and not self._lost:
            self._note["beat"] += 1
            with contextlib.suppress(SoundkinError):
                what = self.bucket.replace(self.what, _written(self._note))
                if what is None:
                    self._lost = True
                else:
                    self.what, self._since = what, time.monotonic()

    def end(self) -> None:
        """Let go; what another has taken over since is left to it."""
        if self._lost:
            return
        with contextlib.suppress(SoundkinError):
            if self._long or time.monotonic() - self._since > self._note["lasts_s"] / 2:
                found = self.bucket.head(self.what.name)
                if found is None or found.tag != self.what.tag:
                    return
            self.bucket.delete(self.what.name)


def _note(lasts_s: float) -> dict[str, Any]:
    """Return what a lease of this process says."""
    return {
        "who": f"{os.getpid()} on {socket.gethostname()}",
        "host": _host(),
        "pid": os.getpid(),
        "lasts_s": lasts_s,
        "token": uuid.uuid4().hex,
        "beat": 0,
    }


def _written(note: dict[str, Any]) -> bytes:
    """Return a note as it is written."""
    return json.dumps(note).encode()


def _read(body: bytes) -> dict[str, Any]:
    """Return what a lease says; nothing when it says nothing that can be read."""
    with contextlib.suppress(ValueError):
        note = json.loads(body)
        if isinstance(note, dict):
            return note
    return {}


def _is_dead_here(note: dict[str, Any]) -> bool:
    """Say whether a lease belongs to a process of this machine that is no more."""
    if note.get("host") != _host() or not isinstance(note.get("pid"), int):
        return False
    try:
        os.kill(note["pid"], 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


@cache
def _host() -> str:
    """Return what tells this machine, since it was started, and its numbering of processes from others."""
    marks = [socket.gethostname(), f"{uuid.getnode():x}"]
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id") as file:
        marks.append(file.read().strip())
    with contextlib.suppress(OSError):
        marks.append(str(os.stat("/proc/self/ns/pid").st_ino))
    return " ".join(marks)
