"""For whoever runs servers: alive, ready, and what they count. Outside /api, for machines, not for the page.

``/health`` and ``/ready`` say one word and need no token, so that a balancer can ask; ``/metrics`` is as
guarded as the rest.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse

from soundkin.errors import SoundkinError, UnknownSpace
from soundkin.library.counts import bytes_below
from soundkin.serve import metrics
from soundkin.serve.wiring import State  # noqa: TC001 - FastAPI reads the annotations at run time

if TYPE_CHECKING:
    from soundkin.facade import Library
    from soundkin.serve.wiring import Serving

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)


@router.get("/health")
async def health() -> JSONResponse:
    """Say that this process answers at all."""
    return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


@router.get("/ready")
def ready(serving: State) -> JSONResponse:
    """Say whether questions should be sent here: 200, or 503 while starting, ending or cut off."""
    word = readiness(serving)
    return JSONResponse(
        {"status": word},
        status_code=200 if word == "ready" else 503,
        headers={"Cache-Control": "no-store"},
    )


@router.get("/metrics")
def metrics_page(serving: State) -> PlainTextResponse:
    """Return what this server counts."""
    lines = [
        *serving.meter.lines(),
        *metrics.gauges([*_of_library(serving), *metrics.process()]),
    ]
    return PlainTextResponse(
        "\n".join(lines) + "\n", headers={"Content-Type": metrics.CONTENT_TYPE}
    )


def readiness(serving: Serving) -> str:
    """Return "ready", "starting", "closing", or "unreachable" when the library cannot be read now."""
    if serving.closing:
        return "closing"
    if not serving.warm.is_set():
        return "starting"
    try:
        serving.library.catalogue.snapshot()
    except SoundkinError as error:
        log.warning("not ready: %s", error)
        return "unreachable"
    return "ready"


def warm_up(library: Library) -> None:
    """Read the library and answer one question in every space: the first of a person comes quickly.

    What is wrong is told when somebody asks.
    """
    try:
        spaces = library.look().snapshot.space_ids
        sounds, _ = library.sounds(limit=1)
        for space_id in spaces if sounds else ():
            with suppress(
                UnknownSpace
            ):  # it is not installed here; the others are asked all the same
                library.search(sounds[0].sound_id, space=space_id.rpartition("-")[0], k=1)
    except SoundkinError as error:
        log.warning("the first question will be a slow one: %s", error)


def _of_library(serving: Serving) -> list[tuple[str, str, float]]:
    """Return what the library held when last looked at; nothing is read for it."""
    catalogue, store = serving.library.catalogue, serving.library.store
    found = [
        (
            "soundkin_cache_bytes",
            "What this machine keeps of the library's indexes, bytes.",
            float(bytes_below(store.cache)),
        ),
        ("soundkin_ready", "1 when questions should be sent here.", float(serving.warm.is_set())),
    ]
    seen = catalogue.seen()
    if seen is not None:
        snapshot, age_s = seen
        found += [
            ("soundkin_sounds", "Sounds in the library.", float(snapshot.alive.sum())),
            ("soundkin_segments", "Segments in the library.", float(len(snapshot.keys))),
            ("soundkin_snapshot_age_seconds", "Since the tables were last looked at.", age_s),
        ]
    return found
