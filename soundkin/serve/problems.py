"""Every error as one JSON body with a status: the tree of :mod:`soundkin.errors` over HTTP."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from soundkin.errors import SoundkinError
from soundkin.serve.headers import SECURITY_HEADERS
from soundkin.serve.models import Problem, ProblemBody

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

log = logging.getLogger(__name__)

ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ProblemBody, "description": "What was found, what was expected, what to do"},
    "5XX": {"model": ProblemBody, "description": "The library or the server failed"},
}
"""The `responses` of every route in the OpenAPI document."""


def install(app: FastAPI) -> None:
    """Make every error of `app` a :class:`ProblemBody`."""
    app.add_exception_handler(SoundkinError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unknown)


def problem_of(error: SoundkinError) -> Problem:
    """Return an error of the tree as it is sent.

    >>> problem_of(SoundkinError("no file", "a sound", "choose one")).message
    'no file; expected a sound; choose one.'
    """
    return Problem(
        code=error.code,
        found=error.found,
        expected=error.expected,
        todo=error.todo,
        message=str(error),
        reason=getattr(error, "reason", None),
        position=getattr(error, "position", None),
    )


def respond(problem: Problem, status: int, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the answer that carries a problem."""
    return JSONResponse(ProblemBody(error=problem).model_dump(), status, headers=headers)


def _known(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, SoundkinError):
        raise error
    return respond(problem_of(error), error.http_status)


def _invalid(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    found = "; ".join(_sentence(dict(item)) for item in error.errors()[:5])
    todo = "see /api/openapi.json"
    wrong = SoundkinError(found, "a request as the API describes it", todo)
    return respond(problem_of(wrong).model_copy(update={"code": "validation"}), 422)


def _sentence(item: dict[str, Any]) -> str:
    """Say what is wrong with one field; the first part of its place is body, query or path."""
    kind, *parts = item["loc"]
    return f"{'.'.join(map(str, parts)) or kind}: {item['msg']}"


def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    found = f"{request.method} {request.url.path}: {error.detail}"
    known = SoundkinError(found, "an address and method of /api/openapi.json")
    body = problem_of(known).model_copy(update={"code": f"http-{error.status_code}"})
    return respond(body, error.status_code, dict(error.headers or {}))


def _unknown(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    found = f"the server failed on {request.method} {request.url.path} ({type(error).__name__})"
    body = problem_of(SoundkinError(found, "", "its log has the details"))
    return respond(body.model_copy(update={"code": "internal"}), 500, dict(SECURITY_HEADERS))
