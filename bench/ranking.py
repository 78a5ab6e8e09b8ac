"""Which way of comparing two sounds of several windows finds the right class most often.

    SOUNDKIN_DATA=... python bench/ranking.py

1-NN over the development data in the space mfcc, own group left out; prints what LOG.md's section
"Search" compares: mean vectors, the best pair of windows, the mean of best counterparts. Its last line is
another question: a copy of a one-shot lies in the middle of a long recording; how often does that recording
come before all other one-shots?
"""

from __future__ import annotations

import csv
import os
import tempfile
from pathlib import Path

import numpy as np
from results import table

from soundkin import Library

SETS = [
    ("esc10", "label", "fold"),
    ("sonicpi", "label", ""),
    ("mridangam", "stroke", ""),
    ("speechocean", "speaker", ""),
]
LEAST = 5


def labelled(folder: Path, label: str, group: str) -> list[tuple[str, str, str]]:
    """Path, class and group of every clip whose class has enough of them."""
    with (folder / "labels.csv").open(newline="") as file:
        rows = [
            (str(folder / row["path"]), row[label], row[group] if group else row["path"])
            for row in csv.DictReader(file)
        ]
    counts: dict[str, int] = {}
    for _, name, _ in rows:
        counts[name] = counts.get(name, 0) + 1
    return [row for row in rows if counts[row[1]] >= LEAST or folder.name != "sonicpi"]


def moments(shots: list[np.ndarray], longs: list[np.ndarray], n: int = 60) -> list[float]:
    """How often the long recording with the copy comes first, each way; seeded."""
    rng = np.random.default_rng(0)
    found = np.zeros(4)
    for number in rng.choice(len(shots), n, replace=False):
        query = shots[number]
        copy = query + 0.24 / np.sqrt(query.shape[1]) * rng.normal(size=query.shape)
        copy /= np.linalg.norm(copy, axis=1, keepdims=True)
        others = [longs[i] for i in rng.choice(len(longs), 6, replace=False)]
        rivals = [shot for i, shot in enumerate(shots) if i != number]
        sounds = [query, np.concatenate([*others[:3], copy, *others[3:]]), *rivals]
        for way, scores in enumerate(similarities(sounds, first_only=True).values()):
            found[way] += scores[0, 1] > scores[0, 2:].max()
    return (found / n).tolist()


def similarities(sounds: list[np.ndarray], *, first_only: bool = False) -> dict[str, np.ndarray]:
    """Similarity of every sound, or of the first, to every other, each way."""
    asked = sounds[:1] if first_only else sounds
    means = np.array([X.mean(axis=0) for X in sounds])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    best, there, back = np.zeros((3, len(asked), len(sounds)))
    for i, X in enumerate(asked):
        for j, Y in enumerate(sounds):
            scores = X @ Y.T
            best[i, j], there[i, j] = scores.max(), scores.max(axis=1).mean()
            back[i, j] = scores.max(axis=0).mean()
    return {
        "mean vectors": means[: len(asked)] @ means.T,
        "best pair": best,
        "best counterparts": there,
        "both ways": (there + back) / 2,
    }


def main() -> None:
    """Index, compare, print."""
    data = Path(os.environ["SOUNDKIN_DATA"]).resolve()
    rows: list[list[object]] = []
    heard: dict[str, list[np.ndarray]] = {}
    for name, label, group in SETS:
        with tempfile.TemporaryDirectory() as here, Library.open(Path(here) / "library") as library:
            library.add(data / name, spaces=["mfcc"])
            where = {sound.path: sound.sound_id for sound in library.sounds(limit=10**6)[0]}
            held = library.to_arrow(library.info().spaces[0].space_id)
        owners = np.asarray(held["sound_id"].to_pylist())
        X = np.stack(held["vector"].to_numpy())
        clips = [clip for clip in labelled(data / name, label, group) if clip[0] in where]
        classes, groups = (np.array([clip[i] for clip in clips]) for i in (1, 2))
        heard[name] = [X[owners == where[clip[0]]] for clip in clips]
        ways = similarities(heard[name])
        for scores in ways.values():
            scores[groups[:, None] == groups] = -9
        rows.append(
            [name, *(f"{(classes[s.argmax(axis=1)] == classes).mean():.3f}" for s in ways.values())]
        )
    found = moments(heard["sonicpi"], heard["esc10"])
    rows.append(["a one-shot in a long recording", *(f"{part:.3f}" for part in found)])
    print(table(["set", *ways], rows))


if __name__ == "__main__":
    main()
