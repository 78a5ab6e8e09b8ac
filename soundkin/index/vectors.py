"""What may go into an index: unit vectors, ids and selections, checked once at the border."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError

UNIT_TOLERANCE = 2e-6
"""A norm this near to 1 is a unit vector's; float32 normalising stays within 3e-7."""


def as_unit_vectors(
    X: npt.ArrayLike, *, dim: int | None = None, what: str = "vectors"
) -> npt.NDArray[np.float32]:
    """The rows of `X` as C-contiguous float32 unit vectors; `X` itself when it already is that.

    A single vector (dim,) becomes one row. Rows of other lengths are normalised in a copy.
    `InputError` for another shape, another `dim`, NaN or infinity, and for a zero row.

    >>> as_unit_vectors([[3.0, 4.0]]).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    rows = np.ascontiguousarray(X, dtype=np.float32)
    if rows.ndim == 1 and rows.size:
        rows = rows[None, :]
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise InputError(
            f"{what} of shape {np.shape(X)}", "an array (n, dim)", "give one vector a row"
        )
    if dim is not None and rows.shape[1] != dim:
        raise InputError(
            f"{what} of dimension {rows.shape[1]}",
            f"dimension {dim}, as the index has",
            "embed them with the space the index was built from",
        )
    if len(rows) == 1 and abs(float(np.dot(rows[0], rows[0])) - 1.0) < UNIT_TOLERANCE:
        return rows
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64, casting="safe"))
    if not np.isfinite(norms).all():
        row = int(np.flatnonzero(~np.isfinite(norms))[0])
        raise InputError(
            f"{what}: row {row} has NaN or infinite values", "finite numbers", "leave it out"
        )
    if not norms.all():
        row = int(np.flatnonzero(norms == 0)[0])
        raise InputError(
            f"{what}: row {row} is a zero vector, which has no direction",
            "vectors with a length",
            "leave it out: silence has no neighbours",
        )
    off = np.flatnonzero(np.abs(norms - 1.0) > UNIT_TOLERANCE)
    if off.size:
        rows = rows.copy() if np.shares_memory(rows, X) else rows
        rows[off] = rows[off] / norms[off, None]
    return rows


def as_ids(ids: npt.ArrayLike, n_ids: int) -> npt.NDArray[np.int64]:
    """Sorted ids without repetition, each below `n_ids`; else `InputError`.

    >>> as_ids([3, 1, 3], 4).tolist()
    [1, 3]
    """
    given = np.asarray(ids)
    if given.size == 0:
        return np.empty(0, np.int64)
    if given.dtype.kind not in "iu":
        raise InputError(f"ids of type {given.dtype}", "whole numbers", "give the items' ids")
    ascending = given.ndim == 1 and bool((given[1:] > given[:-1]).all())
    low, high = int(given.min()), int(given.max())
    if low < 0 or high >= n_ids:
        raise InputError(
            f"no item has the id {low if low < 0 else high}",
            f"ids from 0 to {n_ids - 1}" if n_ids else "none, the index is empty",
            "give ids that `add` or `build` gave",
        )
    if ascending:
        return given.astype(np.int64, copy=False)
    named = np.zeros(n_ids, np.bool_)
    named[given] = True
    return np.flatnonzero(named)


def as_alive(ids: npt.ArrayLike, alive: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """As :func:`as_ids`, of items that have not been removed, which `alive` (n_ids,) tells.

    >>> as_alive([2, 0], np.array([True, False, True])).tolist()
    [0, 2]
    """
    found = as_ids(ids, len(alive))
    if not alive[found].all():
        missing = int(found[~alive[found]][0])
        raise InputError(
            f"the item {missing} has been removed already",
            "ids of items that are there",
            "remove an item once",
        )
    return found


def as_selection(
    mask: npt.NDArray[Any] | None, alive: npt.NDArray[np.bool_], n_alive: int
) -> npt.NDArray[np.int64] | None:
    """The ids a query may find, ascending; None stands for every item ever added.

    `mask` is None, a boolean array over all ids, or an array of ids; `alive` says which ids
    have not been removed, `n_alive` how many. `InputError` for a mask of another length.
    """
    if mask is None:
        return None if n_alive == alive.size else np.flatnonzero(alive)
    given = np.asarray(mask)
    if given.dtype != np.bool_:
        ids = as_ids(given, alive.size)
        return ids if n_alive == alive.size else ids[alive[ids]]
    if given.shape != alive.shape:
        raise _other_length(given, alive)
    return np.flatnonzero(given if n_alive == alive.size else given & alive)


def _other_length(given: npt.NDArray[Any], alive: npt.NDArray[np.bool_]) -> InputError:
    """A mask that does not fit the index, in a sentence."""
    return InputError(
        f"a mask of shape {given.shape}",
        f"one value for each of {alive.size} ids",
        "make the mask as long as the index's n_ids",
    )


def as_allowed(
    mask: npt.NDArray[Any] | None, alive: npt.NDArray[np.bool_], n_alive: int
) -> tuple[npt.NDArray[np.bool_] | None, int]:
    """As `as_selection`, but a boolean for each id, or None for all, and how many there are."""
    if mask is None:
        return (None if n_alive == alive.size else alive), n_alive
    given = np.asarray(mask)
    if given.dtype != np.bool_:
        allowed = np.zeros(alive.size, np.bool_)
        allowed[as_ids(given, alive.size)] = True
    elif given.shape == alive.shape:
        allowed = np.ascontiguousarray(given)
    else:
        raise _other_length(given, alive)
    if n_alive < alive.size:
        allowed = allowed & alive
    return allowed, int(np.count_nonzero(allowed))


def check_k(k: int) -> int:
    """`k` as a whole number of at least 1; else `InputError`."""
    if not isinstance(k, int | np.integer) or k < 1:
        raise InputError(
            f"k = {k!r}", "a whole number of at least 1", "ask for one neighbour or more"
        )
    return int(k)


def refuse_effort(kind: str, effort: dict[str, float], known: tuple[str, ...] = ()) -> None:
    """`InputError` for an effort that the member does not have, with the list of those it has."""
    unknown = [name for name in effort if name not in known]
    if unknown:
        raise InputError(
            f"unknown effort {min(unknown)!r} for the index {kind!r}",
            f"one of {sorted(known)}" if known else "none",
            "leave it out",
        )


def exact_distances(
    vectors: npt.NDArray[np.float32], ids: npt.NDArray[np.int64], q: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Cosine distances (n,) of the rows `ids` to `q` (dim,) or to q's rows (n, dim), in [0, 2].

    Summed in float64, so that it does not matter which way the candidates were found: equal
    vectors are at equal distances, and a distance is the same alone and in a batch.
    """
    rows = vectors[ids]
    terms = "ij,j->i" if q.ndim == 1 else "ij,ij->i"
    dots = np.einsum(terms, rows, q, dtype=np.float64)
    distances: npt.NDArray[np.float32] = (1.0 - dots).clip(0.0, 2.0).astype(np.float32)
    return distances
