"""Memory for arrays that grow at their end, shared by all that are grown from one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Hashable


class Rooms:
    """Rooms by name, each with an array that grows; what an array was before stays as it is.

    >>> rooms, old = Rooms(), np.arange(2)
    >>> new = rooms.plus("n", old, np.array([7]))
    >>> rooms.plus("n", new, np.array([8])).tolist(), new.tolist()
    ([0, 1, 7, 8], [0, 1, 7])
    """

    def __init__(self) -> None:
        self._rooms: dict[Hashable, tuple[npt.NDArray[Any], int]] = {}

    def plus(
        self, name: Hashable, old: npt.NDArray[Any], new: npt.NDArray[Any]
    ) -> npt.NDArray[Any]:
        """Return `old` with `new` behind it, (n + m, ...); copied only when the room is full."""
        n, end = len(old), len(old) + len(new)
        room, used = self._rooms.get(name, (old, -1))
        if old.base is not room or used != n or end > len(room) or room.dtype != old.dtype:
            room = np.empty((max(end, 2 * n), *old.shape[1:]), old.dtype)
            room[:n] = old
        room[n:end] = new
        self._rooms[name] = room, end
        return room[:end]
