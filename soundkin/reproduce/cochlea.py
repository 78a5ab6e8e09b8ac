"""What do triplets of the Cochlea project learn? Its recipe, part by part (Jansen et al. 2018).

The Morlet bank against log-mel frames, every deformation alone and all together, random against
semi-hard negatives, with the article's picture of distances before and after mining. Learnt from
one part of every labelled set, without its labels; asked about the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from soundkin.evaluate.datasets import asked, with_tasks
from soundkin.evaluate.draw import densities, points
from soundkin.evaluate.embed import embed_clips
from soundkin.evaluate.plane import MOST_POINTS, t_sne
from soundkin.objective.triplet import semi_hard_negatives
from soundkin.recipe.assemble import PairModel
from soundkin.recipe.sounds import open_sounds
from soundkin.recipe.views import folder_views
from soundkin.reproduce.cells import Cell, plain, planned
from soundkin.reproduce.judge import BASELINES, space_of, task_answers
from soundkin.reproduce.page import (
    Page,
    by_setting,
    by_task,
    gap,
    gap_text,
    median_pairs,
    opening,
    table_of,
)
from soundkin.reproduce.sound import linked, sets_in, two_parts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from soundkin.evaluate.datasets import Clips
    from soundkin.reproduce.cells import Place, Result
    from soundkin.reproduce.learn import Learnt
    from soundkin.space import Space

TITLE = "What do triplets learn from raw sound?"
SMALL = ("encoder.width=32",)
"""A quarter of the published channels: what a small machine trains within minutes."""
OFF = {
    "nearby": "deform.nearby_s=0.0",
    "stretch": "deform.stretch=[1.0, 1.0]",
    "pitch": "deform.pitch_semitones=[0.0, 0.0]",
    "noise": "deform.noise=[0.0, 0.0]",
    "mixture": "deform.mixture=0.0",
}
LOG_MEL = ("data.rate_hz=16000", "data.window=11889", "frontend.preset=soundkin",
           "frontend.relative=true")  # fmt: skip
"""The same 0.743 s through 64 log-mel bands."""
SETTINGS: dict[str, tuple[str, ...]] = {
    "all": (),
    "log-mel-frames": LOG_MEL,
    "random-negatives": ("objective.mining=false",),
    **{f"only-{kind}": tuple(off for other, off in OFF.items() if other != kind) for kind in OFF},
}
MAIN = ("all", "log-mel-frames", "random-negatives", "random-weights")
"""Settings of the main comparison."""
TASKS = {"esc10": ["label:fold"], "sonicpi": ["label"], "mridangam": ["stroke"]}
PAIRS_SEEN = 512
"""Pairs whose distances are drawn."""
SCALE = (
    "As the Cochlea project built it [P]: 70 h of sound, convolutions of 128 channels. Here {hours:.1f} h "
    "and `{small}`; {pairs:,.0f} pairs in the median cell. Jansen et al. (arXiv 1711.02209) recover "
    "41 % (query by example) and 84 % (classification) of the supervised result [P, abstract], on "
    "AudioSet, which is not here; figures of the Cochlea project for single parts: not known."
)


def cells(seeds: int) -> list[Cell]:
    """Front-ends, deformations, negatives, the network as it begins, baselines."""
    found = [Cell(name) for name in BASELINES]
    for seed in range(seeds):
        found.append(Cell("random-weights", seed, "cochlea", SMALL, sound="sets", untrained=True))
        found += [
            Cell(name, seed, "cochlea", (*SMALL, *changes), sound="sets")
            for name, changes in SETTINGS.items()
        ]
    return found


def sound(cell: Cell, place: Place) -> Path | None:
    """The part of every labelled set that is learnt from."""
    if not cell.recipe:
        return None
    parts = [two_parts(clips)[0] for clips in sets_in(place).values()]
    return linked(parts, place.out / "sets")


def judged(place: Place) -> list[Clips]:
    """The other part of the sets of `TASKS`; of all sets where none of those is there."""
    sets = sets_in(place)
    known = [with_tasks(clips, TASKS[name]) for name, clips in sets.items() if name in TASKS]
    return [two_parts(clips)[1] for clips in known or list(sets.values())]


def measure(cell: Cell, learnt: Learnt, place: Place) -> Result:
    """The tasks; of the first seed the classes in the plane; distances before and after mining."""
    sets, space = judged(place), space_of(cell, learnt)
    found: Result = {"tasks": task_answers(space, sets, place)}
    if cell.seed == 0:
        found["plane"] = _plane(space, sets[0], place)
    if isinstance(learnt.model, PairModel):
        folder = sound(cell, place)
        found["distances"] = _distances(learnt.model, folder, cell, place) if folder else {}
    return found


def _plane(space: Space, clips: Clips, place: Place) -> dict[str, Any]:
    """The clips of a task laid out by t-SNE."""
    part = asked(clips, clips.tasks[0])
    vectors = embed_clips(clips.files(), [space], cache=place.out / "heard", jobs=1)[space.id]
    rows = part.rows[:MOST_POINTS]
    with threadpool_limits(1):
        xy = t_sne(vectors[rows])
    return {"xy": plain(xy), "labels": part.labels[:MOST_POINTS].tolist()}


@torch.no_grad()
def _distances(model: PairModel, folder: Path, cell: Cell, place: Place) -> dict[str, Any]:
    """Cosine distances of anchors to positives, to the next row, to the mined negative."""
    recipe = model.recipe
    cache = place.out / "decoded" / cell.sound
    sounds = open_sounds(folder, rate_hz=recipe.data.rate_hz, cache=cache)
    views = folder_views(recipe, sounds, PAIRS_SEEN, torch.Generator().manual_seed(cell.seed))
    x, y = (
        torch.nn.functional.normalize(
            torch.cat([model.embed(part) for part in torch.split(view, 64)]), dim=1
        )
        for view in (views.a, views.b)
    )
    others = ~torch.eye(len(x), dtype=torch.bool)
    candidates = torch.cat([x, y])
    allowed = torch.cat([others, others], 1)
    chosen = semi_hard_negatives(x, y, candidates, allowed=allowed, distance="cosine")
    return {
        "positive": plain((1 - (x * y).sum(dim=1)).numpy()),
        "random negative": plain((1 - (x * x.roll(1, 0)).sum(dim=1)).numpy()),
        "mined negative": plain((1 - (x * candidates[chosen]).sum(dim=1)).numpy()),
    }


def page(results: Sequence[Result], place: Place) -> Page:
    """All settings, what each part changes, distances and classes as pictures."""
    done = by_setting(results)
    tasks = list(dict.fromkeys(t for r in results for t in r["answers"]["tasks"]))
    text = opening(TITLE, results, len(planned(cells, MAIN, place)), place)
    hours = next((r["training"]["hours"] for r in results if "hours" in r["training"]), 0.0)
    text += [SCALE.format(hours=hours, small=SMALL[0], pairs=median_pairs(results)), ""]
    for name in ("linear", "mAP", "1-NN"):
        columns = {task: by_task(task, name) for task in tasks}
        text += [f"## {name}", "", *table_of(done, columns), ""]
    if "all" in done:
        text += ["## Against all deformations, Morlet bank and mined negatives (linear)", ""]
        text += [f"| setting | {' | '.join(tasks)} |", "|---" * (1 + len(tasks)) + "|"]
        for setting in [s for s in ("random-weights", *SETTINGS) if s in done and s != "all"]:
            gaps = [gap_text(gap(done[setting], done["all"], task, "linear")) for task in tasks]
            text.append(f"| {setting} | {' | '.join(gaps)} |")
    pictures = _pictures(done)
    text += ["", *(f"![{file.removesuffix('.svg')}]({file})" for file in pictures)]
    return Page("\n".join(text) + "\n", pictures)


def _pictures(done: dict[str, list[Result]]) -> dict[str, str]:
    """Distances before and after training, with and without mining; classes in the plane."""
    pictures = {}
    for setting in ("random-weights", "random-negatives", "all"):
        found = done[setting][0]["answers"].get("distances") if setting in done else None
        if found:
            pictures[f"distances-{setting}.svg"] = densities(
                {name: np.asarray(values) for name, values in found.items()},
                title=f"Distances to the anchor: {setting}",
                x_label="cosine distance",
            )
    for setting in ("mfcc", "random-weights", "log-mel-frames", "all"):
        plane = done[setting][0]["answers"].get("plane") if setting in done else None
        if plane:
            pictures[f"classes-{setting}.svg"] = points(
                plane["xy"], plane["labels"], title=f"Classes by t-SNE: {setting}"
            )
    return pictures
