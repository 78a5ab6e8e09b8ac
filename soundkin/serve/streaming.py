"""A sound in a bucket, handed on: what range the browser asks for, the bucket is asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from soundkin.bucket import Address
from soundkin.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastapi import Request

    from soundkin.bucket.client import Object

STEP_BYTES = 1 << 20
"""What is fetched at a time: little enough that a player that stops has not fetched the rest."""

_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")


def from_bucket(
    source: bytes, request: Request, media_type: str, headers: Mapping[str, str]
) -> Response:
    """Answer with an object, or the one range of it that was asked for; several ranges get the whole.

    Raises `NotFound` when it is not there any more, `BucketError`.
    """
    from soundkin.bucket.client import bucket_of  # noqa: PLC0415 - who has no bucket pays nothing
    from soundkin.bucket.reading import describe  # noqa: PLC0415

    address = Address.of(source)
    try:
        what = describe(address)
    except FileNotFoundError as error:
        raise NotFound(
            f"'{address}' is not there any more",
            "the object that was indexed",
            "index its bucket again",
        ) from error
    tag = f'"{what.byte_hash}"'
    wanted = request.headers.get("range", "")
    if request.headers.get("if-range", tag) != tag:
        wanted = ""
    span = asked_for(wanted, what.size)
    told = {**headers, "Accept-Ranges": "bytes", "ETag": tag}
    if span is None:
        told["Content-Range"] = f"bytes */{what.size}"
        return Response(status_code=416, headers=told)
    start, end = span
    told["Content-Length"] = str(end - start)
    partial = bool(_RANGE.match(wanted))
    if partial:
        told["Content-Range"] = f"bytes {start}-{end - 1}/{what.size}"
    status = 206 if partial else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=told, media_type=media_type)
    bucket = bucket_of(address)

    def pieces(what: Object = what) -> Iterator[bytes]:
        for low in range(start, end, STEP_BYTES):
            yield bucket.read_range(what, low, min(low + STEP_BYTES, end))

    return StreamingResponse(pieces(), status_code=status, headers=told, media_type=media_type)


def asked_for(header: str, size: int) -> tuple[int, int] | None:
    """Return the range of bytes that a header asks for, None for one outside; the whole without one.

    >>> asked_for("bytes=2-5", 10), asked_for("bytes=-3", 10), asked_for("bytes=4-", 10), asked_for("", 10)
    ((2, 6), (7, 10), (4, 10), (0, 10))
    >>> asked_for("bytes=10-", 10), asked_for("bytes=0-1,4-5", 10)
    (None, (0, 10))
    """
    found = _RANGE.match(header)
    if found is None or found[1] == found[2] == "":
        return 0, size
    if not found[1]:
        last = min(int(found[2]), size)
        return (size - last, size) if last else None
    start, end = int(found[1]), min(int(found[2]) + 1 if found[2] else size, size)
    return (start, end) if start < end else None
