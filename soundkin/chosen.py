"""The spaces a question is asked in: their names and weights, and where their bands lie."""

from __future__ import annotations

import math
import os
from functools import cache
from typing import TYPE_CHECKING

from soundkin.errors import InputError, SpaceError, UnknownSpace
from soundkin.library.listening import ears
from soundkin.library.tables import vectors_table
from soundkin.library.views import SpaceInfo
from soundkin.shelf import find_space
from soundkin.space import Space, load_space

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from soundkin.library.catalogue import Snapshot
    from soundkin.library.listening import Ear
    from soundkin.library.store import Store
    from soundkin.library.views import IndexInfo

DEFAULT_SPACE = "sound"
"""What a new library listens in, unless it is told otherwise."""

UNMEASURED = {"near_identical": 0.03, "close": 0.2, "related": 0.5}
"""Band borders of a space whose card names none, until they are measured on the library."""

Borders = tuple[float, float, float]
"""Up to which cosine distance a hit is near-identical, close, related."""


def space_named(name: str) -> Space:
    """Return a space by name or file, loaded once until its file changes. Raises `UnknownSpace`."""
    return _loaded(name, find_space(name).stat().st_mtime_ns)


@cache
def _loaded(name: str, _written_at: int) -> Space:
    """Return a space as it was written at one moment."""
    return load_space(name)


def new_library_space() -> str:
    """Return what a new library listens in: the variable SOUNDKIN_DEFAULT_SPACE, else `DEFAULT_SPACE`."""
    return os.environ.get("SOUNDKIN_DEFAULT_SPACE") or DEFAULT_SPACE


def opened(ears: Sequence[Ear]) -> list[str]:
    """Return how those of a library's spaces are opened that can be: the very ones, by their ids.

    One that was taken away, or gave way to a newer one of its name, is left out.
    """
    return [ear.source for ear in ears if _is_here(ear)]


def sources_of(ears: Sequence[Ear], more: Sequence[str] = ()) -> list[str]:
    """Return how the spaces are opened that a library listens in, `more` behind its own.

    A library without any takes what is named, else what a new library listens in. Raises
    `UnknownSpace` for one whose spaces are all gone, when nothing is named.
    """
    own = opened(ears)
    if ears and not own and not more:
        said = ", ".join(ear.id for ear in ears)
        name = ears[0].id.rpartition("-")[0]
        raise UnknownSpace(
            f"this library listens in {said}, which is not installed as it was then",
            "a space that is",
            f"`soundkin spaces add {name}` hears its sounds anew",
        )
    ids = {space_named(name).id for name in own}
    fresh = [name for name in dict.fromkeys(more) if space_named(name).id not in ids]
    return [*own, *fresh] or [new_library_space()]


def _is_here(ear: Ear) -> bool:
    """Whether that very space can be opened now."""
    try:
        return space_named(ear.source).id == ear.id
    except (SpaceError, OSError):
        return False


def weights_of(space: str | Mapping[str, float]) -> dict[str, float]:
    """Return the spaces of a query with what each counts. Raises `InputError` for weights of nothing.

    >>> weights_of({"sound": 0.7, "voice": 0})
    {'sound': 0.7}
    """
    if isinstance(space, str):
        return {space: 1.0}
    weights = {str(name): float(weight) for name, weight in space.items() if weight}
    if not weights or not all(0 < weight < math.inf for weight in weights.values()):
        raise InputError(
            f"the blend {dict(space)}",
            "spaces with weights above 0",
            'for example {"sound": 0.7, "mfcc": 0.3}',
        )
    return weights


def borders_of(space: Space, snapshot: Snapshot) -> tuple[Borders, bool]:
    """Return the band borders of a space, and whether they were measured on this library."""
    measured = snapshot.settings.get(f"borders:{space.id}")
    bands = measured or space.card.get("bands", UNMEASURED)
    return (bands["near_identical"], bands["close"], bands["related"]), measured is not None


def space_infos(
    store: Store, snapshot: Snapshot, indexed: Callable[[str, int, int], IndexInfo]
) -> tuple[SpaceInfo, ...]:
    """Describe the spaces of a library, the one that is searched in first of all.

    indexed: what is known of the index over a space, by its id, its vectors and their dimension.
    """
    held = store.spaces()
    own = [ear for ear in ears(store) if ear.id in held]
    first = next((ear.id for ear in own if opened([ear])), "")
    own.sort(key=lambda ear: ear.id != first)
    found = []
    for ear in own:
        table = store.table(vectors_table(ear.id))
        n, dim = int(table.count_rows()), int(table.schema.field("vector").type.list_size)
        borders, calibrated = _borders_as_heard(ear, snapshot)
        index = indexed(ear.id, n, dim)
        name, default = ear.id.rpartition("-")[0], ear.id == first
        found.append(
            SpaceInfo(name, ear.id, dim, n, index.kind, borders, calibrated, index, default)
        )
    return tuple(found)


def _borders_as_heard(ear: Ear, snapshot: Snapshot) -> tuple[Borders, bool]:
    """Return a space's borders as `borders_of`, zeros when it is not installed as it was."""
    try:
        space = space_named(ear.source)
    except SpaceError:
        return (0.0, 0.0, 0.0), False
    return borders_of(space, snapshot) if space.id == ear.id else ((0.0, 0.0, 0.0), False)
