"""Duplicates: one sound in several files, copies of it, and versions.

- *exact*: one sound in several places. A sound is known by its samples, so other containers count too.
- *near*: the same recording at another level, cut, coded or resampled. Neighbours by their mean vectors
  are laid over each other (:mod:`soundkin.overlays`); only those whose waveforms agree are named.
- *version*: the same course in time and tone at another speed, pitch or tone, but not the same waveform.

Never are all pairs compared, only neighbours. In a group the best member stands first (the longest, then
lossless, then of the highest rate); every other says what was measured against it. What a person called no
duplicate stays apart. Nothing is ever deleted.
"""

from __future__ import annotations

import csv
import io
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from soundkin.errors import InputError
from soundkin.index import build
from soundkin.index.graph import knn_graph
from soundkin.library.centroids import centroids
from soundkin.library.scan import GONE
from soundkin.listen import best_spot
from soundkin.overlays import Overlays, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from soundkin.facade import Library, Look

Kind = Literal["exact", "near", "version"]
KINDS: tuple[Kind, ...] = ("exact", "near", "version")

NEIGHBOURS = 8
"""How many neighbours of every sound are looked at."""

TELL_S = 2.0
"""What was found so far is told no oftener."""

SAVE_S = 60.0
"""What was measured is written no oftener."""

LOSSLESS = {"WAV", "FLAC", "AIFF", "W64", "RF64", "CAF", "AU", "ALAC"}
APART = "apart:"
"""Settings under which pairs that are no duplicates are remembered."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a group; reason: what it is beside the first, empty for the first itself."""

    sound_id: str
    path: str
    name: str
    format: str
    rate_hz: int
    duration_s: float
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Group:
    """Files of one sound; the first is the one to keep when one is kept. likeness: the least measured."""

    group_id: str
    kind: Kind
    likeness: float
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The groups; how many sounds there are, pairs that were laid over each other, sounds not readable."""

    groups: tuple[Group, ...]
    sounds: int
    compared: int
    unread: int

    def as_csv(self) -> str:
        """Return the groups as CSV: one line a file."""
        out = io.StringIO()
        names = ["group", "kind", "likeness", *Member.__dataclass_fields__]
        writer = csv.DictWriter(out, names, lineterminator="\n")
        writer.writeheader()
        for group in self.groups:
            for member in group.members:
                writer.writerow(
                    {"group": group.group_id, "kind": group.kind, "likeness": group.likeness}
                    | asdict(member)
                )
        return out.getvalue()


def find(
    library: Library,
    *,
    space: str | None = None,
    kinds: Iterable[Kind] = KINDS,
    on_progress: Callable[[int, int], None] | None = None,
    on_found: Callable[[Duplicates], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Duplicates:
    """Find the duplicates of a library; `on_progress` is called with pairs compared and in all.

    `on_found` is called now and then with what was found so far: the nearest pairs are compared first.
    Pairs compared once are remembered in the library's cache, so a second run reads only new sounds.
    Raises `InputError` for an unknown kind, `NotFound` for an empty library.
    """
    wanted = set(kinds)
    if unknown := wanted - set(KINDS):
        raise InputError(f"the kind '{min(unknown)}'", f"one of {', '.join(KINDS)}")
    look = library.look(space)
    exact = tuple(_exact(library, look)) if "exact" in wanted else ()
    living = int(np.count_nonzero(look.snapshot.alive & look.snapshot.spots.placed))
    finder = _Finder(library, look, wanted & {"near", "version"})

    def so_far() -> Duplicates:
        groups = (*exact, *finder.groups())
        return Duplicates(groups, living, finder.overlays.compared, len(finder.overlays.unread))

    tell = _NowAndThen(lambda: on_found(so_far()) if on_found else None, TELL_S, at_once=True)
    save = _NowAndThen(finder.overlays.save, SAVE_S)
    tell()
    for done, total in finder.compare(stop):
        if on_progress is not None:
            on_progress(done, total)
        tell()
        save()
    found = so_far()
    finder.overlays.save()
    return found


def keep_apart(library: Library, sound_ids: Iterable[str]) -> int:
    """Remember that these sounds are no duplicates of each other; return how many pairs that are."""
    ids = sorted(set(sound_ids))
    if len(ids) < 2:
        raise InputError("fewer than two sounds", "two or more", "name the sounds of a group")
    for sound_id in ids:
        library.sound(sound_id)
    pairs = [_apart(a, b) for i, a in enumerate(ids) for b in ids[i + 1 :]]
    library.store.put_settings(dict.fromkeys(pairs, True))
    library.catalogue.touch()
    return len(pairs)


def join_again(library: Library, sound_ids: Iterable[str]) -> int:
    """Forget that these sounds are no duplicates of each other; return how many pairs that were."""
    ids = set(sound_ids)
    gone = [
        key
        for key in library.catalogue.snapshot().settings
        if key.startswith(APART) and set(key.removeprefix(APART).split(":")) <= ids
    ]
    library.store.delete_settings(gone)
    library.catalogue.touch()
    return len(gone)


def still(library: Library, groups: Iterable[Group]) -> list[Group]:
    """Return groups without the members that have since been told apart from the first, or are gone."""
    snapshot = library.catalogue.snapshot()
    kept = []
    for group in groups:
        living = [m for m in group.members if m.sound_id in snapshot.ord_of]
        first, rest = living[:1], living[1:]
        stay = [
            member
            for member in rest
            if _apart(first[0].sound_id, member.sound_id) not in snapshot.settings
        ]
        if stay:
            kept.append(replace(group, members=(*first, *stay)))
    return kept


def _apart(a: str, b: str) -> str:
    """Return the setting under which a pair is told apart."""
    return APART + ":".join(sorted((a, b)))


def _exact(library: Library, look: Look) -> list[Group]:
    """Return the sounds with several places that are not known to be gone."""
    groups = []
    spots = look.snapshot.spots
    places = np.bincount(spots.sound[spots.present], minlength=len(look.snapshot.ids))
    for number in np.flatnonzero((places > 1) & look.snapshot.alive):
        row = look.snapshot.row(int(number))
        here = [spot for spot in spots.of(int(number)) if spot.state != GONE]
        suffixes = {spot.name.rpartition(".")[2].lower() for spot in here}
        reason = "the same samples" if len(suffixes) == 1 else "the same samples in another format"
        members = [
            Member(
                row["sound_id"],
                spot.path,
                spot.name,
                spot.name.rpartition(".")[2].upper(),
                row["rate_hz"],
                row["duration_s"],
                library.catalogue.state(spot),
                reason if i else "",
            )
            for i, spot in enumerate(here)
        ]
        groups.append(Group(f"exact-{row['sound_id']}", "exact", 1.0, tuple(members)))
    return sorted(groups, key=lambda group: group.members[0].path)


class _NowAndThen:
    """Does some work when it is time: not again for `rest_s`, and in a twentieth of the time at most."""

    def __init__(self, work: Callable[[], None], rest_s: float, *, at_once: bool = False) -> None:
        self._work, self._rest_s = work, rest_s
        self._next_at = time.monotonic() + (0 if at_once else rest_s)

    def __call__(self) -> None:
        """Do it, if it is time."""
        began = time.monotonic()
        if began >= self._next_at:
            self._work()
            now = time.monotonic()
            self._next_at = now + max(self._rest_s, 20 * (now - began))


class _Finder:
    """Finds near copies and versions among neighbours."""

    def __init__(self, library: Library, look: Look, kinds: set[Kind]) -> None:
        self.library, self.look = library, look
        self.snapshot = look.snapshot
        self.overlays = Overlays(library, look)
        self._kinds = kinds
        self._apart = {k.removeprefix(APART) for k in look.snapshot.settings if k.startswith(APART)}
        self._edges: dict[Kind, list[tuple[int, int]]] = {"near": [], "version": []}

    def compare(self, stop: Callable[[], bool]) -> Iterator[tuple[int, int]]:
        """Lay candidates that were not told apart over each other; yield how many were, and of how many."""
        pairs = self._candidates() if self._kinds else []
        for done, (a, b) in enumerate(pairs, 1):
            if stop():
                return
            if self.overlays.key(a, b) not in self._apart:
                kind = self.overlays.verdict(a, b).kind
                if kind != "other":
                    self._edges[kind].append((a, b))
            yield done, len(pairs)

    def groups(self) -> list[Group]:
        """Gather the pairs found so far around the best of each."""
        taken: set[int] = set()
        found: list[Group] = []
        for kind in ("near", "version"):
            if kind in self._kinds:
                found += self._gather(kind, taken)
        return found

    def _candidates(self) -> list[tuple[int, int]]:
        """Return pairs of ords that are neighbours and close: near-identical ones first, then by sound."""
        ords, X = centroids(self.look.view)
        keep = self.snapshot.spots.placed[ords]
        ords, X = ords[keep], X[keep]
        if len(ords) < 2:
            return []
        index = build("auto", X, space_id=self.look.view.space_id)
        ids, distances = knn_graph(index, min(NEIGHBOURS, len(ords) - 1))
        row, column = np.nonzero((ids >= 0) & (distances <= self.look.borders[1]))
        pairs = np.sort(np.stack([ords[row], ords[ids[row, column]]], axis=1), axis=1)
        near = distances[row, column] <= self.look.borders[0]
        first = {(int(a), int(b)) for a, b in pairs[near]}
        every = {(int(a), int(b)) for a, b in pairs}
        return sorted(every, key=lambda pair: (pair not in first, pair))

    def _gather(self, kind: Kind, taken: set[int]) -> list[Group]:
        """Put sounds around the best one they were found the same as; who is in a group is taken."""
        near: dict[int, set[int]] = {}
        for a, b in self._edges[kind]:
            near.setdefault(a, set()).add(b)
            near.setdefault(b, set()).add(a)
        found = []
        for best in sorted(near, key=self._worth):
            if best in taken:
                continue
            spoken = []
            for other in sorted(self._reach(best, near) - taken - {best}, key=self._worth):
                verdict = self.overlays.verdict(best, other)
                if self.overlays.key(best, other) not in self._apart and verdict.kind == kind:
                    spoken.append((other, verdict))
            if spoken:
                taken |= {best, *(other for other, _ in spoken)}
                found.append(self._group(kind, best, spoken))
        return found

    @staticmethod
    def _reach(start: int, near: dict[int, set[int]]) -> set[int]:
        """Return the neighbours and theirs."""
        return near[start].union(*(near[other] for other in near[start]))

    def _worth(self, number: int) -> tuple[object, ...]:
        """Return what sorts the member to keep first."""
        row = self.snapshot.row(number)
        lossy = row["format"].upper() not in LOSSLESS
        return (
            -round(row["duration_s"], 1),
            lossy,
            -row["rate_hz"],
            -row["channels"],
            row["sound_id"],
        )

    def _group(self, kind: Kind, best: int, spoken: list[tuple[int, Verdict]]) -> Group:
        members = [self._member(best, ""), *(self._member(n, v.reason) for n, v in spoken)]
        likeness = min(verdict.likeness for _, verdict in spoken)
        return Group(f"{kind}-{self.snapshot.ids[best]}", kind, likeness, tuple(members))

    def _member(self, number: int, reason: str) -> Member:
        row = self.snapshot.row(number)
        spot = best_spot(self.library.catalogue, self.snapshot, row["sound_id"])
        return Member(
            row["sound_id"],
            spot.path if spot else "",
            spot.name if spot else row["sound_id"],
            row["format"],
            row["rate_hz"],
            row["duration_s"],
            self.library.catalogue.state(spot) if spot else GONE,
            reason,
        )
