"""Our small fast network: strided 3 x 3 convolutions, pooled over frequency, then over time.

Chosen by speed on a CPU: for one FLOP, plain strided convolutions run about twice as fast as
depthwise-separable ones, and striding costs a quarter of convolving first and pooling after
(figures in docs/recipes.md).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

STRIDE = 16
"""Frames of input for each step of time that is left before pooling."""


class ConvNet(nn.Module):
    """(n, bands, frames) -> (n, dim); 81 MFLOP for 64 bands x 98 frames with the usual widths.

    `widths`: channels of the four strided convolutions; `deep`: further convolutions at the last
    size; `dim`: a last linear layer to that length (default: none, twice the last width: mean and
    maximum over time). Frames are expected near 0..1 with 0 for silence.

    Examples
    --------
    >>> net = ConvNet()
    >>> net(torch.zeros(2, 64, 98)).shape, net.dim
    (torch.Size([2, 512]), 512)
    """

    def __init__(
        self,
        widths: tuple[int, int, int, int] = (32, 64, 128, 256),
        *,
        deep: int = 1,
        dim: int | None = None,
    ) -> None:
        super().__init__()
        before = [1, *widths[:-1]]
        layers = [_block(a, b, stride=2) for a, b in zip(before, widths, strict=True)]
        layers += [_block(widths[-1], widths[-1], stride=1) for _ in range(deep)]
        self.layers = nn.Sequential(*layers)
        features = 2 * widths[-1]
        self.dim = features if dim is None else dim
        self.last: nn.Module = nn.Identity() if dim is None else nn.Linear(features, dim)

    def forward(self, frames: Tensor, valid_frames: Tensor | None = None) -> Tensor:
        """Frames (n, bands, frames) -> embeddings (n, dim).

        `valid_frames` (n,): how many frames of each are sound (default: all); what is behind them
        is taken for silence and not pooled.
        """
        if valid_frames is not None:
            frames = frames * _before(frames.shape[2], valid_frames)[:, None]
        x = self.layers(frames[:, None]).mean(dim=2)
        embedding: Tensor = self.last(pool(x, valid_frames))
        return embedding


def pool(x: Tensor, valid_frames: Tensor | None) -> Tensor:
    """Mean and maximum over time: (n, channels, steps) -> (n, 2 channels).

    `valid_frames` (n,) in frames of the input, `STRIDE` of them for each step.
    """
    if valid_frames is None:
        return torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)
    steps = (valid_frames + (STRIDE - 1)) // STRIDE
    inside = _before(x.shape[2], steps)[:, None]
    mean = (x * inside).sum(dim=2) / steps.clamp_min(1)[:, None]
    # after ReLU nothing is below 0, so that what is left out cannot be the maximum
    return torch.cat([mean, (x * inside).amax(dim=2)], dim=1)


def projection_head(dim: int, projected: int = 128, *, hidden: int = 512) -> nn.Module:
    """Two layers between an embedding and the loss, thrown away after training.

    (n, dim) -> (n, projected).

    Examples
    --------
    >>> projection_head(512)(torch.zeros(2, 512)).shape
    torch.Size([2, 128])
    """
    return nn.Sequential(
        nn.Linear(dim, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, projected),
    )


def _block(before: int, after: int, *, stride: int) -> nn.Module:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


def _before(length: int, ends: Tensor) -> Tensor:
    """1 where a place is before the row's end, else 0: (n, length) float."""
    return (torch.arange(length, device=ends.device) < ends[:, None]).float()
