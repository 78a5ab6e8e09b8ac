"""A batch of queries divided among threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt


def divided(answer: Callable[..., object], threads: int, *arrays: npt.NDArray[Any]) -> None:
    """`answer` called with the arrays, or by each of several threads with its part of their rows.

    >>> total = np.zeros(4)
    >>> divided(lambda part: np.add(part, 1, out=part), 2, total)
    >>> total.tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    threads = min(threads, len(arrays[0]))
    if threads <= 1:
        answer(*arrays)
        return
    parts = list(zip(*(np.array_split(array, threads) for array in arrays), strict=True))
    with ThreadPoolExecutor(threads - 1) as pool:
        rest = [pool.submit(answer, *part) for part in parts[1:]]
        answer(*parts[0])
        for part in rest:
            part.result()
