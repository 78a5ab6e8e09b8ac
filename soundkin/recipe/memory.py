"""Memory of a training: kept from step to step; a batch that does not fit, and which would.

glibc takes large blocks from the system and gives them back as soon as they are free. The next step
asks for the same gigabytes, and the system zeroes every page again: a tenth of a step of ResNet-18.
"""

from __future__ import annotations

import ctypes
import gc
import platform
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAID = ("can't allocate memory", "cannot allocate memory", "not enough memory", "alloc_failed")
"""What errors say that have no type of their own: torch's on the CPU, and those of CUDA's libraries."""

_TRIM, _LARGE, _MAPPED = -1, -3, -4
"""M_TRIM_THRESHOLD, M_MMAP_THRESHOLD and M_MMAP_MAX of glibc's malloc.h."""
_AFTERWARDS = {_TRIM: 64 << 20, _LARGE: 32 << 20, _MAPPED: 65_536}
"""What they have come to by themselves where large blocks were freed."""


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within, freed memory stays with the process for the next step; afterwards it is given back.

    Of the whole process. Nothing happens with another C library than glibc, nor in a thread in which
    an allocation has failed before: glibc moves it to an arena that cannot hold large blocks.

    Examples
    --------
    >>> with kept_memory():
    ...     step = torch.ones(1000)
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_TRIM, -1)  # never
    libc.mallopt(_MAPPED, 0)
    try:
        yield
    finally:
        for setting, value in _AFTERWARDS.items():
            libc.mallopt(setting, value)
        libc.malloc_trim(0)


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
