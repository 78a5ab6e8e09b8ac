"""Arrays with room behind them, so that rows are appended without copying all that are there."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def grown(array: npt.NDArray[Any], used: int, new: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`array` with `new` from place `used` on; a copy of twice the length when it is full.

    An array that has no room is never written to.

    >>> grown(np.array([1, 2, 3]), 3, np.array([4]))[:4].tolist()
    [1, 2, 3, 4]
    """
    end = used + len(new)
    if end > len(array):
        array = longer(array, max(end, 2 * used))
    if len(new):
        array[used:end] = new
    return array


def longer(array: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    """A copy with room for `length` rows.

    >>> len(longer(np.zeros((2, 3)), 5))
    5
    """
    copy = np.empty((length, *array.shape[1:]), array.dtype)
    copy[: len(array)] = array
    return copy
