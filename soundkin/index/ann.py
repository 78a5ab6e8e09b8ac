"""Inverted lists, and a graph of neighbours over their rows: which is asked, and how much, is measured.

faiss finds the centres (k-means); the lists, the search, removal, selections and the file are ours:
int8 codes lie list after list, and everything from the centres to the exact distances of the answer
is one compiled call (:mod:`soundkin.index.lists`). Where that is measured to be cheaper, the rows are
linked to a graph too, and a query for all items goes along its links
(:mod:`soundkin.index.linking`); selections are found through the lists. See ``docs/indexes.md``.

Settings of `build`: `n_lists` (0: about twice the root of n, doubled as long as that is measured to be
cheaper); `target`, the recall@10 that the default effort is measured to reach (0: not measured);
`graph`, whether to link the rows (None: where it pays, which only a target can tell); `threads` for
building (0: all cores).

Effort of `query`: `n_probe`, lists opened, or `ef`, rows whose links are followed: one of the two,
and where neither is given the one that is cheaper; with `n_probe`, `n_measured`, candidates measured
exactly (20 + 2 k), and `reach`, how far beyond them a selection is looked for
(:mod:`soundkin.index.within`); `threads`, among which a batch of queries is divided (1).
"""

from __future__ import annotations

import math
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.index.beam import Links
from soundkin.index.codes import writeable
from soundkin.index.container import Arrays, Header, write_container
from soundkin.index.costs import GATHER_NS, LEAST_LINKS, centres_ns, entry_ns, link_ns, rows_ns
from soundkin.index.effort import (
    EFFORT,
    EFFORT_LINKED,
    ladder_of_links,
    ladder_of_lists,
    plan_of,
    walk_of,
)
from soundkin.index.gate import Gate
from soundkin.index.linking import DEGREE, linked, more_linked, renumbered
from soundkin.index.lists import Lists, appended, listed, most_lists, regroup
from soundkin.index.opening import Plan, Rows, Walk, of_all, of_linked, of_rows, of_some
from soundkin.index.reach import least_reach
from soundkin.index.room import grown
from soundkin.index.tuning import measured, tune
from soundkin.index.vectors import as_alive, as_allowed, as_unit_vectors, check_k, refuse_effort
from soundkin.index.within import Within, scattered, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from soundkin.index import Floats, Ids, Selection

FLAT_BELOW = 5000
"""Fewer items lie in one list: too few to learn centres from."""
LISTS_PER_ROOT = 2.3
"""Lists, in roots of n, to begin with."""
SCAN_GLADLY = 2.0
"""A selection is scanned, which finds everything, up to so many times the cost of a search of all."""
KEPT = 4
"""Selections that are kept looked up."""
GRAPH_FROM = 20_000
"""Fewer items are not linked unless that is asked for."""
TAIL = 4
"""Rows added later are put in their places when they are more than one part in so many."""
ASKED = 256
"""Items that are asked when the rows that a query compares are counted."""
_ALL = np.empty(0, np.bool_)
WORTH_TRYING = 1.5
"""Twice the lists are tried where the rows cost so many times what the centres would."""
HOPED = 0.25
"""At best twice the lists leave so much of what the rows cost; a graph that is as cheap is taken."""


class AnnIndex:
    """Approximate search by inverted lists; the module's docstring has its settings.

    `build` keeps the array it is given without a copy when its rows already are float32 unit
    vectors: do not write into it afterwards.
    """

    kind = "ann"

    def __init__(
        self, lists: Lists, graph: Links | None, vectors: Floats, alive: npt.NDArray[np.bool_],
        settings: dict[str, Any], space_id: str,
    ) -> None:  # fmt: skip
        self.space_id = space_id
        self._lists = lists
        self._graph = graph
        self._room = writeable(vectors)
        self._vectors = self._room
        self._alive = alive
        self._n_alive = int(np.count_nonzero(alive))
        self._settings = settings
        self._rows_of_ids: Rows | None = None
        self._gate = Gate()
        self._kept: tuple[Within, ...] = ()

    @classmethod
    def build(
        cls,
        X: Floats,
        *,
        seed: int = 0,
        space_id: str = "",
        n_lists: int = 0,
        target: float = 0.95,
        graph: bool | None = None,
        threads: int = 0,
    ) -> AnnIndex:
        """See :func:`soundkin.index.build`."""
        if n_lists < 0 or not 0 <= target <= 1 or threads < 0:
            raise InputError(
                f"n_lists = {n_lists}, target = {target}, threads = {threads}",
                "n_lists of 0 or more, target from 0 to 1, threads of 0 or more",
            )
        vectors = as_unit_vectors(X)
        n, threads = len(vectors), threads or os.cpu_count() or 1
        make = partial(
            cls._of, vectors, seed=seed, threads=threads, target=target, space_id=space_id
        )
        index = make(n_lists or 2 ** round(math.log2(LISTS_PER_ROOT * max(n, 1) ** 0.5)))
        walks = index._linked(seed, threads, target, graph) if n and graph is not False else None
        if graph and walks:
            return walks
        walk_ns = (walks or index)._walk_ns()
        if target and not n_lists and n >= FLAT_BELOW:
            index = index._with_more_lists(make, walk_ns)
        return walks if walks and walk_ns < index._lists_ns() else index

    @classmethod
    def _of(
        cls, vectors: Floats, n_lists: int, *, seed: int, threads: int, target: float, space_id: str
    ) -> AnnIndex:
        """An index with so many lists."""
        lists, error = listed(vectors, n_lists if len(vectors) >= FLAT_BELOW else 1, seed, threads)
        settings = {"seed": seed, "n_built": len(vectors), "error": error, "tuned": {}}
        index = cls(lists, None, vectors, np.ones(len(vectors), np.bool_), settings, space_id)
        if target and len(lists.centres) > 1:
            tune(index, target, seed=seed)
        return index

    def _with_more_lists(self, make: Callable[[int], AnnIndex], walk_ns: float) -> AnnIndex:
        """The index that `make` gives for twice the lists, and again, as long as that is cheaper.

        Not tried where at best a walk along links, of `walk_ns`, would be as cheap.
        """
        index = self
        while True:
            twice = min(2 * index._n_lists, most_lists(index.n_ids))
            if twice == index._n_lists or index._rows_ns() <= WORTH_TRYING * centres_ns(twice):
                return index
            if walk_ns <= entry_ns(twice) + HOPED * index._rows_ns():
                return index
            other = make(twice)
            if other._lists_ns() >= index._lists_ns():
                return index
            index = other

    def _linked(
        self, seed: int, threads: int, target: float, graph: bool | None
    ) -> AnnIndex | None:
        """The same index with its rows linked; None where that is too few, or cannot pay."""
        least = entry_ns(self._n_lists) + self._link_ns() * LEAST_LINKS
        few = len(self._vectors) < GRAPH_FROM
        if graph is None and (not target or few or self._lists_ns() <= least):
            return None
        links = linked(self._lists, threads)
        settings = dict(self._settings)
        walks = AnnIndex(self._lists, links, self._vectors, self._alive, settings, self.space_id)
        tuned = measured(walks, target, seed=seed, ladder=ladder_of_links()) if target else {}
        if graph is None and tuned["recall"] < target:
            return None
        if tuned:
            if settings["tuned"]:
                settings["n_probe"] = settings["tuned"]["effort"]["n_probe"]
            settings["tuned"] = tuned
        return walks

    @classmethod
    def from_arrays(cls, header: Header, arrays: Arrays) -> AnnIndex:
        """The index as it was saved, memory-mapped."""
        lists = Lists(**{name: arrays[name] for name in Lists._fields})
        graph = None
        if Links._fields[0] in arrays:
            graph = Links(**{name: arrays[name] for name in Links._fields})
        settings = dict(header.settings)
        return cls(lists, graph, arrays["vectors"], arrays["alive"], settings, header.space_id)

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
            self._room = grown(self._room, first, new)
            self._vectors = self._room[:last]
            self._alive = np.concatenate([self._alive, np.ones(len(new), np.bool_)])
            self._n_alive += len(new)
            self._append(first, last, new)
            self._rows_of_ids, self._kept = None, ()
        return np.arange(first, last, dtype=np.int64)

    def remove(self, ids: npt.ArrayLike) -> None:
        """Take items out; `InputError`, and nothing is removed, when one is not there."""
        with self._gate.writing():
            gone = as_alive(ids, self._alive)
            self._alive[gone] = False
            self._n_alive -= gone.size
            self._kept = ()

    def query(
        self, Q: Floats, k: int = 10, *, mask: Selection = None, **effort: float
    ) -> tuple[Ids, Floats]:
        """Nearest items of each row of `Q` (n_queries, dim): ids and distances, (n_queries, k).

        `mask` limits the search: a boolean for each id, or an array of ids; a small
        selection is scanned, in a large one as many lists are opened as a query needs.
        """
        refuse_effort(self.kind, effort, EFFORT if self._graph is None else EFFORT_LINKED)
        k = check_k(k)
        queries = as_unit_vectors(Q, dim=self.dim, what="query vectors")
        ids = np.empty((len(queries), k), np.int64)
        distances = np.empty((len(queries), k), np.float32)
        with self._gate.reading():
            if mask is not None or not self._walked(k, effort, queries, ids, distances):
                self._open(self._plan(k, effort), mask, queries, ids, distances)
        return ids, distances

    def _walked(
        self, k: int, effort: dict[str, float], queries: Floats, ids: Ids, distances: Floats
    ) -> bool:
        """Search along the links, if that is the way; where too little is found, through the lists."""
        graph, walk = self._graph, self._walk(k, effort)
        if graph is None or walk is None:
            return False
        alive = _ALL if self._n_alive == len(self._vectors) else self._alive
        _, n_short = of_linked(
            self._lists, self._vectors, graph, alive, walk, queries, ids, distances
        )
        if n_short:
            short = ids[:, min(k, self._n_alive) - 1] < 0
            found = ids[short], distances[short]
            self._open(self._plan(k, effort), None, queries[short], *found)
            ids[short], distances[short] = found
        return True

    def _open(
        self, plan: Plan, mask: Selection, queries: Floats, ids: Ids, distances: Floats
    ) -> None:
        """Search among all items, or those selected, through the lists."""
        table, chosen = (self._lists, self._vectors, plan), self._chosen(mask)
        if chosen is None:
            of_all(*table, queries, ids, distances)
        elif chosen.firsts.size:
            of_some(*table, chosen, queries, ids, distances)
        else:
            of_rows(*table, chosen.rows, len(chosen.rows), queries, ids, distances)

    def ladder(self) -> list[dict[str, float]]:
        """Efforts from the cheapest to the dearest, for `tune`."""
        of_links = [] if self._graph is None else ladder_of_links()
        return [*of_links, *ladder_of_lists(self._n_lists)]

    def adopt(self, tuned: dict[str, Any]) -> None:
        """Make an effort that `tune` measured the default one, and measure reach for its target."""
        self._settings["tuned"] = tuned
        self._settings.pop("n_probe", None)
        target, k, seed = float(tuned["target"]), int(tuned["k"]), int(self._settings["seed"])
        if "n_probe" not in tuned["effort"]:  # selections are found through the lists
            ladder = ladder_of_lists(self._n_lists)
            of_lists = measured(self, target, k=k, seed=seed, ladder=ladder)
            self._settings["n_probe"] = of_lists["effort"]["n_probe"]
        plan = self._plan(k, {})
        more, reach = least_reach(self._lists, self._vectors, self._alive, plan, target, k, seed)
        self._settings |= {"more": more, "reach": reach}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one file beside the old one, then rename."""
        with self._gate.reading():
            n = len(self._vectors)
            arrays: Arrays = dict(self._lists._asdict())
            for name in ("codes", "scales", "ids_of_rows"):
                arrays[name] = arrays[name][:n]
            arrays["nexts"] = arrays["nexts"][: n - int(self._lists.starts[-1])]
            arrays |= {"vectors": self._vectors, "alive": self._alive}
            if self._graph is not None:
                arrays |= self._graph._asdict() | {"links": self._graph.links[:n]}
            header = Header(self.kind, self.space_id, self.dim, self._settings)
            write_container(path, header, arrays)

    def stats(self) -> dict[str, object]:
        """Kind, counts, bytes, settings and what `tune` measured."""
        graph = self._graph or ()
        parts: list[npt.NDArray[Any]] = [*self._lists, *graph, self._vectors, self._alive]
        return {
            "kind": self.kind,
            "space_id": self.space_id,
            "dim": self.dim,
            "n": self._n_alive,
            "n_ids": len(self._vectors),
            "bytes": sum(part.nbytes for part in parts),
            "n_lists": self._n_lists,
            "graph": self._graph is not None,
            **self._settings,
        }

    @property
    def _n_lists(self) -> int:
        return len(self._lists.centres)

    def _walk_ns(self) -> float:
        """About what a usual query costs along the links, measured on some items; no links: no end."""
        if self._graph is None:
            return math.inf
        asked = np.random.default_rng(0).choice(len(self._vectors), ASKED)
        Q = np.ascontiguousarray(self._vectors[asked])
        ids, distances = np.empty((ASKED, 10), np.int64), np.empty((ASKED, 10), np.float32)
        walk = self._walk(10, {}) or Walk(1, 0.0, 1)
        table = self._lists, self._vectors, self._graph, _ALL, walk
        compared, _ = of_linked(*table, Q, ids, distances)
        return entry_ns(len(self._graph.entry_rows)) + self._link_ns() * compared / ASKED

    def _link_ns(self) -> float:
        """About what a row compared costs that a link leads to."""
        return link_ns(len(self._vectors), self._lists.codes.shape[1] + 4 * DEGREE)

    def _lists_ns(self) -> float:
        """About what a usual query costs through the lists."""
        return entry_ns(self._n_lists) + self._rows_ns()

    def _rows_ns(self) -> float:
        """About what the rows cost that a usual query compares."""
        return rows_ns(len(self._vectors), self._n_lists, self._plan(10, {}).n_probe)

    def _plan(self, k: int, effort: dict[str, float]) -> Plan:
        """The effort of a query for `k` items through the lists."""
        n, n_lists = len(self._vectors), self._n_lists
        return plan_of(k, effort, self._settings, n=n, n_lists=n_lists, dim=self.dim)

    def _walk(self, k: int, effort: dict[str, float]) -> Walk | None:
        """The effort of a query for `k` items along the links; None: the lists are opened."""
        if self._graph is None:
            return None
        n, there = len(self._vectors), self._n_alive
        return walk_of(k, effort, self._settings, n=n, n_alive=there, dim=self.dim)

    def _chosen(self, mask: Selection) -> Within | None:
        """A selection looked up, now or lately; None: all items."""
        if mask is None and self._n_alive == len(self._vectors):
            return None
        given = self._alive if mask is None else np.ascontiguousarray(mask)
        kept = self._kept
        for chosen in kept:
            if chosen.is_of(given):
                return chosen
        allowed, n_allowed = as_allowed(mask, self._alive, self._n_alive)
        if allowed is None or n_allowed == len(self._vectors):
            return None
        if GATHER_NS * n_allowed <= SCAN_GLADLY * self._lists_ns():
            chosen = scattered(given, allowed, n_allowed, self._rows())
        else:
            chosen = within(given, allowed, n_allowed, self._lists)
        self._kept = (chosen, *kept[: KEPT - 1])
        return chosen

    def _rows(self) -> Rows:
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
        lists, error = appended(self._lists, first, new)
        self._settings["error"] = max(error, float(self._settings["error"]))
        n_sorted = int(lists.starts[-1])
        before = lists.ids_of_rows[:last]
        if self._graph is not None:
            self._graph = more_linked(lists, self._graph, first, last)
        if last - n_sorted > max(FLAT_BELOW, n_sorted // TAIL):
            lists = regroup(lists, last)
            if self._graph is not None:
                places = np.empty(last, np.int32)
                places[lists.ids_of_rows] = np.arange(last, dtype=np.int32)
                self._graph = renumbered(self._graph, places[before])
        self._lists = lists
