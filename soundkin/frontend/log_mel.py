"""Samples -> mel frames, in NumPy alone: named settings, the mel matrix, the fast path.

Takes mono float32 samples at the rate of the settings; gives (frames, bands) float32. Frame k looks
at the `win` samples from k * hop on and never beyond the sound: nothing is padded, so a window has
the same frames alone and inside a longer stretch.

Frames run in tiles of 16, each matrix product of a fixed shape and too small for BLAS to split over
threads; each window begins a tile. So a window's frames are the same bit for bit among any others,
in any batch and with any number of threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from soundkin.errors import InputError
from soundkin.frontend.scales import MelScale, hz_to_mel, mel_to_hz

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Compression = Literal["none", "ln", "log10", "db"]

TILE = 16
"""Frames that are worked on together; shorter rows of frames are filled up with silence."""
BLOCK = 8 * TILE
"""Frames in flight: what still fits the cache, and what threads need no new memory for."""


@dataclass(frozen=True, slots=True)
class MelSettings:
    """What makes a mel front-end.

    `rate_hz`; `win`, `hop`, `n_fft` in samples (periodic Hann window of `win`, zero-padded to
    `n_fft`); `bands` triangles of height one between `low_hz` and `high_hz`, evenly spaced on
    `scale`; `power` 1 (magnitudes) or 2; `compression`: "none", "ln": ln(x + 0.01), "log10":
    log10(10000 x + 1), "db": (10 log10(max(x, 1e-10)) + 100) / 200; `finest` (1, 2, 4): into how
    many steps the hop is divided for sounds that fill only that part of their window, so that a
    short sound has as many frames as a long one.
    """

    rate_hz: int = 16_000
    win: int = 400
    hop: int = 160
    n_fft: int = 512
    bands: int = 64
    low_hz: float = 0.0
    high_hz: float = 8000.0
    scale: MelScale = "htk"
    power: Literal[1, 2] = 2
    compression: Compression = "none"
    finest: int = 1


PRESETS: dict[str, MelSettings] = {
    "vggish": MelSettings(low_hz=125.0, high_hz=7500.0, scale="1127", power=1, compression="ln"),
    "mule": MelSettings(n_fft=2048, bands=96, compression="log10"),
    "autodecompose": MelSettings(win=256, hop=256, n_fft=256, bands=80, compression="db"),
    "soundkin": MelSettings(win=512, hop=200, low_hz=40.0),
    "mfcc": MelSettings(win=512, hop=200, bands=40, low_hz=20.0, finest=4),
}
"""The papers' settings by name (`autodecompose` without its high-pass), and that of our `mfcc`."""


def n_frames(n_samples: int, settings: MelSettings) -> int:
    """Frames that lie wholly inside `n_samples`; a shorter sound has one."""
    return max(1, 1 + (n_samples - settings.win) // settings.hop)


@cache
def mel_matrix(settings: MelSettings) -> Floats:
    """The triangles: (n_fft // 2 + 1, bands) float32, each column's peak near 1.

    Their sides are straight in mel on the scale "1127", as where that comes from, else in Hz; on
    semitones they are at least as wide as the spectrum's bins are apart.

    Examples
    --------
    >>> mel_matrix(PRESETS["vggish"]).shape
    (257, 64)
    """
    low, high = hz_to_mel([settings.low_hz, settings.high_hz], settings.scale)
    corners = np.linspace(low, high, settings.bands + 2)
    bins = np.arange(settings.n_fft // 2 + 1) * settings.rate_hz / settings.n_fft
    if settings.scale == "1127":
        bins = hz_to_mel(bins, settings.scale)
    else:
        corners = mel_to_hz(corners, settings.scale)
    sides = np.diff(corners)
    left, right = corners[:-2], corners[2:]
    if settings.scale == "semitones":
        sides = np.maximum(sides, bins[1])
        left, right = corners[1:-1] - sides[:-1], corners[1:-1] + sides[1:]
    rising = (bins[:, None] - left) / sides[:-1]
    falling = (right - bins[:, None]) / sides[1:]
    matrix = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    matrix.setflags(write=False)
    return matrix


@cache
def _mel_parts(settings: MelSettings) -> tuple[tuple[slice, slice, Floats], ...]:
    """The triangles of the lower half of the bands and of two quarters, each over the bins that it touches.

    Parts begin at a multiple of eight bands: what a matrix product takes side by side.
    """
    matrix, parts = mel_matrix(settings), []
    n = settings.bands
    ends = [min(8 * math.ceil(share * n / 8), n) for share in (0.5, 0.75, 1)]
    for begin, end in zip([0, *ends], ends, strict=False):
        bands = slice(begin, end)
        touched = np.flatnonzero(matrix[:, bands].any(axis=1))
        bins = slice(int(touched[0]), int(touched[-1]) + 1) if len(touched) else slice(0, 1)
        if end > begin:
            parts.append((bins, bands, np.ascontiguousarray(matrix[bins, bands])))
    return tuple(parts)


def mel_at(samples: Floats, positions: Ints, settings: MelSettings) -> Floats:
    """Mel frames that begin at the given samples: (len(positions), bands) float32.

    `samples` (m,) float32, `positions` (f,) from 0 to m - win. Raises InputError for a frame that
    does not lie in the sound.

    Examples
    --------
    >>> mel_at(np.ones(1000, np.float32), np.array([0, 400]), PRESETS["mfcc"]).shape
    (2, 40)
    """
    if not len(positions):
        return np.empty((0, settings.bands), np.float32)
    first, last = int(positions.min()), int(positions.max())
    if first < 0 or last + settings.win > len(samples):
        found = f"frames from {first} to {last + settings.win}"
        raise InputError(found, f"places within {len(samples)} samples")
    from scipy.fft import rfft  # noqa: PLC0415 - 0.3 s to import

    window, rows = _hann(settings.win), _rows_at_once(settings)
    views = sliding_window_view(samples, settings.win)
    mel = np.empty((-(-len(positions) // TILE) * TILE, settings.bands), np.float32)
    for begin in range(0, len(positions), BLOCK):
        chosen = positions[begin : begin + BLOCK]
        frames = np.empty((-(-len(chosen) // TILE) * TILE, settings.win), np.float32)
        np.multiply(views[_evenly(chosen)], window, out=frames[: len(chosen)])
        frames[len(chosen) :] = 0
        spectrum = rfft(frames, settings.n_fft, overwrite_x=True)
        power = np.square(spectrum.real)
        power += np.square(spectrum.imag)
        if settings.power == 1:
            np.sqrt(power, out=power)
        tiles = power.reshape(-1, rows, power.shape[1])
        out = mel[begin : begin + len(frames)].reshape(-1, rows, settings.bands)
        for bins, bands, part in _mel_parts(settings):
            np.matmul(tiles[:, :, bins], part, out=out[:, :, bands])
    return _COMPRESS[settings.compression](mel[: len(positions)])


@dataclass(frozen=True, slots=True)
class Frames:
    """Mel frames of windows: what a head gets.

    `mel` (n, frames, bands) float32; `valid` (n,): how many frames are sound, the others repeat the
    last of them; `per_hop` (n,): frames in one hop, 1 but for sounds shorter than their window.
    """

    mel: Floats
    valid: Ints
    per_hop: Ints


def mel_windows(windows: Floats, valid_samples: Ints, settings: MelSettings) -> Frames:
    """Mel frames of each window's sound alone.

    `windows` (n, m) float32, left-aligned sound; `valid_samples` (n,) 1 to m. Only frames wholly
    inside the sound count; a sound shorter than a frame is repeated until it fills one.

    Examples
    --------
    >>> windows, valid_samples = np.ones((2, 2000), np.float32), np.array([2000, 5])
    >>> frames = mel_windows(windows, valid_samples, PRESETS["mfcc"])
    >>> frames.mel.shape, frames.valid, frames.per_hop
    ((2, 8, 40), array([8, 1]), array([1, 4]))
    """
    width = windows.shape[1]
    short = np.flatnonzero(valid_samples < settings.win)
    if len(short):
        windows = windows.copy()
        for row in short:
            sound = windows[row, : valid_samples[row]]
            windows[row, : settings.win] = np.resize(sound, settings.win)
    per_hop = np.ones(len(windows), np.int64)
    for steps in (2, 4):
        per_hop[valid_samples * steps <= width] = min(steps, settings.finest)
    hop = settings.hop // per_hop
    valid = np.maximum(1, 1 + (valid_samples - settings.win) // hop)
    tiled = -(-valid // TILE) * TILE
    first = np.cumsum(tiled) - tiled
    rows = np.repeat(np.arange(len(valid)), tiled)
    frames = np.minimum(np.arange(len(rows)) - first[rows], valid[rows] - 1)
    flat = mel_at(windows.reshape(-1), rows * width + frames * hop[rows], settings)
    places = np.minimum(np.arange(n_frames(width, settings)), valid[:, None] - 1)
    return Frames(flat[first[:, None] + places], valid, per_hop)


def _evenly(positions: Ints) -> Ints | slice:
    """Rising positions at even distances as a slice, which is looked at without a copy."""
    steps = np.diff(positions)
    if len(steps) and steps[0] > 0 and (steps == steps[0]).all():
        return slice(int(positions[0]), int(positions[-1]) + 1, int(steps[0]))
    return positions


@cache
def _hann(win: int) -> Floats:
    """Periodic Hann window (win,)."""
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(win) / win)).astype(np.float32)
    window.setflags(write=False)
    return window


def _rows_at_once(settings: MelSettings) -> int:
    """Rows of one matrix product: a power of two, below the size that BLAS splits over threads."""
    rows = TILE
    while rows > 1 and rows * (settings.n_fft // 2 + 1) * settings.bands > _ONE_THREAD:
        rows //= 2
    return rows


_ONE_THREAD = 1 << 18
_COMPRESS: dict[Compression, Callable[[Floats], Floats]] = {
    "none": lambda mel: mel,
    "ln": lambda mel: np.log(mel + np.float32(0.01)),
    "log10": lambda mel: np.log10(np.float32(10_000) * mel + 1),
    "db": lambda mel: (
        (np.float32(10) * np.log10(np.maximum(mel, np.float32(1e-10))) + 100) / np.float32(200)
    ),
}
