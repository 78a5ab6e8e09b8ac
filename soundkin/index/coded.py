"""Exact search by int8 codes, for tables too large to be multiplied as they are; needs Numba."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from soundkin.index.codes import quantise, writeable
from soundkin.index.nearest import scan
from soundkin.index.room import grown
from soundkin.index.shared import divided

SHARED_ROWS = 1 << 18
"""So many rows at least are one thread's share."""
GATHER_BELOW = 0.15
"""A selection of less than this part of the items is gathered, not masked."""
_NO_ROWS, _ALL = np.empty(0, np.int32), np.empty(0, np.bool_)


class Coded(NamedTuple):
    """The codes of all vectors, perhaps with room behind them, and the longest error of one."""

    codes: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    error: float


def coded(vectors: npt.NDArray[np.float32]) -> Coded:
    """Codes for all vectors."""
    return Coded(*quantise(vectors))


def longer(old: Coded | None, vectors: npt.NDArray[np.float32], start: int) -> Coded:
    """Codes with room, those of the rows from `start` on put in; all, where there were none."""
    if old is None:
        return coded(vectors)
    codes, scales, error = quantise(vectors[start:])
    return Coded(
        grown(old.codes, start, codes), grown(old.scales, start, scales), max(error, old.error)
    )


def scanned(
    table: Coded,
    vectors: npt.NDArray[np.float32],
    queries: npt.NDArray[np.float32],
    k: int,
    allowed: npt.NDArray[np.bool_] | None,
    n_allowed: int,
    threads: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Exact search by codes: a large table divided among threads, else the queries."""
    vectors = writeable(vectors)
    n, rows, passed = len(vectors), _NO_ROWS, _ALL if allowed is None else allowed
    if allowed is not None and n_allowed < GATHER_BELOW * n:
        rows, passed = np.flatnonzero(allowed).astype(np.int32), _ALL
        n = len(rows)
    parts = max(1, min(threads, n // SHARED_ROWS)) if len(queries) < threads else 1
    found = np.empty((parts, len(queries), k), np.int64)
    near = np.empty((parts, len(queries), k), np.float32)
    codes, scales, error = table

    def part(
        low: int, high: int, Q: npt.NDArray[np.float32], i: npt.NDArray[Any], d: npt.NDArray[Any]
    ) -> None:
        scan(vectors, codes, scales, rows, _NO_ROWS, low, high, passed, Q, error, i, d)

    if parts == 1:
        by_query = min(threads, len(queries) * n // SHARED_ROWS)
        divided(lambda *given: part(0, n, *given), by_query, queries, found[0], near[0])
        return found[0], near[0]
    edges = np.linspace(0, n, parts + 1).astype(np.int64)

    def of_range(low: Any, high: Any, i: npt.NDArray[Any], d: npt.NDArray[Any]) -> None:  # noqa: ANN401
        part(int(low[0]), int(high[0]), queries, i[0], d[0])

    divided(of_range, parts, edges[:-1], edges[1:], found, near)
    return _merged(found, near, k)


def _merged(
    found: npt.NDArray[np.int64], near: npt.NDArray[np.float32], k: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """The k nearest of each query from several parts' answers (parts, m, k)."""
    ids, distances = np.concatenate(list(found), axis=1), np.concatenate(list(near), axis=1)
    order = np.lexsort((ids, distances), axis=1)[:, :k]
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(distances, order, axis=1)
