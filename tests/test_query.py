"""One grammar: what is written is read back, and what cannot be read is pointed at."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundkin.errors import QuerySyntax
from soundkin.query import MAX_TERMS, Scope, parse, terms, to_text

values = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
lists = st.lists(values, max_size=3).map(tuple)
seconds = st.none() | st.floats(0, 1e9, allow_nan=False) | st.sampled_from([0.0, 0.5, 1.0, 2.5])
moments = st.none() | st.integers(0, 2**52).map(
    lambda us: datetime(1971, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
)


@given(
    st.builds(
        Scope,
        folders=lists,
        not_folders=lists,
        tags=lists,
        not_tags=lists,
        min_duration_s=seconds,
        max_duration_s=seconds,
        added_after=moments,
        added_before=moments,
        words=lists,
        not_words=lists,
        names=lists,
        not_names=lists,
        formats=lists,
        not_formats=lists,
        notes=lists,
        not_notes=lists,
    )
)
def test_every_scope_is_written_and_read_back(scope: Scope) -> None:
    assert parse(to_text(scope)) == scope


@given(st.text(st.sampled_from('ab -":<>=\\ tagindur09.'), max_size=24))
def test_any_text_is_read_or_refused_at_a_place(text: str) -> None:
    refusal = None
    try:
        scope = parse(text)
    except QuerySyntax as error:
        refusal = error
    if refusal is None:
        assert parse(to_text(scope)) == scope
        return
    assert 0 <= refusal.position <= len(text)
    assert refusal.found
    assert refusal.expected
    assert refusal.todo
    assert f"at character {refusal.position + 1} " in str(refusal)


def plain_words(text: str) -> tuple[list[str], list[str]]:
    """The second reader, for words alone: what Python's own split makes of them."""
    parts = text.split()
    return [p for p in parts if p[0] != "-" or p == "-"], [
        p[1:] for p in parts if p[0] == "-" and p != "-"
    ]


@given(st.lists(st.text(st.sampled_from("ab8é-_./"), min_size=1, max_size=5), max_size=6))
def test_words_alone(parts: list[str]) -> None:
    text = "  ".join(parts)
    wanted, unwanted = plain_words(text)
    scope = parse(text)
    assert (list(scope.words), list(scope.not_words)) == (wanted, unwanted)


def test_the_example_of_the_page() -> None:
    scope = parse("kick -808 tag:vinyl dur<1 in:Drums")
    assert scope == Scope(
        words=("kick",),
        not_words=("808",),
        tags=("vinyl",),
        folders=("Drums",),
        max_duration_s=math.nextafter(1.0, 0.0),
    )
    assert to_text(scope) == "kick -808 tag:vinyl in:Drums dur<1"


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("", Scope()),
        (" \t\n", Scope()),
        ('"warm pad" -"hi hat"', Scope(words=("warm pad",), not_words=("hi hat",))),
        ('TAG:"old vinyl" -Tag:loop', Scope(tags=("old vinyl",), not_tags=("loop",))),
        (
            'in:/srv/Drums -in:"My Loops"',
            Scope(folders=("/srv/Drums",), not_folders=("My Loops",)),
        ),
        ("name:snare -name:old", Scope(names=("snare",), not_names=("old",))),
        ("format:wav -format:mp3", Scope(formats=("wav",), not_formats=("mp3",))),
        ('"tag:x" "-y"', Scope(words=("tag:x", "-y"))),
        ('a"b 12"', Scope(words=('a"b', '12"'))),
        (r'"say \"yes\" \\ no"', Scope(words=(r"say \"yes\" \ no".replace('\\"', '"'),))),
        ("12:30 c:d".replace("c:d", "-"), Scope(words=("12:30", "-"))),
        ("dur>=250ms dur<=2min", Scope(min_duration_s=0.25, max_duration_s=120.0)),
        ("dur<=3 dur<=2 dur>=0.5 dur>=0.1", Scope(min_duration_s=0.5, max_duration_s=2.0)),
        ("dur>0", Scope(min_duration_s=5e-324)),
        ("added>2026-01-31", Scope(added_after=datetime(2026, 2, 1, tzinfo=UTC))),
        ("added>=2026-02", Scope(added_after=datetime(2026, 2, 1, tzinfo=UTC))),
        ("added<2026", Scope(added_before=datetime(2026, 1, 1, tzinfo=UTC))),
        (
            "added:2026-12",
            Scope(
                added_after=datetime(2026, 12, 1, tzinfo=UTC),
                added_before=datetime(2027, 1, 1, tzinfo=UTC),
            ),
        ),
        (
            "added<2026-01-01T12:00+02:00",
            Scope(added_before=datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))),
        ),
    ],
)
def test_what_is_read(text: str, scope: Scope) -> None:
    assert parse(text) == scope


@pytest.mark.parametrize(
    ("text", "position", "found", "expected"),
    [
        ("kick foo:bar", 5, "no field 'foo'", "tag, note, in, name, format, dur, added"),
        ('kick "snare', 5, "never closed", 'a second "'),
        ('"kick"er', 6, "'e' straight after a closing quote", "a blank"),
        ("tag:", 4, "nothing after 'tag:'", "tag:vinyl"),
        ("tag: vinyl", 4, "nothing after 'tag:'", "tag:vinyl"),
        ('a ""', 2, "empty quotes", "warm pad"),
        ("tag<x", 0, "'tag<'", "'tag:'"),
        ("a dur=1", 2, "'dur='", "<, <=, > or >="),
        ("dur:1", 0, "'dur:'", "<, <=, > or >="),
        ("-dur<1", 0, "a minus before 'dur'", "dur<1"),
        ("dur<fast", 0, "the duration 'fast'", "a number of seconds"),
        ("dur<1parsec", 0, "the duration '1parsec'", "ms, s, min or h"),
        ("dur<-1", 0, "the duration '-1'", "a number of seconds"),
        ("dur<1e999", 0, "the duration", "a number of seconds"),
        ("added>yesterday", 0, "the day 'yesterday'", "2026-01-31"),
        ("added>2026-02-30", 0, "the day '2026-02-30'", "2026-01-31"),
        ("added>9999", 0, "the day '9999'", "2026-01-31"),
        ("a " * (MAX_TERMS + 1), 2 * MAX_TERMS, f"more than {MAX_TERMS} terms", "a shorter query"),
    ],
)
def test_what_cannot_be_read(text: str, position: int, found: str, expected: str) -> None:
    with pytest.raises(QuerySyntax) as raised:
        parse(text)
    assert raised.value.position == position
    assert found in raised.value.found
    assert expected in raised.value.expected
    assert raised.value.todo


def test_terms_know_their_places() -> None:
    text = '  kick -tag:"old vinyl"  dur<=1 '
    assert [text[t.start : t.end] for t in terms(text)] == ["kick", '-tag:"old vinyl"', "dur<=1"]
    assert [(t.field, t.op, t.value, t.negated) for t in terms(text)] == [
        ("word", ":", "kick", False),
        ("tag", ":", "old vinyl", True),
        ("dur", "<=", "1", False),
    ]


def test_the_text_of_a_scope_is_joined_with_the_rest() -> None:
    scope = Scope(text="kick dur<=1", tags=("vinyl",), max_duration_s=2.0)
    joined = parse(to_text(scope))
    assert joined == Scope(words=("kick",), tags=("vinyl",), max_duration_s=1.0)
