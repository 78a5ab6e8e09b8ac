"""How fast a library answers, against plain NumPy, faiss and the store's own scan.

    python bench/search.py [--segments 200000 1000000]

A synthetic library is written through the same commits as a real one (clustered vectors of the space
mfcc, three segments a sound), gets its index as `soundkin index` gives it, and is asked by a fresh process
with vectors that lie near it: names, grouping and filters included; alone, and while another process adds
sounds and tags. Peers hold the same matrix:
numpy    scores = X @ q, argpartition
faiss    IndexFlatIP (`pip install faiss-cpu`)
lance    the store's own exhaustive scan
Some eight minutes for both sizes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from results import machine, table, write_section

from soundkin import Library, load_space
from soundkin.library.rows import write_sounds
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
    for low in range(0, n_sounds, 20_000):
        high = min(low + 20_000, n_sounds)
        write_batch(
            store, X[low * PER_SOUND : high * PER_SOUND], space_id, first=low, number=low + 1
        )


def write_batch(
    store: Store,
    X: np.ndarray,
    space_id: str,
    *,
    first: int,
    number: int,
    also: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Commit the sounds of some vectors; also: their vectors in other spaces."""
    spaces = {space_id: X, **(also or {})}
    seq = np.arange(PER_SOUND, dtype=np.int32)
    start = seq * 0.5
    level = np.zeros(PER_SOUND, np.float32)
    peaks = np.zeros((800, 2), np.int8)
    sounds, places = [], []
    for i in range(len(X) // PER_SOUND):
        name = f"{first + i:032x}"
        rows = slice(i * PER_SOUND, (i + 1) * PER_SOUND)
        vectors = {name: Y[rows] for name, Y in spaces.items()}
        sounds.append(
            Heard(
                sample_hash=name,
                duration_s=2.0,
                rate_hz=44_100,
                channels=1,
                format="WAV",
                subtype="PCM_16",
                peak_db=0.0,
                peaks=peaks,
                seq=seq,
                start_s=start,
                end_s=start + 1,
                centre_s=start + 0.5,
                energy_db=level,
                n_silent=0,
                vectors=vectors,
            )
        )
        shown = f"pack {(first + i) % 97}/sound {first + i}.wav"
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
    write_sounds(store, sounds, number, before_marker=lambda: store.append("locations", rows))


def timed(
    work: Callable[[np.ndarray], object], queries: np.ndarray, *, most_s: float = 15.0
) -> tuple[float, float]:
    """Median and 99th percentile of one query, in ms; no longer than some seconds."""
    for q in queries[:5]:
        work(q)
    times: list[float] = []
    begun = time.perf_counter()
    for q in queries:
        started = time.perf_counter()
        work(q)
        times.append((time.perf_counter() - started) * 1e3)
        if time.perf_counter() - begun > most_s and len(times) >= 10:
            break
    return statistics.median(times), float(np.quantile(times, 0.99))


def near(X: np.ndarray, n: int) -> np.ndarray:
    """Queries that lie near some of the vectors."""
    rng = np.random.default_rng(1)
    Q = X[rng.integers(0, len(X), n)] + 0.1 * rng.normal(size=(n, X.shape[1])).astype(np.float32)
    return (Q / np.linalg.norm(Q, axis=1, keepdims=True)).astype(np.float32)


def write_on(path: Path) -> None:
    """Add twenty sounds and a tag every half second until killed."""
    store = Store.open(path)
    space_id = store.spaces()[0]
    X = clustered(
        60,
        int(store.table(vectors_table(space_id)).schema.field("vector").type.list_size),
        np.random.default_rng(7),
    )
    for step in range(10**6):
        write_batch(store, X, space_id, first=10**7 + 20 * step, number=10**7 + step)
        row = {"sound_id": f"{step:032x}", "tag": "bench", "added_at": None}
        store.insert_missing("tags", pa.Table.from_pylist([row], schema=SCHEMAS["tags"]))
        time.sleep(0.5)


def ask(path: Path) -> None:
    """Open a library in this fresh process, ask it, print what was measured as JSON."""
    from soundkin.facade import Scope
    from soundkin.search import Part, Sense, rank_in

    X = np.load(path / "vectors.npy", mmap_mode="r")
    Q = near(X, 300)
    before = resident_mb()
    started = time.perf_counter()
    library = Library.open(path / "library")
    first = library.search(Q[:1])
    opened_s = time.perf_counter() - started
    opened_mb = resident_mb()
    tenth = Scope(folders=[f"pack {i}" for i in range(10)])
    hundredth = Scope(folders=["pack 5"])
    words = iter(range(10**6))
    numbers = iter(np.random.default_rng(2).permutation(len(X) // PER_SOUND).tolist())
    rows = {
        "Library.search": timed(lambda q: library.search(q[None]), Q),
        "50 hits": timed(lambda q: library.search(q[None], k=50), Q),
        "a sound of three segments": timed(lambda _: library.search(f"{next(numbers):032x}"), Q),
        "a tenth of the folders": timed(lambda q: library.search(q[None], scope=tenth), Q),
        "a hundredth": timed(lambda q: library.search(q[None], scope=hundredth), Q),
        "by words, new ones each time": timed(
            lambda q: library.search(q[None], scope=Scope(text=f"pack {next(words)}")), Q[:60]
        ),
    }
    look = library.look()

    def blended(q: np.ndarray) -> None:
        senses = [Sense(look.view, [Part("q", 1.0, v[None])], look.borders) for v in (q, Q[0])]
        rank_in(library.catalogue, look.snapshot, senses)

    rows["two spaces at once"] = timed(blended, Q)
    rows["the most different (everything is compared)"] = timed(
        lambda q: library.search(q[None], most_different=True), Q[:30]
    )
    found = [[hit.closeness for hit in library.search(q[None]).hits] for q in Q[:50]]
    command = [sys.executable, __file__, "--write-on", str(path / "library")]
    with subprocess.Popen(command) as writer:
        time.sleep(3)
        begun, times = time.perf_counter(), []
        while time.perf_counter() - begun < 25:
            for q in Q[:50]:
                started = time.perf_counter()
                last = library.search(q[None])
                times.append((time.perf_counter() - started) * 1e3)
                time.sleep(0.01)
        writer.kill()
    rows["while another process adds sounds and tags"] = (
        statistics.median(times),
        float(np.quantile(times, 0.99)),
    )
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    info = library.info().spaces[0].indexed
    library.close()
    wanted = [top_sounds(np.asarray(X), q).min() for q in Q[:50]]
    right = [(np.array(f) >= w - 1e-5).mean() for f, w in zip(found, wanted, strict=True)]
    print(
        json.dumps(
            {
                "rows": rows,
                "opened_s": opened_s,
                "opened_mb": opened_mb - before,
                "peak_mb": peak_mb,
                "considered": [first.considered, last.considered],
                "recall": float(np.mean(right)),
                "index": f"{info.kind}, {info.said}",
            }
        )
    )


def top_sounds(X: np.ndarray, q: np.ndarray, k: int = 10) -> np.ndarray:
    """Closeness of the k best sounds, everything compared."""
    best = (X @ q).reshape(-1, PER_SOUND).max(axis=1)
    return np.partition(best, -k)[-k:]


def resident_mb() -> float:
    """Memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def startup(arguments: list[str], runs: int = 7) -> float:
    """Median seconds of a whole process."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def measure(n: int) -> None:
    """Measure one size and write its section."""
    space = load_space("mfcc")
    X = clustered(n - n % PER_SOUND, space.dim, np.random.default_rng(0))
    Q = near(X, 300)
    with tempfile.TemporaryDirectory() as here:
        path = Path(here)
        build(path / "library", X, space.id)
        np.save(path / "vectors.npy", X)
        started = time.perf_counter()
        with Library.open(path / "library") as library:
            library.tune(0.95)
        built_s = time.perf_counter() - started
        told = subprocess.run(
            [sys.executable, __file__, "--ask", here], check=True, capture_output=True, text=True
        )
        found = json.loads(told.stdout)
        rows = [[name, *values] for name, values in found["rows"].items()]
        table_ = Store.open(path / "library").table(vectors_table(space.id))
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
                *timed(lambda q: np.argpartition(-(X @ q), 10)[:10], Q[:60]),
            ]
        )
        try:
            import faiss

            flat = faiss.IndexFlatIP(space.dim)
            flat.add(X)
            rows.append(["faiss IndexFlatIP", *timed(lambda q: flat.search(q[None], 10), Q[:60])])
        except ImportError:
            print("faiss is not installed: `pip install faiss-cpu` for that peer")
        rows.append(["the store's own scan", *timed(scan, Q[:30])])
    base = rows[0][1]
    lines = [[name, f"{p50:.1f}", f"{p99:.1f}", f"{p50 / base:.2f}"] for name, p50, p99 in rows]
    bare, asked = startup(["-c", "pass"]), startup(["-m", "soundkin", "--help"])
    write_section(
        f"Search, {n:,} segments",
        f"`python bench/search.py --segments {n}`: {machine(len(os.sched_getaffinity(0)))} "
        f"Load before: {os.getloadavg()[2]:.1f}. "
        f"{len(X) // PER_SOUND:,} sounds, {space.dim} numbers a segment; k = 10 sounds, names, folders and "
        f"grouping included. Index: {found['index']}; built in {built_s:.0f} s. First answer of a fresh "
        f"process after opening: {found['opened_s']:.1f} s, {found['opened_mb']:.0f} MB more than before; "
        f"peak {found['peak_mb']:.0f} MB over all that follows. Recall of hits against looking at "
        f"everything {found['recall']:.3f}. `considered` grew from {found['considered'][0]:,} to "
        f"{found['considered'][1]:,} while another process wrote. `soundkin --help` takes {asked:.2f} s, "
        f"an empty Python {bare:.2f} s.\n\n"
        + table(["query", "p50 ms", "p99 ms", "time against ours"], lines),
    )


def main() -> None:
    """Measure, print and write the sections."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--segments", type=int, nargs="+", default=[200_000, 1_000_000])
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--write-on", type=Path, help=argparse.SUPPRESS)
    how = parser.parse_args()
    if how.ask:
        ask(how.ask)
    elif how.write_on:
        write_on(how.write_on)
    else:
        for n in how.segments:
            measure(n)


if __name__ == "__main__":
    main()
