"""What a cluster costs on one machine, and a bucket against a folder: `python bench/cluster.py [--rounds 3]`

1. The same files, the same number of workers: a plain run, and one whose files are heard by a Ray that is
   started here. Runs take turns; medians. Time counts from the listing of the folder to the last commit, the
   start of the processes that hear included in both; what Ray itself takes to start stands beside it.
   Steady: the same rate without the first fifth of the files. Asked: 0.70 of the plain run's rate.
2. The rate against the number of workers, drawn. Beyond the machine's cores they share them.
3. One query to a library in a bucket (an S3 server on loopback), its index warm in the cache, against the
   same library in a folder, the same questions in turn. Asked: a median of 1.5 times at most.

Needs the extras `cluster` and `dev`. Some four minutes; writes its section of RESULTS.md.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from index_plot import chart
from ingest import long_files, one_shots
from results import machine, table, write_section
from scale_library import put_library
from search import PER_SOUND, build, clustered, near

from soundkin import Library, load_space
from soundkin.bucket import Address
from soundkin.bucket.client import Bucket

CORES = len(os.sched_getaffinity(0))
SHOTS, LONG, LONG_MINUTES = 6_000, 4, 12.0
SEGMENTS, QUERIES = 200_001, 300
RATIO, SLOWER = 0.70, 1.5


def run(folder: Path, jobs: int, space: str, *, cluster: bool) -> dict[str, float]:
    """Index a folder into a fresh library; seconds, rates, and how long Ray took to start and end."""
    seen: list[tuple[float, int, int | None]] = []
    with tempfile.TemporaryDirectory() as here, Library.open(Path(here) / "library") as library:
        begun = time.perf_counter()
        report = library.add(
            folder,
            jobs=jobs,
            spaces=[space],
            cluster="auto" if cluster else None,
            on_progress=lambda p: seen.append((p.elapsed_s, p.done, p.total)),
        )
        whole_s = time.perf_counter() - begun
    if report.failed or not report.embedded:
        raise SystemExit(f"this should have been heard: {report}")
    heard = [(t, done) for t, done, total in seen if total and done]
    early = next((t, done) for t, done in heard if done >= heard[-1][1] / 5)
    return {
        "s": report.elapsed_s,
        "files": report.decoded / report.elapsed_s,
        "sound": report.seconds_of_sound / report.elapsed_s,
        "steady": (heard[-1][1] - early[1]) / (heard[-1][0] - early[0]),
        "ray_s": whole_s - report.elapsed_s,
    }


def middle(runs: list[dict[str, float]]) -> dict[str, float]:
    """The median of everything measured."""
    return {name: statistics.median(one[name] for one in runs) for name in runs[0]}


def of_cluster(here: Path, rounds: int) -> tuple[list[str], float]:
    """Measure plain and cluster in turn; lines for RESULTS.md, and the ratio that is asked for."""
    long_files(here / "long", ".flac", n=LONG, minutes=LONG_MINUTES)
    one_shots(here / "shots", SHOTS)
    folder = here / "sounds"
    folder.mkdir()
    for name in ("long", "shots"):
        (here / name).rename(folder / name)
    run(folder / "long", CORES, "mfcc", cluster=False)  # what is imported once is not counted
    rows: list[list[object]] = []
    curves: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    asked = 0.0
    for jobs in sorted({1, CORES, 2 * CORES}):
        runs: dict[bool, list[dict[str, float]]] = {False: [], True: []}
        for _ in range(rounds if jobs == CORES else 1):
            for cluster in (False, True):
                runs[cluster].append(run(folder, jobs, "mfcc", cluster=cluster))
        plain, ray = middle(runs[False]), middle(runs[True])
        if jobs == CORES:
            asked = plain["s"] / ray["s"]
        for cluster, one in ((False, plain), (True, ray)):
            curves[cluster].append((jobs, one["files"]))
            ratio = plain["s"] / one["s"]
            cells = [f"{one['files']:.0f}", f"{one['sound']:.0f}x", f"{ratio:.2f}"]
            cells += [f"{one['steady'] / plain['steady']:.2f}"]
            cells += [f"{one['ray_s'] - plain['ray_s']:.1f}" if cluster else ""]
            rows.append([jobs, "Ray" if cluster else "plain", *cells])
    picture = chart(
        [("plain", curves[False]), ("Ray", curves[True])],
        f"Files a second against workers, {CORES} cores",
        "workers",
        "files a second",
        "cluster-workers",
        low_x=0.0,
        high_x=2.0 * CORES,
    )
    heads = ["workers", "", "files/s", "real time", "rate / plain", "steady", "Ray's start, s"]
    minutes = LONG * LONG_MINUTES
    lines = [
        (
            f"{SHOTS:,} one-shots and {LONG} FLAC recordings of {LONG_MINUTES:g} minutes ({minutes:g} in "
            f"all), mfcc; {rounds} rounds at {CORES} workers. Asked at {CORES}: {RATIO:.2f} and more; "
            f"reached: {asked:.2f}."
        ),
        "",
        table(heads, rows),
        "",
        f"![files a second against workers](pictures/{picture})",
    ]
    return lines, asked


@contextlib.contextmanager
def s3() -> Iterator[str]:
    """Run an S3 server in a process of its own; gives its address."""
    from tests.bucket.s3 import BUCKET, send

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as server:
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(300):
                with contextlib.suppress(OSError):
                    send(address, "PUT", f"/{BUCKET}")
                    break
                time.sleep(0.1)
            yield address
        finally:
            server.kill()


def of_bucket(here: Path) -> tuple[list[str], float]:
    """Ask a library in a folder and its copy in a bucket the same questions in turn."""
    from tests.bucket.s3 import BUCKET

    space = load_space("mfcc")
    X = clustered(SEGMENTS, space.dim, np.random.default_rng(0))
    Q = near(X, QUERIES)
    local = here / "library"
    build(local, X, space.id)
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    os.environ |= {"AWS_REGION": "us-east-1", "XDG_CACHE_HOME": str(here / "cache")}
    with s3() as endpoint:
        os.environ["AWS_ENDPOINT_URL"] = endpoint
        address = f"s3://{BUCKET}/library"
        put_library(local, Bucket(Address.of(address)))
        libraries = [Library.open(place) for place in (local, address)]
        opened = []
        for library in libraries:
            begun = time.perf_counter()
            library.tune(0.95, space="mfcc")
            library.search(Q[:1], space="mfcc")
            opened.append(time.perf_counter() - begun)
        times: list[list[float]] = [[], []]
        for q in Q:
            for library, mine in zip(libraries, times, strict=True):
                begun = time.perf_counter()
                library.search(q[None], space="mfcc")
                mine.append(1e3 * (time.perf_counter() - begun))
        kinds = {library.info().spaces[0].indexed.kind for library in libraries}
        for library in libraries:
            library.close()
    p50 = [statistics.median(mine) for mine in times]
    p99 = [float(np.quantile(mine, 0.99)) for mine in times]
    rows: list[list[object]] = [
        [name, f"{p50[i]:.2f}", f"{p99[i]:.1f}", f"{p50[i] / p50[0]:.2f}", f"{opened[i]:.1f}"]
        for i, name in enumerate(("in a folder", "in a bucket, warm cache"))
    ]
    ratio = p50[1] / p50[0]
    lines = [
        (
            f"{SEGMENTS // PER_SOUND:,} sounds, {SEGMENTS:,} segments of {space.dim} numbers, index "
            f"{' and '.join(sorted(kinds))}, {QUERIES} questions each, in turn. Asked: {SLOWER:g} times "
            f"at most; reached: {ratio:.2f}."
        ),
        "",
        table(["library", "p50 ms", "p99 ms", "times", "opened and index built, s"], rows),
    ]
    return lines, ratio


def main(rounds: int) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    with tempfile.TemporaryDirectory() as one:
        cluster, ratio = of_cluster(Path(one), rounds)
    with tempfile.TemporaryDirectory() as two:
        bucket, times = of_bucket(Path(two))
    head = f"`python bench/cluster.py`: {machine(CORES)}"
    write_section("Cluster and bucket", "\n".join([head, "", *cluster, "", *bucket]))
    print(
        f"cluster / plain {ratio:.2f} (asked {RATIO:.2f}); bucket / folder {times:.2f} (at most {SLOWER})"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    main(parser.parse_args().rounds)
