"""Vector arithmetic, measured: whether solo + solo leads to the duet of the two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.evaluate.retrieval import unit_rows

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sums:
    """Rank of each true duet among all other tracks, 1 is best: (m,) each.

    Asked by the sum of its two solos, by the first alone, by the second alone.
    """

    both: Ints
    first: Ints
    second: Ints

    def median(self) -> tuple[float, float]:
        """Median rank by the sum, and by the better solo of each."""
        alone = np.minimum(self.first, self.second)
        return float(np.median(self.both)), float(np.median(alone))


def duet_ranks(vectors: npt.ArrayLike, triples: npt.ArrayLike) -> Sums:
    """Ranks by cosine: vectors (n, dim); triples (m, 3): rows of two solos and their duet.

    The two solos themselves never answer. Raises InputError for other shapes.

    Examples
    --------
    >>> x = np.array([[1.0, 0], [0, 1], [1, 1], [1, 0.2], [0.1, 1]])
    >>> found = duet_ranks(x, [[0, 1, 2]])
    >>> found.both.tolist(), found.first.tolist()
    ([1], [2])
    """
    unit, rows = unit_rows(vectors), np.asarray(triples, np.int64)
    if rows.ndim != 2 or rows.shape[1] != 3:
        raise InputError(f"triples of shape {rows.shape}", "(m, 3)", "solo, solo, duet")
    ranks = []
    for queries in (unit[rows[:, 0]] + unit[rows[:, 1]], unit[rows[:, 0]], unit[rows[:, 1]]):
        scores = queries @ unit.T
        np.put_along_axis(scores, rows[:, :2], -np.inf, axis=1)
        true = np.take_along_axis(scores, rows[:, 2:], axis=1)
        ranks.append((scores > true).sum(axis=1) + 1)
    return Sums(*ranks)
