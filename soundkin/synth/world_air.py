"""Compiled loops of `world`: moving air, scattered grains, voices.

Every function works on one sound; `p` holds human values in the order of the tables in
:mod:`soundkin.synth.world`. Filters are state-variable filters (Zavalishin's form), their
coefficients renewed at the control rate.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: ANN001, ANN201 - Numba infers the types; max and min would ask about NaN
from __future__ import annotations

import math

import numpy as np

from soundkin.synth.polynomials import HALF, ONE, F, compiled, cos_turns, exp2
from soundkin.synth.world_struck import exponential, random, semitones_hz

FORMANTS = 4


@compiled
def event_envelope(out, times, levels, n_events, attack_s, decay_s, floor, rate_hz, control_hz):
    """A rise and an exponential fall at each event, at the control rate, never below `floor`."""
    shrink = exp2(F(-1.442695) / (max(decay_s, F(1e-4)) * control_hz))
    e, value = -1, F(0.0)
    for k in range(out.size):
        t = F(k) / control_hz
        while e + 1 < n_events and F(times[e + 1]) <= t * rate_hz:
            e += 1
        value *= shrink
        if e >= 0:
            since = t - F(times[e]) / rate_hz
            if since <= attack_s + ONE / control_hz:
                value = max(value, levels[e] * min(ONE, since / max(attack_s, F(1e-4))))
        out[k] = max(value, floor)


@compiled
def wander_row(out, rate, state):
    """A smooth random signal in [0, 1] at the control rate; `rate` turns per frame."""
    a, b, place = random(state), random(state), random(state)
    for k in range(out.size):
        place += rate
        if place >= ONE:
            place -= F(np.int32(place))
            a, b = b, random(state)
        s = place * place * (F(3.0) - F(2.0) * place)
        out[k] = a + (b - a) * s


@compiled
def filter_gain(hz, rate_hz):
    """tan(pi f / rate), the gain of the filter's integrators; f is kept below 0.45 rate."""
    return F(math.tan(math.pi * min(max(np.float64(hz / rate_hz), 0.001), 0.45)))


@compiled
def air_row(out, p, envelope, wander, noise, starts, rate_hz):
    """Noise through two moving filters into `out`; `envelope`, `wander` (frames,)."""
    k1 = exp2(-p[1])
    k2 = k1 * HALF
    loud = exp2(HALF * max(p[1], F(0.0)))
    a_1, a_2, b_1, b_2 = F(0.0), F(0.0), F(0.0), F(0.0)
    second = p[4] * p[4]
    level = F(0.0)
    for c in range(starts.size - 1):
        midi = p[0] + p[5] * envelope[c] + F(12.0) * p[7] * (wander[c] - HALF)
        g1 = filter_gain(semitones_hz(midi), rate_hz)
        g2 = filter_gain(semitones_hz(midi + p[3]), rate_hz)
        a1, b1 = ONE / (ONE + g1 * (g1 + k1)), ONE / (ONE + g2 * (g2 + k2))
        goal = loud * envelope[c] * (ONE - p[7] * wander[c])
        slope = (goal - level) / F(starts[c + 1] - starts[c])
        for i in range(starts[c], starts[c + 1]):
            x = noise[i]
            u = x - a_2
            v1 = a1 * (a_1 + g1 * u)
            v2 = a_2 + g1 * v1
            a_1, a_2 = F(2.0) * v1 - a_1, F(2.0) * v2 - a_2
            u = x - b_2
            w1 = b1 * (b_1 + g2 * u)
            w2 = b_2 + g2 * w1
            b_1, b_2 = F(2.0) * w1 - b_1, F(2.0) * w2 - b_2
            level += slope
            body = (ONE - p[2]) * k1 * v1 + p[2] * v2
            out[i] = level * (body + second * k2 * w1)


@compiled
def grains_row(out, p, swell, noise, rate_hz, control_hz, state):
    """Scattered short sounds into `out`; `swell` (frames,) in [0, 1] is how the crowd comes and goes."""
    out[:] = F(0.0)
    interval = rate_hz / exp2(p[0])
    even = max(p[1], F(0.0))
    place = random(state) * min(interval, F(0.3) * F(out.size))
    while place < F(out.size):
        start = np.int64(place)
        length = max(exp2(p[2]) * rate_hz * (HALF + random(state)), F(8.0))
        away = random(state) + random(state) - ONE
        step = min(semitones_hz(p[3] + p[4] * away) / rate_hz, F(0.47))
        size = exponential(state)
        gain = ONE - p[6] + p[6] * size * size
        frame = min(np.int64(place / rate_hz * control_hz), np.int64(swell.size - 1))
        gain *= ONE - p[8] * swell[frame]
        add_grain(out, noise, start, length, step, gain, p[5])
        place += max(interval * (even + (ONE - even) * exponential(state)), ONE)


@compiled
def add_grain(out, noise, start, length, step, gain, tone):
    """One grain: a quick rise, an exponential fall; a tone, or noise around it."""
    stop = min(np.int64(out.size), start + np.int64(length))
    block, rough = out[start:stop], noise[start:stop]
    fall, rise = F(-8.0) / length, F(16.0) / length
    for i in range(block.size):
        t = F(np.int32(i))
        window = exp2(fall * t) * min(ONE, rise * t) * (ONE - t / length)
        wave = cos_turns(step * t + F(0.75))
        other = rough[i] * (HALF + wave)
        block[i] += gain * window * (other + tone * (wave - other))


@compiled
def voice_pitch(out, p, wander, times, n_events, rate_hz, control_hz, state):
    """Turns per sample at each frame: pitch, glide since the last event, vibrato, roughness."""
    rate = exp2(p[2]) / control_hz
    vibrato, rough = max(p[3], F(0.0)), max(p[4], F(0.0))
    long_s = max(exp2(p[14]), F(0.05))
    e, shaken = -1, F(0.0)
    for k in range(out.size):
        while e + 1 < n_events and F(times[e + 1]) * control_hz <= F(k) * rate_hz:
            e += 1
        since_s = F(k) / control_hz - F(times[e]) / rate_hz if e >= 0 else F(0.0)
        midi = p[0] + p[1] * min(since_s / long_s, ONE)
        midi += vibrato * cos_turns(rate * F(k)) + F(2.0) * rough * (wander[k] - HALF)
        shaken = HALF * shaken + F(3.0) * rough * (random(state) - HALF)
        out[k] = min(semitones_hz(midi + shaken) / rate_hz, F(0.2))


@compiled
def voice_source(out, p, turns, noise, top):
    """Pulses as smooth as their pitch asks for, with breath, into `out`; `top` turns per sample."""
    partials = min(F(0.45) / top, F(3.0) + F(60.0) * p[5] * p[5])
    k = F(1.442695) * partials * partials * F(0.11)
    breath = max(p[6], F(0.0))
    for i in range(out.size):
        pulse = exp2(k * (cos_turns(turns[i]) - ONE))
        windy = noise[i] * (F(0.3) + F(0.7) * pulse)
        out[i] = pulse + breath * (windy - pulse)


@compiled
def voice_row(out, p, envelope, starts, rate_hz, states):
    """The source, which is in `out`, through four moving formants, in place.

    `states` (5, 4) is scratch: two states, and gain, inverse and damping of each filter.
    """
    states[:] = F(0.0)
    tract, wide = exp2(p[7]), exp2(p[12])
    level, frames = F(0.0), F(starts.size - 1)
    for c in range(starts.size - 1):
        at = min(ONE, F(1.5) * F(c) / frames)
        opened = p[8] + (p[10] - p[8]) * at
        fronted = p[9] + (p[11] - p[9]) * at
        for f in range(FORMANTS):
            hz, width = F(3600.0), F(220.0)
            if f == 0:
                hz, width = F(250.0) + F(600.0) * opened, F(60.0)
            elif f == 1:
                hz, width = F(700.0) + F(1500.0) * fronted + F(200.0) * opened, F(90.0)
            elif f == 2:
                hz, width = F(2400.0) + F(400.0) * fronted, F(150.0)
            g = filter_gain(hz * tract, rate_hz)
            damping = min(wide * width / hz, F(2.0))
            states[2, f], states[4, f] = g, damping
            states[3, f] = ONE / (ONE + g * (g + damping))
        slope = (envelope[c] - level) / F(starts[c + 1] - starts[c])
        for i in range(starts[c], starts[c + 1]):
            level += slope
            x, total = out[i] * level, F(0.0)
            for f in range(FORMANTS):
                s1, s2, g = states[0, f], states[1, f], states[2, f]
                v1 = states[3, f] * (s1 + g * (x - s2))
                v2 = s2 + g * v1
                states[0, f], states[1, f] = F(2.0) * v1 - s1, F(2.0) * v2 - s2
                total += states[4, f] * v1 * (ONE if f == 0 else ONE / F(f + 1))
            out[i] = total
