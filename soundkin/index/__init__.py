"""Vectors -> nearest neighbours: one protocol, several members.

- :mod:`soundkin.index.exact`      every vector is looked at: the reference
- :mod:`soundkin.index.forest`     a forest of random-projection trees: ours (Numba)
- :mod:`soundkin.index.ann`        inverted lists around centres
- :mod:`soundkin.index.tuning`     the cheapest effort that gives the recall asked for
- :mod:`soundkin.index.graph`      the neighbours of every item
- :mod:`soundkin.index.blend`      one query over several spaces
- :mod:`soundkin.index.vectors`    what may go in: checks of vectors and of selections
- :mod:`soundkin.index.container`  the file an index is saved as, memory-mapped when opened

Conventions. Vectors are float32 unit vectors (n, dim). The distance is the cosine distance,
1 - cosine similarity, in [0, 2]. An item's id is its place in the order of insertion, int64; it
never changes, and it is never given to another item after a removal. Answers are ordered by
distance, then by id; where there are fewer than k, they end in id -1 at distance infinity.

Queries may come from many threads at once, also while another thread adds or removes: each query
sees the index as it stood when the query began.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.index.container import read_container

if TYPE_CHECKING:
    import os

__all__ = ["KINDS", "Floats", "Ids", "Index", "Selection", "build", "choose", "load"]

Floats: TypeAlias = npt.NDArray[np.float32]
Ids: TypeAlias = npt.NDArray[np.int64]
Selection: TypeAlias = npt.NDArray[np.bool_] | npt.NDArray[np.integer[Any]] | None

_HOMES = {
    "exact": ("soundkin.index.exact", "ExactIndex"),
    "ann": ("soundkin.index.ann", "AnnIndex"),
    "forest": ("soundkin.index.forest", "ForestIndex"),
}
KINDS = tuple(_HOMES)
EXACT_BYTES = 32 << 20
"""Up to so many bytes of vectors every one is looked at: some 3 ms a query on one core."""


@runtime_checkable
class Index(Protocol):
    """What every member can do; see the module's conventions."""

    kind: str
    space_id: str

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def n(self) -> int:
        """How many items can be found (removed ones not counted)."""

    @property
    def n_ids(self) -> int:
        """How many ids have been given: the length of a boolean mask."""

    @property
    def vectors(self) -> Floats:
        """All rows ever added, (n_ids, dim); read only."""

    @property
    def alive(self) -> npt.NDArray[np.bool_]:
        """Which ids have not been removed, (n_ids,)."""

    def add(self, X: Floats) -> Ids:
        """Append (m, dim) vectors; their ids, ascending, (m,)."""

    def remove(self, ids: npt.ArrayLike) -> None:
        """Take items out for good; an id that is not there is an InputError."""

    def query(
        self, Q: Floats, k: int = 10, *, mask: Selection = None, **effort: float
    ) -> tuple[Ids, Floats]:
        """Nearest items: ids and distances, both (n_queries, k)."""

    def ladder(self) -> list[dict[str, float]]:
        """Efforts from the cheapest to the dearest."""

    def adopt(self, tuned: dict[str, Any]) -> None:
        """Make an effort that :func:`soundkin.index.tuning.tune` measured the default one."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one file beside the old one, then rename: never half an index."""

    def stats(self) -> dict[str, object]:
        """Kind, sizes and settings, ready for JSON."""


def build(
    kind: str, X: Floats, *, seed: int = 0, space_id: str = "", **settings: float | str | bool
) -> Index:
    """Index the rows of `X`, (n, dim) unit vectors; n may be 0.

    Rows that are not of unit length are normalised; a zero row is an `InputError`. `space_id` is
    the space the vectors come from: it is saved, and asked for again by `load`. `settings` are
    the member's own; an unknown one is an `InputError` that lists those there are. The kind
    ``"auto"`` is the one that :func:`choose` names.

    >>> index = build("exact", np.eye(3, dtype=np.float32))
    >>> ids, distances = index.query(np.array([[1, 0, 0]], np.float32), k=2)
    >>> ids.tolist(), distances.tolist()
    ([[0, 1]], [[0.0, 1.0]])
    """
    if kind == "auto":
        kind, _ = choose(*np.shape(X))
    member = _member(kind)
    known = set(inspect.signature(member.build).parameters) - {"X", "seed", "space_id"}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise InputError(
            f"unknown setting {unknown[0]!r} for the index {kind!r}",
            f"one of {sorted(known)}" if known else "none",
            "leave it out",
        )
    index: Index = member.build(X, seed=seed, space_id=space_id, **settings)
    return index


def choose(n: int, dim: int) -> tuple[str, str]:
    """The kind of index for `n` vectors of length `dim`, and why, in a sentence for the user.

    >>> choose(1000, 80)
    ('exact', '1,000 vectors of 80 numbers: all are compared with every query')
    """
    size = f"{n:,} vectors of {dim} numbers"
    if 4 * n * dim <= EXACT_BYTES:
        return "exact", f"{size}: all are compared with every query"
    return "ann", f"{size}: too many to compare all; the nearest lists are, recall is measured"


def load(
    path: str | os.PathLike[str], *, space_id: str | None = None, dim: int | None = None
) -> Index:
    """Open a saved index; its arrays are memory-mapped, so a large one is there at once.

    With `space_id` or `dim`, a file of another space (`SpaceError`) or another length of vector
    (`InputError`) is refused. A file that is no index, is cut short, or is of another format
    version is a `LibraryFormatError`; one that is not there is `NotFound`.
    """
    header, arrays = read_container(path, space_id=space_id, dim=dim)
    index: Index = _member(header.kind).from_arrays(header, arrays)
    return index


def _member(kind: str) -> Any:  # noqa: ANN401 - classes that meet the protocol
    """The class of a kind, imported when it is first asked for."""
    if kind not in _HOMES:
        raise InputError(
            f"unknown kind of index {kind!r}",
            f"one of {sorted(_HOMES)}",
            "name one of these, or auto",
        )
    module, name = _HOMES[kind]
    return getattr(import_module(module), name)
