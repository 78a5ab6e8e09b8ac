"""The app: routes under /api, the built page at /, one guard around both."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.responses import FileResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool

from soundkin import __version__
from soundkin.serve import (
    duplicate_routes,
    export_routes,
    health_routes,
    library_routes,
    list_routes,
    map_routes,
    note_routes,
    origin_routes,
    picture_routes,
    problems,
    query_routes,
    search_routes,
    sound_routes,
    tag_routes,
)
from soundkin.serve.events import Counter
from soundkin.serve.indexing import Indexer
from soundkin.serve.metrics import Metered
from soundkin.serve.security import LOOPBACK_HOSTS, Guard
from soundkin.serve.uploads import MAX_UPLOAD_BYTES
from soundkin.serve.wiring import Serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from soundkin.facade import Library

STATIC = Path(__file__).parent / "static"
STOP_INDEX_S = 5.0
ROUTES = (
    library_routes,
    duplicate_routes,
    export_routes,
    list_routes,
    map_routes,
    note_routes,
    origin_routes,
    picture_routes,
    query_routes,
    search_routes,
    sound_routes,
    tag_routes,
)
NO_PAGE = (
    "The page is not built: soundkin/serve/static has no index.html.\n"
    "Install Soundkin again without SOUNDKIN_SKIP_PAGE, or run 'npm ci && npm run build' in web/.\n"
    "The API works: /api/openapi.json\n"
)


def create_app(
    library: Library,
    *,
    token: str | None = None,
    allowed_hosts: Collection[str] = LOOPBACK_HOSTS,
    max_upload_bytes: int = MAX_UPLOAD_BYTES,
    static: Path = STATIC,
) -> FastAPI:
    """Return the app that serves one library.

    token: None answers this machine alone; else every request must carry it. allowed_hosts: names a
    Host header may carry. max_upload_bytes: the largest dropped file. static: the folder of the built
    page. The library stays the caller's: it is not closed here.
    """
    counter = Counter(lambda: library_routes.counts_of(library), library_routes.watch_of(library))
    serving = Serving(library, Indexer(library, counter.expire), counter, max_upload_bytes)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        library.keep_indexes()
        warming = asyncio.create_task(run_in_threadpool(_warm_up, serving))
        yield
        serving.closing = True
        await warming
        serving.duplicates.stop()
        serving.map.stop()
        await run_in_threadpool(serving.indexer.stop, STOP_INDEX_S)

    app = FastAPI(
        title="Soundkin",
        summary="Finds sounds by how they sound",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=problems.ERRORS,
    )
    app.state.serving = serving
    for module in ROUTES:
        app.include_router(module.router, prefix="/api")
    app.include_router(health_routes.router)
    problems.install(app)
    app.add_middleware(Metered, meter=serving.meter)
    app.add_middleware(Guard, token=token, allowed_hosts=allowed_hosts)
    _add_page(app, static)
    return app


def _warm_up(serving: Serving) -> None:
    """Read the library, then be ready."""
    health_routes.warm_up(serving.library)
    serving.warm.set()


def _add_page(app: FastAPI, static: Path) -> None:
    """Serve the built page; its assets carry a hash in their names and may be kept for ever."""

    @app.get("/", include_in_schema=False)
    def page() -> Response:
        index = static / "index.html"
        if not index.is_file():
            return PlainTextResponse(NO_PAGE, 503)
        return FileResponse(index, media_type="text/html", headers={"Cache-Control": "no-cache"})

    app.mount("/assets", _Assets(directory=static / "assets", check_dir=False), name="assets")


class _Assets(StaticFiles):
    """Static files that never change under their name."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
