"""The modules of a modular synthesizer, as plain functions of batched tensors.

Control signals are (..., frames) at the control rate (480 Hz), sound is (..., samples) at the
sound's rate. Everything is differentiable in its float arguments; this is the reference that the
compiled path in `kernels` is held to.

A control signal is stretched over the sound so that its first and last frames meet the first and
last samples, and is linear between frames: also a pitch, which is made hertz at the control rate.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

TAU = 2 * math.pi
MIDI_TOP = 127.0
LFO_EXPONENT = math.e
"""How strongly the largest shape weight of an LFO prevails."""

_GOLDEN, _MIX_1, _MIX_2, _WORD = 0x9E3779B9, 0x7FEB352D, 0x846CA68B, 0xFFFFFFFF


def midi_to_hz(midi: Tensor) -> Tensor:
    """Semitones (69 is 440 Hz) -> hertz.

    Examples
    --------
    >>> midi_to_hz(torch.tensor([69.0, 81.0]))
    tensor([440., 880.])
    """
    return 440.0 * torch.exp2((midi - 69.0) / 12.0)


def adsr(adsr_parameters: Tensor, note_s: Tensor, *, frames: int, control_hz: float) -> Tensor:
    """An envelope: (..., 5) attack, decay, sustain, release, alpha and (...) note -> (..., frames).

    Times in seconds. Attack and decay are cut by the note; the release starts when it ends. Each
    ramp r in [0, 1] is bent to r^alpha; the envelope is attack x decay x release, in [0, 1].
    """
    attack, decay, sustain, release, alpha = adsr_parameters.unsqueeze(-2).unbind(-1)
    note_s = note_s.unsqueeze(-1)
    decay = torch.minimum((note_s - attack).clamp_min(0), decay)
    attack = torch.minimum(attack, note_s)
    time_s = torch.arange(frames, device=note_s.device, dtype=note_s.dtype) / control_hz
    rise = _ramp(time_s, torch.zeros_like(attack), attack)
    fall = 1 - _ramp(time_s, attack, decay)
    end = 1 - _ramp(time_s, note_s, release)
    held = torch.where(decay > 0, sustain + (1 - sustain) * _power(fall, alpha), 1.0)
    return _power(rise, alpha) * held * _power(end, alpha)


def _ramp(time_s: Tensor, start_s: Tensor, length_s: Tensor) -> Tensor:
    return ((time_s - start_s) / length_s.clamp_min(1e-9)).clamp(0, 1)


def _power(r: Tensor, alpha: Tensor) -> Tensor:
    """r^alpha, 0 at 0, with a finite gradient there."""
    return torch.where(r > 0, torch.exp2(alpha * torch.log2(r.clamp_min(1e-12))), 0.0)


def lfo(lfo_parameters: Tensor, rate_envelope: Tensor, *, control_hz: float) -> Tensor:
    """A slow oscillator in [0, 1]: (..., 8) and its rate's envelope (..., frames) -> (..., frames).

    The parameters: frequency (Hz), depth (Hz at envelope 1), phase (radians), and the weights of
    sine, triangle, saw, reverse saw and square. Its rate is max(frequency + depth envelope, 0).
    """
    hz, depth_hz, phase = lfo_parameters[..., None, :3].unbind(-1)
    rate_hz = (hz + depth_hz * rate_envelope).clamp_min(0)
    turns = torch.cumsum(rate_hz.double() / control_hz, -1) + phase.double() / TAU
    saw = (turns - torch.floor(turns)).to(rate_hz.dtype)
    cosine = torch.cos(TAU * saw)
    sine = (1 - cosine) / 2
    square = ((saw > 0.25) & (saw < 0.75)).to(saw.dtype)
    triangle = 1 - (2 * saw - 1).abs()
    shapes = torch.stack([sine, triangle, saw, 1 - saw, square], -2)
    weights = lfo_parameters[..., 3:].clamp_min(1e-6) ** LFO_EXPONENT
    weights = weights / weights.sum(-1, keepdim=True)
    return (weights.unsqueeze(-2) @ shapes).squeeze(-2)


def modulation_matrix(weights: Tensor, signals: Tensor) -> Tensor:
    """(..., outputs, inputs) and (..., inputs, frames) -> (..., outputs, frames), at control rate."""
    return weights @ signals


def upsample(control: Tensor, samples: int) -> Tensor:
    """(..., frames) at the control rate -> (..., samples), linear between frames."""
    low, share = _positions(control.shape[-1], samples, control.device)
    share = share.to(control.dtype)
    return control[..., low] * (1 - share) + control[..., low + 1] * share


def _positions(frames: int, samples: int, device: torch.device) -> tuple[Tensor, Tensor]:
    place = torch.arange(samples, device=device, dtype=torch.float64)
    place = place * ((frames - 1) / max(samples - 1, 1))
    low = place.long().clamp_max(frames - 2)
    return low, place - low


def pitch(midi: Tensor, tuning: Tensor, depth: Tensor, modulation: Tensor) -> Tensor:
    """Keyboard (...), tuning and depth in semitones, modulation (..., frames) -> hertz at each frame.

    The pitch is clamped to midi 0 to 127 (8.2 to 12,544 Hz).
    """
    bent = (midi + tuning).unsqueeze(-1) + depth.unsqueeze(-1) * modulation
    return midi_to_hz(bent.clamp(0.0, MIDI_TOP))


def turns_of(hz: Tensor, phase: Tensor, *, rate_hz: int) -> Tensor:
    """Hertz at each sample and a start phase in radians -> phase in turns (float64), its running sum."""
    return torch.cumsum(hz.double(), -1) / rate_hz + phase.double().unsqueeze(-1) / TAU


def sine(turns: Tensor) -> Tensor:
    """Phase in turns -> a cosine in [-1, 1]."""
    return torch.cos(TAU * (turns - torch.floor(turns)))


def partials(midi: Tensor, tuning: Tensor, depth: Tensor) -> Tensor:
    """How many partials a square-saw may have: 12000 / (f log10 f) at its highest pitch f in Hz."""
    top_hz = midi_to_hz(midi + tuning + depth.clamp_min(0))
    return 12000.0 / (top_hz * torch.log10(top_hz))


def square_saw(turns: Tensor, shape: Tensor, n_partials: Tensor) -> Tensor:
    """Phase (..., samples) in turns, shape 0 (square) to 1 (saw) and partials (...) -> (..., samples).

    Lazzarini and Timoney 2010: square = tanh(pi P sin(a) / 2), times (1 - s/2)(1 + s cos(a)).
    """
    angle = (TAU * (turns - torch.floor(turns))).to(shape.dtype)
    shape, n_partials = shape.unsqueeze(-1), n_partials.unsqueeze(-1)
    square = torch.tanh(math.pi / 2 * n_partials * torch.sin(angle))
    return (1 - shape / 2) * square * (1 + shape * torch.cos(angle))


def fm_hz(
    midi: Tensor, tuning: Tensor, index: Tensor, modulator: Tensor, *, rate_hz: int
) -> Tensor:
    """A carrier's hertz at each sample: f0 (1 + index modulator), kept within 0 and Nyquist."""
    f0_hz = midi_to_hz(midi + tuning).unsqueeze(-1)
    return (f0_hz + index.unsqueeze(-1) * f0_hz * modulator).clamp(0.0, rate_hz / 2)


def noise(seeds: Tensor, samples: int) -> Tensor:
    """White noise, uniform in [-1, 1): one int64 seed per sound (...) -> (..., samples) float32.

    A hash of the sample's number under two keys, so that any path and device makes the same noise.
    """
    seeds = seeds.unsqueeze(-1)
    key_a, key_b = (seeds * _GOLDEN) & _WORD, (seeds >> 16) & _WORD
    x = (torch.arange(samples, device=seeds.device) + key_a) & _WORD
    x = ((x ^ (x >> 16)) * _MIX_1) & _WORD
    x = x ^ key_b
    x = ((x ^ (x >> 15)) * _MIX_2) & _WORD
    x = x ^ (x >> 16)
    x = torch.where(x >= 1 << 31, x - (1 << 32), x)
    return x.float() / float(1 << 31)


def mix(levels: Tensor, sounds: Tensor) -> Tensor:
    """Levels (..., n) and sounds (..., n, samples) -> (..., samples)."""
    return (levels.unsqueeze(-2) @ sounds).squeeze(-2)
