"""Before and after an adaptation, on sounds that it never looked at: copies found again, same file, hubs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.audio.decode import read_sound
from soundkin.audio.windows import chunks
from soundkin.errors import SoundkinError
from soundkin.evaluate.geometry import hubness
from soundkin.evaluate.intervals import Interval, bootstrap_mean, paired_difference
from soundkin.evaluate.retrieval import unit_rows
from soundkin.report import DEFORMATIONS, EXCERPT_S, Held, K, same_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundkin.facade import Library
    from soundkin.space import Space
    from soundkin.weighing import Weighing

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

COPIES_OF = 100
"""Held-back sounds whose copies are searched for."""


@dataclass(frozen=True, slots=True)
class Line:
    """One figure on held-back sounds: before, after, and how much higher, with 95 % intervals.

    That of the gain is over the same copies; of the same-file figure it is the widest there can be.
    """

    what: str
    before: Interval
    after: Interval
    gain: Interval


def ranks(queries: Sequence[Floats], whose: Ints, X: Floats, owner: Ints) -> Ints:
    """The rank, from 1, of each query's own sound, as a search ranks sounds.

    queries: of each its windows (k, dim); whose (n,) its sound; X (rows, dim) by sound, owner (rows,).

    >>> X = np.eye(2, dtype=np.float32)
    >>> ranks([X[:1], X[:1]], np.array([0, 1]), X, np.array([0, 1]))
    array([1, 2])
    """
    present, starts = np.unique(owner, return_index=True)
    place = np.searchsorted(present, whose)
    found = np.empty(len(queries), np.int64)
    for row, query in enumerate(queries):
        score = np.maximum.reduceat(query @ X.T, starts, axis=1).mean(axis=0)
        found[row] = 1 + int((score > score[place[row]]).sum())
    return found


def before_and_after(
    library: Library,
    space: Space,
    weighing: Weighing | None,
    held: Ints,
    X: Floats,
    owner: Ints,
    ids: Sequence[str],
    seed: int,
) -> tuple[tuple[Line, ...], tuple[float, float]]:
    """The figures on held-back sounds, their copies searched for among all sounds of the library."""
    after = weighing or (lambda vectors: vectors)
    copies = _copies(library, space, [(int(n), ids[n]) for n in held])
    before_X, after_X = X, after(X)
    hits: dict[str, list[npt.NDArray[np.bool_]]] = {}
    groups: list[Ints] = []
    for kind, found in copies.items():
        whose = np.array([number for number, _ in found], np.int64)
        groups.append(whose)
        old = ranks([query for _, query in found], whose, before_X, owner)
        new = ranks([after(query) for _, query in found], whose, after_X, owner)
        hits[kind] = [old == 1, new == 1, old <= K, new <= K]
    lines = [_line(f"found first: {kind}", old, new) for kind, (old, new, _, _) in hits.items()]
    if hits:
        every = [np.concatenate(column) for column in zip(*hits.values(), strict=True)]
        of = np.concatenate(groups)
        lines.insert(0, _line("found first: all copies", every[0], every[1], of))
        lines.insert(1, _line("found among ten: all copies", every[2], every[3], of))
    rows = np.flatnonzero(np.isin(owner, held))
    parts = [_held(Y[rows], owner[rows]) for Y in (before_X, after_X)]
    mates = [same_file(part, seed)[0] for part in parts]
    if mates[0] is not None and mates[1] is not None:
        change = mates[1].value - mates[0].value
        gain = Interval(change, mates[1].low - mates[0].high, mates[1].high - mates[0].low)
        lines.append(Line("nearest stretch is of the same file", mates[0], mates[1], gain))
    return tuple(lines), (hubness(parts[0].means, k=K), hubness(parts[1].means, k=K))


def _line(
    what: str,
    old: npt.NDArray[np.bool_],
    new: npt.NDArray[np.bool_],
    groups: Ints | None = None,
) -> Line:
    """Shares before and after, over the same copies."""
    return Line(
        what,
        bootstrap_mean(old, groups),
        bootstrap_mean(new, groups),
        paired_difference(new, old, groups),
    )


def _copies(
    library: Library, space: Space, sounds: Sequence[tuple[int, str]]
) -> dict[str, list[tuple[int, Floats]]]:
    """Deformed copies of sounds (number, id), as the report makes them: deformation -> their vectors."""
    found: dict[str, list[tuple[int, Floats]]] = {}
    heard = 0
    for number, sound_id in sounds:
        try:
            samples, rate_hz = read_sound(library.locate(sound_id), end_s=EXCERPT_S)
        except (SoundkinError, OSError):
            continue
        for kind, harm in DEFORMATIONS.items():
            try:
                parts = chunks([harm(samples, rate_hz)], rate_hz, margin_s=space.margin_s)
                vectors = space.embed_gathered([space.gather_chunk(chunk) for chunk in parts])
            except (SoundkinError, RuntimeError):  # too short to be cut
                continue
            if sum(map(len, vectors)):
                found.setdefault(kind, []).append((number, np.concatenate(vectors)))
        heard += 1
        if heard == COPIES_OF:
            break
    return found


def _held(X: Floats, owner: Ints) -> Held:
    """Some sounds' vectors as the report's figures take them."""
    present, starts, counts = np.unique(owner, return_index=True, return_counts=True)
    means = unit_rows(np.add.reduceat(X, starts, axis=0))
    seq = np.arange(len(owner)) - np.repeat(starts, counts)
    return Held(X, owner, seq, means, ("",) * len(present))
