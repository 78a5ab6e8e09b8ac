"""The crowds of a map and what they are called; the groups that sounds are coloured by."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from soundkin.library.catalogue import Snapshot

MOST_CLUSTERS = 24
CLUSTERED = 20_000
"""So many points are looked at to find the clusters."""

WORD = re.compile(r"[^\W\d_]{3,}")
WORDS = 2


@dataclass(frozen=True, slots=True)
class Cluster:
    """A crowd of points: its middle, how many, and the words that tell it from the others."""

    label: str
    x: float
    y: float
    points: int


def crowds(
    snapshot: Snapshot, sound: npt.NDArray[np.int32], places: npt.NDArray[np.float32], seed: int = 0
) -> tuple[npt.NDArray[np.uint16], tuple[Cluster, ...]]:
    """Return the crowd of each point (n,), the largest first, and each crowd with its name.

    sound (n,): ords; places (n, 2). A name is made of the words that a crowd's sounds have more than others.
    """
    from scipy.cluster.vq import kmeans2  # noqa: PLC0415 - slow to import, seldom needed
    from scipy.spatial import cKDTree  # noqa: PLC0415

    n = len(places)
    wanted = int(np.clip(np.sqrt(n / 20), 1, MOST_CLUSTERS))
    rng = np.random.default_rng(seed)
    some = places[np.sort(rng.permutation(n)[:CLUSTERED])].astype(np.float64)
    middles = np.unique(some, axis=0)[:1]
    if wanted > 1 and len(np.unique(some, axis=0)) >= wanted:
        middles, _ = kmeans2(some, wanted, minit="++", seed=rng, missing="warn")
    _, cluster = cKDTree(middles).query(places)
    counts = np.bincount(cluster, minlength=len(middles))
    kept = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    renumbered = np.zeros(len(middles), np.uint16)
    renumbered[kept] = np.arange(len(kept))
    cluster = renumbered[cluster]
    found = []
    for i, label in enumerate(_labels(snapshot, sound, cluster, len(kept))):
        x, y = places[cluster == i].mean(axis=0)
        found.append(Cluster(label, round(float(x), 4), round(float(y), 4), int(counts[kept[i]])))
    return cluster, tuple(found)


def _labels(
    snapshot: Snapshot,
    sound: npt.NDArray[np.int32],
    cluster: npt.NDArray[np.uint16],
    n_clusters: int,
) -> list[str]:
    """Return each cluster's words: those of names, folders and tags that are most its own.

    A word's worth is p log(p / q): p the share of the cluster's sounds that have it, q that of all.
    """
    pairs = np.unique((sound.astype(np.int64) << 16) | cluster)
    sounds = np.append(pairs >> 16, -1)
    words: dict[int, set[str]] = {}
    for number, following in pairwise(sounds.tolist()):
        if number != following:
            words[number] = _words(snapshot, number)
    overall = Counter(word for one in words.values() for word in one)
    per: list[Counter[str]] = [Counter() for _ in range(n_clusters)]
    sizes = [0] * n_clusters
    for pair in pairs.tolist():
        per[pair & 0xFFFF].update(words[pair >> 16])
        sizes[pair & 0xFFFF] += 1
    labels = []
    for counts, size in zip(per, sizes, strict=True):
        worth = {
            word: (n / size) * np.log((n / size) / (overall[word] / len(words)))
            for word, n in counts.items()
        }
        best = sorted(worth, key=lambda word: (-worth[word], word))[:WORDS]
        labels.append(" ".join(word for word in best if worth[word] > 0.05))
    return labels


def _words(snapshot: Snapshot, number: int) -> set[str]:
    """Return the words of a sound's tags, name and innermost folder."""
    spots = snapshot.spots.of(number)[:1]
    text = [spot.name.rpartition(".")[0] + " " + spot.folder.rpartition("/")[2] for spot in spots]
    return set(WORD.findall(" ".join([*snapshot.tags.get(number), *text]).lower()))


def groups_of(
    snapshot: Snapshot, ords: npt.NDArray[np.int64], by: str
) -> tuple[list[str], list[int]]:
    """Return names and the number of each sound's group: by "folder", "tag" or "format"; -1 for none.

    ords (m,): sounds, -1 for those that have been forgotten.

    A sound with several tags counts for the one that most sounds bear.
    """
    if by == "format":
        found = [snapshot.sounds["format"][int(o)].as_py() if o >= 0 else "" for o in ords]
    elif by == "tag":
        counts = Counter(snapshot.tags.names[i] for i in snapshot.tags.label)
        found = [
            max(snapshot.tags.get(int(o)), key=lambda tag: (counts[tag], tag), default="")
            for o in ords
        ]
    else:
        found = [_folder(snapshot, int(o)) if o >= 0 else "" for o in ords]
    names = [name for name, _ in Counter(name for name in found if name).most_common()]
    number = {name: i for i, name in enumerate(names)}
    return names, [number.get(name, -1) for name in found]


def _folder(snapshot: Snapshot, number: int) -> str:
    spots = snapshot.spots.of(number)
    return (spots[0].folder or spots[0].root) if spots else ""
