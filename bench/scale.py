"""What a library costs per sound and per segment: `python bench/scale.py [--vectors 100000 1000000]`

Clustered unit vectors, ten segments a sound, written as ingest writes them: bytes of every table, seconds
of processor time, the memory of a server that opens it - with the vectors in memory, and as a machine does
that has too little for them - and the store's own index on disk (IVF-PQ, and for the smallest IVF-RQ; the
best hits compared again with the whole vectors) with its recall@10 against comparing everything. Then
the smallest of these libraries in a bucket, an S3 server on loopback: requests and bytes of opening, of a
look that finds nothing new, of one commit, of one query answered by the store's index. Requests and bytes
are counted, their time is that of a Python server and says nothing.

Writes its section of RESULTS.md, with the constants that the formulas of docs/scale.md take, and the tables
of docs/scale.md that are made of them. Sizes are 10^5, 10^6 and 10^7 unless said; the largest takes 8 GB of
memory, 14 GB of disk and most of a quarter of an hour. A size that by the time of those before would end
after --minutes is left out, and that is said.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from index_data import truth
from lancedb.index import IvfRq
from results import machine, table, write_section
from scale_plan import DIM, DOC, PER_SOUND, PROBES, REFINED, into_doc, read_back, shown

from soundkin.bucket import Address
from soundkin.bucket.client import Bucket
from soundkin.library.catalogue import Catalogue
from soundkin.library.counts import bytes_below
from soundkin.library.ingest import COMMITS_A_TIDY
from soundkin.library.rows import write_sounds
from soundkin.library.store import FRAGMENTS, SCHEMAS, Store
from soundkin.library.workers import Heard

SPACE = "bench-00000000"
BATCH = 50_000
K, N_QUERIES = 10, 200
RQ_UP_TO = 10**5


def parts(n: int) -> Iterator[np.ndarray]:
    """Unit vectors, some at a time: n / 100 Gaussians, spread 0.8 times that of their centres."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((n // 100, DIM), dtype=np.float32)
    for low in range(0, n, BATCH):
        yield near(centres, min(BATCH, n - low), rng)


def queries(n: int) -> np.ndarray:
    """More vectors of the same mixture (N_QUERIES, DIM)."""
    centres = np.random.default_rng(0).standard_normal((n // 100, DIM), dtype=np.float32)
    return near(centres, N_QUERIES, np.random.default_rng(1))


def near(centres: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors around some of the centres."""
    X = centres[rng.integers(0, len(centres), n)]
    X += np.float32(0.8) * rng.standard_normal(X.shape, dtype=np.float32)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return X


def write(store: Store, n: int, Q: np.ndarray) -> tuple[float, np.ndarray]:
    """Write a library of n segments; processor time, and the distances (len(Q), K) to the true nearest."""
    row = {"root_id": "bench", "path": b"/bench", "label": "bench", "added_at": None}
    store.upsert("roots", pa.Table.from_pylist([row], schema=SCHEMAS["roots"]))
    true = np.full((len(Q), K), np.inf, np.float32)
    taken_s, low = 0.0, 0
    for number, X in enumerate(parts(n), 1):
        true = np.sort(np.concatenate([true, truth(X, Q)], axis=1), axis=1)[:, :K]
        begun = cpu_s()
        commit(store, X, low // PER_SOUND, number)
        if number % COMMITS_A_TIDY == 0:
            store.compact(fragments=FRAGMENTS)
        taken_s, low = taken_s + cpu_s() - begun, low + len(X)
    begun = cpu_s()
    store.compact(fragments=FRAGMENTS)
    return taken_s + cpu_s() - begun, true


def commit(store: Store, X: np.ndarray, first: int, number: int) -> None:
    """Commit some sounds with a place each."""
    rng = np.random.default_rng(first)
    peaks = rng.integers(-128, 127, (len(X) // PER_SOUND, 800, 2), np.int8)  # none like another
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
                peaks=peaks[i],
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
    with warnings.catch_warnings(action="ignore"):  # nobody else is there who could still need them
        for name in rows:  # old versions, which are kept for an hour, are no part of it
            store.table(name).optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
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


def own_index(
    store: Store, n: int, Q: np.ndarray, true: np.ndarray, kind: str
) -> list[list[object]]:
    """Build one of the store's own indexes; rows of what it costs and finds at some efforts."""
    vectors = store.table(f"vectors_{SPACE}")
    folder = store.path / "tables" / f"vectors_{SPACE}.lance"
    before, begun = bytes_below(folder), cpu_s()
    n_lists = round(n**0.5)
    if kind == "IVF_PQ":  # as the library builds it
        store.index_vectors(f"vectors_{SPACE}", n_lists=n_lists, n_codes=DIM // 8)
        vectors = store.table(f"vectors_{SPACE}")
    else:
        how = IvfRq(distance_type="cosine", num_partitions=n_lists)
        vectors.create_index("vector", config=how)
    built_s, size = cpu_s() - begun, bytes_below(folder) - before
    rows: list[list[object]] = []
    for probes, refined in ((10, 100), (20, 200), (32, 400), (64, 800), (128, 1600)):
        asked(vectors, Q[0], probes, refined)
        hits, times = 0, []
        for q, line in zip(Q, true, strict=True):
            begun = time.perf_counter()
            found = asked(vectors, q, probes, refined)
            times.append(time.perf_counter() - begun)
            hits += int((1 - found @ q <= line[-1] + 1e-5).sum())
        reached = hits / true.size
        costs = [f"{1e6 * built_s / n:.0f}", f"{size / n:.1f}"]
        found_out = [f"{reached:.3f}", f"{1000 * np.median(times):.1f}"]
        rows.append([f"{n:,}", kind, *costs, f"{probes} / {refined}", *found_out])
        if reached >= 0.97:
            break
    return rows


def asked(vectors: object, q: np.ndarray, probes: int, refined: int) -> np.ndarray:
    """Vectors (K, DIM) of the nearest by the store's own index."""
    query = vectors.search(q, vector_column_name="vector").distance_type("cosine").limit(K)  # type: ignore[attr-defined]
    found = query.nprobes(probes).refine_factor(refined // K).select(["vector", "_distance"])
    X = found.to_arrow()["vector"].combine_chunks().flatten().to_numpy().reshape(-1, DIM)
    return X / np.linalg.norm(X, axis=1, keepdims=True)


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


def in_bucket(here: Path, Q: np.ndarray) -> list[list[object]]:
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
        counted(
            "one commit of 100 sounds",
            lambda: commit(writer, np.tile(Q[:100], (10, 1)), 10**7, 10**12),
        )
        counted("a look that finds them", look)
        vectors = Store.open(address).table(f"vectors_{SPACE}")
        counted(
            "a query by the store's index, cold",
            lambda: asked(vectors, Q[0], PROBES, REFINED),
        )
        counted("the same again", lambda: asked(vectors, Q[0], PROBES, REFINED))
        counted("another query", lambda: asked(vectors, Q[5], PROBES, REFINED))
    return rows


def measure(home: Path, n: int) -> tuple[list[object], list[list[object]], dict[str, float], Store]:
    """Write and measure one library; its rows of both tables and its constants."""
    Q = queries(n)
    store = Store.open(home / f"library-{n}")
    written_s, true = write(store, n, Q)
    sizes_of = of_tables(store, n)
    seconds, taken = of_opening(store.path, "1TB")
    in_store_s, in_store = of_opening(store.path, "1MB")
    costs = [f"{n:,}", *(f"{size:,.0f}" for size in sizes_of.values())]
    costs += [
        f"{1e6 * written_s / n:.1f}",
        f"{1e6 * seconds / n:.1f}",
        f"{taken / n:.0f}",
    ]
    costs += [f"{1e6 * in_store_s / n:.1f}", f"{in_store / n:.0f}"]
    indexes: list[list[object]] = []
    for kind in ("IVF_RQ", "IVF_PQ") if n <= RQ_UP_TO else ("IVF_PQ",):
        indexes += own_index(store, n, Q, true, kind)
    constants = dict(zip(("sound", "place", "segment", "vector"), sizes_of.values(), strict=True))
    constants |= {
        "index": float(str(indexes[-1][3])),
        "build": float(str(indexes[-1][2])),
    }
    constants |= {
        "memory": taken / n,
        "in store": in_store / n,
        "write": 1e6 * written_s / n,
    }
    return costs, indexes, constants, store


def main(sizes: list[int], minutes: float) -> None:
    costs, indexes, left_out = [], [], []
    constants: dict[str, float] = {}
    begun, last_s, last_n = time.monotonic(), 0.0, 1
    with tempfile.TemporaryDirectory() as home:
        os.environ["XDG_CACHE_HOME"] = home
        for n in sorted(sizes):
            started = time.monotonic()
            if started - begun + last_s * n / last_n > 60 * minutes:
                left_out.append(n)
                continue
            row, rows, measured, store = measure(Path(home), n)
            costs.append(row)
            indexes += rows
            for name in (
                "memory",
                "in store",
            ):  # what a server takes before the first segment is no part
                more = n * measured[name] - last_n * constants.get(name + " in all", 0.0)
                measured[name + " in all"] = measured[name]
                measured[name] = more / (n - last_n * (name in constants))
            constants |= measured
            if n == min(sizes):
                kept = in_bucket(store.path, queries(n))
                requests = {str(line[0]): sum(int(str(x)) for x in line[1:4]) for line in kept}
                constants["open"] = requests["open for search"]
                constants["look"] = requests["a look that finds nothing new"]
                constants["commit"] = requests["one commit of 100 sounds"]
                constants["query"] = requests["another query"]
                [fetched] = [
                    1e3 * float(str(r[4]).replace(",", "")) for r in kept if r[0] == "another query"
                ]
                lists = PROBES * n**0.5 * measured["index"]
                constants["row"] = max(4 * DIM, (fetched - lists) / REFINED)
            last_s, last_n = time.monotonic() - started, n
            print(f"{n:,}: {last_s:.0f} s", flush=True)
            shutil.rmtree(store.path)
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
        *(f"Left out, for it would have taken too long: {n:,}.\n" for n in left_out),
        "The store's own index, on disk; only what a query touches is read:",
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
        f"In a bucket, {min(sizes):,} segments:",
        "",
        table(["what", "reads", "lists", "writes", "kB read", "kB written"], kept),
        "",
        "The constants that docs/scale.md counts with:",
        "",
        shown(constants),
    ]
    write_section("Scale", "\n".join(body))
    DOC.write_text(into_doc(DOC.read_text(encoding="utf-8"), read_back()), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, nargs="+", default=[10**5, 10**6, 10**7])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--open", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.open:
        opened(arguments.open)
    else:
        main(arguments.vectors, arguments.minutes)
