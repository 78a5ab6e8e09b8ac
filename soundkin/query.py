r"""The query language: text -> `Scope`, and back. One grammar, read here and nowhere else.

A query is terms with blanks between them; all of them hold at once::

    kick                 the word occurs in path, name or tags       -808     and this one does not
    "warm pad"           the phrase, blanks and all                  -"warm pad"
    tag:vinyl            bears the tag                               -tag:loop
    in:Drums             lies in a folder of that name, at any depth, or in one given by its whole path
    note:wren            occurs in a note on the sound, or in the note's tags  -note:wind
    name:snare           occurs in the file's name                   -name:old
    format:wav           format or suffix                            -format:mp3
    dur<1  dur>=0.5      seconds; also 250ms, 2min, 1h; <, <=, >, >=
    added>2026-01-31     after that day (UTC); also 2026, 2026-01, 2026-01-31T12:00; added:2026-01 within

Several ``in:`` mean any of those folders, several ``format:`` any of those formats. Case does not
matter. A value with blanks, and a word that looks like a term, stands in double quotes, in which
``\"`` and ``\\`` stand for the characters themselves.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from soundkin.errors import QuerySyntax

if TYPE_CHECKING:
    from collections.abc import Sequence

Field = Literal["word", "tag", "note", "in", "name", "format", "dur", "added"]

LISTS: dict[str, tuple[str, str]] = {
    "word": ("words", "not_words"),
    "tag": ("tags", "not_tags"),
    "note": ("notes", "not_notes"),
    "in": ("folders", "not_folders"),
    "name": ("names", "not_names"),
    "format": ("formats", "not_formats"),
}
"""Fields whose values are collected: where the wanted and the unwanted ones go in a `Scope`."""

NAMED = ("tag", "note", "in", "name", "format", "dur", "added")
UNITS_S = {"": 1.0, "s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0}
MAX_TERMS = 64

_HEAD = re.compile(r"(?P<name>[A-Za-z]+)(?P<op>:|<=|>=|<|>|=)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_NUMBER = re.compile(r"(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+)([a-z]*)", re.IGNORECASE | re.ASCII)
_DAY = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which sounds may answer: all conditions hold at once, an empty one says nothing.

    folders, not_folders: absolute paths or folder names at any depth; a sound lies in a folder when any
    of its places does. tags, not_tags: all of them, none of them. words: each occurs in path or tags;
    notes: each in a note on the sound or in that note's tags; names: each in the file's name; formats: any
    of them, by format or suffix. Durations in seconds, times with a time zone, from `added_after` on and
    up to before `added_before`. text: further conditions in the query language.
    """

    folders: Sequence[str] = ()
    not_folders: Sequence[str] = ()
    tags: Sequence[str] = ()
    not_tags: Sequence[str] = ()
    min_duration_s: float | None = None
    max_duration_s: float | None = None
    added_after: datetime | None = None
    added_before: datetime | None = None
    text: str = ""
    words: Sequence[str] = ()
    not_words: Sequence[str] = ()
    names: Sequence[str] = ()
    not_names: Sequence[str] = ()
    formats: Sequence[str] = ()
    not_formats: Sequence[str] = ()
    notes: Sequence[str] = ()
    not_notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a query: text[start:end] of what was written.

    op: ":" or a comparison; value: without quotes; negated: written with a minus.
    """

    field: Field
    op: str
    value: str
    negated: bool
    start: int
    end: int


def parse(text: str) -> Scope:
    """Return the scope that a query describes.

    Raises `QuerySyntax` with the position of what cannot be read.

    >>> scope = parse('kick -808 tag:vinyl dur<=1 in:"My Drums"')
    >>> scope.words, scope.not_words, scope.tags, scope.max_duration_s, scope.folders
    (('kick',), ('808',), ('vinyl',), 1.0, ('My Drums',))
    """
    scope = Scope()
    for term in terms(text):
        if term.field in LISTS:
            where = LISTS[term.field][term.negated]
            values: Any = (*getattr(scope, where), term.value)
            scope = replace(scope, **{where: values})
        elif term.field == "dur":
            scope = _with_duration(scope, term)
        else:
            scope = _with_date(scope, term)
    return scope


def terms(text: str) -> list[Term]:
    """Take a query apart; raises `QuerySyntax`, also for values that are no number or no date.

    >>> [(term.field, term.value, term.negated) for term in terms('kick -tag:"old vinyl"')]
    [('word', 'kick', False), ('tag', 'old vinyl', True)]
    """
    found: list[Term] = []
    at = _blanks(text, 0)
    while at < len(text):
        term = _term(text, at)
        _check(term)
        found.append(term)
        at = _blanks(text, term.end)
        if len(found) > MAX_TERMS:
            raise QuerySyntax(
                f"more than {MAX_TERMS} terms", "a shorter query", "leave some out", term.start
            )
    return found


def to_text(scope: Scope) -> str:
    """Return the query that `parse` reads as this scope (its `text` read and joined).

    >>> to_text(Scope(tags=("vinyl",), not_words=("808",), max_duration_s=1.0, words=("warm pad",)))
    '"warm pad" -808 tag:vinyl dur<=1'
    """
    parts: list[str] = []
    for field, (wanted, unwanted) in LISTS.items():
        head = "" if field == "word" else f"{field}:"
        parts += [head + _quoted(value, field) for value in getattr(scope, wanted)]
        parts += [f"-{head}{_quoted(value, field)}" for value in getattr(scope, unwanted)]
    if scope.min_duration_s is not None:
        parts.append(_bound("dur", ">", scope.min_duration_s, -math.inf))
    if scope.max_duration_s is not None:
        parts.append(_bound("dur", "<", scope.max_duration_s, math.inf))
    if scope.added_after is not None:
        parts.append(f"added>={_day_text(scope.added_after)}")
    if scope.added_before is not None:
        parts.append(f"added<{_day_text(scope.added_before)}")
    if scope.text:
        parts.append(to_text(parse(scope.text)))
    return " ".join(parts)


# -- reading --------------------------------------------------------------------------------------


def _blanks(text: str, at: int) -> int:
    """Return where the next term begins."""
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _term(text: str, start: int) -> Term:
    """Read the term that begins at `start`."""
    at = start
    negated = text[at] == "-" and at + 1 < len(text) and not text[at + 1].isspace()
    at += negated
    head = _HEAD.match(text, at)
    field, op = "word", ":"
    if head is not None:
        field, op = head["name"].lower(), head["op"]
        if field not in NAMED:
            raise QuerySyntax(
                f"there is no field '{head['name']}'",
                f"one of {', '.join(NAMED)}",
                f'to look for the word, put it in quotes: "{head[0]}..."',
                at,
            )
        at = head.end()
    value, end = _value(text, at)
    if not value:
        raise QuerySyntax(
            f"nothing after '{text[start:at]}'" if at > start else "empty quotes",
            f"a value, as in {_example(field)}",
            "write it without a blank between, or take the term out",
            at,
        )
    return Term(cast("Field", field), op, value, negated, start, end)


def _value(text: str, at: int) -> tuple[str, int]:
    """Read a value up to the next blank, or in quotes; and where it ends."""
    if not text.startswith('"', at):
        end = at
        while end < len(text) and not text[end].isspace():
            end += 1
        return text[at:end], end
    quoted = _QUOTED.match(text, at)
    if quoted is None:
        raise QuerySyntax(
            "a quote that is never closed", 'a second "', "close it at the end of the phrase", at
        )
    if quoted.end() < len(text) and not text[quoted.end()].isspace():
        raise QuerySyntax(
            f"'{text[quoted.end()]}' straight after a closing quote",
            "a blank",
            'put a blank between; a quote inside quotes is written \\"',
            quoted.end(),
        )
    return _ESCAPE.sub(r"\1", quoted[1]), quoted.end()


def _check(term: Term) -> None:
    """Raise `QuerySyntax` for a term whose parts do not go together."""
    if term.field in LISTS:
        if term.op != ":":
            raise QuerySyntax(
                f"'{term.field}{term.op}'",
                f"'{term.field}:', as in {_example(term.field)}",
                "write a colon",
                term.start,
            )
        return
    if term.negated:
        raise QuerySyntax(
            f"a minus before '{term.field}'",
            f"a comparison, as in {_example(term.field)}",
            "turn the comparison around",
            term.start,
        )
    if term.op == "=" or (term.op == ":" and term.field == "dur"):
        raise QuerySyntax(
            f"'{term.field}{term.op}'",
            f"<, <=, > or >=, as in {_example(term.field)}",
            "say shorter or longer" if term.field == "dur" else "say before or after",
            term.start,
        )
    if term.field == "dur":
        _seconds(term)
    else:
        _period(term)


def _example(field: str) -> str:
    """Return a term of a field that can be read."""
    examples = {"dur": "dur<1", "added": "added>2026-01-31", "word": '"warm pad"'}
    return examples.get(
        field, f"{field}:{ {'in': 'Drums', 'format': 'wav', 'note': 'wren'}.get(field, 'vinyl') }"
    )


def _with_duration(scope: Scope, term: Term) -> Scope:
    """Take in a bound of the duration; the tighter of two holds."""
    value = _seconds(term)
    if term.op[0] == ">":
        least = value if term.op == ">=" else math.nextafter(value, math.inf)
        old = scope.min_duration_s
        return replace(scope, min_duration_s=least if old is None else max(old, least))
    most = value if term.op == "<=" else math.nextafter(value, -math.inf)
    old = scope.max_duration_s
    return replace(scope, max_duration_s=most if old is None else min(old, most))


def _seconds(term: Term) -> float:
    """Return a duration in seconds."""
    found = _NUMBER.fullmatch(term.value)
    unit = found[2].lower() if found else ""
    value = float(found[1]) * UNITS_S.get(unit, math.nan) if found else math.nan
    if not math.isfinite(value):
        raise QuerySyntax(
            f"the duration '{term.value}'",
            "a number of seconds, or one with ms, s, min or h",
            "write it as in dur<0.5 or dur<500ms",
            term.start,
        )
    return value


def _with_date(scope: Scope, term: Term) -> Scope:
    """Take in a bound of the day; the tighter of two holds."""
    first, behind = _period(term)
    after = {">": behind, ">=": first, ":": first}.get(term.op)
    before = {"<": first, "<=": behind, ":": behind}.get(term.op)
    if after is not None and (scope.added_after is None or after > scope.added_after):
        scope = replace(scope, added_after=after)
    if before is not None and (scope.added_before is None or before < scope.added_before):
        scope = replace(scope, added_before=before)
    return scope


def _period(term: Term) -> tuple[datetime, datetime]:
    """Return the first moment of a year, month, day or time, and the first one behind it."""
    try:
        found = _DAY.fullmatch(term.value)
        if found is None:
            moment = datetime.fromisoformat(term.value)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
            return moment, moment + timedelta(microseconds=1)
        year, month, day = (int(part) if part else None for part in found.groups())
        first = datetime(year or 0, month or 1, day or 1, tzinfo=UTC)
        if day:
            return first, first + timedelta(days=1)
        if month:
            return first, (first + timedelta(days=31)).replace(day=1)
        return first, first.replace(year=first.year + 1)
    except (ValueError, OverflowError) as error:
        raise QuerySyntax(
            f"the day '{term.value}'",
            "a year, month, day or time, as in 2026, 2026-01, 2026-01-31 or 2026-01-31T12:00",
            "write it like one of these",
            term.start,
        ) from error


# -- writing --------------------------------------------------------------------------------------


def _quoted(value: str, field: str) -> str:
    """Return a value as it is written: in quotes when it would be read otherwise without."""
    plain = value and not value.startswith('"') and not any(c.isspace() for c in value)
    if field == "word":
        plain = plain and not value.startswith("-") and not _HEAD.match(value)
    if plain:
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bound(field: str, op: str, value: float, towards: float) -> str:
    """Return a bound, written without the equals sign where that is the rounder number."""
    beyond = abs(math.nextafter(value, towards)) or 0.0
    if value < 0 or len(repr(beyond)) < len(repr(value)):
        return f"{field}{op}{_number(beyond)}"
    return f"{field}{op}={_number(value)}"


def _number(value: float) -> str:
    """Return a number that reads back as the same.

    >>> _number(1.0), _number(0.25)
    ('1', '0.25')
    """
    return repr(value).removesuffix(".0")


def _day_text(moment: datetime) -> str:
    """Return a moment as a day where it is the first one of a day, in UTC."""
    whole = moment.astimezone(UTC)
    day = whole.replace(hour=0, minute=0, second=0, microsecond=0)
    return f"{whole:%Y-%m-%d}" if whole == day else whole.isoformat().replace("+00:00", "Z")
