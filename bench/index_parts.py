"""The parts of `bench/index.py` beside the table: growth, selections, opening again, the pictures."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from index_data import K, prepare, recall
from index_plot import chart, draw_tree
from results import table

DRY = False
"""Whether pictures are left undrawn."""
TARGET = 0.95
N_ASKED = 300
TREES = (1, 2, 4, 8, 16, 32, 64)


def load(home: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors, queries and true distances of a prepared folder."""
    X, Q, true = (np.load(home / f"{name}.npy") for name in ("vectors", "queries", "true"))
    return X, Q, true


def drawn(*given: object, **settings: object) -> str:
    """A chart's file name; the chart too, unless this is a dry run."""
    return "not-drawn.svg" if DRY else chart(*given, **settings)


def single_ms(index, Q: np.ndarray, **effort: object) -> float:
    """Milliseconds a query, asked one by one: the median of three rounds."""
    index.query(Q[:1], K, **effort)
    rounds = []
    for _ in range(3):
        started = time.perf_counter()
        for q in Q:
            index.query(q[None], K, **effort)
        rounds.append(1000 * (time.perf_counter() - started) / len(Q))
    return float(np.median(rounds))


def first_good(
    index, X: np.ndarray, Q: np.ndarray, true: np.ndarray, target: float = TARGET
) -> dict:
    """The first effort of the ladder that reaches the target."""
    effort: dict = {}
    for effort in index.ladder():
        if recall(index.query(Q, K, **effort)[0], X, Q, true) >= target:
            break
    return effort


def growth(folder: Path, sizes: tuple[int, ...]) -> str:
    """Milliseconds a query at recall 0.95 while the items double, one thread."""
    from soundkin.index import build

    curves, lines = [], []
    for kind in ("ann", "forest"):
        times = []
        for n in sizes:
            X, Q, true = load(prepare("clustered", n, folder))
            index = build(kind, X)
            effort = first_good(index, X, Q, true)
            times.append(single_ms(index, Q[:N_ASKED], **effort))
            print(f"growth: {kind}, {n:,}: {times[-1]:.3f} ms {effort}", flush=True)
        ratios = [b / a for a, b in pairwise(times)]
        curves.append(
            (kind, [(float(np.log2(n / sizes[0])), t) for n, t in zip(sizes, times, strict=True)])
        )
        lines.append(
            [kind, *(f"{t:.3f}" for t in times), ", ".join(f"{ratio:.2f}" for ratio in ratios)]
        )
    picture = drawn(
        curves, "Growth: a query at recall 0.95", f"doublings from {sizes[0]:,}", "milliseconds", "index-growth",
        low_x=0.0, high_x=float(np.log2(sizes[-1] / sizes[0])),
    )  # fmt: skip
    columns = ["ms a query", *(f"{n:,}" for n in sizes), "times, each doubling"]
    return "\n\n".join(
        [
            f"**Growth.** Clustered vectors, recall@10 >= {TARGET}, one query a call, one thread.",
            table(columns, lines),
            f"![growth](pictures/{picture})",
        ]
    )


REOPEN = """
import json, sys, time
started = time.perf_counter()
import numpy as np
Q = np.load(sys.argv[2])
import soundkin.index
imported = time.perf_counter()
index = soundkin.index.load(sys.argv[1])
opened = time.perf_counter()
index.query(Q[:1], 10)
first = time.perf_counter()
for q in Q[1:101]:
    index.query(q[None], 10)
print(json.dumps([imported - started, opened - imported, first - opened, (time.perf_counter() - first) / 100]))
"""


def reopening(folder: Path, n: int) -> str:
    """Seconds to the first answer of a saved index in a new process."""
    from soundkin.index import build

    home = prepare("clustered", n, folder)
    X, _, _ = load(home)
    lines = []
    for kind in ("exact", "ann", "forest"):
        path = home / f"{kind}.index"
        build(kind, X).save(path)
        times = []
        for _ in range(3):
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", REOPEN, str(path), str(home / "queries.npy")],
                capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1],
            )  # fmt: skip
            times.append(json.loads(done.stdout.splitlines()[-1]))
        imported, opened, first, later = np.median(times, axis=0)
        size_mb = path.stat().st_size / 1e6
        path.unlink()
        lines.append(
            [
                kind,
                f"{size_mb:.0f}",
                f"{imported:.2f}",
                f"{opened:.2f}",
                f"{first:.2f}",
                f"{opened + first:.2f}",
                f"{1000 * later:.2f}",
            ]
        )
        print("reopening:", lines[-1], flush=True)
    columns = [
        "index",
        "file MB",
        "import NumPy, s",
        "open, s",
        "first query, s",
        "opened and answered, s",
        "later queries, ms",
    ]
    return "\n\n".join(
        [
            (
                f"**Opening again.** {n:,} clustered vectors, a new process each time, the file in the "
                "page cache, compiled code in Numba's cache; the median of three. Opening imports what "
                "the kind needs, Numba among it."
            ),
            table(columns, lines),
        ]
    )


def compiling() -> str:
    """Seconds that the first use costs where no compiled code is cached yet."""
    code = (
        "import time, numpy as np, soundkin.index as i; X = np.random.default_rng(0).standard_normal("
        "(20000, 80)).astype('f4'); kind = __import__('sys').argv[1]; t = time.perf_counter();"
        "i.build(kind, X, **({'target': 0.0, 'graph': True} if kind == 'ann' else {})).query(X[:1]); print(time.perf_counter() - t)"
    )
    import tempfile

    lines = []
    with tempfile.TemporaryDirectory() as cache:
        for turn in ("nothing cached", "cached"):
            for kind in ("exact", "ann", "forest"):
                done = subprocess.run(
                    [sys.executable, "-W", "ignore", "-c", code, kind], capture_output=True, text=True, check=True,
                    cwd=Path(__file__).parents[1], env={**os.environ, "NUMBA_CACHE_DIR": cache},
                )  # fmt: skip
                lines.append([kind, turn, f"{float(done.stdout.split()[-1]):.1f}"])
                print("compiling:", lines[-1], flush=True)
    text = "**Warm-up.** Seconds to build over 20,000 vectors and answer, in a new process; each kind finds what those above it compiled."
    return "\n\n".join([text, table(["index", "compiled code", "s"], lines)])


def accuracy(
    folder: Path, kind: str, n: int, results: list[dict], given: argparse.Namespace
) -> str:
    """Accuracy against time for 1 to 64 trees, beside Annoy, faiss HNSW and exact."""
    from soundkin.index import build

    home = prepare(kind, n, folder)
    X, Q, true = load(home)
    ours = []
    for n_trees in TREES:
        index = build("forest", X, n_trees=n_trees)
        effort = {"n_candidates": 128.0 * n_trees}
        found = recall(index.query(Q, K, **effort)[0], X, Q, true)
        ours.append((found, 1 / single_ms(index, Q[:N_ASKED], **effort)))
        print(f"trees: {n_trees}: {ours[-1][0]:.3f} {1 / ours[-1][1]:.3f} ms", flush=True)
    curves = [("forest, 1 to 64 trees", [(x, 1 / y) for x, y in ours])]
    for name in ("annoy, 64 trees", "annoy, 32 trees", "faiss HNSW", "exact", "faiss flat"):
        rows = next((r["rows"] for r in results if r["peer"] == name), [])
        if rows:
            curves.append((name, [(row["recall"], 1000 / row["single"]) for row in rows]))
    trees = annoy_by_trees(home, given.peer_python)
    if trees:
        curves.insert(1, ("annoy, 1 to 64 trees", trees))
    picture = drawn(
        curves, f"Accuracy against time: {kind}, {n:,} vectors", "recall@10", "milliseconds a query",
        "index-trees", low_x=0.0, high_x=1.0,
    )  # fmt: skip
    text = (
        f"**Accuracy against time, 1 to 64 trees** ({kind}, {n:,}; one query a call, one thread; forest and "
        "Annoy look at 128 items for each tree)."
    )
    lines = [
        [
            t,
            f"{r:.3f}",
            f"{1 / y:.3f}",
            *((f"{trees[i][0]:.3f}", f"{trees[i][1]:.3f}") if trees else ("-", "-")),
        ]
        for i, (t, (r, y)) in enumerate(zip(TREES, ours, strict=True))
    ]
    columns = ["trees", "forest, recall", "forest, ms", "Annoy, recall", "Annoy, ms"]
    return "\n\n".join(
        [text, table(columns, lines), f"![accuracy against time](pictures/{picture})"]
    )


def annoy_by_trees(home: Path, python: str) -> list[tuple[float, float]]:
    """Recall and milliseconds of Annoy for each number of trees; nothing where it is not installed."""
    code = "import index_parts, sys; index_parts.print_annoy(sys.argv[1])"
    done = subprocess.run(
        [python, "-W", "ignore", "-c", code, str(home)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parent,
    )  # fmt: skip
    if done.returncode:
        print("annoy: not installed, left out of the picture", flush=True)
        return []
    points: list[tuple[float, float]] = json.loads(done.stdout.splitlines()[-1])
    return points


def print_annoy(home: str) -> None:
    """What `annoy_by_trees` asks another process for."""
    from annoy import AnnoyIndex

    X, Q, true = load(Path(home))
    points = []
    for n_trees in TREES:
        index = AnnoyIndex(X.shape[1], "angular")
        index.set_seed(1)
        for i, x in enumerate(X):
            index.add_item(i, x)
        index.build(n_trees)
        started = time.perf_counter()
        found = [index.get_nns_by_vector(q, K, search_k=128 * n_trees) for q in Q]
        ms = 1000 * (time.perf_counter() - started) / len(Q)
        padded = np.array([(line + [-1] * K)[:K] for line in found])
        points.append((recall(padded, X, Q, true), ms))
    print(json.dumps(points))


def one_tree(folder: Path, kind: str, n: int) -> str:
    """The article's picture: one tree of hyperplanes over a library, in the plane."""
    X, _, _ = load(prepare(kind, n, folder))
    rng = np.random.default_rng(0)
    some = X[np.sort(rng.choice(len(X), min(4000, len(X)), replace=False))].astype(np.float64)
    centred = some - some.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    flat = centred @ directions[:2].T
    picture = "index-tree.svg" if DRY else draw_tree(flat, leaf_size=64, name="index-tree")
    text = (
        f"**One tree over a library.** {len(flat):,} windows ({kind}) on their two main axes; planes with random "
        "directions through one of the items, until 64 or fewer are left."
    )
    return f"{text}\n\n![one tree](pictures/{picture})"
