"""A forest of random-projection trees: ours.

Each tree halves the items by planes until a leaf is small; neighbours of a query are in its leaf,
or just across a plane that passes near the query. A search keeps one queue over all trees, opens
the most promising leaf next, scores its items by int8 codes, and measures the best of them
exactly in float64 from the float32 vectors. See ``docs/indexes.md``.

Settings of `build`: `n_trees` (None: 16, beyond 250,000 items 32, beyond half a million 64);
`leaf_size`, the most items in a leaf; `split`, how a plane is laid: ``"two-means"`` between two
means of the items (Annoy's way), ``"random"`` with a random unit normal through one of the items
(Cochlea's).

Effort of `query`: `n_candidates`, items looked at before the search ends (what `tune` found, else 2,500;
100 more for each k above 10);
`n_measured`, of which so many are measured exactly (20 + 2 k); `slope`, how fast the odds that a
neighbour lies across a plane fall with the distance to it (estimated by `build`; 0 orders by the
distance itself, the article's way); `threshold`, a plane farther than this is not crossed (no
limit); `threads`, among which a batch of queries is divided (1).
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.index.codes import likely_error, quantise, writeable
from soundkin.index.container import Arrays, Header, write_container
from soundkin.index.gate import Gate
from soundkin.index.nearest import scan
from soundkin.index.planting import grow_one, join, tree_seed, with_room
from soundkin.index.room import grown
from soundkin.index.shared import divided
from soundkin.index.trees import Trees, insert
from soundkin.index.vectors import as_alive, as_selection, as_unit_vectors, check_k, refuse_effort
from soundkin.index.walk import walk

if TYPE_CHECKING:
    from soundkin.index import Floats, Ids, Selection

SPLITS = ("two-means", "random")
EFFORT = ("n_candidates", "n_measured", "slope", "threshold", "threads")
TREES_DOUBLE = 250_000
"""Beyond so many items there are twice as many trees, and again beyond twice as many."""
WALK_COST = 3.0
"""A candidate found by walking costs as much as so many scanned rows."""
SLOPE_SAMPLE = 200
STEEPNESS = 2.5
"""1.7 would make the logistic curve follow the normal one's; a steeper one opens fewer nodes."""
_EVERYTHING = np.empty(0, np.bool_)


def trees_for(n: int) -> int:
    """Trees for `n` items: more of them keep queries from growing with the depth of each.

    >>> trees_for(200_000), trees_for(300_000), trees_for(2_000_000)
    (16, 32, 64)
    """
    return 16 if n <= TREES_DOUBLE else 32 if n <= 2 * TREES_DOUBLE else 64


class ForestIndex:
    """Approximate search by a forest; the module's docstring has its settings.

    `build` keeps the array it is given without a copy when its rows already are float32 unit
    vectors: do not write into it afterwards.
    """

    kind = "forest"

    def __init__(
        self, trees: Trees, arrays: Arrays, settings: dict[str, Any], space_id: str
    ) -> None:
        self.space_id = space_id
        self._trees = trees
        self._vectors: npt.NDArray[np.float32] = writeable(arrays["vectors"])
        self._alive: npt.NDArray[np.bool_] = arrays["alive"]
        self._ids_of_rows: npt.NDArray[np.int32] = arrays["ids_of_rows"]
        self._used: npt.NDArray[np.int64] = arrays["used"]
        self._n_ids = len(self._alive)
        self._n_alive = int(np.count_nonzero(self._alive))
        self._settings = settings
        self._rows_of_ids: npt.NDArray[np.int32] | None = None
        self._gate = Gate()
        self._own = threading.local()

    @classmethod
    def build(
        cls,
        X: Floats,
        *,
        seed: int = 0,
        space_id: str = "",
        n_trees: int | None = None,
        leaf_size: int = 64,
        split: str = "two-means",
        threads: int = 0,
    ) -> ForestIndex:
        """See :func:`soundkin.index.build`; `threads` 0 stands for all cores."""
        n_trees = trees_for(len(X)) if n_trees is None else n_trees
        if n_trees < 1 or leaf_size < 2 or threads < 0:
            raise InputError(
                f"n_trees = {n_trees}, leaf_size = {leaf_size}, threads = {threads}",
                "n_trees of 1 or more, leaf_size of 2 or more, threads of 0 or more",
            )
        if split not in SPLITS:
            raise InputError(f"unknown split {split!r}", f"one of {list(SPLITS)}")
        vectors = as_unit_vectors(X)
        codes, scales, error = quantise(vectors)

        def one_tree(tree: int) -> tuple[Any, ...]:
            return grow_one(
                codes, scales, vectors.shape[1], leaf_size, split == "two-means", seed, tree
            )

        with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
            planted = list(pool.map(one_tree, range(n_trees)))
        trees, ids_of_rows, used = join(codes, scales, planted)
        settings = {
            "n_trees": n_trees,
            "leaf_size": leaf_size,
            "split": split,
            "seed": seed,
            "slope": 2.0 * vectors.shape[1] ** 0.5,
            "n_built": len(vectors),
            "error": error,
            "tuned": {},
        }
        arrays: Arrays = {
            "vectors": vectors,
            "alive": np.ones(len(vectors), np.bool_),
            "ids_of_rows": ids_of_rows,
            "used": used,
        }
        index = cls(trees, arrays, settings, space_id)
        settings["slope"] = index._estimate_slope(seed)
        return index

    @classmethod
    def from_arrays(cls, header: Header, arrays: Arrays) -> ForestIndex:
        """The index as it was saved, memory-mapped."""
        trees = Trees(**{name: arrays[name] for name in Trees._fields})
        return cls(trees, arrays, dict(header.settings), header.space_id)

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
        return self._n_ids

    @property
    def vectors(self) -> Floats:
        """All rows ever added, (n_ids, dim); read only."""
        view = self._vectors[: self._n_ids]
        view.flags.writeable = False
        return view

    @property
    def alive(self) -> npt.NDArray[np.bool_]:
        """Which ids have not been removed, (n_ids,)."""
        return self._alive

    def add(self, X: Floats) -> Ids:
        """Append (m, dim) vectors into the leaves, splitting full ones; their ids (m,)."""
        new = as_unit_vectors(X, dim=self.dim)
        with self._gate.writing():
            first, last = self._n_ids, self._n_ids + len(new)
            self._vectors = grown(self._vectors, first, new)
            self._alive = np.concatenate([self._alive, np.ones(len(new), np.bool_)])
            numbers = np.arange(first, last, dtype=np.int32)
            self._ids_of_rows = grown(self._ids_of_rows, first, numbers)
            codes, scales, error = quantise(new)
            self._settings["error"] = max(error, float(self._settings["error"]))
            self._trees = self._trees._replace(
                codes=grown(self._trees.codes, first, codes),
                scales=grown(self._trees.scales, first, scales),
            )
            for tree in range(len(self._trees.roots)):
                self._insert(tree, first, last)
            self._n_ids, self._n_alive = last, self._n_alive + len(new)
            self._rows_of_ids = None
        return np.arange(first, last, dtype=np.int64)

    def remove(self, ids: npt.ArrayLike) -> None:
        """Take items out; `InputError`, and nothing is removed, when one is not there."""
        with self._gate.writing():
            gone = as_alive(ids, self._alive)
            self._alive[gone] = False
            self._n_alive -= gone.size

    def query(
        self, Q: Floats, k: int = 10, *, mask: Selection = None, **effort: float
    ) -> tuple[Ids, Floats]:
        """Nearest items of each row of `Q` (n_queries, dim): ids and distances, (n_queries, k).

        `mask` limits the search: a boolean for each id, or an array of ids; a small selection is
        scanned, a large one is walked to with as much more effort as it is smaller than the whole.
        """
        refuse_effort(self.kind, effort, EFFORT)
        k = check_k(k)
        queries = as_unit_vectors(Q, dim=self.dim, what="query vectors")
        threads = min(int(effort.pop("threads", 1)), len(queries))
        ids = np.empty((len(queries), k), np.int64)
        distances = np.empty((len(queries), k), np.float32)
        with self._gate.reading():
            plan = self._plan(k, mask, effort)
            divided(lambda *part: self._answer(plan, *part), threads, queries, ids, distances)
        return ids, distances

    def ladder(self) -> list[dict[str, float]]:
        """Efforts from the cheapest to the dearest, for `tune`."""
        efforts, n_candidates = [], 200
        while n_candidates < self._n_ids:
            efforts.append({"n_candidates": float(n_candidates)})
            n_candidates += n_candidates // 2
        everything = float(self._n_ids * len(self._trees.roots) + 1)
        return [*efforts, {"n_candidates": everything, "n_measured": 200.0}]

    def adopt(self, tuned: dict[str, Any]) -> None:
        """Make an effort that `tune` measured the default one."""
        self._settings["tuned"] = tuned

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one file beside the old one, then rename."""
        with self._gate.reading():
            trees, n = self._trees, self._n_ids
            lengths = {"roots": len(trees.roots), "codes": n, "scales": n, "slots": self._used[2]}
            lengths |= dict.fromkeys(("planes", "plane_scales", "offsets", "kids"), self._used[0])
            arrays = {
                name: array[: lengths.get(name, self._used[1])]
                for name, array in trees._asdict().items()
            }
            arrays |= {"vectors": self._vectors[:n], "alive": self._alive, "used": self._used}
            arrays["ids_of_rows"] = self._ids_of_rows[:n]
            header = Header(self.kind, self.space_id, self.dim, self._settings)
            write_container(path, header, arrays)

    def stats(self) -> dict[str, object]:
        """Kind, counts, bytes and settings; `n_built` of the ids were there when it was built."""
        parts: list[npt.NDArray[Any]] = [
            *self._trees,
            self._vectors,
            self._alive,
            self._ids_of_rows,
        ]
        return {
            "kind": self.kind,
            "space_id": self.space_id,
            "dim": self.dim,
            "n": self._n_alive,
            "n_ids": self._n_ids,
            "bytes": sum(part.nbytes for part in parts),
            "nodes": int(self._used[0]),
            "leaves": int(self._used[1]),
            **self._settings,
        }

    def _plan(self, k: int, mask: Selection, effort: dict[str, float]) -> dict[str, Any]:
        """How to answer: rows to scan, or the effort of a walk and what it may find."""
        tuned = self._settings["tuned"].get("effort", {})
        usual = tuned.get("n_candidates", 2500.0) + 100 * max(k - 10, 0)
        n_candidates = int(effort.get("n_candidates", usual))
        wanted = int(effort.get("n_measured", tuned.get("n_measured", 20.0) + 2 * k))
        plan: dict[str, Any] = {
            "wanted": max(k, min(wanted, n_candidates)),
            "n_candidates": n_candidates,
            "slope": np.float32(effort.get("slope", self._settings["slope"])),
            "threshold": np.float32(effort.get("threshold", np.inf)),
            "rows": None,
            "allowed": _EVERYTHING,
        }
        chosen = as_selection(mask, self._alive, self._n_alive)
        if chosen is None or chosen.size == self._n_ids:
            return plan
        part = chosen.size / max(1, self._n_ids)
        rows = self._rows()[chosen]
        if chosen.size * part <= WALK_COST * n_candidates:
            plan["rows"] = rows
        else:
            plan["allowed"] = np.zeros(self._n_ids, np.bool_)
            plan["allowed"][rows] = True
            plan["n_candidates"] = int(n_candidates / part)
        return plan

    def _answer(self, plan: dict[str, Any], queries: Floats, ids: Ids, distances: Floats) -> None:
        """Carry out a plan into `ids` and `distances`."""
        trees, rows = self._trees, plan["rows"]
        error = likely_error(self._settings["error"], self.dim)
        if rows is not None:
            scan(
                self._vectors, trees.codes, trees.scales, rows, self._ids_of_rows, 0, len(rows),
                _EVERYTHING, queries, error, ids, distances,
            )  # fmt: skip
            return
        walk(
            trees, self._vectors, self._ids_of_rows, queries, plan["n_candidates"], plan["wanted"],
            plan["slope"], plan["threshold"], error, plan["allowed"], self._stamps(), ids, distances,
        )  # fmt: skip

    def _rows(self) -> npt.NDArray[np.int32]:
        """The row of each id."""
        rows = self._rows_of_ids
        if rows is None:
            rows = np.empty(self._n_ids, np.int32)
            rows[self._ids_of_rows[: self._n_ids]] = np.arange(self._n_ids, dtype=np.int32)
            self._rows_of_ids = rows
        return rows

    def _stamps(self) -> npt.NDArray[np.uint8]:
        """Stamps of the calling thread, one for each row and the one in use."""
        seen: npt.NDArray[np.uint8] | None = getattr(self._own, "seen", None)
        if seen is None or len(seen) <= self._n_ids:
            seen = np.zeros(len(self._trees.codes) + 1, np.uint8)
            self._own.seen = seen
        return seen

    def _insert(self, tree: int, first: int, last: int) -> None:
        """Put rows into one tree, making room as often as it asks for it."""
        seed = tree_seed(int(self._settings["seed"]), tree)
        two_means = self._settings["split"] == "two-means"
        leaf_size = int(self._settings["leaf_size"])
        while True:
            first = insert(
                self._trees, tree, self.dim, first, last, leaf_size, two_means, seed, self._used
            )
            if first == last:
                return
            self._trees = with_room(self._trees, self._used, leaf_size)

    def _estimate_slope(self, seed: int) -> float:
        """How steeply the odds fall: `STEEPNESS` / the spread of neighbours along a normal.

        The spread is that of the tenth neighbour's difference from the query, divided evenly
        among the dimensions.
        """
        n = self._n_ids
        if n < 50:
            return float(self._settings["slope"])
        rng = np.random.default_rng(seed)
        sample = self._vectors[rng.integers(0, n, min(n, SLOPE_SAMPLE))]
        _, distances = self.query(sample, 11, n_candidates=2000)
        far = distances[np.isfinite(distances[:, -1]), -1]
        spread = float(np.sqrt(2.0 * max(float(np.median(far)), 1e-4) / self.dim))
        return float(np.clip(STEEPNESS / spread, 1.0, 400.0))
