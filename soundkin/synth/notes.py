"""Pairs of made-up music: one instrument, other notes.

A sound is one to four notes, some of them a chord, of an instrument whose partials, formant, attack
and decay are drawn, over hiss. One period of each note is made from its partials and read over and
over, bright at first, dull later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import interpolate

if TYPE_CHECKING:
    from torch import Generator, Tensor

NOTES = 4
"""Most notes of a sound."""
LOWEST, HIGHEST = 33, 96
"""MIDI pitches that notes have."""
PARTIALS = 32
PERIOD = 4096
"""Samples of a period as it is stored."""
VIBRATO_HZ = 5.5
CONTROL = 16
"""Samples between two values of an envelope."""
CHORDS = ((0, 4, 7, 12), (0, 3, 7, 12), (0, 4, 7, 10), (0, 3, 7, 10), (0, 5, 7, 12), (0, 12, 7, 19))
"""Intervals in semitones above a root, for half of the sounds; the others are any notes."""
COUNTS = (0.3, 0.2, 0.3, 0.2)
"""How often one, two, three and four notes."""


@dataclass(frozen=True, slots=True)
class Score:
    """`pitch` (n, NOTES) in semitones, whole; `on` (n, NOTES): which notes there are."""

    pitch: Tensor
    on: Tensor


@dataclass(frozen=True, slots=True)
class Instruments:
    """One instrument a row, (n,) or (n, PARTIALS): levels in dB, times in seconds.

    `partials`: level of each; `formant_hz`, `formant_db`: what is lifted at any pitch; `dulling` in
    dB an octave, reached after `decay_s`; `sustain`: the share that stays; `detune` in cents.
    """

    partials: Tensor
    formant_hz: Tensor
    formant_db: Tensor
    dulling: Tensor
    attack_s: Tensor
    decay_s: Tensor
    sustain: Tensor
    detune: Tensor
    vibrato: Tensor

    def of(self, rows: Tensor) -> Instruments:
        """The instruments of some rows."""
        return Instruments(*(getattr(self, name)[rows] for name in Instruments.__slots__))


def instrument_pairs(
    n: int, *, rate_hz: int, samples: int, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Both views of n pairs: one instrument plays other notes, over hiss; (n, samples) each, peak at 1.

    Examples
    --------
    >>> g = torch.Generator().manual_seed(0)
    >>> a, b = instrument_pairs(2, rate_hz=8000, samples=8000, generator=g)
    >>> a.shape == b.shape == (2, 8000)
    True
    """
    instruments, views = draw_instruments(n, generator), []
    for _ in range(2):
        sound = play(draw_score(n, generator), instruments, rate_hz, samples, generator)
        level = 10 ** (_between(n, -80.0, -25.0, generator) / 20)
        sound = sound + level[:, None] * torch.randn(n, samples, generator=generator)
        views.append(sound / sound.abs().amax(dim=1, keepdim=True).clamp_min(1e-9))
    return views[0], views[1]


def draw_score(n: int, generator: Generator) -> Score:
    """Notes of n sounds."""
    root = torch.randint(36, 85, (n, 1), generator=generator)
    kinds = torch.tensor(CHORDS)[torch.randint(len(CHORDS), (n,), generator=generator)]
    order = torch.rand(n, NOTES, generator=generator).argsort(dim=1)
    octave = 12 * torch.randint(-1, 2, (n, NOTES), generator=generator)
    chord = root + kinds.gather(1, order) + octave
    anything = torch.randint(36, 90, (n, NOTES), generator=generator)
    pitch = torch.where(torch.rand(n, 1, generator=generator) < 0.5, chord, anything)
    pitch = pitch + 12 * (pitch < LOWEST) - 12 * (pitch > HIGHEST)
    shares = torch.tensor(COUNTS).cumsum(0)
    count = 1 + (torch.rand(n, 1, generator=generator) > shares).sum(dim=1, keepdim=True)
    return Score(pitch.clamp(LOWEST, HIGHEST), torch.arange(NOTES) < count.clamp(max=NOTES))


def draw_instruments(n: int, generator: Generator) -> Instruments:
    """Instruments of n sounds."""
    octave = torch.log2(torch.arange(1, PARTIALS + 1).float())
    slope = _between(n, -18.0, -1.0, generator)[:, None]
    level = slope * octave + 5 * torch.randn(n, PARTIALS, generator=generator)
    hollow = torch.rand(n, 1, generator=generator) < 0.2
    level = level - 24 * (hollow & (torch.arange(PARTIALS) % 2 == 1))
    often = torch.rand(n, 2, generator=generator)
    return Instruments(
        partials=level,
        formant_hz=torch.exp2(_between(n, 7.5, 11.7, generator)),
        formant_db=_between(n, -4.0, 20.0, generator),
        dulling=_between(n, -12.0, 0.0, generator),
        attack_s=torch.exp2(_between(n, -9.0, -2.5, generator)),
        decay_s=torch.exp2(_between(n, -4.0, 1.5, generator)),
        sustain=_between(n, -0.5, 1.0, generator).clamp_min(0),
        detune=_between(n, 0.0, 15.0, generator) * (often[:, 0] < 0.4),
        vibrato=_between(n, 0.0, 0.35, generator) * (often[:, 1] < 0.3),
    )


def play(
    score: Score, instruments: Instruments, rate_hz: int, samples: int, generator: Generator
) -> Tensor:
    """Sound of n scores, each on an instrument of its own: (n, samples)."""
    rows, _ = torch.nonzero(score.on, as_tuple=True)
    m, n = len(rows), len(score.on)
    by = instruments.of(rows)
    tuning = _between(n, -0.2, 0.2, generator)[rows]
    hz = 440 * torch.exp2((score.pitch[score.on] + tuning - 69) / 12)
    starts = _between(m, -0.8, 0.5, generator).clamp_min(0) * samples / rate_hz
    held = torch.exp2(_between(m, -2.5, 1.0, generator))
    level = 10 ** (_between(m, -10.0, 0.0, generator) / 20)
    coarse = torch.linspace(0, samples - 1, samples // CONTROL + 1) / rate_hz - starts[:, None]
    fresh = torch.exp(-coarse.clamp_min(0) / by.decay_s[:, None])
    loud = level[:, None] * _envelope(coarse, fresh, by, held)
    shape = torch.stack([loud * fresh, loud * (1 - fresh)])
    bright, dull = interpolate(shape, samples, mode="linear", align_corners=True)
    since = torch.arange(samples) / rate_hz - starts[:, None]
    sound = _periods(hz, by, rate_hz, since, (bright, dull), generator)
    wide = torch.nonzero(by.detune > 0)[:, 0]
    if len(wide):
        part, levels = by.of(wide), (bright[wide], dull[wide])
        higher = hz[wide] * torch.exp2(part.detune / 1200)
        sound[wide] += _periods(higher, part, rate_hz, since[wide], levels, generator)
    return torch.zeros(n, samples).index_add_(0, rows, sound)


def _envelope(since: Tensor, fresh: Tensor, by: Instruments, held: Tensor) -> Tensor:
    """Rise, fall to what stays, and a release of 50 ms: (m, times)."""
    rise = (since / by.attack_s[:, None]).clamp(0, 1)
    stays = by.sustain[:, None]
    over = (since - held[:, None]).clamp_min(0)
    return rise * (stays + (1 - stays) * fresh) * torch.exp(-over / 0.05)


def _periods(
    hz: Tensor,
    by: Instruments,
    rate_hz: int,
    since: Tensor,
    levels: tuple[Tensor, Tensor],
    generator: Generator,
) -> Tensor:
    """Each note's period, read at its pitch, a bright and a dull one at their levels: (m, samples)."""
    number = torch.arange(1, PARTIALS + 1)
    partial_hz = hz[:, None] * number
    away = torch.log2(partial_hz / by.formant_hz[:, None]) / 0.5
    level = by.partials + by.formant_db[:, None] * torch.exp(-0.5 * away.square())
    bright = 10 ** (level / 20) * (partial_hz < 0.46 * rate_hz)
    dull = bright * 10 ** (by.dulling[:, None] * torch.log2(number.float()) / 20)
    turn = torch.exp(2j * math.pi * torch.rand(PARTIALS, generator=generator))
    loud = bright.square().sum(dim=1, keepdim=True).sqrt().clamp_min(1e-9)
    tables = []
    for part in (bright, dull):
        spectrum = torch.zeros(len(hz), PERIOD // 2 + 1, dtype=torch.complex64)
        spectrum[:, 1 : PARTIALS + 1] = part / loud * turn
        tables.append(torch.fft.irfft(spectrum, PERIOD) * PERIOD)
    turns = hz[:, None] * since
    shaken = torch.nonzero(by.vibrato > 0)[:, 0]
    if len(shaken):
        bent = (by.vibrato * hz)[shaken, None] * (math.log(2) / 12 / (2 * math.pi * VIBRATO_HZ))
        turns[shaken] += bent * torch.sin(2 * math.pi * VIBRATO_HZ * since[shaken])
    place = (turns * PERIOD).long() & (PERIOD - 1)
    bright_part, dull_part = (table.gather(1, place) for table in tables)
    sound: Tensor = levels[0] * bright_part + levels[1] * dull_part
    return sound


def _between(n: int, low: float, high: float, generator: Generator) -> Tensor:
    """Evenly between two bounds: (n,)."""
    return low + (high - low) * torch.rand(n, generator=generator)
