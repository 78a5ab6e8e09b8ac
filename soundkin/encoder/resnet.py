"""ResNet-18 with one input channel, as the encoder of audio doppelgängers (arXiv 2406.05923).

He et al. 2016 (arXiv 1512.03385). Against the usual network: the first convolution sees one channel
and has a bias, and the last layer maps 512 to `dim`, the embedding: 11,432,960 parameters.

Weights and all between them lie channels-last, a fifteenth faster on a CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu


class ResNet18(nn.Module):
    """(n, bands, frames) -> (n, dim); 11,432,960 parameters at width 64 and dim 512.

    `width`: channels of the first stage, doubled at each of the three others; 64 in the paper.

    Examples
    --------
    >>> net = ResNet18()
    >>> sum(p.numel() for p in net.parameters())
    11432960
    """

    def __init__(self, dim: int = 512, width: int = 64) -> None:
        super().__init__()
        self.dim = dim
        self.stem = nn.Conv2d(1, width, 7, stride=2, padding=3)
        self.stem_norm = nn.BatchNorm2d(width)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        stages = zip(widths, widths[1:], (1, 2, 2, 2), strict=False)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(BasicBlock(before, after, stride), BasicBlock(after, after, 1))
                for before, after, stride in stages
            )
        )
        self.last = nn.Linear(8 * width, dim)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if width % 16 == 0:  # with four channels torch's backward pass writes where it must not
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, frames: Tensor) -> Tensor:
        """Frames (n, bands, frames) -> embeddings (n, dim)."""
        x = self.pool(relu(self.stem_norm(self.stem(frames[:, None]))))
        x = self.stages(x)
        embedding: Tensor = self.last(x.mean(dim=(2, 3)))
        return embedding


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with a shortcut: (n, before, h, w) -> (n, after, h / s, w / s)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Add what both convolutions find to the shortcut."""
        inner = self.norm2(self.conv2(relu(self.norm1(self.conv1(x)))))
        return torch.relu(inner + self.shortcut(x))
