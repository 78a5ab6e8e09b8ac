"""A dropped file as a query: counted while it streams in, held in memory, never kept.

The bytes go to the library's isolated decoders as they are; nothing here looks inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from soundkin.errors import InputError, TooLarge
from soundkin.serve.models import UploadIn

if TYPE_CHECKING:
    from starlette.types import Message, Receive

MAX_UPLOAD_BYTES = 128 * 2**20
FORM_BYTES = 2**16
"""Room for the fields and the borders of the multipart body around the file."""

UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "start_s": {"type": "number", "minimum": 0},
                        "end_s": {"type": "number", "minimum": 0},
                        "weight": {"type": "number", "default": 1},
                        "items": {"type": "string", "description": "list of ItemIn as JSON text"},
                        "space": {"type": "string"},
                        "blend": {"type": "string", "description": "spaces with weights, as JSON"},
                        "k": {"type": "integer", "minimum": 1, "default": 50},
                        "further": {"type": "integer", "minimum": 0, "default": 8},
                        "scope": {"type": "string", "description": "ScopeIn as JSON text"},
                        "min_closeness": {"type": "number"},
                        "most_different": {"type": "boolean", "default": False},
                    },
                }
            }
        },
    }
}
"""The body in the OpenAPI document; it is parsed by hand so that its size is checked on the way."""


async def read_upload(request: Request, *, max_bytes: int) -> tuple[bytes, str, UploadIn]:
    """Return the uploaded file's bytes, its name, and the fields beside it.

    Raises `TooLarge` as soon as more than `max_bytes` are announced or have come, `InputError` when no
    file is there, and `RequestValidationError` for fields that cannot be.
    """
    check_announced(request.headers.get("content-length"), max_bytes)
    counted = Request(request.scope, _counting(request, max_bytes))
    async with counted.form(max_files=1, max_fields=16, max_part_size=FORM_BYTES) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InputError(
                "the upload has no file", "multipart/form-data with a part 'file'", "choose a sound"
            )
        return await file.read(), file.filename or "upload", _fields(form)


def check_announced(content_length: str | None, max_bytes: int) -> None:
    """Raise `TooLarge` for a body that says at once that it is too long.

    >>> check_announced("12", 100)
    """
    if content_length and content_length.isdigit() and int(content_length) > max_bytes + FORM_BYTES:
        raise _too_large(max_bytes)


def _counting(request: Request, max_bytes: int) -> Receive:
    """Return a `receive` that raises once too much has come."""
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        message = await request.receive()
        taken += len(message.get("body", b""))
        if taken > max_bytes + FORM_BYTES:
            raise _too_large(max_bytes)
        return message

    return receive


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(
        f"the upload has more than {max_bytes / 2**20:.0f} MB",
        "a shorter sound",
        "cut out the moment you look for, or index the file and search from there",
    )


def _fields(form: FormData) -> UploadIn:
    """Return the checked fields of a form, the file aside."""
    given = {name: value for name, value in form.items() if name != "file" and value != ""}
    try:
        return UploadIn.model_validate(given)
    except ValidationError as error:
        wrong = [item | {"loc": ("body", *item["loc"])} for item in error.errors()]
        raise RequestValidationError(wrong) from error
