"""One sound drawn: its spectrogram, where else it sounds like here; and shown in the file manager."""

from __future__ import annotations

# ruff: noqa: TC001 - FastAPI reads the annotations at run time
import math
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from soundkin.audio.decode import SoundReader, read_sound
from soundkin.audio.picture import png, spectrogram
from soundkin.errors import InputError, NotFound
from soundkin.search import band_of
from soundkin.serve.models_steer import AlikeOut, AlikeSegment, Revealed
from soundkin.serve.reveal import show
from soundkin.serve.security import Refused, is_loopback
from soundkin.serve.sound_routes import KEEP, check_slice
from soundkin.serve.wiring import Lib, SoundId

router = APIRouter(tags=["sounds"])

Moment = Annotated[float, Query(ge=0, allow_inf_nan=False)]


@router.get(
    "/sounds/{sound_id}/spectrogram.png",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}},
)
def spectrogram_of(
    sound_id: SoundId,
    library: Lib,
    start_s: Moment = 0.0,
    end_s: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None,
    columns: Annotated[int, Query(ge=16, le=4000)] = 800,
    rows: Annotated[int, Query(ge=16, le=512)] = 192,
) -> Response:
    """Return a grey picture of a sound or a range of it: time to the right, tone upwards, log-spaced."""
    sound = library.sound(sound_id)
    path = library.source(sound_id)
    if start_s == 0 and end_s is None:
        with SoundReader(path) as reader:
            n = math.ceil(sound.duration_s * sound.rate_hz)
            shades = spectrogram(
                reader.blocks(), sound.rate_hz, max(n, 1), columns=columns, rows=rows
            )
    else:
        end = sound.duration_s if end_s is None else min(end_s, sound.duration_s)
        check_slice(sound, start_s, end)
        samples, rate_hz = read_sound(path, start_s=start_s, end_s=end)
        shades = spectrogram([samples], rate_hz, len(samples), columns=columns, rows=rows)
    return Response(png(shades), media_type="image/png", headers={"Cache-Control": KEEP})


@router.get("/sounds/{sound_id}/alike")
def alike(
    sound_id: SoundId,
    library: Lib,
    at_s: Moment = 0.0,
    space: Annotated[str | None, Query()] = None,
) -> AlikeOut:
    """Return how close each segment of a sound is to its segment at one moment: "where else like here?"."""
    look = library.look(space)
    number = look.snapshot.ids.get(sound_id)
    rows = np.flatnonzero(look.view.sound == number) if number is not None else np.empty(0, int)
    segment = look.view.segment[rows]
    rows, segment = rows[segment >= 0], segment[segment >= 0]
    if not len(rows):
        raise NotFound(
            f"sound '{sound_id}' has no vectors of the space {look.view.space_id}",
            "a sound indexed with that space",
            "index its folder again with that space",
        )
    columns = look.snapshot.segments
    start, end, seq = (columns[name][segment] for name in ("start_s", "end_s", "seq"))
    here = int(np.argmin(np.abs((start + end) / 2 - at_s)))
    X = np.asarray(look.view.index.vectors[rows])
    near = np.clip(X @ X[here], -1, 1)
    return AlikeOut(
        space=look.view.space_id,
        segment_id=f"{sound_id}-{int(seq[here])}",
        segments=[
            AlikeSegment(
                segment_id=f"{sound_id}-{int(seq[i])}",
                start_s=float(start[i]),
                end_s=float(end[i]),
                closeness=round(float(near[i]), 6),
                band=band_of(1.0 - float(near[i]), look.borders),
            )
            for i in range(len(rows))
        ],
    )


@router.post("/sounds/{sound_id}/reveal")
def reveal(sound_id: SoundId, request: Request, library: Lib) -> Revealed:
    """Show a sound's file in the file manager of the server's machine; only asked from that machine."""
    peer = request.client
    if peer is None or not is_loopback(peer.host):
        raise Refused(
            f"the request comes from {peer.host if peer else 'nowhere'}",
            "this machine: the file manager would open here, not there",
            "copy the path instead",
        )
    path = library.locate(sound_id)
    if not show(path):
        raise InputError(
            "no file manager could be started",
            "a desktop on the server's machine",
            "copy the path instead",
        )
    return Revealed(path=str(path))
