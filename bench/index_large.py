"""Ten million vectors, on disk: the exact scan over int8 codes, and the forest, beside peers that can.

    python bench/index_large.py [--n 10000000] [--folder FOLDER] [--peer-python PYTHON] [--dry]

The vectors are the clustered ones of `bench/index.py`, made block by block into a file that is
memory-mapped (5 GB at ten million; room for three times that is wanted). Each index is built in a
process of its own, saved, and asked from the file by another. Peers (faiss's scan over int8 codes;
Annoy, building on disk) as for `bench/index.py`; one that takes longer than `--limit` seconds is
named and left out. Some twenty minutes on two cores. Writes its section of RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from index_data import K
from results import machine, table, write_section

DIM = 128
N_QUERIES = 200
BLOCK = 100_000
FLOORS = (0.90, 0.95)
OURS = ("exact", "forest")
PEERS = ("faiss SQ8 scan", "annoy, 16 trees")
SUMMARY = (
    "Clustered unit vectors of dimension {dim}, memory-mapped; built with all cores, then opened from its "
    "file by a new process and asked by one thread, one query a call, at the cheapest effort that reaches "
    "the recall@10. Own memory: what the process held beside mapped files while it was built."
)


def prepare(n: int, folder: Path) -> Path:
    """`vectors.npy`, `queries.npy` and `true.npy` in a folder, made in blocks."""
    home = folder / f"clustered-on-disk-{n}"
    if (home / "true.npy").exists():
        return home
    home.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((n // 100, DIM), np.float32)

    def drawn(m: int) -> np.ndarray:
        noise = rng.standard_normal((m, DIM), np.float32)
        rows = centres[rng.integers(0, len(centres), m)] + np.float32(0.8) * noise
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    Q = drawn(N_QUERIES)
    nearest = np.full((N_QUERIES, K), -np.inf, np.float32)
    X = np.lib.format.open_memmap(home / "vectors.npy", "w+", np.float32, (n, DIM))
    for start in range(0, n, BLOCK):
        rows = drawn(min(BLOCK, n - start))
        X[start : start + len(rows)] = rows
        both = np.concatenate([nearest, Q @ rows.T], axis=1)
        nearest = -np.partition(-both, K - 1, axis=1)[:, :K]
    X.flush()
    np.save(home / "queries.npy", Q)
    np.save(home / "true.npy", np.sort(1 - nearest, axis=1))
    return home


class OwnMemory:
    """The most anonymous memory of this process while the block runs, in MB."""

    def __enter__(self) -> OwnMemory:
        self.mb, self._done = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
            held = next(line for line in status if line.startswith("RssAnon"))
            self.mb = max(self.mb, int(held.split()[1]) / 1024)


def build(name: str, home: Path, path: Path, threads: int) -> dict:
    """Build an index over the mapped vectors and save it."""
    X = np.load(home / "vectors.npy", mmap_mode="r")
    started, used = time.perf_counter(), time.process_time()
    with OwnMemory() as own:
        if name in OURS:
            from soundkin.index import build as build_index

            given = {} if name == "exact" else {"threads": threads}
            build_index(name, X, **given).save(path)
        elif name.startswith("faiss"):
            import faiss

            faiss.omp_set_num_threads(threads)
            index = faiss.index_factory(DIM, "SQ8", faiss.METRIC_INNER_PRODUCT)
            index.train(np.ascontiguousarray(X[:BLOCK]))
            for start in range(0, len(X), BLOCK):
                index.add(np.ascontiguousarray(X[start : start + BLOCK]))
            faiss.write_index(index, str(path))
        else:
            from annoy import AnnoyIndex

            index = AnnoyIndex(DIM, "angular")
            index.on_disk_build(str(path))
            index.set_seed(1)
            for i in range(len(X)):
                index.add_item(i, X[i])
            index.build(int(name.split()[1]), n_jobs=threads)
    return {
        "build_s": time.perf_counter() - started,
        "build_cpu_s": time.process_time() - used,
        "own_mb": own.mb,
        "file_mb": path.stat().st_size / 1e6,
    }


def opened(name: str, path: Path, X: np.ndarray):
    """Efforts from cheap to dear, and what answers one query at an effort with ids."""
    if name in OURS:
        from soundkin.index import load

        index = load(path)
        return index.ladder(), lambda q, effort: index.query(q[None], K, **effort)[0][0]
    if name.startswith("faiss"):
        import faiss

        faiss.omp_set_num_threads(1)
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)

        def ask(q: np.ndarray, wanted: int) -> np.ndarray:
            ids = index.search(q[None], wanted)[1][0]
            return ids[np.argsort(-(X[ids] @ q))[:K]]

        return [K, 4 * K], ask
    from annoy import AnnoyIndex

    index = AnnoyIndex(DIM, "angular")
    index.load(str(path))
    efforts = [int(1000 * 2 ** (i / 2)) for i in range(17)]
    return efforts, lambda q, effort: np.asarray(
        index.get_nns_by_vector(q, K, search_k=effort), np.int64
    )


def asked(name: str, home: Path, path: Path) -> dict:
    """Seconds to the first answer of a saved index, and milliseconds a query at each recall."""
    X = np.load(home / "vectors.npy", mmap_mode="r")
    Q, true = np.load(home / "queries.npy"), np.load(home / "true.npy")
    started = time.perf_counter()
    efforts, ask = opened(name, path, X)
    efforts = list(efforts) or [{}]
    ask(Q[0], efforts[0])
    first_s = time.perf_counter() - started
    found: dict[str, tuple[float, float]] = {}
    for effort in efforts:
        n = N_QUERIES if not found else 60
        begun = time.perf_counter()
        answers = [ask(q, effort) for q in Q[:n]]
        ms = 1000 * (time.perf_counter() - begun) / n
        hits = sum(
            int((1 - X[ids[ids >= 0]] @ q <= line[-1] + 1e-5).sum())
            for ids, q, line in zip(answers, Q, true, strict=False)
        )
        reached = hits / (n * K)
        for floor in FLOORS:
            if reached >= floor and str(floor) not in found:
                begun = time.perf_counter()
                for q in Q:
                    ask(q, effort)
                found[str(floor)] = 1000 * (time.perf_counter() - begun) / len(Q), reached
        print(f"{name}: {effort}: {reached:.3f}, {ms:.2f} ms", file=sys.stderr, flush=True)
        if len(found) == len(FLOORS):
            break
    return {"first_s": first_s, "ms": found}


def in_process(what: str, name: str, home: Path, path: Path, given: argparse.Namespace) -> dict:
    """`build` or `asked` in a process of its own; raises where it fails or takes too long."""
    python = sys.executable if name in OURS else given.peer_python
    command = [python, "-W", "ignore", __file__, "--do", what, name, str(home), str(path)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, timeout=given.limit
    )
    answer: dict = json.loads(done.stdout.splitlines()[-1])
    return answer


def row(name: str, home: Path, given: argparse.Namespace) -> list[object] | None:
    """One index, built, opened and asked; None, and a word why, when it cannot."""
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        path = Path(folder) / "index"
        try:
            built = in_process("build", name, home, path, given)
            print(name, built, flush=True)
            asking = in_process("asked", name, home, path, given)
        except subprocess.TimeoutExpired:
            print(f"{name}: left out (over {given.limit:.0f} s)", flush=True)
            return None
        except subprocess.CalledProcessError:
            print(f"{name}: left out (it failed)", flush=True)
            return None
    print(name, asking, flush=True)
    cells: list[object] = [name, f"{built['build_s']:.0f} ({built['build_cpu_s']:.0f})"]
    cells += [f"{built['own_mb']:,.0f}", f"{built['file_mb']:,.0f}", f"{asking['first_s']:.1f}"]
    for floor in FLOORS:
        found = asking["ms"].get(str(floor))
        cells.append(f"{found[0]:.2f} ({found[1]:.3f})" if found else "-")
    return cells


def main() -> None:
    """Each index in turn; the section when all are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=10_000_000)
    parser.add_argument("--only", nargs="+", choices=OURS + PEERS, default=list(OURS + PEERS))
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--limit", type=float, default=600, help="seconds for each step of each")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "soundkin-bench"
    )
    parser.add_argument("--dry", action="store_true", help="print, do not write")
    parser.add_argument("--do", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    cores = os.cpu_count() or 1
    if given.do:
        what, name, home, path = given.do
        step = build(name, Path(home), Path(path), cores) if what == "build" else None
        print(json.dumps(step or asked(name, Path(home), Path(path))))
        return
    home = prepare(given.n, given.folder)
    rows, left_out = [], []
    for name in given.only:
        found = row(name, home, given)
        if found:
            rows.append(found)
        else:
            left_out.append(name)
    columns = ["index", "build s (CPU s)", "own memory MB", "file MB", "opened and answered, s"]
    columns += [f"ms a query, recall >= {floor:.2f}" for floor in FLOORS]
    text = [
        machine(cores),
        f"{given.n:,} vectors. " + SUMMARY.format(dim=DIM),
        table(columns, rows),
    ]
    if left_out:
        text.append(f"Failed, or took longer than {given.limit:.0f} s: {', '.join(left_out)}.")
    if given.dry:
        print("\n\n".join(text))
        return
    write_section("Ten million vectors", "\n\n".join(text))


if __name__ == "__main__":
    main()
