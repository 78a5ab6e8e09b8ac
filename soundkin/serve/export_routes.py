"""Taking sounds away: slices as WAV in a zip, lists as CSV, JSON and M3U."""

from __future__ import annotations

# ruff: noqa: TC001 - FastAPI reads the annotations at run time
import csv
import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from soundkin.errors import InputError, SoundkinError, TooLarge
from soundkin.facade import Library
from soundkin.serve.models import displayable
from soundkin.serve.models_steer import ExportIn, SliceIn
from soundkin.serve.sound_routes import check_slice, disposition
from soundkin.serve.wiring import Lib

if TYPE_CHECKING:
    from collections.abc import Iterator

router = APIRouter(tags=["export"])

MAX_ZIP_BYTES = 2 * 2**30
IN_MEMORY_BYTES = 32 * 2**20
CHUNK_BYTES = 2**18
COLUMNS = ("path", "name", "start_s", "end_s", "duration_s", "tags", "sound_id")


@router.post(
    "/export/zip",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}}},
)
def export_zip(asked: ExportIn, library: Lib) -> StreamingResponse:
    """Return slices as WAV files in a zip, numbered in their order.

    What cannot be read now is left out and named in `not exported.txt`; an error when that is everything.
    """
    held: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - closed when sent
    try:
        _fill(held, asked.slices, library)
    except BaseException:
        held.close()
        raise
    size = held.tell()
    held.seek(0)
    headers = {
        "Content-Disposition": disposition("attachment", f"{asked.name}.zip"),
        "Content-Length": str(size),
    }
    return StreamingResponse(_chunks(held), media_type="application/zip", headers=headers)


def _fill(held: IO[bytes], asked: list[SliceIn], library: Library) -> None:
    """Write the zip; sound is stored as it is, packing it would take longer than sending it."""
    refused: list[str] = []
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        for number, item in enumerate(asked, 1):
            try:
                name, data = _slice(item, library)
            except SoundkinError as error:
                refused.append(f"{number:03d} {item.sound_id}: {error}")
                continue
            archive.writestr(f"{number:03d} {name}", data)
            if held.tell() > MAX_ZIP_BYTES:
                raise TooLarge(
                    f"the slices come to more than {MAX_ZIP_BYTES / 2**30:.0f} GB",
                    "fewer or shorter ones",
                    "export them in parts",
                )
        if len(refused) == len(asked):
            raise InputError(
                f"none of the {len(asked)} slices can be read ({refused[0]})",
                "sounds that are there",
                "see that their folder is mounted",
            )
        if refused:
            archive.writestr("not exported.txt", "\n".join([*refused, ""]).encode(errors="replace"))


def _slice(item: SliceIn, library: Library) -> tuple[str, bytes]:
    """Return a slice's file name and bytes."""
    sound = library.sound(item.sound_id)
    start = item.start_s or 0.0
    end = sound.duration_s if item.end_s is None else min(item.end_s, sound.duration_s)
    check_slice(sound, start, end)
    stem = str(displayable(Path(sound.name).stem)).replace("\\", "_")
    whole = item.start_s is None and item.end_s is None
    name = f"{stem}.wav" if whole else f"{stem}_{start:.2f}-{end:.2f}.wav"
    return name, library.slice_wav(item.sound_id, start, end)


def _chunks(held: IO[bytes]) -> Iterator[bytes]:
    """Yield a file in pieces and close it."""
    with held:
        while chunk := held.read(CHUNK_BYTES):
            yield chunk


@router.post(
    "/export/list",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}, "application/json": {}, "audio/x-mpegurl": {}}}},
)
def export_list(
    asked: ExportIn, library: Lib, fmt: Literal["csv", "json", "m3u"] = "csv"
) -> Response:
    """Return a list of slices as CSV, JSON or M3U, with the paths on the server's machine."""
    rows = [_row(item, library) for item in asked.slices]
    text = {"csv": _csv, "json": _json, "m3u": _m3u}[fmt](rows)
    kinds = {"csv": "text/csv", "json": "application/json", "m3u": "audio/x-mpegurl"}
    headers = {"Content-Disposition": disposition("attachment", f"{asked.name}.{fmt}")}
    return Response(text.encode("utf-8", "replace"), media_type=kinds[fmt], headers=headers)


def _row(item: SliceIn, library: Library) -> dict[str, object]:
    sound = library.sound(item.sound_id)
    return {
        "path": displayable(sound.path),
        "name": displayable(sound.name),
        "start_s": item.start_s or 0.0,
        "end_s": sound.duration_s if item.end_s is None else item.end_s,
        "duration_s": sound.duration_s,
        "tags": list(sound.tags),
        "sound_id": sound.sound_id,
    }


def _csv(rows: list[dict[str, object]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows({**row, "tags": ";".join(row["tags"])} for row in rows)  # type: ignore[arg-type]
    return out.getvalue()


def _json(rows: list[dict[str, object]]) -> str:
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"


def _m3u(rows: list[dict[str, object]]) -> str:
    """Return a playlist; players that know the options play the slice alone."""
    lines = ["#EXTM3U"]
    for row in rows:
        length = float(str(row["end_s"])) - float(str(row["start_s"]))
        lines += [
            f"#EXTINF:{max(round(length), 1)},{' '.join(str(row['name']).split())}",
            f"#EXTVLCOPT:start-time={row['start_s']}",
            f"#EXTVLCOPT:stop-time={row['end_s']}",
            " ".join(str(row["path"]).splitlines()),
        ]
    return "\n".join([*lines, ""])
