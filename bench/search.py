"""How fast a library answers, against plain NumPy, faiss and the store's own scan.

    python bench/search.py [--segments 200000]

A synthetic library is written through the same commits as a real one (clustered vectors of the space
mfcc, three segments a sound), then asked with vectors that lie near it. Peers hold the same matrix:
numpy    scores = X @ q, argpartition
faiss    IndexFlatIP (`pip install faiss-cpu`)
lance    the store's own exhaustive scan
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from results import machine, table, write_section

from soundkin import Library, load_space
from soundkin.library.ingest import write_sounds
from soundkin.library.store import SCHEMAS, Store, vectors_table
from soundkin.library.workers import Heard

PER_SOUND = 3


def clustered(n: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors in clusters, with noise."""
    centres = rng.normal(size=(n // 200 + 1, dim))
    X = centres[rng.integers(0, len(centres), n)] + 0.5 * rng.normal(size=(n, dim))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)


def build(path: Path, X: np.ndarray, space_id: str) -> None:
    """Write a library of len(X) segments, a few commits, as ingest does."""
    store = Store.open(path)
    n_sounds = len(X) // PER_SOUND
    row = {"root_id": "bench", "path": os.fsencode(path), "label": "bench", "added_at": None}
    store.upsert("roots", pa.Table.from_pylist([row], schema=SCHEMAS["roots"]))
    seq = np.arange(PER_SOUND, dtype=np.int32)
    start = seq * 0.5
    for low in range(0, n_sounds, 20_000):
        sounds, places = [], []
        for i in range(low, min(low + 20_000, n_sounds)):
            name = f"{i:032x}"
            vectors = {space_id: X[i * PER_SOUND : (i + 1) * PER_SOUND]}
            level = np.zeros(PER_SOUND, np.float32)
            peaks = np.zeros((800, 2), np.int8)
            sounds.append(
                Heard(
                    name,
                    2.0,
                    44_100,
                    1,
                    "WAV",
                    "PCM_16",
                    0.0,
                    peaks,
                    seq,
                    start,
                    start + 1,
                    start + 0.5,
                    level,
                    0,
                    vectors,
                )
            )
            shown = f"pack {i % 97}/sound {i}.wav"
            places.append(
                {
                    "root_id": "bench",
                    "path": shown.encode(),
                    "display": shown,
                    "byte_hash": name,
                    "size": 1,
                    "mtime_ns": 1,
                    "sound_id": name,
                    "state": "present",
                }
            )
        rows = pa.Table.from_pylist(places, schema=SCHEMAS["locations"])
        write_sounds(
            store, sounds, low + 1, before_marker=lambda rows=rows: store.append("locations", rows)
        )


def timed(work: Callable[[np.ndarray], object], queries: np.ndarray) -> tuple[float, float]:
    """Median and 99th percentile of one query, in ms."""
    for q in queries[:5]:
        work(q)
    times = []
    for q in queries:
        started = time.perf_counter()
        work(q)
        times.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times), float(np.quantile(times, 0.99))


def startup(arguments: list[str], runs: int = 7) -> float:
    """Median seconds of a whole process."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    """Measure, print and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--segments", type=int, default=200_000)
    n = parser.parse_args().segments
    space = load_space("mfcc")
    rng = np.random.default_rng(0)
    X = clustered(n, space.dim, rng)
    queries = X[rng.integers(0, n, 200)] + 0.1 * rng.normal(size=(200, space.dim)).astype(
        np.float32
    )
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    with tempfile.TemporaryDirectory() as here:
        build(Path(here) / "library", X, space.id)
        started = time.perf_counter()
        library = Library.open(Path(here) / "library")
        first = library.search(queries[:1])
        opened_s = time.perf_counter() - started
        found = [library.search(q[None]).hits[0].segment_id for q in queries[:50]]
        wanted = np.argmax(X @ queries[:50].T, axis=0)
        right = sum(
            f"{w // PER_SOUND:032x}-{w % PER_SOUND}" == f
            for f, w in zip(found, wanted, strict=True)
        )
        from soundkin.facade import Scope

        tenth = Scope(folders=[f"pack {i}" for i in range(10)])
        rows = [
            ["Library.search", *timed(lambda q: library.search(q[None]), queries)],
            [
                "Library.search, a tenth of the folders",
                *timed(lambda q: library.search(q[None], scope=tenth), queries[:60]),
            ],
            [
                "Library.search, by words",
                *timed(lambda q: library.search(q[None], scope=Scope(text="pack 7")), queries[:60]),
            ],
        ]
        table_ = Store.open(Path(here) / "library").table(vectors_table(space.id))
        scan = lambda q: (
            table_.search(q)
            .distance_type("dot")
            .limit(10)
            .select(["sound_id", "seq", "_distance"])
            .to_arrow()
        )
        rows.append(
            [
                "numpy: X @ q, argpartition",
                *timed(lambda q: np.argpartition(-(X @ q), 10)[:10], queries),
            ]
        )
        try:
            import faiss

            flat = faiss.IndexFlatIP(space.dim)
            flat.add(X)
            rows.append(["faiss IndexFlatIP", *timed(lambda q: flat.search(q[None], 10), queries)])
        except ImportError:
            print("faiss is not installed: `pip install faiss-cpu` for that peer")
        rows.append(["the store's own scan", *timed(scan, queries[:30])])
        library.close()
    base = rows[0][1]
    lines = [[name, f"{p50:.1f}", f"{p99:.1f}", f"{p50 / base:.2f}"] for name, p50, p99 in rows]
    bare, asked = startup(["-c", "pass"]), startup(["-m", "soundkin.cli", "--help"])
    write_section(
        "Search",
        f"`python bench/search.py --segments {n}`: {machine(len(os.sched_getaffinity(0)))} {n:,} segments of "
        f"{n // PER_SOUND:,} sounds, {space.dim} numbers each; k = 10 sounds, names, folders and grouping included for "
        f"`Library.search`. First answer after opening: {opened_s:.1f} s (considered {first.considered:,} segments). "
        f"Best segment equal to NumPy's in {right} of 50 queries. `soundkin --help` takes {asked:.2f} s, an empty Python "
        f"{bare:.2f} s.\n\n" + table(["query", "p50 ms", "p99 ms", "time against ours"], lines),
    )


if __name__ == "__main__":
    main()
