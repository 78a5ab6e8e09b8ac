"""The part of `bench/index.py` about selections: what a mask costs, ours and the peers' own filters."""

from __future__ import annotations

import json
import subprocess
import time
from functools import partial
from pathlib import Path

import numpy as np
from index_data import K, prepare, recall
from results import table

TARGET = 0.95
N_ASKED = 200
PARTS = (0.01, 0.1)
FOLDERS = 400
PEERS = ("faiss IVF-Flat", "faiss HNSW")
PEERS_UP_TO = 200_000
EFFORTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)


def masks_of(X: np.ndarray) -> dict[str, np.ndarray]:
    """Masks that keep some parts of the items: by chance, some folders, the surroundings of one item.

    A folder is what lies nearest to one of 400 items: some clusters, whole.
    """
    rng = np.random.default_rng(1)
    heads = X[rng.choice(len(X), FOLDERS, replace=False)].T
    blocks = [np.argmax(X[s : s + 20_000] @ heads, axis=1) for s in range(0, len(X), 20_000)]
    folder = np.concatenate(blocks)
    similar = X @ X[len(X) // 2]
    masks = {}
    for part in PARTS:
        count = int(part * len(X))
        masks[f"{part:.0%} by chance"] = rng.random(len(X)) < part
        order = rng.permutation(FOLDERS)
        sizes = np.cumsum(np.bincount(folder, minlength=FOLDERS)[order])
        chosen = order[: int(np.searchsorted(sizes, count)) + 1]
        masks[f"{part:.0%} folders"] = np.isin(folder, chosen)
        masks[f"{part:.0%} one neighbourhood"] = similar >= np.partition(similar, -count)[-count]
    return masks


def truth(X: np.ndarray, Q: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Distances to the k nearest of a selection (n_queries, k)."""
    nearest = -np.partition(-(Q @ X[mask].T), K - 1, axis=1)[:, :K]
    return np.sort(1 - nearest, axis=1)


def used_ms(ask, Q: np.ndarray) -> float:
    """Milliseconds of processor time a query, asked one by one in this thread: the best of three rounds."""
    ask(Q[:1])
    rounds = []
    for _ in range(3):
        started = time.thread_time()
        for q in Q:
            ask(q[None])
        rounds.append(1000 * (time.thread_time() - started) / len(Q))
    return min(rounds)


def cells_of(
    whole: float, masks: dict[str, np.ndarray], measured: dict[str, tuple[float, float]]
) -> list[str]:
    """One row of the table: of all items, then each mask's time, times that, and recall."""
    found = [measured[name] for name in masks]
    return [f"{whole:.3f}", *(f"{ms:.3f} = {ms / whole:.1f}x ({right:.3f})" for ms, right in found)]


def selections(folder: Path, data: list[tuple[str, int]], peer_python: str) -> str:
    """What a mask costs: 1 % and 10 %, by chance, some folders, and one neighbourhood."""
    from index_parts import first_good, load

    from soundkin.index import build

    lines, names = [], []
    for kind, n in data:
        home = prepare(kind, n, folder)
        X, Q, true = load(home)
        masks, asked = masks_of(X), Q[:N_ASKED]
        names = list(masks)
        right = {name: truth(X, asked, mask) for name, mask in masks.items()}
        for name in ("exact", "ann", "forest"):
            index = build(name, X)
            effort = {"threads": 1} if name == "exact" else {}
            if name == "forest":
                effort = first_good(index, X, Q, true)
            whole = used_ms(partial(index.query, k=K, **effort), asked)
            measured = {}
            for what, mask in masks.items():
                ask = partial(index.query, k=K, mask=mask, **effort)
                measured[what] = used_ms(ask, asked), recall(ask(asked)[0], X, asked, right[what])
            lines.append([f"{kind}, {n:,}", name, *cells_of(whole, masks, measured)])
            print("selections:", lines[-1], flush=True)
        if n <= PEERS_UP_TO:
            np.savez(home / "masks.npz", **masks)
            for name in PEERS:
                found = asked_elsewhere(home, name, peer_python)
                if found:
                    whole, measured = found
                    cells = cells_of(whole, masks, measured)
                    lines.append([f"{kind}, {n:,}", f"{name}, its own filter", *cells])
                    print("selections:", lines[-1], flush=True)
            (home / "masks.npz").unlink()
    text = (
        "**Selections.** Milliseconds of processor time a query with a boolean mask, times the query of all "
        "(recall@10); one query a call, one thread. Ours: the effort that `build` found over all items "
        "(forest: the first that reaches 0.95), the same with each mask. Peers: for each mask the cheapest "
        f"effort that reaches {TARGET}, else the dearest; up to {PEERS_UP_TO:,} vectors, for they take minutes "
        f"above. A folder is all that lies nearest to one of {FOLDERS} items; the neighbourhood is that of "
        "one item, mostly far from the queries. hnswlib is left out: its filter is a Python function called "
        "for every item met."
    )
    return "\n\n".join([text, table(["vectors", "index", "all, ms", *names], lines)])


def asked_elsewhere(home: Path, name: str, python: str) -> tuple[float, dict] | None:
    """What a peer takes, in a process of its own; None where it is not installed or takes too long."""
    code = "import index_selections, sys; index_selections.print_peer(sys.argv[1], sys.argv[2])"
    try:
        done = subprocess.run(
            [python, "-W", "ignore", "-c", code, str(home), name],
            capture_output=True, text=True, check=False, cwd=Path(__file__).parent, timeout=200,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        print(f"{name}: left out of the selections (over 200 s)", flush=True)
        return None
    if done.returncode:
        print(f"{name}: left out of the selections", done.stderr.splitlines()[-1:], flush=True)
        return None
    whole, measured = json.loads(done.stdout.splitlines()[-1])
    return whole, measured


def print_peer(home: str, name: str) -> None:
    """What `asked_elsewhere` asks another process for."""
    import faiss

    X, Q, true = (np.load(Path(home) / f"{part}.npy") for part in ("vectors", "queries", "true"))
    asked, true = Q[:N_ASKED], true[:N_ASKED]
    ivf = name == "faiss IVF-Flat"
    lists = 2 ** int(np.round(np.log2(2.3 * len(X) ** 0.5)))
    index = faiss.index_factory(
        X.shape[1], f"IVF{lists},Flat" if ivf else "HNSW16,Flat", faiss.METRIC_INNER_PRODUCT
    )
    index.train(X)
    index.add(X)
    faiss.omp_set_num_threads(1)

    def best(true: np.ndarray, selector=None) -> tuple[float, float]:
        for effort in EFFORTS:
            if ivf:
                plan = faiss.SearchParametersIVF(sel=selector, nprobe=effort)
            else:
                plan = faiss.SearchParametersHNSW(sel=selector, efSearch=max(10, effort))
            found = recall(index.search(asked, K, params=plan)[1], X, asked, true)
            if found >= TARGET:
                break
        return used_ms(lambda q: index.search(q, K, params=plan), asked), found

    whole, _ = best(true)
    measured = {}
    with np.load(Path(home) / "masks.npz") as masks:
        for what, mask in masks.items():
            selector = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
            measured[what] = best(truth(X, asked, mask), selector)
    print(json.dumps([whole, measured]))
