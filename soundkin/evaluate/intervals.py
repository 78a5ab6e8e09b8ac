"""How sure is a mean? Bootstrap intervals over clips, or over whole groups of them.

Clips of one group are no independent witnesses: with ten groups and more, groups are drawn;
with fewer, a draw of groups says little, and clips are drawn. `unit` says which it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError

FEWEST_GROUPS = 10
DRAWS = 2000

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the ends of its 95 % interval; `unit`: what was drawn, "clip" or "group"."""

    value: float
    low: float
    high: float
    unit: str = "clip"

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


def bootstrap_mean(
    values: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """The mean of values (n,) with its interval, 2.5 % to 97.5 % of the draws.

    `groups` (n,): whose each value is. Raises InputError for no values.

    Examples
    --------
    >>> print(bootstrap_mean([1.0, 1.0, 1.0]))
    1.000 (1.000-1.000)
    """
    x = np.asarray(values, np.float64)
    return bootstrap_ratio(x, np.ones_like(x), groups, draws=draws, seed=seed)


def bootstrap_ratio(
    above: npt.ArrayLike,
    below: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """The ratio of two sums over the same rows (n,), with its interval; `below` is 0 and more.

    Raises InputError for no rows.
    """
    top, bottom = np.asarray(above, np.float64), np.asarray(below, np.float64)
    if not len(top):
        raise InputError("no values", "one and more", "a label needs two clips of two groups")
    unit = "clip"
    if groups is not None:
        _, of = np.unique(np.asarray(groups), return_inverse=True)
        if FEWEST_GROUPS <= of.max() + 1 < len(top):
            top = np.bincount(of, top).astype(np.float64)
            bottom, unit = np.bincount(of, bottom).astype(np.float64), "group"
    weights = draw_weights(len(top), draws, seed)
    sums, lengths = weights @ top, weights @ bottom
    found = np.divide(sums, lengths, out=np.full(draws, np.nan), where=lengths > 0)
    low, high = np.nanquantile(found, [0.025, 0.975])
    return Interval(float(top.sum() / bottom.sum()), float(low), float(high), unit)


def paired_difference(
    ours: npt.ArrayLike,
    theirs: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """How much higher ours are than theirs on the same rows (n,), with the interval of the mean.

    Examples
    --------
    >>> paired_difference([1, 1, 0, 1], [0, 1, 0, 1]).value
    0.25
    """
    gap = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    return bootstrap_mean(gap, groups, draws=draws, seed=seed)


def draw_weights(n: int, draws: int, seed: int) -> Doubles:
    """How often each of n rows comes in each draw of n with replacement: (draws, n)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
