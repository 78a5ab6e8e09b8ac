"""Make a shipped space: `SOUNDKIN_DATA=... python bench/shipped_spaces.py NAME [RUN] [--from RUN]`

NAME: sound, timbre, or tonal or rhythm, which are made by hand and need no RUN. RUN is the folder of
`soundkin train NAME`: it is trained to the recipe's end where it is not (timbre begins with the
weights of --from, the folder of `sound`). Its averaged weights become the graph, its recipe and its
length the card. No recording shapes a vector.
As for mfcc, the borders of the bands and the card's figures are measured on the development sets
(SOUNDKIN_DATA) and, but for sound, on music and notes that FluidSynth plays (kept below --kept),
beside mfcc, statistics of log-mel bands, `sound`, and the same network before training.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mfcc_constants import bands, write
from quality import TASKS, as_begun
from results import machine, table, write_section
from space_judges import JUDGES, Answers
from torch import Generator

from soundkin.evaluate.datasets import read_datasets, with_tasks
from soundkin.evaluate.intervals import bootstrap_mean, paired_difference
from soundkin.evaluate.subjects import log_mel_statistics
from soundkin.evaluate.table import Line, evaluate
from soundkin.frontend.layers import BEATS, NOTES
from soundkin.frontend.log_mel import MelSettings
from soundkin.recipe.export import export_space
from soundkin.recipe.load import load_recipe
from soundkin.recipe.state import Training, begin, save_checkpoint
from soundkin.recipe.together import Together
from soundkin.recipe.views import draw_views
from soundkin.shelf import SHIPPED
from soundkin.space import Space, load_space
from soundkin.train import train

WORDS = {
    "sound": {
        "what": "General similarity, learnt without labels from synthesized sound alone: pairs of "
        "sounds whose knobs lie a little apart are kin.",
        "data": "Synthesized on the fly by the patch world; no recording. The bands were measured on "
        "the sets of the figures.",
        "made": "network and statistics of bands joined, 256 principal components of drawn sound, "
        "whitened to 0.8; weights of both, and the recipe among ten, chosen on the sets of the figures",
        "limits": "Sounds alike, not meanings: what is said and who says it are mixed, and speakers of "
        "single words are ranked a little worse than by mfcc (mAP); on these sets two thirds and more "
        "of what it gains over mfcc, the same network gains with random weights; pitch is heard as "
        "part of timbre; nothing above 8 kHz; rhythm beyond a second is not heard. Trained for half an "
        "hour, not for days.",
    },
    "timbre": {
        "what": "What sounds, at whatever pitch and speed: a source or an instrument, learnt from pairs "
        "that differ in pitch, speed and notes.",
        "data": "Synthesized on the fly by the patch world and by made-up instruments; no recording and "
        "no sound font. The figures' notes and music are FluidSynth's (FluidR3 GM), never trained on; "
        "the bands were measured on real sounds.",
        "made": "begun with the weights of `sound`; 256 directions that tell kin from strangers over "
        "4,096 drawn pairs; the recipe among three, chosen on the notes and the shifted one-shots",
        "limits": "A drum struck lower is the same drum to it: not for finding a tuning, a tonal sound "
        "of one key, or a melody. In speech, who speaks and what is said stay mixed. "
        "Within a full mix it hears the mix. Nothing above 8 kHz, a second at a time.",
    },
    "tonal": {
        "what": "Which pitches sound, and which of the octave, whatever plays them: notes, chords, keys.",
        "data": "None: made by hand. The figures' notes and music are FluidSynth's (FluidR3 GM); the "
        "bands were measured on real sounds.",
        "made": "Half semitones from A1 to A7; what stands above the half octave around it; the mean "
        "over the frames to the power of 0.4, and the same folded into one octave, each without its mean "
        "and of one length. Power and weights "
        "chosen on the figures' notes and chords. Small networks that learnt to correct it from "
        "synthesized pairs were no better and are not shipped.",
        "limits": "Noise, drums and speech have no clear pitch: their neighbours mean little. Detuned by "
        "half a semitone is another pitch. Below A1 only overtones are heard; tones shorter than a "
        "quarter of a second are blurred. Time within the second is not heard: a broken chord is its "
        "chord.",
    },
    "rhythm": {
        "what": "Tempo and pattern of strokes, whatever strikes them and wherever the loop begins.",
        "data": "None: made by hand. The figures' patterns are struck on real one-shots, their music is "
        "FluidSynth's; the bands were measured on real sounds.",
        "made": "Windows of 6 s, frames of 20 ms; rises in six groups of four bands, each compared with "
        "itself 0.12 to 2 s later; the frames chosen on the figures' patterns. A small network that "
        "learnt from synthesized patterns was no better and is not shipped.",
        "limits": "A one-shot, a held tone and speech have no beat: among themselves they are alike to "
        "it. Twice the tempo is another tempo; what repeats after more than 2 s is not heard; in a full "
        "mix everything that begins is a stroke.",
    },
}
"""What to tell of each space, but for what is measured."""
BY_HAND: dict[str, tuple[str, str, int, MelSettings, dict[str, Any]]] = {
    "tonal": (
        "Tonal: the same notes, whatever plays them",
        "ours; chroma as in Fujishima 1999, with the pitches that it is folded from",
        1,
        NOTES,
        {"kind": "pitches", "steps": 24, "root": 0.4, "folded": 1.0},
    ),
    "rhythm": (
        "Rhythm: the same tempo and pattern, whatever strikes",
        "ours; autocorrelation of onsets, as in Scheirer 1998 and Foote 2001",
        6,
        BEATS,
        {"kind": "beats", "groups": 6, "shortest": 6, "longest": 100, "places": 64, "still": 0.3},
    ),
}
"""Title, paper, seconds of a window, front-end and head of what is made without a network."""
ASKED = {
    "timbre": ("notes", "shifted", "music"),
    "tonal": ("notes", "chords", "music"),
    "rhythm": ("patterns", "music"),
}
"""The judges of each space."""


def main(name: str, run: Path | None, start: Path | None, kept: Path, data: Path) -> None:
    torch.set_num_threads(1)
    file = SHIPPED / f"{name}.json"
    if name in BY_HAND:
        write(file, by_hand(name))
    else:
        export(name, file, run or Path(name), start)
    space = load_space(name)
    settings = json.loads(file.read_text(encoding="utf-8"))
    sets = [folder for folder in sorted(data.iterdir()) if folder.is_dir()]
    settings["card"]["bands"] = bands(sets, space)
    write(file, settings)
    print(space.id, settings["card"]["bands"], flush=True)
    with tempfile.TemporaryDirectory() as folder:
        begun = [] if name in BY_HAND else [load_space(as_begun(name, Path(folder)))]
        if name == "sound":
            settings["card"]["figures"] = figures(data, [load_space("mfcc"), *begun, space])
        else:
            others = [load_space("mfcc"), log_mel_statistics(), load_space("sound")]
            answers = asked(ASKED[name], [*others, *begun, space], kept, data)
            settings["card"]["figures"] = values(answers)
            section(name, answers)
    write(file, settings)
    print(space.id, json.dumps(settings["card"], indent=1))


def by_hand(name: str) -> dict[str, Any]:
    """The settings of a space without a network."""
    title, paper, window_s, frontend, head = BY_HAND[name]
    words = WORDS[name]
    return {
        "format": 1,
        "name": name,
        "version": 1,
        "window_samples": window_s * frontend.rate_hz,
        "frontend": dataclasses.asdict(frontend),
        "head": head,
        "card": {
            "title": title,
            "paper": paper,
            **{key: words[key] for key in ("what", "data", "made", "limits")},
            "licence": "Apache-2.0",
        },
    }


def export(name: str, file: Path, run: Path, start: Path | None) -> None:
    """Train, where that is not done, and write graph and settings."""
    state = trained(name, run, start)
    drawn = draw_views(state.model.recipe, None, Generator().manual_seed(1))
    windows = torch.cat([state.heard, drawn.a])
    export_space(state.model, file, windows=windows, card=card(name, state), int8=True)


def trained(name: str, run: Path, start: Path | None) -> Training:
    """The training in a folder, brought to its recipe's end; begun with other weights if it is new."""
    recipe = load_recipe(name)
    file = run / "checkpoint.pt"
    if start is not None and not file.is_file():
        run.mkdir(parents=True, exist_ok=True)
        state = begin(recipe, run, torch.device("cpu"), Together())
        weights = torch.load(start / "checkpoint.pt", weights_only=True)["averaged"]
        state.model.load_state_dict(weights)
        state.averaged = {key: value.clone() for key, value in weights.items()}
        save_checkpoint(state, recipe, run)
    return train(recipe, run, listen=lambda row, share: print(f"{share:.2f}", row, flush=True))


def card(name: str, state: Training) -> dict[str, Any]:
    """What to tell of it, but for what is measured."""
    words, recipe = WORDS[name], state.model.recipe
    pairs = state.step * recipe.run.batch
    return {
        "what": words["what"],
        "data": words["data"],
        "made": f"Recipe {name}, seed 0: {pairs:,} pairs in {state.step} steps, "
        f"{state.elapsed_s / 60:.0f} minutes of one CPU core; averaged weights; {words['made']}.",
        "limits": words["limits"],
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


def asked(
    judges: Sequence[str], spaces: Sequence[Space], kept: Path, data: Path
) -> dict[str, Answers]:
    """The answers of each space to all judges, by its name."""
    found: dict[str, Answers] = {space.name: {} for space in spaces}
    for judge in judges:
        for name, answers in JUDGES[judge](spaces, kept, data).items():
            found[name] |= answers
    return found


def values(answers: dict[str, Answers]) -> dict[str, dict[str, dict[str, float]]]:
    """The card's figures: question -> space -> measure -> value."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for space, given in answers.items():
        for question, (right, _) in given.items():
            about, _, measure = question.rpartition(", ")
            found.setdefault(about, {}).setdefault(space, {})[measure] = round(right.mean(), 3)
    return found


def section(name: str, answers: dict[str, Answers]) -> None:
    """Write the table with intervals: the space, each baseline, and the gap to the best of those."""
    ours = answers[name]
    others = [other for other in answers if other not in {name, "sound"}]
    rows = []
    for question, (right, groups) in ours.items():
        best = max(others, key=lambda other: answers[other][question][0].mean())
        gap = paired_difference(right, answers[best][question][0], groups)
        told = f"{gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})"
        means = [f"{answers[other][question][0].mean():.3f}" for other in answers if other != name]
        ended = [str(bootstrap_mean(right, groups)), f"{best}: {told}"]
        rows.append([question, *means, *ended])
    head = ["question", *[other for other in answers if other != name], name]
    body = [machine(os.cpu_count() or 1), "", SECTION, ""]
    body.append(table([*head, "against the best baseline"], rows))
    write_section(f"The space {name}", "\n".join(body))


SECTION = (
    "`bench/shipped_spaces.py`: questions of `bench/space_judges.py`; intervals of 95 % over pieces, "
    "programs or one-shots. The baselines are mfcc, statistics of log-mel bands, and the same network "
    "with random weights (untrained), its vector fitted in the same way, where there is a network."
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=[*WORDS])
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--from", dest="start", type=Path)
    parser.add_argument(
        "--kept", type=Path, default=Path(tempfile.gettempdir()) / "soundkin-judges"
    )
    given = parser.parse_args()
    main(given.name, given.run, given.start, given.kept, Path(os.environ["SOUNDKIN_DATA"]))
