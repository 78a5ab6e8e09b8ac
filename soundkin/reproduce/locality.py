"""Which augmentation makes which property of music local? The study of McCallum et al. 2024.

Tracks whose tempo, key, instrument, style and mood are known (:mod:`soundkin.evaluate.music`). The
recipe `music` is trained with one view deformed in one way or another, on other tracks than those
that judge. Of every judged track five stretches of 3 s are heard, one every 6 s; a track is their mean.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from soundkin.evaluate.datasets import read_datasets
from soundkin.evaluate.draw import lines
from soundkin.evaluate.intervals import Interval, over_seeds, seeds_difference
from soundkin.evaluate.locality import neighbour_shares
from soundkin.evaluate.probe import group_folds, linear_probe
from soundkin.reproduce.cells import Cell, plain, planned
from soundkin.reproduce.judge import BASELINES, crops_of, space_of
from soundkin.reproduce.page import (
    Page,
    by_setting,
    by_task,
    gap_text,
    groups_of,
    opening,
    stacked,
    table_of,
)
from soundkin.reproduce.sound import TRACKS, music, part_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from soundkin.reproduce.cells import Place, Result
    from soundkin.reproduce.learn import Learnt

TITLE = "Which augmentation makes which property local?"
JUDGED, LEARNT_FROM = 0, 1
"""Seeds of the two sets of music."""
PROPERTIES = ("key", "tempo_bpm", "instrument", "style", "mood")
CROP_S, EVERY = 3.0, 2
KS = (1, 2, 5, 10, 20, 50, 100)
AT = 5
"""Size of the neighbourhood that the table shows."""
VARIANTS = {
    "none": ("music", ()),
    "pitch": ("music-pitch", ()),
    "tempo": ("music-tempo", ()),
    "both": ("music-pitch", ("deform.stretch=[0.7, 1.4]",)),
    "equaliser": ("music-equaliser", ()),
}
MAIN = (*VARIANTS, "random-weights")
"""Settings of the main comparison."""
SCALE = (
    "McCallum et al. 2024 (arXiv 2401.08889), on the recipe `music` with convnet in place of MULE. "
    "The paper's data, batch, ranges and figures are not known to us, only what it concludes; MULE "
    "(arXiv 2210.03799) is trained with 1,920 pairs a batch [P], the recipe with 128. {tracks} "
    "rendered tracks of 30 s judge (those played by a band), {tracks} others are learnt from."
)
CLAIMS = (
    ("time stretch lowers the locality of tempo [P, the abstract's sense]", "tempo", "tempo_bpm"),
    ("pitch shift lowers the locality of key [S]", "pitch", "key"),
    ("pitch shift raises the locality of tempo [S]", "pitch", "tempo_bpm"),
    ("augmenting tempo away raises that of style, as of genre [P]", "tempo", "style"),
    ("augmenting tempo away raises that of instrumentation [P]", "tempo", "instrument"),
    ("augmenting tempo away raises that of mood [P]", "tempo", "mood"),
    ("augmenting key away raises that of style, as of genre [P]", "pitch", "style"),
    ("augmenting key away raises that of instrumentation [P]", "pitch", "instrument"),
    ("augmenting key away raises that of mood [P]", "pitch", "mood"),
)


def cells(seeds: int) -> list[Cell]:
    """Five variants, the network as it begins, two baselines."""
    found = [Cell(name) for name in BASELINES]
    for seed in range(seeds):
        found.append(Cell("random-weights", seed, "music", sound="music", untrained=True))
        found += [
            Cell(name, seed, recipe, changes, sound="music")
            for name, (recipe, changes) in VARIANTS.items()
        ]
    return found


def sound(cell: Cell, place: Place) -> Path | None:
    """The tracks that do not judge."""
    return music(place, LEARNT_FROM) / "audio" if cell.recipe else None


def measure(cell: Cell, learnt: Learnt, place: Place) -> Result:
    """Probe of every property, and the shares of equals in neighbourhoods; of tracks by a band.

    Of a solo or a duet no style is heard. The track itself is a property of its stretches.
    """
    [clips] = read_datasets(music(place, JUDGED))
    clips = part_of(clips, np.flatnonzero(clips.columns["ensemble"] == "band"))
    crops, of = crops_of(space_of(cell, learnt), clips.files(), crop_s=CROP_S, every=EVERY)
    counts = np.bincount(of)
    tracks = np.add.reduceat(crops, np.concatenate([[0], np.cumsum(counts)[:-1]]))
    tracks /= counts[:, None]
    source = clips.columns["source"]
    values = {name: clips.columns[name] for name in PROPERTIES}
    near = neighbour_shares(tracks, values, source, ks=KS)
    same = neighbour_shares(crops, {"track": of}, ks=KS)["track"]
    per_track = {
        "share": np.stack([same.share[of == i].mean(axis=0) for i in range(len(counts))]),
        "chance": np.array([same.chance[of == i].mean() for i in range(len(counts))]),
        "ks": list(same.ks),
        "groups": source.tolist(),
    }
    tasks: dict[str, Any] = {}
    for name, column in values.items():
        with threadpool_limits(1):
            right = linear_probe(tracks, column, group_folds(column, source)).correct
        tasks[name] = {"groups": source.tolist(), "linear": plain(right)}
    local = {
        name: {"share": found.share, "chance": found.chance, "ks": list(found.ks),
               "groups": source.tolist()}
        for name, found in near.items()
    }  # fmt: skip
    return {"tasks": tasks, "locality": plain(local | {"track": per_track})}


def lift(results: list[Result], name: str, k: int) -> Interval | None:
    """How many times more equals than by chance among the k nearest."""
    shares, chance = _local(results, name)
    if shares is None or chance is None or not chance.any():
        return None
    at = results[0]["answers"]["locality"][name]["ks"].index(k)
    return over_seeds(shares[:, :, at], chance, groups_of(results, "locality", name))


def lift_gap(ours: list[Result], theirs: list[Result], name: str, k: int) -> Interval | None:
    """How much more local a property is in ours than in theirs, in times chance."""
    (a, chance), (b, _) = _local(ours, name), _local(theirs, name)
    if a is None or b is None or a.shape[1:] != b.shape[1:] or not chance.any():
        return None
    at = ours[0]["answers"]["locality"][name]["ks"].index(k)
    groups = groups_of(ours, "locality", name)
    return seeds_difference(a[:, :, at], b[:, :, at], groups, below=chance)


def _local(results: list[Result], name: str) -> tuple[Any, Any]:
    """Shares (seeds, clips, ks) and chance (clips,)."""
    chance = stacked(results, "locality", name, "chance")
    return stacked(results, "locality", name, "share"), None if chance is None else chance[0]


def page(results: Sequence[Result], place: Place) -> Page:
    """Probe, neighbourhoods, what the augmentations did, and the curves."""
    done = by_setting(results)
    text = opening(TITLE, results, len(planned(cells, MAIN, place)), place)
    text += [
        SCALE.format(tracks=TRACKS),
        "",
        "## Labelling: is the property in the vectors?",
        "",
        "Accuracy of logistic regression on tracks, five folds of whole pieces.",
        "",
    ]
    text += table_of(done, {name: by_task(name, "linear") for name in PROPERTIES})
    text += ["", f"## Locality: times chance among the {AT} nearest tracks", ""]
    lifts = {name: partial(lift, name=name, k=AT) for name in (*PROPERTIES, "track")}
    text += table_of(done, lifts)
    text += [
        "",
        "`track`: among the stretches of 3 s, how many of the nearest are of its track.",
        "",
    ]
    if "none" in done and len(done.keys() & VARIANTS.keys()) > 1:
        text += _changes(done)
    pictures = {
        f"{name}.svg": _picture(done, name)
        for name in (*PROPERTIES, "track")
        if any(lift(results, name, 1) for results in done.values())
    }
    text += ["", "## Curves over the size of the neighbourhood", ""]
    text += [f"![{name}]({file})" for file in pictures for name in [file.removesuffix(".svg")]]
    return Page("\n".join(text) + "\n", pictures)


def _changes(done: dict[str, list[Result]]) -> list[str]:
    """Differences to no augmentation, and the paper's claims beside what came out."""
    names = (*PROPERTIES, "track")
    lines_ = [f"## Against no augmentation (locality at {AT}, times chance)", ""]
    lines_ += [f"| augmentation | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|"]
    for variant in [name for name in VARIANTS if name in done and name != "none"]:
        gaps = [gap_text(lift_gap(done[variant], done["none"], name, AT)) for name in names]
        lines_.append(f"| {variant} | {' | '.join(gaps)} |")
    lines_ += ["", "| the paper says | ours, against none | |", "|---|---|---|"]
    for claim, variant, name in CLAIMS:
        if variant in done:
            found = lift_gap(done[variant], done["none"], name, AT)
            lines_.append(f"| {claim} | {gap_text(found)} | {_verdict(found, claim)} |")
    return lines_


def _verdict(found: Interval | None, claim: str) -> str:
    """Whether it came out here."""
    if found is None:
        return ""
    sign = -1 if "lowers" in claim else 1
    low, high = sorted((sign * found.low, sign * found.high))
    return "so here" if low > 0 else "the opposite here" if high < 0 else "not settled"


def _picture(done: dict[str, list[Result]], name: str) -> str:
    """The curves of one property, every setting one."""
    series = {}
    for setting, results in done.items():
        ks = results[0]["answers"]["locality"][name]["ks"]
        values = [value for k in ks if (value := lift(results, name, k)) is not None]
        if len(values) == len(ks):
            series[setting] = (ks, values)
    return lines(
        series,
        title=f"Locality of {name}",
        x_label="size of the neighbourhood, k",
        y_label="share of equals, times chance",
        chance=1.0,
    )
