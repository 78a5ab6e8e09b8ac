"""Every space, every task, one table: 1-NN, mean average precision, linear probe, geometry.

Protocol: a clip is the mean of the vectors of its first 20 windows (1 s, every 0.5 s, silence left
out); 1-NN and mAP by cosine over all clips outside the own group; linear is logistic regression in
up to five group folds, C of 0.001, 0.01, 0.1 chosen on the next fold, refitted on both. Intervals:
95 %, bootstrap, over groups where there are ten and more, else over clips.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.evaluate.datasets import Asked, asked
from soundkin.evaluate.embed import embed_clips
from soundkin.evaluate.geometry import (
    alignment,
    effective_rank,
    hubness,
    near_duplicate_rate,
    uniformity,
)
from soundkin.evaluate.intervals import Interval, bootstrap_mean, paired_difference
from soundkin.evaluate.locality import locality
from soundkin.evaluate.mlp import mlp_probe
from soundkin.evaluate.probe import group_folds, linear_probe
from soundkin.evaluate.retrieval import retrieval

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from soundkin.evaluate.datasets import Clips, Task
    from soundkin.evaluate.subjects import Subject

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

MEASURES = {"first": "1-NN", "precision": "mAP", "linear": "linear"}
LOCAL_KS = (1, 5, 10, 20, 50, 100)


@dataclass(frozen=True, slots=True)
class Line:
    """One space on one task; `mlp` is HEAR's probe, None where it was not asked."""

    set: str
    label: str
    group: str
    clips: int
    classes: int
    subject: str
    id: str
    first: Interval
    precision: Interval
    linear: Interval
    mlp: Interval | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """How one space's vectors of one set lie; `alignment` over pairs of the first label."""

    set: str
    subject: str
    id: str
    dim: int
    effective_rank: float
    uniformity: float
    alignment: float
    hubness: float
    near_duplicates: float


@dataclass(frozen=True, slots=True)
class Gap:
    """How much better a learned space is than a baseline on one task, by each of `MEASURES`."""

    set: str
    label: str
    subject: str
    baseline: str
    first: Interval
    precision: Interval
    linear: Interval


@dataclass(frozen=True, slots=True)
class Local:
    """How local a property is in one space: times chance, for each k of `ks`."""

    set: str
    label: str
    subject: str
    chance: float
    ks: tuple[int, ...]
    lift: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """All that was measured."""

    lines: tuple[Line, ...]
    gaps: tuple[Gap, ...]
    shapes: tuple[Shape, ...]
    local: tuple[Local, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Answers:
    """One space's answers to one task, one row a clip; what it did not ask is NaN."""

    first: Doubles
    precision: Doubles
    linear: Doubles


def evaluate(
    sets: Sequence[Clips],
    subjects: Sequence[Subject],
    *,
    cache: Path | None = None,
    jobs: int | None = None,
    seed: int = 0,
    mlp: bool = False,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Table:
    """Put every task of every set to every subject.

    `mlp`: ask HEAR's probe too, a matter of minutes. `cache`, `jobs` as
    :func:`soundkin.evaluate.embed.embed_clips`; `on_progress(set, done, all)`.
    Raises InputError for sets without tasks.
    """
    measured: list[Line] = []
    gaps: list[Gap] = []
    shapes: list[Shape] = []
    local: list[Local] = []
    for clips in sets:

        def tell(done: int, total: int, name: str = clips.name) -> None:
            if on_progress is not None:
                on_progress(name, done, total)

        vectors = embed_clips(clips.files(), subjects, cache=cache, jobs=jobs, on_progress=tell)
        for task in clips.tasks:
            part = asked(clips, task)
            answers = {s.id: answer(vectors[s.id][part.rows], part, seed) for s in subjects}
            for s in subjects:
                line = _line(clips, task, part, s, answers[s.id])
                right = _by_mlp(vectors[s.id][part.rows], part, seed) if mlp else None
                measured.append(replace(line, mlp=right))
            gaps += _gaps(clips, task, part, subjects, answers)
        shapes += [_shape(clips, subject, vectors[subject.id], seed) for subject in subjects]
        if len(clips.tasks) > 1:
            local += _local(clips, subjects, vectors)
    if not measured:
        names = ", ".join(clips.name for clips in sets)
        raise InputError(f"nothing to ask about {names}", "a column of labels", "name it by --task")
    return Table(tuple(measured), tuple(gaps), tuple(shapes), tuple(local))


def answer(vectors: Floats, part: Asked, seed: int = 0) -> Answers:
    """One task put to vectors (m, dim) of its clips."""
    found = retrieval(vectors, part.labels, part.groups, ks=(1,))
    first, precision = np.full((2, len(part.labels)), np.nan)
    first[found.rows], precision[found.rows] = found.first, found.average_precision
    folds = group_folds(part.labels, part.groups, seed=seed)
    return Answers(first, precision, linear_probe(vectors, part.labels, folds).correct)


def _line(clips: Clips, task: Task, part: Asked, subject: Subject, answers: Answers) -> Line:
    """Means with intervals."""
    means = [_mean(getattr(answers, name), part.groups) for name in MEASURES]
    n, classes = len(part.rows), len(set(part.labels.tolist()))
    about = (clips.name, task.label, task.group, n, classes, subject.name, subject.id)
    return Line(*about, *means)


def _by_mlp(vectors: Floats, part: Asked, seed: int) -> Interval | None:
    """Accuracy of HEAR's probe in the folds of the linear one; None for fewer than three folds."""
    folds = group_folds(part.labels, part.groups, seed=seed)
    if len(np.unique(folds)) < 3:
        return None
    return _mean(mlp_probe(vectors, part.labels, folds, seed=seed).correct, part.groups)


def _mean(values: Doubles, groups: npt.NDArray[np.str_]) -> Interval:
    """The mean of what was asked."""
    there = np.isfinite(values)
    return bootstrap_mean(values[there], groups[there])


def is_baseline(name: str) -> bool:
    """Whether a subject is one of those that always stand in the table."""
    return name in {"mfcc", "log-mel"} or name.endswith("-random")


def baselines_of(subject: Subject, subjects: Sequence[Subject]) -> list[Subject]:
    """Those that a learned space must beat: mfcc, log-mel, itself with random weights."""
    names = ("mfcc", "log-mel", f"{subject.name}-random")
    return [other for other in subjects if other.name in names]


def _gaps(
    clips: Clips,
    task: Task,
    part: Asked,
    subjects: Sequence[Subject],
    answers: Mapping[str, Answers],
) -> list[Gap]:
    """Each learned space against each of its baselines, on the same clips."""
    found = []
    for ours in subjects:
        for theirs in [] if is_baseline(ours.name) else baselines_of(ours, subjects):
            gaps = []
            for name in MEASURES:
                a, b = (getattr(answers[s.id], name) for s in (ours, theirs))
                there = np.isfinite(a)
                gaps.append(paired_difference(a[there], b[there], part.groups[there]))
            found.append(Gap(clips.name, task.label, ours.name, theirs.name, *gaps))
    return found


def _shape(clips: Clips, subject: Subject, vectors: Floats, seed: int) -> Shape:
    """Geometry of all clips of a set that are not silent."""
    sounding = np.flatnonzero(np.abs(vectors).sum(axis=1))
    X = vectors[sounding]
    labels = clips.columns[clips.tasks[0].label][sounding] if clips.tasks else np.array(clips.paths)
    a, b = label_pairs(labels, seed)
    return Shape(
        set=clips.name,
        subject=subject.name,
        id=subject.id,
        dim=X.shape[1],
        effective_rank=effective_rank(X),
        uniformity=uniformity(X),
        alignment=alignment(X[a], X[b]) if len(a) else float("nan"),
        hubness=hubness(X) if len(X) > 10 else float("nan"),
        near_duplicates=near_duplicate_rate(X),
    )


def label_pairs(
    labels: npt.NDArray[np.str_], seed: int = 0
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Each row with another of its label, drawn by the seed; rows of rare labels are left out.

    Examples
    --------
    >>> a, b = label_pairs(np.array(["x", "y", "x", "z"]))
    >>> a.tolist(), b.tolist()
    ([0, 2], [2, 0])
    """
    rng = np.random.default_rng(seed)
    first, second = [], []
    for name in np.unique(labels):
        rows = np.flatnonzero(labels == name)
        if name and len(rows) > 1:
            order = rng.permutation(rows)
            first.append(order)
            second.append(np.roll(order, -1))
    none = np.empty(0, np.int64)
    a, b = np.concatenate([none, *first]), np.concatenate([none, *second])
    order = np.argsort(a)
    return a[order], b[order]


def _local(clips: Clips, subjects: Sequence[Subject], vectors: Mapping[str, Floats]) -> list[Local]:
    """Neighbourhood curves of every label of a set, among the clips of its task."""
    found = []
    for task in clips.tasks:
        part = asked(clips, task)
        for subject in subjects:
            X, labels = vectors[subject.id][part.rows], {task.label: part.labels}
            curve = locality(X, labels, part.groups, ks=LOCAL_KS)[task.label]
            about = (clips.name, task.label, subject.name, curve.chance)
            found.append(Local(*about, curve.ks, curve.lift))
    return found
