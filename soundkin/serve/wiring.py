"""What a route may ask for: the library and the app's own state, as typed dependencies."""

from __future__ import annotations

# ruff: noqa: TC001 - FastAPI reads the annotations at run time
import asyncio
import threading
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Path, Request

from soundkin.atlas import Atlas
from soundkin.dedupe import Duplicates
from soundkin.facade import Library
from soundkin.serve.events import Counter
from soundkin.serve.indexing import Indexer
from soundkin.serve.jobs import Job
from soundkin.serve.metrics import Meter
from soundkin.serve.models import ID_PATTERN

UPLOADS_AT_ONCE = 4


@dataclass(slots=True)
class Serving:
    """The state of one app: its library, its indexing run, its limits."""

    library: Library
    indexer: Indexer
    counter: Counter
    max_upload_bytes: int
    uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UPLOADS_AT_ONCE))
    duplicates: Job[Duplicates] = field(default_factory=lambda: Job("duplicates"))
    map: Job[Atlas] = field(default_factory=lambda: Job("map"))
    meter: Meter = field(default_factory=Meter)
    warm: threading.Event = field(default_factory=threading.Event)
    closing: bool = False


def serving_of(request: Request) -> Serving:
    """Return the state of the app that answers this request."""
    return cast("Serving", request.app.state.serving)


def library_of(request: Request) -> Library:
    """Return the library that answers this request."""
    return serving_of(request).library


State = Annotated[Serving, Depends(serving_of)]
Lib = Annotated[Library, Depends(library_of)]
SoundId = Annotated[str, Path(pattern=ID_PATTERN, description="a sound's id: 32 hex characters")]
