"""The Cochlea network: four convolutions over a Morlet picture, loudest place, unit vector.

Published: 128 channels, kernels of 13 x 3, 2 x 2 max pooling, leaky ReLU 0.2, global maximum, a
linear layer to 128, unit norm. That 13 lies along the bands and 3 along time is our reading. Its
front-end, :class:`soundkin.frontend.layers.MorletFrames`, gives 128 bands from the raw waveform.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from torch import nn
from torch.nn.functional import leaky_relu, max_pool2d, normalize

if TYPE_CHECKING:
    from torch import Tensor


class CochleaNet(nn.Module):
    """(n, bands, frames) -> unit vectors (n, dim); 16 bands and 16 frames are the least.

    `width`: channels of every convolution, 128 as published.

    Examples
    --------
    >>> import torch
    >>> CochleaNet(width=8)(torch.rand(2, 128, 32)).norm(dim=1).round(decimals=5).tolist()
    [1.0, 1.0]
    """

    def __init__(self, dim: int = 128, width: int = 128) -> None:
        super().__init__()
        self.dim = dim
        channels = [1, *[width] * 4]
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, (13, 3), padding=(6, 1))
            for before, after in itertools.pairwise(channels)
        )
        self.last = nn.Linear(width, dim)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames (n, bands, frames) -> unit vectors (n, dim)."""
        x = frames[:, None]
        for conv in self.convs:
            x = leaky_relu(max_pool2d(conv(x), 2), 0.2)
        return normalize(self.last(x.amax(dim=(2, 3))), dim=1)
