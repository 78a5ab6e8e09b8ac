"""One sound of the library: its card, segments, peaks, audio, slices and tags. By id, never by path."""

from __future__ import annotations

# ruff: noqa: TC001 - FastAPI reads the annotations at run time
import os
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from soundkin.bucket import is_address
from soundkin.errors import InputError, NotFound, Offline, TooLarge
from soundkin.facade import Scope
from soundkin.library.views import Sound
from soundkin.serve.models import (
    MAX_ITEMS,
    MAX_PAGE,
    SegmentOut,
    SoundIds,
    SoundOut,
    SoundPage,
    Tag,
    TagsIn,
    TagsOut,
    displayable,
)
from soundkin.serve.origin_routes import from_origin
from soundkin.serve.streaming import from_bucket
from soundkin.serve.wiring import Lib, SoundId

router = APIRouter(tags=["sounds"])

MEDIA_TYPES = {
    "WAV": "audio/wav",
    "FLAC": "audio/flac",
    "OGG": "audio/ogg",
    "OPUS": "audio/ogg",
    "MP3": "audio/mpeg",
    "AIFF": "audio/aiff",
    "AAC": "audio/mp4",
    "ALAC": "audio/mp4",
}
MAX_SLICE_BYTES = 256 * 2**20
NO_PEAKS = bytes(2 * 800)
KEEP = "private, max-age=3600, immutable"
"""A sound's id is the hash of its samples, so what is made of them alone never changes."""

Words = Annotated[list[str], Query(max_length=MAX_ITEMS)]
Filter = Annotated[float | None, Query(ge=0)]


@router.get("/sounds")
def list_sounds(
    library: Lib,
    text: Annotated[str, Query(max_length=500)] = "",
    tag: Words = [],  # noqa: B006 - FastAPI copies defaults
    not_tag: Words = [],  # noqa: B006
    folder: Words = [],  # noqa: B006
    not_folder: Words = [],  # noqa: B006
    min_duration_s: Filter = None,
    max_duration_s: Filter = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
    order: str = "name",
) -> SoundPage:
    """Return a page of the sounds in scope."""
    scope = Scope(
        folders=tuple(folder),
        not_folders=tuple(not_folder),
        tags=tuple(tag),
        not_tags=tuple(not_tag),
        min_duration_s=min_duration_s,
        max_duration_s=max_duration_s,
        text=text,
    )
    sounds, total = library.sounds(scope, limit=limit, offset=offset, order=order)
    cards = [SoundOut.model_validate(sound) for sound in sounds]
    return SoundPage(sounds=cards, total=total, offset=offset)


@router.get("/sounds/{sound_id}")
def one_sound(sound_id: SoundId, library: Lib) -> SoundOut:
    """Return a sound's card."""
    return SoundOut.model_validate(library.sound(sound_id))


@router.get("/sounds/{sound_id}/segments")
def segments_of(sound_id: SoundId, library: Lib) -> list[SegmentOut]:
    """Return a sound's searchable ranges, in order of time."""
    return [SegmentOut.model_validate(segment) for segment in library.segments(sound_id)]


@router.get(
    "/sounds/{sound_id}/peaks",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
def peaks_of(sound_id: SoundId, library: Lib) -> Response:
    """Return 800 pairs of int8 (lowest, highest) over the whole sound; 127 is full scale."""
    data = library.peaks(sound_id).tobytes()
    return Response(data, media_type="application/octet-stream", headers={"Cache-Control": KEEP})


@router.post(
    "/peaks",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
def peaks_of_many(asked: SoundIds, library: Lib) -> Response:
    """Return the peaks of many sounds, one after the other as they were asked for.

    Of a sound that is not there they are zeros.
    """
    found = library.peaks_of(asked.sound_ids)
    data = b"".join(found[one].tobytes() if one in found else NO_PEAKS for one in asked.sound_ids)
    return Response(data, media_type="application/octet-stream")


@router.head("/sounds/{sound_id}/audio", include_in_schema=False)
@router.get(
    "/sounds/{sound_id}/audio",
    response_class=FileResponse,
    responses={200: {"content": {"audio/*": {}}}, 206: {"content": {"audio/*": {}}}},
)
def audio_of(sound_id: SoundId, library: Lib, request: Request) -> Response:
    """Return the original file; byte ranges, If-Range and HEAD are answered.

    A sound of the web that is not kept here comes from its origin.
    """
    sound = library.sound(sound_id)
    media_type = MEDIA_TYPES.get(sound.format, "application/octet-stream")
    headers = {"Content-Disposition": disposition("inline", sound.name)}
    try:
        source = library.source(sound_id)
    except Offline:
        return from_origin(library, sound_id, request, media_type, headers)
    if is_address(source):
        return from_bucket(source, request, media_type, headers)
    path = Path(os.fsdecode(source))
    try:
        stat = path.stat()
        with path.open("rb"):
            pass
    except OSError as error:
        raise NotFound(
            f"the file of '{displayable(sound.name)}' cannot be read ({error.strerror})",
            "the file where it was when it was indexed",
            "index its folder again",
        ) from error
    return FileResponse(path, media_type=media_type, headers=headers, stat_result=stat)


@router.get(
    "/sounds/{sound_id}/slice.wav",
    response_class=Response,
    responses={200: {"content": {"audio/wav": {}}}},
)
def slice_of(
    sound_id: SoundId,
    library: Lib,
    start_s: Annotated[float, Query(ge=0, allow_inf_nan=False)] = 0.0,
    end_s: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None,
    download: bool = False,
) -> Response:
    """Return an exact range as WAV, at the sound's own rate and channels; without `end_s`, to its end."""
    sound = library.sound(sound_id)
    end = sound.duration_s if end_s is None else min(end_s, sound.duration_s)
    check_slice(sound, start_s, end)
    data = library.slice_wav(sound_id, start_s, end)
    headers = {"Cache-Control": KEEP}
    if download:
        name = f"{Path(sound.name).stem}_{start_s:.2f}-{end:.2f}.wav"
        headers["Content-Disposition"] = disposition("attachment", name)
    return Response(data, media_type="audio/wav", headers=headers)


def check_slice(sound: Sound, start_s: float, end_s: float) -> None:
    """Raise `InputError` for an empty range and `TooLarge` for one that would not fit into memory."""
    if start_s >= end_s:
        raise InputError(
            f"the range {start_s:g}-{end_s:g} s is empty",
            f"a start before the end, within {sound.duration_s:g} s",
            "correct the range",
        )
    if (end_s - start_s) * sound.rate_hz * sound.channels * 2 > MAX_SLICE_BYTES:
        raise TooLarge(
            f"the range {start_s:g}-{end_s:g} s is too long for one slice",
            f"at most {MAX_SLICE_BYTES / 2**20:.0f} MB of WAV",
            "ask for shorter slices, or for the file itself with /audio",
        )


@router.post("/sounds/{sound_id}/tags")
def add_tags(sound_id: SoundId, asked: TagsIn, library: Lib) -> TagsOut:
    """Add tags to a sound; favourites are the tag 'favourite'."""
    library.sound(sound_id)
    library.tag([sound_id], asked.tags)
    return TagsOut.model_validate(library.sound(sound_id))


@router.delete("/sounds/{sound_id}/tags")
def remove_tags(
    sound_id: SoundId, library: Lib, tag: Annotated[list[Tag], Query(min_length=1, max_length=100)]
) -> TagsOut:
    """Remove tags from a sound."""
    library.sound(sound_id)
    library.untag([sound_id], tag)
    return TagsOut.model_validate(library.sound(sound_id))


@router.get("/tags")
def tag_counts(library: Lib) -> dict[str, int]:
    """Return how many sounds have each tag."""
    return library.tag_counts()


def disposition(kind: str, name: str) -> str:
    """Return a Content-Disposition that any file name survives.

    >>> disposition("inline", "a b.wav")
    "inline; filename*=utf-8''a%20b.wav"
    """
    return f"{kind}; filename*=utf-8''{quote(str(displayable(name)), safe='')}"
