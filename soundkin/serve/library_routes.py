"""The library as a whole: counts, folders, failures, indexing and its events."""

from __future__ import annotations

# ruff: noqa: TC001 - FastAPI reads the annotations at run time
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from soundkin import __version__
from soundkin.facade import Library
from soundkin.serve.events import stream
from soundkin.serve.models import (
    Counts,
    FailureOut,
    Health,
    IndexIn,
    IndexState,
    LibraryOut,
    RootOut,
    SpaceOut,
)
from soundkin.serve.wiring import Lib, State

router = APIRouter(tags=["library"])


def counts_of(library: Library) -> Counts:
    """Return how much the library holds now, whoever put it there."""
    return Counts.model_validate(library.info())


@router.get("/library")
def library_card(serving: State) -> LibraryOut:
    """Return what the page needs to know first."""
    library = serving.library
    info = library.info()
    return LibraryOut(
        name=library.path.name,
        path=str(library.path),
        version=__version__,
        counts=Counts.model_validate(info),
        spaces=[space.name for space in info.spaces],
        indexes=[SpaceOut.model_validate(space) for space in info.spaces],
        roots=[RootOut.model_validate(root) for root in info.roots],
        indexing=serving.indexer.state,
        max_upload_bytes=serving.max_upload_bytes,
    )


@router.get("/roots")
def roots(library: Lib) -> list[RootOut]:
    """Return the folders of the library and whether they are there now."""
    return [RootOut.model_validate(root) for root in library.roots()]


@router.get("/failures")
def failures(
    library: Lib,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> list[FailureOut]:
    """Return the files that gave no sound, each with its reason."""
    found = library.failures()[offset : offset + limit]
    return [FailureOut.model_validate(failure) for failure in found]


@router.post("/index", status_code=202)
def start_index(asked: IndexIn, serving: State) -> IndexState:
    """Begin to index a folder of the server's machine; follow it on /api/events."""
    return serving.indexer.start(asked.folder, retry_failed=asked.retry_failed)


@router.delete("/index")
def stop_index(serving: State) -> IndexState:
    """Ask the running index to stop after its current commit; what is done stays done."""
    return serving.indexer.stop()


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def events(serving: State) -> StreamingResponse:
    """Follow indexing: events `index` (IndexState) and `counts` (Counts)."""
    body = stream(serving, serving.counter)
    return StreamingResponse(
        body, media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


@router.get("/health")
def health() -> Health:
    """Say that the server answers."""
    return Health(version=__version__)
