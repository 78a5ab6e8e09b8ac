"""Pairs to listen to: WAV files and one picture of their spectrograms.

The picture is a PNG written with the standard library alone. Each row is a pair, its two views side
by side: time to the right (the whole sound), frequency upwards on a mel axis, brighter is louder.
"""

from __future__ import annotations

import itertools
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from soundkin.audio.encode import encode_wav
from soundkin.errors import InputError, StorageError
from soundkin.synth.doppelganger import Prior, deltas, pairs
from soundkin.synth.patches import make_patch

if TYPE_CHECKING:
    from os import PathLike

    from torch import Tensor

Bytes = npt.NDArray[np.uint8]

PICTURE = "pairs.png"
ROWS = 40
"""No more pairs than this are drawn."""
BANDS, FRAMES, GAP = 64, 160, 6
FLOOR_DB = -70.0
_STOPS = np.array(
    [(0, 0, 6), (66, 10, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164)]
)
"""A colour scale from black through violet and red to pale yellow."""


@dataclass(frozen=True, slots=True)
class Audition:
    """What was written: `sounds` (two per pair, in order) and the `picture` of them."""

    sounds: tuple[Path, ...]
    picture: Path


def write_pairs(
    folder: str | PathLike[str],
    *,
    patch: str = "voice",
    n: int = 20,
    delta: float = 0.25,
    pitch: float | None = None,
    timbre: float | None = None,
    envelope: float | None = None,
    prior: Prior = "uniform-human",
    duration_s: float = 1.0,
    rate_hz: int = 16_000,
    seed: int = 0,
) -> Audition:
    """Write n pairs as `voice-000-a.wav`, `voice-000-b.wav`, ... and `pairs.png` into the folder.

    `pitch`, `timbre`, `envelope`: another delta for that group. 16-bit WAV, mono. The same seed
    writes the same files. Raises InputError for an unknown patch, prior or delta, StorageError when
    the folder cannot be written.
    """
    if n < 1:
        raise InputError(f"{n} pairs", "one pair and more")
    where = Path(folder)
    made = make_patch(patch, rate_hz=rate_hz, duration_s=duration_s)
    steps = deltas(made, delta, pitch=pitch, timbre=timbre, envelope=envelope)
    generator = torch.Generator().manual_seed(seed)
    sounds: list[Path] = []
    tiles: list[npt.NDArray[np.float32]] = []
    try:
        where.mkdir(parents=True, exist_ok=True)
        for first in range(0, n, ROWS):
            share = min(ROWS, n - first)
            batch = pairs(made, share, delta=steps, prior=prior, generator=generator)
            for i in range(share):
                for view, sound in (("a", batch.a[i]), ("b", batch.b[i])):
                    path = where / f"{patch}-{first + i:03d}-{view}.wav"
                    path.write_bytes(encode_wav(sound.numpy(), rate_hz))
                    sounds.append(path)
            if not tiles:
                tiles = [
                    spectrogram(torch.stack([a, b]), rate_hz)
                    for a, b in zip(batch.a, batch.b, strict=True)
                ]
        picture = where / PICTURE
        picture.write_bytes(png(contact_sheet(tiles)))
    except OSError as error:
        found = f"{where} cannot be written ({error.strerror})"
        raise StorageError(found, "a folder with room for the sounds") from error
    return Audition(tuple(sounds), picture)


def spectrogram(sounds: Tensor, rate_hz: int) -> npt.NDArray[np.float32]:
    """Sounds (n, samples) -> (n, 64 bands, 160 frames) in [0, 1]: 0 is 70 dB below the loudest of all."""
    n_fft = 1 << round(math.log2(0.064 * rate_hz))
    samples = sounds.shape[-1]
    padded = torch.nn.functional.pad(sounds, (n_fft // 2, n_fft))
    starts = torch.linspace(0, samples, FRAMES).long()
    frames = padded.unfold(-1, n_fft, 1)[:, starts] * torch.hann_window(n_fft)
    power = torch.fft.rfft(frames).abs().square()
    edges_hz = 700 * torch.expm1(torch.linspace(0, 1, BANDS + 1) * math.log1p(rate_hz / 2 / 700))
    bins = (edges_hz * n_fft / rate_hz).long()
    bands = [
        power[..., int(low) : max(int(high), int(low) + 1)].mean(-1)
        for low, high in itertools.pairwise(bins)
    ]
    level_db = 10 * torch.log10(torch.stack(bands, 1) + 1e-12)
    loudest_db = level_db.max().clamp_min(-40.0)  # silence is dark
    shown: npt.NDArray[np.float32] = (1 - (level_db - loudest_db) / FLOOR_DB).clamp(0, 1).numpy()
    return shown


def contact_sheet(tiles: list[npt.NDArray[np.float32]]) -> Bytes:
    """Pairs of pictures (2, bands, frames), two pairs to a row -> one of colours (height, width, 3)."""
    columns = 2 if len(tiles) > 1 else 1
    rows = -(-len(tiles) // columns)
    height, width = rows * (BANDS + GAP) + GAP, columns * (2 * FRAMES + 3 * GAP) + GAP
    sheet = np.full((height, width, 3), 255, np.uint8)
    for number, pair in enumerate(tiles):
        top = GAP + (number // columns) * (BANDS + GAP)
        left = GAP + (number % columns) * (2 * FRAMES + 3 * GAP)
        for view in range(2):
            x = left + view * (FRAMES + GAP)
            sheet[top : top + BANDS, x : x + FRAMES] = colours(pair[view, ::-1])
    return sheet


def colours(values: npt.NDArray[np.float32]) -> Bytes:
    """Values in [0, 1] -> red, green, blue in a last axis."""
    place = np.linspace(0, 1, len(_STOPS))
    channels = [np.interp(values, place, _STOPS[:, channel]) for channel in range(3)]
    return np.stack(channels, -1).astype(np.uint8)


def png(pixels: Bytes) -> bytes:
    r"""Red, green, blue (height, width, 3) uint8 -> a PNG file's bytes.

    Examples
    --------
    >>> png(np.zeros((2, 3, 3), np.uint8))[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body
