"""Pitch without duration, and duration without pitch: a phase vocoder with locked phases.

For each frame of output two frames of input are read, one synthesis hop apart, so that a bin's
phase advance is known without unwrapping. Only spectral peaks carry their phase on; every other bin
turns with its nearest peak (identity phase locking, Laroche and Dolson 1999), which keeps partials
whole. Rows may differ in strength; those of strength 0 come back unchanged.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import fold, max_pool1d, pad

from soundkin.augment.waveform import Strength, keep, per_row
from soundkin.errors import InputError

OVERLAP = 4
"""Synthesis hops in a frame."""
OVERSAMPLE = 4
"""How finely a waveform is drawn before cubic curves are laid through it."""
SMALLEST, LARGEST = 0.2, 5.0


@torch.no_grad()
def pitch_shift(x: Tensor, semitones: Strength, *, n_fft: int = 1024) -> Tensor:
    """Higher by `semitones` at the same length: (n, samples) -> same; 0 is the identity.

    `semitones`: one number or (n,), -24 to 24; `n_fft`: samples of a frame, 64 ms at 16 kHz. A tone
    lands within 5 cents. Raises InputError for a shift out of range.

    Examples
    --------
    >>> x = torch.randn(1, 4000)
    >>> pitch_shift(x, 0.0).equal(x), pitch_shift(x, 7.0).shape
    (True, torch.Size([1, 4000]))
    """
    shift = per_row(semitones, x)
    _demand(shift, -24.0, 24.0, "a shift of {:g} semitones")
    ratio = 2 ** (shift / 12)
    longer = _stretched(x, ratio, int(x.shape[1] * float(ratio.max())) + n_fft, n_fft)
    return keep(x, read_faster(longer, ratio, x.shape[1]), shift == 0)


@torch.no_grad()
def time_stretch(
    x: Tensor, factor: Strength, *, n_out: int | None = None, n_fft: int = 1024
) -> Tensor:
    """Longer by `factor` at the same pitch: (n, samples) -> (n, n_out); 1 is the identity.

    `factor`: one number or (n,), 0.2 to 5: 2 is twice as long. `n_out`: samples to give (default:
    those of the longest row); behind a shorter row's end lies silence. Raises InputError for a
    factor out of range.

    Examples
    --------
    >>> time_stretch(torch.randn(1, 4000), 1.5).shape
    torch.Size([1, 6000])
    """
    how = per_row(factor, x)
    _demand(how, SMALLEST, LARGEST, "a factor of {:g}")
    length = round(x.shape[1] * float(how.max())) if n_out is None else n_out
    stretched = _stretched(x, how, length, n_fft)
    ends = (x.shape[1] * how).round()[:, None]
    inside = torch.arange(length, device=x.device) < ends
    same = pad(x, (0, max(0, length - x.shape[1])))[:, :length]
    return keep(same, stretched * inside, how == 1)


def read_faster(x: Tensor, ratio: Strength, n_out: int) -> Tensor:
    """Read a waveform at `ratio` times its speed: (n, samples) -> (n, n_out), pitch and all.

    Band-limited: what would pass half the rate is taken away first. Behind the end lies silence.

    Examples
    --------
    >>> ramp = torch.linspace(0, 1, 101)[None].sin()
    >>> read_faster(ramp, 2.0, 40)[0, 20].sub(ramp[0, 40]).abs().item() < 1e-3
    True
    """
    how = per_row(ratio, x)
    length = -(-(x.shape[1] + 64) // 256) * 256
    spectrum = torch.fft.rfft(x, length)
    limit = (length // 2 / how.clamp_min(1))[:, None]
    bins = torch.arange(spectrum.shape[1], device=x.device)
    edge = ((limit - bins) / (0.02 * length) + (how[:, None] <= 1)).clamp(0, 1)
    fine = torch.fft.irfft(spectrum * edge, OVERSAMPLE * length) * OVERSAMPLE
    place = torch.arange(n_out, device=x.device) * (how.double() * OVERSAMPLE)[:, None]
    inside = place < OVERSAMPLE * x.shape[1]
    return _cubic(fine, place) * inside


def _demand(strength: Tensor, low: float, high: float, found: str) -> None:
    """Raise when a strength is out of range."""
    outside = strength[~((strength >= low) & (strength <= high))]
    if len(outside):
        raise InputError(found.format(float(outside[0])), f"{low:g} to {high:g}")


def _stretched(x: Tensor, factor: Tensor, length: int, n_fft: int) -> Tensor:
    """Every row longer by its factor, cut or filled to `length` samples."""
    hop = n_fft // OVERLAP
    n = length // hop + OVERLAP
    centres = torch.arange(n, device=x.device) * hop - (OVERLAP // 2) * hop
    front = hop + 3 * n_fft  # the first frames of the fastest row begin that long before the sound
    starts = (centres / factor[:, None].double()).round().long() + (front - n_fft // 2)
    behind = int(starts.max()) + n_fft - front - x.shape[1]
    sound = pad(x, (front, max(0, behind)))
    views = sound.unfold(1, n_fft, 1)
    window = torch.hann_window(n_fft, device=x.device, dtype=x.dtype)
    rows = torch.arange(len(x), device=x.device)[:, None]
    now = torch.fft.rfft(views[rows, starts] * window)
    before = torch.fft.rfft(views[rows, starts - hop] * window)
    frames = torch.fft.irfft(_locked(now, before), n_fft) * window
    total = fold(
        frames.transpose(1, 2),
        (1, (n - 1) * hop + n_fft),
        (1, n_fft),
        stride=(1, hop),
    )[:, 0, 0]
    first = (OVERLAP // 2) * hop + n_fft // 2
    return total[:, first : first + length] / (OVERLAP * 3 / 8)


def _locked(now: Tensor, before: Tensor) -> Tensor:
    """Frames with their phases carried on: (n, frames, bins) complex, twice -> once."""
    region = _nearest_peak(now.abs())
    turned = torch.empty_like(now)
    turned[:, 0] = now[:, 0]
    for k in range(1, now.shape[1]):
        turn = turned[:, k - 1] * before[:, k].conj()
        turn = turn / turn.abs().clamp_min(1e-20)
        turn = torch.where(turn == 0, torch.ones_like(turn), turn)
        turned[:, k] = now[:, k] * turn.gather(1, region[:, k])
    return turned


def _nearest_peak(magnitude: Tensor) -> Tensor:
    """For each bin the bin of the nearest peak of its frame: (n, frames, bins) int64.

    A peak is no smaller than two neighbours on either side.
    """
    n_bins = magnitude.shape[2]
    bins = torch.arange(n_bins, device=magnitude.device)
    peak = magnitude >= max_pool1d(magnitude, 5, stride=1, padding=2)
    below = torch.where(peak, bins, -n_bins).cummax(dim=2).values
    above = torch.where(peak, bins, 2 * n_bins).flip(2).cummin(dim=2).values.flip(2)
    return torch.where(bins - below <= above - bins, below, above)


def _cubic(x: Tensor, place: Tensor) -> Tensor:
    """Values of the rows of `x` (n, m) at fractional places (n, k) by Catmull-Rom curves."""
    first = place.floor()
    t = (place - first).to(x.dtype)
    index = first.long()
    a, b, c, d = (x.gather(1, (index + k).clamp(0, x.shape[1] - 1)) for k in (-1, 0, 1, 2))
    return b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
