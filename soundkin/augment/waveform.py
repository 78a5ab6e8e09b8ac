"""Waveforms (n, samples) -> waveforms of the same shape: loudness, noise, colour, room, place.

A row whose strength is 0 comes back unchanged to the last bit.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from soundkin.errors import InputError

Strength = float | Tensor


def gain(x: Tensor, db: Strength) -> Tensor:
    """Louder by `db`: (n, samples) -> same; 0 is the identity.

    Examples
    --------
    >>> gain(torch.ones(1, 2), -20.0)
    tensor([[0.1000, 0.1000]])
    """
    db = per_row(db, x)
    return keep(x, x * 10 ** (db / 20)[:, None], db == 0)


def add_noise(
    x: Tensor,
    snr_db: Strength,
    *,
    colour: Literal["white", "pink"] = "white",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Add noise at that ratio of the row's energy to the noise's: (n, samples) -> same.

    `snr_db`: infinity is strength 0, the identity. Pink noise falls by 3 dB an octave. Each row has
    its own noise; silence stays silent.

    Examples
    --------
    >>> x = torch.ones(1, 4)
    >>> add_noise(x, float("inf")).equal(x)
    True
    """
    snr = per_row(snr_db, x)
    noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
    if colour == "pink":
        spectrum = torch.fft.rfft(noise)
        bins = torch.arange(spectrum.shape[1], device=x.device, dtype=x.dtype)
        noise = torch.fft.irfft(spectrum / bins.clamp_min(1).sqrt(), x.shape[1])
    elif colour != "white":
        raise InputError(f"noise of colour {colour!r}", "'white' or 'pink'")
    return mix(x, noise, 10 ** (-snr / 10))


def mix(x: Tensor, other: Tensor, energy_ratio: Strength) -> Tensor:
    """Add `other` with that share of the row's energy: (n, samples) -> same; 0 is the identity.

    Jansen et al. add the negative at 0.25 of the anchor's energy. A silent `other` adds nothing.

    Examples
    --------
    >>> mix(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 7.0]]), 0.25).round(decimals=4)
    tensor([[2., 1.]])
    """
    ratio = per_row(energy_ratio, x)
    energy, other_energy = x.square().sum(dim=1), other.square().sum(dim=1)
    scale = (ratio * energy / other_energy.clamp_min(1e-20)).sqrt()
    return keep(x, x + other * scale[:, None], ratio == 0)


def equalise(x: Tensor, gains_db: Tensor, *, rate_hz: float, low_hz: float = 60.0) -> Tensor:
    """Turn the knobs of an equaliser: (n, samples) -> same.

    `gains_db` (n, knobs), two and more knobs, spaced evenly in octaves from `low_hz` to half the
    rate, with straight lines in dB between them; zero phase. All knobs at 0 are the identity.

    Examples
    --------
    >>> x = torch.randn(2, 100)
    >>> equalise(x, torch.zeros(2, 5), rate_hz=16_000).equal(x)
    True
    """
    if gains_db.ndim != 2 or gains_db.shape[1] < 2:
        raise InputError(f"gains of shape {tuple(gains_db.shape)}", "(n, 2 knobs and more)")
    spectrum, frequency = _spectrum(x, rate_hz)
    octave = torch.log(frequency.clamp_min(low_hz) / low_hz)
    place = octave / octave[-1] * (gains_db.shape[1] - 1)
    below = place.long().clamp(max=gains_db.shape[1] - 2)
    share = place - below
    weights = torch.zeros(gains_db.shape[1], len(place), dtype=share.dtype, device=x.device)
    weights.scatter_(0, below[None], 1 - share[None]).scatter_(0, below[None] + 1, share[None])
    gain = torch.exp((gains_db * (math.log(10) / 20)) @ weights)
    return keep(x, _sound(spectrum * gain, x), (gains_db == 0).all(dim=1))


def band_limit(
    x: Tensor,
    *,
    rate_hz: float,
    high_pass_hz: Strength = 0.0,
    low_pass_hz: Strength = float("inf"),
    order: int = 2,
) -> Tensor:
    """High-pass and low-pass with Butterworth magnitudes and zero phase: (n, samples) -> same.

    3 dB down at the corner, 6 * `order` dB an octave behind it. 0 and infinity are the identity.

    Examples
    --------
    >>> x = torch.randn(2, 100)
    >>> band_limit(x, rate_hz=16_000).equal(x)
    True
    """
    high, low = per_row(high_pass_hz, x), per_row(low_pass_hz, x)
    spectrum, frequency = _spectrum(x, rate_hz)
    power = 2 * order
    above = (high[:, None] / frequency.clamp_min(1e-3)) ** power
    below = (frequency / low[:, None]) ** power
    magnitude = ((1 + above) * (1 + below)).rsqrt()
    return keep(x, _sound(spectrum * magnitude, x), (high == 0) & low.isinf())


def reverb(x: Tensor, impulse: Tensor, wet: Strength = 1.0) -> Tensor:
    """Sound in a room: (n, samples) -> same length, the tail cut.

    `impulse` (n or 1, m): impulse responses; `wet`: 0 (the identity) to 1 (the room alone). The
    wet sound has the dry one's energy.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 0.0, 0.0]])
    >>> reverb(x, torch.tensor([[0.0, 1.0]])).round(decimals=4).abs()
    tensor([[0., 1., 0.]])
    """
    from scipy.fft import next_fast_len  # noqa: PLC0415 - 0.3 s to import

    share = per_row(wet, x)
    length = next_fast_len(x.shape[1] + impulse.shape[1] - 1, real=True)
    product = torch.fft.rfft(x, length) * torch.fft.rfft(impulse, length)
    tail = torch.fft.irfft(product, length)[:, : x.shape[1]]
    energy = x.square().sum(dim=1) / tail.square().sum(dim=1).clamp_min(1e-20)
    tail = tail * energy.sqrt()[:, None]
    return keep(x, x + (tail - x) * share[:, None], share == 0)


def room(
    n: int,
    reverberation_s: Strength,
    *,
    rate_hz: int,
    length_s: float = 0.5,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Impulse responses of made-up rooms: (n, length_s * rate_hz), the direct sound at 1.

    Noise that falls by 60 dB in `reverberation_s` (one number or (n,), above 0), at a fifth of the
    direct sound's level where it begins.

    Examples
    --------
    >>> room(2, 0.3, rate_hz=16_000).shape
    torch.Size([2, 8000])
    """
    samples = round(length_s * rate_hz)
    noise = torch.randn(n, samples, generator=generator, device=device)
    seconds = torch.arange(samples, device=device) / rate_hz
    decays = per_row(reverberation_s, noise)[:, None]
    impulse: Tensor = 0.2 * noise * torch.pow(10.0, -3 * seconds / decays)
    impulse[:, 0] = 1
    return impulse


def circular_shift(x: Tensor, samples: int | Tensor) -> Tensor:
    """Turn each row by that many samples, later when above 0: (n, samples) -> same.

    Examples
    --------
    >>> circular_shift(torch.tensor([[1.0, 2.0, 3.0]]), 1)
    tensor([[3., 1., 2.]])
    """
    shift = torch.as_tensor(samples, device=x.device, dtype=torch.long).expand(len(x))
    place = torch.arange(x.shape[1], device=x.device) - shift[:, None]
    return x.gather(1, place % x.shape[1])


def nearby_starts(
    starts: Tensor,
    lengths: Tensor,
    *,
    window: int,
    within: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Where else in the same recording to look: (n,) int64 starts of windows near `starts`.

    `starts`, `lengths` (n,) int64: a window's first sample and its recording's samples; the answer
    lies within `within` samples of `starts`, evenly drawn, and the window inside the recording. 0
    is the identity. A recording shorter than the window has start 0.

    Examples
    --------
    >>> nearby_starts(torch.tensor([5]), torch.tensor([100]), window=10, within=0)
    tensor([5])
    """
    last = (lengths - window).clamp_min(0)
    low = (starts - within).clamp_min(0).minimum(last)
    high = (starts + within).minimum(last)
    drawn = torch.rand(len(starts), generator=generator, device=starts.device)
    return low + (drawn * (high - low + 1)).long().minimum(high - low)


def per_row(strength: Strength, x: Tensor) -> Tensor:
    """A strength as one number for each row of `x`: (n,), of its type and device."""
    value = torch.as_tensor(strength, device=x.device, dtype=x.dtype)
    if value.ndim > 1 or (value.ndim == 1 and len(value) != len(x)):
        raise InputError(f"a strength of shape {tuple(value.shape)}", f"a number or ({len(x)},)")
    return value.expand(len(x))


def keep(x: Tensor, changed: Tensor, off: Tensor) -> Tensor:
    """`changed`, but the very values of `x` in the rows that are off (n,) bool."""
    return torch.where(off[:, None], x, changed)


def _spectrum(x: Tensor, rate_hz: float) -> tuple[Tensor, Tensor]:
    """Spectrum of twice the length, so that nothing wraps around, and its frequencies in Hz."""
    spectrum = torch.fft.rfft(x, 2 * x.shape[1])
    bins = torch.arange(spectrum.shape[1], device=x.device, dtype=x.dtype)
    return spectrum, bins * (rate_hz / (2 * x.shape[1]))


def _sound(spectrum: Tensor, x: Tensor) -> Tensor:
    """Back from :func:`_spectrum`."""
    sound: Tensor = torch.fft.irfft(spectrum, 2 * x.shape[1])
    return sound[:, : x.shape[1]]
