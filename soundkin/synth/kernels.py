"""Compiled loops for the patches of oscillators: one sound at a time, all of it in the cache.

Only `fast` calls these. Phases are carried in float64 from one control frame to the next and are a
parabola between two, because hertz are linear there: no running sum along the samples.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: ANN001, ANN201, FURB136 - Numba infers the types; max and min would ask about NaN
from __future__ import annotations

import math

import numpy as np

from soundkin.synth.polynomials import (
    HALF,
    ONE,
    QUARTER,
    F,
    compiled,
    cos_turns,
    exp2,
    power,
    tanh,
    unit,
)

TAU = 2 * math.pi
_LFO_EXPONENT = F(math.e)
_KEY = np.uint32(16)
_TURN = F(2147483648.0)
_WRAP = np.int64(0x7FFFFFFF)


@compiled
def adsr_row(out, attack, decay, sustain, release, alpha, note, control_hz):
    """One envelope into `out` (frames,); only one ramp moves at a time, so one power per frame."""
    decay = min(max(note - attack, F(0.0)), decay)
    attack = min(attack, note)
    level = sustain if decay > F(0.0) else ONE
    to_attack = ONE / max(attack, F(1e-9))
    to_decay = ONE / max(decay, F(1e-9))
    to_release = ONE / max(release, F(1e-9))
    drop = ONE - level
    for k in range(out.size):
        t = F(np.int32(k)) / control_hz
        rising, ended = t < attack, t > note
        fall = ONE - unit((t - attack) * to_decay)
        end = ONE - unit((t - note) * to_release)
        r = end if ended else fall
        r = unit(t * to_attack) if rising else r
        p = power(r, alpha)
        held = level * p if ended else level + drop * p
        out[k] = p if rising else held


@compiled
def lfo_row(out, lfo, rate_envelope, level_envelope, control_hz):
    """One slow oscillator times its level into `out` (frames,)."""
    total = F(0.0)
    weights = np.empty(5, F)
    for shape in range(5):
        weights[shape] = power(max(lfo[3 + shape], F(1e-6)), _LFO_EXPONENT)
        total += weights[shape]
    turns = np.float64(lfo[2]) / TAU + 1.0
    for k in range(out.size):
        hz = lfo[0] + lfo[1] * rate_envelope[k]
        turns += np.float64(max(hz, F(0.0))) / np.float64(control_hz)
        turns -= np.float64(np.int32(turns))
        out[k] = F(turns)
    w_sine, w_triangle, w_saw = weights[0] / total, weights[1] / total, weights[2] / total
    w_reverse, w_square = weights[3] / total, weights[4] / total
    for k in range(out.size):
        saw = out[k]
        value = w_sine * HALF * (ONE - cos_turns(saw)) + w_saw * saw + w_reverse * (ONE - saw)
        value += w_triangle * (ONE - abs(F(2.0) * saw - ONE))
        value += w_square if abs(saw - HALF) < QUARTER else F(0.0)
        out[k] = value * level_envelope[k]


@compiled
def mix_rows(out, weights, rows):
    """Weighted sum of the rows (n, frames) into `out` (frames,)."""
    out[:] = F(0.0)
    for i in range(weights.size):
        w, row = weights[i], rows[i]
        for k in range(out.size):
            out[k] += w * row[k]


@compiled
def pitch_row(control, midi, depth, rate_hz):
    """In place: modulation -> turns per sample at each frame, the pitch clamped to midi 0 to 127."""
    scale = F(440.0) / rate_hz
    for k in range(control.size):
        bent = midi + depth * control[k]
        bent = bent if bent > F(0.0) else F(0.0)
        bent = bent if bent < F(127.0) else F(127.0)
        control[k] = exp2((bent - F(69.0)) * F(1.0 / 12.0)) * scale


@compiled
def phase_row(out, steps, phase, starts, offsets, slope):
    """Turns at each sample (samples,) from turns per sample at each frame, each block below 32."""
    turns = np.float64(phase) / TAU + 1.0
    for c in range(starts.size - 1):
        first, n = starts[c], starts[c + 1] - starts[c]
        rise = steps[c + 1] - steps[c]
        a = steps[c] + rise * offsets[c]
        b = rise * slope
        turns -= np.float64(np.int64(turns))
        base = F(turns) + a
        half = HALF * b
        a_half = a + half
        block = out[first : first + n]
        for m in range(n):
            t = F(np.int32(m))
            block[m] = base + t * (a_half + half * t)
        turns += np.float64(n) * (np.float64(a) + np.float64(half) * np.float64(n - 1))


@compiled
def stretch_row(out, control, starts, offsets, slope):
    """A control signal (frames,) -> (samples,), linear between frames."""
    for c in range(starts.size - 1):
        first, n = starts[c], starts[c + 1] - starts[c]
        rise = control[c + 1] - control[c]
        a = control[c] + rise * offsets[c]
        b = rise * slope
        block = out[first : first + n]
        for m in range(n):
            block[m] = a + b * F(np.int32(m))


@compiled
def sine_row(out, turns, amp):
    """A cosine times its level into `out`."""
    for i in range(out.size):
        out[i] = amp[i] * cos_turns(turns[i])


@compiled
def square_saw_row(out, turns, amp, shape, drive):
    """A square-saw times its level into `out`; drive is pi / 2 times its partials."""
    gain = ONE - HALF * shape
    for i in range(out.size):
        c = cos_turns(turns[i])
        s = cos_turns(turns[i] + F(0.75))
        out[i] = gain * amp[i] * tanh(drive * s) * (ONE + shape * c)


@compiled
def carrier_row(out, modulator, f0, index, phase):
    """A carrier whose frequency (turns per sample) the modulator bends, into `out`.

    Its phase is a whole number that wraps: a turn is 2^31, so a step is as exact as float32.
    """
    steps = out.view(np.int32)
    for i in range(out.size):
        step = f0 + index * f0 * modulator[i]
        step = step if step > F(0.0) else F(0.0)
        step = step if step < HALF else HALF
        steps[i] = np.int32(step * _TURN)
    turns = np.int32(np.int64((np.float64(phase) / TAU + 1.0) * np.float64(_TURN)) & _WRAP)
    for i in range(out.size):
        turns = np.int32((turns + steps[i]) & _WRAP)
        steps[i] = turns
    for i in range(out.size):
        out[i] = cos_turns(F(steps[i]) / _TURN)


@compiled
def add_row(out, sound, level):
    """Add level times sound to `out`."""
    for i in range(out.size):
        out[i] += level * sound[i]


@compiled
def noise_row(out, seed):
    """White noise in [-1, 1) into `out`, the same as `modules.noise`."""
    key_a = np.uint32(np.uint64(seed) * np.uint64(0x9E3779B9))
    key_b = np.uint32(np.uint64(seed) >> np.uint64(16))
    for i in range(out.size):
        x = np.uint32(np.uint32(i) + key_a)
        x = np.uint32(x ^ np.uint32(x >> _KEY))
        x = np.uint32(x * np.uint32(0x7FEB352D))
        x = np.uint32(x ^ key_b)
        x = np.uint32(x ^ np.uint32(x >> np.uint32(15)))
        x = np.uint32(x * np.uint32(0x846CA68B))
        x = np.uint32(x ^ np.uint32(x >> _KEY))
        out[i] = F(np.int32(x)) * F(1.0 / 2147483648.0)


@compiled
def normalise_row(out, mode):
    """Scale to a peak of 1: mode 0 never, 1 when above 1, 2 always but for silence."""
    bits, top = out.view(np.int32), np.int32(0)
    for i in range(out.size):  # the order of whole numbers is that of float32 without its sign
        top = max(top, np.int32(bits[i] & np.int32(0x7FFFFFFF)))
    peak = np.int32(top).view(F)
    if (mode == 1 and peak > ONE) or (mode == 2 and peak > F(1e-6)):
        gain = ONE / peak
        for i in range(out.size):
            out[i] *= gain


@compiled
def midi_steps(midi, rate_hz):
    """Semitones -> turns per sample, unclamped."""
    return exp2((midi - F(69.0)) * F(1.0 / 12.0)) * F(440.0) / rate_hz


@compiled
def partials_drive(midi_top, rate_hz):
    """Half pi times the partials that a square-saw may have at its highest pitch."""
    top_hz = np.float64(midi_steps(midi_top, rate_hz)) * np.float64(rate_hz)
    return F(math.pi / 2 * 12000.0 / (top_hz * math.log10(top_hz)))


@compiled
def render_rows(
    out,
    keyboards,
    envelopes,
    lfos,
    oscillators,
    carriers,
    matrix,
    levels,
    seeds,
    waves,
    driving,
    starts,
    offsets,
    slope,
    rate_hz,
    control_hz,
    mode,
):
    """Every sound of a share of the batch: human values by module -> `out` (sounds, samples).

    `waves` 0 sine, 1 square-saw; `driving` whether an FM carrier follows; `starts`, `offsets`
    (frames,): the first sample at or after each frame, and how far behind the frame it is.
    """
    m, frames, samples = lfos.shape[1], starts.size, out.shape[1]
    signals = np.empty((2 * m, frames), F)
    rate, level = np.empty(frames, F), np.empty(frames, F)
    control, turns, amp = np.empty(frames, F), np.empty(samples, F), np.empty(samples, F)
    sound = np.empty(samples, F)
    for row in range(out.shape[0]):
        for i in range(m):
            note = keyboards[row, i % keyboards.shape[1], 1]
            e = envelopes[row, i]
            adsr_row(signals[i], e[0], e[1], e[2], e[3], e[4], note, control_hz)
            e = envelopes[row, m + i]
            adsr_row(rate, e[0], e[1], e[2], e[3], e[4], note, control_hz)
            e = envelopes[row, 2 * m + i]
            adsr_row(level, e[0], e[1], e[2], e[3], e[4], note, control_hz)
            lfo_row(signals[m + i], lfos[row, i], rate, level, control_hz)
        noise_row(out[row], seeds[row])
        mix_rows(control, matrix[row, 2 * waves.size], signals)
        stretch_row(amp, control, starts, offsets, slope)
        share = levels[row, waves.size]
        for i in range(samples):
            out[row, i] *= share * amp[i]
        for o in range(waves.size):
            midi = keyboards[row, o % keyboards.shape[1], 0] + oscillators[row, o, 0]
            depth = oscillators[row, o, 1]
            mix_rows(control, matrix[row, 2 * o], signals)
            pitch_row(control, midi, depth, rate_hz)
            phase_row(turns, control, oscillators[row, o, 2], starts, offsets, slope)
            mix_rows(control, matrix[row, 2 * o + 1], signals)
            stretch_row(amp, control, starts, offsets, slope)
            if waves[o] == 0:
                sine_row(sound, turns, amp)
            else:
                drive = partials_drive(midi + max(depth, F(0.0)), rate_hz)
                square_saw_row(sound, turns, amp, oscillators[row, o, 3], drive)
            if driving[o]:
                midi = midi - oscillators[row, o, 0] + carriers[row, o, 0]
                f0 = midi_steps(midi, rate_hz)
                carrier_row(turns, sound, f0, carriers[row, o, 1], carriers[row, o, 2])
                add_row(out[row], turns, levels[row, o])
            else:
                add_row(out[row], sound, levels[row, o])
        normalise_row(out[row], mode)
