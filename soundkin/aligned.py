"""Two recordings laid over each other: whether they are one sound, and what was done to the copy.

Both are mono at `RATE_HZ`. The waveforms are compared at the shift where they agree best: what went
through another coder, level or cut still agrees to the sample, what was only made alike does not. Where
they do not agree, their courses over time and tone are compared (log-frequency spectra, shifted in time
and in tone, stretched to the same length): a sound played at another speed or pitch still agrees there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import scipy.fft

RATE_HZ = 8_000
MOST_S = 30.0
"""So much of a sound is compared at once."""

SAME = 0.95
"""Least correlation of waveforms that are the same sound."""

EMPHASIS = 0.9
"""How much of each sample's forerunner is taken off: two strokes on one drum agree in their low tones."""

ALIKE = 0.95
"""Least correlation of courses that are versions of one sound."""

MOST_STRETCHED = 2.0
"""A version is at most so many times as long as the other."""

COVERED = 0.35
"""Least part of either sound's energy that must lie in the stretch that both share."""

STEPS_A_SEMITONE = 2
SHIFT_SEMITONES = 7
WINDOW = 1024
HOP = 128
FRAMES = 96
LOWEST_HZ, HIGHEST_HZ = 80.0, 3_600.0
FLOOR_DB = 50.0
FLAT = 1e-9
"""Squared decibels about the mean, up to which a picture has nothing in it."""

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Overlay:
    """Two waveforms at the shift where they agree best.

    correlation: -1 to 1, over what both share; negative: one is upside down. lag_s: where b begins in a.
    gain_db: how much louder b is. covered: the part of either sound's energy that lies in the shared
    stretch, the lesser of the two.
    """

    correlation: float
    lag_s: float
    gain_db: float
    covered: float

    @property
    def same(self) -> bool:
        """Say whether these are the same recording."""
        return abs(self.correlation) >= SAME and self.covered >= COVERED


@dataclass(frozen=True, slots=True)
class Course:
    """Two sounds' courses at the shift in time and tone where they agree best.

    correlation: -1 to 1. semitones: how much higher b is. speed: how many times as long a is.
    """

    correlation: float
    semitones: float
    speed: float

    @property
    def alike(self) -> bool:
        """Say whether these are versions of one sound."""
        return self.correlation >= ALIKE and 1 / MOST_STRETCHED <= self.speed <= MOST_STRETCHED


@dataclass(frozen=True, slots=True)
class Sketch:
    """A sound's course: levels (`FRAMES`, bands) in dB below its loudest; frames: how many it really has."""

    levels: npt.NDArray[np.float32]
    frames: int


def overlay(a: Samples, b: Samples) -> Overlay:
    """Lay two waveforms over each other; mono float32 at `RATE_HZ`, not empty.

    >>> noise = np.random.default_rng(1).normal(0, 0.1, 4_000).astype(np.float32)
    >>> found = overlay(noise, -0.5 * noise[800:])
    >>> round(found.correlation, 3), found.lag_s, round(found.gain_db, 1), found.covered > 0.75
    (-1.0, 0.1, -6.0, True)
    """
    a, b = _emphasised(a), _emphasised(b)
    n = scipy.fft.next_fast_len(len(a) + len(b) - 1, real=True)
    spectrum = scipy.fft.rfft(a, n) * np.conj(scipy.fft.rfft(b, n))
    products = scipy.fft.irfft(spectrum, n)
    lags = np.concatenate([np.arange(len(a)), np.arange(1 - len(b), 0)])
    products = np.concatenate([products[: len(a)], products[n - len(b) + 1 :]])
    lag = int(lags[np.argmax(np.abs(products))])
    shared_a = a[max(lag, 0) : lag + len(b)].astype(np.float64)
    shared_b = b[max(-lag, 0) : max(-lag, 0) + len(shared_a)].astype(np.float64)
    energy_a, energy_b = float(shared_a @ shared_a), float(shared_b @ shared_b)
    product = float(shared_a @ shared_b)
    whole_a, whole_b = _energy(a), _energy(b)
    return Overlay(
        correlation=product / max(float(np.sqrt(energy_a * energy_b)), 1e-12),
        lag_s=lag / RATE_HZ,
        gain_db=10 * float(np.log10(max(energy_b, 1e-12) / max(energy_a, 1e-12))),
        covered=min(energy_a / whole_a, energy_b / whole_b),
    )


def sketch(x: Samples) -> Sketch:
    """Draw a sound's course over time and tone, for `courses`; mono float32 at `RATE_HZ`, not empty.

    >>> sketch(np.ones(4_000, np.float32)).frames
    32
    """
    levels = _spectrum(_sounding(x))
    return Sketch(_stretched(levels), len(levels))


def courses(a: Sketch, b: Sketch) -> Course:
    """Compare two sounds' courses over time and tone.

    >>> t = np.arange(8_000) / 8_000
    >>> sweep = sketch(np.sin(2 * np.pi * (300 * t + 300 * t**2)).astype(np.float32))
    >>> courses(sweep, sweep)
    Course(correlation=1.0, semitones=0.0, speed=1.0)
    """
    most = SHIFT_SEMITONES * STEPS_A_SEMITONE
    shifts = np.arange(-most, most + 1)
    correlation = _shifted_correlations(a.levels, b.levels, shifts)
    best = np.lexsort([-np.abs(shifts), correlation])[-1]
    return Course(
        round(float(correlation[best]), 6),
        int(shifts[best]) / STEPS_A_SEMITONE,
        round(a.frames / b.frames, 3),
    )


def _emphasised(x: Samples) -> Samples:
    """Return a sound with its high tones lifted."""
    return np.concatenate([x[:1], x[1:] - np.float32(EMPHASIS) * x[:-1]])


def _energy(x: Samples) -> float:
    """Return the energy of a sound."""
    wide = x.astype(np.float64)
    return max(float(wide @ wide), 1e-12)


def _sounding(x: Samples) -> Samples:
    """Return a sound without the silence before and behind it."""
    loud = np.flatnonzero(np.abs(x) >= 10 ** (-FLOOR_DB / 20) * np.abs(x).max())
    return x[loud[0] : loud[-1] + 1] if len(loud) else x


def _spectrum(x: Samples) -> npt.NDArray[np.float32]:
    """Return levels (frames, bands) in dB above the floor, bands in steps of a part of a semitone."""
    padded = np.pad(x, (WINDOW // 2, WINDOW))
    starts = np.arange(0, max(len(x), 1), HOP)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[starts]
    spectrum = scipy.fft.rfft(frames * np.hanning(WINDOW).astype(np.float32), axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    level: npt.NDArray[np.float32] = 10 * np.log10(power @ _bands() + 1e-12)
    above: npt.NDArray[np.float32] = np.maximum(level - level.max(), -FLOOR_DB).astype(np.float32)
    return above


@cache
def _bands() -> npt.NDArray[np.float32]:
    """Return triangles (bins, bands) around log-spaced centres, none narrower than two bins."""
    n = int(12 * STEPS_A_SEMITONE * np.log2(HIGHEST_HZ / LOWEST_HZ))
    centres = LOWEST_HZ * 2 ** (np.arange(n) / (12 * STEPS_A_SEMITONE))
    bins = np.arange(WINDOW // 2 + 1) * RATE_HZ / WINDOW
    width = np.maximum(centres / (6 * STEPS_A_SEMITONE), 2 * RATE_HZ / WINDOW)
    triangles = np.maximum(0, 1 - np.abs(bins[:, None] - centres) / width)
    scaled: npt.NDArray[np.float32] = (triangles / triangles.sum(axis=0)).astype(np.float32)
    return scaled


def _stretched(X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return a spectrum stretched or pressed to `FRAMES` frames."""
    at = np.linspace(0, len(X) - 1, FRAMES)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, len(X) - 1)
    part = (at - low)[:, None].astype(np.float32)
    stretched: npt.NDArray[np.float32] = X[low] * (1 - part) + X[high] * part
    return stretched


def _shifted_correlations(
    A: npt.NDArray[np.float32], B: npt.NDArray[np.float32], shifts: npt.NDArray[np.int_]
) -> npt.NDArray[np.float64]:
    """Return the correlations of two pictures where they overlap, B so many bands higher; 0: one is flat."""
    wide_a, wide_b = A.astype(np.float64) - A.mean(), B.astype(np.float64) - B.mean()
    bands = A.shape[1]
    products = wide_a.T @ wide_b
    shared = bands - np.abs(shifts)
    first_a, first_b = np.maximum(-shifts, 0), np.maximum(shifts, 0)
    sum_a, sum_b = _between(wide_a, first_a, shared), _between(wide_b, first_b, shared)
    square_a = _between(wide_a * wide_a, first_a, shared)
    square_b = _between(wide_b * wide_b, first_b, shared)
    n = len(A) * shared
    product = np.array([np.trace(products, offset=shift) for shift in shifts]) - sum_a * sum_b / n
    spread_a, spread_b = square_a - sum_a**2 / n, square_b - sum_b**2 / n
    flat = (spread_a <= FLAT * n) | (spread_b <= FLAT * n)
    size = np.sqrt(np.where(flat, 1.0, spread_a * spread_b))
    found: npt.NDArray[np.float64] = np.where(flat, 0.0, product / size)
    return found


def _between(
    X: npt.NDArray[np.float64], first: npt.NDArray[np.int_], n: npt.NDArray[np.int_]
) -> npt.NDArray[np.float64]:
    """Return the sums over all frames of `n` bands from `first` on, for several of both."""
    sums = np.concatenate([[0.0], np.cumsum(X.sum(axis=0))])
    between: npt.NDArray[np.float64] = sums[first + n] - sums[first]
    return between
