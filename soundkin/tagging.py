"""A few examples by hand -> suggestions for the rest, each with its evidence.

Two views of every sound's mean vector (centred on the library's mean) are put together: how near it is to
its nearest example, and what a linear probe says that was fitted to tell the examples from the rest of the
library, where rejected sounds count for more. Both are standardised over the rest and averaged.

The probability is careful: each example is scored as if it were not one; the rest is taken for a mixture of
sounds like those and others, and the odds that follow are tempered by two constants, measured on labelled
sets where a few examples stood for a whole class. What a person rejected is never suggested again; every
change can be taken back.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from soundkin.errors import InputError, NotFound
from soundkin.library.centroids import centroids
from soundkin.scope import sounds_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soundkin.facade import Library, Scope
    from soundkin.library.catalogue import Snapshot

Floats = npt.NDArray[np.float64]

LEAST_EXAMPLES = 2
PENALTY = 0.003
"""Weight of the probe's squared norm."""

BACKGROUND = 5_000
"""So many sounds of the rest are learned from, evenly drawn; all of them are scored."""

FOLDS = 20
"""So many examples are scored as if they were not one."""

TEMPER = (0.37, -1.39)
"""Slope and offset of the log-odds (esc10, sonicpi, mridangam; 5 and 15 examples a class)."""

REJECTIONS_HALF = 10
"""With so many rejected sounds they weigh as much as all the rest."""

EVIDENCE = 3
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
    if not examples.any():
        raise NotFound(
            f"nothing bears the tag '{tag}'",
            f"{LEAST_EXAMPLES} or more sounds with it",
            "tag a few by hand first",
        )
    if np.count_nonzero(examples) < LEAST_EXAMPLES:
        raise InputError(
            f"only one sound bears the tag '{tag}'",
            f"{LEAST_EXAMPLES} or more; five are a good start",
            "tag a few more by hand",
        )
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
            _suggestion(library, ords, X, int(row), near, float(probability[row]))
            for row in rows[:k]
        ),
    )


def probabilities(
    X: npt.NDArray[np.float32],
    examples: npt.NDArray[np.bool_],
    rejected: npt.NDArray[np.bool_] | None = None,
    *,
    seed: int = 0,
) -> Floats:
    """Return how probable it is that each row is like the examples; (n,).

    X (n, dim): unit vectors; examples, rejected (n,): masks. Two examples or more.

    >>> X = np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 1, 2, 2, 1]]
    >>> p = probabilities(X, np.arange(8) < 2)
    >>> int(np.argmax(p[2:])), bool((p >= 0).all() and (p <= 1).all())
    (0, True)
    """
    none = np.zeros(len(X), bool) if rejected is None else rejected
    centred = X.astype(np.float64) - X.mean(axis=0)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    centred /= np.maximum(norms, 1e-9)
    rng = np.random.default_rng(seed)
    rest = np.flatnonzero(~examples & ~none)
    if not len(rest):
        return np.ones(len(X))
    learned = np.sort(rng.permutation(rest)[:BACKGROUND])
    near = np.flatnonzero(examples)
    scores = _scores(centred, near, learned, np.flatnonzero(none))
    held_out = np.array(
        [
            _scores(centred, np.delete(near, i), learned, np.flatnonzero(none))[near[i]]
            for i in _spread(len(near), FOLDS)
        ]
    )
    odds = _log_odds(scores, held_out, scores[learned], scores[none])
    slope, offset = TEMPER
    tempered: Floats = expit(slope * odds + offset)
    return tempered


def _spread(n: int, most: int) -> list[int]:
    """Return at most `most` numbers below n, evenly spread."""
    chosen: list[int] = np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int)).tolist()
    return chosen


def _scores(
    X: Floats,
    near: npt.NDArray[np.int64],
    learned: npt.NDArray[np.int64],
    rejected: npt.NDArray[np.int64],
) -> Floats:
    """Return the standardised mean of nearness to an example and the probe's answer; (n,)."""
    nearest = (X @ X[near].T).max(axis=1)
    share = len(rejected) / (len(rejected) + REJECTIONS_HALF)
    rows = np.concatenate([near, learned, rejected])
    weight = np.concatenate(
        [
            np.full(len(near), 0.5 / len(near)),
            np.full(len(learned), 0.5 * (1 - share) / len(learned)),
            np.full(len(rejected), 0.5 * share / max(len(rejected), 1)),
        ]
    )
    target = (np.arange(len(rows)) < len(near)).astype(np.float64)
    coefficients = probe(X[rows], target, weight)
    answer = X @ coefficients[:-1] + coefficients[-1]
    return 0.5 * (_standardised(nearest, learned) + _standardised(answer, learned))


def _standardised(values: Floats, learned: npt.NDArray[np.int64]) -> Floats:
    """Return values with mean 0 and deviation 1 over the rest."""
    background = values[learned]
    standard: Floats = (values - background.mean()) / max(float(background.std()), 1e-9)
    return standard


def probe(X: Floats, target: Floats, weight: Floats, *, penalty: float = PENALTY) -> Floats:
    """Fit a weighted logistic regression by Newton's method; coefficients (dim + 1,), offset last.

    X (n, dim); target (n,): 0 or 1; weight (n,): sums to 1. The offset is not penalised.
    """
    A = np.column_stack([X, np.ones(len(X))])
    ridge = np.full(A.shape[1], penalty)
    ridge[-1] = 1e-6
    found = np.zeros(A.shape[1])
    for _ in range(50):
        p = expit(A @ found)
        gradient = A.T @ (weight * (p - target)) + ridge * found
        curvature = (A * (weight * p * (1 - p))[:, None]).T @ A + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        found -= step
        if np.abs(step).max() < 1e-8:
            break
    return found


def _log_odds(scores: Floats, held_out: Floats, rest: Floats, rejected: Floats) -> Floats:
    """Return the log-odds of being like the examples, for two bells of one width; rises with the score.

    The rest is a mixture of both kinds; its share, and the other bell, are found by turns.
    """
    like = float(held_out.mean())
    other, variance, share = float(rest.mean()), max(float(rest.var()), 1e-9), 0.1
    certain = np.zeros(len(rejected))
    both = np.concatenate([rest, rejected])
    for _ in range(100):
        r = expit(_linear(rest, like, other, variance, share))
        share = float(np.clip((r.sum() + 1) / (len(r) + 10), 1e-4, 0.9))
        no = 1 - np.concatenate([r, certain])
        other = min(float((no * both).sum() / no.sum()), like - 1e-6)
        spread = (no * (both - other) ** 2).sum() + ((held_out - like) ** 2).sum()
        variance = max(float(spread / (no.sum() + len(held_out))), 1e-9)
    return _linear(scores, like, other, variance, share)


def _linear(values: Floats, like: float, other: float, variance: float, share: float) -> Floats:
    odds: Floats = logit(share) + (like - other) / variance * (values - (like + other) / 2)
    return np.clip(odds, -50.0, 50.0)


def _suggestion(
    library: Library,
    ords: npt.NDArray[np.int64],
    X: npt.NDArray[np.float32],
    row: int,
    near: npt.NDArray[np.int64],
    probability: float,
) -> Suggestion:
    """Describe one suggestion with the examples nearest to it."""
    snapshot = library.catalogue.snapshot()
    closeness = X[near] @ X[row]
    order = np.argsort(-closeness, kind="stable")[:EVIDENCE]
    evidence = tuple(
        Evidence(
            snapshot.ids[int(ords[near[i]])],
            _name(snapshot, int(ords[near[i]])),
            round(float(closeness[i]), 4),
        )
        for i in order
    )
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


def _name(snapshot: Snapshot, number: int) -> str:
    """Return a sound's file name."""
    spots = snapshot.spots.of(number)
    return spots[0].name if spots else snapshot.ids[number]


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
