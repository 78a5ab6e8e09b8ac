"""A few examples by hand -> suggestions for the rest, each with its evidence (:mod:`soundkin.likeness`).

What a person rejected is never suggested again; every change can be taken back.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError, NotFound
from soundkin.library.centroids import centroids, means_of
from soundkin.likeness import probabilities
from soundkin.listing import ord_of
from soundkin.scope import sounds_in
from soundkin.search import band_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soundkin.facade import Library, Scope
    from soundkin.library.catalogue import Snapshot
    from soundkin.search import Band

LEAST_EXAMPLES = 2
EVIDENCE = 3
VOTERS = 10
"""So many of the nearest tagged sounds are asked for the tags of one."""

MOST_BEARERS = 20_000
"""Of more tagged sounds, some are compared, evenly drawn."""

FAVOURITE = "favourite"
REJECTED = "rejected:"
CHANGE = "tag-change:"
CHANGES_KEPT = 50


@dataclass(frozen=True, slots=True)
class Evidence:
    """An example that a suggestion rests on; closeness: the cosine similarity of their mean vectors."""

    sound_id: str
    name: str
    closeness: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A sound that may bear the tag, how probable that is, and the examples nearest to it."""

    sound_id: str
    name: str
    path: str
    folder: str
    duration_s: float
    probability: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Suggestions for a tag, the most probable first; what they rest on; how many more would be found.

    likely: how many of the rest are more likely than not.
    """

    tag: str
    space: str
    examples: int
    rejected: int
    likely: int
    suggestions: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True)
class TagGuess:
    """A tag that a sound may bear: the closeness and band of the nearest bearer, the bearers near to it."""

    tag: str
    closeness: float
    band: Band
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What was accepted or rejected at once; it can be taken back."""

    change_id: str
    tag: str
    accepted: tuple[str, ...]
    rejected: tuple[str, ...]
    at: datetime


def suggest(
    library: Library,
    tag: str,
    *,
    space: str | None = None,
    k: int = 50,
    scope: Scope | str | None = None,
    least: float = 0.0,
) -> Suggestions:
    """Suggest sounds for a tag that a few already bear; `least`: the least probability.

    Raises `NotFound` for a tag that nothing bears, `InputError` for fewer than two examples.
    """
    look = library.look(space)
    snapshot = look.snapshot
    ords, X = centroids(look.view)
    examples = np.isin(ords, snapshot.tags.sounds_with({tag}))
    _demand_examples(tag, int(np.count_nonzero(examples)))
    refused = np.isin(ords, _rejected(snapshot, tag))
    probability = probabilities(X, examples, refused & ~examples)
    may = ~examples & ~refused & sounds_in(snapshot, scope)[ords] & (probability >= least)
    rows = np.flatnonzero(may)
    rows = rows[np.argsort(-probability[rows], kind="stable")]
    near = np.flatnonzero(examples)
    return Suggestions(
        tag=tag,
        space=look.view.space_id,
        examples=len(near),
        rejected=int(np.count_nonzero(refused)),
        likely=int(np.count_nonzero(probability[rows] > 0.5)),
        suggestions=tuple(
            _suggestion(library, snapshot, ords, X, int(row), near, float(probability[row]))
            for row in rows[:k]
        ),
    )


def _demand_examples(tag: str, n: int) -> None:
    """Raise `NotFound` or `InputError` where too few sounds bear a tag."""
    if not n:
        raise NotFound(
            f"nothing bears the tag '{tag}'",
            f"{LEAST_EXAMPLES} or more sounds with it",
            "tag a few by hand first",
        )
    if n < LEAST_EXAMPLES:
        raise InputError(
            f"only one sound bears the tag '{tag}'",
            f"{LEAST_EXAMPLES} or more; five are a good start",
            "tag a few more by hand",
        )


def tags_for(library: Library, sound_id: str, *, space: str | None = None) -> tuple[TagGuess, ...]:
    """Return tags that a sound may bear too, those that most of its nearest tagged sounds bear first.

    Asked are the `VOTERS` tagged sounds nearest by their mean vectors, as far as they are related or
    closer. What it bears or was refused is left out, and so are favourites. Raises `NotFound`.
    """
    look = library.look(space)
    snapshot = look.snapshot
    own = set(library.sound(sound_id).tags)
    mine = ord_of(snapshot, sound_id)
    bearers = np.unique(snapshot.tags.sound)
    bearers = bearers[(bearers != mine) & sounds_in(snapshot, None)[bearers]]
    bearers = bearers[:: max(1, len(bearers) // MOST_BEARERS)]
    known, X = means_of(look.view, np.append(bearers, mine))
    if len(known) < 2 or known[-1] != mine:
        return ()
    closeness = X[:-1] @ X[-1]
    votes: dict[str, list[Evidence]] = {}
    for i in np.argsort(-closeness, kind="stable")[:VOTERS]:
        if 1.0 - closeness[i] > look.borders[2]:
            break
        near = _evidence(snapshot, int(known[i]), float(closeness[i]))
        for tag in snapshot.tags.get(int(known[i])):
            refused = f"{REJECTED}{tag}:{sound_id}" in snapshot.settings
            if tag not in own and tag != FAVOURITE and not refused:
                votes.setdefault(tag, []).append(near)
    guesses = [
        TagGuess(
            tag, near[0].closeness, band_of(1.0 - near[0].closeness, look.borders), tuple(near)
        )
        for tag, near in votes.items()
    ]
    return tuple(sorted(guesses, key=lambda one: (-len(one.evidence), -one.closeness, one.tag)))


def _suggestion(
    library: Library,
    snapshot: Snapshot,
    ords: npt.NDArray[np.int64],
    X: npt.NDArray[np.float32],
    row: int,
    near: npt.NDArray[np.int64],
    probability: float,
) -> Suggestion:
    """Describe one suggestion with the examples nearest to it."""
    closeness = X[near] @ X[row]
    order = np.argsort(-closeness, kind="stable")[:EVIDENCE]
    evidence = tuple(_evidence(snapshot, int(ords[near[i]]), float(closeness[i])) for i in order)
    sound = library.sound(snapshot.ids[int(ords[row])])
    return Suggestion(
        sound.sound_id,
        sound.name,
        sound.path,
        sound.folder,
        sound.duration_s,
        round(probability, 4),
        evidence,
    )


def _evidence(snapshot: Snapshot, number: int, closeness: float) -> Evidence:
    """Return a sound that speaks for a tag, by its file's name."""
    spots, sound_id = snapshot.spots.of(number), snapshot.ids[number]
    return Evidence(sound_id, spots[0].name if spots else sound_id, round(closeness, 4))


def _rejected(snapshot: Snapshot, tag: str) -> list[int]:
    """Return the ords of the sounds that a person refused for a tag."""
    head = f"{REJECTED}{tag}:"
    ids = [key.removeprefix(head) for key in snapshot.settings if key.startswith(head)]
    return [number for number in map(snapshot.ids.get, ids) if number is not None]


# -- deciding -------------------------------------------------------------------------------------


def accept(library: Library, tag: str, sound_ids: Iterable[str]) -> Change:
    """Put a tag on suggested sounds; those that bear it already are left out of what undo takes off."""
    ids = [s for s in dict.fromkeys(sound_ids) if tag not in library.sound(s).tags]
    library.tag(ids, [tag])
    return _remember(library, tag, accepted=ids)


def reject(library: Library, tag: str, sound_ids: Iterable[str]) -> Change:
    """Remember that sounds do not bear a tag; they are not suggested for it again."""
    known = library.catalogue.snapshot().settings
    ids = [library.sound(s).sound_id for s in dict.fromkeys(sound_ids)]
    ids = [s for s in ids if f"{REJECTED}{tag}:{s}" not in known]
    if ids:
        library.store.put_settings({f"{REJECTED}{tag}:{s}": True for s in ids})
    return _remember(library, tag, rejected=ids)


def undo(library: Library, change_id: str | None = None) -> Change:
    """Take a change back, the last one when none is named. Raises `NotFound`."""
    known = changes(library)
    chosen = [c for c in known if change_id in {None, c.change_id}]
    if not chosen:
        raise NotFound(
            f"there is no change '{change_id}' to take back"
            if change_id
            else "nothing to take back",
            f"one of the last {CHANGES_KEPT}",
            "see what was changed",
        )
    change = chosen[0]
    living = [s for s in change.accepted if s in library.catalogue.snapshot().ord_of]
    library.untag(living, [change.tag])
    keys = [f"{REJECTED}{change.tag}:{s}" for s in change.rejected]
    library.store.delete_settings([*keys, CHANGE + change.change_id])
    library.catalogue.touch()
    return change


def changes(library: Library) -> list[Change]:
    """Return what was accepted and rejected lately and can be taken back, the last one first."""
    settings = library.catalogue.snapshot().settings
    found = [
        Change(
            key.removeprefix(CHANGE),
            value["tag"],
            tuple(value["accepted"]),
            tuple(value["rejected"]),
            datetime.fromisoformat(value["at"]),
        )
        for key, value in settings.items()
        if key.startswith(CHANGE)
    ]
    return sorted(found, key=lambda change: change.at, reverse=True)


def _remember(
    library: Library,
    tag: str,
    *,
    accepted: list[str] | None = None,
    rejected: list[str] | None = None,
) -> Change:
    """Write down a change; the oldest ones are let go."""
    change = Change(
        uuid.uuid4().hex[:12], tag, tuple(accepted or ()), tuple(rejected or ()), datetime.now(UTC)
    )
    library.store.put_setting(
        CHANGE + change.change_id,
        {
            "tag": tag,
            "accepted": change.accepted,
            "rejected": change.rejected,
            "at": change.at.isoformat(),
        },
    )
    library.catalogue.touch()
    old = changes(library)[CHANGES_KEPT:]
    library.store.delete_settings([CHANGE + one.change_id for one in old])
    return change
