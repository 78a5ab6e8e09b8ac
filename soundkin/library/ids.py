"""The ids of a library's sounds as numbers: 16 bytes a sound instead of a string and a dictionary entry.

A sound's place in the order in which it was met is its `ord`; it stays its own while the process lives.
A sound that is forgotten gives up its name: when it comes back it gets a new ord.
"""

from __future__ import annotations

import binascii
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from soundkin.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Iterable

ID_CHARS = 32
CAPITALS = 2
"""What is left of the bytes 64 to 95 without their lower five bits."""

STRETCH, MISSES = 1 << 14, 64
"""Ids that are compared at once with those expected; after so many surprises each is looked up."""

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
        """Return the ord of each id (n, 2), -1 where unknown or forgotten.

        Tables mostly name sounds in the order in which they were met, some rows to each: that is tried
        first, unless some are forgotten.
        """
        if len(self.order) < len(self.pairs):
            return self._looked_up(pairs)
        heads = np.ones(len(pairs), np.bool_)
        heads[1:] = (pairs[1:, 0] != pairs[:-1, 0]) | (pairs[1:, 1] != pairs[:-1, 1])
        if heads.all():
            return self._in_stretches(pairs)
        each: npt.NDArray[np.int64] = self._in_stretches(pairs[heads])[np.cumsum(heads) - 1]
        return each

    def _in_stretches(self, pairs: Pairs) -> npt.NDArray[np.int64]:
        """Return the ord of each id, looked up where a stretch begins in which one follows the other."""
        found, begin, misses, expected = np.empty(len(pairs), np.int64), 0, 0, -1
        while begin < len(pairs) and misses < MISSES:
            if expected < 0:
                expected = int(self._looked_up(pairs[begin : begin + 1])[0])
                if expected < 0:
                    found[begin] = -1
                    begin, misses = begin + 1, misses + 1
                    continue
            here = pairs[begin : begin + STRETCH]
            there = self.pairs[expected : expected + len(here)]
            same = (there[:, 0] == here[: len(there), 0]) & (there[:, 1] == here[: len(there), 1])
            n = len(same) if same.all() else int(same.argmin())
            found[begin : begin + n] = np.arange(expected, expected + n)
            begin, expected = begin + n, expected + n
            if n < len(here):
                expected, misses = -1, misses + 1
        found[begin:] = self._looked_up(pairs[begin:])
        return found

    def _looked_up(self, pairs: Pairs) -> npt.NDArray[np.int64]:
        """Return the ord of each id by its key."""
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
        more = SoundIds.of_pairs(new)
        at = np.searchsorted(self.keys, more.keys, side="right")
        order = np.insert(self.order, at, more.order + len(self.pairs))
        return SoundIds(
            np.concatenate([self.pairs, new]), order, np.insert(self.keys, at, more.keys)
        )


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
    octets = None
    if (np.diff(offsets) == ID_CHARS).all() and not ((text >> 5) == CAPITALS).any():
        with contextlib.suppress(ValueError):
            octets = np.frombuffer(binascii.unhexlify(text.data), np.uint8).reshape(
                -1, ID_CHARS // 2
            )
    if octets is None:
        raise LibraryError(
            "a table of the library names a sound by something else than 32 hex digits",
            "ids as `soundkin index` writes them",
            "restore the library from a backup, or index into another one",
        )
    return octets.view(">u8").astype(np.uint64)
