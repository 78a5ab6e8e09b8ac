"""The outline of a sound for drawing: its lowest and highest sample in each of 800 equal stretches.

The length need not be known beforehand: extremes are kept in bins whose width doubles whenever they
run out, so memory stays the same for a second and for a day.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FULL_SCALE = 127
BINS_PER_PAIR = 16
ROWS_FROM = 64  # from this width on, one minimum over rows is faster than folding halves

Float32 = npt.NDArray[np.float32]


class PeakMeter:
    """Lowest and highest samples of a mono sound that comes in blocks, in constant memory.

    The borders of a stretch are met to 1/8 of its width on either side, and to the sample in sounds
    of up to 16 samples a pair. The outcome does not depend on how the sound is cut into blocks.

    Examples
    --------
    >>> meter = PeakMeter(pairs=2)
    >>> meter.add(np.array([0.0, 1.0, -1.0, 0.5], np.float32))
    >>> meter.peaks().tolist()
    [[0, 127], [-127, 64]]
    """

    def __init__(self, pairs: int = 800) -> None:
        self.pairs = pairs
        self.frames = 0
        self.low = np.inf
        self.high = -np.inf
        self._width = 1
        self._n = 0
        self._most = pairs * BINS_PER_PAIR
        self._lows = np.empty(self._most + 1, np.float32)  # the last is for the one that is open
        self._highs = np.empty(self._most + 1, np.float32)
        self._open_frames = 0
        self._open_low = np.inf
        self._open_high = -np.inf

    def add(self, block: Float32) -> None:
        """Take the next samples, mono float32 (n,)."""
        if not len(block):
            return
        self.frames += len(block)
        while self.frames > self._width * self._most:
            self._halve()
        rest = self._fill_open(block)
        n_bins = len(rest) // self._width
        self._push(rest[: n_bins * self._width], n_bins)
        self._fill_open(rest[n_bins * self._width :])

    def peaks(self) -> npt.NDArray[np.int8]:
        """Pairs (pairs, 2) of lowest and highest, 127 = full scale; what exceeds it is cut."""
        if not self.frames:
            return np.zeros((self.pairs, 2), np.int8)
        n = self._n + 1
        self._lows[self._n], self._highs[self._n] = self._open_low, self._open_high
        bins = _bins(self.frames, self._width, self.pairs)
        pairs = np.empty((self.pairs, 2), np.float32)
        self._lows[:n].take(bins).min(axis=0, out=pairs[:, 0])
        self._highs[:n].take(bins).max(axis=0, out=pairs[:, 1])
        return _to_int8(pairs)

    def _fill_open(self, block: Float32) -> Float32:
        """Fill the bin that is not full yet; return what did not fit."""
        if not len(block) or (not self._open_frames and len(block) >= self._width):
            return block
        head = block[: self._width - self._open_frames]
        self._open_frames += len(head)
        low, high = head.min(), head.max()
        self._see(low, high)
        self._open_low = min(self._open_low, float(low))
        self._open_high = max(self._open_high, float(high))
        if self._open_frames == self._width:
            self._lows[self._n], self._highs[self._n] = self._open_low, self._open_high
            self._n += 1
            self._open_frames, self._open_low, self._open_high = 0, np.inf, -np.inf
        return block[len(head) :]

    def _push(self, samples: Float32, n_bins: int) -> None:
        if not n_bins:
            return
        at = slice(self._n, self._n + n_bins)
        self._lows[at] = _fold(samples, self._width, np.minimum)
        self._highs[at] = _fold(samples, self._width, np.maximum)
        self._see(self._lows[at].min(), self._highs[at].max())
        self._n += n_bins

    def _see(self, low: np.float32, high: np.float32) -> None:
        """Widen the whole sound's range; unlike min() and max(), keeps NaN in sight."""
        self.low = float(np.minimum(self.low, low))
        self.high = float(np.maximum(self.high, high))

    def _halve(self) -> None:
        """Join neighbouring bins, so that each is twice as wide; an odd last one opens again."""
        if self._n % 2:
            self._n -= 1
            self._open_frames += self._width
            self._open_low = min(self._open_low, float(self._lows[self._n]))
            self._open_high = max(self._open_high, float(self._highs[self._n]))
        half = self._n // 2
        self._lows[:half] = _fold(self._lows[: self._n], 2, np.minimum)
        self._highs[:half] = _fold(self._highs[: self._n], 2, np.maximum)
        self._n, self._width = half, self._width * 2


def _fold(samples: Float32, width: int, extreme: np.ufunc) -> Float32:
    """The extreme of each run of `width` (a power of two) samples."""
    if width >= ROWS_FROM:
        folded: Float32 = extreme.reduce(samples.reshape(-1, width), axis=1)
        return folded
    while width > 1:
        samples = extreme(samples[0::2], samples[1::2])
        width //= 2
    return samples


def _bins(frames: int, width: int, pairs: int) -> npt.NDArray[np.int64]:
    """The bins of every stretch (most, pairs); the last of a short one repeated."""
    border, rest = np.divmod(np.arange(pairs + 1, dtype=np.int64) * frames, pairs)
    last = np.maximum(border[1:] + (rest[1:] > 0), border[:-1] + 1) - 1
    first = border[:-1] >> (width.bit_length() - 1)  # a width is a power of two
    last >>= width.bit_length() - 1
    most = int((last - first).max()) + 1
    bins: npt.NDArray[np.int64] = np.minimum(first + np.arange(most)[:, None], last)
    return bins


def _to_int8(values: Float32) -> npt.NDArray[np.int8]:
    scaled: Float32 = np.rint(values * np.float32(FULL_SCALE))
    np.minimum(scaled, FULL_SCALE, out=scaled)
    np.maximum(scaled, -FULL_SCALE, out=scaled)
    return scaled.astype(np.int8)
