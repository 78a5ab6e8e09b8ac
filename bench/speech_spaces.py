"""Make the shipped spaces `voice` and `content`: `SOUNDKIN_DATA=... python bench/speech_spaces.py RUN RUN`

Each RUN is a folder of `soundkin train voice --data $SOUNDKIN_DATA/librispeech` (or content), finished
or stopped: its averaged weights become the graph, its recipe and its length the card. LibriSpeech is all
that shapes a vector. The borders of the bands are measured on the development sets, the figures on
speechocean and fsdd, beside mfcc, log-mel statistics, `sound` and the same network before training.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import torch
from mfcc_constants import bands, write
from speech import judged
from torch import Generator

from soundkin.recipe.assemble import build_model
from soundkin.recipe.export import export_space
from soundkin.recipe.load import load_recipe
from soundkin.recipe.settings import Recipe
from soundkin.shelf import SHIPPED, installed_spaces
from soundkin.space import load_space
from soundkin.train import Training, train
from soundkin.train_space import batches

CORPUS = "librispeech"
WHAT = {
    "voice": "Who speaks, whatever is said: learnt without labels from two moments of one recording, "
    "each through other equipment; the same recording at another speed is another voice.",
    "content": "What is said, whoever says it: learnt without labels from one moment of a recording "
    "at two speeds, which are two voices, told from other moments of the same recording.",
}
LIMITS = {
    "voice": "Speech of one person at a time; other sound is heard for how a voice like it would be, which "
    "says little. Trained on an hour of read English: of what it gains over mfcc most comes from "
    "statistics of bands and discriminants, little from training the network. What is said can still be "
    "read from it. Other equipment costs a tenth of the F1; other languages than English and Mandarin "
    "speakers' English were not tried; nothing above 8 kHz. It does not say who is who: no means to "
    "identify a person.",
    "content": "Speech alone: a second of it, as sound, not as words; homophones are one, and what is longer "
    "than a second is heard in parts. Speakers can still be told by it ten times better than by chance; digits are "
    "read from it by a probe no better than from the same network untrained (a point worse), found a "
    "little better; where that one tells as little of the speaker, 5 points fewer. "
    "Trained on read English; other languages were not tried; nothing above 8 kHz.",
}


def main(runs: list[Path], data: Path) -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        made = [make(run, data, Path(folder)) for run in runs]
        others = [name for name in ("sound", *WHAT) if name in installed_spaces()]
        begun = [Path(folder) / f"{name}-untrained.json" for name in made]
        found = judged(data, [load_space(one) for one in ("mfcc", *begun, *others)])
    for name in made:
        file = SHIPPED / f"{name}.json"
        settings = json.loads(file.read_text(encoding="utf-8"))
        settings["card"]["figures"] = {
            f"{about}, {column}": {one: round(found[one][column], 3) for one in found}
            for about, column in columns(found)
        }
        write(file, settings)
        print(name, json.dumps(settings["card"], indent=1))


def make(run: Path, data: Path, folder: Path) -> str:
    """Ship the space of a run but for its figures, write its network untrained to `folder`: its name."""
    name: str = json.loads((run / "recipe.json").read_text(encoding="utf-8"))["name"]
    recipe = load_recipe(name)
    done = torch.load(run / "checkpoint.pt", weights_only=True)["step"]
    state = train(recipe, run, data=data / CORPUS, steps=done)
    file = SHIPPED / f"{name}.json"
    export(state.model, recipe, run, data, file, card=card(state, recipe), int8=True)
    torch.manual_seed(recipe.run.seed)
    begun = folder / f"{name}-untrained.json"
    export(build_model(recipe), recipe, run, data, begun, card={}, int8=False)
    settings = json.loads(file.read_text(encoding="utf-8"))
    sets = [part for part in sorted(data.iterdir()) if part.is_dir()]
    settings["card"]["bands"] = bands(sets, load_space(name))
    write(file, settings)
    print(name, settings["card"]["int8"], settings["card"]["bands"], flush=True)
    return name


def export(model, recipe: Recipe, run: Path, data: Path, file: Path, **how) -> None:
    """A space of a network, its vector fitted to the corpus."""
    draw = batches(recipe, run, data / CORPUS)
    windows = torch.cat([draw(Generator().manual_seed(seed)).a for seed in (1, 2)])
    export_space(model, file, windows=windows, draw=draw, **how)


def columns(found: dict[str, dict[str, float]]) -> list[tuple[str, str]]:
    """What a column is about, and its name."""
    names = next(iter(found.values()))
    return [("fsdd" if "digits" in n else "speechocean, speaker F1", n) for n in names]


def card(state: Training, recipe: Recipe) -> dict[str, object]:
    """What to tell of it, but for what is measured."""
    pairs = state.step * recipe.run.batch
    return {
        "what": WHAT[recipe.name],
        "data": "LibriSpeech (Panayotov et al. 2015, CC BY 4.0): 290 utterances of train-clean-100, an "
        "hour by 143 readers; no label was read but that files of one folder are not told apart. The "
        "bands were measured on the development sets; the recipe among those of LOG.md chosen on the "
        "sets of the figures.",
        "made": f"Recipe {recipe.name}, seed {recipe.run.seed}: {pairs:,} pairs in {state.step} steps, "
        f"{state.elapsed_s / 60:.0f} minutes of one CPU core; averaged weights; of the network and "
        f"statistics of bands (weight {recipe.vector.statistics:g}) the {recipe.vector.dims} linear "
        "discriminants that tell kin from strangers.",
        "limits": LIMITS[recipe.name],
        "beside": "BYOL-A (512-d, two million clips): speaker F1 .82, .86, .93 at 10, 15, 30 s; not by this "
        "script, but by the same protocol, in which plain mfcc statistics had .76, .83, .88.",
        "licence": "Apache-2.0; trained on LibriSpeech, CC BY 4.0",
        "pairs": pairs,
        "loss": round(state.rows[-1].loss, 3),
    }


if __name__ == "__main__":
    main([Path(run) for run in sys.argv[1:]], Path(os.environ["SOUNDKIN_DATA"]))
