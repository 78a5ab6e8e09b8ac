"""Each index as the benchmark sees it: build, efforts from cheap to dear, ask, save."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

K = 10
WARM = 6000
"""So many vectors are built once before the time is taken."""


@dataclass
class Built:
    """A built index: `ask(Q, effort, threads)` -> ids; `save(path)` -> bytes on disk."""

    efforts: Iterable[Any]
    ask: Callable[[np.ndarray, Any, int], np.ndarray]
    save: Callable[[Path], int]
    shares: bool = True
    """Whether a batch may be divided among threads."""


def ours(kind: str, **settings):
    def build(X: np.ndarray, threads: int) -> Built:
        from soundkin.index import build as build_index

        given = settings if kind == "exact" else {**settings, "threads": threads}
        if kind == "ann" and len(X) <= WARM:  # the graph's compiled code is loaded too
            given["graph"] = True
        index = build_index(kind, X, **given)

        def save(path: Path) -> int:
            index.save(path)
            return path.stat().st_size

        return Built(index.ladder(), lambda Q, e, t: index.query(Q, K, **e, threads=t)[0], save)

    return build


def annoy(n_trees: int):
    def build(X: np.ndarray, threads: int) -> Built:
        from annoy import AnnoyIndex

        index = AnnoyIndex(X.shape[1], "angular")
        index.set_seed(1)
        for i, x in enumerate(X):
            index.add_item(i, x)
        index.build(n_trees, n_jobs=threads)

        def ask(Q: np.ndarray, effort: int, _: int) -> np.ndarray:
            return padded(index.get_nns_by_vector(q, K, search_k=effort) for q in Q)

        def save(path: Path) -> int:
            index.save(str(path))
            return path.stat().st_size

        return Built([int(250 * 2 ** (i / 2)) for i in range(17)], ask, save, shares=False)

    return build


def faiss_index(description: str, efforts: list[int], name: str, wanted: int = K):
    """One of faiss's own; with int8 codes the best `wanted` are measured again, as users must."""

    def build(X: np.ndarray, threads: int) -> Built:
        import faiss

        faiss.omp_set_num_threads(threads)
        lists = 2 ** int(np.round(np.log2(2.3 * len(X) ** 0.5)))
        text = description.format(lists=lists)
        index = faiss.index_factory(X.shape[1], text, faiss.METRIC_INNER_PRODUCT)
        index.train(X)
        index.add(X)

        def ask(Q: np.ndarray, effort: int, threads: int) -> np.ndarray:
            faiss.omp_set_num_threads(threads)
            if name:
                faiss.ParameterSpace().set_index_parameter(index, name, effort)
            _, ids = index.search(Q, wanted)
            if wanted == K:
                return ids
            similarity = np.einsum("qwd,qd->qw", X[np.maximum(ids, 0)], Q)
            similarity[ids < 0] = -9
            return np.take_along_axis(ids, np.argsort(-similarity, axis=1)[:, :K], axis=1)

        def save(path: Path) -> int:
            faiss.write_index(index, str(path))
            return path.stat().st_size

        return Built(efforts, ask, save)

    return build


def hnswlib(X: np.ndarray, threads: int) -> Built:
    import hnswlib as library

    index = library.Index("cosine", X.shape[1])
    index.init_index(len(X), M=16, ef_construction=100, random_seed=1)
    index.set_num_threads(threads)
    index.add_items(X)

    def ask(Q: np.ndarray, effort: int, threads: int) -> np.ndarray:
        index.set_ef(effort)
        return index.knn_query(Q, K, num_threads=threads)[0].astype(np.int64)

    def save(path: Path) -> int:
        index.save_index(str(path))
        return path.stat().st_size

    return Built(QUEUES, ask, save)


def voyager(X: np.ndarray, threads: int) -> Built:
    import voyager as library

    index = library.Index(library.Space.Cosine, X.shape[1], M=16, ef_construction=100)
    index.add_items(X, num_threads=threads)

    def ask(Q: np.ndarray, effort: int, threads: int) -> np.ndarray:
        return index.query(Q, K, num_threads=threads, query_ef=effort)[0].astype(np.int64)

    def save(path: Path) -> int:
        index.save(str(path))
        return path.stat().st_size

    return Built(QUEUES, ask, save)


def usearch(exact: bool):
    def build(X: np.ndarray, threads: int) -> Built:
        from usearch.index import Index, MetricKind, search

        if exact:

            def scan(Q: np.ndarray, _: int, threads: int) -> np.ndarray:
                found = search(X, Q, K, MetricKind.IP, exact=True, threads=threads)
                return np.asarray(found.keys).reshape(len(Q), K).astype(np.int64)

            return Built([0], scan, lambda _: X.nbytes)
        index = Index(ndim=X.shape[1], metric="cos", dtype="f16", connectivity=16)
        index.add(np.arange(len(X)), X, threads=threads)

        def ask(Q: np.ndarray, effort: int, threads: int) -> np.ndarray:
            index.expansion_search = effort
            found = index.search(Q, K, threads=threads)
            return np.asarray(found.keys).reshape(len(Q), K).astype(np.int64)

        def save(path: Path) -> int:
            index.save(str(path))
            return path.stat().st_size

        return Built(QUEUES, ask, save)

    return build


def pynndescent(X: np.ndarray, threads: int) -> Built:
    import pynndescent as library

    index = library.NNDescent(X, metric="dot", n_jobs=threads, random_state=1)
    index.prepare()

    def ask(Q: np.ndarray, effort: float, _: int) -> np.ndarray:
        return index.query(Q, K, epsilon=effort)[0].astype(np.int64)

    def save(path: Path) -> int:
        import pickle

        path.write_bytes(pickle.dumps(index))
        return path.stat().st_size

    return Built([0.0, 0.05, 0.1, 0.2, 0.3, 0.4], ask, save, shares=False)


def padded(lines: Iterable[list[int]]) -> np.ndarray:
    return np.array([(line + [-1] * K)[:K] for line in lines], np.int64)


PROBES = [1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 256]
QUEUES = [10, 16, 24, 32, 36, 40, 48, 56, 64, 96, 128, 192, 256, 512]
PEERS = {
    "exact": ours("exact"),
    "forest": ours("forest"),
    "forest, 32 trees": ours("forest", n_trees=32),
    "ann": ours("ann"),
    "faiss flat": faiss_index("Flat", [0], ""),
    "faiss SQ8 scan": faiss_index("SQ8", [0], "", 40),
    "faiss IVF-SQ8": faiss_index("IVF{lists},SQ8", PROBES, "nprobe", 40),
    "faiss IVF-Flat": faiss_index("IVF{lists},Flat", PROBES, "nprobe"),
    "faiss HNSW": faiss_index("HNSW16,Flat", QUEUES, "efSearch"),
    "annoy, 16 trees": annoy(16),
    "annoy, 32 trees": annoy(32),
    "annoy, 64 trees": annoy(64),
    "hnswlib": hnswlib,
    "voyager": voyager,
    "usearch f16": usearch(exact=False),
    "usearch exact": usearch(exact=True),
    "pynndescent": pynndescent,
}


SLOW = {
    "hnswlib",
    "voyager",
    "usearch f16",
    "usearch exact",
    "pynndescent",
    "annoy, 16 trees",
    "annoy, 64 trees",
}
"""Left out above `SLOW_ABOVE` vectors: minutes to build, or to ask."""
SLOW_ABOVE = 200_000
FIRST = (
    "exact",
    "forest",
    "forest, 32 trees",
    "ann",
    "faiss flat",
    "faiss IVF-Flat",
    "faiss HNSW",
    "annoy, 32 trees",
    "faiss IVF-SQ8",
)
"""Measured on all vectors before any other: when the time is over, what is left out is the rest."""


def limit_threads(threads: int) -> None:
    """Before NumPy's friends are imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(threads)
