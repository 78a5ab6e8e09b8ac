"""Every format against one reference sound: duration, pitch, level, and the samples themselves."""

from __future__ import annotations

import io

import numpy as np
import pytest
import scipy.signal

from soundkin.audio.decode import SoundReader, read_range, read_sound
from soundkin.audio.formats import AUDIO_SUFFIXES
from tests.audio.coders import encoded, encoded_by_ffmpeg, reference_sound, steps

RATE_HZ = 48_000

# format, subtype -> the largest error of a sample (None: lossy)
LIBSNDFILE = {
    ("WAV", "PCM_U8"): 1 / 128,
    ("WAV", "PCM_16"): 1 / 32768,
    ("WAV", "PCM_24"): 1 / (1 << 23),
    ("WAV", "PCM_32"): 1 / (1 << 24),
    ("WAV", "FLOAT"): 0.0,
    ("WAV", "DOUBLE"): 0.0,
    ("WAV", "ULAW"): None,
    ("WAV", "IMA_ADPCM"): None,
    ("WAVEX", "PCM_24"): 1 / (1 << 23),
    ("RF64", "PCM_16"): 1 / 32768,
    ("W64", "PCM_16"): 1 / 32768,
    ("FLAC", "PCM_16"): 1 / 32768,
    ("FLAC", "PCM_24"): 1 / (1 << 23),
    ("AIFF", "PCM_16"): 1 / 32768,
    ("AIFF", "PCM_24"): 1 / (1 << 23),
    ("AIFF", "FLOAT"): 0.0,
    ("AU", "PCM_16"): 1 / 32768,
    ("CAF", "ALAC_16"): 1 / 32768,
    ("OGG", "VORBIS"): None,
    ("OGG", "OPUS"): None,
    ("MP3", "MPEG_LAYER_III"): None,
}

# container, codec, sample format, bit rate -> name, the largest error
FFMPEG = {
    ("mp4", "aac", None, 128_000): ("AAC", None),
    ("adts", "aac", None, 128_000): ("AAC", None),
    ("mpegts", "aac", None, 128_000): ("AAC", None),
    ("ipod", "alac", "s16p", None): ("ALAC", 1 / 32768),
    ("ipod", "alac", "s32p", None): ("ALAC", 1 / (1 << 23)),
    ("mp4", "flac", "s16", None): ("FLAC", 1 / 32768),
    ("mp4", "mp3", None, 192_000): ("MP3", None),
    ("asf", "wmav2", None, 192_000): ("WMA", None),
    ("matroska", "flac", "s16", None): ("FLAC", 1 / 32768),
    ("matroska", "eac3", None, None): ("EAC3", None),
    ("webm", "libopus", None, 128_000): ("OPUS", None),
    ("mov", "pcm_s24le", None, None): ("MOV", 1 / (1 << 23)),
    ("avi", "pcm_s16le", None, None): ("AVI", 1 / 32768),
    ("wv", "wavpack", "s16p", None): ("WAVPACK", 1 / 32768),
    ("tta", "tta", "s16", None): ("TTA", 1 / 32768),
    ("ac3", "ac3", None, 192_000): ("AC3", None),
    ("mpeg", "mp2", None, 192_000): ("MP2", None),
}


@pytest.fixture(scope="module")
def reference() -> np.ndarray:
    return steps(reference_sound(RATE_HZ)).astype(np.float32) / np.float32(32768)


@pytest.mark.parametrize(("kind", "subtype"), LIBSNDFILE)
def test_formats_of_libsndfile(kind: str, subtype: str, reference: np.ndarray) -> None:
    content = encoded(reference, kind, RATE_HZ, subtype)
    with SoundReader(io.BytesIO(content)) as reader:
        assert reader.info.format == {"WAVEX": "WAV", "OGG": subtype[:4]}.get(kind, kind).replace(
            "VORB", "OGG"
        )
        assert reader.info.subtype == subtype
    check_against(reference, content, LIBSNDFILE[kind, subtype])


@pytest.mark.parametrize(
    "coding", FFMPEG, ids=lambda coding: f"{coding[0]}-{coding[1]}-{coding[2]}"
)
def test_formats_of_ffmpeg(coding: tuple, reference: np.ndarray) -> None:
    container, codec, sample_format, bit_rate = coding
    name, error = FFMPEG[coding]
    content = encoded_by_ffmpeg(
        reference, RATE_HZ, container, codec, sample_format=sample_format, bit_rate=bit_rate
    )
    with SoundReader(io.BytesIO(content)) as reader:
        assert reader.info.format == name
    check_against(reference, content, error)


def check_against(reference: np.ndarray, content: bytes, error: float | None) -> None:
    native, info = read_range(io.BytesIO(content), 0.0)
    assert (info.rate_hz, info.channels) == (RATE_HZ, 2)
    assert len(native) / RATE_HZ == pytest.approx(len(reference) / RATE_HZ, abs=0.05)
    if error is not None:
        assert len(native) == len(reference)
        assert np.abs(native - reference).max() <= error
    mono, _ = read_sound(io.BytesIO(content))
    wanted = reference.mean(axis=1, dtype=np.float64)
    assert pitch_hz(mono) == pytest.approx(440, abs=1)
    assert level_db(mono) == pytest.approx(level_db(wanted), abs=0.3)  # LAME scales by 0.97
    lag, likeness = best_lag(mono, wanted)
    assert abs(lag) <= 0.05 * RATE_HZ  # a coder's delay, where the container does not tell it
    assert likeness > 0.995


def pitch_hz(mono: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(mono * np.hanning(len(mono)), 1 << 18))
    return float(np.argmax(spectrum)) * RATE_HZ / (1 << 18)


def level_db(mono: np.ndarray) -> float:
    middle = mono[RATE_HZ // 2 : 3 * RATE_HZ // 2].astype(np.float64)
    return float(10 * np.log10(np.mean(middle**2)))


def best_lag(mono: np.ndarray, wanted: np.ndarray) -> tuple[int, float]:
    """The shift at which the middle second fits best, and its correlation there."""
    piece = wanted[RATE_HZ // 2 : 3 * RATE_HZ // 2]
    products = scipy.signal.correlate(mono.astype(np.float64), piece, "valid", method="fft")
    at = int(np.argmax(products))
    found = mono[at : at + len(piece)].astype(np.float64)
    return at - RATE_HZ // 2, float(products[at] / (np.linalg.norm(found) * np.linalg.norm(piece)))


def test_lossless_formats_are_one_sound(reference: np.ndarray) -> None:
    whole = steps(reference_sound(RATE_HZ))
    files = [
        encoded(whole, kind, RATE_HZ, "PCM_16")
        for kind in ("WAV", "RF64", "W64", "FLAC", "AIFF", "AU")
    ]
    files += [encoded(whole, "CAF", RATE_HZ, "ALAC_16")]
    files += [
        encoded_by_ffmpeg(reference, RATE_HZ, container, codec, sample_format=form)
        for container, codec, form in (
            ("ipod", "alac", "s16p"),
            ("matroska", "flac", "s16"),
            ("avi", "pcm_s16le", None),
        )
    ]
    hashes = set()
    for content in files:
        with SoundReader(io.BytesIO(content)) as reader:
            for _ in reader.blocks():
                pass
            hashes.add(reader.summary().sample_hash)
    assert len(hashes) == 1


@pytest.mark.parametrize("kind", ["WAV", "RF64", "W64", "AIFF", "AU", "FLAC", "MP3"])
def test_half_a_file_is_truncated_and_nearly_all_of_it_is_not(
    kind: str, reference: np.ndarray
) -> None:
    content = encoded(reference, kind, RATE_HZ)
    assert reason_of(content[: len(content) // 2]) == "truncated"
    # the last frame of a FLAC is whole or it is nothing
    assert reason_of(content[: len(content) - 10]) == ("truncated" if kind == "FLAC" else None)


def test_half_an_mp4_has_lost_its_table(reference: np.ndarray) -> None:
    content = encoded_by_ffmpeg(reference, RATE_HZ, "mp4", "aac")
    assert reason_of(content[: len(content) // 2]) == "corrupt"


@pytest.mark.parametrize(
    ("container", "codec", "reason"),
    [
        ("tta", "tta", "truncated"),
        ("matroska", "flac", "truncated"),
        ("asf", "wmav2", "truncated"),
        ("wv", "wavpack", "corrupt"),
        ("adts", "aac", None),  # no header that counts
    ],
)
def test_half_a_file_that_libsndfile_does_not_know(
    container: str, codec: str, reason: str | None, reference: np.ndarray
) -> None:
    content = encoded_by_ffmpeg(reference, RATE_HZ, container, codec, bit_rate=128_000)
    assert reason_of(content) is None
    assert reason_of(content[: len(content) // 2]) == reason


@pytest.mark.parametrize("kind", ["OGG", "OPUS"])
def test_half_an_ogg_is_a_shorter_sound(kind: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (4 * RATE_HZ, 2)).astype(np.float32)
    content = encoded(noise, "OGG", RATE_HZ, kind.replace("OGG", "VORBIS"))
    mono, _ = read_sound(io.BytesIO(content[: len(content) // 2]))
    assert 0.5 < len(mono) / RATE_HZ < 2.5


def test_mono_and_stereo_frames_in_one_stream(reference: np.ndarray) -> None:
    stereo = encoded_by_ffmpeg(reference, RATE_HZ, "adts", "aac")
    mono = encoded_by_ffmpeg(reference[:, :1], RATE_HZ, "adts", "aac")
    native, info = read_range(io.BytesIO(stereo + mono), 0.0)
    assert info.channels == 2
    assert len(native) / RATE_HZ == pytest.approx(4.0, abs=0.1)


def test_sound_of_a_video(reference: np.ndarray) -> None:
    content = encoded_by_ffmpeg(reference, RATE_HZ, "mp4", "aac")
    with SoundReader(io.BytesIO(content)) as reader:
        assert reader.info.subtype == "MOV"


def test_suffixes_are_lower_case_with_a_dot() -> None:
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in AUDIO_SUFFIXES)
    assert {
        ".wav",
        ".flac",
        ".mp3",
        ".ogg",
        ".opus",
        ".aiff",
        ".m4a",
        ".wma",
        ".mp4",
        ".mkv",
        ".webm",
    } <= AUDIO_SUFFIXES
    assert not {".txt", ".jpg", ".pdf", ".ts", ".mid"} & AUDIO_SUFFIXES


def reason_of(content: bytes) -> str | None:
    from soundkin.errors import DecodeError

    try:
        read_sound(io.BytesIO(content))
    except DecodeError as error:
        return error.reason
    return None
