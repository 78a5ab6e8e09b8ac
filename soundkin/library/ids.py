"""The ids of a library's sounds as numbers: 16 bytes a sound instead of a string and a dictionary entry.

A sound's place in the order in which it was met is its `ord`; it stays its own while the process lives.
A sound that is forgotten gives up its name: when it comes back it gets a new ord.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from soundkin.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Iterable

ID_CHARS = 32
_NIBBLE = np.full(256, 255, np.uint8)
_NIBBLE[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)

Pairs = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class SoundIds:
    """The ids of sounds, by ord, and back; never changes.

    pairs (n, 2): each id's two halves, by ord. order (m,): ords of the living, sorted by key; keys (m,):
    their keys, ascending (see `_keys`).
    """

    pairs: Pairs
    order: npt.NDArray[np.int64]
    keys: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, names: Iterable[str] = ()) -> SoundIds:
        """Return distinct ids in the order given.

        >>> ids = SoundIds.of(["0" * 31 + "b", "0" * 31 + "a"])
        >>> len(ids), ids[1], ids.get("0" * 31 + "b"), ids.get("nonsense")
        (2, '0000000000000000000000000000000a', 0, None)
        """
        return cls.of_pairs(packed(pa.chunked_array([pa.array(list(names), pa.string())])))

    @classmethod
    def of_pairs(cls, pairs: Pairs) -> SoundIds:
        """Return distinct ids (n, 2) in the order given."""
        return cls._ordered(pairs, np.ones(len(pairs), bool))

    @classmethod
    def _ordered(cls, pairs: Pairs, alive: npt.NDArray[np.bool_]) -> SoundIds:
        """Sort the living by their keys."""
        ords = np.flatnonzero(alive)
        keys = _keys(pairs[ords])
        order = np.argsort(keys, kind="stable")
        return cls(pairs, ords[order], keys[order])

    def __len__(self) -> int:
        """How many ords have been given."""
        return len(self.pairs)

    def __getitem__(self, ord_: int) -> str:
        """Return the id of an ord, also a forgotten one's."""
        return f"{int(self.pairs[ord_, 0]):016x}{int(self.pairs[ord_, 1]):016x}"

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def get(self, name: str) -> int | None:
        """Return the ord of a living sound, None for any other text."""
        if len(name) != ID_CHARS:
            return None
        try:
            halves = [[int(name[:16], 16), int(name[16:], 16)]]
        except ValueError:
            return None
        found = int(self.ords(np.array(halves, np.uint64))[0])
        return found if found >= 0 and self[found] == name else None

    def ords(self, pairs: Pairs) -> npt.NDArray[np.int64]:
        """Return the ord of each id (n, 2), -1 where unknown or forgotten."""
        found = np.full(len(pairs), -1, np.int64)
        wanted = _keys(pairs)
        at = np.searchsorted(self.keys, wanted)
        rows = np.flatnonzero(at < len(self.keys))
        while len(rows):  # once, unless two ids share a key
            rows = rows[self.keys[at[rows]] == wanted[rows]]
            ords = self.order[at[rows]]
            same = (self.pairs[ords] == pairs[rows]).all(axis=1)
            found[rows[same]] = ords[same]
            rows = rows[~same]
            at[rows] += 1
            rows = rows[at[rows] < len(self.keys)]
        return found

    def alive(self) -> npt.NDArray[np.bool_]:
        """Return which ords are living sounds; (n,)."""
        mask = np.zeros(len(self.pairs), bool)
        mask[self.order] = True
        return mask

    def without(self, dead: npt.NDArray[np.int64]) -> SoundIds:
        """Forget some ords."""
        alive = self.alive()
        alive[dead] = False
        return self._ordered(self.pairs, alive)

    def plus(self, new: Pairs) -> SoundIds:
        """Give the next ords to ids (n, 2), distinct and not among the living."""
        alive = np.concatenate([self.alive(), np.ones(len(new), bool)])
        return self._ordered(np.concatenate([self.pairs, new]), alive)


def distinct(pairs: Pairs) -> npt.NDArray[np.int64]:
    """Return the first row of each id among pairs (n, 2), ascending.

    >>> distinct(np.array([[1, 2], [0, 5], [1, 2]], np.uint64)).tolist()
    [0, 1]
    """
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    twice = np.zeros(len(pairs), bool)
    twice[1:] = (pairs[order[1:]] == pairs[order[:-1]]).all(axis=1)
    return np.sort(order[~twice])


def _keys(pairs: Pairs) -> npt.NDArray[np.uint64]:
    """Return one well-mixed number for each pair (n, 2), the same only by rare chance."""
    odd = np.uint64(0x9E3779B97F4A7C15)
    mixed: npt.NDArray[np.uint64] = (pairs[:, 0] * odd) ^ (
        pairs[:, 1] * (odd << np.uint64(1) | np.uint64(1))
    )
    return mixed


def packed(names: pa.ChunkedArray) -> Pairs:
    """Return ids of 32 hex digits as pairs of numbers (n, 2).

    Raises `LibraryError` for anything else.

    >>> packed(pa.chunked_array([["0" * 15 + "1" + "0" * 15 + "f"]])).tolist()
    [[1, 15]]
    """
    array = names.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    if not len(array):
        return np.empty((0, 2), np.uint64)
    offsets = np.frombuffer(array.buffers()[1], np.int32)[array.offset :][: len(array) + 1]
    text = np.frombuffer(array.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    digits = _NIBBLE[text]
    if (np.diff(offsets) != ID_CHARS).any() or (digits > 15).any():
        raise LibraryError(
            "a table of the library names a sound by something else than 32 hex digits",
            "ids as `soundkin index` writes them",
            "restore the library from a backup, or index into another one",
        )
    digits = digits.reshape(-1, ID_CHARS)
    octets = np.ascontiguousarray((digits[:, ::2] << 4) | digits[:, 1::2])
    return octets.view(">u8").astype(np.uint64)
