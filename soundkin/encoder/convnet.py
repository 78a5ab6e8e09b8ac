"""Our small fast network: 3 x 3 convolutions, each followed by a pooling, then pooled over time.

Taking the largest before norm and ReLU gives, for scales above 0, what taking it after them gives,
and goes over a quarter of the numbers. A few rows of frequency are kept apart to the end, since
where a sound lies is part of what it is.
"""

from __future__ import annotations

from copy import deepcopy
from typing import cast

import torch
from torch import Tensor, nn

POOLS = ((2, 2), (2, 2), (2, 2), (2, 1))
"""Bands and frames that become one after each convolution; none after further ones."""
STRIDE = 8
"""Frames of input for each step of time that is left before pooling."""
ROWS = 16
"""Bands of input for each row that is left."""
SOUNDING = 0.02
"""A frame of :func:`soundkin.frontend.layers.relative_log` above this is sound: -56 dB."""


class ConvNet(nn.Module):
    """(n, bands, frames) -> (n, dim); 56 MFLOP for 64 bands x 78 frames with the usual widths.

    `widths`: channels of the convolutions, four and more; `bands` of the input; `dim`: a last
    linear layer to that length (default: none; mean and maximum over time of every channel at
    every row, 2 * widths[-1] * (bands // 16)). Frames are expected near 0..1 with 0 for silence.

    Examples
    --------
    >>> net = ConvNet()
    >>> net(torch.zeros(2, 64, 98)).shape, net.dim
    (torch.Size([2, 2048]), 2048)
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (16, 32, 64, 128, 256),
        *,
        bands: int = 64,
        dim: int | None = None,
    ) -> None:
        super().__init__()
        before = [1, *widths[:-1]]
        pools = [*POOLS, *[(1, 1)] * (len(widths) - len(POOLS))]
        blocks = [_block(a, b, p) for a, b, p in zip(before, widths, pools, strict=True)]
        self.layers = nn.Sequential(*blocks)
        features = 2 * widths[-1] * (bands // ROWS)
        self.dim = features if dim is None else dim
        self.last: nn.Module = nn.Identity() if dim is None else nn.Linear(features, dim)

    def forward(self, frames: Tensor, valid_frames: Tensor | None = None) -> Tensor:
        """Frames (n, bands, frames) -> embeddings (n, dim).

        `valid_frames` (n,): how many frames of each are sound (default: all); what is behind them
        is taken for silence and not pooled.
        """
        if valid_frames is not None:
            frames = frames * _before(frames.shape[2], valid_frames)[:, None]
        x = frames[:, None].contiguous(memory_format=torch.channels_last)
        embedding: Tensor = self.last(pool(self.layers(x).flatten(1, 2), valid_frames))
        return embedding


def pool(x: Tensor, valid_frames: Tensor | None) -> Tensor:
    """Mean and maximum over time: (n, channels, steps) -> (n, 2 channels).

    `valid_frames` (n,) in frames of the input, `STRIDE` of them for each step.
    """
    if valid_frames is None:
        return torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)
    steps = ((valid_frames + (STRIDE - 1)) // STRIDE).clamp(max=x.shape[2])
    inside = _before(x.shape[2], steps)[:, None]
    mean = (x * inside).sum(dim=2) / steps.clamp_min(1)[:, None]
    # after ReLU nothing is below 0, so that what is left out cannot be the maximum
    return torch.cat([mean, (x * inside).amax(dim=2)], dim=1)


def sounding_frames(frames: Tensor) -> Tensor:
    """Frames up to the last that sounds, 1 and more: relative (n, bands, frames) -> (n,) int64.

    Examples
    --------
    >>> sounding_frames(torch.tensor([[[1.0, 0.5, 0.0]], [[0.0, 0.0, 0.0]]]))
    tensor([2, 1])
    """
    places = torch.arange(1, frames.shape[2] + 1, device=frames.device)
    return ((frames.amax(dim=1) > SOUNDING) * places).amax(dim=1).clamp_min(1)


def frame_statistics(frames: Tensor, valid_frames: Tensor) -> Tensor:
    """Mean, deviation and maximum of each band over the valid frames: (n, 3 bands).

    `frames` (n, bands, frames), 0 and more; `valid_frames` (n,). What a network that looks for
    shapes forgets: the long-term spectrum.

    Examples
    --------
    >>> frame_statistics(torch.tensor([[[1.0, 3.0, 9.0]]]), torch.tensor([2]))
    tensor([[2., 1., 3.]])
    """
    inside = _before(frames.shape[2], valid_frames)[:, None]
    n, x = valid_frames.clamp_min(1)[:, None], frames * inside
    mean = x.sum(dim=2) / n
    square = ((x - mean[:, :, None]) * inside).square().sum(dim=2) / n
    return torch.cat([mean, square.clamp_min(1e-12).sqrt(), x.amax(dim=2)], dim=1)


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


@torch.no_grad()
def folded(net: ConvNet) -> ConvNet:
    """The same function with its norms inside the convolutions, for inference: a new network.

    Where all scales are above 0, as they stay in practice, a norm after the maximum is one before
    it; a network with another scale comes back as it is. Both in evaluation mode.
    """
    made = deepcopy(net).eval()
    for place, block in enumerate(net.layers):
        parts = list(block.children())
        conv, norm = cast("nn.Conv2d", parts[0]), cast("nn.BatchNorm2d", parts[2])
        if not bool((norm.weight > 0).all()):
            return deepcopy(net).eval()
        mean, variance = cast("Tensor", norm.running_mean), cast("Tensor", norm.running_var)
        scale = norm.weight / (variance + norm.eps).sqrt()
        plain = nn.Conv2d(conv.in_channels, conv.out_channels, 3, padding=1)
        plain.load_state_dict({
            "weight": conv.weight * scale[:, None, None, None],
            "bias": norm.bias - mean * scale,
        })  # fmt: skip
        made.layers[place] = nn.Sequential(plain, nn.ReLU(), deepcopy(parts[1]))
    return made


def _block(before: int, after: int, pooled: tuple[int, int]) -> nn.Module:
    """Convolution, pooling, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.MaxPool2d(pooled) if pooled != (1, 1) else nn.Identity(),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


def _before(length: int, ends: Tensor) -> Tensor:
    """1 where a place is before the row's end, else 0: (n, length) float."""
    return (torch.arange(length, device=ends.device) < ends[:, None]).float()
