"""Blocks of sound -> overlapping windows on one common grid, each trimmed of silence.

Every space shares this grid: windows of one second, centred every half second (0.5 s, 1.0 s, ...),
numbered by `seq` from 0. A sound of a second or less has one window. When ten milliseconds or more
are left over behind the last whole window, one more window ends where the sound ends.

Silence is never compared. Levels are measured over 10 ms (RMS, dB re full scale), and what is near
reaches from five seconds before a window to one second behind it.

A window is silent - counted and left out - when its loudest block lies below -70 dB, or below both
-55 dB and 20 dB under the loudest block near it: what hisses behind a drum is silence; alone, the
same hiss is a quiet recording.

The other windows are trimmed to run from their first to their last sounding block, the ends refined
to the sample. A block is sound when it reaches all of

- 40 dB below the loudest block of its window, and 45 dB below the loudest block near it,
- 3 dB above the noise floor: the loudest block of the quietest half second near the window, if that
  lies 20 dB under the loudest block near it, and the window rises 12 dB above that,
- -85 dB.

Sound passes in chunks of a minute with context on both sides. Chunks begin at whole seconds, so
that each can be resampled by itself without a shift, and their borders change no segment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from soundkin.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GRID_S = 0.5
"""Seconds between the centres of two windows."""
WINDOW_S = 1.0
"""Length of a window in seconds."""
CHUNK_S = 60
"""Whole seconds of sound that one chunk answers for."""
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1_000, 768_000
SHORTEST_REST_S = 0.01
"""The least sound behind the last whole window that makes one more window."""

QUIET_DB = -70.0
"""A window is silent when its loudest block lies below this level,"""
SILENCE_DB = -55.0
"""or below this level and"""
CONTRAST_DB = -20.0
"""this far below the loudest block near it."""
RELATIVE_DB = -40.0
"""A block is sound from this far below the loudest block of its window on, ..."""
NEAR_DB = -45.0
"""... from this far below the loudest block near the window on ..."""
MARGIN_DB, ABOVE_DB = 3.0, 12.0
"""... from this far above the noise floor on, in a window that rises this far above that ..."""
FAINT_DB = -85.0
"""... and from this level on."""
REFINE_DB = 9.0
"""A sample this far above the threshold (as RMS) is the first or the last of the sound."""

_BLOCKS, _HALF = 100, 50  # level blocks in a window, in half a window
_FINE, _STEPS = 500, 5  # steps in a second, in 10 ms, of the level that runs over one window
_BEFORE, _AFTER = 10, 2  # half seconds remembered before a window, and looked at behind it
_NONE = -1.0  # in place of a half second that is not there
_NOTHING = np.zeros(3)
_NO_SAMPLES = np.empty(0, np.float32)

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Row = tuple[int, float, float, float, float]  # seq, start_s, end_s, centre_s, mean square


@dataclass(frozen=True, slots=True)
class Segments:
    """Windows that hold sound, one row each, in the order of `seq`.

    `seq` (n,) int32: number on the grid; `start_s`, `end_s` (n,) float64: trimmed range in seconds
    of the sound; `centre_s` (n,) float64: middle of the window before trimming; `energy_db` (n,)
    float32: RMS of the trimmed range, dB re full scale.
    """

    seq: npt.NDArray[np.int32]
    start_s: Doubles
    end_s: Doubles
    centre_s: Doubles
    energy_db: Floats

    def __len__(self) -> int:
        return len(self.seq)


@dataclass(frozen=True, slots=True)
class Chunk:
    """About a minute of one sound with its context, and the segments that it answers for.

    `samples` (n,) float32: mono at `rate_hz`; `origin_s`: time of ``samples[0]``, whole seconds;
    `end_s`: time behind the last sample; `n_silent`: windows left out because they are silent.
    """

    samples: Floats
    rate_hz: int
    origin_s: float
    end_s: float
    segments: Segments
    n_silent: int


def chunks(
    blocks: Iterable[Floats], rate_hz: int, *, margin_s: float = 1.0, chunk_s: int = CHUNK_S
) -> Iterator[Chunk]:
    """Cut a stream of mono blocks into chunks; the size of the blocks changes nothing.

    `blocks`: any number of (frames,) float32 in [-1, 1]; `rate_hz`: 1,000 to 768,000; `margin_s`:
    context kept on both sides of a chunk, rounded up to whole seconds, at least one; `chunk_s`:
    whole seconds that a chunk answers for. A stream without a sample gives no chunk.
    Raises InputError for another rate and for blocks that are not mono.

    Examples
    --------
    >>> tone = np.sin(np.arange(40_000, dtype=np.float32) / 5)
    >>> [chunk] = chunks([tone[:7], tone[7:]], 16_000)
    >>> chunk.segments.start_s.tolist(), chunk.segments.end_s.tolist()
    ([0.0, 0.5, 1.0, 1.5], [1.0, 1.5, 2.0, 2.5])
    """
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise InputError(
            f"a sampling rate of {rate_hz} Hz", "1,000 to 768,000 Hz", "resample first"
        )
    margin = max(1, math.ceil(margin_s))
    memory = np.full(_BEFORE, _NONE)
    for samples, begin, last in _spans(blocks, rate_hz, chunk_s, margin):
        origin = max(0, begin - margin)
        power = block_power(samples, rate_hz)
        halves = np.concatenate([memory, _half_maxima(power), np.full(_AFTER, _NONE)])
        n_whole = max(0, 2 * len(samples) // rate_hz - 1) + 2 * origin
        grid = range(2 * begin, n_whole if last else 2 * (begin + chunk_s))
        rows, n_silent = _grid_rows(samples, rate_hz, origin, grid, power=power, halves=halves)
        if last and _has_rest(len(samples), rate_hz):
            near = _near(halves[-_AFTER - _BEFORE - 2 :])
            row = _rest_row(samples, rate_hz, origin, n_whole, near)
            rows, n_silent = ([*rows, row], n_silent) if row else (rows, n_silent + 1)
        end_s = origin + len(samples) / rate_hz
        yield Chunk(samples, rate_hz, float(origin), end_s, _as_segments(rows), n_silent)
        passed = 2 * (max(0, begin + chunk_s - margin) - origin)
        memory = halves[passed : passed + _BEFORE]


def active_range(
    samples: Floats, rate_hz: int, near: Doubles | None = None
) -> tuple[int, int] | None:
    """First sample of the sound in a window and the one behind its last; None for silence.

    `samples` (n,) float32 with n of 1 and more; `near` (3,): what the sound around the window asks
    of it, as mean squares: of its loudest block, of any block, and the noise floor. A window of a
    second and more that sounds from its first 10 ms to its last is kept whole.

    Examples
    --------
    >>> knock = np.zeros(8000, np.float32)
    >>> knock[4001:4400] = 0.5
    >>> active_range(knock, 16_000)
    (4001, 4400)
    >>> active_range(knock * 0, 16_000) is None
    True
    """
    step = block_power(samples, rate_hz, _FINE)
    n_steps = min(len(step), _STEPS)
    power = np.convolve(step, np.full(n_steps, 1 / n_steps), "valid")
    threshold, sounds = _threshold(power.max(), _NOTHING if near is None else near)
    if not sounds:
        return None
    sounding = np.flatnonzero(power >= threshold)
    first, last = int(sounding[0]), int(sounding[-1])
    if len(samples) >= rate_hz and first == 0 and last == len(power) - 1:
        return 0, len(samples)
    first += int(np.argmax(step[first:] >= threshold))
    last += int(np.flatnonzero(step[last : last + n_steps] >= threshold)[-1])
    loud = math.sqrt(threshold * _ratio(REFINE_DB))

    def peaks(begin: int, end: int) -> npt.NDArray[np.int64]:
        """Samples that stand out in some steps."""
        at = _edge(max(begin, 0), rate_hz, _FINE)
        return at + np.flatnonzero(np.abs(samples[at : _edge(end, rate_hz, _FINE)]) >= loud)

    onset, release = peaks(first - 1, first + 1), peaks(last, last + 2)
    start = int(onset[0]) if len(onset) else _edge(first, rate_hz, _FINE)
    end = int(release[-1]) + 1 if len(release) else _edge(last + 1, rate_hz, _FINE)
    return start, min(end, len(samples))


def block_power(samples: Floats, rate_hz: int, per_second: int = 100) -> Doubles:
    """Mean square of each 10 ms (or another part of a second) of `samples` (n,), float64.

    Block k begins at sample round(k * rate_hz / per_second), so that as many of them are a second
    at any rate; the last one may be shorter.

    Examples
    --------
    >>> block_power(np.full(250, 0.5, np.float32), 11_025)
    array([0.25, 0.25, 0.25])
    """
    n = len(samples)
    n_blocks = -(-(per_second * n - per_second // 2) // rate_hz)
    edges = (np.arange(n_blocks + 1) * rate_hz + per_second // 2) // per_second
    edges[-1] = n
    sums = np.empty(n_blocks)
    if rate_hz % per_second:
        sums[:] = np.add.reduceat(np.square(samples), edges[:-1])
    else:
        size = rate_hz // per_second
        whole = n // size
        body = samples[: whole * size].reshape(-1, size)
        sums[:whole] = np.einsum("ij,ij->i", body, body)
        sums[whole:] = np.square(samples[whole * size :]).sum(dtype=np.float64)
    return sums / (edges[1:] - edges[:-1])


def _edge(block: int, rate_hz: int, per_second: int) -> int:
    """First sample of a block."""
    return (block * rate_hz + per_second // 2) // per_second


def _half_maxima(power: Doubles) -> Doubles:
    """Loudest block of every half second, the last one perhaps shorter."""
    return np.maximum.reduceat(power, np.arange(0, len(power), _HALF))


def _ratio(level_db: float) -> float:
    """Mean square of a level."""
    return math.pow(10, level_db / 10)


def _near(halves: Doubles) -> Doubles:
    """`near` of :func:`active_range` from the half seconds near windows: (..., n) -> (3, ...)."""
    around = halves.max(axis=-1)
    quietest = np.where(halves == _NONE, np.inf, halves).min(axis=-1)
    quiet = np.minimum(around * _ratio(CONTRAST_DB), _ratio(SILENCE_DB))
    floor = np.where(quietest <= around * _ratio(CONTRAST_DB), quietest * _ratio(MARGIN_DB), 0.0)
    return np.array([quiet, around * _ratio(NEAR_DB), floor])


def _threshold(loudest: Doubles, near: Doubles) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """Mean square from which a block is sound, and whether a window holds any, by its loudest."""
    quiet, least, floor = near
    threshold = np.maximum(np.maximum(loudest * _ratio(RELATIVE_DB), least), _ratio(FAINT_DB))
    above = np.where(loudest >= floor * _ratio(ABOVE_DB), np.maximum(threshold, floor), threshold)
    return above, loudest >= np.maximum(np.maximum(above, quiet), _ratio(QUIET_DB))


def _spans(
    blocks: Iterable[Floats], rate_hz: int, chunk_s: int, margin: int
) -> Iterator[tuple[Floats, int, bool]]:
    """Gather blocks into stretches: samples with context, second they answer from, whether last."""
    begin = filled = 0
    blocks = map(_demand_mono, blocks)
    head = next(blocks, _NO_SAMPLES)
    room = (chunk_s + 1 + margin) * rate_hz
    if len(head) <= room:
        head = head.copy()  # it may be written over when the next is asked for
        second = next(blocks, None)
        if second is None:
            if len(head):
                yield head, 0, True
            return
        blocks = chain([head, second], blocks)
    else:
        blocks = chain([head], blocks)
    buffer = np.empty(room, np.float32)
    for block in blocks:
        taken = 0
        while taken < len(block):
            if filled == len(buffer):
                yield buffer, begin, False
                origin, begin = max(0, begin - margin), begin + chunk_s
                kept = buffer[(max(0, begin - margin) - origin) * rate_hz :]
                n_seconds = begin - max(0, begin - margin) + chunk_s + 1 + margin
                buffer = np.empty(n_seconds * rate_hz, np.float32)
                filled = len(kept)
                buffer[:filled] = kept
            n = min(len(block) - taken, len(buffer) - filled)
            buffer[filled : filled + n] = block[taken : taken + n]
            filled, taken = filled + n, taken + n
    if filled:
        yield buffer[:filled], begin, True


def _demand_mono(block: Floats) -> Floats:
    """Refuse a block with channels."""
    if block.ndim != 1:
        raise InputError(f"a block of shape {block.shape}", "(frames,)", "mix to mono first")
    return block


def _grid_rows(
    samples: Floats, rate_hz: int, origin: int, grid: range, *, power: Doubles, halves: Doubles
) -> tuple[list[Row], int]:
    """Rows of those whole windows of `grid` that sound, and how many do not."""
    if not len(grid):
        return [], 0
    local = np.arange(grid.start, grid.stop) - 2 * origin
    levels = sliding_window_view(power, _BLOCKS)[::_HALF][local]
    near = _near(sliding_window_view(halves, _BEFORE + 2 + _AFTER)[local])
    loudest = levels.max(axis=1)
    threshold, sounds = _threshold(loudest, near)
    whole = (levels[:, 0] >= threshold) & (levels[:, -1] >= threshold)
    energy = levels.mean(axis=1)
    rows: list[Row | None] = []
    for n in np.flatnonzero(sounds):
        seq = grid[n]
        if whole[n]:
            start_s = seq * GRID_S
            rows.append((seq, start_s, start_s + WINDOW_S, start_s + GRID_S, float(energy[n])))
        else:
            begin = (int(local[n]) * rate_hz + 1) // 2
            window = samples[begin : begin + rate_hz]
            rows.append(_row(window, rate_hz, near[:, n], seq=seq, start_s=seq * GRID_S))
    kept = [row for row in rows if row is not None]
    return kept, len(grid) - len(kept)


def _has_rest(n_samples: int, rate_hz: int) -> bool:
    """Whether 10 ms and more are left over behind the last whole window, or there is none."""
    n_halves = 2 * n_samples // rate_hz
    rest = n_samples - (rate_hz * n_halves + 1) // 2
    return n_halves < 2 or rest >= SHORTEST_REST_S * rate_hz


def _rest_row(samples: Floats, rate_hz: int, origin: int, seq: int, near: Doubles) -> Row | None:
    """Row of the window that ends with the sound, or that is the whole sound."""
    begin = max(0, len(samples) - rate_hz)
    start_s = (origin * rate_hz + begin) / rate_hz
    return _row(samples[begin:], rate_hz, near, seq=seq, start_s=start_s)


def _row(window: Floats, rate_hz: int, near: Doubles, *, seq: int, start_s: float) -> Row | None:
    """Trim one window that begins at `start_s`; None when it is silent."""
    found = active_range(window, rate_hz, near)
    if found is None:
        return None
    first, end = found
    energy = float(np.mean(np.square(window[first:end]), dtype=np.float64))
    centre_s = start_s + len(window) / rate_hz / 2
    return seq, start_s + first / rate_hz, start_s + end / rate_hz, centre_s, energy


def _as_segments(rows: list[Row]) -> Segments:
    """Rows -> columns."""
    seq, start_s, end_s, centre_s, energy = zip(*rows, strict=True) if rows else ((),) * 5
    return Segments(
        np.array(seq, np.int32),
        np.array(start_s, np.float64),
        np.array(end_s, np.float64),
        np.array(centre_s, np.float64),
        (10 * np.log10(np.maximum(np.array(energy, np.float64), 1e-20))).astype(np.float32),
    )
