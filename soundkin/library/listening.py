"""Which spaces a library listens in, in the order in which they came; the first is the one it searches in.

Every run adds the spaces that it is given, so a library keeps its own whatever is installed later. A
space is remembered by its id and by how it is opened: a name, or the path of a .json file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from soundkin.library.store import Store

KEY = "spaces"
"""The setting that holds them: a list of [id, how it is opened]."""

BEFORE = "mfcc"
"""What libraries were searched in before they remembered."""


@dataclass(frozen=True, slots=True)
class Ear:
    """A space of a library: its `id`, and the `source` that opens it: a name or a .json file."""

    id: str
    source: str


def ears_of(settings: Mapping[str, Any], held: Sequence[str]) -> list[Ear]:
    """Return the spaces of a library by its settings and the ids that it has vectors of.

    Those that were not remembered come last, the one that was searched in before at their head.

    >>> [ear.id for ear in ears_of({"spaces": [["b-1", "b"]]}, ["a-1", "b-1", "mfcc-1"])]
    ['b-1', 'mfcc-1', 'a-1']
    """
    known = [Ear(space_id, source) for space_id, source in settings.get(KEY) or []]
    ids = {ear.id for ear in known}
    others = sorted(
        (id_ for id_ in held if id_ not in ids), key=lambda id_: (_name(id_) != BEFORE, id_)
    )
    return [*known, *(Ear(space_id, _name(space_id)) for space_id in others)]


def ears(store: Store) -> list[Ear]:
    """Return the spaces of a library as its tables have them now."""
    return ears_of({KEY: store.setting(KEY)}, store.spaces())


def remember(store: Store, sources: Sequence[str], space_ids: Sequence[str]) -> None:
    """Add spaces to those of a library; what is there keeps its place."""
    before = ears(store)
    known = {ear.id for ear in before}
    fresh = [
        Ear(space_id, str(Path(source).absolute()) if source.endswith(".json") else source)
        for source, space_id in zip(sources, space_ids, strict=True)
        if space_id not in known
    ]
    if fresh or store.setting(KEY) is None:
        store.put_setting(KEY, [[ear.id, ear.source] for ear in [*before, *fresh]])


def _name(space_id: str) -> str:
    """Return the name in a space's id."""
    return space_id.rpartition("-")[0]
