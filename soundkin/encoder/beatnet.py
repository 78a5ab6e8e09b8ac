"""The network of `rhythm`: it hears after which times strokes come back.

Where the window begins in the bar changes nothing, since only distances between strokes are heard.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

LAGS = 100
"""Longest distance in frames."""
SHORTEST = 6
PLACES = 64
"""Distances that are heard, evenly by logarithm."""


class BeatNet(nn.Module):
    """Relative log frames (n, bands, frames) -> (n, dim); a frame every 20 ms.

    Rises of the bands are mixed into `channels`; how alike each is to itself 1 to 100 frames later,
    brought to a logarithmic scale of distances, goes through two convolutions and one linear layer.

    Examples
    --------
    >>> BeatNet()(torch.rand(2, 24, 299)).shape
    torch.Size([2, 128])
    """

    frontend_places: Tensor
    frontend_scale: Tensor

    def __init__(
        self,
        bands: int = 24,
        frames: int = 299,
        *,
        channels: int = 6,
        width: int = 32,
        dim: int = 128,
    ) -> None:
        super().__init__()
        self.dim, self.kept = dim, frames - 1 - LAGS
        self.mix = nn.Conv1d(bands, channels, 3, padding=1)
        self.first = nn.Conv1d(channels, width, 7, padding=3)
        self.second = nn.Conv1d(width, width, 7, padding=3, stride=2)
        self.last = nn.Linear(width * PLACES // 2, dim)
        places = torch.arange(1, LAGS + 1)[:, None] + torch.arange(self.kept)
        self.register_buffer("frontend_places", places, persistent=False)
        self.register_buffer("frontend_scale", distances(), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames (n, bands, frames), 0 for silence -> (n, dim)."""
        rises = relu(frames[:, :, 1:] - frames[:, :, :-1])
        strokes = relu(self.mix(rises))
        come_back = self.again(strokes) @ self.frontend_scale
        heard = relu(self.second(relu(self.first(come_back))))
        embedding: Tensor = self.last(heard.flatten(1))
        return embedding

    def again(self, strokes: Tensor) -> Tensor:
        """How alike each row is to itself some frames later: (n, channels, frames) -> (..., LAGS)."""
        centred = strokes - strokes.mean(dim=2, keepdim=True)
        now = centred[:, :, : self.kept]
        energy = now.square().sum(dim=2, keepdim=True) + 1e-4
        if self.training:  # the same, four times as fast, but not in a graph
            return _correlated(now, centred)[:, :, 1 : LAGS + 1] / energy
        later = centred[:, :, self.frontend_places]
        return (later @ now[:, :, :, None])[:, :, :, 0] / energy


def _correlated(now: Tensor, later: Tensor) -> Tensor:
    """Products of rows with what comes 0, 1, ... frames later: (..., m), (..., n) -> (..., n)."""
    size = now.shape[-1] + later.shape[-1]
    spectrum = torch.fft.rfft(later, size) * torch.fft.rfft(now, size).conj()
    return torch.fft.irfft(spectrum, size)[..., : later.shape[-1]]


def distances() -> Tensor:
    """Straight lines between distances 1 to 100 -> 64 of them from 6 on, evenly by logarithm: (100, 64)."""
    wanted = torch.exp(torch.linspace(0, 1, PLACES) * torch.log(torch.tensor(LAGS / SHORTEST)))
    place = (SHORTEST * wanted - 1).clamp(0, LAGS - 1)
    below = place.long().clamp(max=LAGS - 2)
    matrix = torch.zeros(LAGS, PLACES)
    columns = torch.arange(PLACES)
    matrix[below, columns] = 1 - (place - below)
    matrix[below + 1, columns] = place - below
    return matrix
