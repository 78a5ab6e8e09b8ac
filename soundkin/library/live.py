"""The vectors of one space as a library holds them: a base that stays, a tail that grows.

The base is what an index was built from: memory-mapped from its cache file where there is one, never
changed. What came since lies in the tail and is scanned; it is short, for the index is brought up to date
when it has grown (see :mod:`soundkin.library.indexes`). Without an index everything is tail.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from soundkin.index.exact import search

if TYPE_CHECKING:
    from soundkin.index import Floats, Ids, Index

SPARE = 16
"""Answers asked for beyond those wanted when some of the base's rows may not answer."""

MASKED_BELOW = 0.5
"""Where less than this part of the base may answer, the index is told which; else it is asked for more."""


class _Room:
    """Memory for rows to come, shared by all that are grown from one another."""

    def __init__(self, rows: Floats) -> None:
        self.rows = rows
        self.used = len(rows)


@dataclass(frozen=True, slots=True)
class Rows:
    """Vectors (n, dim) in two pieces that read like one array; never changes.

    >>> rows = Rows.of(np.eye(3, dtype=np.float32)).plus(np.ones((1, 3), np.float32))
    >>> rows.shape, rows[np.array([3, 0])].tolist()
    ((4, 3), [[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    """

    base: Floats
    tail: Floats
    room: _Room = field(repr=False)

    @classmethod
    def of(cls, tail: Floats, base: Floats | None = None) -> Rows:
        """Return rows of a tail, and of a base before it."""
        empty = np.empty((0, tail.shape[1]), np.float32)
        return cls(empty if base is None else base, tail, _Room(tail))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and length of a row."""
        return len(self), self.base.shape[1]

    def __len__(self) -> int:
        return len(self.base) + len(self.tail)

    def __getitem__(self, which: Any) -> Floats:
        """Return rows by number, slice, mask or array of numbers."""
        first = len(self.base)
        if not len(self.tail) or not first:
            chosen: Floats = (self.base if first else self.tail)[which]
            return chosen
        if isinstance(which, slice):
            low, high, step = which.indices(len(self))
            if step == 1 and (high <= first or low >= first):
                return (
                    self.base[low:high] if high <= first else self.tail[low - first : high - first]
                )
            which = np.arange(low, high, step)
        which = np.asarray(which)
        if which.dtype == np.bool_:
            which = np.flatnonzero(which)
        which = np.where(which < 0, which + len(self), which)
        later = which >= first
        if not later.any():
            return np.asarray(self.base[which])
        found = np.asarray(self.base[np.where(later, 0, which)])
        if found.ndim == 1:
            later_row: Floats = self.tail[which - first]
            return later_row
        found[later] = self.tail[which[later] - first]
        return found

    def __array__(self, dtype: Any = None, *, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return the rows as one array, copied when there are two pieces."""
        whole = self[:]
        return np.array(whole, dtype, copy=True) if copy else np.asarray(whole, dtype)

    def plus(self, new: Floats) -> Rows:
        """Return these rows and some more; the room doubles when it is full."""
        start, end = len(self.tail), len(self.tail) + len(new)
        room = self.room
        if end > len(room.rows) or room.used != start:
            room = _Room(np.empty((max(end, 2 * start), self.base.shape[1]), np.float32))
            room.rows[:start] = self.tail
        room.rows[start:end] = new
        room.used = end
        return Rows(self.base, room.rows[:end], room)


@dataclass(frozen=True, slots=True)
class LiveIndex:
    """The reading half of an :class:`soundkin.index.Index` over a library's rows; never changes.

    vectors: all rows, by id. alive (n_ids,): which may be found. near: an approximate index over the
    rows of `vectors.base`; None compares everything.
    """

    space_id: str
    vectors: Rows
    alive: npt.NDArray[np.bool_]
    n: int
    near: Index | None = None

    @classmethod
    def of(
        cls, space_id: str, vectors: Rows, alive: npt.NDArray[np.bool_], near: Index | None = None
    ) -> LiveIndex:
        """Return an index over rows of which some are alive."""
        return cls(space_id, vectors, alive, int(np.count_nonzero(alive)), near)

    @property
    def kind(self) -> str:
        """The kind of index that is asked first."""
        return "exact" if self.near is None else self.near.kind

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.vectors.shape[1]

    @property
    def n_ids(self) -> int:
        """How many ids have been given: the length of a boolean mask."""
        return len(self.vectors)

    @property
    def n_tail(self) -> int:
        """How many rows are scanned because the index does not have them."""
        return len(self.vectors.tail)

    def grown(self, new: Floats | None, dead: npt.NDArray[np.int64]) -> LiveIndex:
        """Return an index with further rows and without the dead ones."""
        vectors, alive = self.vectors, self.alive
        if len(dead):
            alive = alive.copy()
            alive[dead] = False
        if new is not None and len(new):
            vectors = vectors.plus(new)
            alive = np.concatenate([alive, np.ones(len(new), np.bool_)])
        return LiveIndex.of(self.space_id, vectors, alive, self.near)

    def query(
        self, Q: Floats, k: int = 10, *, mask: npt.NDArray[Any] | None = None, **effort: float
    ) -> tuple[Ids, Floats]:
        """Nearest rows of each row of `Q` (n_queries, dim): ids and distances, (n_queries, k).

        `mask` limits the search: a boolean for each id, or an array of ids. `effort` goes to the index.
        """
        Q = np.ascontiguousarray(np.atleast_2d(Q), np.float32)
        if mask is None:
            allowed, n_allowed = self.alive, self.n
        else:
            allowed = np.zeros(self.n_ids, np.bool_)
            allowed[mask] = True
            allowed &= self.alive
            n_allowed = int(np.count_nonzero(allowed))
        return self.among(Q, k, allowed, n_allowed, **effort)

    def among(
        self,
        Q: Floats,
        k: int,
        allowed: npt.NDArray[np.bool_],
        n_allowed: int,
        **effort: float,
    ) -> tuple[Ids, Floats]:
        """As `query`, for a mask (n_ids,) of living rows and how many it allows."""
        first = len(self.vectors.base)
        near = self.near
        if near is None:
            return _scan(np.asarray(self.vectors), Q, k, allowed, n_allowed)
        n_tail = int(np.count_nonzero(allowed[first:])) if self.n_tail else 0
        found = self._in_base(near, Q, k, allowed[:first], n_allowed - n_tail, effort)
        if not n_tail:
            return found
        ids, distances = _scan(self.vectors.tail, Q, k, allowed[first:], n_tail)
        ids[ids >= 0] += first
        ids = np.concatenate([found[0], ids], axis=1)
        distances = np.concatenate([found[1], distances], axis=1)
        order = np.argsort(distances, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(ids, order, 1), np.take_along_axis(distances, order, 1)

    def _in_base(
        self,
        near: Index,
        Q: Floats,
        k: int,
        allowed: npt.NDArray[np.bool_],
        n_allowed: int,
        effort: dict[str, float],
    ) -> tuple[Ids, Floats]:
        """Ask the index; where most rows may answer, for more than are wanted, else with a mask."""
        n = len(allowed)
        if n_allowed == n:
            return near.query(Q, k, mask=None, **effort)
        if n_allowed > MASKED_BELOW * n:
            wanted = min(n, int(k * n / n_allowed) + SPARE)
            ids, distances = near.query(Q, wanted, mask=None, **effort)
            may = (ids >= 0) & allowed[ids]
            if (may.sum(axis=1) >= min(k, n_allowed)).all():
                distances = np.where(may, distances, np.inf)
                order = np.argsort(distances, axis=1, kind="stable")[:, :k]
                ids = np.where(may, ids, -1)
                return np.take_along_axis(ids, order, 1), np.take_along_axis(distances, order, 1)
        return near.query(Q, k, mask=allowed, **effort)

    def stats(self) -> dict[str, object]:
        """Kind, counts and settings, ready for JSON."""
        inner = {} if self.near is None else self.near.stats()
        return {
            "kind": "exact",
            **inner,
            "space_id": self.space_id,
            "dim": self.dim,
            "n": self.n,
            "n_ids": self.n_ids,
            "n_tail": self.n_tail,
        }


def _scan(
    X: Floats, Q: Floats, k: int, allowed: npt.NDArray[np.bool_], n_allowed: int
) -> tuple[Ids, Floats]:
    """Exact neighbours among the rows that may answer."""
    return search(X, Q, k, None if n_allowed == len(X) else allowed)
