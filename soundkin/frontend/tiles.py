"""Mel frames of many places of a sound, compiled: eight frames side by side through one transform.

A real transform of 2 n samples is a complex one of n, even samples its real and odd ones its
imaginary parts: Stockham's, in passes by four and at last by two (van Loan 1992, section 1.7), then
taken apart. A complex number k of a tile is vector k (real) and vector n + k (imaginary) of one array.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: ANN001, ANN201 - Numba infers the types
from __future__ import annotations

import numpy as np

from soundkin.frontend.lanes import LANES, compiled, load, same, spread, store


@compiled
def mel_rows(samples, positions, window, cosines, sines, firsts, lasts, weights, root, out):
    """Mel values (frames, bands) of the frames that begin at `positions`, into `out`.

    `window` (win,); `cosines`, `sines` (n_fft,) of a turn in n_fft steps; band j sums the spectrum's
    bins from firsts[j] on, before lasts[j], times `weights` (all bands' in a row); `root`: magnitudes
    instead of powers. A tile that is not full repeats its last frame.
    """
    n_fft, win, bands = len(cosines), len(window), len(firsts)
    half = n_fft // 2
    x, y = np.zeros(n_fft * LANES, np.float32), np.empty(n_fft * LANES, np.float32)
    power = np.empty((half + 1) * LANES, np.float32)
    mel = np.empty(bands * LANES, np.float32)
    places = np.empty(LANES, np.int64)
    for begin in range(0, len(positions), LANES):
        count = min(LANES, len(positions) - begin)
        for lane in range(LANES):
            places[lane] = positions[begin + min(lane, count - 1)]
        frames_of(samples, places, window, x, half)
        for k in range((win + 1) // 2, half):
            store(x, k, same(np.float32(0)))
            store(x, half + k, same(np.float32(0)))
        if transform(x, y, cosines, sines):
            powers_of(y, cosines, sines, power)
        else:
            powers_of(x, cosines, sines, power)
        if root:
            for k in range(len(power)):
                power[k] = np.sqrt(power[k])
        bands_of(power, firsts, lasts, weights, mel)
        for lane in range(count):
            for band in range(bands):
                out[begin + lane, band] = mel[band * LANES + lane]


@compiled
def frames_of(samples, places, window, x, half):
    """Eight frames times the window, as complex numbers, into `x`."""
    whole = len(window) // LANES * LANES
    for first in range(0, whole, LANES):
        spread(samples, places, first, window, x, half)
    for n in range(whole, len(window)):
        for lane in range(LANES):
            at = n // 2 + (n % 2) * half
            x[at * LANES + lane] = samples[places[lane] + n] * window[n]
    if len(window) % 2:
        store(x, half + len(window) // 2, same(np.float32(0)))


@compiled
def transform(x, y, cosines, sines):
    """The complex transform of `x`; whether it stands in `y` and no longer in `x`."""
    n_fft = len(cosines)
    half = n_fft // 2
    length, stride, swapped = half, 1, False
    while length >= 4:
        source, target = (y, x) if swapped else (x, y)
        quarter = length // 4
        for p in range(quarter):
            turn = p * (n_fft // length)
            c1, s1 = same(cosines[turn]), same(sines[turn])
            c2, s2 = same(cosines[2 * turn]), same(sines[2 * turn])
            c3, s3 = same(cosines[3 * turn]), same(sines[3 * turn])
            for k in range(stride):
                a = k + stride * p
                b, c, d = a + stride * quarter, a + stride * 2 * quarter, a + stride * 3 * quarter
                ar, ai, br, bi = (
                    load(source, a), load(source, half + a), load(source, b), load(source, half + b)
                )  # fmt: skip
                cr, ci, dr, di = (
                    load(source, c), load(source, half + c), load(source, d), load(source, half + d)
                )  # fmt: skip
                even_r, even_i, odd_r, odd_i = ar + cr, ai + ci, br + dr, bi + di
                apart_r, apart_i, turned_r, turned_i = ar - cr, ai - ci, bi - di, dr - br
                to = k + stride * 4 * p
                store(target, to, even_r + odd_r)
                store(target, half + to, even_i + odd_i)
                to += stride
                r, i = apart_r + turned_r, apart_i + turned_i
                store(target, to, r * c1 + i * s1)
                store(target, half + to, i * c1 - r * s1)
                to += stride
                r, i = even_r - odd_r, even_i - odd_i
                store(target, to, r * c2 + i * s2)
                store(target, half + to, i * c2 - r * s2)
                to += stride
                r, i = apart_r - turned_r, apart_i - turned_i
                store(target, to, r * c3 + i * s3)
                store(target, half + to, i * c3 - r * s3)
        length, stride, swapped = quarter, 4 * stride, not swapped
    if length == 2:
        source, target = (y, x) if swapped else (x, y)
        for k in range(stride):
            for part in (k, half + k):
                one, other = load(source, part), load(source, part + stride)
                store(target, part, one + other)
                store(target, part + stride, one - other)
        swapped = not swapped
    return swapped


@compiled
def powers_of(z, cosines, sines, power):
    """Squared sizes of the real transform (half + 1), from the complex one `z`."""
    half = len(cosines) // 2
    r, i = load(z, 0), load(z, half)
    store(power, 0, (r + i) * (r + i))
    store(power, half, (r - i) * (r - i))
    by_two = same(np.float32(0.5))
    for k in range(1, half // 2 + 1):
        m = half - k
        kr, ki, mr, mi = load(z, k), load(z, half + k), load(z, m), load(z, half + m)
        even_r, even_i, odd_r, odd_i = kr + mr, ki - mi, ki + mi, mr - kr
        c, s = same(cosines[k]), same(sines[k])
        r, i = odd_r * c + odd_i * s, odd_i * c - odd_r * s
        ar, ai = (even_r + r) * by_two, (even_i + i) * by_two
        br, bi = (even_r - r) * by_two, (even_i - i) * by_two
        store(power, k, ar * ar + ai * ai)
        store(power, m, br * br + bi * bi)


@compiled
def bands_of(power, firsts, lasts, weights, mel):
    """What each band sums up of the spectrum, into `mel`."""
    at = 0
    for band in range(len(firsts)):
        total = same(np.float32(0))
        for k in range(firsts[band], lasts[band]):
            total = total + same(weights[at]) * load(power, k)
            at += 1
        store(mel, band, total)
