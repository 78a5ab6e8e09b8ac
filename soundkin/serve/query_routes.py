"""The query language over HTTP: it is read here, so that the page need not."""

from __future__ import annotations

# ruff: noqa: TC001 - FastAPI reads the annotations at run time
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from soundkin.query import parse, terms, to_text
from soundkin.serve.models_steer import QueryOut, TermOut
from soundkin.serve.wiring import Lib

router = APIRouter(tags=["search"])


@router.get("/query")
def read_query(library: Lib, text: Annotated[str, Query(max_length=500)] = "") -> QueryOut:
    """Take a query in words apart: its terms, its plain form, and how many sounds meet it.

    As in ``kick -808 "warm pad" tag:vinyl in:Drums name:snare format:wav dur<1 added>2026-01-31``. What
    cannot be read is an error of code `query-syntax` with a `position` in the text.
    """
    found = [TermOut(**asdict(t), text=text[t.start : t.end]) for t in terms(text)]
    return QueryOut(terms=found, text=to_text(parse(text)), sounds=library.sounds(text, limit=0)[1])
