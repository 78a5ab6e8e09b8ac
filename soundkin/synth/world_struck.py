"""Compiled loops of `world`: when things happen, and struck and plucked bodies.

Every function works on one sound. `p` holds human values in the order of the tables in
:mod:`soundkin.synth.world`; `state` (1,) uint32 is the sound's stream of random numbers.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: ANN001, ANN201 - Numba infers the types; max and min would ask about NaN
from __future__ import annotations

import math

import numpy as np

from soundkin.synth.polynomials import HALF, ONE, F, compiled, cos_turns, exp2

MODES = 12
BLOCK = 32
MOST_EVENTS = 4096


@compiled
def random(state):
    """The next uniform number in [0, 1) (PCG)."""
    s = np.uint32(np.uint32(state[0] * np.uint32(747796405)) + np.uint32(2891336453))
    state[0] = s
    w = np.uint32(np.uint32(s >> np.uint32((s >> np.uint32(28)) + np.uint32(4))) ^ s)
    w = np.uint32(w * np.uint32(277803737))
    w = np.uint32(np.uint32(w >> np.uint32(22)) ^ w)
    return F(np.int32(w >> np.uint32(8))) * F(1.0 / 16777216.0)


@compiled
def exponential(state):
    """The next number of an exponential distribution of mean 1, at most 16."""
    return F(-math.log(max(np.float64(random(state)), 1e-7)))


@compiled
def semitones_hz(midi):
    """Semitones -> hertz."""
    return exp2((midi - F(69.0)) * F(1.0 / 12.0)) * F(440.0)


@compiled
def events(times, levels, p, samples, rate_hz, state):
    """When and how strongly things happen: fills times (in samples) and levels, gives their number.

    `p`: rate (octaves above 1 Hz), regularity, start (share of the sound), accent.
    """
    interval = rate_hz / exp2(p[0])
    place = max(p[2], F(0.0)) * F(samples)
    n = 0
    while n < times.size and place < F(samples):
        times[n] = np.int64(place)
        levels[n] = ONE - F(0.9) * p[3] * random(state) if n else ONE
        n += 1
        place += interval * max(p[1] + (ONE - p[1]) * exponential(state), F(0.03))
    return n


@compiled
def add_mode(out, start, stop, turns_per_sample, bend, bend_samples, gain, t60):
    """Add a decaying sine that begins at `start` with its pitch bent, until it cannot be heard."""
    stop = min(stop, start + np.int64(t60 * F(1.2)) + 1)
    per_block = np.float64(exp2(F(-9.965784) * F(BLOCK) / t60))
    bend_per_block = np.float64(exp2(F(-1.442695) * F(BLOCK) / bend_samples))
    turns, level, bent = 0.75, np.float64(gain), np.float64(bend)
    for first in range(start, stop, BLOCK):
        n = min(BLOCK, stop - first)
        a = F(level)
        slope = F(level * (per_block - 1.0)) / F(BLOCK)
        step = turns_per_sample * (ONE + F(bent))
        bent *= bend_per_block
        rise = (turns_per_sample * (ONE + F(bent)) - step) / F(BLOCK)
        base = F(turns)
        block = out[first : first + n]
        for m in range(n):
            t = F(np.int32(m))
            block[m] += (a + slope * t) * cos_turns(base + t * (step + HALF * rise * t))
        turns += np.float64(BLOCK) * np.float64(step + HALF * rise * F(BLOCK))
        turns -= np.float64(np.int64(turns))
        level *= per_block


@compiled
def add_burst(out, noise, start, stop, gain, t60, centre_hz, rate_hz):
    """Add a decaying burst of noise through a wide band-pass."""
    stop = min(stop, start + np.int64(t60 * F(1.2)) + 1)
    g = F(math.tan(math.pi * min(np.float64(centre_hz / rate_hz), 0.45)))
    a1 = ONE / (ONE + g * (g + ONE))
    s1, s2 = F(0.0), F(0.0)
    shrink = exp2(F(-9.965784) / t60)
    for i in range(start, stop):
        v3 = noise[i] * gain - s2
        v1 = a1 * (s1 + g * v3)
        v2 = s2 + g * v1
        s1, s2 = F(2.0) * v1 - s1, F(2.0) * v2 - s2
        out[i] += v1
        gain *= shrink


@compiled
def impact_row(out, p, times, levels, n_events, noise, rate_hz, gains):
    """Struck bodies into `out` (samples,); `gains` is scratch for the modes."""
    out[:] = F(0.0)
    gains[:] = F(0.0)
    f0 = semitones_hz(p[0]) / rate_hz
    t60 = exp2(p[3]) * rate_hz
    bend = exp2(p[6] * F(1.0 / 12.0)) - ONE
    bend_samples = exp2(p[7]) * rate_hz
    burst_hz = semitones_hz(p[10])
    for e in range(n_events):
        start = times[e]
        stop = times[e + 1] if e + 1 < n_events else np.int64(out.size)
        for mode in range(MODES):
            number = F(mode + 1)
            wobble = F(((mode * 7 + 3) % 11) - 5) * F(0.2) * p[2]
            log_ratio = p[1] * F(math.log2(number)) + (wobble if mode else F(0.0))
            step = f0 * exp2(log_ratio)
            own_t60 = max(t60 * exp2(-p[4] * log_ratio), F(32.0))
            gains[mode] += levels[e] * exp2(p[5] * log_ratio)
            if step * (ONE + max(bend, F(0.0))) < F(0.48):
                share = (ONE - p[8]) * gains[mode]
                add_mode(out, start, stop, step, bend, bend_samples, share, own_t60)
            gains[mode] *= exp2(F(-9.965784) * F(stop - start) / own_t60)
        if p[8] > F(0.0):
            gain = F(3.0) * p[8] * levels[e]
            add_burst(out, noise, start, stop, gain, exp2(p[9]) * rate_hz, burst_hz, rate_hz)


@compiled
def pluck_row(out, p, times, levels, n_events, noise, rate_hz, string):
    """Plucked strings into `out`; `string` (samples + what the lowest pitch needs) is scratch."""
    period = rate_hz / semitones_hz(p[0])
    whole = np.int64(period)
    part = period - F(whole)
    pad = whole + 2
    string[: pad + out.size] = F(0.0)
    pick = max(np.int64(1), np.int64(p[3] * period))
    for e in range(n_events):
        smooth, mean = F(0.0), F(0.0)
        for i in range(whole):
            mean += noise[(times[e] + i) % noise.size]
        mean /= F(whole)
        for i in range(whole):
            smooth += p[4] * (noise[(times[e] + i) % noise.size] - mean - smooth)
            for place, sign in ((times[e] + i, ONE), (times[e] + i + pick, -ONE)):
                if place < out.size:
                    string[pad + place] += sign * smooth * levels[e]
    loss = exp2(F(-9.965784) * period / (exp2(p[1]) * rate_hz))
    b = p[2] * HALF
    w0, w3 = loss * (ONE - part) * b * HALF, loss * part * b * HALF
    w1 = loss * ((ONE - part) * (ONE - b) + part * b * HALF)
    w2 = loss * (part * (ONE - b) + (ONE - part) * b * HALF)
    for i in range(pad, pad + out.size):
        k = i - whole
        string[i] += w0 * string[k + 1] + w1 * string[k] + w2 * string[k - 1] + w3 * string[k - 2]
        out[i - pad] = string[i]
