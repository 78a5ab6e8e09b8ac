"""One index measured in a process of its own: `python bench/index_run.py NAME FOLDER THREADS`.

Prints one line of JSON. Peers may live in another environment than Soundkin's users have.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SINGLE, AT_MOST_S = 300, 1.5
ENOUGH = 0.985


def measure(name: str, home: Path, threads: int) -> dict:
    """Build one index with `threads`; ask it at every effort with one thread, and with all."""
    from index_peers import PEERS, WARM, limit_threads

    limit_threads(threads)
    import numpy as np
    from index_data import recall

    X, Q, true = (np.load(home / f"{part}.npy") for part in ("vectors", "queries", "true"))
    warm = PEERS[name](X[:WARM], threads)  # libraries are imported, compiled code is loaded
    warm.ask(Q[:3], next(iter(warm.efforts)), 1)
    del warm
    before_mb = peak_mb()
    started, used = time.perf_counter(), time.process_time()
    built = PEERS[name](X, threads)
    build_s, build_cpu_s = time.perf_counter() - started, time.process_time() - used
    built_mb = peak_mb()
    rows = []
    for effort in built.efforts:
        built.ask(Q[:5], effort, 1)
        started = time.perf_counter()
        built.ask(Q[:20], effort, 1)
        one_s = (time.perf_counter() - started) / 20
        n = int(min(len(Q), max(100, AT_MOST_S / one_s)))
        started = time.perf_counter()
        ids = built.ask(Q[:n], effort, 1)
        batch = n / (time.perf_counter() - started)
        shared = None
        if built.shares and threads > 1:
            started = time.perf_counter()
            built.ask(Q[:n], effort, threads)
            shared = n / (time.perf_counter() - started)
        n_single = int(min(SINGLE, max(20, AT_MOST_S / one_s)))
        started = time.perf_counter()
        for q in Q[:n_single]:
            built.ask(q[None], effort, 1)
        single = n_single / (time.perf_counter() - started)
        found = recall(ids, X, Q[:n], true[:n])
        rows.append(
            {
                "effort": named(effort),
                "recall": found,
                "single": single,
                "batch": batch,
                "shared": shared,
            }
        )
        if found > ENOUGH:
            break
    with tempfile.TemporaryDirectory(dir=home) as folder:
        size_mb = built.save(Path(folder) / "index") / 1e6
    return {
        "peer": name,
        "build_s": build_s,
        "build_cpu_s": build_cpu_s,
        "size_mb": size_mb,
        "peak_mb": max(0.0, built_mb - before_mb),
        "rows": rows,
    }


def named(effort: object) -> str:
    """An effort in a few words.

    >>> named({"ef": 24.0}), named(64)
    ('ef 24', '64')
    """
    if isinstance(effort, dict):
        return ", ".join(f"{name} {value:g}" for name, value in effort.items())
    return str(effort)


def peak_mb() -> float:
    """The most memory the process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(name: str, home: Path, threads: int, python: str, limit_s: float) -> dict | None:
    """`measure` in a process of its own; None, and a word why, when it cannot."""
    command = [python, "-W", "ignore", __file__, name, str(home), str(threads)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit_s)
    except subprocess.TimeoutExpired:
        print(f"{name}: left out (over {limit_s:.0f} s)", flush=True)
        return None
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["it crashed"])[-1]
        print(f"{name}: left out ({why})", flush=True)
        return None
    result = json.loads(done.stdout.splitlines()[-1])
    curve = [(round(r["recall"], 3), round(r["single"]), round(r["batch"])) for r in result["rows"]]
    print(f"{name}: built in {result['build_s']:.1f} s", curve, flush=True)
    return result


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
