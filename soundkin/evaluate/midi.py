"""Notes -> the bytes of a Standard MIDI File (format 1), written out by hand.

A part is one instrument on one channel of its own; times are in quarter notes from the start.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from soundkin.errors import InputError

TICKS = 480
"""Ticks a quarter note."""
DRUM_CHANNEL = 9


@dataclass(frozen=True, slots=True)
class Note:
    """`start`, `length` in quarter notes; `pitch` 0-127 (60 is middle C); `velocity` 1-127."""

    start: float
    length: float
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Part:
    """Notes of one instrument: General MIDI `program` 0-127, or drums."""

    name: str
    program: int
    notes: tuple[Note, ...]
    drums: bool = False


def write_midi(parts: list[Part], *, bpm: float) -> bytes:
    """The file's bytes; a first track holds the tempo.

    Raises InputError for a note out of range, or more than 15 parts beside the drums.

    Examples
    --------
    >>> write_midi([Part("lead", 0, (Note(0, 1, 60, 90),))], bpm=120)[:4]
    b'MThd'
    """
    channels = iter(c for c in range(16) if c != DRUM_CHANNEL)
    tracks = [_tempo_track(bpm)]
    for part in parts:
        channel = DRUM_CHANNEL if part.drums else next(channels, -1)
        if channel < 0:
            raise InputError("more than 15 parts", "15 and the drums")
        tracks.append(_track(part, channel))
    return struct.pack(">4sIHHH", b"MThd", 6, 1, len(tracks), TICKS) + b"".join(tracks)


def _tempo_track(bpm: float) -> bytes:
    """Meta event 51: microseconds a quarter note."""
    beat = round(60_000_000 / bpm)
    return _chunk([(0, b"\xff\x51\x03" + beat.to_bytes(3, "big"))])


def _track(part: Part, channel: int) -> bytes:
    """A name, a program, and every note's beginning and end; ends before beginnings."""
    events = [
        (0, b"\xff\x03" + _length(len(part.name.encode())) + part.name.encode()),
        (0, bytes([0xC0 | channel, part.program])),
    ]
    timed: list[tuple[int, int, bytes]] = []
    for note in part.notes:
        if not (0 <= note.pitch < 128 and 1 <= note.velocity < 128 and note.length > 0):
            raise InputError(f"{note}", "pitch 0-127, velocity 1-127, a length above 0")
        begin = round(note.start * TICKS)
        end = max(begin + 1, round((note.start + note.length) * TICKS))
        timed.append((begin, 1, bytes([0x90 | channel, note.pitch, note.velocity])))
        timed.append((end, 0, bytes([0x80 | channel, note.pitch, 0])))
    return _chunk([*events, *((at, data) for at, _, data in sorted(timed))])


def _chunk(events: list[tuple[int, bytes]]) -> bytes:
    """A track chunk of events at absolute ticks, in order, and its end."""
    body, now = b"", 0
    for at, data in events:
        body += _length(at - now) + data
        now = at
    body += b"\x00\xff\x2f\x00"
    return b"MTrk" + struct.pack(">I", len(body)) + body


def _length(value: int) -> bytes:
    """A variable-length quantity: seven bits a byte, the last without the high bit."""
    found = bytes([value & 127])
    while value := value >> 7:
        found = bytes([value & 127 | 128]) + found
    return found
