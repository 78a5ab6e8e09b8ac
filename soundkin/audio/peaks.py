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
        self._lows = np.empty(pairs * BINS_PER_PAIR, np.float32)
        self._highs = np.empty(pairs * BINS_PER_PAIR, np.float32)
        self._open_frames = 0
        self._open_low = np.inf
        self._open_high = -np.inf

    def add(self, block: Float32) -> None:
        """Take the next samples, mono float32 (n,)."""
        if not len(block):
            return
        self.frames += len(block)
        self.low = float(np.minimum(self.low, block.min()))  # unlike min(), keeps NaN in sight
        self.high = float(np.maximum(self.high, block.max()))
        while self.frames > self._width * len(self._lows):
            self._halve()
        rest = self._fill_open(block)
        n_bins = len(rest) // self._width
        self._push(rest[: n_bins * self._width], n_bins)
        self._fill_open(rest[n_bins * self._width :])

    def peaks(self) -> npt.NDArray[np.int8]:
        """Pairs (pairs, 2) of lowest and highest, 127 = full scale; what exceeds it is cut."""
        if not self.frames:
            return np.zeros((self.pairs, 2), np.int8)
        # one bin more than there is, so that a stretch may end behind the last
        lows = np.append(self._lows[: self._n], [self._open_low, np.inf]).astype(np.float32)
        highs = np.append(self._highs[: self._n], [self._open_high, -np.inf]).astype(np.float32)
        spans = _spans(self.frames, self._width, self.pairs)
        low = np.minimum.reduceat(lows, spans)[::2]
        high = np.maximum.reduceat(highs, spans)[::2]
        return _to_int8(np.stack([low, high], axis=1))

    def _fill_open(self, block: Float32) -> Float32:
        """Fill the bin that is not full yet; return what did not fit."""
        if not len(block) or (not self._open_frames and len(block) >= self._width):
            return block
        head = block[: self._width - self._open_frames]
        self._open_frames += len(head)
        self._open_low = min(self._open_low, float(head.min()))
        self._open_high = max(self._open_high, float(head.max()))
        if self._open_frames == self._width:
            self._lows[self._n], self._highs[self._n] = self._open_low, self._open_high
            self._n += 1
            self._open_frames, self._open_low, self._open_high = 0, np.inf, -np.inf
        return block[len(head) :]

    def _push(self, samples: Float32, n_bins: int) -> None:
        at = slice(self._n, self._n + n_bins)
        self._lows[at] = _fold(samples, self._width, np.minimum)
        self._highs[at] = _fold(samples, self._width, np.maximum)
        self._n += n_bins

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


def _spans(frames: int, width: int, pairs: int) -> npt.NDArray[np.int64]:
    """First and last-but-one bin of every stretch, alternating, as `reduceat` wants them."""
    borders = np.arange(pairs + 1, dtype=np.int64) * frames
    first = borders[:-1] // pairs
    last = np.maximum(-(-borders[1:] // pairs), first + 1)
    return np.stack([first // width, -(-last // width)], axis=1).ravel()


def _to_int8(values: Float32) -> npt.NDArray[np.int8]:
    scaled = np.rint(values * np.float32(FULL_SCALE))
    clipped: npt.NDArray[np.float32] = np.clip(scaled, -FULL_SCALE, FULL_SCALE)
    return clipped.astype(np.int8)
