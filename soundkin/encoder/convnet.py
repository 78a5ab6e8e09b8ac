"""Our small fast network: 3 x 3 convolutions, each followed by a pooling, then pooled over time.

Taking the largest before norm and ReLU gives, for scales above 0, what taking it after them gives,
and goes over a quarter of the numbers. A few rows of frequency are kept apart to the end, since
where a sound lies is part of what it is.
"""

from __future__ import annotations

import math
from copy import deepcopy
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

POOLS = ((2, 2), (2, 2), (2, 2), (2, 1))
"""Bands and frames that become one after each convolution; none after further ones."""
TILE = 32
"""Rows that a fixed first convolution takes at a time: what fits the cache."""
SOUNDING = 0.02
"""A frame of :func:`soundkin.frontend.layers.relative_log` above this is sound: -56 dB."""


class ConvNet(nn.Module):
    """(n, bands, frames) -> (n, dim); 56 MFLOP for 64 bands x 78 frames with the usual widths.

    `widths`: channels of the convolutions, four and more; `bands` of the input; `taps`: after which
    convolutions, counted from 0, or from the end by -1, mean and maximum over time of every channel
    at every row are taken (default: the last; of several each is brought to length one); `fixed`:
    the first convolution keeps the weights that it began with, which makes training a quarter
    faster; `dim`: a last linear layer to that length (default: none). Frames are expected near
    0..1 with 0 for silence.

    Examples
    --------
    >>> net = ConvNet()
    >>> net(torch.zeros(2, 64, 98)).shape, net.dim
    (torch.Size([2, 2048]), 2048)
    >>> ConvNet((8, 16, 24, 32), taps=(2, 3)).dim
    640
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (16, 32, 64, 128, 256),
        *,
        bands: int = 64,
        dim: int | None = None,
        taps: tuple[int, ...] = (),
        fixed: bool = False,
    ) -> None:
        super().__init__()
        before = [1, *widths[:-1]]
        pools = [*POOLS, *[(1, 1)] * (len(widths) - len(POOLS))]
        blocks = [_block(a, b, p) for a, b, p in zip(before, widths, pools, strict=True)]
        self.layers = nn.Sequential(*blocks)
        self.taps = sorted(tap % len(widths) for tap in taps or (-1,))
        self.fixed = fixed
        if fixed:
            self.layers[0].requires_grad_(False)
        self.strides = [math.prod(p[1] for p in pools[: k + 1]) for k in range(len(pools))]
        rows = [bands // math.prod(p[0] for p in pools[: k + 1]) for k in range(len(pools))]
        features = sum(2 * widths[k] * rows[k] for k in self.taps)
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
        heard: list[Tensor] = []
        for place, layer in enumerate(self.layers):
            x = self._unlearnt(x) if place == 0 and self.fixed and self.training else layer(x)
            if place in self.taps:
                heard.append(pool(x, valid_frames, self.strides[place]))
        joined = heard[0]
        if len(heard) > 1:
            joined = torch.cat([normalize(part, dim=1) for part in heard], dim=1)
        embedding: Tensor = self.last(joined)
        return embedding

    @torch.no_grad()
    def _unlearnt(self, x: Tensor) -> Tensor:
        """The first block without gradients; its norm goes on learning what the inputs are like."""
        conv, pooling, norm, relu = cast("nn.Sequential", self.layers[0]).children()
        pooled = torch.cat([pooling(conv(part)) for part in torch.split(x, TILE)])
        heard: Tensor = relu(norm(pooled))
        return heard


def pool(x: Tensor, valid_frames: Tensor | None, stride: int) -> Tensor:
    """Mean and maximum over time: (n, channels, rows, steps) -> (n, 2 channels rows).

    `valid_frames` (n,) in frames of the input, `stride` of them for each step.
    """
    x = x.permute(0, 2, 3, 1)  # channels last, so that a mask goes over long rows
    count = torch.full((len(x),), x.shape[2], device=x.device)
    if valid_frames is not None:
        count = ((valid_frames + (stride - 1)) // stride).clamp(1, x.shape[2])
        x = x * _before(x.shape[2], count)[:, None, :, None]
    mean = x.sum(dim=2) / count[:, None, None]
    # after ReLU nothing is below 0, so that what is left out cannot be the maximum
    both = torch.stack([mean, x.amax(dim=2)], dim=1)
    return both.transpose(2, 3).flatten(1)


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

    Where all scales are above 0 a norm after the maximum is one before it; a block with another
    scale stays as it is. Both in evaluation mode.
    """
    made = deepcopy(net).eval()
    for place, block in enumerate(net.layers):
        parts = list(block.children())
        conv, norm = cast("nn.Conv2d", parts[0]), cast("nn.BatchNorm2d", parts[2])
        if not bool((norm.weight > 0).all()):
            continue
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
