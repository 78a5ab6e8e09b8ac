"""A chunk of sound -> what a space embeds: frames that overlapping windows share, windows alone.

Whole windows that begin on a multiple of the hop share the frames of one lattice over the sound;
every other window is copied, silence behind its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.audio.windows import WINDOW_S, active_range
from soundkin.frontend.log_mel import mel_at, mel_windows, n_frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundkin.audio.windows import Chunk
    from soundkin.frontend.log_mel import MelSettings

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a chunk's segments become in one space, before they are embedded.

    Rows count the chunk's segments. Windows full of sound, at `full_rows` (f,), share the frames
    `mel` (m, bands), of which each takes those at `places` (f, frames). `windows`
    (w, window_samples) with `valid` (w,) samples: those that stand alone, at `rows` (w,).
    """

    mel: Floats
    places: Ints
    full_rows: Ints
    windows: Floats
    valid: Ints
    rows: Ints


def placed(
    chunk: Chunk, rate_hz: int, window: int, heard: dict[int, Floats]
) -> tuple[Floats, Ints, Ints]:
    """Sound of a chunk at a rate, and of each segment its first sample and its number (k,).

    `window`: samples at `rate_hz`, the most that a segment takes. `heard`: the chunk's samples by
    rate in Hz, kept for other spaces. Where a segment is longer or shorter than the window, see
    :func:`_ranges`.
    """
    if rate_hz not in heard:
        heard[rate_hz] = _resampled(chunk, rate_hz)
    samples = heard[rate_hz]
    starts_s, ends_s = _ranges(chunk, window / rate_hz)
    valid = np.rint((ends_s - starts_s) * rate_hz).astype(np.int64)
    valid = np.minimum(np.maximum(valid, 1), window)
    starts = np.rint((starts_s - chunk.origin_s) * rate_hz).astype(np.int64)
    return samples, np.minimum(np.maximum(starts, 0), len(samples) - valid), valid


def gathered(
    samples: Floats, starts: Ints, valid: Ints, window: int, frontend: MelSettings
) -> Gathered:
    """Windows of one stretch of sound: frames that they share where the lattice allows it.

    `starts`, `valid` (k,) samples, each within the sound and of at most `window`.

    Examples
    --------
    >>> from soundkin.frontend.log_mel import PRESETS
    >>> sound, mel = np.ones(48_000, np.float32), PRESETS["soundkin"]
    >>> starts, valid = np.array([0, mel.hop, 7]), np.full(3, 16_000)
    >>> found = gathered(sound, starts, valid, 16_000, mel)
    >>> found.full_rows, found.rows, found.windows.shape
    (array([0, 1]), array([2]), (1, 16000))
    """
    shared = (valid == window) & (starts % frontend.hop == 0)
    rows = np.flatnonzero(~shared)
    windows = np.zeros((len(rows), window), np.float32)
    for own, row in zip(windows, rows, strict=True):
        own[: valid[row]] = samples[starts[row] : starts[row] + valid[row]]
    full_rows = np.flatnonzero(shared)
    mel, places = _lattice(samples, starts[full_rows] // frontend.hop, window, frontend)
    return Gathered(mel, places, full_rows, windows, valid[rows], rows)


def joined(
    parts: Sequence[Gathered], window: int, frontend: MelSettings
) -> tuple[Floats, Ints, Ints, Ints]:
    """Frames of all windows that stand alone, then of all that share them.

    All frames (m, bands); those that each window takes (n, frames); how many of these are of its
    sound (n,); and how many make a hop (n,).
    """
    windows, lengths = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("windows", "valid")
    )
    count = n_frames(window, frontend)
    begins = np.repeat(_starts([len(p.mel) for p in parts]), [len(p.places) for p in parts])
    shared = np.concatenate([part.places for part in parts]) + begins[:, None]
    mel = [part.mel for part in parts]
    valid, per_hop = (np.full(len(shared), value) for value in (count, 1))
    if not len(windows):
        return np.concatenate(mel), shared, valid, per_hop
    alone = mel_windows(windows, lengths, frontend)
    own = np.arange(len(windows) * count).reshape(-1, count)
    return (
        np.concatenate([alone.mel.reshape(own.size, -1), *mel]),
        np.concatenate([own, shared + own.size]),
        np.concatenate([alone.valid, valid]),
        np.concatenate([alone.per_hop, per_hop]),
    )


def _lattice(
    samples: Floats, first: Ints, window: int, frontend: MelSettings
) -> tuple[Floats, Ints]:
    """Frames (m, bands) that whole windows share, and which of them each takes (k, frames).

    `first` (k,): the frame of the stretch that a window begins at.
    """
    count = n_frames(window, frontend)
    if not len(first):
        return np.empty((0, frontend.bands), np.float32), np.empty((0, count), np.int64)
    wanted = np.unique(first[:, None] + np.arange(count))
    places = np.searchsorted(wanted, first)[:, None] + np.arange(count)
    with np.errstate(invalid="ignore", over="ignore"):
        return mel_at(samples, wanted * frontend.hop, frontend), places


def _resampled(chunk: Chunk, rate_hz: int) -> Floats:
    """A chunk's samples at the space's rate; not a sample shorter than the sound."""
    if chunk.rate_hz == rate_hz:
        return chunk.samples
    from soundkin.audio.decode import resample  # noqa: PLC0415 - its codecs are slow to import

    samples = resample(chunk.samples, chunk.rate_hz, rate_hz)
    missing = -(-len(chunk.samples) * rate_hz // chunk.rate_hz) - len(samples)
    if missing <= 0:
        return samples
    return np.concatenate([samples, np.zeros(missing, np.float32)])


def _ranges(chunk: Chunk, window_s: float) -> tuple[npt.NDArray[np.float64], ...]:
    """Where a space with this window looks for each segment: start and end in seconds.

    The segment's own trimmed range; its middle when that is longer than the window; and for a
    window longer than the grid's, that much sound around the segment's centre, trimmed anew.
    """
    starts, ends = chunk.segments.start_s, chunk.segments.end_s
    if window_s < WINDOW_S:
        cut = np.maximum(0.0, ends - starts - window_s) / 2
        return starts + cut, ends - cut
    if window_s == WINDOW_S:
        return starts, ends
    ranges = [_longer(chunk, centre, window_s) for centre in chunk.segments.centre_s]
    longer = np.array(ranges, np.float64).reshape(-1, 2)
    return longer[:, 0], longer[:, 1]


def _longer(chunk: Chunk, centre_s: float, window_s: float) -> tuple[float, float]:
    """The trimmed range of a window longer than the grid's."""
    rate, origin = chunk.rate_hz, chunk.origin_s
    first = max(0, round((centre_s - window_s / 2 - origin) * rate))
    last = min(len(chunk.samples), round((centre_s + window_s / 2 - origin) * rate))
    start, end = active_range(chunk.samples[first:last], rate) or (0, last - first)
    return origin + (first + start) / rate, origin + (first + end) / rate


def _starts(sizes: Sequence[int]) -> Ints:
    """Where each of some runs begins, one after the other: (len(sizes),)."""
    ends = np.cumsum(np.array(sizes, np.int64))
    starts: Ints = ends - sizes
    return starts
