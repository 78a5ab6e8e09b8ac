"""Reads of a table only what was added since the last look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from soundkin.library.refusals import guarded
from soundkin.library.store import READ_ROWS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from soundkin.library.store import Store

NUMBER = "_rowid"
"""The column with the numbers of rows: a row keeps its own until it is changed or merged with others, and
what is written later has higher ones."""

TAKEN = 20_000
"""Rows up to which those wanted are fetched one by one; more are found by reading the table."""

REMEMBERED = 200_000
"""Rows of new batches whose numbers are remembered."""


def numbered(store: Store, name: str, columns: Sequence[str], where: str | None = None) -> pa.Table:
    """Read some columns of a table's rows, and their numbers."""
    if not store.version(name):
        empty = store.read(name, columns)
        return empty.append_column(NUMBER, pa.array([], pa.uint64()))
    query = store.table(name).search().with_row_id(True).select([*columns, NUMBER])
    if where is not None:
        query = query.where(where)
    with guarded():
        return query.to_batches(batch_size=READ_ROWS).read_all()


def taken(store: Store, name: str, numbers: Sequence[int], columns: Sequence[str]) -> pa.Table:
    """Read rows of a table by their numbers, which come too; those that are gone by now are left out."""
    table = store.table(name)
    if not numbers:
        empty = pa.schema([table.schema.field(column) for column in columns]).empty_table()
        return empty.append_column(NUMBER, pa.array([], pa.uint64()))
    with guarded():
        query = table.take_row_ids(list(numbers)).with_row_id().select([*columns, NUMBER])
        return query.to_arrow()


class Tail:
    """What comes to the end of one table.

    Numbers of rows grow, and never stand for anything else. So when there are as many rows up to the
    highest number seen as there were, they are the same ones.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name
        self._last, self._n = -1, 0

    def read(self, columns: Sequence[str]) -> tuple[pa.Table, bool]:
        """Return columns and numbers of the rows added since the last time and True, or of all and False.

        All are read the first time, when a row was changed or taken away, when the table was merged, and
        when very many have come.
        """
        added = self._added(columns) if self._last >= 0 else None
        rows = numbered(self._store, self._name, columns) if added is None else added
        if added is None:
            self._last, self._n = -1, 0
        self._n += rows.num_rows
        if rows.num_rows:
            self._last = max(self._last, int(rows[NUMBER].to_numpy().max()))
        return rows, added is not None

    def _added(self, columns: Sequence[str]) -> pa.Table | None:
        """Return the rows added, None when that is not all that happened.

        They are read first: what is lost while this reads is missed when the others are counted.
        """
        found = numbered(self._store, self._name, [], f"{NUMBER} > {self._last}")
        if found.num_rows > TAKEN:
            return None
        rows = taken(self._store, self._name, found[NUMBER].to_pylist(), columns)
        n = self._store.count(self._name, f"{NUMBER} <= {self._last}")
        return rows if rows.num_rows == found.num_rows and n == self._n else None


class Batches:
    """The batches of one table: how many rows each has, and its rows."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name
        self._tail = Tail(store, name)
        self._counts: dict[int, int] = {}
        self._numbers: dict[int, npt.NDArray[np.uint64]] = {}

    def counts(self) -> Mapping[int, int]:
        """Return how many rows each batch has now."""
        rows, added = self._tail.read(["batch"])
        new = counts_of(rows["batch"])
        if not added:
            self._counts, self._numbers = new, {}
            return dict(new)
        batch, numbers = rows["batch"].to_numpy(), rows[NUMBER].to_numpy()
        for number, n in new.items():
            if number not in self._counts:
                self._numbers[number] = numbers[batch == number]
            else:
                self._numbers.pop(number, None)
            self._counts[number] = self._counts.get(number, 0) + n
        while sum(map(len, self._numbers.values())) > REMEMBERED:
            del self._numbers[next(iter(self._numbers))]
        return dict(self._counts)

    def rows(
        self, batches: Collection[int], columns: Sequence[str] | None, *, all_: bool
    ) -> pa.Table:
        """Return the rows of some batches, in no order, or of all when that is the same and cheaper."""
        if not all_ and self._numbers.keys() >= set(batches):
            numbers = [int(n) for batch in batches for n in self._numbers[batch]]
            if len(numbers) <= TAKEN:
                wanted = list(columns or self._store.table(self._name).schema.names)
                rows = taken(self._store, self._name, numbers, wanted)
                if rows.num_rows == len(numbers):
                    return rows.select(wanted)
        where = None if all_ else f"batch IN ({', '.join(map(str, sorted(batches))) or 'NULL'})"
        return self._store.read(self._name, columns, where)


def counts_of(batch: pa.ChunkedArray) -> dict[int, int]:
    """Return how often each number occurs.

    >>> counts_of(pa.chunked_array([[4, 7], [4]]))
    {4: 2, 7: 1}
    """
    numbers, counts = np.unique(batch.to_numpy(), return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))
