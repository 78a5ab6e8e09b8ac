"""The map, duplicates and suggestions: how long, how much memory, how right.

    python bench/steer.py [--points 200000] [--spaces sound mfcc] [--only layout kept duplicates suggestions]

The map is measured on synthetic clouds, what is right on real, labelled sound in the folder that
SOUNDKIN_DATA names (skipped without it), in each of some spaces. With 200,000 points some five CPU-minutes;
`--points 1000000 --only layout` takes some fifteen.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import soundfile
from results import machine, table, write_section

from soundkin import dedupe
from soundkin.audio import deform
from soundkin.audio.decode import read_sound, resample
from soundkin.facade import Library
from soundkin.index import build
from soundkin.index.graph import knn_graph
from soundkin.layout import ROUNDS, aligned, layout, place
from soundkin.library.centroids import centroids
from soundkin.likeness import probabilities
from tests.layout_measures import kept, trustworthiness

DIM = 64
K = 15
MOST_ANEW = 300_000
"""Beyond so many points a layout is computed once, not twice."""


def clouds(n: int, seed: int = 0) -> np.ndarray:
    """Unit vectors around n / 200 centres."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(n // 200, 5), DIM)).astype(np.float32)
    X = centres[rng.integers(0, len(centres), n)]
    X += np.float32(0.6) * rng.standard_normal((n, DIM), np.float32)
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def speed(n: int) -> str:
    """A layout of n points, and a tenth more: laid into it, and everything computed anew from it."""
    X = clouds(n + n // 10)
    begun, cpu = time.perf_counter(), time.process_time()
    ids, distances = knn_graph(build("auto", X[:n]), K)
    neighbours = time.process_time() - cpu
    cpu = time.process_time()
    old = layout(ids, distances)
    laid, wall = time.process_time() - cpu, time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    index = build("auto", X)
    found, far = index.query(X[n:], K + 1)
    own = found == np.arange(n, len(X))[:, None]
    ids = np.full((len(X), K + 1), -1, np.int64)
    distances = np.full(ids.shape, np.inf, np.float32)
    ids[n:], distances[n:] = np.where(own, -1, found), np.where(own, np.inf, far)
    known = np.full((len(X), 2), np.nan, np.float32)
    known[:n] = old
    cpu = time.process_time()
    grown = place(ids, distances, known)
    placed = time.process_time() - cpu
    moved = f"{np.median(np.linalg.norm(grown[:n] - old, axis=1)) / width(old):.4%} of the width"
    if n <= MOST_ANEW:
        anew = aligned(layout(*knn_graph(index, K), first=known), known)
        move = np.median(np.linalg.norm(anew[:n] - old, axis=1)) / width(old)
        moved += f"; {move:.2%} when everything is computed anew from there and laid over it"
    columns = ["points", "neighbours, CPU-s", "layout, CPU-s", "both, wall s", "peak, GiB"]
    row = [f"{n:,}", f"{neighbours:.0f}", f"{laid:.0f}", f"{wall:.0f}", f"{peak:.1f}"]
    return table(columns, [row]) + (
        f"\n\nA tenth more, laid into the standing map: {placed:.1f} CPU-s; the old points' median move is "
        f"{moved}."
    )


def width(Y: np.ndarray) -> float:
    """The greater side of a map."""
    return float(np.ptp(Y, axis=0).max())


def quality(data: Path | None, spaces: list[str]) -> str:
    """How much of the neighbourhoods the map keeps, beside two principal components; how steady it is."""
    sets = {"4,000 in clouds": clouds(4_000)}
    if data is not None:
        with tempfile.TemporaryDirectory() as folder, Library.open(Path(folder) / "lib") as library:
            for name in ("esc10", "sonicpi", "mridangam"):
                library.add(data / name, spaces=spaces)
            for space in spaces:
                sets[f"esc10, sonicpi, mridangam, by sound, {space}"] = centroids(
                    library.look(space).view
                )[1]
    rows = []
    for name, sounds in sets.items():
        X = sounds[np.random.default_rng(0).permutation(len(sounds))]
        old = 10 * len(X) // 11
        centred = X - X.mean(axis=0)
        flat = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
        graph = knn_graph(build("exact", X), K)
        known = np.full((len(X), 2), np.nan, np.float32)
        known[:old] = layout(*knn_graph(build("exact", X[:old]), K))
        grown = place(*graph, known)
        anew = aligned(layout(*graph, first=known), known)
        for how, Y in (
            ("fresh", layout(*graph)),
            ("a tenth laid into it", grown),
            ("computed anew from it", anew),
            ("two components", flat),
        ):
            moved = np.median(np.linalg.norm(Y[:old] - known[:old], axis=1)) / width(known[:old])
            steady = f"{moved:.2%}" if Y is grown or Y is anew else "-"
            cells = [f"{f(X, Y):.3f}" for f in (trustworthiness, kept)]
            rows.append([name, len(X), how, *cells, steady])
    columns = [
        "vectors",
        "n",
        "places",
        "trustworthiness",
        "neighbours kept",
        "old ones' median move",
    ]
    return table(columns, rows)


def copy_of(samples: np.ndarray, rate_hz: int, kind: str) -> tuple[np.ndarray, int]:
    """A deformed copy."""
    if kind == "gain -7 dB":
        return deform.gain(samples, -7.0), rate_hz
    if kind == "10 ms cut at both ends":
        return deform.trim(samples, rate_hz, 0.01, 0.01), rate_hz
    if kind == "half the rate":
        return resample(samples, rate_hz, rate_hz // 2), rate_hz // 2
    if kind == "12 % faster":
        return deform.varispeed(samples, 1.12), rate_hz
    return deform.reencode(samples, rate_hz, kind), rate_hz


def duplicates(data: Path, spaces: list[str]) -> str:
    """Recall by kind of copy, and how many of those named are right, by what is a neighbour in each space."""
    kinds = ["gain -7 dB", "10 ms cut at both ends", "mp3", "ogg", "half the rate", "12 % faster"]
    files = sorted((data / "sonicpi" / "audio").iterdir())
    files += sorted((data / "esc10" / "audio").glob("*/*"))[::4]
    made: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as place_:
        folder = Path(place_) / "sounds"
        folder.mkdir()
        for number, file in enumerate(files):
            samples, rate_hz = read_sound(file, end_s=8.0)
            soundfile.write(folder / f"{file.stem}__o.wav", samples, rate_hz, subtype="PCM_16")
            if number % 3 == 0 and len(samples) > 0.15 * rate_hz:
                kind = kinds[number // 3 % len(kinds)]
                copy, copy_hz = copy_of(samples, rate_hz, kind)
                soundfile.write(folder / f"{file.stem}__c.wav", copy, copy_hz, subtype="PCM_16")
                made[file.stem] = kind
        with Library.open(Path(place_) / "lib") as library:
            library.add(folder, spaces=spaces)
            parts = []
            for space in spaces:
                (library.path / "cache" / "overlays.json").unlink(missing_ok=True)
                cpu = time.process_time()
                found = dedupe.find(library, space=space)
                cpu = time.process_time() - cpu
                parts.append(f"Neighbours in `{space}`.\n\n" + judged(found, made, kinds, cpu))
    return "\n\n".join(parts)


def judged(found: dedupe.Duplicates, made: dict[str, str], kinds: list[str], cpu: float) -> str:
    """What was found of what was made."""
    by_kind = {kind: {"near": 0, "version": 0} for kind in kinds}
    right, wrong = {"near": 0, "version": 0}, {"near": 0, "version": 0}
    for group in found.groups:
        stems = [member.name.partition("__")[0] for member in group.members]
        for stem in stems[1:]:
            (right if stem == stems[0] else wrong)[group.kind] += 1
        for stem in {s for s in stems if stems.count(s) > 1}:
            by_kind[made[stem]][group.kind] += 1
    rows = [
        [kind, sum(made[s] == kind for s in made), hits["near"], hits["version"]]
        for kind, hits in by_kind.items()
    ]
    return table(["copy", "made", "found as near", "found as version"], rows) + (
        f"\n\nNamed near: {right['near']} right, {wrong['near']} not made here (look-alikes of the sets "
        f"themselves); named versions: {right['version']} and {wrong['version']}. {found.sounds} sounds, "
        f"{found.compared} pairs laid over each other, {cpu:.1f} CPU-s."
    )


def labelled(data: Path, spaces: list[str]) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Sets of real sound in each space: name, space, mean vectors, labels."""
    for name, column in (("esc10", "label"), ("sonicpi", "label"), ("mridangam", "stroke")):
        with (data / name / "labels.csv").open(encoding="utf-8") as file:
            labels = {row["path"]: row[column] for row in csv.DictReader(file)}
        with tempfile.TemporaryDirectory() as folder, Library.open(Path(folder) / "lib") as library:
            library.add(data / name, spaces=spaces)
            for space in spaces:
                look = library.look(space)
                ords, X = centroids(look.view)
                y = [labels[look.snapshot.spots.of(int(o))[0].relative] for o in ords]
                yield name, space, X, np.array(y)


def suggestions(data: Path, spaces: list[str]) -> str:
    """Precision of the first ten suggestions, and what a probability is worth."""
    rows = []
    for name, space, X, y in labelled(data, spaces):
        rng = np.random.default_rng(0)
        for n in (5, 15):
            classes = [c for c in np.unique(y) if (y == c).sum() >= n + 7]
            hits, said, true = [], [], []
            for label in classes:
                for _ in range(5):
                    examples = np.zeros(len(y), bool)
                    examples[rng.permutation(np.flatnonzero(y == label))[:n]] = True
                    p = probabilities(X, examples)
                    rest = np.flatnonzero(~examples)
                    hits.append((y[rest[np.argsort(-p[rest])[:10]]] == label).mean())
                    said.append(p[rest])
                    true.append(y[rest] == label)
            if not hits:
                continue
            p, t = np.concatenate(said), np.concatenate(true)
            cells = [
                f"{t[(p >= low) & (p < high)].mean():.2f} ({((p >= low) & (p < high)).sum()})"
                if ((p >= low) & (p < high)).any()
                else "-"
                for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 1.01))
            ]
            rows.append(
                [
                    f"{name}, {len(classes)} classes",
                    space,
                    n,
                    f"{np.mean(hits):.3f}",
                    f"{t.mean():.3f}",
                    f"{((p - t) ** 2).mean():.3f}",
                    f"{t.mean() * (1 - t.mean()):.3f}",
                    *cells,
                ]
            )
    columns = [
        "set",
        "space",
        "examples",
        "right of the first ten",
        "by chance",
        "Brier",
        "Brier of the base rate",
        "true where < 0.1 was said",
        "0.1-0.3",
        "0.3-0.5",
        "> 0.5",
    ]
    return table(columns, rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--spaces", nargs="+", default=["sound", "mfcc"])
    parts = ["layout", "kept", "duplicates", "suggestions"]
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    how = parser.parse_args()
    given = os.environ.get("SOUNDKIN_DATA")
    data = Path(given) if given else None
    said = f"{machine(len(os.sched_getaffinity(0)))} {ROUNDS} rounds, {K} neighbours."
    if "layout" in how.only:
        write_section(f"The map, {how.points:,} points", f"{said}\n\n{speed(how.points)}")
    if "kept" in how.only:
        write_section("The map, what it keeps", f"{said}\n\n{quality(data, how.spaces)}")
    if data is not None and "duplicates" in how.only:
        write_section("Duplicates", duplicates(data, how.spaces))
    if data is not None and "suggestions" in how.only:
        write_section("Suggestions from a few examples", suggestions(data, how.spaces))


if __name__ == "__main__":
    main()
