"""What can be turned on a synthesizer: names, ranges, curves, units, groups.

Sounds are asked for by `u`: a (batch, parameters) tensor in [0, 1]. A parameter turns its column
into a human value (seconds, hertz, semitones, ...):

- value = minimum + (maximum - minimum) u^(1 / curve), or, when symmetric,
- value = middle + (maximum - minimum) / 2 sign(d) |d|^(1 / curve) with d = 2 u - 1.

`group` says what a listener hears change: "pitch", "timbre" or "envelope" (the course in time).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import torch

from soundkin.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor

Group = Literal["pitch", "timbre", "envelope"]
GROUPS: tuple[Group, ...] = ("pitch", "timbre", "envelope")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One knob: `name`, range, `curve` > 0 (below 1: small values are finer), unit and group."""

    name: str
    minimum: float
    maximum: float
    curve: float = 1.0
    symmetric: bool = False
    unit: str = ""
    group: Group = "timbre"


def prefixed(prefix: str, parameters: Iterable[Parameter]) -> list[Parameter]:
    """The same parameters under a module's name: "attack" of "adsr_1" is "adsr_1.attack"."""
    return [replace(parameter, name=f"{prefix}.{parameter.name}") for parameter in parameters]


@dataclass(frozen=True)
class ParameterTable:
    """All parameters of one patch, in the order of the columns of `u`.

    Examples
    --------
    >>> table = ParameterTable((Parameter("attack", 0.0, 2.0, curve=0.5, unit="s"),))
    >>> table.to_human(torch.tensor([[0.5]]))
    tensor([[0.5000]])
    """

    parameters: tuple[Parameter, ...]

    def __len__(self) -> int:
        return len(self.parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(parameter.name for parameter in self.parameters)

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {name: column for column, name in enumerate(self.names)}

    def column(self, name: str) -> int:
        """Where a parameter stands; raises InputError for a name that is not in the table."""
        if name not in self._columns:
            raise InputError(f"no parameter {name!r}", f"one of {', '.join(self.names)}")
        return self._columns[name]

    def in_group(self, group: Group) -> Tensor:
        """Which parameters belong to the group: (parameters,) bool."""
        return torch.tensor([parameter.group == group for parameter in self.parameters])

    @cached_property
    def _ranges(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rows = [(p.minimum, p.maximum, p.curve, p.symmetric) for p in self.parameters]
        table = torch.tensor(rows, dtype=torch.float32)
        return table[:, 0], table[:, 1], table[:, 2], table[:, 3] > 0.5

    def to_human(self, u: Tensor) -> Tensor:
        """(batch, parameters) in [0, 1] -> human values; raises InputError for another width."""
        self._check(u)
        minimum, maximum, curve, symmetric = (part.to(u.device) for part in self._ranges)
        d = torch.where(symmetric, 2 * u - 1, u)
        bent = _signed_power(d, 1 / curve)
        share = torch.where(symmetric, (bent + 1) / 2, bent)
        return minimum + (maximum - minimum) * share

    def to_unit(self, values: Tensor) -> Tensor:
        """Human values -> (batch, parameters) in [0, 1], the inverse of `to_human`."""
        self._check(values)
        minimum, maximum, _, _ = (part.to(values.device) for part in self._ranges)
        return self.share_to_unit((values - minimum) / (maximum - minimum))

    def share_to_unit(self, share: Tensor) -> Tensor:
        """How far along its range a human value stands, (batch, parameters) in [0, 1] -> u."""
        _, _, curve, symmetric = (part.to(share.device) for part in self._ranges)
        d = torch.where(symmetric, 2 * share - 1, share)
        bent = _signed_power(d, curve)
        return torch.where(symmetric, (bent + 1) / 2, bent).clamp(0.0, 1.0)

    def _check(self, u: Tensor) -> None:
        if u.ndim != 2 or u.shape[1] != len(self):
            shape = tuple(u.shape)
            raise InputError(f"parameters of shape {shape}", f"(batch, {len(self)}) for this patch")

    def markdown(self) -> str:
        """The table as the docs print it; parameters that differ in their numbers share a row."""
        rows: dict[str, list[Parameter]] = {}
        for parameter in self.parameters:
            rows.setdefault(re.sub(r"\d+", "*", parameter.name), []).append(parameter)
        lines = [
            "| parameter | how many | range | curve | unit | group |",
            "|---|---|---|---|---|---|",
        ]
        for pattern, (first, *others) in rows.items():
            name = pattern if others else first.name
            span = f"{first.minimum:.4g} to {first.maximum:.4g}"
            curve = f"{first.curve:g}{', symmetric' if first.symmetric else ''}"
            cells = (f"`{name}`", 1 + len(others), span, curve, first.unit, first.group)
            lines.append("| " + " | ".join(map(str, cells)) + " |")
        return "\n".join(lines) + "\n"


def _signed_power(d: Tensor, exponent: Tensor) -> Tensor:
    """sign(d) |d|^exponent, with a finite gradient at 0."""
    size = d.abs().clamp_min(1e-12)
    return torch.where(d == 0, torch.zeros_like(d), torch.sign(d) * size**exponent)
