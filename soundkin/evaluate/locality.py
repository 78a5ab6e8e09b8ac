"""Which property does a space keep near? How often equals meet in a neighbourhood, against chance.

After McCallum et al. 2024 (arXiv 2401.08889): a property that an augmentation leaves alone stays
local, one that it changes spreads. The authors' formula could not be had; ours: over all asking
clips, the share of the k nearest that have the asker's value of a property, divided by the share
that would by chance (its share of all clips that may answer). 1 is chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.evaluate.intervals import Interval, bootstrap_ratio
from soundkin.evaluate.retrieval import neighbours

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Doubles = npt.NDArray[np.float64]
KS = (1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True, slots=True)
class Curve:
    """Locality of one property over the sizes of the neighbourhood, and what chance alone gives."""

    ks: tuple[int, ...]
    lift: tuple[Interval, ...]
    chance: float


@dataclass(frozen=True, slots=True)
class Shares:
    """One property, one row a clip: `share` (n, len(ks)) of equals among the k nearest, `chance` (n,)."""

    ks: tuple[int, ...]
    share: Doubles
    chance: Doubles


def neighbour_shares(
    vectors: npt.ArrayLike,
    properties: Mapping[str, npt.ArrayLike],
    groups: npt.ArrayLike | None = None,
    *,
    ks: Sequence[int] = KS,
) -> dict[str, Shares]:
    """How many of each clip's nearest are its equals: vectors (n, dim); properties name -> (n,).

    Sizes beyond the number of clips are left out.
    """
    values = {name: np.asarray(column) for name, column in properties.items()}
    shares: dict[str, list[Doubles]] = {name: [] for name in values}
    chances: dict[str, list[Doubles]] = {name: [] for name in values}
    chosen: tuple[int, ...] = ()
    for begin, order, allowed in neighbours(vectors, groups):
        asked = np.arange(begin, begin + len(order))
        n = allowed.sum(axis=1)
        chosen = chosen or tuple(int(k) for k in ks if k < len(order[0]))
        for name, value in values.items():
            same = np.cumsum((value[order] == value[asked, None]) & allowed, axis=1)
            at = np.maximum(np.minimum(np.asarray(chosen)[None], n[:, None]), 1)
            shares[name].append(np.take_along_axis(same, at - 1, axis=1) / at)
            chances[name].append(same[:, -1] / np.maximum(n, 1))
    return {
        name: Shares(chosen, np.concatenate(shares[name]), np.concatenate(chances[name]))
        for name in values
    }


def locality(
    vectors: npt.ArrayLike,
    properties: Mapping[str, npt.ArrayLike],
    groups: npt.ArrayLike | None = None,
    *,
    ks: Sequence[int] = KS,
    draws: int = 500,
    seed: int = 0,
) -> dict[str, Curve]:
    """Curves of every property: vectors (n, dim); properties name -> (n,); groups (n,).

    Sizes beyond the number of clips are left out. Intervals: bootstrap over clips.

    Examples
    --------
    >>> x = np.repeat(np.eye(2), 10, axis=0) + np.arange(20)[:, None] / 1000
    >>> curve = locality(x, {"side": np.repeat(["l", "r"], 10)}, ks=[5])["side"]
    >>> round(curve.lift[0].value, 2), round(curve.chance, 3)
    (2.11, 0.474)
    """
    curves = {}
    for name, found in neighbour_shares(vectors, properties, groups, ks=ks).items():
        columns = [bootstrap_ratio(c, found.chance, draws=draws, seed=seed) for c in found.share.T]
        curves[name] = Curve(found.ks, tuple(columns), float(found.chance.mean()))
    return curves
