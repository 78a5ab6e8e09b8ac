"""What goes over the wire when a person steers: queries in words, the map, duplicates, tags, lists."""

from __future__ import annotations

from soundkin.serve.models import Answer, Text


class TermOut(Answer):
    """One term of a query in words: text[start:end] of what was written."""

    field: str
    op: str
    value: Text
    negated: bool
    start: int
    end: int
    text: Text


class QueryOut(Answer):
    """A query in words as it was understood, and how many sounds meet it."""

    terms: list[TermOut]
    text: Text
    sounds: int
