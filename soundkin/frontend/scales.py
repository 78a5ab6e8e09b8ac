"""Scales of pitch: mel or semitones and back, and centres spaced evenly on a logarithmic axis.

Both published forms of the mel scale are one curve, m = k ln(1 + f / 700), with k = 2595 / ln 10
= 1127.01048 ("htk") or k = 1127 ("1127"); a ratio of 1.00001. "semitones" are those of MIDI: 69 at 440 Hz.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

MelScale = Literal["htk", "1127", "semitones"]
Doubles = npt.NDArray[np.float64]

_FACTOR: dict[str, float] = {"htk": 2595 / float(np.log(10)), "1127": 1127.0}


def hz_to_mel(frequency_hz: npt.ArrayLike, scale: MelScale = "htk") -> Doubles:
    """Frequency in Hz (any shape, 0 and more; for semitones above 0) -> mel, same shape.

    Examples
    --------
    >>> hz_to_mel([0, 1000]).round(2)
    array([  0.  , 999.99])
    """
    if scale == "semitones":
        semitones: Doubles = 69 + 12 * np.log2(np.asarray(frequency_hz, np.float64) / 440)
        return semitones
    mel: Doubles = _FACTOR[scale] * np.log1p(np.asarray(frequency_hz, np.float64) / 700)
    return mel


def mel_to_hz(mel: npt.ArrayLike, scale: MelScale = "htk") -> Doubles:
    """Mel (any shape, 0 and more) -> frequency in Hz, same shape; undoes :func:`hz_to_mel`.

    Examples
    --------
    >>> mel_to_hz(hz_to_mel([440.0])).round(9)
    array([440.])
    """
    if scale == "semitones":
        tempered: Doubles = 440 * np.exp2((np.asarray(mel, np.float64) - 69) / 12)
        return tempered
    frequency: Doubles = 700 * np.expm1(np.asarray(mel, np.float64) / _FACTOR[scale])
    return frequency


def log_spaced(low_hz: float, high_hz: float, n: int) -> Doubles:
    """`n` centres in Hz from `low_hz` to `high_hz`, each the same ratio above the one before.

    Examples
    --------
    >>> log_spaced(55.0, 440.0, 4).round(6)
    array([ 55., 110., 220., 440.])
    """
    return np.geomspace(low_hz, high_hz, n)
