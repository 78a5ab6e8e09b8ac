"""A bank of Morlet wavelets: filters spaced on any scale, as rows of samples, in NumPy alone.

As the Cochlea network uses it on the raw waveform; :class:`soundkin.frontend.layers.MorletFrames`
is the layer. Against the published bank each row's mean is taken out under its own Gaussian, so
that it is zero also where a wide Gaussian is cut off by the kernel's ends.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.frontend.scales import hz_to_mel, log_spaced, mel_to_hz

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def morlet_centres(
    n: int, low_hz: float, high_hz: float, scale: Literal["mel", "log", "linear"] = "mel"
) -> Doubles:
    """`n` centres in Hz from `low_hz` to `high_hz`, evenly spaced on a scale: (n,).

    Examples
    --------
    >>> morlet_centres(3, 100.0, 400.0, "log").round(6).tolist()
    [100.0, 200.0, 400.0]
    """
    if scale == "mel":
        low, high = hz_to_mel([low_hz, high_hz])
        return mel_to_hz(np.linspace(low, high, n))
    if scale == "log":
        return log_spaced(low_hz, high_hz, n)
    if scale == "linear":
        return np.linspace(low_hz, high_hz, n)
    raise InputError(f"scale {scale!r}", "'mel', 'log' or 'linear'")


def morlet_bank(
    centres_hz: npt.ArrayLike, rate_hz: float, *, kernel: int = 512, scaling: npt.ArrayLike = 0.5
) -> Floats:
    """Real parts of Morlet wavelets: (n, kernel) float32, rows of unit norm and zero mean.

    `centres_hz` (n,) above 0 and below `rate_hz` / 2; `scaling`: one number or (n,), above 0: the
    Gaussian's deviation is kernel / (4 pi scaling) samples, so that a larger one is shorter in time
    and wider in frequency. A row's spectrum peaks within 1 % of its centre when the kernel holds
    four and more periods. Raises InputError for centres or scalings out of range.

    Examples
    --------
    >>> bank = morlet_bank([200.0, 1000.0], 11_025)
    >>> bank.shape, bool(np.allclose(np.linalg.norm(bank, axis=1), 1))
    ((2, 512), True)
    """
    centres = np.asarray(centres_hz, np.float64).reshape(-1, 1)
    s = np.broadcast_to(np.asarray(scaling, np.float64), centres.shape[0]).reshape(-1, 1)
    if not ((centres > 0) & (centres < rate_hz / 2)).all():
        found = f"centres from {centres.min():g} to {centres.max():g} Hz"
        raise InputError(found, f"above 0 and below {rate_hz / 2:g} Hz, half the rate")
    if not (s > 0).all():
        raise InputError(f"a scaling of {s.min():g}", "above 0, for instance 0.1 to 1")
    x = (np.arange(kernel) - (kernel - 1) / 2) * (4 * np.pi / kernel) * s
    w = centres / (s * 2 * rate_hz / kernel)
    gauss = np.exp(-(x**2) / 2)
    wave = np.cos(w * x)
    mean = (gauss * wave).sum(axis=1, keepdims=True) / gauss.sum(axis=1, keepdims=True)
    rows = gauss * (wave - mean)
    bank: Floats = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return bank


def cochlea_bank(n: int = 128, *, rate_hz: int = 11_025, kernel: int = 512) -> Floats:
    """Cochlea's bank: mel-spaced, scaling rising from 0.1 to 1.0 with the centre: (n, kernel).

    The lowest and highest centre, 80 and 5300 Hz, are ours: not published.

    Examples
    --------
    >>> cochlea_bank().shape
    (128, 512)
    """
    centres = morlet_centres(n, 80.0, 5300.0)
    return morlet_bank(centres, rate_hz, kernel=kernel, scaling=np.linspace(0.1, 1.0, n))


def a_weighting(frequency_hz: npt.ArrayLike) -> Doubles:
    """How loud the ear hears each frequency, as a factor of amplitude, 1 at 1 kHz (IEC 61672).

    Examples
    --------
    >>> a_weighting([100.0, 1000.0, 10000.0]).round(3).tolist()
    [0.11, 1.0, 0.751]
    """
    f2 = np.asarray(frequency_hz, np.float64) ** 2
    gain = 12194.217**2 * f2**2 / (f2 + 20.598997**2)
    gain /= np.sqrt((f2 + 107.65265**2) * (f2 + 737.86223**2)) * (f2 + 12194.217**2)
    weighted: Doubles = gain * 10 ** (2.0 / 20)
    return weighted


def bank_responses(bank: Floats, rate_hz: float, *, n_fft: int = 8192) -> tuple[Doubles, Doubles]:
    """What to draw of a bank: frequencies (n_fft // 2 + 1,) in Hz and magnitudes (n, those).

    Examples
    --------
    >>> frequency, magnitude = bank_responses(morlet_bank([1000.0], 11_025), 11_025)
    >>> bool(abs(frequency[magnitude[0].argmax()] - 1000) < 10)
    True
    """
    magnitude = np.abs(np.fft.rfft(bank, n_fft, axis=1)).astype(np.float64)
    frequency = (np.arange(n_fft // 2 + 1) * (rate_hz / n_fft)).astype(np.float64)
    return frequency, magnitude
