"""The spaces a question is asked in: their names and weights, and where their bands lie."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

from soundkin.errors import InputError
from soundkin.shelf import find_space
from soundkin.space import Space, load_space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from soundkin.library.catalogue import Snapshot

DEFAULT_SPACES = ("mfcc",)
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


def weights_of(space: str | Mapping[str, float] | None) -> dict[str, float]:
    """Return the spaces of a query with what each counts. Raises `InputError` for weights of nothing.

    >>> weights_of({"sound": 0.7, "voice": 0})
    {'sound': 0.7}
    """
    if space is None or isinstance(space, str):
        return {space or DEFAULT_SPACES[0]: 1.0}
    weights = {str(name): float(weight) for name, weight in space.items() if weight}
    if not weights or not all(0 < weight < math.inf for weight in weights.values()):
        raise InputError(
            f"the blend {dict(space)}",
            "spaces with weights above 0",
            'for example {"mfcc": 0.7, "mine": 0.3}',
        )
    return weights


def borders_of(space: Space, snapshot: Snapshot) -> tuple[Borders, bool]:
    """Return the band borders of a space, and whether they were measured on this library."""
    measured = snapshot.settings.get(f"borders:{space.id}")
    bands = measured or space.card.get("bands", UNMEASURED)
    return (bands["near_identical"], bands["close"], bands["related"]), measured is not None
