"""Searches with a given effort: of all items by lists or links, of a selection, of rows one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from soundkin.index.beam import Links, stroll
from soundkin.index.lists import Lists, look
from soundkin.index.nearest import scan
from soundkin.index.shared import divided
from soundkin.index.within import Within, look_within

if TYPE_CHECKING:
    from soundkin.index import Floats, Ids

OPENED_FOR_EACH = 4
"""Lists with so many allowed items for each answer are opened before reach is asked."""
_NONE, _ALL = np.empty(0, np.int32), np.empty(0, np.bool_)

Rows: TypeAlias = npt.NDArray[np.int32]


class Walk(NamedTuple):
    """The effort of a query along the links; error: of a code."""

    ef: int
    error: float
    threads: int


class Plan(NamedTuple):
    """The effort of a query through the lists, as :mod:`soundkin.index.ann` names it; error: of a code."""

    n_probe: int
    more: int
    wanted: int
    reach: np.float32
    error: float
    threads: int


def of_all(
    lists: Lists, vectors: Floats, plan: Plan, queries: Floats, ids: Ids, distances: Floats
) -> None:
    """Search among all items, into `ids` and `distances` (n_queries, k)."""
    n_probe, _, wanted, _, error, threads = plan
    n = len(vectors)
    if threads <= 1 or len(queries) == 1:
        if not look(*lists, vectors, queries, n_probe, wanted, error, ids, distances):
            return
    else:
        divided(
            lambda Q, i, d: look(*lists, vectors, Q, n_probe, wanted, error, i, d),
            threads, queries, ids, distances,
        )  # fmt: skip
    short = ids[:, min(ids.shape[1], n) - 1] < 0
    if n and short.any():
        found = ids[short], distances[short]
        of_rows(lists, vectors, plan, _NONE, n, queries[short], *found)
        ids[short], distances[short] = found


def of_linked(
    lists: Lists,
    vectors: Floats,
    graph: Links,
    alive: npt.NDArray[np.bool_],
    walk: Walk,
    queries: Floats,
    ids: Ids,
    distances: Floats,
) -> tuple[int, int]:
    """Search along the links for items that are `alive` (empty: all), into `ids` and `distances`.

    How many rows were compared, and how many queries have fewer than k answers.
    """
    ef, error, threads = walk
    table = lists.codes, lists.scales, lists.ids_of_rows, *graph, vectors, alive
    if threads <= 1 or len(queries) == 1:
        return stroll(*table, queries, ef, error, ids, distances)  # type: ignore[no-any-return]
    counts: list[tuple[int, int]] = []

    def part(Q: Floats, i: Ids, d: Floats) -> None:
        counts.append(stroll(*table, Q, ef, error, i, d))

    divided(part, threads, queries, ids, distances)
    return sum(compared for compared, _ in counts), sum(short for _, short in counts)


def of_some(
    lists: Lists,
    vectors: Floats,
    plan: Plan,
    part: Within,
    queries: Floats,
    ids: Ids,
    distances: Floats,
) -> None:
    """Search among the items of a selection, into `ids` and `distances` (n_queries, k)."""
    n_probe, more, wanted, reach, error, threads = plan
    for_each = OPENED_FOR_EACH * ids.shape[1] * part.n_lists // max(1, len(part.rows))
    n_probe = max(1, min(max(n_probe + more, for_each), part.n_lists))
    divided(
        lambda Q, i, d: look_within(
            lists.centres, lists.centre_scales, lists.halves, lists.codes, lists.scales,
            lists.ids_of_rows, part.rows, part.firsts, part.strays, vectors, Q, n_probe,
            wanted, reach, error, i, d,
        ),
        threads, queries, ids, distances,
    )  # fmt: skip


def of_rows(
    lists: Lists,
    vectors: Floats,
    plan: Plan,
    rows: Rows,
    n: int,
    queries: Floats,
    ids: Ids,
    distances: Floats,
) -> None:
    """Nearest of `n` rows - of all, where `rows` is empty - into `ids` and `distances`."""
    table, items = (vectors, lists.codes, lists.scales, rows), lists.ids_of_rows
    divided(
        lambda Q, i, d: scan(*table, items, 0, n, _ALL, Q, plan.error, i, d),
        plan.threads, queries, ids, distances,
    )  # fmt: skip
