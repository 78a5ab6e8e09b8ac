"""Duplicates over HTTP: look for them in the background, read the groups, tell sounds apart, export."""

from __future__ import annotations

# ruff: noqa: TC001 - FastAPI reads the annotations at run time
from collections import Counter
from dataclasses import asdict, replace
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from soundkin import dedupe
from soundkin.errors import NotFound
from soundkin.serve.models import MAX_PAGE
from soundkin.serve.models_steer import (
    AnyId,
    Changed,
    DuplicatesIn,
    DuplicatesOut,
    GroupOut,
    JobState,
    SoundsIn,
)
from soundkin.serve.wiring import Lib, Serving, State

router = APIRouter(tags=["duplicates"])


@router.post("/duplicates", status_code=202)
def look_for_duplicates(asked: DuplicatesIn, serving: State) -> JobState:
    """Begin to look for duplicates; one search at a time, a running one goes on."""
    job = serving.duplicates
    return job.begin(serving.library, dedupe.find, on_found=job.tell, **asked.model_dump())


@router.delete("/duplicates")
def stop_looking(serving: State) -> JobState:
    """Ask the running search to end; what it has compared stays known."""
    return serving.duplicates.stop()


@router.get("/duplicates")
def duplicates(
    serving: State,
    kind: Literal["exact", "near", "version"] | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> DuplicatesOut:
    """Return how the search stands and the groups found, while it runs too, without what was told apart."""
    found = _found(serving)
    if found is None:
        return DuplicatesOut(job=serving.duplicates.state)
    groups = [group for group in found.groups if kind in {None, group.kind}]
    return DuplicatesOut(
        job=serving.duplicates.state,
        groups=[GroupOut.model_validate(group) for group in groups[offset : offset + limit]],
        total=len(groups),
        by_kind=dict(Counter(group.kind for group in found.groups)),
        sounds=found.sounds,
        compared=found.compared,
        unread=found.unread,
    )


@router.get(
    "/duplicates/export",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}, "application/json": {}}}},
)
def export_duplicates(serving: State, fmt: Literal["csv", "json"] = "csv") -> Response:
    """Return all groups as a file: CSV with one line a file, or JSON."""
    found = _found(serving)
    if found is None:
        raise NotFound(
            "nobody has looked for duplicates yet", "a search that has ended", "start one"
        )
    name = {"Content-Disposition": f"attachment; filename=duplicates.{fmt}"}
    if fmt == "csv":
        text = found.as_csv().encode("utf-8", "surrogateescape")
        return Response(text, media_type="text/csv", headers=name)
    body = DuplicatesOut.model_validate(
        {**asdict(found), "job": serving.duplicates.state, "total": len(found.groups)}
    )
    return Response(body.model_dump_json(), media_type="application/json", headers=name)


@router.post("/duplicates/apart")
def tell_apart(asked: SoundsIn, library: Lib) -> Changed:
    """Remember that these sounds are no duplicates of each other."""
    return Changed(changed=dedupe.keep_apart(library, asked.sound_ids))


@router.delete("/duplicates/apart")
def tell_apart_no_more(
    library: Lib, sound_id: Annotated[list[AnyId], Query(min_length=2, max_length=100)]
) -> Changed:
    """Take that back."""
    return Changed(changed=dedupe.join_again(library, sound_id))


def _found(serving: Serving) -> dedupe.Duplicates | None:
    """Return what the last search found, without what was told apart or forgotten since."""
    found = serving.duplicates.result
    if found is None:
        return None
    return replace(found, groups=tuple(dedupe.still(serving.library, found.groups)))
