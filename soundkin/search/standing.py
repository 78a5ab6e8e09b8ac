"""A query that stands while the weights of its spaces change: what was compared is not compared again.

How close a sound is in one space, and which sounds that space's index names, does not depend on what the
space counts beside others. So both are remembered with the snapshot they were found in, for some of the
last queries; a slider that moves then costs a weighted sum. An answer is the same either way.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.search.closeness import closeness_of_runs, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from soundkin.library.catalogue import Snapshot, SpaceView
    from soundkin.search.answers import Part, Sense
    from soundkin.search.closeness import Mask, Runs

NOWHERE = np.float32(-np.inf)
"""The closeness of a sound none of whose rows may answer."""


class Standing:
    """What is known of one query in one space; safe from many threads, which find the same.

    The closeness of runs that were measured is kept, one number for each of the view's runs, and the runs
    that the index named when it was asked for so many rows.
    """

    def __init__(self, view: SpaceView, parts: Sequence[Part], allowed: Mask) -> None:
        self.view = view
        self._parts = parts
        self._allowed = allowed
        self._closeness = np.full(len(view.starts), np.nan, np.float32)
        self._named: dict[int, tuple[Runs, float]] = {}

    @property
    def nbytes(self) -> int:
        """What it takes in memory, but for the runs that were named, which are few beside all."""
        return self._closeness.nbytes + self._allowed.nbytes

    def named(self, depth: int, ask: Callable[[], tuple[Runs, float]]) -> tuple[Runs, float]:
        """Return the runs that the index names for so many rows, and the frontier behind them."""
        known = self._named.get(depth)
        if known is None:
            known = self._named[depth] = ask()
        return known

    def closeness(self, runs: Runs) -> npt.NDArray[np.float32]:
        """Return the closeness of some runs to the query, `NOWHERE` where no row may answer."""
        found: npt.NDArray[np.float32] = self._closeness[runs]
        unknown = np.isnan(found)
        if unknown.any():
            new = runs[unknown]
            every = 2 * len(new) > len(self.view.starts)
            heard = closeness_of_runs(self.view, self._parts, self._allowed, None if every else new)
            heard = heard[new] if every else heard
            heard[~self._may(new)] = NOWHERE
            self._closeness[new] = found[unknown] = heard
        return found

    def _may(self, runs: Runs) -> Mask:
        """Return which of some runs have a row that may answer."""
        rows, begins = self.view.rows_of_runs(runs)
        may: Mask = np.logical_or.reduceat(self._allowed[rows], begins)
        return may


def standing_of(snapshot: Snapshot, sense: Sense, allowed: Mask, scope: Hashable) -> Standing:
    """Return what is known of a query in one space; scope: what tells its scope from others."""
    view, parts = sense.view, sense.parts
    key = id(view), scope, *(_named(part) for part in parts)  # it keeps the view: ids stay unique
    return snapshot.standing.get(key, lambda: Standing(view, parts, allowed))


def _named(part: Part) -> Hashable:
    """Return what is the same for the same vectors, weight and place."""
    heard = spread(part.vectors)
    digest = hashlib.blake2b(heard.tobytes(), digest_size=16).digest()
    return digest, len(heard), part.weight, part.sound, part.start_s, part.end_s
