"""The reference: every vector is compared.

Few vectors are scored by one blocked matrix product in float32, many by their int8 codes, which
are a quarter of the bytes (:func:`soundkin.index.nearest.scan`). What comes as near to the k-th best
as a score may be wrong is measured again in float64, so that recall is 1 either way, equal vectors
stand at equal distances, and an answer does not depend on how queries were batched.

Effort of `query`: `threads` (0: all cores for a large index, else one).
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from soundkin.index.container import Arrays, Header, write_container
from soundkin.index.room import grown
from soundkin.index.vectors import (
    as_alive,
    as_allowed,
    as_selection,
    as_unit_vectors,
    check_k,
    exact_distances,
    refuse_effort,
)

if TYPE_CHECKING:
    from soundkin.index import Floats, Ids, Selection
    from soundkin.index.coded import Coded

SLACK, SLACK_PER_DIM = 1e-6, 6e-8
"""More than a float32 score of unit vectors is ever wrong by: dim x eps / 2, and rounding."""
BLOCK_SCORES = 1 << 21
"""Scores held at once, all queries of a batch together: 8 MB."""
MAX_BATCH = 256
"""Queries that share one pass over the vectors."""
GATHER_BELOW = 0.15
"""A selection of less than this part of the items is gathered, not masked."""
CODED_BYTES = 4 << 20
"""More bytes of vectors than these get codes; fewer are scored sooner than Numba is imported."""
EFFORT = ("threads",)
FEW = 4
"""So many queries are multiplied one by one; more as a matrix."""
CACHED_ROWS = 2048
"""Rows that stay in the cache while a few queries take turns."""
ALONE_QUERIES, ALONE_TERMS = 16, 250_000
"""Products of a small table are made in parts so small that BLAS wakes no threads for them: on a
busy machine one that sleeps may cost a query thirty times what it takes."""
POOL_ROWS = 1 << 16
"""Candidates measured at once."""


@dataclass(frozen=True, slots=True)
class _State:
    """What a query reads; replaced as a whole, never changed."""

    vectors: npt.NDArray[np.float32]
    alive: npt.NDArray[np.bool_]
    n_alive: int
    coded: Coded | None


class ExactIndex:
    """Exact search over float32 unit vectors.

    `build` keeps the array it is given without a copy when its rows already are float32 unit
    vectors: do not write into it afterwards.
    """

    kind = "exact"

    def __init__(self, state: _State, space_id: str, tuned: dict[str, Any]) -> None:
        self._state = state
        self._tuned = tuned
        self._room = state.vectors
        self._coded = state.coded
        self._lock = threading.Lock()
        self.space_id = space_id

    @classmethod
    def build(cls, X: Floats, *, seed: int = 0, space_id: str = "") -> ExactIndex:  # noqa: ARG003
        """See :func:`soundkin.index.build`; nothing here is random, so `seed` is not used."""
        vectors = as_unit_vectors(X)
        alive = np.ones(len(vectors), np.bool_)
        coded = _coding().coded(vectors) if vectors.nbytes > CODED_BYTES else None
        return cls(_State(vectors, alive, len(vectors), coded), space_id, {})

    @classmethod
    def from_arrays(cls, header: Header, arrays: Arrays) -> ExactIndex:
        """The index as it was saved, its vectors memory-mapped."""
        alive, coded = arrays["alive"], None
        if "codes" in arrays:
            error = float(header.settings["error"])
            coded = _coding().Coded(arrays["codes"], arrays["scales"], error)
        state = _State(arrays["vectors"], alive, int(np.count_nonzero(alive)), coded)
        return cls(state, header.space_id, header.settings["tuned"])

    @property
    def dim(self) -> int:
        """Length of a vector."""
        dim: int = self._state.vectors.shape[1]
        return dim

    @property
    def n(self) -> int:
        """How many items can be found."""
        return self._state.n_alive

    @property
    def n_ids(self) -> int:
        """How many ids have been given."""
        return len(self._state.vectors)

    @property
    def vectors(self) -> Floats:
        """All rows ever added, (n_ids, dim); read only."""
        view = self._state.vectors.view()
        view.flags.writeable = False
        return view

    @property
    def alive(self) -> npt.NDArray[np.bool_]:
        """Which ids have not been removed, (n_ids,)."""
        return self._state.alive

    def add(self, X: Floats) -> Ids:
        """Append (m, dim) vectors; their ids (m,). Amortised: the room doubles when it is full."""
        rows = as_unit_vectors(X, dim=self.dim)
        with self._lock:
            old = self._state
            start, end = len(old.vectors), len(old.vectors) + len(rows)
            self._room = grown(self._room, start, rows)
            alive = np.concatenate([old.alive, np.ones(len(rows), np.bool_)])
            if self._coded is not None or self._room[:end].nbytes > CODED_BYTES:
                self._coded = _coding().longer(self._coded, self._room[:end], start)
            self._state = _State(self._room[:end], alive, old.n_alive + len(rows), self._coded)
        return np.arange(start, end, dtype=np.int64)

    def remove(self, ids: npt.ArrayLike) -> None:
        """Take items out; `InputError`, and nothing is removed, when one is not there."""
        with self._lock:
            old = self._state
            gone = as_alive(ids, old.alive)
            alive = old.alive.copy()
            alive[gone] = False
            self._state = _State(old.vectors, alive, old.n_alive - gone.size, old.coded)

    def query(
        self, Q: Floats, k: int = 10, *, mask: Selection = None, **effort: float
    ) -> tuple[Ids, Floats]:
        """Nearest items of each row of `Q` (n_queries, dim): ids and distances, (n_queries, k).

        `mask` limits the search: a boolean for each id, or an array of ids. The nearest to ``-Q``
        are the most different from `Q`.
        """
        refuse_effort(self.kind, effort, EFFORT)
        state, k = self._state, check_k(k)
        queries = as_unit_vectors(Q, dim=state.vectors.shape[1], what="query vectors")
        if state.coded is not None:
            threads = int(effort.get("threads", 0)) or os.cpu_count() or 1
            allowed, n_allowed = as_allowed(mask, state.alive, state.n_alive)
            answer: tuple[Ids, Floats] = _coding().scanned(
                state.coded, state.vectors, queries, k, allowed, n_allowed, threads
            )
            return answer
        chosen = as_selection(mask, state.alive, state.n_alive)
        n = len(state.vectors)
        ids = np.full((len(queries), k), -1, np.int64)
        distances = np.full((len(queries), k), np.inf, np.float32)
        vectors = state.vectors
        if chosen is not None and chosen.size < GATHER_BELOW * n:
            vectors, allowed = vectors[chosen], None
        elif chosen is not None:
            allowed = np.zeros(n, np.bool_)
            allowed[chosen] = True
        else:
            allowed = None
        for first in range(0, len(queries), MAX_BATCH):
            batch = slice(first, first + MAX_BATCH)
            found, near = search(vectors, queries[batch], k, allowed)
            if vectors is not state.vectors and chosen is not None and chosen.size:
                found = np.where(found >= 0, chosen[found], -1)
            ids[batch], distances[batch] = found, near
        return ids, distances

    def scores(self, Q: Floats) -> Floats:
        """Cosine similarities (n_queries, n_ids) in float32; removed items are NaN.

        For blends and for looking at all distances at once; memory is n_queries x n_ids x 4 bytes.
        NaN sorts last both in ascending and in descending order.
        """
        state = self._state
        queries = as_unit_vectors(Q, dim=state.vectors.shape[1], what="query vectors")
        scores = np.empty((len(queries), len(state.vectors)), np.float32)
        step = max(1, BLOCK_SCORES // max(1, len(queries)))
        for start in range(0, len(state.vectors), step):
            block = slice(start, start + step)
            _score(state.vectors[block], queries, scores[:, block])
        if state.n_alive < state.alive.size:
            scores[:, ~state.alive] = np.nan
        return scores

    def ladder(self) -> list[dict[str, float]]:
        """There is one effort: everything."""
        return [{}]

    def adopt(self, tuned: dict[str, Any]) -> None:
        """Keep what `tune` measured."""
        self._tuned = tuned

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one file beside the old one, then rename."""
        state = self._state
        settings: dict[str, Any] = {"tuned": self._tuned}
        arrays: Arrays = {"vectors": state.vectors, "alive": state.alive}
        if state.coded is not None:
            settings["error"] = state.coded.error
            n = len(state.vectors)
            arrays |= {"codes": state.coded.codes[:n], "scales": state.coded.scales[:n]}
        write_container(path, Header(self.kind, self.space_id, self.dim, settings), arrays)

    def stats(self) -> dict[str, object]:
        """Kind, counts and bytes."""
        state = self._state
        return {
            "kind": self.kind,
            "space_id": self.space_id,
            "dim": state.vectors.shape[1],
            "n": state.n_alive,
            "n_ids": len(state.vectors),
            "bytes": state.vectors.nbytes
            + state.alive.nbytes
            + (state.coded.codes.nbytes + state.coded.scales.nbytes if state.coded else 0),
            "tuned": self._tuned,
        }


def _coding() -> Any:  # noqa: ANN401 - a module
    """What needs Numba, imported when an index is large enough."""
    return import_module("soundkin.index.coded")


def search(
    vectors: npt.NDArray[np.float32],
    queries: npt.NDArray[np.float32],
    k: int,
    allowed: npt.NDArray[np.bool_] | None = None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Rows nearest to each query: row numbers and distances, (n_queries, k), padded with -1, inf.

    `allowed` (n,) leaves rows out. Blocks of rows are scored in ascending order; a score enters
    the pool when it comes within rounding of the k-th best so far; the pool is measured exactly
    whenever it grows large, and at the end.
    """
    m, n = len(queries), len(vectors)
    pool = _Pool(vectors, queries, k)
    step = max(4096, BLOCK_SCORES // max(1, m))
    score = _score_alone if vectors.nbytes <= CODED_BYTES else _score
    scores = np.empty((m, min(step, n)), np.float32)
    for start in range(0, n, step):
        block = vectors[start : start + step]
        now = score(block, queries, scores[:, : len(block)])
        if allowed is not None:
            now[:, ~allowed[start : start + step]] = -np.inf
        pool.take(now, start)
    return pool.best()


class _Pool:
    """The candidates of a batch of queries while blocks of scores go by."""

    def __init__(
        self, vectors: npt.NDArray[np.float32], queries: npt.NDArray[np.float32], k: int
    ) -> None:
        self._vectors, self._queries, self._k = vectors, queries, k
        m = len(queries)
        self._floor = np.full(m, -2.0, np.float32)
        self._slack = SLACK + SLACK_PER_DIM * vectors.shape[1]
        self._ids = np.full((m, k), -1, np.int64)
        self._distances = np.full((m, k), np.inf, np.float32)
        self._rows: list[npt.NDArray[np.int64]] = []
        self._columns: list[npt.NDArray[np.int64]] = []
        self._size = 0
        self._begun = False

    def take(self, scores: npt.NDArray[np.float32], start: int) -> None:
        """Keep what may be among the k best, from the scores of rows `start` and on."""
        if len(scores) <= FEW or not self._begun:
            bounds = [_kth_bound(line, self._k) - self._slack for line in scores]
            self._floor = np.maximum(self._floor, np.array(bounds, np.float32))
            self._begun = True
        near = np.flatnonzero(scores >= self._floor[:, None])
        rows, columns = np.divmod(near, scores.shape[1])
        self._rows.append(rows)
        self._columns.append(columns + start)
        self._size += near.size
        if self._size > POOL_ROWS:
            self._measure()

    def best(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """The answer so far, (m, k) each."""
        self._measure()
        return self._ids, self._distances

    def _measure(self) -> None:
        """Exact distances for the pool; of each query only the k best stay."""
        rows, columns = (
            np.concatenate(self._rows or [_NO_IDS]),
            np.concatenate(self._columns or [_NO_IDS]),
        )
        self._rows, self._columns, self._size = [], [], 0
        distances = np.empty(rows.size, np.float32)
        for start in range(0, rows.size, POOL_ROWS):
            part = slice(start, start + POOL_ROWS)
            distances[part] = exact_distances(
                self._vectors, columns[part], self._queries[rows[part]]
            )
        order = np.argsort(rows, kind="stable")
        ends = np.searchsorted(rows[order], np.arange(len(self._queries) + 1))
        for row in range(len(self._queries)):
            mine = order[ends[row] : ends[row + 1]]
            ids = np.concatenate([self._ids[row], columns[mine]])
            near = np.concatenate([self._distances[row], distances[mine]])
            first = np.lexsort((ids, near))[: self._k]
            self._ids[row], self._distances[row] = ids[first], near[first]
            self._floor[row] = max(self._floor[row], 1.0 - near[first[-1]] - self._slack)


_NO_IDS = np.empty(0, np.int64)


def _score(
    block: npt.NDArray[np.float32], queries: npt.NDArray[np.float32], out: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Dot products (n_queries, rows) into `out`: by vector for a few queries, else by matrix."""
    if len(queries) > FEW:
        return np.matmul(queries, block.T, out=out)
    for start in range(0, len(block), CACHED_ROWS if len(queries) > 1 else len(block)):
        part = block[start : start + CACHED_ROWS] if len(queries) > 1 else block
        for row, q in enumerate(queries):
            np.dot(part, q, out=out[row, start : start + len(part)])
    return out


def _score_alone(
    block: npt.NDArray[np.float32], queries: npt.NDArray[np.float32], out: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """The same of a small block, in the calling thread alone."""
    if len(queries) <= FEW:
        for row, q in enumerate(queries):
            np.einsum("ij,j->i", block, q, out=out[row])
        return out
    step = max(1, ALONE_TERMS // (ALONE_QUERIES * block.shape[1]))
    for first in range(0, len(queries), ALONE_QUERIES):
        some = slice(first, first + ALONE_QUERIES)
        for start in range(0, len(block), step):
            rows = slice(start, start + step)
            np.matmul(queries[some], block[rows].T, out=out[some, rows])
    return out


def _kth_bound(line: npt.NDArray[np.float32], k: int) -> float:
    """A number that at least k of the scores reach: the k-th best of the maxima of 8 k groups."""
    groups = min(line.size, max(1024, 8 * k))
    if groups < k:
        return -2.0
    height = line.size // groups
    maxima = line[: groups * height].reshape(height, groups).max(axis=0)
    return float(np.partition(maxima, groups - k)[groups - k])
