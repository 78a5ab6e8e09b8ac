"""Progress as server-sent events.

Two kinds: `index` carries an :class:`~soundkin.serve.models.IndexState` whenever this server's run moves
on; `counts` carries :class:`~soundkin.serve.models.Counts` whenever the library has grown or shrunk,
whichever process did it. Both are sent once at the start.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pydantic import BaseModel

    from soundkin.serve.models import Counts
    from soundkin.serve.wiring import Serving

TICK_S = 0.2
COUNT_EVERY_S = 2.0
COUNT_SHARE = 10
"""Counting takes at most a tenth of the time, however large the library."""

STILL_HERE_EVERY_S = 15.0


def encode(event: str, data: BaseModel) -> str:
    r"""Return one event as it goes over the wire.

    >>> from soundkin.serve.models import Counts
    >>> encode("counts", Counts(sounds=1, segments=2, failures=0))
    'event: counts\ndata: {"sounds":1,"segments":2,"failures":0,"indexing":false}\n\n'
    """
    return f"event: {event}\ndata: {data.model_dump_json()}\n\n"


async def stream(
    serving: Serving, count: Callable[[], Counts], *, tick_s: float = TICK_S
) -> AsyncIterator[str]:
    """Yield events until the server closes; `count` may block and runs in a thread."""
    last: dict[str, BaseModel | None] = {"index": None, "counts": None}
    counts: Counts | None = None
    next_count = next_word = time.monotonic()
    while not serving.closing:
        now = time.monotonic()
        if now >= next_count:
            counts = await run_in_threadpool(count)
            spent = time.monotonic() - now
            next_count = now + max(COUNT_EVERY_S, COUNT_SHARE * spent)
        for event, data in (("index", serving.indexer.state), ("counts", counts)):
            if data is not None and data != last[event]:
                last[event] = data
                next_word = now + STILL_HERE_EVERY_S
                yield encode(event, data)
        if now >= next_word:
            next_word = now + STILL_HERE_EVERY_S
            yield ": still here\n\n"
        await asyncio.sleep(tick_s)
