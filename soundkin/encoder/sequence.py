"""Autodecompose's encoders and decoders: one code for each frame.

An encoder maps (n, bands, frames) to (n, frames, dim); a decoder maps the two codes side by side,
(n, frames, 2 dim), back to (n, bands, frames). Six sizes: small, dense, conv, lstm, large,
very-large; `small` is ours, for a CPU, without anything published behind it.
`large` is the published one: 4.70 million parameters an encoder, 6.21 million the decoder. The
inner layers of `dense` and `conv` and those of the very large one, where every width is 1024, are
not published in full; what is here is our reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from soundkin.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Layers:
    """What lies between the frames and the last dense layer, in this order.

    `dense`: per-frame layers of that width; `conv`: convolutions over time, kernel 5, batch norm,
    ReLU; `lstm`: one-directional LSTM layers. Each is (how many, width).
    """

    dense: tuple[int, int] = (0, 0)
    conv: tuple[int, int] = (0, 0)
    lstm: tuple[int, int] = (0, 0)


ENCODERS: dict[str, Layers] = {
    "small": Layers(conv=(2, 128)),
    "dense": Layers(dense=(1, 512)),
    "conv": Layers(conv=(3, 512)),
    "lstm": Layers(lstm=(3, 256)),
    "large": Layers(conv=(3, 512), lstm=(3, 256)),
    "very-large": Layers(conv=(3, 1024), lstm=(3, 1024)),
}
DECODERS: dict[str, Layers] = {
    "small": Layers(conv=(2, 128)),
    "dense": Layers(dense=(1, 512)),
    "conv": Layers(conv=(2, 512)),
    "lstm": Layers(lstm=(2, 512)),
    "large": Layers(conv=(2, 512), lstm=(2, 512)),
    "very-large": Layers(conv=(2, 1024), lstm=(2, 1024)),
}


class FrameNet(nn.Module):
    """Layers over a sequence: (n, steps, before) -> (n, steps, after)."""

    def __init__(self, layers: Layers, before: int, after: int) -> None:
        super().__init__()
        self.dense, width = _stack(_dense, layers.dense, before)
        self.conv, width = _stack(_conv, layers.conv, width)
        n_lstm, lstm_width = layers.lstm
        self.lstm = nn.LSTM(width, lstm_width, n_lstm, batch_first=True) if n_lstm else None
        self.last = nn.Linear(lstm_width if n_lstm else width, after)

    def forward(self, steps: Tensor) -> Tensor:
        """(n, steps, before) -> (n, steps, after)."""
        # contiguous: a product over strided rows takes twice as long
        x = self.conv(self.dense(steps.contiguous()).transpose(1, 2)).transpose(1, 2)
        if self.lstm is not None:
            x, _ = self.lstm(x)
        codes: Tensor = self.last(x)
        return codes


class SequenceEncoder(nn.Module):
    """(n, bands, frames) -> (n, frames, dim); raises InputError for a size there is not.

    Examples
    --------
    >>> sum(p.numel() for p in SequenceEncoder("large").parameters())
    4704896
    """

    def __init__(self, size: str = "large", *, bands: int = 80, dim: int = 128) -> None:
        super().__init__()
        self.dim = dim
        self.net = FrameNet(_chosen(ENCODERS, size), bands, dim)

    def forward(self, frames: Tensor) -> Tensor:
        """(n, bands, frames) -> (n, frames, dim)."""
        codes: Tensor = self.net(frames.transpose(1, 2))
        return codes


class SequenceDecoder(nn.Module):
    """(n, frames, 2 dim) -> (n, bands, frames); raises InputError for a size there is not.

    Examples
    --------
    >>> sum(p.numel() for p in SequenceDecoder("large").parameters())
    6212688
    """

    def __init__(self, size: str = "large", *, bands: int = 80, dim: int = 128) -> None:
        super().__init__()
        self.net = FrameNet(_chosen(DECODERS, size), 2 * dim, bands)

    def forward(self, codes: Tensor) -> Tensor:
        """(n, frames, 2 dim) -> (n, bands, frames)."""
        frames: Tensor = self.net(codes)
        return frames.transpose(1, 2)


def _chosen(sizes: dict[str, Layers], size: str) -> Layers:
    """The layers of a size, or an error that names the sizes there are."""
    if size not in sizes:
        raise InputError(f"size {size!r}", f"one of {', '.join(sizes)}")
    return sizes[size]


def _stack(
    one: Callable[[int, int], nn.Module], how: tuple[int, int], before: int
) -> tuple[nn.Module, int]:
    """That many layers of that width, and the width they give."""
    count, width = how
    layers = [one(before if k == 0 else width, width) for k in range(count)]
    return nn.Sequential(*layers), width if count else before


def _dense(before: int, after: int) -> nn.Module:
    """One dense layer for every step."""
    return nn.Sequential(nn.Linear(before, after), nn.ReLU())


def _conv(before: int, after: int) -> nn.Module:
    """One convolution over time that keeps the number of steps."""
    return nn.Sequential(nn.Conv1d(before, after, 5, padding=2), nn.BatchNorm1d(after), nn.ReLU())
