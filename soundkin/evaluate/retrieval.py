"""Each clip asks for its like: 1-NN, mean average precision, precision and recall at k.

By cosine, over all clips outside the asker's own group. A clip whose label nobody else bears
outside its group asks nothing. Of equal scores the earlier row comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BLOCK = 256
"""Rows that are compared with all others at once."""

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What each asking clip found, one row each.

    `rows` (q,): the asking clips; `first` (q,): 1 where the nearest bears the same label;
    `average_precision` (q,); `precision`, `recall` (q, len(ks)) for each k of `ks`.
    """

    rows: Ints
    first: Doubles
    average_precision: Doubles
    ks: tuple[int, ...]
    precision: Doubles
    recall: Doubles


def retrieval(
    vectors: npt.ArrayLike,
    labels: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    *,
    ks: Sequence[int] = (1, 5, 10),
) -> Retrieval:
    """Rank all other clips for each: vectors (n, dim), any length; labels, groups (n,).

    Without groups every clip is its own. Precision at k divides by k, recall by how many there are.
    Raises InputError for lengths that differ.

    Examples
    --------
    >>> found = retrieval([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], ["a", "a", "b", "b"], ks=[1])
    >>> found.first.mean(), found.average_precision.mean(), found.recall.mean()
    (np.float64(1.0), np.float64(1.0), np.float64(1.0))
    """
    label, at = np.asarray(labels), np.asarray(ks)
    parts: list[tuple[Ints, Doubles, Doubles, Doubles, Doubles]] = []
    for begin, order, allowed in neighbours(vectors, groups, n_labels=len(label)):
        rows = np.arange(begin, begin + len(order))
        same = (label[order] == label[rows, None]) & allowed
        asked = np.flatnonzero(same.any(axis=1))
        same = same[asked]
        found = np.cumsum(same, axis=1)
        n = found[:, -1]
        precise = np.where(same, found / np.arange(1, same.shape[1] + 1), 0.0)
        hits = found[:, np.minimum(at, same.shape[1]) - 1]
        first = same[:, 0].astype(np.float64)
        parts.append((rows[asked], first, precise.sum(axis=1) / n, hits / at, hits / n[:, None]))
    rows, first, precise, hits, shares = (np.concatenate(c) for c in zip(*parts, strict=True))
    return Retrieval(rows, first, precise, tuple(int(k) for k in ks), hits, shares)


def neighbours(
    vectors: npt.ArrayLike, groups: npt.ArrayLike | None = None, *, n_labels: int | None = None
) -> Iterator[tuple[int, Ints, npt.NDArray[np.bool_]]]:
    """For blocks of rows: the first row, all rows nearest first (b, n), which of them may answer.

    Those of the own group come last and may not answer.
    """
    unit = unit_rows(vectors)
    group = np.arange(len(unit)) if groups is None else np.asarray(groups)
    if not len(unit) == len(group) == (len(unit) if n_labels is None else n_labels):
        found = f"{len(unit)} vectors, {n_labels} labels, {len(group)} groups"
        raise InputError(found, "as many of each")
    for begin in range(0, len(unit), BLOCK):
        part = slice(begin, begin + BLOCK)
        scores = unit[part] @ unit.T
        scores[group[part, None] == group] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")
        yield begin, order, np.isfinite(np.take_along_axis(scores, order, axis=1))


def unit_rows(vectors: npt.ArrayLike) -> Floats:
    """Rows (n, dim) brought to length one; a row of zeros stays."""
    x = np.asarray(vectors, np.float32)
    if x.ndim != 2:
        raise InputError(f"vectors of shape {x.shape}", "(n, dim)")
    unit: Floats = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.float32(1e-12))
    return unit
