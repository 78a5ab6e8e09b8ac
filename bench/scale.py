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
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from lancedb.index import IvfRq
from results import machine, table, write_section
from scale_library import SPACE, K, commit, cpu_s, put_library, queries, write
from scale_plan import DIM, DOC, PER_SOUND, PROBES, REFINED, into_doc, read_back, shown

from soundkin.bucket import Address
from soundkin.bucket.client import Bucket
from soundkin.library.catalogue import Catalogue
from soundkin.library.counts import bytes_below
from soundkin.library.store import Store

RQ_UP_TO = 10**5
EFFORTS = ((10, 100), (20, 200), (32, 400), (64, 800), (128, 1600))
"""Lists opened and rows measured again by queries of the store's index, until enough is found."""


class Costs(NamedTuple):
    """One library: bytes of its tables a row, and bytes and microseconds a segment."""

    n: int
    sound: float
    place: float
    segment: float
    vector: float
    write_us: float
    open_us: float
    memory: float
    in_store_us: float
    in_store: float

    def row(self) -> list[object]:
        tables = [f"{size:,.0f}" for size in self[1:5]]
        opening = [f"{self.open_us:.1f}", f"{self.memory:.0f}"]
        opening += [f"{self.in_store_us:.1f}", f"{self.in_store:.0f}"]
        return [f"{self.n:,}", *tables, f"{self.write_us:.1f}", *opening]


class Asked(NamedTuple):
    """One of the store's own indexes asked with one effort; its costs a vector."""

    n: int
    kind: str
    build_us: float
    size: float
    probes: int
    refined: int
    recall: float
    p50_ms: float

    def row(self) -> list[object]:
        costs = [f"{self.build_us:.0f}", f"{self.size:.1f}", f"{self.probes} / {self.refined}"]
        return [f"{self.n:,}", self.kind, *costs, f"{self.recall:.3f}", f"{self.p50_ms:.1f}"]


class Counted(NamedTuple):
    """Requests and bytes of one thing done in a bucket."""

    what: str
    reads: int
    lists: int
    writes: int
    read: int
    written: int

    @property
    def requests(self) -> int:
        return self.reads + self.lists + self.writes

    def row(self) -> list[object]:
        kilobytes = [f"{self.read / 1e3:,.0f}", f"{self.written / 1e3:,.0f}"]
        return [self.what, self.reads, self.lists, self.writes, *kilobytes]


def measure(home: Path, n: int) -> tuple[Costs, list[Asked], Store]:
    """Write and measure one library and the store's own indexes of it."""
    Q = queries(n)
    store = Store.open(home / f"library-{n}")
    written_s, true = write(store, n, Q)
    sizes = of_tables(store, n)
    seconds, taken = of_opening(store.path, "1TB")
    in_store_s, in_store = of_opening(store.path, "1MB")
    opening = [1e6 * seconds / n, taken / n, 1e6 * in_store_s / n, in_store / n]
    kinds = ("IVF_RQ", "IVF_PQ") if n <= RQ_UP_TO else ("IVF_PQ",)
    indexes = [one for kind in kinds for one in own_index(store, n, Q, true, kind)]
    return Costs(n, *sizes.values(), 1e6 * written_s / n, *opening), indexes, store


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


def own_index(store: Store, n: int, Q: np.ndarray, true: np.ndarray, kind: str) -> list[Asked]:
    """Build one of the store's own indexes; what it costs, and finds at some efforts."""
    folder = store.path / "tables" / f"vectors_{SPACE}.lance"
    before, begun = bytes_below(folder), cpu_s()
    n_lists = round(n**0.5)
    if kind == "IVF_PQ":  # as the library builds it
        store.index_vectors(f"vectors_{SPACE}", n_lists=n_lists, n_codes=DIM // 8)
    else:
        how = IvfRq(distance_type="cosine", num_partitions=n_lists)
        store.table(f"vectors_{SPACE}").create_index("vector", config=how)
    build_us, size = 1e6 * (cpu_s() - begun) / n, (bytes_below(folder) - before) / n
    vectors = store.table(f"vectors_{SPACE}")
    tried: list[Asked] = []
    for probes, refined in EFFORTS:
        reached, p50_ms = recall_and_time(vectors, Q, true, probes, refined)
        tried.append(Asked(n, kind, build_us, size, probes, refined, reached, p50_ms))
        if reached >= 0.97:
            break
    return tried


def recall_and_time(
    vectors: object, Q: np.ndarray, true: np.ndarray, probes: int, refined: int
) -> tuple[float, float]:
    """Recall@10 and the median in milliseconds of queries with one effort."""
    nearest(vectors, Q[0], probes, refined)
    hits, times = 0, []
    for q, line in zip(Q, true, strict=True):
        begun = time.perf_counter()
        found = nearest(vectors, q, probes, refined)
        times.append(time.perf_counter() - begun)
        hits += int((1 - found @ q <= line[-1] + 1e-5).sum())
    return hits / true.size, 1000 * float(np.median(times))


def nearest(vectors: object, q: np.ndarray, probes: int, refined: int) -> np.ndarray:
    """Vectors (K, DIM) of the nearest by the store's own index."""
    query = vectors.search(q, vector_column_name="vector").distance_type("cosine").limit(K)  # type: ignore[attr-defined]
    found = query.nprobes(probes).refine_factor(refined // K).select(["vector", "_distance"])
    X = found.to_arrow()["vector"].combine_chunks().flatten().to_numpy().reshape(-1, DIM)
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def in_bucket(here: Path, Q: np.ndarray) -> list[Counted]:
    """Requests and bytes of what a server and an indexer do, on a bucket that counts."""
    from tests.bucket.s3 import BUCKET, moody_s3, running_s3

    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    os.environ |= {"AWS_REGION": "us-east-1"}
    with running_s3() as behind, moody_s3(behind) as (front, mood):
        os.environ["AWS_ENDPOINT_URL"] = front
        address = f"s3://{BUCKET}/library"
        put_library(here, Bucket(Address.of(address)))
        rows: list[Counted] = []
        for what, work in done_in_bucket(address, Q):
            mood.log.clear()
            mood.bytes_in = mood.bytes_out = 0
            work()
            reads = sum(method in {"GET", "HEAD"} for method, _, _ in mood.log)
            lists = sum("list-type" in path for _, path, _ in mood.log)
            writes = sum(method in {"PUT", "POST"} for method, _, _ in mood.log)
            rows.append(Counted(what, reads - lists, lists, writes, mood.bytes_out, mood.bytes_in))
    return rows


def done_in_bucket(address: str, Q: np.ndarray) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is done and counted, one after the other; what it needs is opened uncounted."""
    catalogue = Catalogue(Store.open(address))

    def look() -> None:
        catalogue.touch()
        catalogue.snapshot(SPACE)

    yield "open for search", lambda: catalogue.snapshot(SPACE)
    time.sleep(0.3)
    yield "a look that finds nothing new", look
    writer = Store.open(address)
    for name in writer.names():
        writer.version(name)
    sounds = np.tile(Q[:100], (10, 1))
    yield "one commit of 100 sounds", lambda: commit(writer, sounds, 10**7, 10**12)
    yield "a look that finds them", look
    vectors = Store.open(address).table(f"vectors_{SPACE}")
    for what, q in (
        ("a query by the store's index, cold", Q[0]),
        ("the same again", Q[0]),
        ("another query", Q[5]),
    ):
        yield what, partial(nearest, vectors, q, PROBES, REFINED)


def constants_of(
    costs: list[Costs], index: Asked, kept: list[Counted], kept_n: int
) -> dict[str, float]:
    """What the formulas of docs/scale.md take: of the largest library, and of one of `kept_n` in a bucket."""
    last = costs[-1]
    done = {one.what: one for one in kept}
    constants = {name: getattr(last, name) for name in ("sound", "place", "segment", "vector")}
    constants |= {"index": index.size, "build": index.build_us, "write": last.write_us}
    constants |= {"memory": slope(costs, "memory"), "in store": slope(costs, "in_store")}
    constants["open"] = done["open for search"].requests
    constants["look"] = done["a look that finds nothing new"].requests
    constants["commit"] = done["one commit of 100 sounds"].requests
    query = done["another query"]
    constants["query"] = query.requests
    lists = PROBES * kept_n**0.5 * index.size
    constants["row"] = max(4 * DIM, (query.read - lists) / REFINED)
    return constants


def slope(costs: list[Costs], name: str) -> float:
    """Bytes a segment more: what a server takes before the first segment is no part of it."""
    before, last = [Costs(0, *[0.0] * 9), *costs][-2:]
    more = last.n * getattr(last, name) - before.n * getattr(before, name)
    return float(more / (last.n - before.n))


def main(sizes: list[int], minutes: float) -> None:
    costs: list[Costs] = []
    indexes: list[Asked] = []
    kept: list[Counted] = []
    left_out: list[int] = []
    begun, last_s = time.monotonic(), 0.0
    with tempfile.TemporaryDirectory() as home:
        os.environ["XDG_CACHE_HOME"] = home
        for n in sorted(sizes):
            started = time.monotonic()
            if costs and started - begun + last_s * n / costs[-1].n > 60 * minutes:
                left_out.append(n)
                continue
            cost, tried, store = measure(Path(home), n)
            costs.append(cost)
            indexes += tried
            kept = kept or in_bucket(store.path, queries(n))
            last_s = time.monotonic() - started
            print(f"{n:,}: {last_s:.0f} s", flush=True)
            shutil.rmtree(store.path)
    write_section("Scale", page(costs, indexes, kept, left_out))
    DOC.write_text(into_doc(DOC.read_text(encoding="utf-8"), read_back()), encoding="utf-8")


def page(costs: list[Costs], indexes: list[Asked], kept: list[Counted], left_out: list[int]) -> str:
    """The section of RESULTS.md."""
    tables = ["segments", "B a sound", "B a place", "B a segment", "B a vector"]
    tables += ["write, CPU µs a segment", "open, µs a segment", "memory, B a segment"]
    tables += ["open, vectors in the store, µs", "memory, B"]
    found = ["segments", "kind", "build, CPU µs a vector", "B a vector", "lists / refined"]
    found += ["recall@10", "p50 ms (disk)"]
    counted = ["what", "reads", "lists", "writes", "kB read", "kB written"]
    body = [
        f"{machine(os.cpu_count() or 1)} {DIM} numbers a vector, {PER_SOUND} segments a sound.",
        "",
        table(tables, [one.row() for one in costs]),
        "",
        *(f"Left out, for it would have taken too long: {n:,}.\n" for n in left_out),
        "The store's own index, on disk; only what a query touches is read:",
        "",
        table(found, [one.row() for one in indexes]),
        "",
        f"In a bucket, {costs[0].n:,} segments:",
        "",
        table(counted, [one.row() for one in kept]),
        "",
        "The constants that docs/scale.md counts with:",
        "",
        shown(constants_of(costs, indexes[-1], kept, costs[0].n)),
    ]
    return "\n".join(body)


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
