"""Samples -> WAV and FLAC bytes, and the exact slice of a file.

Whole numbers are written so that they read back as the same samples: full scale is 1.0, samples are
rounded to the nearest step and cut at full scale. Waveform outlines are in
:mod:`soundkin.audio.peaks`, named here as well.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import soundfile

from soundkin.audio.decode import read_range
from soundkin.audio.peaks import PeakMeter
from soundkin.errors import InputError

if TYPE_CHECKING:
    from soundkin.audio.source import Openable

__all__ = ["PeakMeter", "encode_flac", "encode_wav", "slice_wav"]

Float32 = npt.NDArray[np.float32]

BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
WAV_SUBTYPES = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT")
FLAC_CHANNELS = 8
FLAC_SUBTYPES = ("PCM_S8", "PCM_16", "PCM_24")
KEPT = {"PCM_16": "PCM_16", "PCM_24": "PCM_24", "PCM_U8": "PCM_U8", "PCM_S8": "PCM_U8"}
"""What a slice is written as, by what it is read from; all else as float, which loses nothing."""


def encode_wav(samples: Float32, rate_hz: int, *, subtype: str = "PCM_16") -> bytes:
    """Samples (frames,) or (frames, channels), full scale 1.0, as the bytes of a WAV file.

    Raises
    ------
    InputError
        for another subtype than PCM_U8, PCM_16, PCM_24, PCM_32 and FLOAT.

    Examples
    --------
    >>> len(encode_wav(np.zeros(100, np.float32), 44_100))
    244
    """
    return _encode(samples, rate_hz, "WAV", _known(subtype, WAV_SUBTYPES))


def encode_flac(samples: Float32, rate_hz: int, *, subtype: str = "PCM_16") -> bytes:
    """Samples (frames,) or (frames, up to 8 channels), full scale 1.0, as the bytes of a FLAC file.

    Raises
    ------
    InputError
        for another subtype than PCM_S8, PCM_16 and PCM_24, or for more channels.
    """
    if samples.ndim > 1 and samples.shape[1] > FLAC_CHANNELS:
        raise InputError(f"{samples.shape[1]} channels", "up to 8 in FLAC", "write WAV instead")
    return _encode(samples, rate_hz, "FLAC", _known(subtype, FLAC_SUBTYPES))


def slice_wav(
    source: Openable, start_s: float, end_s: float | None = None, *, subtype: str | None = None
) -> bytes:
    """The part of a sound from `start_s` to `end_s`, to the frame, as the bytes of a WAV file.

    Native rate and channels. Without a `subtype` the samples are the file's own, to the bit: 8, 16
    and 24 bits stay so, all else (lossy formats too) is written as float.

    Raises
    ------
    DecodeError
        as :class:`soundkin.audio.decode.SoundReader`.
    InputError
        when the part lies outside the sound or is empty.
    """
    native, info = read_range(source, start_s, end_s)
    return encode_wav(native, info.rate_hz, subtype=subtype or KEPT.get(info.subtype, "FLOAT"))


def _known(subtype: str, known: tuple[str, ...]) -> str:
    if subtype not in known:
        raise InputError(f"subtype {subtype!r}", f"one of {', '.join(known)}")
    return subtype


def _encode(samples: Float32, rate_hz: int, kind: str, subtype: str) -> bytes:
    out = io.BytesIO()
    coded = _whole_numbers(samples, BITS[subtype]) if subtype in BITS else samples
    soundfile.write(out, coded, rate_hz, format=kind, subtype=subtype)
    return out.getvalue()


def _whole_numbers(samples: Float32, bits: int) -> npt.NDArray[np.int32]:
    """Steps of 2 / 2**bits in the upper bits of an int32, as libsndfile takes them."""
    full = 2.0 ** (bits - 1)
    steps = np.clip(np.rint(samples * np.float64(full)), -full, full - 1)
    coded: npt.NDArray[np.int32] = steps.astype(np.int32) << (32 - bits)
    return coded
