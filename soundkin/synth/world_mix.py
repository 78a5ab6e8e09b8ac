"""Compiled loops of `world`: the families mixed, the room around them, a share of the batch.

`p` of :func:`world_rows` is one row of the table in :mod:`soundkin.synth.world`, block by block.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: ANN001, ANN201 - Numba infers the types; max and min would ask about NaN
from __future__ import annotations

import math

import numpy as np

from soundkin.synth.kernels import noise_row, normalise_row, phase_row
from soundkin.synth.polynomials import HALF, ONE, F, compiled, exp2
from soundkin.synth.world_air import (
    FORMANTS,
    air_row,
    event_envelope,
    grains_row,
    voice_pitch,
    voice_row,
    voice_source,
    wander_row,
)
from soundkin.synth.world_struck import MODES, MOST_EVENTS, events, impact_row, pluck_row

LEAST_GAIN = F(0.003)
"""Families that would be quieter than this (-50 dB) are left out."""
_COMBS = np.array([0.0297, 0.0371, 0.0411, 0.0437, 0.0223, 0.0539])
_PASSES = np.array([0.0050, 0.0017])


@compiled
def level_gains(gains, levels):
    """Weights (5,) -> gains: the fourth power, so that few families lead, the loudest 1."""
    top = F(1e-30)
    for i in range(gains.size):
        gains[i] = levels[i] ** 4
        top = max(top, gains[i])
    for i in range(gains.size):
        gains[i] /= top


@compiled
def add_at_peak(out, sound, gain):
    """Add a family's sound, scaled so that its peak is `gain`."""
    peak = F(1e-9)
    for i in range(sound.size):
        peak = max(peak, abs(sound[i]))
    for i in range(sound.size):
        out[i] += gain / peak * sound[i]


@compiled
def comb_row(out, wet, delay, gain, damping, echo):
    """Add a comb filter's sound to `wet`; each round trip loses highs. `echo` is scratch."""
    side = damping * F(0.25) * gain
    middle = gain - F(2.0) * side
    echo[: delay + 1] = F(0.0)
    first = 0
    while first < out.size:
        n = min(delay - 1, out.size - first)
        here = echo[first + delay + 1 : first + delay + 1 + n]
        before = echo[first : first + n + 2]
        dry = out[first : first + n]
        for i in range(n):
            here[i] = dry[i] + middle * before[i + 1] + side * (before[i] + before[i + 2])
        first += n
    heard = echo[1 : out.size + 1]
    for i in range(out.size):
        wet[i] += heard[i]


@compiled
def all_pass_row(wet, delay, echo):
    """An all-pass filter of gain 0.6 in place. `echo` is scratch."""
    echo[:delay] = F(0.0)
    first = 0
    while first < wet.size:
        n = min(delay, wet.size - first)
        before, here = echo[first : first + n], echo[first + delay : first + delay + n]
        x = wet[first : first + n]
        for i in range(n):
            v = x[i] + F(0.6) * before[i]
            here[i] = v
            x[i] = before[i] - F(0.6) * v
        first += n


@compiled
def room_row(out, p, wet, echo, rate_hz):
    """Put the sound into a room, in place: six combs, two all-passes (Schroeder 1962)."""
    share = max(p[0], F(0.0))
    if share <= F(0.0):
        return
    wet[:] = F(0.0)
    t60_s, size = exp2(p[1]), exp2(p[2])
    for c in range(_COMBS.size):
        delay = max(np.int64(8), np.int64(F(_COMBS[c]) * size * rate_hz))
        gain = exp2(F(-9.965784) * F(delay) / (t60_s * rate_hz))
        comb_row(out, wet, delay, gain, p[3], echo)
    for c in range(_PASSES.size):
        all_pass_row(wet, max(np.int64(4), np.int64(F(_PASSES[c]) * size * rate_hz)), echo)
    for i in range(out.size):
        out[i] = (ONE - HALF * share) * out[i] + share * F(0.5) * wet[i]


@compiled
def add_hiss(out, p, noise):
    """Add a floor of smoothed noise, its level relative to the sound's peak; none below -80 dB."""
    if p[4] < F(-80.0):
        return
    peak = F(0.0)
    for i in range(out.size):
        peak = max(peak, abs(out[i]))
    keep = exp2(p[5])  # of each sample; one minus it of what was before
    loud = F(math.sqrt((2.0 - np.float64(keep)) / np.float64(keep)))
    gain = peak * loud * exp2(p[4] * F(0.1660964))
    smooth = F(0.0)
    for i in range(out.size):
        smooth += keep * (noise[i] - smooth)
        out[i] += gain * smooth


@compiled
def world_rows(out, values, seeds, starts, offsets, slope, rate_hz, control_hz, mode):
    """Every sound of a share of the batch: human values (sounds, parameters) -> `out`."""
    samples, frames = out.shape[1], starts.size
    sound, noise = np.empty(samples, F), np.empty(samples, F)
    wet, turns = np.empty(samples, F), np.empty(samples, F)
    scratch = np.empty(samples + np.int64(F(0.2) * rate_hz) + 64, F)
    envelope, wander, pitch = np.empty(frames, F), np.empty(frames, F), np.empty(frames, F)
    times, levels = np.empty(MOST_EVENTS, np.int64), np.empty(MOST_EVENTS, F)
    gains, modes, filters = np.empty(5, F), np.empty(MODES, F), np.empty((5, FORMANTS), F)
    state = np.empty(1, np.uint32)
    for row in range(out.shape[0]):
        p, seed = values[row], seeds[row]
        level_gains(gains, p[:5])
        out[row, :] = F(0.0)
        for family in range(5):
            if gains[family] < LEAST_GAIN:
                continue
            own_seed = np.int64(seed + np.int64(family + 1) * np.int64(0x5DEECE66D))
            state[0] = np.uint32(np.uint64(own_seed) >> np.uint64(7))
            noise_row(noise, own_seed)
            if family != 3:
                first = 5 + 4 * min(family, 3)
                n = events(times, levels, p[first : first + 4], samples, rate_hz, state)
            if family == 0:
                impact_row(sound, p[21:32], times, levels, n, noise, rate_hz, modes)
            elif family == 1:
                pluck_row(sound, p[32:37], times, levels, n, noise, rate_hz, scratch)
            elif family == 2:
                knobs = p[37:48]
                attack, decay, floor = exp2(knobs[8]), exp2(knobs[9]), max(knobs[10], F(0.0))
                event_envelope(
                    envelope, times, levels, n, attack, decay, floor, rate_hz, control_hz
                )
                wander_row(wander, exp2(knobs[6]) / control_hz, state)
                air_row(sound, knobs, envelope, wander, noise, starts, rate_hz)
            elif family == 3:
                knobs = p[48:57]
                wander_row(wander, exp2(knobs[7]) / control_hz, state)
                grains_row(sound, knobs, wander, noise, rate_hz, control_hz, state)
            else:
                knobs = p[57:72]
                attack, decay = exp2(knobs[13]), exp2(knobs[14])
                event_envelope(
                    envelope, times, levels, n, attack, decay, F(0.0), rate_hz, control_hz
                )
                wander_row(wander, F(3.0) / control_hz, state)
                voice_pitch(pitch, knobs, wander, times, n, rate_hz, control_hz, state)
                phase_row(turns, pitch, F(0.0), starts, offsets, slope)
                voice_source(sound, knobs, turns, noise, pitch.max())
                voice_row(sound, knobs, envelope, starts, rate_hz, filters)
            add_at_peak(out[row], sound, gains[family])
        room_row(out[row], p[72:78], wet, scratch, rate_hz)
        noise_row(noise, np.int64(seed + np.int64(0x2545F4914F6CDD)))
        add_hiss(out[row], p[72:78], noise)
        normalise_row(out[row], mode)
