"""Which index when: ours and the peers on PyPI, at equal recall, on the same vectors.

    python bench/index.py [--data clustered real] [--n 200000] [--threads 1] [--peers exact forest annoy]
    python bench/index.py --smoke        a small run that writes nothing

Each peer runs in a process of its own (peak memory, and libraries that do not bear each other).
Recall@10 is counted by distance, as ann-benchmarks does. "Single" asks one query a call, "batch"
all 1,000 in one. Real vectors need the folder of sound in SOUNDKIN_DATA. A peer that is not
installed is named and left out: `pip install annoy faiss-cpu hnswlib voyager usearch pynndescent`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FLOORS = (0.90, 0.95, 0.97)
ASKED = 300
SUMMARY = "Queries/s of one query a call / all in one call, at the cheapest effort of at least that recall."


def one(peer: str, home: Path, threads: int) -> dict:
    """Build and ask one peer in this process."""
    from index_peers import PEERS, limit_threads

    limit_threads(threads)
    import numpy as np
    from index_data import recall

    X, Q, true = (np.load(home / f"{name}.npy") for name in ("vectors", "queries", "true"))
    PEERS[peer](X[:2000], threads)  # compiled code is loaded, libraries are imported
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started = time.perf_counter()
    built = PEERS[peer](X, threads)
    build_s = time.perf_counter() - started
    rows = []
    for effort in built.efforts:
        built.ask(Q[:20], effort)
        started = time.perf_counter()
        ids = built.ask(Q, effort)
        batch = len(Q) / (time.perf_counter() - started)
        started = time.perf_counter()
        for q in Q[:ASKED]:
            built.ask(q[None], effort)
        single = min(ASKED, len(Q)) / (time.perf_counter() - started)
        found = recall(ids, X, Q, true)
        rows.append({"effort": str(effort), "recall": found, "single": single, "batch": batch})
        if found > 0.985:
            break
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with tempfile.TemporaryDirectory() as folder:
        size_mb = built.save(Path(folder) / "index") / 1e6
    return {
        "peer": peer,
        "build_s": build_s,
        "size_mb": size_mb,
        "peak_mb": peak_mb - before_mb,
        "rows": rows,
    }


def run(peer: str, home: Path, threads: int) -> dict | None:
    """The same in a process of its own; None, and a word why, when it cannot."""
    command = [sys.executable, __file__, "--one", peer, str(home), "--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{peer}: left out ({(done.stderr.strip().splitlines() or ['it crashed'])[-1]})")
        return None
    result = json.loads(done.stdout.splitlines()[-1])
    print(
        peer,
        [(round(r["recall"], 3), round(r["single"]), round(r["batch"])) for r in result["rows"]],
    )
    return result


def line(result: dict) -> list[object]:
    """One row of the table."""
    cells: list[object] = [
        result["peer"],
        f"{result['build_s']:.1f}",
        f"{result['size_mb']:.0f}",
        f"{result['peak_mb']:.0f}",
    ]
    for floor in FLOORS:
        good = [row for row in result["rows"] if row["recall"] >= floor]
        best = max(good, key=lambda row: row["batch"]) if good else None
        cells.append(
            f"{best['single']:,.0f} / {best['batch']:,.0f} ({best['recall']:.3f})" if best else "-"
        )
    return cells


def main() -> None:
    """Run what is asked for; write the section unless it is a smoke run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=["clustered", "real"])
    parser.add_argument("--n", type=int, nargs="+", default=[200_000])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peers", nargs="+", default=None, help="beginnings of names; default all")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "soundkin-bench"
    )
    parser.add_argument("--note", default="", help="a sentence for the head of the section")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one[0], Path(given.one[1]), given.threads)))
        return
    from index_data import prepare
    from index_peers import PEERS
    from index_plot import draw
    from results import machine, table, write_section

    if given.smoke:
        given.data, given.n = ["clustered"], [3000]
    wanted = [name for name in PEERS if given.peers is None or name.startswith(tuple(given.peers))]
    columns = ["index", "build s", "file MB", "peak MB", *(f"recall >= {f:.2f}" for f in FLOORS)]
    parts = []
    for kind in given.data:
        for n in given.n:
            home = prepare(kind, n, given.folder)
            results = [r for peer in wanted if (r := run(peer, home, given.threads))]
            title = f"**{kind}, {n:,} vectors, {given.threads} thread(s)**"
            parts += [title, table(columns, [line(r) for r in results])]
            if not given.smoke:
                picture = draw(results, f"{kind}, {n:,} vectors", f"index-{kind}-{n}")
                parts += [f"![queries a second against recall](pictures/{picture})"]
    body = "\n\n".join(
        [f"`python bench/index.py`: {machine(given.threads)} {given.note}", SUMMARY, *parts]
    )
    if given.smoke:
        print(body)
    else:
        write_section("Indexes", body)


if __name__ == "__main__":
    main()
