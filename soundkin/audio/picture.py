"""The spectrogram of a sound for looking at: levels over time and tone, in 256 shades."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import scipy.fft

if TYPE_CHECKING:
    from collections.abc import Iterable

Float32 = npt.NDArray[np.float32]

WINDOW = 2048
RANGE_DB = 80.0
"""From the loudest place down to black."""

LOWEST_HZ = 40.0
MOST_FRAMES = 1 << 12
"""Spectra taken at once."""


def spectrogram(
    blocks: Iterable[Float32],
    rate_hz: int,
    n_samples: int,
    *,
    columns: int = 800,
    rows: int = 192,
) -> npt.NDArray[np.uint8]:
    """Return shades (rows, columns), high tones first, from mono blocks of `n_samples` samples in all.

    Rows are log-spaced from 40 Hz to half the rate. A column is the loudest of up to four spectra that
    lie in its stretch; 255 is the loudest place of all, 0 is `RANGE_DB` below it.

    >>> tone = np.sin(2 * np.pi * 1_000 * np.arange(8_000) / 16_000).astype(np.float32)
    >>> picture = spectrogram([tone], 16_000, 8_000, columns=10, rows=64)
    >>> picture.shape, int(picture[:, 5].argmax())
    ((64, 10), 25)
    """
    power = np.zeros((columns, rows))
    matrix = _rows_matrix(rate_hz, rows)
    window = np.hanning(WINDOW).astype(np.float32)
    n_frames = int(np.clip(n_samples / (WINDOW / 4), columns, 4 * columns))
    centres = ((np.arange(n_frames) + 0.5) * n_samples / n_frames).astype(np.int64)
    column = np.arange(n_frames) * columns // n_frames
    held, begin, at = np.zeros(WINDOW // 2, np.float32), -(WINDOW // 2), 0
    for block in _padded(blocks):
        held = np.concatenate([held, block])
        while at < n_frames:
            ready = np.searchsorted(centres, begin + len(held) - WINDOW // 2, side="right")
            last = min(int(ready), at + MOST_FRAMES, n_frames)
            if last <= at:
                break
            starts = centres[at:last] - WINDOW // 2 - begin
            frames = np.stack([held[s : s + WINDOW] for s in starts]) * window
            levels = (np.abs(scipy.fft.rfft(frames, axis=1)) ** 2) @ matrix
            np.maximum.at(power, column[at:last], levels)
            at = last
        low = max(
            (int(centres[at]) if at < n_frames else begin + len(held)) - WINDOW // 2 - begin, 0
        )
        held, begin = held[low:], begin + min(low, len(held))
    level = 10 * np.log10(power + 1e-20)
    shade = 255 * (1 + (level - max(float(level.max()), -120.0)) / RANGE_DB)
    picture: npt.NDArray[np.uint8] = np.clip(np.rint(shade), 0, 255).astype(np.uint8).T[::-1]
    return picture


def _padded(blocks: Iterable[Float32]) -> Iterable[Float32]:
    """Yield blocks and a window of silence."""
    yield from blocks
    yield np.zeros(WINDOW, np.float32)


def _rows_matrix(rate_hz: int, rows: int) -> npt.NDArray[np.float32]:
    """Return (bins, rows): the loudest bins near each row's tone, at least the nearest two."""
    bins = np.arange(WINDOW // 2 + 1) * rate_hz / WINDOW
    centres = np.geomspace(LOWEST_HZ, rate_hz / 2, rows)
    width = np.maximum(centres * (centres[1] / centres[0] - 1), rate_hz / WINDOW)
    weights = np.maximum(0, 1 - np.abs(bins[:, None] - centres) / width)
    scaled: npt.NDArray[np.float32] = (weights / np.maximum(weights.sum(axis=0), 1e-9)).astype(
        np.float32
    )
    return scaled


def png(shades: npt.NDArray[np.uint8]) -> bytes:
    r"""Return shades (rows, columns) as the bytes of a grey PNG.

    >>> png(np.zeros((2, 3), np.uint8))[:4]
    b'\x89PNG'
    """
    rows, columns = shades.shape

    def part(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    lines = np.concatenate([np.zeros((rows, 1), np.uint8), shades], axis=1).tobytes()
    body = part(b"IHDR", head) + part(b"IDAT", zlib.compress(lines, 6)) + part(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
