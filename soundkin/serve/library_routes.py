"""The library as a whole: counts, folders, failures, indexing and its events."""

from __future__ import annotations

# ruff: noqa: TC001 - FastAPI reads the annotations at run time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from soundkin import __version__
from soundkin.facade import Library
from soundkin.library.counts import bytes_below
from soundkin.library.views import LibraryInfo
from soundkin.serve.events import stream
from soundkin.serve.models import (
    Counts,
    DiskOut,
    FailureOut,
    Health,
    IndexIn,
    IndexState,
    LibraryOut,
    RootOut,
    SpaceOut,
)
from soundkin.serve.wiring import Lib, State
from soundkin.shelf import installed_spaces

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

router = APIRouter(tags=["library"])

MARKS = ("tags", "settings")
"""The tables whose versions say that tags or named lists are others."""


def counts_of(library: Library) -> Counts:
    """Return how much the library holds now, whoever put it there."""
    return _counts(library, library.info())


def watch_of(library: Library) -> Callable[[], object]:
    """Return what asks for the versions of tags and lists; of a library in a bucket it asks nothing.

    Where they are others, the library is looked at again by whoever asks next.
    """
    last: list[tuple[int, ...]] = []

    def versions() -> tuple[int, ...]:
        store = library.store
        now = () if store.storage.remote else tuple(store.version(name) for name in MARKS)
        if last and last[-1] != now:
            library.catalogue.touch()
        last[:] = [now]
        return now

    return versions


def _counts(library: Library, info: LibraryInfo) -> Counts:
    versions = library.catalogue.snapshot().versions
    marks = "-".join(str(versions.get(name, 0)) for name in MARKS)
    return Counts.model_validate(info).model_copy(update={"marks": marks})


@router.get("/library")
def library_card(serving: State) -> LibraryOut:
    """Return what the page needs to know first."""
    library = serving.library
    info = library.info()
    return LibraryOut(
        name=library.store.storage.name,
        path=library.where,
        version=__version__,
        counts=_counts(library, info),
        # one that gave way to a newer one of its name has no borders: nothing can be asked in it
        spaces=[space.name for space in info.spaces if any(space.borders)],
        indexes=[SpaceOut.model_validate(space) for space in info.spaces],
        installed=installed_spaces(),
        disk=disk_use(library.path),
        roots=[RootOut.model_validate(root) for root in info.roots],
        indexing=serving.indexer.state,
        max_upload_bytes=serving.max_upload_bytes,
    )


def disk_use(library: Path) -> list[DiskOut]:
    """Return what the parts of a library take on disk, the largest first."""
    sizes: Counter[str] = Counter()
    for path in (*library.glob("tables/*"), *library.glob("cache/*")):
        with suppress(OSError):  # a file that has just been replaced
            sizes[_part(path)] += bytes_below(path) if path.is_dir() else path.stat().st_size
    return [DiskOut(what=what, bytes=size) for what, size in sizes.most_common()]


def _part(path: Path) -> str:
    """Return what a file or folder of a library is, in words."""
    if path.parent.name == "tables":
        return "vectors" if path.name.startswith("vectors_") else "tables"
    return "maps" if path.name.startswith("map-") else "indexes"


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
