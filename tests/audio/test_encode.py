"""Writing samples so that they read back as they were, and cutting the exact slice."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.audio.decode import read_range
from soundkin.audio.encode import PeakMeter, encode_flac, encode_wav, slice_wav
from soundkin.errors import DecodeError, InputError
from tests.audio.coders import encoded, encoded_by_ffmpeg, reference_sound, steps
from tests.broken import make_tone

RATE_HZ = 48_000


def opened(content: bytes) -> soundfile.SoundFile:
    return soundfile.SoundFile(io.BytesIO(content))


@pytest.mark.parametrize("bits", [8, 16, 24])
def test_every_step_reads_back_as_itself(bits: int) -> None:
    full = 1 << (bits - 1)
    whole_steps = np.unique(
        np.concatenate([np.arange(-full, full, max(1, full // 40_000)), [full - 1]])
    )
    samples = (whole_steps / full).astype(np.float32)
    for content in (
        encode_wav(samples, RATE_HZ, subtype="PCM_U8" if bits == 8 else f"PCM_{bits}"),
        encode_flac(samples, RATE_HZ, subtype="PCM_S8" if bits == 8 else f"PCM_{bits}"),
    ):
        native, info = read_range(io.BytesIO(content), 0.0)
        assert info.rate_hz == RATE_HZ
        assert np.array_equal(native[:, 0], samples)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 3_000), channels=st.integers(1, 8))
def test_what_lies_between_steps_is_rounded_and_what_exceeds_is_cut(
    seed: int, n: int, channels: int
) -> None:
    samples = np.random.default_rng(seed).normal(0, 0.6, (n, channels)).astype(np.float32)
    wanted = [
        min(32_767, max(-32_768, round(value * 32_768))) for value in samples.ravel().tolist()
    ]
    for encode in (encode_wav, encode_flac):
        with opened(encode(samples, RATE_HZ)) as file:
            assert (file.samplerate, file.channels, file.subtype) == (RATE_HZ, channels, "PCM_16")
            assert file.read(dtype="int16").ravel().tolist() == wanted


def test_floats_are_kept_to_the_bit() -> None:
    samples = np.random.default_rng(0).normal(0, 2, (500, 2)).astype(np.float32)
    native, _ = read_range(io.BytesIO(encode_wav(samples, 44_100, subtype="FLOAT")), 0.0)
    assert np.array_equal(native, samples)


def test_what_cannot_be_written() -> None:
    samples = np.zeros((10, 9), np.float32)
    with pytest.raises(
        InputError, match=r"subtype 'PCM_12'; expected one of PCM_U8, PCM_16, PCM_24, PCM_32, FLOAT"
    ):
        encode_wav(samples, RATE_HZ, subtype="PCM_12")
    with pytest.raises(InputError, match="subtype 'FLOAT'; expected one of PCM_S8, PCM_16, PCM_24"):
        encode_flac(samples[:, :2], RATE_HZ, subtype="FLOAT")
    with pytest.raises(InputError, match="9 channels; expected up to 8 in FLAC"):
        encode_flac(samples, RATE_HZ)


@pytest.mark.parametrize(
    ("kind", "subtype", "kept"),
    [
        ("WAV", "PCM_U8", "PCM_U8"),
        ("WAV", "PCM_16", "PCM_16"),
        ("WAV", "PCM_24", "PCM_24"),
        ("WAV", "PCM_32", "FLOAT"),
        ("WAV", "FLOAT", "FLOAT"),
        ("FLAC", "PCM_S8", "PCM_U8"),
        ("FLAC", "PCM_16", "PCM_16"),
        ("FLAC", "PCM_24", "PCM_24"),
        ("AIFF", "PCM_24", "PCM_24"),
        ("OGG", "VORBIS", "FLOAT"),
        ("MP3", "MPEG_LAYER_III", "FLOAT"),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_slice_is_the_source_to_the_sample(
    kind: str, subtype: str, kept: str, channels: int
) -> None:
    sound = reference_sound(RATE_HZ)[:, :channels]
    content = encoded(sound, kind, RATE_HZ, subtype)
    source, _ = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    for start_s, end_s in (
        (0.0, 2.0),
        (0.5, 0.75),
        (1.23456, 1.98765),
        (1.5, 1.5 + 1 / RATE_HZ),
        (1.9, 9.0),
    ):
        with opened(slice_wav(io.BytesIO(content), start_s, end_s)) as file:
            found = file.read(dtype="float32", always_2d=True)
            assert (file.format, file.subtype, file.samplerate) == ("WAV", kept, RATE_HZ)
        wanted = source[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() <= (1e-6 if kind == "MP3" else 0)


def test_a_slice_of_what_libsndfile_does_not_know() -> None:
    sound = steps(reference_sound(RATE_HZ)).astype(np.float32) / np.float32(32_768)
    alac = encoded_by_ffmpeg(sound, RATE_HZ, "ipod", "alac", sample_format="s16p")
    avi = encoded_by_ffmpeg(sound, RATE_HZ, "avi", "pcm_s16le")
    for content, kept in ((alac, "FLOAT"), (avi, "PCM_16")):
        with opened(slice_wav(io.BytesIO(content), 0.7, 1.1)) as file:
            assert file.subtype == kept
            found = file.read(dtype="float32")
        assert np.array_equal(found, sound[round(0.7 * RATE_HZ) : round(1.1 * RATE_HZ)])


def test_a_slice_far_into_a_long_file(tmp_path: object) -> None:
    long = np.tile(steps(make_tone(10.0)), 60)
    long += np.arange(len(long), dtype=np.int32).astype(np.int16) // 64  # no second is like another
    for kind in ("WAV", "FLAC"):
        content = encoded(long, kind, 22_050, "PCM_16")
        with opened(slice_wav(io.BytesIO(content), 595.3, 596.1)) as file:
            found = file.read(dtype="int16")
        assert np.array_equal(found, long[round(595.3 * 22_050) : round(596.1 * 22_050)])


def test_a_slice_in_the_asked_width() -> None:
    content = encoded(make_tone(), "WAV", subtype="FLOAT")
    with opened(slice_wav(io.BytesIO(content), 0.1, 0.2, subtype="PCM_24")) as file:
        assert (file.subtype, file.frames) == ("PCM_24", 4_410 - 2_205)


def test_a_slice_of_nothing_or_of_no_sound() -> None:
    content = encoded(make_tone(), "WAV")
    for start_s, end_s in ((0.5, 0.5), (5.0, 6.0), (-1.0, 0.5)):
        with pytest.raises(InputError):
            slice_wav(io.BytesIO(content), start_s, end_s)
    with pytest.raises(DecodeError, match="is in no known sound format"):
        slice_wav(io.BytesIO(b"text" * 100), 0.0, 1.0)


def test_the_meter_is_named_here_too() -> None:
    assert PeakMeter(3).peaks().shape == (3, 2)
