"""Files of every format from one reference sound, written by libsndfile and by FFmpeg's libraries."""

from __future__ import annotations

import io

import av
import numpy as np

from tests.broken import encoded

__all__ = ["encoded", "encoded_by_ffmpeg", "reference_sound", "steps"]


def reference_sound(rate_hz: int = 48_000, seconds: float = 2.0) -> np.ndarray:
    """Stereo float32 (frames, 2): 440 Hz, and a sweep that tells every moment from the next."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    sweep = np.sin(2 * np.pi * (300 * t + 600 * t * t)) * np.sin(np.pi * t / seconds) ** 2
    left = 0.4 * np.sin(2 * np.pi * 440 * t) + 0.15 * sweep
    return np.stack([left, 0.8 * left], axis=1).astype(np.float32)


def steps(samples: np.ndarray) -> np.ndarray:
    """The same sound in whole 16-bit steps, as int16: what every lossless format must give back."""
    return np.round(samples * 32_767).astype(np.int16)


def encoded_by_ffmpeg(
    samples: np.ndarray,
    rate_hz: int,
    container: str,
    codec: str,
    *,
    sample_format: str | None = None,
    bit_rate: int | None = None,
) -> bytes:
    """Float32 (frames, 1 or 2 channels) as the bytes of a file in any of FFmpeg's containers."""
    out = io.BytesIO()
    layout = "stereo" if samples.shape[1] == 2 else "mono"
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate_hz)
        stream.layout = layout
        if sample_format:
            stream.format = sample_format
        if bit_rate:
            stream.bit_rate = bit_rate
        stream.codec_context.open()
        resampler = av.AudioResampler(
            stream.format, layout, rate_hz, frame_size=stream.codec_context.frame_size or 1024
        )
        whole = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.T), format="fltp", layout=layout
        )
        whole.rate, whole.pts = rate_hz, 0
        for frame in [*resampler.resample(whole), *resampler.resample(None), None]:
            for packet in stream.encode(frame):
                file.mux(packet)
    return out.getvalue()
