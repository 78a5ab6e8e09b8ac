"""What cells learn from and are judged by: rendered music, and labelled sets cut in two."""

from __future__ import annotations

import csv
import hashlib
import os
from typing import TYPE_CHECKING

import numpy as np

from soundkin.errors import InputError, StorageError
from soundkin.evaluate.datasets import Clips, read_datasets
from soundkin.evaluate.play import make_music

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from soundkin.reproduce.cells import Place

TRACKS, TRACK_S = 400, 30.0
"""Tracks of a set of music, and their length."""
LEARNT = 0.6
"""Share of the groups of a set that cells may learn from; the others judge."""


def music(place: Place, seed: int) -> Path:
    """A set of rendered music with labels.csv, kept in the cache for all runs.

    Tracks that are there stay, so a rendering that was killed goes on. Raises NotFound when
    FluidSynth or its sound font is missing and the set is not whole.
    """
    folder = place.cache / "music" / f"{TRACKS}-{TRACK_S:g}s-seed{seed}"
    if _rows(folder / "labels.csv") == TRACKS:
        return folder

    def tell(done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            place.tell(f"music, set {seed}: {done} of {total} tracks")

    return make_music(
        folder, TRACKS, seconds=TRACK_S, seed=seed, jobs=os.cpu_count() or 1, on_progress=tell
    )


def _rows(file: Path) -> int:
    """Rows of a table that was written whole; 0 for none."""
    if not file.is_file():
        return 0
    with file.open(newline="", encoding="utf-8") as lines:
        return sum(1 for _ in csv.DictReader(lines))


def sets_in(place: Place, names: Sequence[str] = ()) -> dict[str, Clips]:
    """The labelled sets below `--data` by name, those of `names` or all.

    Raises InputError for one that is not there.
    """
    found = {clips.name: clips for clips in read_datasets(place.sets())}
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(
            f"no set {missing[0]!r} in {str(place.data)!r}", f"the sets {', '.join(names)}",
            "this study is judged by them",
        )  # fmt: skip
    return {name: found[name] for name in names or found}


def two_parts(clips: Clips) -> tuple[Clips, Clips]:
    """A set cut in two by whole groups of its first task: what may be learnt from, what judges.

    A few groups (folds) are shared out in their order, many by a hash of their names.

    Examples
    --------
    >>> from pathlib import Path
    >>> from soundkin.evaluate.datasets import Task
    >>> fold = {"fold": np.array([*"1122334455"])}
    >>> clips = Clips("toy", Path(), tuple("abcdefghij"), fold, (Task("fold", "fold"),))
    >>> [len(part) for part in two_parts(clips)]
    [6, 4]
    """
    group = clips.tasks[0].group if clips.tasks else "path"
    values = np.array(clips.paths) if group == "path" else clips.columns[group]
    names = np.unique(values)
    key = str if len(names) <= 10 else _hash
    first = sorted(names.tolist(), key=key)[: max(1, round(LEARNT * len(names)))]
    learnt = np.isin(values, first)
    return part_of(clips, np.flatnonzero(learnt)), part_of(clips, np.flatnonzero(~learnt))


def part_of(clips: Clips, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Clips:
    """Some rows of a set, with the same tasks."""
    columns = {name: column[rows] for name, column in clips.columns.items()}
    paths = tuple(clips.paths[int(row)] for row in rows)
    return Clips(clips.name, clips.root, paths, columns, clips.tasks)


def _hash(name: str) -> str:
    """An order that means nothing and is always the same."""
    return hashlib.sha256(name.encode()).hexdigest()


def linked(sets: Sequence[Clips], folder: Path) -> Path:
    """A folder of links to the clips of sets: what a training reads. Raises StorageError."""
    try:
        for clips in sets:
            for path in clips.paths:
                link = folder / clips.name / path
                if not link.is_symlink():
                    link.parent.mkdir(parents=True, exist_ok=True)
                    link.symlink_to((clips.root / path).absolute())
    except OSError as error:
        raise StorageError(
            f"{str(folder)!r} cannot hold links ({error.strerror})", "a folder with links"
        ) from error
    return folder
