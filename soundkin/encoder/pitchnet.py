"""The network of `tonal`: which pitches sound, whatever plays them.

It moves along frequency with one set of weights: what is a note at one pitch is one at any other.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, normalize, pad, relu

STEPS = 24
"""Bands of an octave."""
BELOW, ABOVE = 36, 84
"""Bands below and above a pitch that tell whether it sounds: what it may be an overtone of, its own."""


class PitchNet(nn.Module):
    """Relative log frames on half semitones (n, bands, frames) -> (n, dim).

    `bands`: whole octaves of 24; `width` channels. What stands above its half octave goes through
    three convolutions along frequency, frame by frame; the mean over the frames is how much each
    pitch sounds. The vector: that, and the same folded into one octave, each of length one, the
    latter times `folded`.

    Examples
    --------
    >>> net = PitchNet()
    >>> net(torch.zeros(2, 144, 12)).shape, net.dim
    (torch.Size([2, 168]), 168)
    """

    def __init__(self, bands: int = 144, width: int = 16, folded: float = 1.0) -> None:
        super().__init__()
        self.bands, self.folded, self.dim = bands, folded, bands + STEPS
        self.first = nn.Conv1d(1, width, BELOW + 1 + ABOVE)
        self.second = nn.Conv1d(width, width, 5, padding=2)
        self.last = nn.Conv1d(width, 1, 1)
        nn.init.constant_(self.last.bias, 0.05)  # type: ignore[arg-type] # there is one

    def forward(self, frames: Tensor) -> Tensor:
        """Frames (n, bands, frames), 0 for silence -> (n, dim)."""
        n = len(frames)
        rows = frames.transpose(1, 2).reshape(-1, 1, self.bands)
        heard = relu(self.first(pad(standing_out(rows), (BELOW, ABOVE))))
        salience = relu(self.last(relu(self.second(heard))))
        return profile(salience.reshape(n, -1, self.bands), self.folded)


def standing_out(rows: Tensor) -> Tensor:
    """What lies above the mean of the half octave around it: (n, 1, bands) -> same, 0 and more."""
    around = avg_pool1d(rows, STEPS + 1, stride=1, padding=STEPS // 2, count_include_pad=False)
    return relu(rows - around)


def profile(rows: Tensor, folded: float) -> Tensor:
    """Rows (n, frames, bands) -> mean over the frames, and within one octave: (n, bands + 24)."""
    mean = rows.mean(dim=1)
    octave = mean.reshape(len(mean), -1, STEPS).sum(dim=1)
    parts = [normalize(mean, dim=1, eps=1e-6), folded * normalize(octave, dim=1, eps=1e-6)]
    return torch.cat(parts, dim=1)
