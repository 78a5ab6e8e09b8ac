"""The front-ends as PyTorch layers: (n, samples) -> (n, bands, frames), frozen or learnable.

The mel layers equal :func:`soundkin.frontend.log_mel.mel_at` on the same samples: to 2e-6 of the
loudest mel value, and so to 1e-4 after compression within 50 dB of it; below that the rounding of
float32 spectra shows in both. A test holds them together. Gradients pass through to the samples.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, conv1d, pad, relu

from soundkin.errors import InputError
from soundkin.frontend.log_mel import PRESETS, MelSettings, mel_matrix
from soundkin.frontend.morlet import a_weighting, cochlea_bank, morlet_centres

SOUNDKIN = PRESETS.get("soundkin", MelSettings(low_hz=40.0, high_hz=8000.0))
"""Our own settings; without compression: :func:`relative_log` follows."""
COARSE = replace(SOUNDKIN, hop=250)
"""A frame every 15.6 ms instead of 12.5, 32 to half a second: a fifth less to compute."""
NOTES = MelSettings(
    rate_hz=8000, win=2048, hop=500, n_fft=2048, bands=144, low_hz=53.434, high_hz=3520.0,
    scale="semitones",
)  # fmt: skip
"""Six octaves from A1 on in half semitones; frames long enough to tell them apart."""
BEATS = MelSettings(
    rate_hz=8000, win=320, hop=160, n_fft=512, bands=24, low_hz=40.0, high_hz=4000.0
)
"""A frame every 20 ms, for windows of seconds."""
LAYER_PRESETS: dict[str, MelSettings] = {
    **PRESETS,
    "soundkin": SOUNDKIN,
    "soundkin-coarse": COARSE,
    "soundkin-notes": NOTES,
    "soundkin-beats": BEATS,
}
FLOOR = 1e-5
"""Share of a window's largest mel power that is added before the logarithm: 50 dB below."""


class MelFrames(nn.Module):
    """Mel frames of whole windows: (n, samples) -> (n, bands, frames).

    `settings`: a preset's name or :class:`MelSettings`; `relative`: end in :func:`relative_log`;
    `learnable`: the triangles are parameters and no longer constants. Frames lie wholly inside the
    samples. Raises InputError for an unknown preset and for sound shorter than a frame.

    Examples
    --------
    >>> MelFrames("vggish")(torch.zeros(2, 16_000)).shape
    torch.Size([2, 64, 98])
    """

    window: Tensor
    matrix: Tensor

    def __init__(
        self,
        settings: str | MelSettings = "soundkin",
        *,
        relative: bool = False,
        learnable: bool = False,
    ) -> None:
        super().__init__()
        if isinstance(settings, str):
            if settings not in LAYER_PRESETS:
                names = ", ".join(LAYER_PRESETS)
                raise InputError(f"front-end {settings!r}", f"one of {names}")
            settings = LAYER_PRESETS[settings]
        self.settings = settings
        self.relative = relative
        window = torch.hann_window(settings.win, periodic=True, dtype=torch.float64).float()
        self.register_buffer("window", window, persistent=False)
        matrix = torch.from_numpy(mel_matrix(settings).copy())
        if learnable:
            self.matrix = nn.Parameter(matrix)
        else:
            self.register_buffer("matrix", matrix, persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        """Samples (n, samples) float32 at the settings' rate -> frames (n, bands, frames)."""
        how = self.settings
        if samples.shape[1] < how.win:
            raise InputError(f"{samples.shape[1]} samples", f"{how.win} and more", "pad the sound")
        frames = samples.unfold(1, how.win, how.hop) * self.window
        spectrum = torch.fft.rfft(frames, how.n_fft)
        power = (
            spectrum.abs() if how.power == 1 else spectrum.real.square() + spectrum.imag.square()
        )
        mel = compress(power @ self.matrix, how.compression).transpose(1, 2)
        return relative_log(mel) if self.relative else mel


class MorletFrames(nn.Module):
    """Cochlea's front-end: (n, samples) -> (n, bands, frames), from the raw waveform.

    Filter, ReLU, the ear's weighting, 20 log10(1 + x), mean over `pool` outputs. `bands` filters of
    `kernel` samples; the filters move by `hop` samples, a frame is `hop * pool`; `learnable`: the
    filters are parameters. Hop and pooling are ours: not published.

    Examples
    --------
    >>> MorletFrames()(torch.zeros(1, 8192)).shape
    torch.Size([1, 128, 32])
    """

    bank: Tensor
    gain: Tensor

    def __init__(
        self,
        bands: int = 128,
        *,
        rate_hz: int = 11_025,
        kernel: int = 512,
        hop: int = 8,
        pool: int = 32,
        learnable: bool = False,
    ) -> None:
        super().__init__()
        self.hop, self.pool, self.kernel = hop, pool, kernel
        bank = torch.from_numpy(cochlea_bank(bands, rate_hz=rate_hz, kernel=kernel))
        if learnable:
            self.bank = nn.Parameter(bank)
        else:
            self.register_buffer("bank", bank, persistent=False)
        gain = torch.from_numpy(a_weighting(morlet_centres(bands, 80.0, 5300.0))).float()
        self.register_buffer("gain", gain, persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        """Samples (n, samples) -> frames (n, bands, samples // (hop * pool))."""
        sides = (self.kernel // 2, self.kernel // 2)
        padded = pad(samples[:, None], sides)
        loud = relu(conv1d(padded, self.bank[:, None], stride=self.hop)) * self.gain[:, None]
        return avg_pool1d(20 / math.log(10) * torch.log1p(loud), self.pool)


def relative_log(mel: Tensor, *, floor: float = FLOOR) -> Tensor:
    """Mel power without loudness: near 1 at each window's loudest place, 0 for silence.

    `mel` (n, bands, frames) power, 0 and more -> same shape: ln(mel / loudest + floor) scaled so
    that `floor` is 0. A gain on the sound changes nothing; what lies far below the loudest place
    fades into 0.

    Examples
    --------
    >>> relative_log(torch.tensor([[[0.0, 4.0]]])).round(decimals=4)
    tensor([[[0., 1.]]])
    """
    loudest = mel.amax(dim=(1, 2), keepdim=True).clamp_min(1e-30)
    return 1 + torch.log(mel / loudest + floor) / -math.log(floor)


def centred(frames: Tensor, valid_frames: Tensor) -> Tensor:
    """Every band without its mean over the frames that are sound: same shape, 0 behind them.

    `frames` (n, bands, frames), `valid_frames` (n,). What a microphone, or a throat, does to all of
    a window alike goes with it.

    Examples
    --------
    >>> centred(torch.tensor([[[1.0, 3.0, 9.0]]]), torch.tensor([2]))
    tensor([[[-1.,  1.,  0.]]])
    """
    inside = (torch.arange(frames.shape[2], device=frames.device) < valid_frames[:, None])[:, None]
    mean = (frames * inside).sum(dim=2, keepdim=True) / valid_frames.clamp_min(1)[:, None, None]
    return (frames - mean) * inside


def compress(mel: Tensor, compression: str) -> Tensor:
    """Mel values through a preset's compression, as :class:`MelSettings` writes them.

    Examples
    --------
    >>> compress(torch.tensor([0.0, 1.0]), "db")
    tensor([0.0000, 0.5000])
    """
    if compression == "none":
        return mel
    if compression == "ln":
        return torch.log(mel + 0.01)
    if compression == "log10":
        return torch.log10(10_000 * mel + 1)
    if compression == "db":
        return (10 * torch.log10(mel.clamp_min(1e-10)) + 100) / 200
    raise InputError(f"compression {compression!r}", "none, ln, log10 or db")
