"""What a library costs per sound and per segment: `python bench/scale.py [--vectors 100000 1000000]`

Clustered unit vectors, ten segments a sound, written as ingest writes them: bytes of every table, seconds
of processor time, the memory of a server that opens it - with the vectors in memory, and as a machine does
that has too little for them - and the store's own index on disk (IVF-PQ and
IVF-RQ, hits compared again with the whole vectors) with its recall@10 against comparing everything. Then
the smallest of these libraries in a bucket, an S3 server on loopback: requests and bytes of opening, of a
look that finds nothing new, of one commit, of one query answered by the store's index. Requests and bytes
are counted, their time is that of a Python server and says nothing. Writes its section of RESULTS.md; the
formulas of docs/scale.md take their constants from it. 10^7 vectors take 6 GB of memory and an hour.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from index_data import clustered, recall, truth
from lancedb.index import IvfPq, IvfRq
from results import machine, table, write_section

from soundkin.bucket import Address
from soundkin.bucket.client import Bucket
from soundkin.library.catalogue import Catalogue
from soundkin.library.counts import bytes_below
from soundkin.library.rows import write_sounds
from soundkin.library.store import SCHEMAS, Store
from soundkin.library.workers import Heard

SPACE = "bench-00000000"
PER_SOUND = 10
BATCH = 10_000
DIM = 128
K, N_QUERIES = 10, 200

GRID_S, HEARD_X = 0.5, 500.0
"""Seconds of sound a segment; of sound a second that a core hears of FLAC (`bench/ingest.py`)."""
GB_MONTH, REQUEST_S, BYTES_S = 0.023, 0.03, 200e6
"""Taken, not measured: dollars for a GB a month, the way to a bucket and back, what comes through."""
PROBES, REFINED = 32, 400
"""Lists opened and rows measured again, as the recall of a large library asks for."""


def write(store: Store, X: np.ndarray) -> float:
    """Write a library of these vectors; return the seconds of processor time."""
    begun = time.process_time()
    row = {"root_id": "bench", "path": b"/bench", "label": "bench", "added_at": None}
    store.upsert("roots", pa.Table.from_pylist([row], schema=SCHEMAS["roots"]))
    for low in range(0, len(X), BATCH * PER_SOUND):
        commit(store, X[low : low + BATCH * PER_SOUND], low // PER_SOUND, low + 1)
    store.compact()
    return time.process_time() - begun


def commit(store: Store, X: np.ndarray, first: int, number: int) -> None:
    """Commit some sounds with a place each."""
    rng = np.random.default_rng(first)
    peaks = rng.integers(-128, 127, (800, 2)).astype(np.int8)
    seq = np.arange(PER_SOUND, dtype=np.int32)
    sounds, places = [], []
    for i in range(len(X) // PER_SOUND):
        name = f"{(first + i) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"
        sounds.append(
            Heard(
                sample_hash=name,
                duration_s=6.0,
                rate_hz=44_100,
                channels=1,
                format="WAV",
                subtype="PCM_16",
                peak_db=float(rng.normal()),
                peaks=np.roll(peaks, i),
                seq=seq,
                start_s=seq * 0.5,
                end_s=seq * 0.5 + 1.0,
                centre_s=seq * 0.5 + 0.5,
                energy_db=rng.normal(size=PER_SOUND).astype(np.float32),
                n_silent=0,
                vectors={SPACE: X[i * PER_SOUND : (i + 1) * PER_SOUND]},
            )
        )
        shown = f"pack {(first + i) % 97}/a sound with a name {first + i}.wav"
        places.append(
            {
                "root_id": "bench",
                "path": shown.encode(),
                "display": shown,
                "byte_hash": name,
                "size": 500_000 + i,
                "mtime_ns": 1_700_000_000_000_000_000 + i,
                "sound_id": name,
                "state": "present",
            }
        )
    rows = pa.Table.from_pylist(places, schema=SCHEMAS["locations"])
    write_sounds(store, sounds, number, before_marker=lambda: store.append("locations", rows))


def of_tables(store: Store, n: int) -> dict[str, float]:
    """Bytes a row of every table that grows with the sounds."""
    rows = {"sounds": n / PER_SOUND, "locations": n / PER_SOUND, "segments": n}
    rows[f"vectors_{SPACE}"] = n
    return {
        name: bytes_below(store.path / "tables" / f"{name}.lance") / count
        for name, count in rows.items()
    }


def opened(path: str) -> None:
    """In a process of its own: open a library for search; print seconds and bytes that it took."""
    from soundkin.serve.metrics import resident_bytes

    catalogue = Catalogue(Store.open(path))
    catalogue.store.names()
    before, begun = resident_bytes(), time.perf_counter()
    catalogue.snapshot(SPACE)
    print(time.perf_counter() - begun, resident_bytes() - before)


def of_opening(path: Path, memory: str) -> tuple[float, float]:
    """Seconds and bytes of opening a library in a fresh process, on a machine with so much memory."""
    said = subprocess.run(
        [sys.executable, __file__, "--open", str(path)],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"SOUNDKIN_MEMORY": memory},
    )
    seconds, taken = map(float, said.stdout.split())
    return seconds, taken


def own_index(store: Store, X: np.ndarray, Q: np.ndarray, kind: str) -> list[list[object]]:
    """Build one of the store's own indexes; rows of what it costs and finds at some efforts."""
    vectors = store.table(f"vectors_{SPACE}")
    folder = store.path / "tables" / f"vectors_{SPACE}.lance"
    before, begun = bytes_below(folder), cpu_s()
    how: dict[str, object] = {"distance_type": "cosine", "num_partitions": round(len(X) ** 0.5)}
    built = IvfPq(**how, num_sub_vectors=DIM // 8) if kind == "IVF_PQ" else IvfRq(**how)
    vectors.create_index("vector", config=built)
    built_s, size = cpu_s() - begun, bytes_below(folder) - before
    true = truth(X, Q)
    rows: list[list[object]] = []
    for probes, refine in ((10, 10), (20, 20), (50, 30), (100, 50)):
        asked(vectors, Q[0], probes, refine)
        ids, times = np.full((len(Q), K), -1), []
        for row, q in zip(ids, Q, strict=True):
            begun = time.perf_counter()
            found = asked(vectors, q, probes, refine)
            times.append(time.perf_counter() - begun)
            row[: len(found)] = found
        reached = recall(ids, X, Q, true)
        rows.append(
            [
                f"{len(X):,}",
                kind,
                f"{1e6 * built_s / len(X):.0f}",
                f"{size / len(X):.1f}",
                f"{probes} / {refine}",
                f"{reached:.3f}",
                f"{1000 * np.median(times):.1f}",
            ]
        )
        if reached >= 0.97:
            break
    return rows


def asked(vectors: object, q: np.ndarray, probes: int, refine: int) -> np.ndarray:
    """Row numbers of the nearest by the store's own index."""
    query = vectors.search(q, vector_column_name="vector").distance_type("cosine").limit(K)  # type: ignore[attr-defined]
    found = query.nprobes(probes).refine_factor(refine).select(["sound_id", "seq", "_distance"])
    rows = found.to_arrow()
    return np.array(
        [numbers.get(name, -1) for name in rows["sound_id"].to_pylist()]
    ) * PER_SOUND + (rows["seq"].to_numpy())


numbers: dict[str, int] = {}


def name_all(n: int) -> None:
    """Remember which sound is which."""
    for i in range(n // PER_SOUND):
        numbers[f"{i * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"] = i


def cpu_s() -> float:
    """Processor time of this process, all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def put_library(here: Path, bucket: Bucket) -> None:
    """Copy a library's marker and tables from a folder."""
    for path in sorted(here.rglob("*")):
        inside = path.relative_to(here)
        if path.is_file() and inside.parts[0] in {"soundkin.json", "tables"}:
            bucket.create(str(inside), path.read_bytes())


def in_bucket(here: Path, q: np.ndarray, X: np.ndarray) -> list[list[object]]:
    """Requests and bytes of what a server and an indexer do, on a bucket that counts."""
    from tests.bucket.s3 import BUCKET, moody_s3, running_s3

    rows: list[list[object]] = []
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    os.environ |= {"AWS_REGION": "us-east-1"}
    with running_s3() as behind, moody_s3(behind) as (front, mood):
        os.environ["AWS_ENDPOINT_URL"] = front
        address = f"s3://{BUCKET}/library"
        bucket = Bucket(Address.of(address))
        put_library(here, bucket)

        def counted(what: str, work: object) -> None:
            mood.log.clear()
            mood.bytes_in = mood.bytes_out = 0
            work()  # type: ignore[operator]
            reads = sum(method in {"GET", "HEAD"} for method, _, _ in mood.log)
            lists = sum("list-type" in path for _, path, _ in mood.log)
            writes = sum(method in {"PUT", "POST"} for method, _, _ in mood.log)
            row = [what, reads - lists, lists, writes, f"{mood.bytes_out / 1e3:,.0f}"]
            rows.append([*row, f"{mood.bytes_in / 1e3:,.0f}"])

        catalogue = Catalogue(Store.open(address))
        counted("open for search", lambda: catalogue.snapshot(SPACE))
        time.sleep(0.3)

        def look() -> None:
            catalogue.touch()
            catalogue.snapshot(SPACE)

        counted("a look that finds nothing new", look)
        writer = Store.open(address)
        for name in writer.names():
            writer.version(name)
        counted("one commit of 100 sounds", lambda: commit(writer, X[:1000], 10**7, 10**12))
        counted("a look that finds them", look)
        vectors = Store.open(address).table(f"vectors_{SPACE}")
        counted("a query by the store's index, cold", lambda: asked(vectors, q, 20, 20))
        counted("the same again", lambda: asked(vectors, q, 20, 20))
        counted("another one", lambda: asked(vectors, X[5], 20, 20))
    return rows


def plan(c: dict[str, float]) -> str:
    """What libraries far beyond this machine take, by the formulas of docs/scale.md."""
    rows: list[list[object]] = []
    for n in (1e6, 1e8, 1e9, 1e10):
        bucket = n / PER_SOUND * c["sound"] + n * (c["segment"] + c["index"])
        read = PROBES * n**0.5 * c["index"] + REFINED * 4 * DIM
        row = [f"{bucket / 1e9:,.1f}", f"{n * c['memory'] / 1e9:,.1f}"]
        row += [f"{n * c['in store'] / 1e9:,.1f}", f"{n * GRID_S / HEARD_X / 3600:,.0f}"]
        row += [f"{n * c['write us'] / 3.6e9:,.1f}", f"{bucket / 1e9 * GB_MONTH:,.2f}"]
        row += [f"{read / 1e6:,.1f}", f"{1000 * (2 * REQUEST_S + read / BYTES_S):,.0f}"]
        rows.append([f"{n:,.0f}", *row])
    heads = [
        "segments",
        "GB in the bucket",
        "GB of memory",
        "vectors in the store, GB",
        "core hours",
    ]
    heads += [
        "hours of one writer",
        "dollars a month",
        "MB read a query",
        "ms a query, in the bucket",
    ]
    return table(heads, rows)


def main(sizes: list[int]) -> None:
    sizes = sorted(sizes)
    costs, indexes, kept = [], [], []
    constants: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as home:
        os.environ["XDG_CACHE_HOME"] = home
        for n in sizes:
            X, Q = clustered(n, DIM)
            Q = Q[:N_QUERIES]
            name_all(n)
            store = Store.open(Path(home) / f"library-{n}")
            written_s = write(store, X)
            sizes_of = of_tables(store, n)
            seconds, taken = of_opening(store.path, "1TB")
            in_store_s, in_store = of_opening(store.path, "1MB")
            costs.append(
                [
                    f"{n:,}",
                    *(f"{size:,.0f}" for size in sizes_of.values()),
                    f"{1e6 * written_s / n:.0f}",
                    f"{1e6 * seconds / n:.1f}",
                    f"{taken / n:.0f}",
                    f"{1e6 * in_store_s / n:.1f}",
                    f"{in_store / n:.0f}",
                ]
            )
            for kind in ("IVF_PQ", "IVF_RQ"):
                indexes += own_index(store, X, Q, kind)
            constants = {
                "sound": sizes_of["sounds"] + sizes_of["locations"],
                "segment": sizes_of["segments"] + sizes_of[f"vectors_{SPACE}"],
                "index": float(
                    next(str(row[3]) for row in reversed(indexes) if row[1] == "IVF_PQ")
                ),
                "memory": taken / n,
                "in store": in_store / n,
                "write us": 1e6 * written_s / n,
            }
            if n == sizes[0]:
                kept = in_bucket(store.path, Q[0], X)
            del X, Q
    body = [
        f"{machine(os.cpu_count() or 1)} {DIM} numbers a vector, {PER_SOUND} segments a sound.",
        "",
        table(
            [
                "segments",
                "B a sound",
                "B a place",
                "B a segment",
                "B a vector",
                "write, CPU µs a segment",
                "open, µs a segment",
                "memory, B a segment",
                "open, vectors in the store, µs",
                "memory, B",
            ],
            costs,
        ),
        "",
        "The store's own index, over the network or on disk; only what a query touches is read:",
        "",
        table(
            [
                "segments",
                "kind",
                "build, CPU µs a vector",
                "B a vector",
                "lists / refined",
                "recall@10",
                "p50 ms (disk)",
            ],
            indexes,
        ),
        "",
        f"In a bucket, {sizes[0]:,} segments:",
        "",
        table(["what", "reads", "lists", "writes", "kB read", "kB written"], kept),
        "",
        (
            f"The plan, by the constants of {sizes[-1]:,} segments; hearing at {HEARD_X:g} times real time a "
            f"core, {GB_MONTH} dollars for a GB a month, {1000 * REQUEST_S:g} ms to the bucket and back "
            f"twice, {BYTES_S / 1e6:g} MB/s, {PROBES} lists of the root of n, {REFINED} rows measured again:"
        ),
        "",
        plan(constants),
    ]
    write_section("Scale", "\n".join(body))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--open", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.open:
        opened(arguments.open)
    else:
        main(arguments.vectors)
