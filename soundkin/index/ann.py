"""Inverted lists: the lists whose centres are near the query are opened; how many, is measured.

faiss finds the centres (k-means); the lists, the search, removal, selections and the file are ours:
int8 codes lie list after list, and everything from the centres to the exact distances of the answer
is one compiled call (:mod:`soundkin.index.lists`). See ``docs/indexes.md``.

Settings of `build`: `n_lists` (0: about twice the root of n); `target`, the recall@10 that the
default effort is measured to reach (0: not measured); `threads` for building (0: all cores).

Effort of `query`: `n_probe`, lists opened; `n_measured`, candidates measured exactly (20 + 2 k);
`threads`, among which a batch of queries is divided (1).
"""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.index.codes import likely_error, quantise, writeable
from soundkin.index.container import Arrays, Header, write_container
from soundkin.index.gate import Gate
from soundkin.index.lists import Lists, append, grouped, look, regroup
from soundkin.index.nearest import rows_allowed, scan
from soundkin.index.planting import grown
from soundkin.index.shared import divided
from soundkin.index.tuning import tune
from soundkin.index.vectors import as_allowed, as_ids, as_unit_vectors, check_k, refuse_effort

if TYPE_CHECKING:
    from soundkin.index import Floats, Ids, Selection

EFFORT = ("n_probe", "n_measured", "threads")
FLAT_BELOW = 5000
"""Fewer items lie in one list: too few to learn centres from."""
POINTS_PER_LIST = 64
"""k-means looks at so many vectors for each centre, so many times."""
ITERATIONS = 10
NEED, NEED_FOR_EACH, NEED_ONE_IN = 0.15, 40, 32
"""A selection's search goes on until it has compared this part of what a search of all compares,
so many items for each answer, and one in so many of those selected."""
SCAN_GLADLY = 2.0
"""A selection is scanned, which finds everything, up to so many times the cost of a search."""
TAIL = 4
"""Rows added later are put in their places when they are more than one part in so many."""
CENTRE_NS, ROW_NS, SKIP_NS, GATHER_NS = 4.0, 5.0, 2.0, 12.0
"""Cost of a centre compared, of a row compared, left out, and fetched from anywhere and compared."""
_NONE, _ALL = np.empty(0, np.int32), np.empty(0, np.bool_)


class AnnIndex:
    """Approximate search by inverted lists; the module's docstring has its settings.

    `build` keeps the array it is given without a copy when its rows already are float32 unit
    vectors: do not write into it afterwards.
    """

    kind = "ann"

    def __init__(
        self, lists: Lists, vectors: Floats, alive: npt.NDArray[np.bool_], settings: dict[str, Any],
        space_id: str,
    ) -> None:  # fmt: skip
        self.space_id = space_id
        self._lists = lists
        self._room = writeable(vectors)
        self._vectors = self._room
        self._owned = False
        self._alive = alive
        self._n_alive = int(np.count_nonzero(alive))
        self._settings = settings
        self._rows_of_ids: npt.NDArray[np.int32] | None = None
        self._gate = Gate()

    @classmethod
    def build(
        cls,
        X: Floats,
        *,
        seed: int = 0,
        space_id: str = "",
        n_lists: int = 0,
        target: float = 0.95,
        threads: int = 0,
    ) -> AnnIndex:
        """See :func:`soundkin.index.build`."""
        if n_lists < 0 or not 0 <= target <= 1 or threads < 0:
            raise InputError(
                f"n_lists = {n_lists}, target = {target}, threads = {threads}",
                "n_lists of 0 or more, target from 0 to 1, threads of 0 or more",
            )
        vectors = as_unit_vectors(X)
        lists, error = _lists(vectors, n_lists, seed, threads or os.cpu_count() or 1)
        settings = {"seed": seed, "n_built": len(vectors), "error": error, "tuned": {}}
        index = cls(lists, vectors, np.ones(len(vectors), np.bool_), settings, space_id)
        if target and len(lists.centres) > 1:
            settings["tuned"] = tune(index, target, seed=seed)
        return index

    @classmethod
    def from_arrays(cls, header: Header, arrays: Arrays) -> AnnIndex:
        """The index as it was saved, memory-mapped."""
        lists = Lists(**{name: arrays[name] for name in Lists._fields})
        settings = dict(header.settings)
        return cls(lists, arrays["vectors"], arrays["alive"], settings, header.space_id)

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
        """Append (m, dim) vectors to their lists; their ids (m,)."""
        new = as_unit_vectors(X, dim=self.dim)
        with self._gate.writing():
            first, last = len(self._vectors), len(self._vectors) + len(new)
            if last > len(self._room) or not self._owned:
                self._room = np.empty((max(last, 2 * first), self.dim), np.float32)
                self._room[:first] = self._vectors
                self._owned = True
            self._room[first:last] = new
            self._vectors = self._room[:last]
            self._alive = np.concatenate([self._alive, np.ones(len(new), np.bool_)])
            self._n_alive += len(new)
            self._append(first, last, new)
            self._rows_of_ids = None
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
        threads = int(effort.get("threads", 1))
        with self._gate.reading():
            allowed, n_allowed = as_allowed(mask, self._alive, self._n_alive)
            reach = self._reach(k, effort, n_allowed)
            if reach is None:
                self._scan(queries, allowed, n_allowed, ids, distances, threads)
                return ids, distances
            error = likely_error(self._settings["error"], self.dim)
            given = _ALL if allowed is None else allowed
            if threads <= 1:
                n_short = look(
                    *self._lists, self._vectors, queries, *reach, error, given, ids, distances
                )
            else:
                divided(
                    lambda *part: look(
                        *self._lists, self._vectors, part[0], *reach, error, given, *part[1:]
                    ),
                    threads, queries, ids, distances,
                )  # fmt: skip
                n_short = int((ids[:, -1] < 0).sum())
            if n_short and n_allowed:
                short = np.flatnonzero(ids[:, min(k, n_allowed) - 1] < 0)
                found = ids[short], distances[short]
                self._scan(queries[short], allowed, n_allowed, *found, threads)
                ids[short], distances[short] = found
        return ids, distances

    def ladder(self) -> list[dict[str, float]]:
        """Efforts from the cheapest to the dearest, for `tune`."""
        n_lists = len(self._lists.centres)
        steps = [
            1,
            2,
            3,
            4,
            6,
            8,
            10,
            12,
            14,
            16,
            20,
            24,
            28,
            32,
            40,
            48,
            64,
            80,
            96,
            128,
            160,
            192,
        ]
        steps += [256, 320, 384, 512, 768, 1024]
        return [{"n_probe": float(step)} for step in steps if step < n_lists] + [
            {"n_probe": float(n_lists)}
        ]

    def adopt(self, tuned: dict[str, Any]) -> None:
        """Make an effort that `tune` measured the default one."""
        self._settings["tuned"] = tuned

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one file beside the old one, then rename."""
        with self._gate.reading():
            n = len(self._vectors)
            arrays: Arrays = dict(self._lists._asdict())
            for name in ("codes", "scales", "ids_of_rows"):
                arrays[name] = arrays[name][:n]
            arrays["nexts"] = arrays["nexts"][: n - int(self._lists.starts[-1])]
            arrays |= {"vectors": self._vectors, "alive": self._alive}
            header = Header(self.kind, self.space_id, self.dim, self._settings)
            write_container(path, header, arrays)

    def stats(self) -> dict[str, object]:
        """Kind, counts, bytes, settings and what `tune` measured."""
        parts: list[npt.NDArray[Any]] = [*self._lists, self._vectors, self._alive]
        return {
            "kind": self.kind,
            "space_id": self.space_id,
            "dim": self.dim,
            "n": self._n_alive,
            "n_ids": len(self._vectors),
            "bytes": sum(part.nbytes for part in parts),
            "n_lists": len(self._lists.centres),
            **self._settings,
        }

    def _reach(
        self, k: int, effort: dict[str, float], n_allowed: int
    ) -> tuple[int, int, int, int] | None:
        """Lists opened at least and at most, rows needed, candidates; None: scan the selection."""
        n, n_lists = len(self._vectors), len(self._lists.centres)
        tuned = self._settings["tuned"].get("effort", {})
        spread = max(1.0, k / 10) ** 0.5
        n_probe = effort.get("n_probe", spread * tuned.get("n_probe", 1 + n_lists / 32))
        n_probe = max(1, min(n_lists, int(n_probe)))
        wanted = min(max(k, int(effort.get("n_measured", 20 + 2 * k))), max(n, 1))
        if n_allowed == n:
            return n_probe, n_probe, 0, wanted
        per_list = n / n_lists
        need = max(NEED * n_probe * per_list, NEED_FOR_EACH * k, n_allowed / NEED_ONE_IN)
        need = int(min(need, n_allowed))
        opened = min(n_lists, max(n_probe, need * n / max(n_allowed, 1) / per_list))
        compared = opened * per_list * n_allowed / n
        cost = CENTRE_NS * n_lists + SKIP_NS * opened * per_list + ROW_NS * compared
        if GATHER_NS * n_allowed <= SCAN_GLADLY * cost:
            return None
        return n_probe, min(n_lists, int(1.3 * opened) + 8), need, wanted

    def _scan(
        self,
        queries: Floats,
        allowed: npt.NDArray[np.bool_] | None,
        n_allowed: int,
        ids: Ids,
        distances: Floats,
        threads: int,
    ) -> None:
        """Exact search among the items allowed, into `ids` and `distances`."""
        lists, n = self._lists, len(self._vectors)
        rows = _NONE
        if allowed is not None:
            rows, n = np.empty(n_allowed, np.int32), n_allowed
            rows_allowed(allowed, self._rows(), rows)
        error, items = likely_error(self._settings["error"], self.dim), lists.ids_of_rows
        divided(
            lambda Q, i, d: scan(
                self._vectors, lists.codes, lists.scales, rows, items, 0, n, _ALL, Q, error, i, d
            ),
            threads, queries, ids, distances,
        )  # fmt: skip

    def _rows(self) -> npt.NDArray[np.int32]:
        """The row of each id."""
        rows = self._rows_of_ids
        if rows is None:
            n = len(self._vectors)
            rows = np.empty(n, np.int32)
            rows[self._lists.ids_of_rows[:n]] = np.arange(n, dtype=np.int32)
            self._rows_of_ids = rows
        return rows

    def _append(self, first: int, last: int, new: Floats) -> None:
        """Put the codes of rows first..last into their lists; at times, all rows in their places."""
        codes, scales, error = quantise(new)
        self._settings["error"] = max(error, float(self._settings["error"]))
        lists, n_sorted = self._lists, int(self._lists.starts[-1])
        lists = lists._replace(
            codes=grown(lists.codes, first, codes),
            scales=grown(lists.scales, first, scales),
            ids_of_rows=grown(lists.ids_of_rows, first, np.arange(first, last, dtype=np.int32)),
            nexts=grown(lists.nexts, first - n_sorted, np.full(last - first, -1, np.int32)),
        )
        append(lists, first, last, new)
        if last - n_sorted > max(FLAT_BELOW, n_sorted // TAIL):
            lists = regroup(lists, last)
        self._lists = lists


def _lists(vectors: Floats, n_lists: int, seed: int, threads: int) -> tuple[Lists, float]:
    """The vectors' codes in lists around centres, and the longest error of a code."""
    n, dim = vectors.shape
    codes, scales, error = quantise(vectors)
    if n < FLAT_BELOW:
        centres, numbers = np.zeros((1, dim), np.float32), np.zeros(n, np.int32)
    else:
        n_lists = n_lists or 2 ** int(np.round(np.log2(2.3 * n**0.5)))
        centres, numbers = _centres(vectors, max(1, min(n_lists, n // 39)), seed, threads)
    centre_codes, centre_scales, _ = quantise(centres)
    halves = (np.einsum("ij,ij->i", centres, centres) / 2).astype(np.float32)
    empty = Lists(centre_codes, centre_scales, halves, _NONE, _NONE, _NONE, codes, scales, _NONE)
    return grouped(empty, numbers, codes, scales, np.arange(n, dtype=np.int32)), error


def _centres(
    vectors: Floats, n_lists: int, seed: int, threads: int
) -> tuple[Floats, npt.NDArray[np.int32]]:
    """Centres (n_lists, dim) by k-means, and the number of each vector's nearest (n,)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        faiss: Any = import_module("faiss")
    faiss.omp_set_num_threads(threads)
    means = faiss.Kmeans(
        vectors.shape[1],
        n_lists,
        niter=ITERATIONS,
        seed=seed & 0x7FFFFFFF,
        max_points_per_centroid=POINTS_PER_LIST,
    )
    means.train(vectors)
    _, numbers = means.index.search(vectors, 1)
    return means.centroids, numbers[:, 0].astype(np.int32)
