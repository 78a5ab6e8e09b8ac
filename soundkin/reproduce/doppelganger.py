"""What do doppelgängers teach? The study of Cherep and Singh 2025 (arXiv 2406.05923).

Spaces by delta and by patch, against the same network with the same budget on real sound, either
augmented as in the paper or jittered in time; how synthetic sound differs from real; and how
undecided a probe is about it. Where real sound is learnt from, all compare on the other part of
each set (whole groups), so that nothing that was learnt from is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import threadpool_limits

from soundkin.audio.decode import read_sound
from soundkin.evaluate.datasets import LEAST, asked, with_tasks
from soundkin.evaluate.draw import bars
from soundkin.evaluate.intervals import Interval, bootstrap_mean, over_seeds
from soundkin.evaluate.probe import fit_logistic, group_folds
from soundkin.evaluate.real import (
    MEASURES,
    causal_uncertainty,
    frechet_distance,
    spectral_measures,
)
from soundkin.evaluate.subjects import log_mel_statistics
from soundkin.reproduce.cells import Cell, plain, planned
from soundkin.reproduce.judge import BASELINES, space_of, task_answers
from soundkin.reproduce.page import (
    Page,
    by_setting,
    by_task,
    cell_text,
    gap,
    gap_text,
    measured,
    median_pairs,
    opening,
    share_of,
    stacked,
    table_of,
)
from soundkin.reproduce.sound import linked, sets_in, two_parts
from soundkin.synth.doppelganger import draw
from soundkin.synth.patches import make_patch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from soundkin.evaluate.datasets import Clips
    from soundkin.reproduce.cells import Place, Result
    from soundkin.reproduce.learn import Learnt

Floats = npt.NDArray[np.float32]

TITLE = "What do audio doppelgängers teach?"
RECIPE = "doppelganger-fast"
DELTAS = (0.01, 0.05, 0.1, 0.25, 0.5)
PATCHES = ("voice", "voice-fm", "parametric", "world")
AUGMENTED = (
    "deform.high_pass_hz=[20.0, 800.0]", "deform.low_pass_hz=[1200.0, 8000.0]",
    "deform.pitch_semitones=[-2.0, 2.0]", "deform.shift=0.25", "deform.reverberation_s=[0.1, 1.0]",
    "deform.probability=0.5",
)  # fmt: skip
"""The paper's optional augmentation; the lengths of the impulse responses are ours."""
REAL = {"real-augmented": AUGMENTED, "real-jittered": ("deform.nearby_s=5.0",)}
SYNTHETIC = {patch: f"sounds-{patch}" for patch in PATCHES}
"""Settings that only listen: to a patch."""
MAIN = ("voice-0.25", *REAL, "random-weights", *SYNTHETIC.values())
"""Settings of the main comparison."""
PROBED = "esc10"
"""The set that the probe of causal uncertainty learns, in place of ESC-50."""
TASKS = {"esc10": ["label:fold"], "sonicpi": ["label"], "mridangam": ["stroke"]}
PUBLIC = ("ESC-50", "UrbanSound8K", "VIVAE", "CREMA-D", "FSD50K", "VocalImitation", "LibriCount")
"""Sets of the paper that are judged too where they are there; NSynth and HEAR folders as well."""
N_SOUNDS = 500
PUBLISHED_PAIRS = 20e6
SCALE = (
    "The paper: ResNet-18 (11,432,960 parameters [C]), about 20 million pairs [C]; here `{recipe}`, "
    "{share} of its pairs in the median cell. Its judge is ESC-50; where that is not there, ours is "
    "ESC-10, with a fifth of its classes: the order of settings is to be compared, not the figures."
)
NOTE = (
    "Causal uncertainty: entropy of the class probabilities of a probe of the real classes (log-mel "
    f"statistics, labels with {LEAST} clips and more), 0 sure, 1 no idea; real sounds are of a fold "
    "that it did not learn. Distance: on log-mel statistics, sets of one size."
)
PUBLISHED = """\
| linear probe, % [S] | ESC-50 | UrbanSound8K | NSynth pitch 5h | CREMA-D | FSD50K mAP | LibriCount |
|---|---|---|---|---|---|---|
| best synthetic | 58.9 | 66.7 | 44.4 | 48.4 | 24.1 | 58.6 |
| Voice, delta 0.25 | 58.9 | not known | 32.2 | not known | not known | not known |
| same network on VGGSound, augmented | 48.9 | not known | not known | not known | not known | not known |
| same network on VGGSound, jittered | 53.0 | not known | not known | not known | not known | not known |

VIVAE, VocalImitation and the values for each delta: not known."""


def cells(seeds: int) -> list[Cell]:
    """Deltas and patches, real sound, the network as it begins, baselines, and sounds themselves."""
    found = [Cell(name) for name in BASELINES]
    found += [Cell(setting, seed) for seed in range(seeds) for setting in SYNTHETIC.values()]
    for seed in range(seeds):
        found.append(Cell("random-weights", seed, RECIPE, untrained=True))
        found += [Cell(f"voice-{d:g}", seed, RECIPE, (f"data.delta={d}",)) for d in DELTAS]
        found += [
            Cell(f"{patch}-0.25", seed, RECIPE, (f"data.patch={patch}",)) for patch in PATCHES[1:]
        ]
        found += [
            Cell(name, seed, RECIPE, ("data.source=folder", *changes), sound="real")
            for name, changes in REAL.items()
        ]
    return found


def sound(cell: Cell, place: Place) -> Path | None:
    """The part of every labelled set that is learnt from, without its labels."""
    if cell.sound != "real":
        return None
    parts = [two_parts(clips)[0] for clips in sets_in(place).values()]
    return linked(parts, place.out / "real")


def judged(place: Place) -> list[Clips]:
    """The sets of `TASKS` and those of the paper that are there."""
    found = []
    for name, clips in sets_in(place).items():
        if name in TASKS:
            found.append(with_tasks(clips, TASKS[name]))
        elif name in PUBLIC or name.lower().startswith("nsynth"):
            found.append(clips)
    return found or list(sets_in(place, [PROBED]).values())


def measure(cell: Cell, learnt: Learnt, place: Place) -> Result:
    """All clips of every set for what learnt from synthetic sound; the part kept aside for all."""
    if cell.setting in SYNTHETIC.values():
        return compare(cell, place)
    sets = judged(place)
    space = space_of(cell, learnt)
    aside = [two_parts(clips)[1] for clips in sets]
    found = task_answers(space, aside, place)
    tasks = {f"{name}, aside": answers for name, answers in found.items()}
    if cell.sound != "real":
        tasks |= task_answers(space, sets, place)
    return {"tasks": tasks}


def compare(cell: Cell, place: Place) -> Result:
    """Sounds of a patch beside real ones: measures, Frechet distance, causal uncertainty."""
    patch = next(name for name, setting in SYNTHETIC.items() if setting == cell.setting)
    clips = next((one for one in judged(place) if one.name == PROBED), judged(place)[0])
    listener = log_mel_statistics()
    rate_hz = listener.sample_rate
    made = drawn(patch, cell.seed, rate_hz=rate_hz, n=N_SOUNDS)
    real = loudest_seconds(clips, rate_hz=rate_hz)
    with threadpool_limits(1):
        own, theirs = listener.embed(made), listener.embed(real)
    half = np.random.default_rng(cell.seed).permutation(len(theirs))
    n = min(len(own), len(theirs) // 2)
    first, second = theirs[half[:n]], theirs[half[n : 2 * n]]
    return {
        "measures": {
            "real": plain(spectral_measures(real, rate_hz=rate_hz)),
            "made": plain(spectral_measures(made, rate_hz=rate_hz)),
        },
        "frechet": {
            "made, real": frechet_distance(own[:n], first),
            "real, real": frechet_distance(first, second),
            "n": n,
        },
        "uncertainty": plain(_uncertainty(clips, own, theirs)),
    }


def _uncertainty(clips: Clips, made: Floats, real: Floats) -> dict[str, Any]:
    """A probe of the real classes, asked about real sounds of another fold and about made ones."""
    task = clips.tasks[0]
    part = asked(clips, task)
    x = real[part.rows]
    folds = group_folds(part.labels, part.groups)
    theirs, ours = np.full(len(x), np.nan), []
    for fold in np.unique(folds):
        test = folds == fold
        with threadpool_limits(1):
            probe = fit_logistic(x[~test], part.labels[~test], C=0.01)
        theirs[test] = causal_uncertainty(probe.probabilities(x[test]))
        ours.append(causal_uncertainty(probe.probabilities(made)))
    return {"real": theirs, "made": np.mean(ours, axis=0), "groups": part.groups.tolist()}


def drawn(patch: str, seed: int, *, rate_hz: int, n: int) -> Floats:
    """Sounds (n, one second) of a patch at random settings, peak at 1."""
    generator = torch.Generator().manual_seed(seed)
    made = make_patch(patch, rate_hz=rate_hz)
    u = draw(made, n, prior="uniform-human", generator=generator)
    seeds = torch.randint(2**31, (n,), generator=generator)
    samples: Floats = made.render(u, seeds).numpy().copy()
    samples /= np.maximum(np.abs(samples).max(axis=1, keepdims=True), 1e-9)
    return samples


def loudest_seconds(clips: Clips, *, rate_hz: int) -> Floats:
    """The second with the most energy of each clip (n, rate_hz), peak at 1, silence behind the end."""
    rows = np.zeros((len(clips), rate_hz), np.float32)
    for row, file in zip(rows, clips.files(), strict=True):
        samples, _ = read_sound(file, rate_hz=rate_hz)
        energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
        last = max(len(samples) - rate_hz, 0)
        ends = np.minimum(np.arange(last + 1) + rate_hz, len(samples))
        begin = int((energy[ends] - energy[: last + 1]).argmax())
        part = samples[begin : begin + rate_hz]
        row[: len(part)] = part / max(float(np.abs(part).max(initial=0)), 1e-9)
    return rows


def page(results: Sequence[Result], place: Place) -> Page:
    """Deltas, patches, real sound, and how synthetic sound differs."""
    done = by_setting([r for r in results if "tasks" in r["answers"]])
    heard = by_setting([r for r in results if "measures" in r["answers"]])
    names = list(dict.fromkeys(t for r in results for t in r["answers"].get("tasks", {})))
    whole, aside = ([t for t in names if t.endswith(", aside") is side] for side in (False, True))
    text = opening(TITLE, results, len(planned(cells, MAIN, place)), place)
    text += [
        SCALE.format(recipe=RECIPE, share=share_of(median_pairs(results), PUBLISHED_PAIRS)),
        "",
        PUBLISHED,
        "",
    ]
    patches = [f"{patch}-0.25" for patch in PATCHES]
    pictures = {}
    for title, file, settings in (
        ("By delta (Voice)", "deltas.svg", [f"voice-{d:g}" for d in DELTAS]),
        ("By patch (delta 0.25)", "patches.svg", patches),
    ):
        rows = {s: done[s] for s in (*BASELINES, "random-weights", *settings) if s in done}
        text += [f"## {title}", "", "Linear probe; then mAP of the neighbours.", ""]
        text += [*_both(rows, whole), ""]
        if rows and whole:
            pictures[file] = _picture(f"Linear probe, {title[0].lower()}{title[1:]}", rows, whole)
            text += [f"![{title}]({file})", ""]
    text += ["## Synthetic against real sound, same network and budget", ""]
    text += ["Only clips of groups that were not learnt from. Linear probe; then mAP.", ""]
    rows = {s: done[s] for s in (*BASELINES, "random-weights", *patches, *REAL) if s in done}
    text += [*_both(rows, aside), "", *_against_real(done, aside)]
    text += _differences(heard)
    return Page("\n".join(text) + "\n", pictures)


def _both(rows: dict[str, list[Result]], tasks: list[str]) -> list[str]:
    """Linear probe and mAP of tasks, side by side."""
    columns = {
        f"{task.removesuffix(', aside')}: {name}": by_task(task, name)
        for name in ("linear", "mAP")
        for task in tasks
    }
    return table_of(rows, columns) if rows and tasks else ["No cell is done."]


def _picture(title: str, rows: dict[str, list[Result]], tasks: list[str]) -> str:
    """The linear probe of some settings, as bars."""
    shown = {t: {s: m for s in rows if (m := measured(rows[s], t, "linear"))} for t in tasks}
    return bars(shown, title=title)


def _against_real(done: dict[str, list[Result]], tasks: list[str]) -> list[str]:
    """Every patch at delta .25 minus real sound; of Voice that is the paper's main claim."""
    ours = [f"{patch}-0.25" for patch in PATCHES if f"{patch}-0.25" in done]
    rivals = [name for name in REAL if name in done]
    if not ours or not rivals or not tasks:
        return []
    head = ["| linear, synthetic minus real | " + " | ".join(tasks) + " |"]
    head.append("|---" * (1 + len(tasks)) + "|")
    for one in ours:
        for rival in rivals:
            gaps = [gap_text(gap(done[one], done[rival], task, "linear")) for task in tasks]
            head.append(f"| {one} - {rival} | {' | '.join(gaps)} |")
    return [*head, "", "The paper, Voice, ESC-50: +.100 and +.059 [S].", ""]


def _differences(heard: dict[str, list[Result]]) -> list[str]:
    """Measures of sounds, distances, causal uncertainty."""
    if not heard:
        return []
    text = ["## How synthetic sound differs from real", ""]
    text += [f"{N_SOUNDS} sounds of a patch a seed, and the loudest second of every real clip.", ""]
    text += [
        f"| | {' | '.join(MEASURES.values())} | causal uncertainty | Frechet distance to real |"
    ]
    text += ["|---" * (3 + len(MEASURES)) + "|"]
    rows = list(heard.values())
    real = rows[0][0]["answers"]
    values = [_finite(real["measures"]["real"][name]) for name in MEASURES]
    values.append(bootstrap_mean(real["uncertainty"]["real"], real["uncertainty"]["groups"]))
    floor = over_seeds([[r["answers"]["frechet"]["real, real"]] for r in rows[0]])
    text.append(_line("real", values, f"{floor.value:.3f} (between two halves)"))
    for setting, cells in heard.items():
        values = [
            _finite(np.concatenate([c["answers"]["measures"]["made"][name] for c in cells]))
            for name in MEASURES
        ]
        made = stacked(cells, "uncertainty", "made")
        values += [] if made is None else [over_seeds(made)]
        far = over_seeds([[c["answers"]["frechet"]["made, real"]] for c in cells])
        text.append(_line(setting, values, f"{far.value:.3f} ({far.low:.3f}-{far.high:.3f})"))
    return [
        *text,
        "",
        NOTE,
    ]


def _finite(values: npt.ArrayLike) -> Interval:
    """The mean of what sounds."""
    x = np.asarray(values, np.float64)
    return bootstrap_mean(x[np.isfinite(x)])


def _line(name: str, values: list[Interval], distance: str) -> str:
    """One row: large numbers without digits behind the point."""
    texts = [
        f"{v.value:,.0f} ({v.low:,.0f}-{v.high:,.0f})" if abs(v.value) >= 20 else cell_text(v)
        for v in values
    ]
    return f"| {name} | {' | '.join(texts)} | {distance} |"
