"""The patch `world`: sounds that oscillators do not reach.

Five families, each in its own rhythm, are mixed and put into a room with some hiss:

- `impact`: struck bodies (twelve modes, from membrane to string to bar) with a burst of noise
- `pluck`: plucked strings (Karplus and Strong 1983)
- `air`: noise through two moving filters: wind, surf, breath, hats, sweeps
- `grains`: scattered short sounds, from single crackles to rain
- `voice`: a pulsing source through four moving formants: speech-like, barks, engines

Every parameter is in [0, 1] like those of the other patches, so delta means the same; their human
units are perceptual (semitones, octaves, shares) and all curves are straight, so both priors agree.
Ranges that pass zero, as those of `start`, `vibrato` or `wet`, mean none below it. Which times,
frequencies and waves irregular events take is drawn from the sound's seed.

Rendered by compiled loops on the CPU (needs numba); no gradients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from soundkin.errors import InputError
from soundkin.synth.parameters import Group, Parameter, ParameterTable, prefixed
from soundkin.synth.patches import CONTROL_HZ, NORMALISE, check_normalise

if TYPE_CHECKING:
    from torch import Tensor

    from soundkin.synth.patches import Normalise

FAMILIES = ("impact", "pluck", "air", "grains", "voice")
"""What the world is mixed of, in the order of its levels."""


def _knobs(*rows: tuple[str, float, float, str, Group]) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(name, low, high, unit=unit, group=group) for name, low, high, unit, group in rows
    )


RHYTHM = _knobs(
    ("rate", -1.5, 4.0, "octaves above 1 Hz", "envelope"),
    ("regularity", 0.0, 1.0, "scattered to even", "envelope"),
    ("start", -0.2, 0.3, "share of the sound", "envelope"),
    ("accent", 0.0, 1.0, "spread of levels", "envelope"),
)
IMPACT = _knobs(
    ("pitch", 24.0, 108.0, "semitones", "pitch"),
    ("stretch", 0.55, 1.8, "membrane to bar", "timbre"),
    ("disorder", 0.0, 0.3, "spread of modes", "timbre"),
    ("decay", -5.5, 2.0, "octaves above 1 s", "envelope"),
    ("damping", 0.0, 2.0, "loss of high modes", "timbre"),
    ("brightness", -3.0, 0.5, "slope of modes", "timbre"),
    ("bend", -12.0, 24.0, "semitones", "pitch"),
    ("bend_time", -7.0, -2.0, "octaves above 1 s", "pitch"),
    ("burst", 0.0, 1.0, "share of noise", "timbre"),
    ("burst_decay", -8.0, -2.0, "octaves above 1 s", "envelope"),
    ("burst_centre", 50.0, 122.0, "semitones", "timbre"),
)
PLUCK = _knobs(
    ("pitch", 24.0, 98.0, "semitones", "pitch"),
    ("decay", -4.0, 2.0, "octaves above 1 s", "envelope"),
    ("damping", 0.0, 0.9, "loss of highs", "timbre"),
    ("position", 0.03, 0.5, "share of the string", "timbre"),
    ("hardness", 0.05, 1.0, "brightness of the burst", "timbre"),
)
AIR = _knobs(
    ("centre", 30.0, 118.0, "semitones", "timbre"),
    ("sharpness", -1.5, 4.5, "octaves of Q", "timbre"),
    ("low", 0.0, 1.0, "band-pass to low-pass", "timbre"),
    ("second", -36.0, 36.0, "semitones", "timbre"),
    ("second_level", 0.0, 1.0, "weight", "timbre"),
    ("sweep", -36.0, 36.0, "semitones", "timbre"),
    ("flutter_rate", -1.0, 4.5, "octaves above 1 Hz", "envelope"),
    ("flutter", 0.0, 1.0, "depth", "envelope"),
    ("attack", -8.0, 0.0, "octaves above 1 s", "envelope"),
    ("decay", -6.0, 1.0, "octaves above 1 s", "envelope"),
    ("sustain", -0.5, 1.0, "floor between events", "envelope"),
)
GRAINS = _knobs(
    ("density", 1.0, 8.5, "octaves above 1 Hz", "envelope"),
    ("regularity", -0.5, 1.0, "scattered to even", "envelope"),
    ("length", -9.5, -3.5, "octaves above 1 s", "timbre"),
    ("centre", 40.0, 120.0, "semitones", "pitch"),
    ("spread", 0.0, 30.0, "semitones", "timbre"),
    ("tone", 0.0, 1.0, "noise to tone", "timbre"),
    ("sizes", 0.0, 1.0, "spread of levels", "envelope"),
    ("swell_rate", -1.0, 4.0, "octaves above 1 Hz", "envelope"),
    ("swell", 0.0, 1.0, "depth", "envelope"),
)
VOICE = _knobs(
    ("pitch", 20.0, 88.0, "semitones", "pitch"),
    ("glide", -18.0, 18.0, "semitones", "pitch"),
    ("vibrato_rate", 1.0, 4.5, "octaves above 1 Hz", "pitch"),
    ("vibrato", -1.0, 2.0, "semitones", "pitch"),
    ("roughness", -0.5, 1.5, "semitones of jitter", "timbre"),
    ("tension", 0.0, 1.0, "dull to bright", "timbre"),
    ("breath", -0.3, 1.0, "share of noise", "timbre"),
    ("tract", -0.6, 0.9, "octaves", "timbre"),
    ("open_from", 0.0, 1.0, "closed to open", "timbre"),
    ("front_from", 0.0, 1.0, "back to front", "timbre"),
    ("open_to", 0.0, 1.0, "closed to open", "timbre"),
    ("front_to", 0.0, 1.0, "back to front", "timbre"),
    ("bandwidth", -1.0, 1.5, "octaves", "timbre"),
    ("attack", -8.0, -1.5, "octaves above 1 s", "envelope"),
    ("decay", -5.0, 1.0, "octaves above 1 s", "envelope"),
)
ROOM = _knobs(
    ("wet", -0.5, 0.8, "share", "timbre"),
    ("decay", -4.0, 1.5, "octaves above 1 s", "timbre"),
    ("size", -1.0, 1.0, "octaves", "timbre"),
    ("damping", 0.0, 0.9, "loss of highs", "timbre"),
    ("hiss", -100.0, -20.0, "dB below the peak", "timbre"),
    ("hiss_colour", -9.0, -1.0, "octaves of smoothing", "timbre"),
)
LEVEL = Parameter("level", 0.0, 1.0, unit="weight", group="timbre")

BLOCKS: tuple[tuple[str, tuple[Parameter, ...]], ...] = (
    *((family, (LEVEL,)) for family in FAMILIES),
    *((f"{family}.rhythm", RHYTHM) for family in ("impact", "pluck", "air", "voice")),
    ("impact", IMPACT),
    ("pluck", PLUCK),
    ("air", AIR),
    ("grains", GRAINS),
    ("voice", VOICE),
    ("room", ROOM),
)
"""The table in blocks, in the order in which the compiled loops take them."""


@dataclass(frozen=True)
class WorldPatch:
    """Struck, plucked, blown, scattered and spoken sound in a room.

    `without`: families that stay silent, to measure what each is good for.
    """

    rate_hz: int = 16_000
    duration_s: float = 1.0
    without: tuple[str, ...] = ()
    name: str = "world"

    @property
    def samples(self) -> int:
        """Samples of one sound."""
        return math.ceil(self.duration_s * self.rate_hz)

    @property
    def frames(self) -> int:
        """Frames of a control signal."""
        return max(2, math.ceil(self.duration_s * CONTROL_HZ))

    @cached_property
    def table(self) -> ParameterTable:
        """Its parameters, in the order of the columns of `u`."""
        return ParameterTable(tuple(p for prefix, block in BLOCKS for p in prefixed(prefix, block)))

    def render(self, u: Tensor, seeds: Tensor, *, normalise: Normalise = "peak") -> Tensor:
        """Parameters (batch, parameters) in [0, 1] and int64 seeds (batch,) -> (batch, samples).

        float32 in [-1, 1] unless `normalise` is "none"; on the device of `u`, though rendered on the
        CPU. Raises InputError for parameters of another width, an unknown family or `normalise`, or
        no numba.
        """
        from soundkin.synth import fast  # noqa: PLC0415 - it imports patches

        check_normalise(normalise)
        if not fast.has_numba():
            raise InputError(
                "no numba", "it, for the patch 'world'", "pip install 'soundkin[train]'"
            )
        from soundkin.synth import world_mix  # noqa: PLC0415 - compiled at the first call

        with torch.no_grad():
            values = self.table.to_human(u.detach().cpu().float()).numpy()
        values[:, [FAMILIES.index(family) for family in self._left_out()]] = 0.0
        out = torch.empty(len(u), self.samples)
        settings = (
            *fast.blocks(self.frames, self.samples),
            np.float32(self.rate_hz),
            np.float32(CONTROL_HZ),
            NORMALISE.index(normalise),
        )
        arrays = [out.numpy(), np.ascontiguousarray(values), seeds.long().cpu().numpy()]
        fast.share_out(lambda *rows: world_mix.world_rows(*rows, *settings), arrays)
        return out.to(u.device)

    def _left_out(self) -> tuple[str, ...]:
        for family in self.without:
            if family not in FAMILIES:
                raise InputError(f"no family {family!r}", f"one of {', '.join(FAMILIES)}")
        return self.without
