"""Pairs of made-up drumming: one pattern at one tempo, struck on other things.

A pattern is a bar of 16 or 12 steps, repeated; three voices (low, middle, high) strike at some of
them, more often where the beat is. What each voice sounds like, where in the bar the window begins,
how exact the player is and what hums behind it are drawn for each view.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor

Random = np.random.Generator
Floats = npt.NDArray[np.float32]

SLOWEST_BPM, FASTEST_BPM = 60.0, 180.0
RANGES = ((34.0, 66.0), (52.0, 92.0), (76.0, 112.0))
"""MIDI pitches around which the voices sound."""
STROKE_S = 0.25
PER_LEVEL = {16: (0.75, 0.3, 0.4, 0.3), 12: (0.75, 0.25, 0.35)}
"""How often a voice strikes on the steps of a beat, by the steps of a bar."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A bar: strokes as `step_beats` (k,) from its start, `voice` (k,), `level` (k,); `bpm`."""

    step_beats: npt.NDArray[np.float64]
    voice: npt.NDArray[np.int64]
    level: npt.NDArray[np.float64]
    bpm: float


def beat_pairs(
    n: int, *, rate_hz: int, samples: int, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Both views of n pairs: (n, samples) each, peak at 1; the same pattern, other sounds.

    Examples
    --------
    >>> g = torch.Generator().manual_seed(0)
    >>> a, b = beat_pairs(2, rate_hz=8000, samples=32_000, generator=g)
    >>> a.shape == b.shape == (2, 32_000)
    True
    """
    rng = np.random.default_rng(int(torch.randint(1 << 62, (1,), generator=generator)))
    patterns = [draw_pattern(rng) for _ in range(n)]
    views = [strike(patterns, rng, rate_hz=rate_hz, samples=samples) for _ in range(2)]
    return torch.from_numpy(views[0]), torch.from_numpy(views[1])


def draw_pattern(rng: Random) -> Pattern:
    """A bar of four beats; every voice may be silent, the whole is not."""
    steps = 12 if rng.random() < 0.2 else 16
    often = np.tile(PER_LEVEL[steps], 4) * rng.uniform(0.4, 1.2, (3, 1))
    hits = rng.random((3, steps)) < often
    hits[rng.integers(3), [0, rng.integers(1, steps)]] = True
    voice, step = np.nonzero(hits)
    beats = 4.0 * step / steps
    swing = max(0.0, rng.uniform(-0.2, 0.17)) if steps == 16 else 0.0
    beats = beats + swing * (step % 4 == 2) if steps == 16 else beats
    bpm = float(np.exp(rng.uniform(np.log(SLOWEST_BPM), np.log(FASTEST_BPM))))
    return Pattern(beats, voice, rng.uniform(0.35, 1.0, len(step)), bpm)


def strike(patterns: list[Pattern], rng: Random, *, rate_hz: int, samples: int) -> Floats:
    """Sound of n patterns, each on sounds of its own: (n, samples), peak at 1."""
    strokes = draw_strokes(len(patterns), rng, rate_hz=rate_hz)
    out = np.zeros((len(patterns), samples), np.float32)
    for place, (pattern, own) in enumerate(zip(patterns, strokes, strict=True)):
        lay(out[place], pattern, own, rng, rate_hz=rate_hz)
        out[place] += hum(samples, rng, rate_hz=rate_hz) * np.abs(out[place]).max()
    out /= np.maximum(np.abs(out).max(axis=1, keepdims=True), np.float32(1e-9))
    return out


def lay(row: Floats, pattern: Pattern, strokes: Floats, rng: Random, *, rate_hz: int) -> None:
    """Add a pattern's strokes (3, m) to a row, from anywhere in the bar on, as exact as a player."""
    beat_s = 60 / (pattern.bpm * rng.uniform(0.99, 1.01))
    bar_s, length_s = 4 * beat_s, len(row) / rate_hz
    loud = 10 ** (rng.uniform(-9, 0, 3) / 20)
    first = -rng.uniform(0, bar_s)
    loose_s, uneven = rng.uniform(0, 0.008), rng.uniform(0, 0.2)
    for bar in range(math.ceil((length_s - first) / bar_s)):
        times = first + bar * bar_s + pattern.step_beats * beat_s
        times += loose_s * rng.standard_normal(len(times))
        levels = loud[pattern.voice] * pattern.level * rng.uniform(1 - uneven, 1, len(times))
        for at, voice, level in zip(
            (times * rate_hz).astype(int), pattern.voice, levels, strict=True
        ):
            if 0 <= at < len(row):
                part = row[at : at + strokes.shape[1]]
                part += np.float32(level) * strokes[voice, : len(part)]


def draw_strokes(n: int, rng: Random, *, rate_hz: int) -> Floats:
    """One stroke of each voice for n rows: (n, 3, samples), peak at 1; noise, tone or both."""
    m = round(STROKE_S * rate_hz)
    seconds = np.arange(m) / rate_hz
    low, high = (np.array(RANGES)[:, side] for side in (0, 1))
    midi = low + (high - low) * rng.random((n, 3))
    hz = 440 * np.exp2((midi - 69) / 12)[:, :, None]
    spectrum = np.fft.rfft(rng.standard_normal((n, 3, m)))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(m, 1 / rate_hz), 1.0) / hz)
    wide = rng.uniform(0.3, 1.5, (n, 3, 1))
    noise = np.fft.irfft(spectrum * np.exp(-0.5 * np.square(octaves / wide)), m)
    bend = rng.uniform(0, 1.5, (n, 3, 1)) * (rng.random((n, 3, 1)) < 0.4)
    fallen = seconds + bend * 0.03 * (1 - np.exp(-seconds / 0.03))
    tone = np.sin(2 * np.pi * np.minimum(hz, 0.4 * rate_hz) * fallen)
    noise /= np.abs(noise).max(axis=2, keepdims=True)
    share = rng.uniform(-0.5, 1.5, (n, 3, 1)).clip(0, 1)
    decay = np.exp2(rng.uniform(-7, -3.2, (n, 3, 1)))
    attack = np.exp2(rng.uniform(-10, -7, (n, 3, 1)))
    shape = np.minimum(1, seconds / attack) * np.exp(-seconds / decay)
    strokes = (share * tone + (1 - share) * noise) * shape
    found: Floats = (strokes / np.abs(strokes).max(axis=2, keepdims=True)).astype(np.float32)
    return found


def hum(samples: int, rng: Random, *, rate_hz: int) -> Floats:
    """What goes on behind: hiss, and often a few held tones: (samples,), well below 1."""
    sound = 10 ** (rng.uniform(-80, -35) / 20) * rng.standard_normal(samples, np.float32)
    if rng.random() < 0.5:
        level = 10 ** (rng.uniform(-40, -10) / 20)
        seconds = np.arange(samples, dtype=np.float32) / np.float32(rate_hz)
        for hz in 440 * np.exp2((rng.uniform(36, 84, 3) - 69) / 12):
            sound += np.float32(level / 3) * np.sin(np.float32(2 * np.pi * hz) * seconds)
    found: Floats = sound.astype(np.float32)
    return found
