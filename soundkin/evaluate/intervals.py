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


def over_seeds(
    above: npt.ArrayLike,
    below: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """The mean of values (seeds, n) of trainings on the same n clips; seeds and clips are both drawn.

    With `below` (n,), 0 and more, the ratio of the two means; columns that hold NaN are left out.
    With one seed it is the interval over clips alone. Raises InputError for no values.

    Examples
    --------
    >>> print(over_seeds([[1, 1, 1], [0, 0, 0]]))
    0.500 (0.000-1.000)
    """
    top, bottom, unit = _by_groups(above, below, groups)
    found = _drawn(top, bottom, draws, seed)
    low, high = np.nanquantile(found, [0.025, 0.975])
    return Interval(float(top.mean(axis=0).sum() / bottom.sum()), float(low), float(high), unit)


def seeds_difference(
    ours: npt.ArrayLike,
    theirs: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    *,
    below: npt.ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """How much higher the mean of ours (seeds, n) is than of theirs (seeds, n), on the same clips.

    Clips are drawn together, the seeds of each by themselves; `below` as in :func:`over_seeds`.

    Examples
    --------
    >>> seeds_difference([[1, 1, 0, 1]], [[0, 1, 0, 1]]).value
    0.25
    """
    mine, bottom, unit = _by_groups(ours, below, groups)
    other = _by_groups(theirs, below, groups)[0]
    found = _drawn(mine, bottom, draws, seed) - _drawn(other, bottom, draws, seed, stream=1)
    low, high = np.nanquantile(found, [0.025, 0.975])
    value = float((mine.mean(axis=0) - other.mean(axis=0)).sum() / bottom.sum())
    return Interval(value, float(low), float(high), unit)


def _by_groups(
    above: npt.ArrayLike, below: npt.ArrayLike | None, groups: npt.ArrayLike | None
) -> tuple[Doubles, Doubles, str]:
    """Values (seeds, k), what they are shares of (k,), and what is drawn: clips or groups."""
    top = np.atleast_2d(np.asarray(above, np.float64))
    bottom = np.ones(top.shape[1]) if below is None else np.asarray(below, np.float64)
    there = np.isfinite(top).all(axis=0)
    if not there.any():
        raise InputError("no values", "one and more", "a label needs two clips of two groups")
    top, bottom = top[:, there], bottom[there]
    if groups is None:
        return top, bottom, "clip"
    _, of = np.unique(np.asarray(groups)[there], return_inverse=True)
    if not FEWEST_GROUPS <= of.max() + 1 < len(bottom):
        return top, bottom, "clip"
    summed = np.stack([np.bincount(of, row).astype(np.float64) for row in top])
    return summed, np.bincount(of, bottom).astype(np.float64), "group"


def _drawn(top: Doubles, bottom: Doubles, draws: int, seed: int, *, stream: int = 0) -> Doubles:
    """Ratios (draws,) with the clips of `seed` and the trainings of `seed` and `stream`."""
    clips = draw_weights(len(bottom), draws, seed)
    trained = np.random.default_rng([seed, 1, stream]).multinomial(
        len(top), np.full(len(top), 1 / len(top)), size=draws
    )
    sums = ((trained / len(top)) @ top * clips).sum(axis=1)
    lengths = clips @ bottom
    found: Doubles = np.divide(sums, lengths, out=np.full(draws, np.nan), where=lengths > 0)
    return found


def draw_weights(n: int, draws: int, seed: int) -> Doubles:
    """How often each of n rows comes in each draw of n with replacement: (draws, n)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
