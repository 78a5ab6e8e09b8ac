"""Which modules make a synthesizer, which parameters they have, and how sounds are asked for.

Three patches of oscillators, all one pattern: keyboards, envelopes and slow oscillators feed a
modulation matrix, which bends the pitch and the level of each oscillator and of the noise. With
`m` modulators and `o` oscillators the matrix is (2 o + 1, 2 m).

=============  ==========================================================  ==========
patch          what                                                        parameters
=============  ==========================================================  ==========
`voice`        one keyboard, a sine, a square-saw, noise                           78
`voice-fm`     one keyboard, a sine, a square-saw, an FM pair, noise              130
`parametric`   any counts; a keyboard and two modulators per oscillator   340 for the published 2, 2, 1, 1
=============  ==========================================================  ==========

A fourth, `world`, is made in :mod:`soundkin.synth.world`. Ranges and curves are those of
arXiv 2406.05923's code; where we differ is told in `docs/synth.md`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.synth.parameters import Group, Parameter, ParameterTable, prefixed

if TYPE_CHECKING:
    from torch import Tensor

CONTROL_HZ = 480.0
"""How often modulation is computed."""

Normalise = Literal["none", "clip", "peak"]
"""Per sound: as mixed; only when above 1 (as published); to a peak of 1."""
NORMALISE: tuple[Normalise, ...] = ("none", "clip", "peak")

Columns = npt.NDArray[np.int64]

_SECONDS = 0.5
KEYBOARD = (
    Parameter("midi", 0.0, 127.0, unit="semitones", group="pitch"),
    Parameter("note", 0.01, 4.0, curve=_SECONDS, unit="s", group="envelope"),
)
ADSR = (
    Parameter("attack", 0.0, 2.0, curve=_SECONDS, unit="s", group="envelope"),
    Parameter("decay", 0.0, 2.0, curve=_SECONDS, unit="s", group="envelope"),
    Parameter("sustain", 0.0, 1.0, group="envelope"),
    Parameter("release", 0.0, 5.0, curve=_SECONDS, unit="s", group="envelope"),
    Parameter("alpha", 0.1, 6.0, unit="exponent", group="envelope"),
)
LFO = (
    Parameter("frequency", 0.0, 20.0, curve=0.25, unit="Hz", group="envelope"),
    Parameter("depth", -10.0, 20.0, curve=0.5, symmetric=True, unit="Hz", group="envelope"),
    Parameter("phase", -math.pi, math.pi, unit="rad", group="envelope"),
    *(
        Parameter(shape, 0.0, 1.0, unit="weight", group="envelope")
        for shape in ("sine", "triangle", "saw", "reverse_saw", "square")
    ),
)
_TUNING = Parameter("tuning", -24.0, 24.0, unit="semitones", group="pitch")
_PHASE = Parameter("phase", -math.pi, math.pi, unit="rad", group="timbre")


def _deep(unit: str, group: Group) -> Parameter:
    return Parameter("depth", -96.0, 96.0, curve=0.2, symmetric=True, unit=unit, group=group)


OSCILLATOR = (_TUNING, _deep("semitones", "pitch"), _PHASE)
SHAPE = Parameter("shape", 0.0, 1.0, unit="square to saw", group="timbre")
CARRIER = (_TUNING, _deep("index", "timbre"), _PHASE)


class Patch(Protocol):
    """A synthesizer with its knobs: what draws, pairs and recipes need to know of it."""

    @property
    def name(self) -> str:
        """What the command line calls it."""

    @property
    def rate_hz(self) -> int:
        """Samples a second."""

    @property
    def samples(self) -> int:
        """Samples of one sound."""

    @property
    def table(self) -> ParameterTable:
        """Its parameters, in the order of the columns of `u`."""

    def render(self, u: Tensor, seeds: Tensor, *, normalise: Normalise = "peak") -> Tensor:
        """Parameters (batch, parameters) in [0, 1] and a seed per sound -> (batch, samples)."""


@dataclass(frozen=True, slots=True)
class Oscillator:
    """One source of the pattern: its wave, and whether it is heard or drives an FM carrier."""

    wave: Literal["sine", "square_saw"]
    drives_carrier: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the columns of `u` go; -1 stands for a parameter that a module does not have."""

    keyboards: Columns  # (keyboards, 2)
    envelopes: (
        Columns  # (3 modulators, 5): the matrix's own, then the LFOs' rates, then their levels
    )
    lfos: Columns  # (modulators, 8)
    oscillators: Columns  # (oscillators, 4)
    carriers: Columns  # (oscillators, 3)
    matrix: Columns  # (2 oscillators + 1, 2 modulators)
    levels: Columns  # (oscillators + 1,)


@dataclass(frozen=True)
class OscillatorPatch:
    """A patch of the common pattern.

    `shared_keyboard`: one note for all oscillators, or each has its own. `noise_curve` is the curve
    of the noise's level: 1 as the published code ran, 0.025 as it meant to.
    """

    name: str
    oscillators: tuple[Oscillator, ...]
    modulators: int
    shared_keyboard: bool = True
    rate_hz: int = 16_000
    duration_s: float = 1.0
    noise_curve: float = 1.0

    @property
    def samples(self) -> int:
        """Samples of one sound."""
        return math.ceil(self.duration_s * self.rate_hz)

    @property
    def frames(self) -> int:
        """Frames of a control signal."""
        return max(2, math.ceil(self.duration_s * CONTROL_HZ))

    @property
    def table(self) -> ParameterTable:
        """Its parameters, in the order of the columns of `u`."""
        return self._built[0]

    @property
    def layout(self) -> Layout:
        """Which columns make which module."""
        return self._built[1]

    @cached_property
    def _built(self) -> tuple[ParameterTable, Layout]:
        return _build(self)

    def render(
        self, u: Tensor, seeds: Tensor, *, normalise: Normalise = "peak", plain: bool = False
    ) -> Tensor:
        """Parameters (batch, parameters) in [0, 1] and int64 seeds (batch,) -> (batch, samples).

        float32 in [-1, 1] unless `normalise` is "none". Takes the compiled path on the CPU when no
        gradient is asked for and numba is there; `plain` asks for the differentiable one.
        Raises InputError for parameters of another width or an unknown `normalise`.

        Examples
        --------
        >>> import torch
        >>> patch = make_patch("voice")
        >>> patch.render(torch.full((2, 78), 0.5), torch.tensor([1, 2])).shape
        torch.Size([2, 16000])
        """
        import soundkin.synth.fast  # noqa: PLC0415 - they import us
        import soundkin.synth.plain  # noqa: PLC0415

        check_normalise(normalise)
        quick = not plain and soundkin.synth.fast.can_render(u)
        render = soundkin.synth.fast.render if quick else soundkin.synth.plain.render
        return render(self, u, seeds, normalise=normalise)


def check_normalise(normalise: str) -> None:
    """Raise InputError for a word that is not in `NORMALISE`."""
    if normalise not in NORMALISE:
        raise InputError(f"a level by {normalise!r}", f"one of {', '.join(NORMALISE)}")


def make_patch(
    name: str,
    *,
    rate_hz: int = 16_000,
    duration_s: float = 1.0,
    sine: int = 2,
    square_saw: int = 2,
    fm_sine: int = 1,
    fm_square_saw: int = 1,
    noise_curve: float = 1.0,
    without: tuple[str, ...] = (),
) -> Patch:
    """A patch by name; the counts are those of `parametric`, `without` the families `world` omits.

    In the name of a patch, as a recipe gives it, they are "world without pluck, air". Raises
    InputError for an unknown name, a rate below 4,000 Hz, no length, no oscillator or fewer.

    Examples
    --------
    >>> [len(make_patch(name).table) for name in ("voice", "voice-fm", "parametric")]
    [78, 130, 340]
    >>> make_patch("world without pluck, air").without
    ('pluck', 'air')
    """
    name, _, silent = name.partition(" without ")
    without = (*without, *(part.strip() for part in silent.split(",") if silent))
    if rate_hz < 4000 or not 0.01 <= duration_s <= 600:
        found = f"a sound of {duration_s:g} s at {rate_hz} Hz"
        raise InputError(found, "0.01 to 600 s at 4000 Hz and more")
    if name == "world":
        from soundkin.synth.world import WorldPatch  # noqa: PLC0415 - it imports us

        return WorldPatch(rate_hz, duration_s, without)
    if name in {"voice", "voice-fm"}:
        oscillators = [Oscillator("sine"), Oscillator("square_saw")]
        if name == "voice-fm":
            oscillators.append(Oscillator("sine", drives_carrier=True))
    elif name == "parametric":
        oscillators = [Oscillator("sine")] * sine + [Oscillator("square_saw")] * square_saw
        oscillators += [Oscillator("sine", drives_carrier=True)] * fm_sine
        oscillators += [Oscillator("square_saw", drives_carrier=True)] * fm_square_saw
    else:
        raise InputError(f"no patch {name!r}", f"one of {', '.join(PATCHES)}")
    if without:
        raise InputError(f"{name!r} without {', '.join(without)}", "families of 'world'")
    if not oscillators or min(sine, square_saw, fm_sine, fm_square_saw) < 0:
        raise InputError("a parametric patch of no oscillator or fewer", "one oscillator and more")
    return OscillatorPatch(
        name,
        tuple(oscillators),
        modulators=len(oscillators),
        shared_keyboard=name != "parametric",
        rate_hz=rate_hz,
        duration_s=duration_s,
        noise_curve=noise_curve,
    )


PATCHES = ("voice", "voice-fm", "parametric", "world")
"""The names of :func:`make_patch`."""


def _build(patch: OscillatorPatch) -> tuple[ParameterTable, Layout]:
    parameters: list[Parameter] = []
    counts = {"m": patch.modulators, "o": len(patch.oscillators)}
    numbered = range(1, counts["m"] + 1)

    def columns(group: list[Parameter], width: int | None = None) -> list[int]:
        first = len(parameters)
        parameters.extend(group)
        places = list(range(first, len(parameters)))
        return places + [-1] * ((width or len(places)) - len(places))

    keyboards = range(1, 2 if patch.shared_keyboard else counts["o"] + 1)
    envelope_names = [
        *(f"adsr_{i}" for i in numbered),
        *(f"lfo_rate_adsr_{i}" for i in numbered),
        *(f"lfo_level_adsr_{i}" for i in numbered),
    ]
    layout = Layout(
        keyboards=np.array([columns(prefixed(f"keyboard_{i}", KEYBOARD)) for i in keyboards]),
        envelopes=np.array([columns(prefixed(name, ADSR)) for name in envelope_names]),
        lfos=np.array([columns(prefixed(f"lfo_{i}", LFO)) for i in numbered]),
        oscillators=np.array(
            [columns(_oscillator(i, o), 4) for i, o in enumerate(patch.oscillators, 1)]
        ),
        carriers=np.array([columns(_carrier(i, o), 3) for i, o in enumerate(patch.oscillators, 1)]),
        matrix=np.array([columns(row) for row in _matrix(counts["m"], counts["o"])]),
        levels=np.array(columns(_levels(patch))),
    )
    return ParameterTable(tuple(parameters)), layout


def _oscillator(number: int, oscillator: Oscillator) -> list[Parameter]:
    shape = (SHAPE,) if oscillator.wave == "square_saw" else ()
    return prefixed(f"{oscillator.wave}_{number}", (*OSCILLATOR, *shape))


def _carrier(number: int, oscillator: Oscillator) -> list[Parameter]:
    return prefixed(f"fm_{number}", CARRIER) if oscillator.drives_carrier else []


def _matrix(m: int, o: int) -> list[list[Parameter]]:
    sources = [f"{kind}_{i}" for kind in ("adsr", "lfo") for i in range(1, m + 1)]
    targets: list[tuple[str, Group]] = []
    for i in range(1, o + 1):
        targets += [(f"pitch_{i}", "pitch"), (f"level_{i}", "envelope")]
    targets.append(("level_noise", "envelope"))
    return [
        [
            Parameter(f"matrix.{source}>{target}", 0.0, 1.0, curve=0.5, unit="weight", group=group)
            for source in sources
        ]
        for target, group in targets
    ]


def _levels(patch: OscillatorPatch) -> list[Parameter]:
    names = [f"level_{i}" for i in range(1, len(patch.oscillators) + 1)]
    heard = [Parameter(f"mixer.{name}", 0.0, 1.0, unit="weight") for name in names]
    return [*heard, Parameter("mixer.noise", 0.0, 1.0, curve=patch.noise_curve, unit="weight")]
