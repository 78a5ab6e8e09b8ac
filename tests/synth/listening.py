"""What the tests of the synthesizer hear with: a log-mel picture and its distance."""

from __future__ import annotations

import numpy as np
import torch

RATE = 16_000


def log_mel(x: torch.Tensor) -> torch.Tensor:
    """(n, 16000) -> (n, 64, frames): 25 ms Hann, hop 10 ms, 64 triangles 125-7500 Hz, ln(m + 0.01)."""
    spectrum = torch.stft(
        x, 512, hop_length=160, win_length=400, window=torch.hann_window(400), return_complex=True
    ).abs()
    mels = np.linspace(1127 * np.log1p(125 / 700), 1127 * np.log1p(7500 / 700), 66)
    bins = 1127 * np.log1p(np.arange(257) * RATE / 512 / 700)
    rising = (bins - mels[:-2, None]) / (mels[1:-1] - mels[:-2])[:, None]
    falling = (mels[2:, None] - bins) / (mels[2:] - mels[1:-1])[:, None]
    bank = torch.from_numpy(np.maximum(0, np.minimum(rising, falling))).float()
    return torch.log(bank @ spectrum + 0.01)


def log_mel_distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of the pictures of (n, 16000) sounds: (n,)."""
    return (log_mel(a) - log_mel(b)).abs().mean((1, 2))
