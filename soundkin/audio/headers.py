"""What a header promises, read straight from its bytes.

libsndfile trims a header's promise to the bytes that are there, so a cut file looks whole. The size
of the data chunk (WAV, RF64, W64, AIFF, AU) is read here instead, and whether an MP3 begins with a
Xing or Info frame that counts. Sizes that mean "unknown" (0, or all ones, as streaming writers
leave them) promise nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soundkin.audio.source import Source

Order = Literal["little", "big"]

UNKNOWN_FROM = 0x7FFF_F000
MAX_CHUNKS = 1_000
W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"


def data_bytes(source: Source) -> tuple[int, int] | None:
    """The sound bytes that the header promises and those that are there; None when it says nothing.

    A promise is given for WAV (RIFF, RIFX, RF64, W64), AIFF and AU only.
    """
    head = source.read_at(0, 16)
    found = _find_data(source, head)
    if found is None:
        return None
    offset, promised = found
    there = max(0, source.size - offset)
    unknown = promised == 0 or (promised >= UNKNOWN_FROM and promised > there)
    return None if unknown and head[:4] != b"RF64" else (promised, there)


def counts_frames(source: Source) -> bool:
    """Whether an MP3 begins with a Xing or Info frame that counts its frames."""
    start = _after_id3(source.read_at(0, 10))
    head = source.read_at(start, 512)
    for tag in (b"Xing", b"Info"):
        at = head.find(tag)
        if at >= 0 and len(head) >= at + 8:
            return bool(head[at + 7] & 1)
    return False


def _find_data(source: Source, head: bytes) -> tuple[int, int] | None:
    found = None
    match head[:4]:
        case b"RIFF":
            found = _chunk(source, b"data", "little")
        case b"RIFX":
            found = _chunk(source, b"data", "big")
        case b"FORM":
            found = _chunk(source, b"SSND", "big")
        case b"RF64":
            found = _rf64(source)
        case b"riff":
            found = _w64(source)
        case b".snd":
            found = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
    return found


def _chunks(source: Source, order: Order) -> Iterator[tuple[bytes, int, int]]:
    at = 12
    for _ in range(MAX_CHUNKS):
        head = source.read_at(at, 8)
        if len(head) < 8:
            return
        size = int.from_bytes(head[4:], order)
        yield head[:4], at + 8, size
        at += 8 + size + (size & 1)


def _chunk(source: Source, name: bytes, order: Order) -> tuple[int, int] | None:
    found = ((at, size) for key, at, size in _chunks(source, order) if key == name)
    return next(found, None)


def _rf64(source: Source) -> tuple[int, int] | None:
    real = None
    for name, at, size in _chunks(source, "little"):
        if name == b"ds64":
            real = int.from_bytes(source.read_at(at + 8, 8), "little")
        if name == b"data":
            return at, size if real is None or size != 0xFFFF_FFFF else real
    return None


def _w64(source: Source) -> tuple[int, int] | None:
    at = 40
    for _ in range(MAX_CHUNKS):
        head = source.read_at(at, 24)
        size = int.from_bytes(head[16:], "little")
        if len(head) < 24 or size < 24:
            return None
        if head[:16] == W64_DATA:
            return at + 24, size - 24
        at += (size + 7) & ~7
    return None


def _after_id3(head: bytes) -> int:
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size
