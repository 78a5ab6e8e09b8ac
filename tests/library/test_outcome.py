"""What travels between processes arrives as it was sent; a slate says who is to blame after a death."""

from __future__ import annotations

import os
import pickle
from dataclasses import fields, replace

import numpy as np
import pytest

from soundkin.library.outcome import Heard, Job, Outcome, pack, unpack
from soundkin.library.slate import Slate, last_words, scratch
from tests.library.making import heard, sound_id, unit


def same(one: Outcome, other: Outcome) -> bool:
    """Whether two outcomes are equal, their arrays to the bit and of the same type."""
    if replace(one, heard=None) != replace(other, heard=None):
        return False
    if one.heard is None or other.heard is None:
        return one.heard is other.heard
    for part in fields(Heard):
        a, b = getattr(one.heard, part.name), getattr(other.heard, part.name)
        pairs = [(a, b)] if part.name != "vectors" else [(a[space], b[space]) for space in a]
        for left, right in pairs:
            np.testing.assert_array_equal(left, right)
            assert getattr(left, "dtype", type(left)) == getattr(right, "dtype", type(right))
    return True


@pytest.mark.parametrize("kinds", ["", "f", "h", "hfh", "ffhhhf", "c", "hcw"])
def test_a_parcel_holds_what_was_packed(kinds: str) -> None:
    sent = []
    for key, kind in enumerate(kinds):
        outcome = Outcome(key, size=7 * key, mtime_ns=10**18 + key, byte_hash=sound_id(key))
        if kind == "h":
            outcome = replace(outcome, heard=heard(sound_id(key), unit(key, key + 1)))
        elif kind == "f":
            outcome = replace(outcome, reason="corrupt", message="it is broken.")
        elif kind == "c":
            outcome = replace(outcome, copies={"toy": [0.1, 0.2]})
        else:
            outcome = replace(outcome, wav=b"RIFF")
        sent.append(outcome)
    arrived = unpack(pickle.loads(pickle.dumps(pack(sent))))
    assert len(arrived) == len(sent)
    assert all(same(a, b) for a, b in zip(arrived, sent, strict=True))


def test_a_job_is_heard_unless_it_says_otherwise() -> None:
    assert Job(1, b"a.wav").task == "hear"


def test_a_slate_tells_the_last_note_and_every_sign_of_life() -> None:
    mine = Slate.lay()
    theirs = Slate(os.dup(mine.fd))
    try:
        assert (theirs.beats(), theirs.read()) == (0, None)
        notes = [Outcome(3), Outcome(3, 9, -1), Outcome(3, 9, 2**62, sound_id(5)), None, Outcome(0)]
        for number, note in enumerate(notes, 1):
            mine.note(note)
            assert (theirs.beats(), theirs.read()) == (number, note)
    finally:
        mine.close()
        theirs.close()


def test_last_words_are_one_line_that_can_be_shown() -> None:
    fd = scratch()
    try:
        assert last_words(fd) == ""
        os.write(fd, b"first\n")
        os.ftruncate(fd, 0)
        os.write(fd, b"x" * 5000 + b"\nthe \x07end\xff\n \n")
        assert last_words(fd) == "the  end\N{REPLACEMENT CHARACTER}"
        assert os.fstat(fd).st_size == 5000 + 13  # what was cut off left no hole
        os.write(fd, b"y" * 999)
        assert last_words(fd) == "y" * 300
    finally:
        os.close(fd)
