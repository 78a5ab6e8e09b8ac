"""Many readers or one writer."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Gate:
    """Lets queries in together, and a change of the index only when it is alone.

    A writer that waits goes before readers that come later, so that changes are not starved.

    >>> gate = Gate()
    >>> with gate.reading(), gate.reading():
    ...     pass
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._readers = 0
        self._writing = False
        self._waiting = 0

    def reading(self) -> _Reading:
        """Hold the gate together with other readers."""
        return _Reading(self)

    def enter(self) -> None:
        """Come in as a reader; `leave` has to follow."""
        with self._condition:
            while self._writing or self._waiting:
                self._condition.wait()
            self._readers += 1

    def leave(self) -> None:
        """Go out again."""
        with self._condition:
            self._readers -= 1
            if not self._readers:
                self._condition.notify_all()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the gate alone."""
        with self._condition:
            self._waiting += 1
            try:
                while self._writing or self._readers:
                    self._condition.wait()
            finally:
                self._waiting -= 1
            self._writing = True
        try:
            yield
        finally:
            with self._condition:
                self._writing = False
                self._condition.notify_all()


class _Reading:
    """A reader's stay; a class, since a generator costs a query some microseconds."""

    __slots__ = ("_gate",)

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def __enter__(self) -> None:
        self._gate.enter()

    def __exit__(self, *_: object) -> None:
        self._gate.leave()
