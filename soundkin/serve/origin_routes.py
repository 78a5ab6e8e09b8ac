"""Where sounds of the web came from; and those that are not kept here, played from there by byte ranges."""

from __future__ import annotations

# ruff: noqa: TC001 - FastAPI reads the annotations at run time
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from soundkin import gathering
from soundkin.facade import Library
from soundkin.library.sources import play
from soundkin.library.sources.net import WebError
from soundkin.serve.models import Answer, Text
from soundkin.serve.wiring import Lib, SoundId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

router = APIRouter(tags=["sources"])

PASSED_ON = ("Content-Length", "Content-Range", "Accept-Ranges", "ETag", "Last-Modified")


class OriginOut(Answer):
    """Where a sound came from, and whom to thank."""

    source: Text
    item_id: Text
    url: Text
    page: Text
    title: Text
    author: Text
    licence: Text
    keep: str


class SourceOut(Answer):
    """A source of the library: how many of its items are sounds here, and how many failed."""

    source: Text
    sounds: int
    failed: int
    keep: str


@router.get("/sources")
def sources(library: Lib) -> list[SourceOut]:
    """Return the sources on the web that sounds came from."""
    return [SourceOut.model_validate(one) for one in gathering.gathered(library)]


@router.get("/sounds/{sound_id}/origins")
def origins_of(sound_id: SoundId, library: Lib) -> list[OriginOut]:
    """Return where a sound came from; nothing for one of a folder."""
    return [OriginOut.model_validate(one) for one in gathering.origins_of(library, sound_id)]


def from_origin(
    library: Library, sound_id: str, request: Request, media_type: str, headers: Mapping[str, str]
) -> Response:
    """Return a sound that is not here, or a range of its bytes, from where it came.

    Raises `Offline` for one of a folder that is not there now, and when no origin answers.
    """
    origins = gathering.origins_of(library, sound_id)
    if not origins:
        library.source(sound_id)  # says what is not there
    answer = play.opened(origins, request.headers.get("range", ""))
    passed = {name: answer.headers[name] for name in PASSED_ON if answer.headers.get(name)}
    if request.method == "HEAD":
        answer.close()
        return Response(status_code=answer.status, headers={**passed, **headers})
    most = max(play.most_bytes(origin) for origin in origins)

    def blocks() -> Iterator[bytes]:
        with answer:
            try:
                yield from answer.blocks(most)
            except (
                WebError
            ) as error:  # too late for a status: the connection ends short of its length
                raise ConnectionError(str(error)) from error

    return StreamingResponse(blocks(), answer.status, {**passed, **headers}, media_type=media_type)
