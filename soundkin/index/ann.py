"""Approximate search by faiss: inverted lists, or a graph; which one, and how far, is measured.

faiss finds candidates; what they are measured by, what has been removed, what a query may find
and how it is all saved is ours. Candidates are measured exactly in float64 from the float32
vectors; a query that came back with too few is scanned. See ``docs/indexes.md``.

Settings of `build`: `method`, one of `METHODS`: inverted lists of int8 codes (``"ivf-sq8"``, a
quarter of the memory), of the vectors themselves (``"ivf-flat"``), a graph over int8 codes
(``"hnsw-sq8"``), or ``"measured"``: the fastest of lists and graph on a sample of these vectors at
the recall `target`; `n_lists` (0: twice to four times the root of n); `M`, links of a graph's
node; `target`, the recall@10 that the default effort is measured to reach (0: not measured);
`threads` for building (0: all cores; a graph is the same each time only with 1, its default).

Effort of `query`: `n_probe`, lists opened; `ef`, the graph's queue; `n_measured`, candidates
measured exactly; `threads`, among which a batch of queries is divided (1).
"""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.index.container import Arrays, Header, write_container
from soundkin.index.exact import search
from soundkin.index.gate import Gate
from soundkin.index.tuning import tune
from soundkin.index.vectors import (
    as_ids,
    as_selection,
    as_unit_vectors,
    check_k,
    exact_distances,
    refuse_effort,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    faiss: Any = import_module("faiss")

if TYPE_CHECKING:
    from soundkin.index import Floats, Ids, Selection

METHODS = ("ivf-sq8", "ivf-flat", "hnsw-sq8", "measured")
EFFORT = ("n_probe", "ef", "n_measured", "threads")
FLAT_BELOW = 5000
"""Fewer items lie in one list of whole vectors: too few to learn lists or codes from."""
POINTS_PER_LIST = 64
SAMPLE = 40_000
"""Vectors that ``"measured"`` compares the methods on."""
GATHER_NS, SKIP_NS, PROBE_NS = 120.0, 2.5, 10.0
"""Cost of a row gathered and scanned, of a row in a list that is left out, of one looked at."""
BATCH = 128
FEW, SPARE = 4, 6
"""More queries than `FEW` are measured together; float32 picks `SPARE` more than are asked for."""
_NONE = np.empty(0, np.int64)


class AnnIndex:
    """Approximate search by faiss; the module's docstring has its settings.

    `build` keeps the array it is given without a copy when its rows already are float32 unit
    vectors: do not write into it afterwards.
    """

    kind = "ann"

    def __init__(
        self,
        engine: Any,  # noqa: ANN401 - an index of faiss
        vectors: Floats,
        alive: npt.NDArray[np.bool_],
        settings: dict[str, Any],
        space_id: str,
    ) -> None:
        self.space_id = space_id
        self._engine = engine
        self._room = vectors
        self._vectors = vectors
        self._alive = alive
        self._n_alive = int(np.count_nonzero(alive))
        self._settings = settings
        self._gate = Gate()

    @classmethod
    def build(
        cls,
        X: Floats,
        *,
        seed: int = 0,
        space_id: str = "",
        method: str = "ivf-sq8",
        n_lists: int = 0,
        M: int = 16,
        target: float = 0.95,
        threads: int = 0,
    ) -> AnnIndex:
        """See :func:`soundkin.index.build`."""
        if method not in METHODS:
            raise InputError(f"unknown method {method!r}", f"one of {list(METHODS)}")
        if n_lists < 0 or not 2 <= M <= 512 or not 0 <= target <= 1:
            raise InputError(
                f"n_lists = {n_lists}, M = {M}, target = {target}",
                "n_lists of 0 or more, M from 2 to 512, target from 0 to 1",
            )
        vectors = as_unit_vectors(X)
        if method == "measured":
            method = _fastest(vectors, seed, M, target or 0.95)
        if len(vectors) < FLAT_BELOW:
            method, n_lists = "ivf-flat", 1
        engine = _make(method, vectors, n_lists, M, seed, threads)
        settings = {"method": method, "M": M, "seed": seed, "n_built": len(vectors), "tuned": {}}
        index = cls(engine, vectors, np.ones(len(vectors), np.bool_), settings, space_id)
        if target and len(vectors) >= FLAT_BELOW:
            settings["tuned"] = tune(index, target, seed=seed)
        return index

    @classmethod
    def from_arrays(cls, header: Header, arrays: Arrays) -> AnnIndex:
        """The index as it was saved; the vectors are memory-mapped, the lists are read."""
        engine = faiss.deserialize_index(arrays["engine"])
        settings = dict(header.settings)
        return cls(engine, arrays["vectors"], arrays["alive"], settings, header.space_id)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        dim: int = self._vectors.shape[1]
        return dim

    @property
    def n(self) -> int:
        """How many items can be found."""
        return self._n_alive

    @property
    def n_ids(self) -> int:
        """How many ids have been given."""
        return len(self._vectors)

    @property
    def vectors(self) -> Floats:
        """All rows ever added, (n_ids, dim); read only."""
        view = self._vectors.view()
        view.flags.writeable = False
        return view

    @property
    def alive(self) -> npt.NDArray[np.bool_]:
        """Which ids have not been removed, (n_ids,)."""
        return self._alive

    def add(self, X: Floats) -> Ids:
        """Append (m, dim) vectors to the lists or the graph; their ids (m,)."""
        new = as_unit_vectors(X, dim=self.dim)
        with self._gate.writing():
            first, last = len(self._vectors), len(self._vectors) + len(new)
            if last > len(self._room) or not self._room.flags.writeable:
                self._room = np.empty((max(last, 2 * first), self.dim), np.float32)
                self._room[:first] = self._vectors
            self._room[first:last] = new
            self._vectors = self._room[:last]
            self._alive = np.concatenate([self._alive, np.ones(len(new), np.bool_)])
            self._n_alive += len(new)
            if len(new):
                faiss.omp_set_num_threads(1)
                self._engine.add(new)
        return np.arange(first, last, dtype=np.int64)

    def remove(self, ids: npt.ArrayLike) -> None:
        """Take items out; `InputError`, and nothing is removed, when one is not there."""
        with self._gate.writing():
            gone = as_ids(ids, len(self._vectors))
            if not self._alive[gone].all():
                missing = int(gone[~self._alive[gone]][0])
                raise InputError(
                    f"the item {missing} has been removed already", "", "remove an item once"
                )
            self._alive[gone] = False
            self._n_alive -= gone.size

    def query(
        self, Q: Floats, k: int = 10, *, mask: Selection = None, **effort: float
    ) -> tuple[Ids, Floats]:
        """Nearest items of each row of `Q` (n_queries, dim): ids and distances, (n_queries, k).

        `mask` limits the search: a boolean for each id, or an array of ids; whichever is expected
        to be cheaper, the selection is scanned or more lists are opened.
        """
        refuse_effort(self.kind, effort, EFFORT)
        k = check_k(k)
        queries = as_unit_vectors(Q, dim=self.dim, what="query vectors")
        ids = np.empty((len(queries), k), np.int64)
        distances = np.empty((len(queries), k), np.float32)
        with self._gate.reading():
            chosen = as_selection(mask, self._alive, self._n_alive)
            if not self._n_alive:
                chosen = _NONE
            reach = self._reach(k, effort, chosen)
            if chosen is not None and reach["scan"]:
                return _scan(self._vectors, queries, k, chosen)
            for start in range(0, len(queries), BATCH):
                part = slice(start, start + BATCH)
                ids[part], distances[part] = self._ask(queries[part], k, reach, chosen)
        return ids, distances

    def ladder(self) -> list[dict[str, float]]:
        """Efforts from the cheapest to the dearest, for `tune`."""
        steps = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024]
        if self._settings["method"] == "hnsw-sq8":
            return [{"ef": float(step)} for step in steps if step >= 12]
        n_lists = int(self._engine.nlist)
        return [{"n_probe": float(step)} for step in steps if step < n_lists] + [
            {"n_probe": float(n_lists)}
        ]

    def adopt(self, tuned: dict[str, Any]) -> None:
        """Make an effort that `tune` measured the default one."""
        self._settings["tuned"] = tuned

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one file beside the old one, then rename."""
        with self._gate.reading():
            engine = np.asarray(faiss.serialize_index(self._engine))
            arrays: Arrays = {"engine": engine, "vectors": self._vectors, "alive": self._alive}
            write_container(
                path, Header(self.kind, self.space_id, self.dim, self._settings), arrays
            )

    def stats(self) -> dict[str, object]:
        """Kind, counts, bytes, settings and what `tune` measured."""
        return {
            "kind": self.kind,
            "space_id": self.space_id,
            "dim": self.dim,
            "n": self._n_alive,
            "n_ids": len(self._vectors),
            "bytes": self._vectors.nbytes + self._alive.nbytes + _engine_bytes(self._engine),
            "n_lists": int(getattr(self._engine, "nlist", 0)),
            **self._settings,
        }

    def _reach(self, k: int, effort: dict[str, float], chosen: Ids | None) -> dict[str, Any]:
        """How far to search: lists or queue, candidates, threads, and whether to scan instead."""
        method, n = self._settings["method"], max(1, len(self._vectors))
        part = 1.0 if chosen is None else max(chosen.size, 1) / n
        default = dict(self._settings["tuned"].get("effort", {}))
        spread = max(1.0, k / 10) ** 0.5
        wanted = int(effort.get("n_measured", k + 4 if method == "ivf-flat" else 20 + 2 * k))
        reach: dict[str, Any] = {
            "wanted": min(max(wanted, k), n),
            "threads": int(effort.get("threads", 1)),
            "scan": chosen is not None and chosen.size <= 64,
        }
        if method == "hnsw-sq8":
            ef = effort.get("ef", spread * default.get("ef", 64.0))
            reach["ef"] = int(max(ef / part, reach["wanted"]))
            cost = 40.0 * PROBE_NS * reach["ef"]
        else:
            n_lists = int(self._engine.nlist)
            n_probe = effort.get("n_probe", spread * default.get("n_probe", 1 + n_lists / 32))
            if chosen is not None:
                n_probe = max(n_probe, n_lists / 64) / part
            n_probe = min(n_lists, int(n_probe) or 1)
            reach["n_probe"] = n_probe
            cost = n_probe * n / n_lists * (SKIP_NS + PROBE_NS * part)
        if chosen is not None and GATHER_NS * chosen.size < cost:
            reach["scan"] = True
        return reach

    def _ask(
        self, queries: Floats, k: int, reach: dict[str, Any], chosen: Ids | None
    ) -> tuple[Ids, Floats]:
        """Candidates from faiss, measured exactly; scanned where they are too few."""
        selector = None
        if chosen is not None:
            allowed = np.zeros(len(self._vectors), np.bool_)
            allowed[chosen] = True
            bits = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)
        if "ef" in reach:
            params = faiss.SearchParametersHNSW(efSearch=reach["ef"], sel=selector)
        else:
            params = faiss.SearchParametersIVF(nprobe=reach["n_probe"], sel=selector)
        faiss.omp_set_num_threads(reach["threads"])
        _, found = self._engine.search(queries, reach["wanted"], params=params)
        ids, distances = _measure(self._vectors, queries, found, k)
        n_possible = len(self._vectors) if chosen is None else chosen.size
        short = np.flatnonzero(ids[:, min(k, n_possible) - 1] < 0) if n_possible else _NONE
        if short.size:
            everything = np.arange(len(self._vectors)) if chosen is None else chosen
            ids[short], distances[short] = _scan(self._vectors, queries[short], k, everything)
        return ids, distances


def _measure(vectors: Floats, queries: Floats, found: Ids, k: int) -> tuple[Ids, Floats]:
    """The k nearest of the rows found (n_queries, wanted), -1 for none, by exact distance."""
    if len(found) > FEW and found.shape[1] > k + SPARE:
        found = _best_in_float32(vectors, queries, found, k + SPARE)
    ids = np.full((len(found), k), -1, np.int64)
    distances = np.full((len(found), k), np.inf, np.float32)
    if len(found) > FEW and found.shape[1] >= k:
        which = np.repeat(np.arange(len(found)), found.shape[1])
        near = exact_distances(vectors, np.maximum(found.ravel(), 0), queries[which])
        near[found.ravel() < 0] = np.inf
        order = np.lexsort((found.ravel(), near, which)).reshape(found.shape)[:, :k]
        return found.ravel()[order], near[order]
    for line, rows in enumerate(found):
        there = rows[rows >= 0]
        near = exact_distances(vectors, there, queries[line])
        order = np.lexsort((there, near))[:k]
        ids[line, : order.size], distances[line, : order.size] = there[order], near[order]
    return ids, distances


def _best_in_float32(vectors: Floats, queries: Floats, found: Ids, wanted: int) -> Ids:
    """The `wanted` best of the rows found, as float32 tells; more than will be kept."""
    rows = vectors[np.maximum(found, 0)]
    scores = np.matmul(rows, queries[:, :, None])[:, :, 0]
    scores[found < 0] = -9
    best = np.argpartition(-scores, wanted - 1, axis=1)[:, :wanted]
    return np.take_along_axis(found, best, axis=1)


def _scan(vectors: Floats, queries: Floats, k: int, chosen: Ids) -> tuple[Ids, Floats]:
    """Exact search among the rows chosen."""
    places, distances = search(vectors[chosen], queries, k)
    ids = np.where(places >= 0, chosen[places], -1) if chosen.size else places
    return ids, distances


def _make(method: str, vectors: Floats, n_lists: int, M: int, seed: int, threads: int) -> Any:  # noqa: ANN401 - an index of faiss
    """A trained and filled index of faiss."""
    n, dim = vectors.shape
    graph = method == "hnsw-sq8"
    faiss.omp_set_num_threads(threads or (1 if graph else os.cpu_count() or 1))
    if graph:
        engine = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_8bit, M)
        engine.hnsw.efConstruction = max(80, 4 * M)
    else:
        lists = n_lists or 2 ** int(np.round(np.log2(max(1.0, 2.3 * n**0.5))))
        lists = max(1, min(lists, n // 39))
        coarse = faiss.IndexFlatL2(dim)
        if method == "ivf-flat":
            engine = faiss.IndexIVFFlat(coarse, dim, lists, faiss.METRIC_L2)
        else:
            codes = faiss.ScalarQuantizer.QT_8bit
            engine = faiss.IndexIVFScalarQuantizer(
                coarse, dim, lists, codes, faiss.METRIC_L2, False
            )
        engine.cp.niter, engine.cp.seed = 10, seed & 0x7FFFFFFF
        engine.cp.max_points_per_centroid = POINTS_PER_LIST
    if n:
        engine.train(vectors)
        engine.add(vectors)
    else:
        coarse.add(np.zeros((1, dim), np.float32))
        engine.is_trained = True
    return engine


def _fastest(vectors: Floats, seed: int, M: int, target: float) -> str:
    """Lists or graph: the one that answers faster at the target, on a sample of the vectors."""
    rng = np.random.default_rng(seed)
    sample = vectors
    if len(vectors) > SAMPLE:
        sample = vectors[np.sort(rng.choice(len(vectors), SAMPLE, replace=False))]
    if len(sample) < FLAT_BELOW:
        return "ivf-flat"
    speeds = {}
    for method in ("ivf-sq8", "hnsw-sq8"):
        trial = AnnIndex.build(sample, seed=seed, method=method, M=M, target=target)
        tuned = trial.stats()["tuned"]
        if isinstance(tuned, dict) and tuned["recall"] >= target:
            speeds[method] = tuned["queries_per_s"]
    return max(speeds, key=lambda method: speeds[method], default="ivf-sq8")


def _engine_bytes(engine: Any) -> int:  # noqa: ANN401 - an index of faiss
    """Bytes that faiss holds."""
    if hasattr(engine, "nlist"):
        return int(engine.ntotal * (engine.code_size + 8) + engine.nlist * engine.d * 4)
    links = engine.hnsw.neighbors.size() * 4 + engine.hnsw.offsets.size() * 8
    return int(engine.ntotal * engine.storage.sa_code_size() + links)
