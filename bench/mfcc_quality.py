"""Is a space any good? `python bench/mfcc_quality.py DATA [SPACE]` (or SOUNDKIN_DATA).

A clip is the mean of the vectors of its first 20 windows. 1-NN accuracy and mean average precision
by cosine over all other clips outside the clip's own group. Beside them the figures of plain mfcc
statistics by the same protocol (vectors of 1 s windows, hop 0.5 s), measured before this space was.
"""

from __future__ import annotations

import csv
import os
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from soundkin.audio.decode import SoundReader
from soundkin.audio.windows import chunks
from soundkin.space import Space, load_space

MOST_WINDOWS = 20
TASKS = {  # name: (set, label, group kept apart, least clips of a label), plain mfcc's 1-NN and mAP
    "esc10, class": (("esc10", "label", "fold", 1), (0.630, 0.419)),
    "sonicpi, label": (("sonicpi", "label", "path", 5), (0.466, 0.270)),
    "mridangam, stroke": (("mridangam", "stroke", "path", 1), (0.630, 0.475)),
    "fsdd, digit": (("fsdd", "digit", "speaker", 1), (0.291, 0.150)),
    "fsdd, speaker": (("fsdd", "speaker", "digit", 1), (0.840, 0.486)),
    "speechocean, speaker": (("speechocean", "speaker", "path", 1), (0.967, 0.744)),
}


def clip_vector(path: Path, space: Space) -> np.ndarray:
    """Mean of the vectors of a clip's first windows: (dim,) of length one; zeros for silence."""
    found: list[np.ndarray] = []
    with SoundReader(path) as reader:
        for chunk in chunks(reader.blocks(), reader.info.rate_hz, margin_s=space.margin_s):
            found.extend(space.embed_chunk(chunk))
            if len(found) >= MOST_WINDOWS:
                break
    mean = np.sum(found[:MOST_WINDOWS], axis=0) if found else np.zeros(space.dim)
    return mean / max(float(np.linalg.norm(mean)), 1e-12)


def retrieval(vectors: np.ndarray, labels: list[str], groups: list[str]) -> tuple[float, float]:
    """1-NN accuracy and mAP by cosine, a clip's own group left out."""
    label, group = np.array(labels), np.array(groups)
    hits, precisions = [], []
    for row, scores in enumerate(vectors @ vectors.T):
        others = group != group[row]
        order = np.argsort(-scores[others], kind="stable")
        same = (label[others] == label[row])[order]
        if same.any():
            hits.append(same[0])
            precisions.append((np.cumsum(same) / np.arange(1, len(same) + 1))[same].mean())
    return float(np.mean(hits)), float(np.mean(precisions))


def quality(data: Path, space: Space) -> dict[str, tuple[float, float]]:
    """1-NN and mAP of each task whose set is there."""
    heard: dict[Path, np.ndarray] = {}
    result = {}
    for name, ((folder, key, apart, least), _) in TASKS.items():
        if not (data / folder).is_dir():
            continue
        with (data / folder / "labels.csv").open(encoding="utf-8") as lines:
            rows = [row for row in csv.DictReader(lines) if int(row.get("take", 0)) % 3 == 0]
        often = Counter(row[key] for row in rows)
        rows = [row for row in rows if often[row[key]] >= least]
        paths = [data / folder / row["path"] for row in rows]
        for path in paths:
            if path not in heard:
                heard[path] = clip_vector(path, space)
        vectors = np.array([heard[path] for path in paths])
        labels, groups = [row[key] for row in rows], [row[apart] for row in rows]
        result[name] = retrieval(vectors, labels, groups)
    return result


def main(data: Path, space: Space) -> None:
    print(f"| {space.id} | 1-NN | mAP | plain mfcc 1-NN | mAP |\n|---|---|---|---|---|")
    for name, (nearest, precision) in quality(data, space).items():
        plain = TASKS[name][1]
        print(f"| {name} | {nearest:.3f} | {precision:.3f} | {plain[0]:.3f} | {plain[1]:.3f} |")


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else os.environ["SOUNDKIN_DATA"]
    main(Path(folder), load_space(sys.argv[2] if len(sys.argv) > 2 else "mfcc"))
