"""Asking again: cut answers some times, refused credentials once, all else never."""

from __future__ import annotations

from itertools import pairwise

import pytest

from soundkin.bucket import again
from soundkin.bucket.again import TRIES, asked_again
from soundkin.bucket.refusal import CutOffError, KeysError, refusal_of
from soundkin.errors import BucketError, NotFound

WHERE = "s3://sounds/lib"
CUT = refusal_of(WHERE, "error reading a body from connection")
EXPIRED = refusal_of(WHERE, "<Code>ExpiredToken</Code>")
BUSY = refusal_of(WHERE, "<Code>SlowDown</Code>")


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(again.time, "sleep", slept.append)
    return slept


def answers(*given: object):
    """What a store says, one after the other; errors are raised."""
    said = iter(given)

    def ask() -> object:
        one = next(said)
        if isinstance(one, Exception):
            raise one
        return one

    return ask


def test_a_cut_answer_is_asked_for_again_with_growing_pauses(pauses: list[float]) -> None:
    assert asked_again(answers(*[CUT] * (TRIES - 1), 7), lambda: False) == 7
    assert len(pauses) == TRIES - 1
    assert all(b > a for a, b in pairwise(pauses))
    with pytest.raises(CutOffError):
        asked_again(answers(*[CUT] * TRIES, 7), lambda: False)


def test_refused_credentials_are_read_anew_once() -> None:
    renewed: list[bool] = []

    def renew() -> bool:
        renewed.append(True)
        return True

    assert asked_again(answers(EXPIRED, 7), renew) == 7
    with pytest.raises(KeysError):
        asked_again(answers(EXPIRED, EXPIRED, 7), renew)
    assert len(renewed) == 2
    with pytest.raises(KeysError):
        asked_again(answers(EXPIRED, 7), lambda: False)


def test_all_else_is_said_at_once(pauses: list[float]) -> None:
    with pytest.raises(BucketError, match="overloaded"):
        asked_again(answers(BUSY, 7), lambda: True)
    assert pauses == []


def test_every_answer_is_one_sentence_about_the_place() -> None:
    for said in ("AccessDenied", "dns error", "scheme is not allowed", "who knows"):
        assert WHERE in refusal_of(WHERE, said).found
    gone = refusal_of(WHERE, "NoSuchBucket")
    assert isinstance(gone, NotFound)
    assert gone.found == "there is no bucket 'sounds'"
