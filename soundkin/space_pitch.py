"""A space made by hand: which pitches sound in a window, whatever plays them.

Settings with ``head.kind == "pitches"``. Frames lie on half semitones; what stands above the mean of
the half octave around it is a partial, however the spectrum falls and whatever room or equaliser it
went through. The vector: the root of how much each half semitone stands out, averaged over the
window, and the same folded into one octave, each without its mean, so that closeness is correlation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from soundkin.frontend.log_mel import Frames

Floats = npt.NDArray[np.float32]

FLOOR = 1e-5
"""Share of a window's largest power that is added before the logarithm: 50 dB below."""


@dataclass(frozen=True, slots=True)
class PitchHead:
    """How much each pitch sounds, and each step of the octave.

    `bands` in all, `steps` of them an octave; `root`: the power that is taken of each, below 1 so
    that faint notes count; `folded`: weight of the octave beside the pitches.
    """

    bands: int
    steps: int
    root: float
    folded: float

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.bands + self.steps

    def __call__(self, frames: Frames) -> Floats:
        """Frames of windows (n, frames, bands) -> (n, bands + steps)."""
        level = relative_level(frames)
        mean = standing_out(level, self.steps // 2).sum(axis=1) / frames.valid[:, None]
        each = np.power(mean, np.float32(self.root), dtype=np.float32)
        octave = each.reshape(len(each), -1, self.steps).sum(axis=1)
        return np.concatenate([centred(each), np.float32(self.folded) * centred(octave)], axis=1)


def relative_level(frames: Frames) -> Floats:
    """Log frames near 1 at each window's loudest place, 0 for silence: (n, frames, bands)."""
    inside = np.arange(frames.mel.shape[1]) < frames.valid[:, None]
    mel = frames.mel * inside[:, :, None]
    loudest = np.maximum(mel.max(axis=(1, 2), keepdims=True), np.float32(1e-30))
    level: Floats = np.log(mel / loudest + np.float32(FLOOR)) / np.float32(-math.log(FLOOR)) + 1
    return level


def standing_out(level: Floats, reach: int) -> Floats:
    """What lies above the mean of the bands up to `reach` away: (..., bands) -> same, 0 and more.

    Examples
    --------
    >>> standing_out(np.array([0, 0, 3, 0, 0], np.float32), 1)
    array([0., 0., 2., 0., 0.], dtype=float32)
    """
    bands = level.shape[-1]
    sums = np.zeros((*level.shape[:-1], bands + 1), np.float32)
    np.cumsum(level, axis=-1, out=sums[..., 1:])
    place = np.arange(bands)
    first, last = np.maximum(place - reach, 0), np.minimum(place + reach + 1, bands)
    around = (sums[..., last] - sums[..., first]) / (last - first).astype(np.float32)
    found: Floats = np.maximum(level - around, np.float32(0))
    return found


def centred(x: Floats) -> Floats:
    """Rows (n, m) without their mean, brought to length one: products are then correlations.

    Examples
    --------
    >>> centred(np.array([[0, 0, 3]], np.float32)).round(3)
    array([[-0.408, -0.408,  0.816]], dtype=float32)
    """
    apart = x - x.mean(axis=1, keepdims=True)
    length = np.sqrt(np.square(apart).sum(axis=1, keepdims=True))
    found: Floats = apart / np.maximum(length, np.float32(1e-12))
    return found
