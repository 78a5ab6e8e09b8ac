"""A batch that does not fit the memory: which would, found by trying."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

SAID = ("can't allocate memory", "cannot allocate memory", "not enough memory", "alloc_failed")
"""What errors say that have no type of their own: torch's on the CPU, and those of CUDA's libraries."""


def is_full(error: Exception) -> bool:
    """Whether an error says that the memory is full, a GPU's or the machine's.

    Examples
    --------
    >>> is_full(MemoryError()), is_full(RuntimeError("shapes differ"))
    (True, False)
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(part in str(error).lower() for part in SAID)


def that_fits(attempt: Callable[[int], None], batch: int) -> int:
    """The largest half, quarter, ... of `batch`, 2 and more, that `attempt` goes through with.

    0 where none does. Errors other than a full memory are the caller's.

    Examples
    --------
    >>> def attempt(n):
    ...     if n > 30:
    ...         raise MemoryError
    >>> that_fits(attempt, 256), that_fits(attempt, 3)
    (16, 0)
    """
    n = batch // 2
    while n >= 2:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            attempt(n)
        except (RuntimeError, MemoryError) as error:
            if not is_full(error):
                raise
        else:
            return n
        n //= 2
    return 0
