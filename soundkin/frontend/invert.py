"""Mel frames -> sound: bands to a spectrum, then phases that fit it (Griffin and Lim 1984).

Mel frames keep neither phase nor what lies between the bands, so this is a guess that has the same
mel frames as far as there is such a sound. NumPy and SciPy's FFT alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.frontend.log_mel import mel_matrix

if TYPE_CHECKING:
    from soundkin.frontend.log_mel import MelSettings

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Spectrum = npt.NDArray[np.complex128]

OVERLAP = 4
"""Frames that cover a sample."""
MOMENTUM = 0.99
"""Of the fast Griffin-Lim (Perraudin, Balazs and Sondergaard 2013)."""
LEAST = 1e-10


def sound_of_mel(
    mel: Floats, settings: MelSettings, *, like: Floats | None = None, iterations: int = 60
) -> Floats:
    """Mel power -> a sound with about these mel frames: (frames, bands) -> (samples,).

    `mel` without compression, frames `settings.hop` apart; `like` (samples,): a sound whose phases
    to begin with, else random ones, always the same. Frames that lie too far apart for a phase
    (hop over a quarter of the window) are filled in between.

    Examples
    --------
    >>> from soundkin.frontend.log_mel import PRESETS
    >>> sound_of_mel(np.ones((3, 80), np.float32), PRESETS["autodecompose"], iterations=2).shape
    (768,)
    """
    magnitude = np.sqrt(spectrum_of_mel(mel, settings))
    hop = max(1, settings.win // OVERLAP)
    steps = max(1, settings.hop // hop)
    n_samples = (len(mel) - 1) * settings.hop + settings.win
    if steps > 1:
        magnitude = _between(magnitude, 1 + (n_samples - settings.win) // hop, steps)
        used = hop
    else:
        used = settings.hop
    phase = None
    if like is not None:
        heard = np.zeros(n_samples)
        heard[: len(like)] = like[:n_samples]
        phase = stft(heard, settings.win, used, settings.n_fft)
    sound = griffin_lim(
        magnitude, win=settings.win, hop=used, n_fft=settings.n_fft, begin=phase,
        iterations=iterations,
    )  # fmt: skip
    return sound.astype(np.float32)


def spectrum_of_mel(mel: Floats, settings: MelSettings, *, iterations: int = 200) -> Doubles:
    """Mel power -> a power spectrum that has it: (frames, bands) -> (frames, n_fft // 2 + 1).

    The least squares without anything negative, by multiplying (Lee and Seung 2001), from flat on.
    """
    matrix = mel_matrix(settings).astype(np.float64)
    target = np.maximum(mel.astype(np.float64), 0)
    width = matrix.sum(axis=0)
    power = np.maximum((target / np.maximum(width, LEAST)) @ matrix.T, LEAST)
    wanted, product = target @ matrix.T, matrix @ matrix.T
    for _ in range(iterations):
        power *= wanted / np.maximum(power @ product, LEAST * LEAST)
    spectrum: Doubles = power
    return spectrum


def griffin_lim(
    magnitude: Doubles,
    *,
    win: int,
    hop: int,
    n_fft: int,
    begin: Spectrum | None = None,
    iterations: int = 60,
) -> Doubles:
    """A sound whose spectrum comes near these magnitudes: (frames, bins) -> (samples,).

    Back to sound and forth again, each time with the asked magnitudes and the phases found; with
    momentum. `begin`: phases to begin with (its magnitudes are not looked at). Raises InputError
    for a hop over half the window, which leaves phases free.

    Examples
    --------
    >>> griffin_lim(np.ones((5, 9)), win=16, hop=4, n_fft=16, iterations=1).shape
    (32,)
    """
    if hop * 2 > win:
        raise InputError(f"frames {hop} apart, {win} long", "at least half of them shared")
    if begin is None:
        turns = np.random.default_rng(0).random(magnitude.shape)
        guess = np.exp(2j * np.pi * turns)
    else:
        guess = begin[: len(magnitude)]
    before = np.zeros_like(guess)
    for _ in range(iterations):
        there = stft(_istft(_toned(magnitude, guess), win, hop), win, hop, n_fft)
        guess = there + MOMENTUM * (there - before)
        before = there
    sound: Doubles = _istft(_toned(magnitude, guess), win, hop)
    return sound


def stft(samples: npt.NDArray[np.floating], win: int, hop: int, n_fft: int) -> Spectrum:
    """Hann-windowed frames wholly inside the sound: (samples,) -> (frames, n_fft // 2 + 1)."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, win)[::hop]
    spectrum: Spectrum = np.fft.rfft(frames * _hann(win), n_fft)
    return spectrum


def _istft(spectrum: Spectrum, win: int, hop: int) -> Doubles:
    """The sound whose spectrum is nearest: (frames, bins) -> ((frames - 1) hop + win,)."""
    window = _hann(win)
    frames = np.fft.irfft(spectrum, axis=1)[:, :win] * window
    sound = np.zeros((len(frames) - 1) * hop + win)
    weight = np.full(len(sound), 1e-3)
    for k, frame in enumerate(frames):
        sound[k * hop : k * hop + win] += frame
        weight[k * hop : k * hop + win] += window**2
    unwindowed: Doubles = sound / weight
    return unwindowed


def _toned(magnitude: Doubles, phase: Spectrum) -> Spectrum:
    """Asked magnitudes with these phases."""
    return magnitude * phase / np.maximum(np.abs(phase), LEAST)


def _between(magnitude: Doubles, count: int, steps: int) -> Doubles:
    """`count` frames, `steps` to each of before, levels in dB straight between them."""
    place = np.minimum(np.arange(count) / steps, len(magnitude) - 1)
    first = np.minimum(place.astype(int), max(0, len(magnitude) - 2))
    share = (place - first)[:, None]
    level = np.log(np.maximum(magnitude, LEAST))
    after = level[np.minimum(first + 1, len(level) - 1)]
    between: Doubles = np.exp((1 - share) * level[first] + share * after)
    return between


def _hann(win: int) -> Doubles:
    """Periodic Hann window (win,)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(win) / win)
