"""More like this: by sounds of the library, or by an uploaded file."""

from __future__ import annotations

# ruff: noqa: TC001 - FastAPI reads the annotations at run time
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from soundkin.errors import InputError
from soundkin.facade import Library, QueryItem, Scope, SearchResult
from soundkin.serve.models import How, ItemIn, ScopeIn, SearchIn, SearchOut
from soundkin.serve.uploads import UPLOAD_BODY, read_upload
from soundkin.serve.wiring import Lib, State

router = APIRouter(tags=["search"])


def scope_of(asked: ScopeIn | None) -> Scope | None:
    """Return the library's own scope, None for everything."""
    if asked is None:
        return None
    return Scope(
        folders=asked.folders,
        not_folders=asked.not_folders,
        tags=asked.tags,
        not_tags=asked.not_tags,
        min_duration_s=asked.min_duration_s,
        max_duration_s=asked.max_duration_s,
        added_after=asked.added_after,
        added_before=asked.added_before,
        text=asked.text,
    )


def item_of(item: ItemIn) -> QueryItem:
    """Return one item as the library takes it; ids only, so no path ever gets in."""
    source = item.sound_id or item.segment_id or ""
    return QueryItem(source, start_s=item.start_s, end_s=item.end_s, weight=item.weight)


def space_of(how: How) -> str | dict[str, float] | None:
    """Return the one space, or the blend; raises `InputError` for both."""
    if how.blend and how.space:
        raise InputError("both space and blend", "one of them", "name all spaces in blend")
    return how.blend or how.space


def search(library: Library, items: list[QueryItem], how: How, scope: ScopeIn | None) -> SearchOut:
    """Run one search and return the answer as it is sent."""
    found: SearchResult = library.search(
        items,
        space=space_of(how),
        k=how.k,
        scope=scope_of(scope),
        min_closeness=how.min_closeness,
        most_different=how.most_different,
        further=how.further,
    )
    return SearchOut.model_validate(found)


@router.post("/search")
def search_by_sounds(asked: SearchIn, library: Lib) -> SearchOut:
    """Return the sounds nearest to one or more sounds, ranges or segments of the library."""
    return search(library, [item_of(item) for item in asked.items], asked, asked.scope)


@router.post("/search/upload", openapi_extra=UPLOAD_BODY)
async def search_by_upload(request: Request, serving: State) -> SearchOut:
    """Return the sounds nearest to an uploaded file, or a range of it, and to `items` beside it.

    The file is not kept.
    """
    async with serving.uploads:
        data, name, asked = await read_upload(request, max_bytes=serving.max_upload_bytes)
        file = QueryItem(
            data, start_s=asked.start_s, end_s=asked.end_s, weight=asked.weight, name=name
        )
        items = [file, *map(item_of, asked.items)]
        return await run_in_threadpool(search, serving.library, items, asked, asked.scope)
