"""A space -> its answers, one number a clip, so that intervals can be drawn over seeds and clips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from soundkin.errors import InputError
from soundkin.evaluate.datasets import asked
from soundkin.evaluate.embed import crop_vectors, embed_clips
from soundkin.evaluate.subjects import log_mel_statistics
from soundkin.evaluate.table import MEASURES, answer
from soundkin.reproduce.cells import plain
from soundkin.space import load_space

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from soundkin.evaluate.datasets import Clips
    from soundkin.reproduce.cells import Cell, Place
    from soundkin.reproduce.learn import Learnt
    from soundkin.space import Space

Floats = npt.NDArray[np.float32]

BASELINES = ("mfcc", "log-mel")
"""Settings that train nothing: they always stand in the table."""


def space_of(cell: Cell, learnt: Learnt) -> Space:
    """What a cell is judged by: what it learnt, or the baseline of its name."""
    if cell.recipe:
        return learnt.space
    return log_mel_statistics() if cell.setting == "log-mel" else load_space(cell.setting)


def task_answers(space: Space, sets: Sequence[Clips], place: Place) -> dict[str, Any]:
    """Task ("set, label") -> groups, and the answers by each measure, one a clip; NaN: not asked.

    By the protocol of :mod:`soundkin.evaluate.table`.
    """
    found: dict[str, Any] = {}
    for clips in sets:
        vectors = embed_clips(clips.files(), [space], cache=place.out / "heard", jobs=1)
        for task in clips.tasks:
            try:
                part = asked(clips, task)
            except InputError as error:  # a small set cut in two may hold too few of each label
                place.tell(f"not asked: {error}")
                continue
            with threadpool_limits(1):  # small matrices: more threads only wait for each other
                answers = answer(vectors[space.id][part.rows], part)
            values = {title: plain(getattr(answers, name)) for name, title in MEASURES.items()}
            classes = len(set(part.labels.tolist()))
            about = {"classes": classes, "groups": part.groups.tolist()}
            found[f"{clips.name}, {task.label}"] = about | values
    return found


def crops_of(
    space: Space, files: Sequence[Path], *, crop_s: float, every: int = 1
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Vectors of stretches of `crop_s` of files, one in `every`: (n, dim), and whose each is (n,)."""
    with threadpool_limits(1):
        parts = [crop_vectors(file, space, crop_s=crop_s, every=every) for file in files]
    of = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return np.concatenate(parts), of
