"""The map over HTTP: made in the background, its points in one piece, colours and closeness beside them."""

from __future__ import annotations

# ruff: noqa: TC001 - FastAPI reads the annotations at run time
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query, Response

from soundkin import atlas as maps
from soundkin.errors import NotFound
from soundkin.serve.models_steer import (
    ClosenessIn,
    ClusterOut,
    GroupsOut,
    JobState,
    MapIn,
    MapOut,
)
from soundkin.serve.search_routes import item_of
from soundkin.serve.wiring import Lib, Serving, State

router = APIRouter(tags=["map"])

BINARY: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}
Space = Annotated[str | None, Query()]


@router.post("/map", status_code=202)
def make_map(asked: MapIn, serving: State) -> JobState:
    """Begin to make the map or to bring it up to date; `done` counts to 100."""
    return serving.map.begin(serving.library, maps.make, **asked.model_dump())


@router.delete("/map")
def stop_making(serving: State) -> JobState:
    """Ask the running work on the map to end; the map stays what it was."""
    return serving.map.stop()


@router.get("/map")
def the_map(serving: State, space: Space = None) -> MapOut:
    """Return how the map stands: its version, its clusters, how many segments it lacks."""
    try:
        look = serving.library.look(space)
    except NotFound:  # an empty library
        return MapOut(job=serving.map.state, space=space or "")
    space_id = look.view.space_id
    atlas = _held(serving, space_id)
    if atlas is None:
        return MapOut(job=serving.map.state, space=space_id, missing=maps.missing(None, look))
    low, high = atlas.places.min(axis=0), atlas.places.max(axis=0)
    return MapOut(
        job=serving.map.state,
        space=space_id,
        version=atlas.version,
        points=len(atlas.seq),
        sounds=len(atlas.sounds),
        total=atlas.total,
        sampled=atlas.sampled,
        missing=maps.missing(atlas, look),
        seed=atlas.seed,
        bounds=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
        clusters=[ClusterOut.model_validate(cluster) for cluster in atlas.clusters],
        made_at=atlas.made_at,
    )


@router.get("/map/points", response_class=Response, responses=BINARY)
def points(serving: State, space: Space = None) -> Response:
    """Return all points in one piece, little-endian, one part after the other.

    n = `points`, m = `sounds` of `GET /api/map`: n pairs of float32 (x, y); n uint32, numbers of sounds
    among the m; n uint32, numbers of segments (a segment's id is the sound's id, "-", this number); n
    uint16, clusters; m times 16 bytes, the sounds' ids. The header `X-Map-Version` says of which map.
    """
    atlas = _held(serving, serving.library.look(space).view.space_id)
    if atlas is None:
        atlas = maps.current(serving.library, space)
    headers = {"X-Map-Version": atlas.version, "Cache-Control": "no-cache"}
    return Response(atlas.as_bytes(), media_type="application/octet-stream", headers=headers)


@router.get("/map/groups")
def groups(
    library: Lib, by: Literal["folder", "tag", "format"] = "folder", space: Space = None
) -> GroupsOut:
    """Return a group for each sound on the map, to colour it by."""
    atlas = maps.current(library, space)
    names, numbers = maps.groups(atlas, library.look(space).snapshot, by)
    return GroupsOut(names=names, groups=numbers)


@router.post("/map/closeness", response_class=Response, responses=BINARY)
def closeness(asked: ClosenessIn, library: Lib) -> Response:
    """Return how close each point is to a query: n uint8, 255 for the same, 0 for nothing alike."""
    atlas = maps.current(library, asked.space)
    look, parts = library.heard([item_of(item) for item in asked.items], asked.space)
    near = np.clip(maps.closeness(atlas, look, parts), 0, 1)
    headers = {"X-Map-Version": atlas.version}
    body = np.rint(255 * near).astype(np.uint8).tobytes()
    return Response(body, media_type="application/octet-stream", headers=headers)


def _held(serving: Serving, space_id: str) -> maps.Atlas | None:
    """Return the map of a space: the one in the library's cache, else the one just made."""
    kept = maps.load(serving.library, space_id)
    made = serving.map.result
    if kept is None and made is not None and made.space_id == space_id:
        return made
    return kept
