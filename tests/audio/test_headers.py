"""Promises read from header bytes, against headers written out by hand."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.audio.decode import read_sound
from soundkin.audio.headers import counts_frames, data_bytes
from soundkin.audio.source import Source
from soundkin.errors import DecodeError
from tests.audio.coders import encoded, encoded_by_ffmpeg, reference_sound
from tests.broken import make_tone

FMT = struct.pack("<HHIIHH", 1, 1, 22_050, 44_100, 2, 16)


def riff(*chunks: tuple[bytes, bytes], size: int | None = None) -> bytes:
    """A WAV of the given chunks; `size` overrides what the last one claims."""
    body = b""
    for number, (name, content) in enumerate(chunks):
        claimed = size if size is not None and number == len(chunks) - 1 else len(content)
        body += name + struct.pack("<I", claimed) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def found(content: bytes) -> tuple[int, int] | None:
    return data_bytes(Source(io.BytesIO(content)))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    before=st.lists(st.binary(max_size=301), max_size=5),
    n=st.integers(1, 500),
    more=st.integers(0, 10_000),
)
def test_data_is_found_behind_any_other_chunks(before: list[bytes], n: int, more: int) -> None:
    others = [(b"LIST", content) for content in before]
    content = riff((b"fmt ", FMT), *others, (b"data", b"\1\2" * n), size=2 * n + 2 * more)
    assert found(content) == (2 * n + 2 * more, 2 * n)


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU"])
def test_whole_files_promise_what_they_have(kind: str) -> None:
    promised, there = found(encoded(make_tone(), kind, subtype="PCM_16"))
    assert promised == pytest.approx(2 * len(make_tone()), abs=8)  # AIFF counts 8 bytes of offset
    assert there >= promised


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_F000])
def test_sizes_of_streaming_writers_promise_nothing(size: int) -> None:
    content = riff((b"fmt ", FMT), (b"data", b"\1\2" * 500), size=size)
    assert found(content) is None
    assert len(read_sound(io.BytesIO(content + b"\3\4"))[0]) == 501


def test_files_without_a_data_chunk_promise_nothing() -> None:
    for content in (
        riff((b"fmt ", FMT)),
        b"RIFF",
        b"fLaC" + bytes(50),
        b"RF64" + bytes(40),
        b"riff" + bytes(80),
    ):
        assert found(content) is None


def test_a_chunk_that_points_at_itself_ends_the_walk() -> None:
    assert found(riff((b"fmt ", FMT)) + b"JUNK" * 4_000) is None
    assert found(b"riff" + bytes(36) + (b"\0" * 16 + struct.pack("<Q", 24)) * 3_000) is None


def test_a_riff_cut_within_its_slack_is_a_sound() -> None:
    content = encoded(make_tone(8.0), "WAV")
    n = len(make_tone(8.0))
    assert len(read_sound(io.BytesIO(content[: -2 * 2_000]))[0]) == n - 2_000  # 0.09 s
    with pytest.raises(DecodeError, match="promises"):
        read_sound(io.BytesIO(content[: -2 * 5_000]))  # 0.23 s, 2.8 %


def test_a_compressed_wav_is_measured_by_its_bytes() -> None:
    content = encoded(make_tone(4.0), "WAV", subtype="IMA_ADPCM")
    read_sound(io.BytesIO(content))
    with pytest.raises(DecodeError, match="promises"):
        read_sound(io.BytesIO(content[: len(content) // 2]))


def test_an_mp3_without_a_count_is_as_long_as_it_is() -> None:
    """Raw frames, as a ripper cuts them: half of the file is half of the sound."""
    noise = np.random.default_rng(0).normal(0, 0.1, (96_000, 2)).astype(np.float32)
    counted = encoded(noise, "MP3", 48_000)
    bare = encoded_by_ffmpeg(reference_sound(48_000), 48_000, "mp2", "mp2", bit_rate=192_000)
    assert counts_frames(Source(io.BytesIO(counted)))
    assert not counts_frames(Source(io.BytesIO(bare)))
    assert len(read_sound(io.BytesIO(bare[: len(bare) // 2]))[0]) == pytest.approx(
        48_000, abs=3_000
    )


def test_a_count_behind_a_tag_is_seen() -> None:
    counted = encoded(make_tone(), "MP3")
    tag = b"ID3\x04\0\0" + bytes([0, 0, 2, 16]) + bytes(272)  # 2 * 128 + 16
    assert counts_frames(Source(io.BytesIO(tag + counted)))
    with pytest.raises(DecodeError, match="promises"):
        read_sound(io.BytesIO((tag + counted)[: len(counted) // 2]))
