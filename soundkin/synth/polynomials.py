"""Compiled arithmetic that the synthesizer's loops are made of: polynomials for a sound's needs.

Everything is float32 and without branches, so that loops over samples run in SIMD lanes. Numba
compiles each function at its first call and keeps the result beside the module, else in the user's
cache folder, else not at all. It renews what it kept when the file changes that a function stands
in, not when one does that it calls into: after an edit here remove the cached files of the others.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: ANN001, ANN201, FURB136 - Numba infers the types; max and min would ask about NaN
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

F = np.float32
ONE, HALF, QUARTER = F(1.0), F(0.5), F(0.25)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile on first use, without the interpreter's lock; cached on disk where that is possible."""
    options = {
        "nogil": True,
        "error_model": "numpy",
        "fastmath": {"contract", "reassoc", "nsz", "arcp", "afn", "nnan"},
    }
    try:
        fast: Callable[..., Any] = numba.njit(function, cache=True, **options)
    except RuntimeError:  # no folder for the cache can be written
        fast = numba.njit(function, **options)
    return fast


@compiled
def cos_turns(turns):
    """cos(2 pi turns) for turns >= 0 and below 2^24; error below 3e-7."""
    y = abs(HALF - (turns - F(np.int32(turns)))) - QUARTER
    z = y * y
    r = F(39.53886576796198) * z - F(76.55010733775964)
    r = r * z + F(81.60102085618044)
    r = r * z - F(41.34165537001323)
    return y * (r * z + F(6.283185162175084))


@compiled
def tanh(z):
    """Hyperbolic tangent as a ratio of polynomials; error below 3e-7."""
    z = F(7.9) if z > F(7.9) else z
    z = F(-7.9) if z < F(-7.9) else z
    x = z * z
    p = F(-2.76076847742355e-16) * x + F(2.00018790482477e-13)
    p = p * x - F(8.60467152213735e-11)
    p = p * x + F(5.12229709037114e-08)
    p = p * x + F(1.48572235717979e-05)
    p = p * x + F(6.37261928875436e-04)
    p = p * x + F(4.89352455891786e-03)
    q = F(1.19825839466702e-06) * x + F(1.18534705686654e-04)
    q = q * x + F(2.26843463243900e-03)
    return z * p / (q * x + F(4.89352518554385e-03))


@compiled
def exp2(x):
    """2^x for -126 < x < 126; relative error below 2e-7."""
    x = F(-125.0) if x < F(-125.0) else x
    whole = np.int32(x + F(200.5)) - np.int32(200)
    t = x - F(whole)
    r = F(0.00015477975219720802) * t + F(0.0013400431693906607)
    r = r * t + F(0.009617994690634651)
    r = r * t + F(0.05550327215682526)
    r = r * t + F(0.2402265150340076)
    r = r * t + F(0.6931472067097002)
    power = np.int32((whole + np.int32(127)) << np.int32(23)).view(F)
    return (r * t + F(0.999999999919297)) * power


@compiled
def log2(x):
    """Logarithm to base 2 of a positive normal number; error below 3e-7 + 1e-7 |log2 x|."""
    bits = F(x).view(np.int32)
    exponent = np.int32(np.int32(bits - np.int32(0x3F3504F3)) >> np.int32(23))
    m = np.int32(bits - np.int32(exponent << np.int32(23))).view(F)
    s = (m - ONE) / (m + ONE)
    z = s * s
    r = F(0.43175465623249465) * z + F(0.5767136016029211)
    r = r * z + F(0.961798855762162)
    return s * (r * z + F(2.8853900797764873)) + F(exponent)


@compiled
def power(r, alpha):
    """r^alpha for r in [0, 1]; 0 for r = 0."""
    safe = r if r > F(1e-12) else F(1e-12)
    p = exp2(alpha * log2(safe))
    return p if r > F(0.0) else F(0.0)


@compiled
def unit(x):
    """Clamped to [0, 1]."""
    x = x if x > F(0.0) else F(0.0)
    return x if x < ONE else ONE
