"""The tags of a snapshot's sounds, in columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


@dataclass(frozen=True, slots=True)
class Labels:
    """Which sound bears which tag, once each, sorted by sound and tag.

    sound (n,): ords; label (n,): numbers of names; names: the tags in use, sorted.
    """

    sound: npt.NDArray[np.int64]
    label: npt.NDArray[np.int64]
    names: Sequence[str]

    def get(self, sound: int, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return a sound's tags, sorted; `default` when it has none."""
        if not len(self.sound):
            return default
        low, high = np.searchsorted(self.sound, [sound, sound + 1])
        return tuple(self.names[i] for i in self.label[low:high]) or default

    def sounds_with(self, tags: Collection[str]) -> npt.NDArray[np.int64]:
        """Return the ords of sounds with any of the tags, some more than once."""
        wanted = np.fromiter((name in tags for name in self.names), bool, len(self.names))
        found: npt.NDArray[np.int64] = self.sound[wanted[self.label]]
        return found


def labels_from(sound: npt.NDArray[np.int64], tags: pa.ChunkedArray) -> Labels:
    """Put tags in order; sound (n,): the ord of each row, -1 where unknown.

    >>> labels = labels_from(np.array([3, 3, -1, 3]), pa.chunked_array([["b", "a", "c", "b"]]))
    >>> labels.get(3), labels.get(0)
    (('a', 'b'), ())
    """
    encoded = tags.filter(pa.array(sound >= 0)).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = pa.concat_arrays(encoded.chunks)
    encoded = encoded.dictionary_encode()
    found = np.array(encoded.dictionary.to_pylist(), object)
    order = np.argsort(found)
    rank = np.empty(len(found), np.int64)
    rank[order] = np.arange(len(found))
    label = rank[encoded.indices.to_numpy()]
    pairs = np.unique((sound[sound >= 0] << 32) | label)
    return Labels(pairs >> 32, pairs & 0xFFFFFFFF, found[order].tolist())
