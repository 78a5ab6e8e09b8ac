"""Pairs of sounds that differ by as much as asked: audio doppelgängers (arXiv 2406.05923).

A sound is a point u in [0, 1]^D of its patch. Both views of a pair are steps away from the same
point, clip(u + delta N(0, 1), 1e-6, 1), with independent steps; u itself is never heard. Noise
inside the sounds is fresh for every sound and every view.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from soundkin.errors import InputError

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from soundkin.synth.parameters import Group
    from soundkin.synth.patches import Normalise, Patch

Prior = Literal["uniform-human", "uniform-unit"]
PRIORS: tuple[Prior, ...] = ("uniform-human", "uniform-unit")
"""Uniform in the human range (as the published code draws: curves shape only the steps), or in u."""

LOWEST = 1e-6
"""The least u of a view, as published."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two views of each of n sounds: `a`, `b` (n, samples), and their parameters (n, parameters)."""

    a: Tensor
    b: Tensor
    u_a: Tensor
    u_b: Tensor


def draw(patch: Patch, n: int, *, prior: Prior, generator: Generator) -> Tensor:
    """Points of the patch, (n, parameters) in [1e-6, 1]; raises InputError for an unknown prior.

    Examples
    --------
    >>> from soundkin.synth.patches import make_patch
    >>> g = torch.Generator().manual_seed(0)
    >>> draw(make_patch("voice"), 3, prior="uniform-unit", generator=g).shape
    torch.Size([3, 78])
    """
    if prior not in PRIORS:
        raise InputError(f"a prior {prior!r}", f"one of {', '.join(PRIORS)}")
    uniform = torch.rand(n, len(patch.table), generator=generator)
    if prior == "uniform-human":
        uniform = patch.table.share_to_unit(uniform)
    return uniform.clamp(LOWEST, 1.0)


def deltas(
    patch: Patch,
    delta: float,
    *,
    pitch: float | None = None,
    timbre: float | None = None,
    envelope: float | None = None,
) -> Tensor:
    """The step of every parameter, (parameters,): `delta`, or that of its group where given.

    A group with a large step is what the pairs, and so a space trained on them, ignore.
    Raises InputError for a step outside 0 to 1.

    Examples
    --------
    >>> from soundkin.synth.patches import make_patch
    >>> deltas(make_patch("voice"), 0.1, pitch=1.0)[:2]
    tensor([1.0000, 0.1000])
    """
    asked: dict[Group, float | None] = {"pitch": pitch, "timbre": timbre, "envelope": envelope}
    for step in (delta, *asked.values()):
        if step is not None and not 0 <= step <= 1:
            raise InputError(f"a delta of {step:g}", "0 to 1")
    steps = torch.full((len(patch.table),), float(delta))
    for group, step in asked.items():
        if step is not None:
            steps[patch.table.in_group(group)] = step
    return steps


def perturb(u: Tensor, steps: Tensor | float, *, generator: Generator) -> Tensor:
    """One view's parameters: clip(u + steps N(0, 1), 1e-6, 1), same shape as u."""
    return (u + steps * torch.randn(u.shape, generator=generator)).clamp(LOWEST, 1.0)


def seeds(n: int, *, generator: Generator) -> Tensor:
    """Fresh noise for n sounds: int64 (n,)."""
    return torch.randint(0, 1 << 62, (n,), generator=generator)


def pairs(
    patch: Patch,
    n: int,
    *,
    delta: float | Tensor = 0.25,
    prior: Prior = "uniform-human",
    generator: Generator,
    normalise: Normalise = "peak",
    device: str | torch.device = "cpu",
) -> Pairs:
    """Pairs of the patch; `delta` one step for all parameters, or one each (see `deltas`).

    Parameters and seeds are drawn on the CPU, so that a generator gives the same pairs everywhere.
    Raises InputError for fewer than one pair, a delta outside 0 to 1, an unknown prior.

    Examples
    --------
    >>> from soundkin.synth.patches import make_patch
    >>> made = pairs(make_patch("voice"), 2, delta=0.1, generator=torch.Generator().manual_seed(0))
    >>> made.a.shape
    torch.Size([2, 16000])
    """
    if n < 1:
        raise InputError(f"{n} pairs", "one pair and more")
    steps = delta if isinstance(delta, torch.Tensor) else deltas(patch, delta)
    u = draw(patch, n, prior=prior, generator=generator)
    views = [perturb(u, steps, generator=generator) for _ in range(2)]
    noises = [seeds(n, generator=generator) for _ in range(2)]
    u_both = torch.cat(views).to(device)
    both = patch.render(u_both, torch.cat(noises).to(device), normalise=normalise)
    return Pairs(both[:n], both[n:], u_both[:n], u_both[n:])
