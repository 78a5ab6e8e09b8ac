"""Make the shipped space `sound`: `SOUNDKIN_DATA=... python bench/sound_space.py RUN`

RUN is the folder of `soundkin train sound`, finished or stopped: its averaged weights become the
graph, its recipe and its length the card. No recording shapes a vector. As for mfcc, the borders of
the bands and the card's figures are measured on the development sets (SOUNDKIN_DATA), beside mfcc's
and the same network's before training.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import torch
from mfcc_constants import bands, write
from quality import TASKS, as_begun
from torch import Generator

from soundkin.evaluate.datasets import read_datasets, with_tasks
from soundkin.evaluate.table import Line, evaluate
from soundkin.recipe.export import export_space
from soundkin.recipe.load import load_recipe
from soundkin.recipe.views import draw_views
from soundkin.shelf import SHIPPED
from soundkin.space import Space, load_space
from soundkin.train import Training, train

LIMITS = (
    "Sounds alike, not meanings: what is said and who says it are mixed, and speakers of single "
    "words are ranked a little worse than by mfcc (mAP); on these sets two thirds and more of what it "
    "gains over mfcc, the same network gains with random weights; pitch is heard as part of timbre; "
    "nothing above 8 kHz; rhythm beyond a second is not heard. Trained for half an hour, not for days."
)


def main(run: Path, data: Path) -> None:
    torch.set_num_threads(1)
    recipe = load_recipe("sound")
    done = torch.load(run / "checkpoint.pt", weights_only=True)["step"]
    state = train(recipe, run, steps=done)
    file = SHIPPED / "sound.json"
    pairs = done * recipe.run.batch
    heard = torch.cat([state.heard, draw_views(recipe, None, Generator().manual_seed(1)).a])
    export_space(state.model, file, windows=heard, card=card(state, pairs), int8=True)
    space = load_space("sound")
    settings = json.loads(file.read_text(encoding="utf-8"))
    sets = [folder for folder in sorted(data.iterdir()) if folder.is_dir()]
    settings["card"]["bands"] = bands(sets, space)
    write(file, settings)
    print(space.id, settings["card"]["bands"], flush=True)
    with tempfile.TemporaryDirectory() as folder:
        begun = load_space(as_begun("sound", Path(folder)))
        settings["card"]["figures"] = figures(data, [load_space("mfcc"), begun, space])
    write(file, settings)
    print(space.id, json.dumps(settings["card"], indent=1))


def card(state: Training, pairs: int) -> dict[str, object]:
    """What to tell of it, but for what is measured."""
    return {
        "what": "General similarity, learnt without labels from synthesized sound alone: pairs of "
        "sounds whose knobs lie a little apart are kin.",
        "data": "Synthesized on the fly by the patch world; no recording. The bands were measured on "
        "the sets of the figures.",
        "made": f"Recipe sound, seed 0: {pairs:,} pairs in {state.step} steps, "
        f"{state.elapsed_s / 60:.0f} minutes of one CPU core; averaged weights; network and "
        "statistics of bands joined, 256 principal components of drawn sound, whitened to "
        f"{state.model.recipe.vector.whiten:g}; weights of both, and the recipe among ten, chosen on "
        "the sets of the figures.",
        "limits": LIMITS,
        "licence": "Apache-2.0",
        "pairs": pairs,
        "loss": round(state.rows[-1].loss, 3),
    }


def figures(data: Path, spaces: list[Space]) -> dict[str, dict[str, dict[str, float]]]:
    """1-NN, mAP and linear probe of each task by each space."""
    clips = [with_tasks(one, TASKS[one.name]) for one in read_datasets(data) if one.name in TASKS]
    found: dict[str, dict[str, dict[str, float]]] = {}
    for line in evaluate(clips, spaces, jobs=os.cpu_count()).lines:
        found.setdefault(f"{line.set}, {line.label}", {})[line.subject] = row(line)
    return found


def row(line: Line) -> dict[str, float]:
    """The three measures of a line."""
    named = {"1-NN": line.first, "mAP": line.precision, "linear": line.linear}
    return {name: round(interval.value, 3) for name, interval in named.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(os.environ["SOUNDKIN_DATA"]))
