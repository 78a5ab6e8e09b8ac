"""Where every sound of a snapshot lies, in columns: 200,000 places cost arrays, not objects."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from soundkin.bucket import is_address, whole
from soundkin.library.scan import PRESENT, display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_Piece = TypeVar("_Piece", pa.RecordBatch, pa.Array)


TABLE_COLUMNS = ["root_id", "path", "display", "state"]


@dataclass(frozen=True, slots=True)
class Spot:
    """One place of a sound: root and path as text, both raw for opening; present or gone."""

    root_id: str
    root: str
    relative: str
    raw_root: bytes
    raw: bytes
    state: str

    @property
    def path(self) -> str:
        """The whole path as text."""
        return f"{self.root.rstrip('/')}/{self.relative}"

    @property
    def name(self) -> str:
        """The file's name."""
        return self.relative.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The folder below the root; empty for the root itself."""
        return self.relative.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Spots:
    """All places, in the order in which they were read; arrays are over places unless said otherwise.

    sound (n,) int32: ord of the sound. order (n,): places sorted by sound; starts (n_sounds + 1,): where
    each sound's begin in it. pieces: root_id, path (raw), display, state. present (n,): the file was
    there when last looked. placed (n_sounds,): has a present place. folder (n,) int32: number of its folder
    among `folders`, which are whole paths ending in "/", composed (NFC). text (n,): whole path, folded.
    """

    sound: npt.NDArray[np.int32]
    order: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    pieces: Sequence[pa.RecordBatch]
    roots: Mapping[str, bytes]
    present: npt.NDArray[np.bool_]
    placed: npt.NDArray[np.bool_]
    folder: npt.NDArray[np.int32]
    folders: pa.Array
    text: pa.ChunkedArray

    def of(self, sound: int) -> tuple[Spot, ...]:
        """Return a sound's places, present ones first, then by path."""
        return self.of_many([sound])[0]

    def of_many(self, sounds: Sequence[int]) -> list[tuple[Spot, ...]]:
        """Return the places of some sounds, read at once."""
        places = [self.order[self.starts[s] : self.starts[s + 1]] for s in sounds]
        found = iter(self._rows(np.concatenate([np.empty(0, np.int64), *places])))
        return [self._sorted(next(found) for _ in mine) for mine in places]

    def _rows(self, places: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        """Return the columns of some places, fetched piece by piece: Arrow would join the pieces first."""
        rows: list[dict[str, Any]] = [{}] * len(places)
        begin = 0
        for piece in self.pieces:
            mine = np.flatnonzero((places >= begin) & (places < begin + len(piece)))
            if len(mine):
                taken = piece.take(pa.array(places[mine] - begin)).to_pylist()
                for at, row in zip(mine.tolist(), taken, strict=True):
                    rows[at] = row
            begin += len(piece)
        return rows

    def _sorted(self, rows: Iterable[dict[str, Any]]) -> tuple[Spot, ...]:
        """Return one sound's places in order."""
        spots = [
            Spot(
                row["root_id"],
                display(self.roots[row["root_id"]]),
                row["display"],
                self.roots[row["root_id"]],
                self.roots[row["root_id"]].rstrip(b"/") + b"/" + row["path"],
                row["state"],
            )
            for row in rows
        ]
        return tuple(sorted(spots, key=lambda spot: (spot.state != PRESENT, spot.path)))

    def sounds_with(self, places: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return which sounds have any of the chosen places; (n,) -> (n_sounds,)."""
        mask = np.zeros(len(self.starts) - 1, bool)
        mask[self.sound[places]] = True
        return mask

    def containing(self, word: str) -> npt.NDArray[np.bool_]:
        """Return which places have a word, folded, somewhere in their path; (n,)."""
        return containing(self.text, word)

    def ranks(self) -> npt.NDArray[np.int64]:
        """Return each sound's place in the order of file names, then paths; (n_sounds,).

        Numbers in names count as numbers: 2 stands before 10.
        """
        ranks = np.full(len(self.starts) - 1, len(self.starts), np.int64)
        names = _numbered(pc.replace_substring_regex(self.text, r"\A.*/", ""))
        keys = pa.table({"name": names, "path": self.text})
        order = pc.sort_indices(keys, [("name", "ascending"), ("path", "ascending")]).to_numpy()
        sounds, first = np.unique(self.sound[order], return_index=True)
        ranks[sounds] = first
        return ranks

    def plus(self, table: pa.Table, sound: npt.NDArray[np.int64], n_sounds: int) -> Spots:
        """Return these places and further ones; as `spots_from`, with the same roots."""
        more = spots_from(table, sound, n_sounds, self.roots)
        where = pc.index_in(more.folders, self.folders)
        unknown = pc.filter(more.folders, pc.is_null(where))
        new = np.cumsum(pc.is_null(where).to_numpy(zero_copy_only=False)) - 1 + len(self.folders)
        number = pc.coalesce(where.cast(pa.int64()), pa.array(new, pa.int64())).to_numpy()
        owner = np.concatenate([self.sound, more.sound])
        behind = self.starts[np.minimum(more.sound[more.order] + 1, len(self.starts) - 1)]
        placed = more.placed
        placed[: len(self.placed)] |= self.placed
        return Spots(
            sound=owner,
            order=np.insert(self.order, behind, more.order + len(self.sound)),
            starts=_starts(owner, n_sounds),
            pieces=_joined([*self.pieces, *more.pieces], pa.concat_batches),
            roots=self.roots,
            present=np.concatenate([self.present, more.present]),
            placed=placed,
            folder=np.concatenate([self.folder, number[more.folder].astype(np.int32)]),
            folders=pa.concat_arrays([self.folders, unknown]),
            text=pa.chunked_array(
                _joined([*self.text.chunks, *more.text.chunks], pa.concat_arrays), pa.string()
            ),
        )


def _numbered(names: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return names with their numbers in ten digits, for sorting."""
    padded = pc.replace_substring_regex(names, r"([0-9]+)", r"0000000000\1")
    return pc.replace_substring_regex(padded, r"0*([0-9]{10})", r"\1")


def _joined(pieces: list[_Piece], join: Callable[[list[_Piece]], _Piece]) -> list[_Piece]:
    """Join the last pieces until each is much longer than the next: little is copied, and seldom."""
    while len(pieces) > 1 and 4 * len(pieces[-1]) >= len(pieces[-2]):
        pieces = [*pieces[:-2], join(pieces[-2:])]
    return pieces


def spots_from(
    table: pa.Table, sound: npt.NDArray[np.int64], n_sounds: int, roots: Mapping[str, bytes]
) -> Spots:
    """Put places in order. table: rows of `locations`; sound (n,): ord of each, -1 where unknown.

    Places of unknown sounds or roots are left out.
    """
    known = (sound >= 0) & _is_in(table["root_id"], list(roots))
    if not known.all():
        table, sound = table.filter(pa.array(known)), sound[known]
    table = table.select(TABLE_COLUMNS).combine_chunks()
    owner = sound.astype(np.int32)
    shown = {root_id: display(path).rstrip("/") for root_id, path in roots.items()}
    root = pc.dictionary_encode(_column(table, "root_id"))
    names = pa.array([shown[root_id] for root_id in root.dictionary.to_pylist()], pa.string())
    whole = pc.binary_join_element_wise(names.take(root.indices), _column(table, "display"), "/")
    whole = pc.utf8_normalize(whole, "NFC")
    folder = pc.dictionary_encode(pc.replace_substring_regex(whole, r"[^/]*\z", ""))
    present = pc.equal(_column(table, "state"), PRESENT).to_numpy(zero_copy_only=False)
    placed = np.zeros(n_sounds, bool)
    placed[owner[present]] = True
    return Spots(
        sound=owner,
        order=np.argsort(owner, kind="stable"),
        starts=_starts(owner, n_sounds),
        pieces=table.to_batches(),
        roots=dict(roots),
        present=present,
        placed=placed,
        folder=folder.indices.to_numpy().astype(np.int32),
        folders=folder.dictionary,
        text=pa.chunked_array([pc.utf8_lower(whole)]),
    )


def _starts(owner: npt.NDArray[np.int32], n_sounds: int) -> npt.NDArray[np.int64]:
    """Return where each sound's places begin when they are sorted by sound; (n_sounds + 1,)."""
    starts = np.zeros(n_sounds + 1, np.int64)
    np.cumsum(np.bincount(owner, minlength=n_sounds), out=starts[1:])
    return starts


SAMPLED = 97
"""Every so many bytes one is looked at to know which are rare."""


def containing(texts: pa.Array | pa.ChunkedArray, word: str) -> npt.NDArray[np.bool_]:
    """Return which texts contain a word; (n,). Some times as fast as Arrow's own search.

    All texts are one stretch of bytes: the rarest byte of the word is looked for first, then the others
    where it was found.

    >>> containing(pa.array(["kick", "snare", "bo", "om"]), "oo").tolist()
    [False, False, False, False]
    """
    if isinstance(texts, pa.ChunkedArray):
        parts = [containing(chunk, word) for chunk in texts.chunks]
        return np.concatenate([np.empty(0, np.bool_), *parts])
    mask = np.zeros(len(texts), np.bool_)
    wanted = np.frombuffer(word.encode(), np.uint8)
    if not len(wanted) or not len(texts):
        mask[:] = not len(wanted)
        return mask
    _, ends, content = texts.buffers()
    starts = np.frombuffer(ends, np.int32)[texts.offset :][: len(texts) + 1]
    data = np.frombuffer(content, np.uint8)[starts[0] : starts[-1]] if content else wanted[:0]
    last = len(data) - len(wanted)
    if last < 0:
        return mask
    counts = np.bincount(data[::SAMPLED], minlength=256)[wanted]
    order = np.argsort(counts, kind="stable").tolist()
    found = data[order[0] : order[0] + last + 1] == wanted[order[0]]
    if len(order) > 1:
        found &= data[order[1] : order[1] + last + 1] == wanted[order[1]]
    at = np.flatnonzero(found)
    for other in order[2:]:
        at = at[data[at + other] == wanted[other]]
    text = np.searchsorted(starts, at + starts[0], side="right") - 1
    mask[text[at + starts[0] + len(wanted) <= starts[text + 1]]] = True
    return mask


def folded(text: str) -> str:
    r"""Return text as words are compared: composed, in lower case, bytes that are no text replaced.

    >>> folded("E\u0301TUDE") == "étude"
    True
    """
    return str(pc.utf8_lower(composed(text)))


def composed(text: str) -> str:
    r"""Return text as paths are compared: composed (NFC), bytes that are no text replaced."""
    return str(pc.utf8_normalize(pa.scalar(display(os.fsencode(text))), "NFC"))


def spellings(folder: str) -> list[str]:
    """Return an absolute path and what it is when links on its way are followed, one after another.

    A library keeps a sound under its root's real path and, below that, under the names of links.

    >>> spellings("/nowhere/Samples/")
    ['/nowhere/Samples']
    """
    if is_address(folder):
        return [os.fsdecode(whole(folder))]
    parts = os.path.abspath(folder).split("/")
    heads = ["/".join(parts[:n]) for n in range(2, len(parts) + 1)]
    real = [os.path.join(os.path.realpath(h), *parts[n:]) for n, h in enumerate(heads, 2)]
    return list(dict.fromkeys(["/".join(parts), *real, os.path.realpath(folder)]))


def _column(table: pa.Table, name: str) -> pa.Array:
    """Return a column as one array."""
    column = table[name]
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _is_in(column: pa.ChunkedArray, values: list[str]) -> npt.NDArray[np.bool_]:
    """Return which values are among some."""
    found = pc.is_in(column, pa.array(values, pa.string()))
    return np.asarray(found.to_numpy(zero_copy_only=False), bool)
