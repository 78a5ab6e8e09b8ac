"""What is each family of the patch `world` good for? `SOUNDKIN_DATA=... python bench/world_families.py RUNS`

The recipe `sound`, cut short, is trained on the whole world and on the world without each of its
families: same steps, same seed, same knobs drawn, so that a pair of runs differs in what is silent
alone. Each is judged by 1-NN and mAP on esc10 and sonicpi (the protocol of `soundkin.evaluate.table`):
"searched" as it is searched, "network" without the statistics of bands, which no training changes.
Rows of the whole world with several seeds show what chance does; "not trained" is the same network
as it begins.

RUNS keeps what is done: called again, the script goes on. `--steps 120` of 128 pairs, two to three
minutes of one core a run; `--most 14` stops after so many, `--searched` leaves the second judgement
out, a third of the time. Writes its section of RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from results import machine, table, write_section

from soundkin.evaluate.datasets import Clips, asked, read_datasets, with_tasks
from soundkin.evaluate.embed import embed_clips
from soundkin.evaluate.retrieval import retrieval
from soundkin.recipe.assemble import PairModel, build_model
from soundkin.recipe.export import export_space
from soundkin.recipe.load import load_recipe
from soundkin.recipe.settings import Recipe
from soundkin.recipe.views import draw_views
from soundkin.space import load_space
from soundkin.synth.world import FAMILIES
from soundkin.train import train

TASKS = {"esc10": "label:fold", "sonicpi": "label"}
SEEDS = 3
WHOLE, BEGUN = "the whole world", "not trained"
KINDS = ("searched", "network")
Figures = dict[str, dict[str, float]]


def main(runs: Path, steps: int, most: int, kinds: tuple[str, ...]) -> None:
    folder = Path(os.environ["SOUNDKIN_DATA"])
    sets = [
        with_tasks(one, [TASKS[one.name]]) for one in read_datasets(folder) if one.name in TASKS
    ]
    left_out = [WHOLE, *FAMILIES, BEGUN]
    found: dict[tuple[str, int], Figures] = {}
    for name, seed in [(name, seed) for seed in range(SEEDS) for name in left_out][:most]:
        out = runs / f"{name.replace(' ', '-')}-{seed}-{steps}"
        kept = out / "figures.json"
        if not kept.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            figures = measured(learnt(name, seed, steps, out), out, sets, kinds)
            kept.write_text(json.dumps(figures, indent=1), encoding="utf-8")
        found[name, seed] = json.loads(kept.read_text(encoding="utf-8"))
        print(name, seed, found[name, seed], flush=True)
    report(found, left_out, steps, kinds)


def recipe_without(name: str, seed: int) -> Recipe:
    """The recipe `sound` for a short run, a family silent."""
    patch = "world" if name in (WHOLE, BEGUN) else f"world without {name}"
    changes = [f'data.patches=["{patch}"]', f"run.seed={seed}", "optimiser.ema=0.9"]
    return load_recipe("sound", changes)


def learnt(name: str, seed: int, steps: int, out: Path) -> PairModel:
    """The network after its steps."""
    recipe = recipe_without(name, seed)
    torch.manual_seed(seed)
    model = build_model(recipe) if name == BEGUN else train(recipe, out, steps=steps).model
    assert isinstance(model, PairModel)
    return model


def measured(model: PairModel, out: Path, sets: list[Clips], kinds: tuple[str, ...]) -> Figures:
    """1-NN and mAP of each set, as it is searched and, if asked, by the network alone."""
    recipe, figures = model.recipe, Figures()
    heard = draw_views(recipe, None, torch.Generator().manual_seed(1)).a
    weights = {"searched": recipe.vector.statistics, "network": 0.0}
    for kind in kinds:
        weight = weights[kind]
        model.recipe = replace(recipe, vector=replace(recipe.vector, statistics=weight))
        space = load_space(export_space(model, out / f"{kind}.json", windows=heard))
        figures[kind] = {}
        for clips in sets:
            part = asked(clips, clips.tasks[0])
            vectors = embed_clips(clips.files(), [space], jobs=1)[space.id][part.rows]
            answers = retrieval(vectors, part.labels, part.groups, ks=(1,))
            figures[kind][f"{clips.name} 1-NN"] = float(answers.first.mean())
            figures[kind][f"{clips.name} mAP"] = float(answers.average_precision.mean())
    return figures


def report(
    found: dict[tuple[str, int], Figures], names: list[str], steps: int, kinds: tuple[str, ...]
) -> None:
    """The table: means over seeds, and the mean difference to the whole world with the same seed."""
    rows: list[list[object]] = []
    for name in names:
        seeds = [seed for seed in range(SEEDS) if (name, seed) in found]
        if not seeds:
            continue
        row: list[object] = [name if name in (WHOLE, BEGUN) else f"without {name}", len(seeds)]
        for kind in kinds:
            figures = [found[name, seed][kind] for seed in seeds]
            row += [
                " / ".join(
                    f"{np.mean([f[f'{one} {m}'] for f in figures]):.3f}" for m in ("1-NN", "mAP")
                )
                for one in TASKS
            ]
            both = [seed for seed in seeds if (WHOLE, seed) in found]
            gaps = [mean(found[name, s][kind]) - mean(found[WHOLE, s][kind]) for s in both]
            told = " ".join(f"{gap:+.3f}" for gap in gaps)
            row.append("" if name == WHOLE else told)
        rows.append(row)
    head = ["trained on", "seeds"]
    for kind in kinds:
        head += [*(f"{kind}: {one} 1-NN / mAP" for one in TASKS), "mean against the whole, by seed"]
    whole = {k: [mean(f[k]) for (n, _), f in found.items() if n == WHOLE] for k in kinds}
    chance = ", ".join(
        f"{kind} {min(v):.3f} to {max(v):.3f}" for kind, v in whole.items() if len(v) > 1
    )
    body = [
        f"{machine(1)} {steps} steps of 128 pairs each.",
        (__doc__ or "").split("\n\n")[1],
        f"Means of the four figures for the whole world, other seeds: {chance or 'one seed only'}.",
        table(head, rows),
    ]
    write_section("Families of the world", "\n\n".join(body))


def mean(figures: dict[str, float]) -> float:
    """Of the four figures."""
    return statistics.fmean(figures.values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", type=Path)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--most", type=int, default=1000, help="stop after so many runs")
    parser.add_argument("--searched", action="store_true", help="judge as it is searched alone")
    given = parser.parse_args()
    torch.set_num_threads(1)
    main(given.runs, given.steps, given.most, KINDS[:1] if given.searched else KINDS)
