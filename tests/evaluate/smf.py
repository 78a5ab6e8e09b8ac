"""A Standard MIDI File read back, by the specification and none of our own code."""

from __future__ import annotations


def read(data: bytes):
    """Ticks a quarter note; for each track tempo or None, name, {(channel, program)}, notes.

    A note is (start, end, channel, pitch, velocity), times in ticks.
    """
    assert data[:4] == b"MThd"
    assert int.from_bytes(data[4:8], "big") == 6
    kind, count, ticks = (int.from_bytes(data[at : at + 2], "big") for at in (8, 10, 12))
    assert kind == 1
    at, tracks = 14, []
    for _ in range(count):
        assert data[at : at + 4] == b"MTrk"
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        tracks.append(track(data[at + 8 : end]))
        at = end
    assert at == len(data)
    return ticks, tracks


def quantity(data, at):
    value = 0
    while data[at] & 0x80:
        value = value * 128 + (data[at] & 0x7F)
        at += 1
    return value * 128 + data[at], at + 1


def track(data):
    at, now, tempo, name, programs = 0, 0, None, "", set()
    sounding, notes, ended = {}, [], False
    while at < len(data):
        assert not ended
        step, at = quantity(data, at)
        now += step
        status = data[at]
        if status == 0xFF:
            kind = data[at + 1]
            size, at = quantity(data, at + 2)
            body, at = data[at : at + size], at + size
            if kind == 0x51:
                tempo = 60_000_000 / int.from_bytes(body, "big")
            elif kind == 0x03:
                name = body.decode()
            elif kind == 0x2F:
                ended = True
        elif status >> 4 == 0xC:
            programs.add((status & 15, data[at + 1]))
            at += 2
        elif status >> 4 in {8, 9}:
            pitch, velocity = data[at + 1], data[at + 2]
            at += 3
            key = status & 15, pitch
            if status >> 4 == 9 and velocity:
                assert key not in sounding, "a note begins while it sounds"
                sounding[key] = now, velocity
            else:
                start, loud = sounding.pop(key)
                notes.append((start, now, *key, loud))
        else:
            raise AssertionError(f"status {status:x}")
    assert ended
    assert not sounding
    return tempo, name, programs, sorted(notes)
