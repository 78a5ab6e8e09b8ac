"""Are voice and content taken apart? The tables of Bonyadi's Autodecompose.

Speakers are told by logistic regression from so many labelled seconds each, on speech of others
than were learnt from or of the same; digits by content, voice and plain features. Speakers of the
set `speechocean` are cut in two halves, A and B: B is what is asked about. `librispeech` is the
other corpus; its three long speakers are the overfit test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from soundkin.evaluate.datasets import Task, asked
from soundkin.evaluate.draw import points
from soundkin.evaluate.embed import embed_clips
from soundkin.evaluate.intervals import Interval, over_seeds
from soundkin.evaluate.plane import t_sne
from soundkin.evaluate.probe import (
    CROP_S,
    content_test,
    fit_logistic,
    macro_f1,
    speaker_test,
    split_budget,
)
from soundkin.reproduce.cells import Cell, plain, planned
from soundkin.reproduce.judge import BASELINES, crops_of, space_of
from soundkin.reproduce.page import (
    Page,
    by_setting,
    by_task,
    median_pairs,
    opening,
    stacked,
    table_of,
)
from soundkin.reproduce.sound import linked, part_of, sets_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from soundkin.evaluate.datasets import Clips
    from soundkin.reproduce.cells import Place, Result
    from soundkin.reproduce.learn import Learnt
    from soundkin.space import Space

Texts = npt.NDArray[np.str_]
Ints = npt.NDArray[np.int64]

TITLE = "Are voice and content taken apart?"
RECIPE, SMALL = "autodecompose", ("encoder.size=small",)
SIZES = ("dense", "conv", "lstm", "large")
BUDGETS_S = (10.0, 15.0, 30.0, 60.0)
LONG_S, OVERFIT_S = 300.0, 20.0
"""Speech that makes a long speaker; labelled seconds of each in the overfit test."""
SPEAKERS, OTHER, DIGITS = "speechocean", "librispeech", "fsdd"
SETTINGS = {  # what it learns from, what it begins with, changes
    "in-domain": ("b", "", SMALL),
    "new-speakers": ("a", "", SMALL),
    "fine-tuned": ("b", "new-speakers", SMALL),
    "fine-tuned-10s": ("ten-seconds", "new-speakers", SMALL),
    "other-corpus": ("librispeech", "", SMALL),
    "rotate": ("b", "", (*SMALL, "scramble.time=rotate")),
    "target-deformed": ("b", "", (*SMALL, "scramble.target=deformed")),
    **{f"size-{size}": ("b", "", (f"encoder.size={size}",)) for size in SIZES},
    "overfit": ("overfit", "", ("encoder.size=very-large",)),
}
MAIN = ("in-domain", "new-speakers", "fine-tuned", "fine-tuned-10s", "random-weights")
"""Settings of the main comparison."""
SCALE = (
    "The paper pre-trains for 500 epochs with batches of 32 and the large network (4.70 million "
    "parameters an encoder); here the main comparisons have the network `small` and {crops:,.0f} "
    "crops in the median cell. Asked about: half the speakers of `{speakers}`. Intervals: over "
    "seeds and repeats of the draw of labelled seconds."
)
PAPER = """\
| the paper, 30 LibriSpeech speakers, F1 in %, 10 to 120 s of labels | from | to |
|---|---|---|
| in-domain | 99.2 | 99.8 |
| new speakers | 93.1 | 97.9 |
| fine-tuned without labels | 98.9 | 99.7 |
| fine-tuned on 10 s | 94.7 | 98.2 |
| the content encoder used for voice | 22.7 | 45.1 |
| GE2E, supervised | 93.9 | 96.9 |
| ECAPA-TDNN, supervised | 95.7 | 98.0 |
| overfit test, 60 s of 3 speakers | 98.6 | |

Marked neither [P] nor [S] in our notes: take them as [S]."""


def cells(seeds: int) -> list[Cell]:
    """Baselines, the network as it begins, and `SETTINGS`."""
    found = [Cell(name) for name in BASELINES]
    for seed in range(seeds):
        found.append(Cell("random-weights", seed, RECIPE, SMALL, sound="b", untrained=True))
        found += [
            Cell(name, seed, RECIPE, changes, sound=words, after=after)
            for name, (words, after, changes) in SETTINGS.items()
        ]
    return found


def sound(cell: Cell, place: Place) -> Path | None:
    """Speech of half A, of half B, of the other corpus, or some seconds of each speaker."""
    if not cell.recipe:
        return None
    if cell.sound == "librispeech":
        clips = sets_in(place, [OTHER])[OTHER]
    elif cell.sound == "overfit":
        clips = _few(long_speakers(place), OVERFIT_S)
    elif cell.sound == "ten-seconds":
        clips = _few(half(place, "b"), BUDGETS_S[0])
    else:
        clips = half(place, cell.sound)
    return linked([clips], place.out / f"speech-{cell.sound}")


def half(place: Place, which: str) -> Clips:
    """Every other speaker of `speechocean`, "a" or "b"."""
    clips = sets_in(place, [SPEAKERS])[SPEAKERS]
    names = np.unique(clips.columns["speaker"])["ab".index(which) :: 2]
    return part_of(clips, np.flatnonzero(np.isin(clips.columns["speaker"], names)))


def long_speakers(place: Place) -> Clips:
    """The speakers of the other corpus with minutes of speech each."""
    clips = sets_in(place, [OTHER])[OTHER]
    seconds, speaker = clips.columns["seconds"].astype(float), clips.columns["speaker"]
    names = [name for name in np.unique(speaker) if seconds[speaker == name].sum() > LONG_S]
    return part_of(clips, np.flatnonzero(np.isin(speaker, names)))


def _few(clips: Clips, budget_s: float) -> Clips:
    """The utterances that hold the first `budget_s` of crops of each speaker, drawn by seed 0."""
    counts = (clips.columns["seconds"].astype(float) // CROP_S).astype(np.int64)
    of = np.repeat(np.arange(len(clips)), counts)
    speaker = clips.columns["speaker"][of]
    rng = np.random.default_rng([0, 0])  # the first repeat of the speaker test
    learnt, _ = split_budget(speaker, of.astype(str), round(budget_s / CROP_S), rng)
    return part_of(clips, np.unique(of[learnt]))


def measure(cell: Cell, learnt: Learnt, place: Place) -> Result:
    """Speakers from labelled seconds by each encoder, digits by each, and both in the plane."""
    spaces = learnt.spaces or {"voice": space_of(cell, learnt)}
    if cell.setting == "overfit":
        return {"f1": {part: _overfit(space, place) for part, space in spaces.items()}}
    b = half(place, "b")
    found: Result = {"f1": {}, "tasks": _digits(spaces, place)}
    for part, space in spaces.items():
        crops, of = crops_of(space, b.files(), crop_s=CROP_S)
        speaker = b.columns["speaker"][of]
        with threadpool_limits(1):
            if cell.setting == "fine-tuned-10s":
                few = set(_few(b, BUDGETS_S[0]).paths)
                known = np.array([b.paths[i] in few for i in of])
                f1 = {"10": [_f1(crops, speaker, known)]}
            else:
                scores = speaker_test(crops, speaker, of.astype(str), budgets_s=BUDGETS_S)
                f1 = {f"{budget:g}": plain(values) for budget, values in scores.items()}
        found["f1"][part] = f1
        if cell.setting in {"in-domain", "new-speakers", "other-corpus", *BASELINES}:
            found["f1"][f"{part}, {OTHER}"] = _other(space, place)
        if cell.seed == 0 and cell.setting == "in-domain":
            found[f"plane {part}"] = _plane(crops, speaker)
    if not cell.recipe:
        found["f1"]["overfit"] = _overfit(spaces["voice"], place)
    return found


def _other(space: Space, place: Place) -> dict[str, Any]:
    """Speakers of the other corpus."""
    clips = long_speakers(place)
    crops, of = crops_of(space, clips.files(), crop_s=CROP_S)
    speaker = clips.columns["speaker"][of]
    with threadpool_limits(1):
        scores = speaker_test(crops, speaker, of.astype(str), budgets_s=BUDGETS_S)
    return {f"{budget:g}": plain(values) for budget, values in scores.items()}


def _overfit(space: Space, place: Place) -> dict[str, Any]:
    """Three long speakers: 20 s each are labelled, all other utterances are asked about."""
    clips = long_speakers(place)
    few = set(_few(clips, OVERFIT_S).paths)
    crops, of = crops_of(space, clips.files(), crop_s=CROP_S)
    known = np.array([clips.paths[i] in few for i in of])
    with threadpool_limits(1):
        return {"20": [_f1(crops, clips.columns["speaker"][of], known)]}


def _f1(crops: npt.NDArray[np.float32], speaker: Texts, known: npt.NDArray[np.bool_]) -> float:
    """Macro-F1 on what is not known."""
    fit = fit_logistic(crops[known], speaker[known], C=1.0)
    return float(macro_f1(speaker[~known], fit.predict(crops[~known])))


def _digits(spaces: dict[str, Space], place: Place) -> dict[str, Any]:
    """Digits by speakers that the probe did not hear, from each encoder's vectors."""
    if DIGITS not in sets_in(place):
        return {}
    clips = sets_in(place, [DIGITS])[DIGITS]
    part = asked(clips, Task("digit", "speaker"))
    features = {}
    for name, space in spaces.items():
        vectors = embed_clips(clips.files(), [space], cache=place.out / "heard", jobs=1)
        features[f"digits by {name}"] = vectors[space.id][part.rows]
    with threadpool_limits(1):
        found = content_test(features, part.labels, part.groups)
    groups = part.groups.tolist()
    return {n: {"groups": groups, "linear": plain(p.correct)} for n, p in found.items()}


def _plane(crops: npt.NDArray[np.float32], speaker: Texts) -> dict[str, Any]:
    """Crops of seven speakers laid out by t-SNE."""
    rows = np.flatnonzero(np.isin(speaker, np.unique(speaker)[:7]))
    rows = rows[:: max(1, len(rows) // 500)]
    with threadpool_limits(1):
        xy = t_sne(crops[rows])
    return {"xy": plain(xy), "labels": speaker[rows].tolist()}


def page(results: Sequence[Result], place: Place) -> Page:
    """The paper's tables beside ours."""
    done = by_setting(results)
    text = opening(TITLE, results, len(planned(cells, MAIN, place)), place)
    text += [
        SCALE.format(crops=median_pairs(results), speakers=SPEAKERS),
        "",
        PAPER,
        "",
        "## Speakers told by so many labelled seconds each, macro-F1",
        "",
    ]
    columns = {f"{b:g} s": _f1_over("voice", f"{b:g}") for b in BUDGETS_S}
    plain_rows = {s: cells for s, cells in done.items() if s != "overfit"}
    text += table_of(plain_rows, columns)
    text += ["", "## The wrong encoder: content used for voice", ""]
    wrong = {s: cells for s, cells in plain_rows.items() if s in (*SETTINGS, "random-weights")}
    text += table_of(wrong, {f"{b:g} s": _f1_over("content", f"{b:g}") for b in BUDGETS_S})
    text += ["", f"## The other corpus: three long speakers of `{OTHER}`", ""]
    rows = {s: c for s, c in done.items() if _f1_over(f"voice, {OTHER}", "10")(c) is not None}
    text += table_of(rows, {f"{b:g} s": _f1_over(f"voice, {OTHER}", f"{b:g}") for b in BUDGETS_S})
    text += ["", "## Overfit test: 20 s of each of the three, asked about all else", ""]
    rows = {s: c for s, c in done.items() if s in ("overfit", *BASELINES)}
    text += table_of(rows, {"F1": _overfit_f1})
    text += ["", "## Content: digits by unheard speakers, linear probe", ""]
    tasks = ("digits by voice", "digits by content")
    text += table_of(plain_rows, {task: by_task(task, "linear") for task in tasks})
    text += ["", "Of a baseline the one vector stands under voice.", ""]
    pictures = {}
    for part in ("voice", "content"):
        for result in done.get("in-domain", []):
            if plane := result["answers"].get(f"plane {part}"):
                title = f"Speakers by t-SNE: {part}"
                pictures[f"speakers-{part}.svg"] = points(plane["xy"], plane["labels"], title=title)
    text += [f"![{file.removesuffix('.svg')}]({file})" for file in pictures]
    return Page("\n".join(text) + "\n", pictures)


def _overfit_f1(results: list[Result]) -> Interval | None:
    """F1 of the overfit test, of the voice or of a baseline."""
    return _f1_over("voice", "20")(results) or _f1_over("overfit", "20")(results)


def _f1_over(part: str, budget: str) -> Callable[[list[Result]], Interval | None]:
    """F1 of an encoder at a budget, over seeds and repeats."""

    def over(results: list[Result]) -> Interval | None:
        values = stacked(results, "f1", part, budget)
        return None if values is None else over_seeds(values)

    return over
