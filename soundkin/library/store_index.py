"""The store's own index over a table of vectors at one version, as the rest of the house asks an index."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from soundkin.bucket.again import asked_again
from soundkin.index.exact import search
from soundkin.index.vectors import as_unit_vectors
from soundkin.library.follow import NUMBER
from soundkin.library.refusals import guarded
from soundkin.library.store import READ_ROWS
from soundkin.library.tables import vectors_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from soundkin.index import Floats, Ids
    from soundkin.library.store import Store

KIND = "store"
"""The kind of such an index, as the library says it."""

GATHERED, GATHERED_PART = 20_000, 0.001
"""Rows up to which a selection is read and compared: so many, or this part of all."""

DEEPEST = 200_000
"""Rows that the index is asked for at most to find those of a selection; then all are compared."""

MORE = 3.0
"""How many times more rows are asked for than a selection needs on the average."""

TAKEN = 1 << 16
"""Vectors read at once."""

UNMEASURED = {"n_probe": 64.0, "n_measured": 800.0}
"""The effort of an index that was not measured yet."""

_LADDER = ((8, 100), (16, 200), (32, 400), (64, 800), (128, 1_600), (256, 3_200), (512, 6_400))
"""Lists opened, and rows measured again, from the cheapest effort to the dearest."""


class StoredVectors:
    """Vectors (n, dim) in a table, read when asked for by number, slice, mask or array; like an array."""

    dtype = np.dtype(np.float32)

    def __init__(self, near: StoreIndex) -> None:
        self._near = near

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and length of a row."""
        return len(self), self._near.dim

    @property
    def nbytes(self) -> int:
        """What they would take in memory."""
        return 4 * len(self) * self._near.dim

    def __len__(self) -> int:
        return len(self._near.numbers)

    def __getitem__(self, which: Any) -> Floats:
        """Read rows."""
        numbers = self._near.numbers[which]
        wanted, back = np.unique(np.atleast_1d(numbers), return_inverse=True)
        X = np.empty((len(wanted), self._near.dim), np.float32)
        for low in range(0, len(wanted), TAKEN):
            part = wanted[low : low + TAKEN]
            X[low : low + len(part)] = self._near.taken(part)
        found: Floats = X[back] if np.ndim(numbers) else X[0]
        return found

    def __array__(self, dtype: Any = None, *, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read all rows."""
        return np.asarray(self[:], dtype)


class StoreIndex:
    """The reading half of an :class:`soundkin.index.Index` over a table of vectors at one version.

    numbers (n,): the store's numbers of the rows, ascending; an item's id is its place among them.
    settings: lists and effort as they were measured; `exact` where all shall be compared, as they are
    without an index.
    """

    kind = KIND

    def __init__(
        self, store: Store, space_id: str, settings: Mapping[str, Any], table: Any = None
    ) -> None:
        self.space_id = space_id
        self.settings = dict(settings)
        self.opened_at = time.monotonic()
        self.numbers: npt.NDArray[np.uint64] = np.empty(0, np.uint64)
        self._store = store
        self._table = table if table is not None else self._newest()
        self.version = int(self._table.version)
        self._table.checkout(self.version)
        self.dim = int(self._table.schema.field("vector").type.list_size)
        self.n_indexed = self._indexed()

    def _newest(self) -> Any:
        """Open the table."""
        with guarded():
            return self._store.db.open_table(vectors_table(self.space_id))

    def _indexed(self) -> int:
        """Return how many rows the store's own index has, 0 without one."""
        with guarded():
            for index in self._table.list_indices():
                stats = self._table.index_stats(index.name) if index.columns == ["vector"] else None
                if stats is not None:
                    return int(stats.num_indexed_rows)
        return 0

    def read_rows(self) -> Any:
        """Read which row is whose, without the vectors, in the order of their numbers; keep the numbers."""
        columns = ["sound_id", "seq", "batch", NUMBER]

        def read() -> Any:
            query = self._table.search().with_row_id(True).select(columns)
            with guarded():
                return query.to_batches(batch_size=READ_ROWS).read_all()

        rows = asked_again(read, self._renew)
        numbers = rows[NUMBER].to_numpy()
        if not (numbers[1:] > numbers[:-1]).all():
            order = np.argsort(numbers, kind="stable")
            rows, numbers = rows.take(order), numbers[order]
        self.numbers = numbers
        return rows

    def _renew(self) -> bool:
        """Open the table again with the credentials of now."""
        if not self._store.reconnect():
            return False
        self._table = self._newest()
        self._table.checkout(self.version)
        return True

    # -- as an index --------------------------------------------------------------------------------

    @property
    def n(self) -> int:
        """How many items can be found."""
        return len(self.numbers)

    @property
    def n_ids(self) -> int:
        """How many ids have been given."""
        return len(self.numbers)

    @property
    def vectors(self) -> StoredVectors:
        """All rows, (n, dim), read when asked for."""
        return StoredVectors(self)

    @property
    def alive(self) -> npt.NDArray[np.bool_]:
        """Which ids may be found, (n,): all."""
        return np.ones(self.n, np.bool_)

    def ladder(self) -> list[dict[str, float]]:
        """Efforts from the cheapest to the dearest."""
        steps = [step for step in _LADDER if step[0] < self._n_lists]
        steps.append((self._n_lists, _LADDER[-1][1]))
        return [{"n_probe": float(lists), "n_measured": float(rows)} for lists, rows in steps]

    def stats(self) -> dict[str, object]:
        """Kind, counts and settings."""
        return {"kind": KIND, "n_ids": self.n, "version": self.version, **self.settings}

    def taken(self, numbers: npt.NDArray[np.uint64]) -> Floats:
        """Read the vectors of some rows by their numbers, ascending and distinct."""

        def read() -> Any:
            query = self._table.take_row_ids(numbers.tolist()).select(["vector"]).with_row_id()
            with guarded():
                return query.to_arrow()

        rows = asked_again(read, self._renew)
        X = np.empty((len(numbers), self.dim), np.float32)
        values = rows["vector"].combine_chunks()
        X[np.searchsorted(numbers, rows[NUMBER].to_numpy())] = np.asarray(values.flatten()).reshape(
            -1, self.dim
        )
        return as_unit_vectors(X)

    def query(
        self,
        Q: Floats,
        k: int = 10,
        *,
        mask: npt.NDArray[Any] | None = None,
        n_probe: float = 0.0,
        n_measured: float = 0.0,
    ) -> tuple[Ids, Floats]:
        """Nearest items of each row of `Q` (n_queries, dim): ids and distances, (n_queries, k).

        `mask` limits the search: a boolean for each id, or an array of ids. A small selection is read and
        compared; for a large one the index is asked for more, and where that does not find enough, all are.
        """
        queries = as_unit_vectors(Q, dim=self.dim, what="query vectors")
        allowed = None if mask is None else np.zeros(self.n, np.bool_)
        n_allowed = self.n
        if allowed is not None:
            allowed[mask] = True
            n_allowed = int(np.count_nonzero(allowed))
            if n_allowed <= max(GATHERED, GATHERED_PART * self.n):
                rows = np.flatnonzero(allowed)
                ids, distances = search(self.vectors[rows], queries, k)
                return np.where(ids >= 0, rows[ids] if len(rows) else -1, -1), distances
        ids = np.full((len(queries), k), -1, np.int64)
        distances = np.full((len(queries), k), np.inf, np.float32)
        effort = n_probe or self._effort("n_probe"), n_measured or self._effort("n_measured")
        for i, q in enumerate(queries):
            found, near = self._among(q, k, allowed, n_allowed, effort)
            ids[i, : len(found)], distances[i, : len(found)] = found, near
        return ids, distances

    @property
    def is_exact(self) -> bool:
        """Whether all are compared although there may be an index."""
        return bool(self.settings.get("exact"))

    @property
    def _n_lists(self) -> int:
        return int(self.settings.get("n_lists", 1))

    def _effort(self, name: str) -> float:
        """Return the effort that was measured; of one that was not, the middle of the ladder."""
        known = self.settings.get("tuned", {}).get("effort", {})
        return float(known.get(name, UNMEASURED[name]))

    def _among(
        self,
        q: Floats,
        k: int,
        allowed: npt.NDArray[np.bool_] | None,
        n_allowed: int,
        effort: tuple[float, float],
    ) -> tuple[Ids, Floats]:
        """Return the nearest of the items that may answer, k of them or all there are."""
        wanted = k if allowed is None else math.ceil(MORE * k * self.n / max(n_allowed, 1))
        while wanted <= DEEPEST:
            ids, distances = self._asked(q, min(wanted, self.n), effort)
            if allowed is not None:
                may = allowed[ids]
                ids, distances = ids[may], distances[may]
            if len(ids) >= min(k, n_allowed):
                return ids[:k], distances[:k]
            wanted *= 4
        found, near = search(cast("Floats", self.vectors), q[None], k, allowed)
        there = found[0] >= 0
        return found[0][there], near[0][there]

    def _asked(self, q: Floats, wanted: int, effort: tuple[float, float]) -> tuple[Ids, Floats]:
        """Ask the store for the nearest rows; ids and distances, in order."""
        lists = math.ceil(2 * self._n_lists * (wanted / max(self.n, 1)) ** 0.5)
        n_probe = min(max(int(effort[0]), lists), self._n_lists)
        refine = max(2, math.ceil(effort[1] / wanted))

        def ask() -> Any:
            query = self._table.search(q, vector_column_name="vector").distance_type("cosine")
            query = query.limit(wanted).with_row_id(True).select(["seq", "_distance"])
            if self.n_indexed and not self.is_exact:
                query = query.nprobes(n_probe).refine_factor(refine)
            else:
                query = query.bypass_vector_index()
            with guarded():
                return query.to_arrow()

        rows = asked_again(ask, self._renew)
        numbers = rows[NUMBER].to_numpy()
        ids = np.searchsorted(self.numbers, numbers)
        known = self.numbers[np.minimum(ids, self.n - 1)] == numbers
        ids = ids[known].astype(np.int64)
        distances = rows["_distance"].to_numpy()[known].astype(np.float32)
        order = np.lexsort((ids, distances))
        return ids[order], distances[order]
