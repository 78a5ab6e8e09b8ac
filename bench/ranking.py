"""Which way of comparing two sounds of several windows finds the right class most often.

    SOUNDKIN_DATA=... python bench/ranking.py

1-NN over the development data in the space mfcc, own group left out; prints what LOG.md's section
"Search" compares: mean vectors, the best pair of windows, the mean of best counterparts.
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


def similarities(sounds: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Similarity of every sound to every other, each way."""
    means = np.array([X.mean(axis=0) for X in sounds])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    best, counterparts = np.zeros((2, len(sounds), len(sounds)))
    for i, X in enumerate(sounds):
        for j, Y in enumerate(sounds):
            scores = X @ Y.T
            best[i, j], counterparts[i, j] = scores.max(), scores.max(axis=1).mean()
    both = (counterparts + counterparts.T) / 2
    return {
        "mean vectors": means @ means.T,
        "best pair": best,
        "best counterparts": counterparts,
        "both ways": both,
    }


def main() -> None:
    """Index, compare, print."""
    data = Path(os.environ["SOUNDKIN_DATA"]).resolve()
    rows: list[list[object]] = []
    for name, label, group in SETS:
        with tempfile.TemporaryDirectory() as here, Library.open(Path(here) / "library") as library:
            library.add(data / name)
            where = {sound.path: sound.sound_id for sound in library.sounds(limit=10**6)[0]}
            held = library.to_arrow(library.info().spaces[0].space_id)
        owners = np.asarray(held["sound_id"].to_pylist())
        X = np.stack(held["vector"].to_numpy())
        clips = [clip for clip in labelled(data / name, label, group) if clip[0] in where]
        classes, groups = (np.array([clip[i] for clip in clips]) for i in (1, 2))
        ways = similarities([X[owners == where[clip[0]]] for clip in clips])
        for scores in ways.values():
            scores[groups[:, None] == groups] = -9
        rows.append(
            [name, *(f"{(classes[s.argmax(axis=1)] == classes).mean():.3f}" for s in ways.values())]
        )
    print(table(["set", *ways], rows))


if __name__ == "__main__":
    main()
