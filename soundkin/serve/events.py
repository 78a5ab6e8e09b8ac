"""Progress as server-sent events.

Two kinds: `index` carries an :class:`~soundkin.serve.models.IndexState` whenever this server's run moves
on; `counts` carries :class:`~soundkin.serve.models.Counts` whenever the library has grown or shrunk,
or its tags or lists are others, whichever process did it. Both are sent once at the start.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pydantic import BaseModel

    from soundkin.serve.models import Counts
    from soundkin.serve.wiring import Serving

TICK_S = 0.2
WATCH_S = 0.5
"""How often the versions of tags and lists are asked for, which costs next to nothing."""

STILL_HERE_EVERY_S = 15.0
COUNT_SHARE = 10
COUNT_EVERY_S = (2.0, 6.0)
"""Counting is to take a tenth of the time at most; it is done every 2 s at best, every 6 s at worst."""


class Counter:
    """The library's counts, counted now and then for all who follow; both functions may block.

    watch: gives a word that changes with what others must see soon; None where asking is dear.
    """

    def __init__(
        self, count: Callable[[], Counts], watch: Callable[[], object] | None = None
    ) -> None:
        self._count, self._watch = count, watch
        self._lock = threading.Lock()
        self._due = self._watched = 0.0
        self._seen: object = None
        self.last: Counts | None = None

    @property
    def is_due(self) -> bool:
        """Say whether it is time to look again."""
        now = time.monotonic()
        return now >= self._due or (self._watch is not None and now >= self._watched + WATCH_S)

    def expire(self) -> None:
        """Make the last count old: something has just ended."""
        self._due = 0.0

    def refresh(self) -> None:
        """Count again if the last count is old or the word another; one thread does, the others wait."""
        with self._lock:
            if self._watch is not None and time.monotonic() >= self._watched + WATCH_S:
                seen, self._watched = self._watch(), time.monotonic()
                if seen != self._seen:
                    self._due, self._seen = 0.0, seen
            if time.monotonic() >= self._due:
                begun = time.monotonic()
                self.last = self._count()
                spent = time.monotonic() - begun
                least, most = COUNT_EVERY_S
                self._due = begun + spent + min(most, max(least, COUNT_SHARE * spent))


def encode(event: str, data: BaseModel) -> str:
    r"""Return one event as it goes over the wire.

    >>> from soundkin.serve.models import Counts
    >>> encode("counts", Counts(sounds=1, segments=2, failures=0))
    'event: counts\ndata: {"sounds":1,"segments":2,"failures":0,"indexing":false,"marks":""}\n\n'
    """
    return f"event: {event}\ndata: {data.model_dump_json()}\n\n"


async def stream(
    serving: Serving, counter: Counter, *, tick_s: float = TICK_S
) -> AsyncIterator[str]:
    """Yield events until the server closes: at once what is known, then what changes."""
    last: dict[str, BaseModel | None] = {}
    next_word = 0.0
    while not serving.closing:
        if counter.is_due:
            await run_in_threadpool(counter.refresh)
        now = time.monotonic()
        for event, data in (("index", serving.indexer.state), ("counts", counter.last)):
            if data is not None and data != last.get(event):
                last[event] = data
                next_word = now + STILL_HERE_EVERY_S
                yield encode(event, data)
        if now >= next_word:
            next_word = now + STILL_HERE_EVERY_S
            yield ": still here\n\n"
        await asyncio.sleep(tick_s)
