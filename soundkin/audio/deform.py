"""A sound -> the same sound, slightly harmed: what a near-identical copy has been through.

Mono float32 (n,) in and out, full scale 1.0, at the same rate. At strength 0 (0 dB, nothing cut,
infinite signal-to-noise ratio, ratio 1) each is the identity. Nothing here needs PyTorch.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import soundfile

from soundkin.audio.decode import read_range, resample, to_mono
from soundkin.errors import InputError

Float32 = npt.NDArray[np.float32]

CODECS = {
    "mp3": (
        "MP3",
        "MPEG_LAYER_III",
        (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
    ),
    "ogg": ("OGG", "VORBIS", ()),
    "opus": ("OGG", "OPUS", (8000, 12_000, 16_000, 24_000, 48_000)),
    "pcm8": ("WAV", "PCM_U8", ()),
}
"""Name -> format, subtype, and the only rates in Hz that it takes (none: any)."""

PIECE = 4096  # libsndfile crashes on minutes of Vorbis in one write


def gain(x: Float32, db: float) -> Float32:
    """Louder or quieter by `db`; nothing is cut at full scale.

    Examples
    --------
    >>> gain(np.array([0.5], np.float32), -20.0).round(3).tolist()
    [0.05000000074505806]
    """
    return x * np.float32(10 ** (db / 20))


def trim(x: Float32, rate_hz: int, head_s: float = 0.0, tail_s: float = 0.0) -> Float32:
    """Without its first `head_s` and last `tail_s` seconds.

    Raises
    ------
    InputError
        when nothing would be left.
    """
    head, tail = round(head_s * rate_hz), round(tail_s * rate_hz)
    if head < 0 or tail < 0 or head + tail >= max(1, len(x)):
        raise InputError(
            f"a cut of {head_s} s and {tail_s} s from {len(x) / rate_hz:.3f} s", "a shorter cut"
        )
    return x[head : len(x) - tail]


def add_noise(x: Float32, snr_db: float, seed: int) -> Float32:
    """With white noise `snr_db` below the sound's root mean square; silence stays silent."""
    noise = np.random.default_rng(seed).standard_normal(len(x), dtype=np.float32)
    rms = np.sqrt(np.mean(np.square(x, dtype=np.float64))) if len(x) else 0.0
    return x + noise * np.float32(rms * 10 ** (-snr_db / 20))


def varispeed(x: Float32, ratio: float) -> Float32:
    """Played `ratio` times as fast, so higher and shorter: (round(n / ratio),) within a sample.

    Raises
    ------
    InputError
        unless the ratio is above 0.
    """
    if not ratio > 0:
        raise InputError(f"a speed ratio of {ratio}", "a number above 0")
    return resample(x, ratio, 1.0)


def reencode(x: Float32, rate_hz: int, codec: str) -> Float32:
    """Written as "mp3", "ogg", "opus" or "pcm8" and read again, as long as it was.

    Coders that do not take the rate get the next higher one that they take (else their highest).

    Raises
    ------
    InputError
        for another codec.
    """
    if codec not in CODECS:
        raise InputError(f"codec {codec!r}", f"one of {', '.join(CODECS)}")
    kind, subtype, rates = CODECS[codec]
    coded_hz = next((rate for rate in rates if rate >= rate_hz), rates[-1] if rates else rate_hz)
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", coded_hz, 1, format=kind, subtype=subtype) as file:
        coded = resample(x, rate_hz, coded_hz)
        for at in range(0, len(coded), PIECE):
            file.write(coded[at : at + PIECE])
    native, info = read_range(out, 0.0)
    return _as_long(resample(to_mono(native), info.rate_hz, rate_hz), len(x))


def _as_long(x: Float32, n: int) -> Float32:
    return np.pad(x[:n], (0, max(0, n - len(x))))
