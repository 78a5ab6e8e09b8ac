"""Asking a bucket again: after an answer that was cut off, and with fresh credentials."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from soundkin.bucket.refusal import CutOffError, KeysError

if TYPE_CHECKING:
    from collections.abc import Callable

TRIES = 4
"""How often a request is made whose answers are cut off."""

_T = TypeVar("_T")


def asked_again(ask: Callable[[], _T], renew: Callable[[], bool]) -> _T:
    """Ask until there is a whole answer, `TRIES` times at most; what `ask` does can be done twice.

    renew: reads the credentials anew and says whether they are others now; called once, when they are
    refused. Raises the last `CutOffError` or `KeysError`, and at once whatever else `ask` raises.

    >>> asked_again(lambda: 7, lambda: False)
    7
    """
    renewed, cut = False, 0
    while True:
        try:
            return ask()
        except KeysError:
            if renewed or not renew():
                raise
            renewed = True
        except CutOffError:
            cut += 1
            if cut == TRIES:
                raise
            time.sleep(0.1 * 2 ** (cut - 1))
