"""A space made by hand: after which times strokes come back, whatever strikes.

Settings with ``head.kind == "beats"``. Rises of the log mel bands, summed within groups of bands, are
strokes; how alike each group is to itself a moment later, for moments evenly spaced by logarithm, is
the vector, and one number more that is always the same: what has no strokes has a direction, too. So
where in its bar a loop begins changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.space_pitch import relative_level

if TYPE_CHECKING:
    from soundkin.frontend.log_mel import Frames

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BeatHead:
    """How alike each of `groups` of bands is to itself 1 to `longest` frames later.

    `places`: distances that are kept, evenly by logarithm from `shortest` frames on; `still`: the
    number that is always the same, small beside what a beat has.
    """

    groups: int
    shortest: int
    longest: int
    places: int
    still: float

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.groups * self.places + 1

    def __call__(self, frames: Frames) -> Floats:
        """Frames of windows (n, frames, bands) -> (n, groups * places + 1)."""
        level = relative_level(frames)
        rises = np.maximum(np.diff(level, axis=1), np.float32(0))
        grouped = rises.reshape(*rises.shape[:2], self.groups, -1).sum(axis=3)
        strokes = np.ascontiguousarray(grouped.transpose(0, 2, 1))
        again = coming_back(strokes, self.longest)
        below, share = _places(self.shortest, self.longest, self.places)
        kept = again[:, :, below] * (1 - share) + again[:, :, below + 1] * share
        vectors = np.full((len(kept), self.dim), self.still, np.float32)
        vectors[:, :-1] = kept.reshape(len(kept), -1)
        return vectors


def coming_back(strokes: Floats, longest: int) -> Floats:
    """How alike rows are to themselves 1 to `longest` frames later: (n, rows, frames) -> (n, rows, longest).

    Correlations over as many frames for all distances; 0 for a row without strokes.

    Examples
    --------
    >>> x = np.tile(np.array([1, 0, 0, 0], np.float32), 6)[None, None]
    >>> coming_back(x, 4)[0, 0].astype(float).round(2).tolist()
    [-0.33, -0.33, -0.33, 1.0]
    """
    apart = strokes - strokes.mean(axis=2, keepdims=True)
    kept = strokes.shape[2] - longest
    now = apart[:, :, :kept]
    energy = np.square(now).sum(axis=2) + np.float32(1e-4)
    found = np.empty((*strokes.shape[:2], longest), np.float32)
    for lag in range(1, longest + 1):
        found[:, :, lag - 1] = (now * apart[:, :, lag : lag + kept]).sum(axis=2) / energy
    return found


def _places(shortest: int, longest: int, places: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """The distance below each place, counted from 1 frame on, and how far it is to the next."""
    at = np.geomspace(shortest, longest, places) - 1
    below = np.minimum(at.astype(np.int64), longest - 2)
    return below, (at - below).astype(np.float32)
