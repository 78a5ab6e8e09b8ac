"""Sound -> a batch of pairs: two views of the same thing, as the recipe says.

Every draw comes from one CPU generator, so that a training resumed with its state goes on with the
same batches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

from soundkin.augment.stretch import pitch_shift, read_faster, time_stretch
from soundkin.augment.waveform import (
    add_noise,
    band_limit,
    circular_shift,
    equalise,
    mix,
    nearby_starts,
    reverb,
    room,
)
from soundkin.synth.doppelganger import pairs
from soundkin.synth.notes import instrument_pairs
from soundkin.synth.parameters import GROUPS
from soundkin.synth.patches import make_patch

if TYPE_CHECKING:
    from collections.abc import Callable

    from soundkin.recipe.settings import Data, Deform, Range, Recipe
    from soundkin.recipe.sounds import Sounds
    from soundkin.synth.patches import Patch

REDRAWS = 8
"""How often a silent window is drawn again."""
KNOBS = 6


@dataclass(frozen=True, slots=True)
class Views:
    """Pairs of waveforms: `a`, `b` (n, window); row i of both is the same thing.

    `mixed` (n,) int64: which row was mixed into `b`, -1 for none.
    """

    a: Tensor
    b: Tensor
    mixed: Tensor


def draw_views(recipe: Recipe, sounds: Sounds | None, generator: Generator) -> Views:
    """One batch of pairs: from the synthesizer, or from windows of `sounds`."""
    n = recipe.run.batch
    if sounds is None:
        return synth_views(recipe, n, generator)
    if recipe.data.kin:
        from soundkin.recipe.speech import speech_views  # noqa: PLC0415 - it builds on this file

        return speech_views(recipe, sounds, n, generator)
    return folder_views(recipe, sounds, n, generator)


def synth_views(recipe: Recipe, n: int, generator: Generator) -> Views:
    """Doppelgängers: both views rendered, both deformed when the recipe says so."""
    data = recipe.data
    names = data.patches or (data.patch,)
    drawn = n - round(n * data.instruments)
    shares = [drawn * (k + 1) // len(names) - drawn * k // len(names) for k in range(len(names))]
    made = [_rendered(data, name, k, generator) for name, k in zip(names, shares, strict=True) if k]
    if data.instruments:
        made = [_instruments(data, round(n * data.instruments), generator), *made]
    order = torch.randperm(n, generator=generator) if len(made) > 1 else torch.arange(n)
    both = [torch.cat(views)[order] for views in zip(*made, strict=True)]
    if recipe.deform.speed_semitones != (0, 0):
        both[1] = _speeded(both[1], recipe.deform, generator)
    if data.spare_s:
        both = [_anywhere(view, data.window, generator) for view in both]
    if data.layers:
        both = _layered(both, data.layers, generator)
    a, b = (deform(v[:, : data.window], recipe.deform, data.rate_hz, generator) for v in both)
    if data.shorten:
        a, b = (_shortened(view, data.shorten, generator) for view in (a, b))
    return Views(a, b, torch.full((n,), -1))


def _rendered(data: Data, name: str, n: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Both views of n pairs of one patch: (n, samples) each."""
    duration_s = data.window / data.rate_hz + data.spare_s
    patch = make_patch(name, rate_hz=data.rate_hz, duration_s=duration_s)
    delta: Tensor | float = data.delta
    if data.deltas != (0, 0):
        low, high = (math.log(bound) for bound in data.deltas)
        delta = torch.exp(low + (high - low) * torch.rand(n, 1, generator=generator))
    if data.shares != (1, 1, 1):
        delta = (delta * _shares(patch, data.shares)).clamp(max=1.0)
    made = pairs(patch, n, delta=delta, prior=data.prior, generator=generator)
    return made.a, made.b


def _instruments(data: Data, n: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Both views of n pairs of one instrument with other notes: (n, samples) each."""
    rate = data.rate_hz
    samples = math.ceil((data.window / rate + data.spare_s) * rate)
    return instrument_pairs(n, rate_hz=rate, samples=samples, generator=generator)


def _speeded(x: Tensor, how: Deform, generator: Generator) -> Tensor:
    """Some rows faster or slower, pitch and all, by semitones: same shape, silence behind."""
    low, high = how.speed_semitones
    on = torch.rand(len(x), generator=generator) < how.probability
    by = low + (high - low) * torch.rand(len(x), generator=generator)
    changed = x.clone()
    changed[on] = read_faster(x[on], torch.exp2(by[on] / 12), x.shape[1])
    return changed


def _shares(patch: Patch, shares: tuple[float, float, float]) -> Tensor:
    """How much of a delta each parameter of the patch goes: (parameters,)."""
    steps = torch.empty(len(patch.table))
    for group, share in zip(GROUPS, shares, strict=True):
        steps[patch.table.in_group(group)] = share
    return steps


def _anywhere(x: Tensor, window: int, generator: Generator) -> Tensor:
    """A window of each row, begun anywhere: (n, samples) -> (n, window)."""
    starts = torch.rand(len(x), generator=generator) * (x.shape[1] - window + 1)
    return x.gather(1, starts.long()[:, None] + torch.arange(window))


def _layered(both: list[Tensor], share: float, generator: Generator) -> list[Tensor]:
    """Some pairs over the next one: 3 to 15 dB down, and up to 3 more in each view."""
    n = len(both[0])
    on = torch.rand(n, generator=generator) < share
    down = 3 + 12 * torch.rand(n, generator=generator)
    loud = [view / view.abs().amax(dim=1, keepdim=True).clamp_min(1e-9) for view in both]
    gains = [on * 10 ** (-(down + 3 * torch.rand(n, generator=generator)) / 20) for _ in both]
    return [x + gain[:, None] * x.roll(1, 0) for x, gain in zip(loud, gains, strict=True)]


def _shortened(x: Tensor, share: float, generator: Generator) -> Tensor:
    """Some rows silent from a place on, 50 ms of a second and later; short ones are frequent."""
    n, length = x.shape
    on = torch.rand(n, generator=generator) < share
    kept = 0.05 + 0.95 * torch.rand(n, generator=generator) ** 2
    ends = torch.where(on, (kept * length).long(), length)
    return x * (torch.arange(length) < ends[:, None])


def folder_views(recipe: Recipe, sounds: Sounds, n: int, generator: Generator) -> Views:
    """A window of each of n recordings, and a deformed one of the same place or near it."""
    how, data = recipe.deform, recipe.data
    kinds = _kinds(how)
    if how.one_a_batch and kinds:
        kinds = [kinds[int(torch.randint(len(kinds), (1,), generator=generator))]]
    which, starts, a = _audible(sounds, n, data.window, generator)
    near = starts
    if "nearby" in kinds:
        lengths = torch.from_numpy(sounds.lengths[which.numpy()])
        within = round(how.nearby_s * data.rate_hz)
        near = nearby_starts(
            starts, lengths, window=data.window, within=within, generator=generator
        )
    span = math.ceil(data.window / min(1.0, how.stretch[0])) if "stretch" in kinds else data.window
    b = torch.from_numpy(sounds.read(which.numpy(), near.numpy(), span))
    silent = b.abs().amax(dim=1) == 0
    b[silent, : data.window] = a[silent]
    b = _deformed(b, how, kinds, data.rate_hz, generator, window=data.window)
    mixed = torch.full((n,), -1)
    if "mixture" in kinds:
        mixed = (torch.arange(n) + 1) % n
        b = mix(b, a[mixed], how.mixture)
    return Views(a, b, mixed)


def deform(x: Tensor, how: Deform, rate_hz: int, generator: Generator) -> Tensor:
    """Apply a recipe's deformations of one sound to each row: (n, samples) -> same.

    Each row has each of them with the recipe's probability; strengths are drawn evenly.
    """
    return _deformed(x, how, _kinds(how), rate_hz, generator, window=x.shape[1])


def _kinds(how: Deform) -> list[str]:
    """The deformations that a recipe turns on."""
    on = {
        "nearby": how.nearby_s > 0,
        "stretch": how.stretch != (1, 1),
        "pitch": how.pitch_semitones != (0, 0),
        "equaliser": how.equaliser_db != (0, 0),
        "high-pass": how.high_pass_hz != (0, 0),
        "low-pass": how.low_pass_hz != (0, 0),
        "reverb": how.reverberation_s != (0, 0),
        "shift": how.shift > 0,
        "noise": how.noise != (0, 0),
        "mixture": how.mixture > 0,
    }
    return [kind for kind, is_on in on.items() if is_on]


def _deformed(
    x: Tensor, how: Deform, kinds: list[str], rate_hz: int, generator: Generator, *, window: int
) -> Tensor:
    """The deformations of one sound, in a fixed order; rows longer than the window are cut."""
    draws = _Draws(how, rate_hz, window, len(x), generator)
    for kind, change in _CHANGES.items():
        if kind in kinds:
            x = change(x, draws)
    return x


@dataclass(frozen=True, slots=True)
class _Draws:
    """Strengths for the rows of one batch."""

    how: Deform
    rate_hz: int
    window: int
    n: int
    generator: Generator

    def evenly(self, bounds: Range) -> Tensor:
        """Between two bounds: (n,)."""
        low, high = bounds
        return low + (high - low) * torch.rand(self.n, generator=self.generator)

    def on(self) -> Tensor:
        """Which rows are deformed at all: (n,) bool."""
        share = 1.0 if self.how.one_a_batch else self.how.probability
        return torch.rand(self.n, generator=self.generator) < share

    def strengths(self, bounds: Range, off: float = 0.0) -> Tensor:
        """Between two bounds, or `off`: (n,)."""
        return torch.where(self.on(), self.evenly(bounds), off)


def _stretch(x: Tensor, draws: _Draws) -> Tensor:
    low, high = draws.how.stretch
    factor = draws.strengths((math.log(low), math.log(high))).exp()
    return time_stretch(x, factor, n_out=draws.window)


def _pitch(x: Tensor, draws: _Draws) -> Tensor:
    return pitch_shift(x, draws.strengths(draws.how.pitch_semitones))


def _equalise(x: Tensor, draws: _Draws) -> Tensor:
    knobs = torch.stack([draws.evenly(draws.how.equaliser_db) for _ in range(KNOBS)], dim=1)
    on = draws.on()
    return _where(on, x, lambda rows: equalise(rows, knobs[on], rate_hz=draws.rate_hz))


def _where(on: Tensor, x: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Change the rows that are on (n,) and leave the others: (n, samples) -> same."""
    if not bool(on.any()):
        return x
    changed = x.clone()
    changed[on] = change(x[on])
    return changed


def _high_pass(x: Tensor, draws: _Draws) -> Tensor:
    corner = draws.strengths(draws.how.high_pass_hz)
    return band_limit(x, rate_hz=draws.rate_hz, high_pass_hz=corner)


def _low_pass(x: Tensor, draws: _Draws) -> Tensor:
    corner = draws.strengths(draws.how.low_pass_hz, math.inf)
    on, rate = corner.isfinite(), draws.rate_hz
    return _where(on, x, lambda rows: band_limit(rows, rate_hz=rate, low_pass_hz=corner[on]))


def _reverb(x: Tensor, draws: _Draws) -> Tensor:
    seconds, on = draws.evenly(draws.how.reverberation_s), draws.on()
    n, rate, generator = int(on.sum()), draws.rate_hz, draws.generator
    impulse = room(n, seconds[on], rate_hz=rate, generator=generator)
    return _where(on, x, lambda rows: reverb(rows, impulse, 0.5))


def _shift(x: Tensor, draws: _Draws) -> Tensor:
    share = draws.strengths((-draws.how.shift, draws.how.shift))
    return circular_shift(x, (share * x.shape[1]).long())


def _noise(x: Tensor, draws: _Draws) -> Tensor:
    deviation = draws.strengths(draws.how.noise)
    level = x.square().mean(dim=1).sqrt().clamp_min(1e-9)
    snr = torch.where(deviation > 0, 20 * torch.log10(level / deviation.clamp_min(1e-9)), math.inf)
    return add_noise(x, snr, generator=draws.generator)


_CHANGES: dict[str, Callable[[Tensor, _Draws], Tensor]] = {
    "stretch": _stretch,
    "pitch": _pitch,
    "equaliser": _equalise,
    "high-pass": _high_pass,
    "low-pass": _low_pass,
    "reverb": _reverb,
    "shift": _shift,
    "noise": _noise,
}


def _audible(
    sounds: Sounds, n: int, window: int, generator: Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Windows of n drawn recordings: which, from where, and their samples; few are silent."""
    which = torch.randint(len(sounds), (n,), generator=generator)
    lengths = torch.from_numpy(sounds.lengths)
    starts = torch.zeros(n, dtype=torch.long)
    samples = torch.zeros(n, window)
    todo = torch.arange(n)
    for _ in range(REDRAWS):
        # an end shorter than the window is filled with silence
        last = (lengths[which[todo]] - window).clamp_min(0)
        starts[todo] = (torch.rand(len(todo), generator=generator) * (last + 1)).long()
        read = sounds.read(which[todo].numpy(), starts[todo].numpy(), window)
        samples[todo] = torch.from_numpy(read)
        todo = todo[samples[todo].abs().amax(dim=1) == 0]
        if not len(todo):
            break
        which[todo] = torch.randint(len(sounds), (len(todo),), generator=generator)
    return which, starts, samples
