"""The patches of oscillators out of plain torch functions: differentiable, on any device.

Parameters (batch, parameters) in [0, 1] -> (batch, samples) of the same dtype. Slower than `fast`, which is
held to it by tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from soundkin.synth import modules
from soundkin.synth.patches import CONTROL_HZ

if TYPE_CHECKING:
    from soundkin.synth.patches import Columns, Normalise, OscillatorPatch

SILENT_PEAK = 1e-6
"""Below this peak a sound is left as it is: normalising would only raise rounding errors."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Human values by module; each has the batch in front of the shape of its columns."""

    keyboards: Tensor
    envelopes: Tensor
    lfos: Tensor
    oscillators: Tensor
    carriers: Tensor
    matrix: Tensor
    levels: Tensor


def parts_of(patch: OscillatorPatch, u: Tensor) -> Parts:
    """(batch, parameters) in [0, 1] -> human values sorted by module; missing ones are 0."""
    values = patch.table.to_human(u)
    values = torch.nn.functional.pad(values, (0, 1))
    layout = patch.layout

    def pick(columns: Columns) -> Tensor:
        places = torch.from_numpy(columns).to(u.device).flatten()
        # not values[:, places]: that wakes torch's threads, which then spin beside the compiled path's
        return values.index_select(1, places % values.shape[1]).reshape(-1, *columns.shape)

    return Parts(
        keyboards=pick(layout.keyboards),
        envelopes=pick(layout.envelopes),
        lfos=pick(layout.lfos),
        oscillators=pick(layout.oscillators),
        carriers=pick(layout.carriers),
        matrix=pick(layout.matrix),
        levels=pick(layout.levels),
    )


def render(
    patch: OscillatorPatch, u: Tensor, seeds: Tensor, *, normalise: Normalise = "peak"
) -> Tensor:
    """Parameters (batch, parameters) in [0, 1] and int64 seeds (batch,) -> (batch, samples)."""
    parts = parts_of(patch, u)
    control = controls(patch, parts)
    sounds = [_heard(patch, parts, control, i) for i in range(len(patch.oscillators))]
    noise_level = modules.upsample(control[:, -1], patch.samples)
    noise = modules.noise(seeds.to(u.device), patch.samples).to(u.dtype)
    sounds.append(noise * noise_level)
    return normalised(modules.mix(parts.levels, torch.stack(sounds, 1)), normalise)


def controls(patch: OscillatorPatch, parts: Parts) -> Tensor:
    """The matrix's outputs, (batch, 2 oscillators + 1, frames): pitch and level each, then noise."""
    m = patch.modulators
    notes_s = parts.keyboards[:, :, 1].expand(-1, m).repeat(1, 3)
    envelopes = modules.adsr(parts.envelopes, notes_s, frames=patch.frames, control_hz=CONTROL_HZ)
    own, rates, levels = envelopes[:, :m], envelopes[:, m : 2 * m], envelopes[:, 2 * m :]
    lfos = modules.lfo(parts.lfos, rates, control_hz=CONTROL_HZ) * levels
    return modules.modulation_matrix(parts.matrix, torch.cat([own, lfos], 1))


def _heard(patch: OscillatorPatch, parts: Parts, control: Tensor, i: int) -> Tensor:
    """What the mixer gets of oscillator `i`: itself, or the carrier it drives."""
    midi = parts.keyboards[:, 0 if patch.shared_keyboard else i, 0]
    tuning, depth, phase, shape = parts.oscillators[:, i].unbind(-1)
    hz = modules.pitch(midi, tuning, depth, control[:, 2 * i])
    turns = modules.turns_of(modules.upsample(hz, patch.samples), phase, rate_hz=patch.rate_hz)
    if patch.oscillators[i].wave == "sine":
        wave = modules.sine(turns).to(midi.dtype)
    else:
        wave = modules.square_saw(turns, shape, modules.partials(midi, tuning, depth))
    wave = wave * modules.upsample(control[:, 2 * i + 1], patch.samples)
    if not patch.oscillators[i].drives_carrier:
        return wave
    tuning, index, phase = parts.carriers[:, i].unbind(-1)
    hz = modules.fm_hz(midi, tuning, index, wave, rate_hz=patch.rate_hz)
    return modules.sine(modules.turns_of(hz, phase, rate_hz=patch.rate_hz)).to(midi.dtype)


def normalised(sounds: Tensor, normalise: Normalise) -> Tensor:
    """Each sound of (batch, samples) by its own peak; raises nothing for silence."""
    if normalise == "none":
        return sounds
    peak = sounds.abs().amax(-1, keepdim=True)
    if normalise == "clip":
        return sounds / peak.clamp_min(1.0)
    return sounds / torch.where(peak > SILENT_PEAK, peak, 1.0)
