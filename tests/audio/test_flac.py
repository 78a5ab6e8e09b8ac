"""dr_flac against libsndfile: a file on a disk goes by the one, the same bytes as a stream by the other."""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soundkin.audio import flac
from soundkin.audio.decode import SoundReader, open_track, read_range
from soundkin.audio.flac import FlacTrack
from soundkin.audio.formats import SoundInfo
from soundkin.audio.libsndfile import SndfileTrack
from soundkin.audio.source import Source
from soundkin.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("_miniaudio") is None or not Path(flac.DESCRIPTORS).is_dir(),
    reason="there is no build of dr_flac for this machine",
)

Passed = tuple[str | None, str, float, SoundInfo | None, list[int]]


def flac_bytes(
    n: int, *, channels: int = 2, rate_hz: int = 44_100, bits: int = 16, seed: int = 0
) -> bytes:
    """A wandering line with some hiss: all of FLAC's ways of predicting come up."""
    rng = np.random.default_rng(seed)
    line = np.cumsum(rng.normal(0, 0.01, (n, channels)), axis=0)
    line = line / (1.2 * np.abs(line).max(initial=1e-9)) + rng.normal(0, 1e-3, line.shape)
    made = io.BytesIO()
    soundfile.write(made, np.clip(line, -1, 1), rate_hz, subtype=f"PCM_{bits}", format="FLAC")
    return made.getvalue()


def passed(source: Path | bytes) -> Passed:
    """What a whole pass makes of a sound: its verdict, else everything there is to know."""
    try:
        with SoundReader(source if isinstance(source, Path) else io.BytesIO(source)) as reader:
            for _ in reader.blocks():
                pass
            summary = reader.summary()
    except DecodeError as error:
        return error.reason, "", 0.0, None, []
    return (
        None,
        summary.sample_hash,
        summary.duration_s,
        reader.info,
        summary.peaks.ravel().tolist(),
    )


def tracks_of(source: Path) -> type:
    with Source(source) as opened:
        track = open_track(opened)
        track.close()
        return type(track)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "sound.flac"
    path.write_bytes(flac_bytes(150_000))
    return path


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    n=st.one_of(st.integers(100, 9_000), st.integers(65_000, 70_000)),
    channels=st.sampled_from([1, 2, 3, 8]),
    rate_hz=st.sampled_from([8_000, 22_050, 44_100, 48_000, 192_000]),
    bits=st.sampled_from([16, 24]),
    seed=st.integers(0, 99),
)
def test_the_same_samples_to_the_bit(
    n: int, channels: int, rate_hz: int, bits: int, seed: int, tmp_path: Path
) -> None:
    content = flac_bytes(n, channels=channels, rate_hz=rate_hz, bits=bits, seed=seed)
    path = tmp_path / "sound.flac"
    path.write_bytes(content)
    assert tracks_of(path) is FlacTrack
    here, there = passed(path), passed(content)
    assert here == there
    assert here[0] is None


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(first=st.integers(0, 149_000), n=st.integers(1, 900))
def test_any_range(first: int, n: int, written: Path) -> None:
    whole, _ = read_range(io.BytesIO(written.read_bytes()), 0.0)
    part, _ = read_range(written, first / 44_100, (first + n) / 44_100)
    assert np.array_equal(part, whole[first : first + n])


def test_a_range_is_not_decoded_from_the_start(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    original = FlacTrack.read_into
    monkeypatch.setattr(
        FlacTrack,
        "read_into",
        lambda track, out: read.append(original(track, out)) or read[-1],
    )
    read_range(written, 3.0, 3.25)
    assert sum(read) == 11_025


def damages(content: bytes, seed: int) -> Iterator[tuple[str, bytes]]:
    """One file damaged in every way that a disk or a copy damages files."""
    rng = np.random.default_rng(seed)
    at, width = int(rng.integers(0, len(content))), int(rng.integers(1, 400))
    yield "cut", content[:at]
    yield "a bit", content[:at] + bytes([content[at] ^ 1 << seed % 8]) + content[at + 1 :]
    yield "a run", content[:at] + rng.bytes(width) + content[at + width :]
    yield "a hole", content[:at] + content[at + width :]
    yield "zeros", content[:at] + bytes(width) + content[at + width :]
    yield "twice", content + content[:at]


@pytest.mark.parametrize("seed", range(12))
def test_damaged_files_get_libsndfiles_verdict(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "sound.flac"
    whole = flac_bytes(40_000 + 1_000 * seed, channels=1 + seed % 3, seed=seed)
    for how, content in damages(whole, seed):
        path.write_bytes(content)
        if not content:
            continue
        here, there = passed(path), passed(content)
        if how == "twice":  # what lies behind the last frame is none of the sound
            assert here == passed(whole)
        else:
            assert here == there, how


def test_what_lies_in_front_or_around_is_left_to_libsndfile(tmp_path: Path) -> None:
    content = flac_bytes(20_000)
    tagged = b"ID3\x04\x00\x00\x00\x00\x00\x10" + bytes(16) + content
    no_length = content[:21] + bytes([content[21] & 0xF0]) + bytes(4) + content[26:]
    for name, data in {"tagged": tagged, "no_length": no_length}.items():
        path = tmp_path / f"{name}.flac"
        path.write_bytes(data)
        assert passed(path)[:2] == passed(data)[:2], name
    low = io.BytesIO()
    soundfile.write(low, np.zeros(4_000), 8_000, subtype="PCM_S8", format="FLAC")
    (tmp_path / "low.flac").write_bytes(low.getvalue())
    assert tracks_of(tmp_path / "low.flac") is SndfileTrack


def test_without_a_build_of_it_libsndfile_decodes(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_it = passed(written)
    monkeypatch.setitem(sys.modules, "_miniaudio", None)
    flac._library.cache_clear()
    try:
        assert tracks_of(written) is SndfileTrack
        assert passed(written) == with_it
    finally:
        flac._library.cache_clear()


def test_a_file_under_any_name(tmp_path: Path) -> None:
    path = bytes(tmp_path) + b"/caf\xe9 \n100%.flac"
    with open(path, "wb") as file:
        file.write(flac_bytes(20_000))
    with SoundReader(path) as reader:
        assert isinstance(reader._track, FlacTrack)
        assert sum(map(len, reader.blocks())) == 20_000
