"""Taking away what an interrupted run left behind; called when nobody else is indexing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from soundkin.library.ids import SoundIds, distinct, packed
from soundkin.library.tables import quote, vectors_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soundkin.library.store import Store


def sweep(store: Store) -> int:
    """Remove orphans; return how many rows went.

    Orphans are rows of sounds without their `sounds` row, places and failures of roots that are not
    there, and the second set of rows of a sound that two indexers met at the same moment.
    """
    by_sound = ["segments", *(vectors_table(space) for space in store.spaces())]
    sounds = store.read("sounds", ["sound_id", "batch"])
    pairs = packed(sounds["sound_id"])
    first = distinct(pairs)
    removed = 0
    if len(first) < len(pairs):
        removed += _sweep_twins(store, sounds, by_sound)
    known = SoundIds.of_pairs(pairs[first])
    for name in [*by_sound, "locations"]:
        present = store.read(name, ["sound_id"])["sound_id"]
        unknown = pa.array(known.ords(packed(present)) < 0)
        orphans = pc.unique(present.filter(unknown)).to_pylist()
        if orphans:
            removed += _removed(store, name, partial(store.delete_sounds, name, orphans))
    roots = store.read("roots", ["root_id"])["root_id"].to_pylist()
    for name in ("locations", "failures"):
        present = pc.unique(store.read(name, ["root_id"])["root_id"]).to_pylist()
        orphans = [root_id for root_id in present if root_id not in roots]
        if orphans:
            where = f"root_id IN ({quote(orphans)})"
            removed += _removed(store, name, partial(store.delete, name, where))
    return removed


def _sweep_twins(store: Store, sounds: pa.Table, by_sound: Sequence[str]) -> int:
    """Remove all but the first batch of sounds that were committed twice."""
    counts = sounds.group_by("sound_id").aggregate([("batch", "count"), ("batch", "min")])
    twins = counts.filter(pc.greater(counts["batch_count"], 1))
    removed = 0
    for sound_id, first in zip(
        twins["sound_id"].to_pylist(), twins["batch_min"].to_pylist(), strict=True
    ):
        where = f"sound_id = {quote([sound_id])} AND batch > {first}"
        for name in [*by_sound, "sounds"]:  # the marker last: a kill in between is made good later
            removed += _removed(store, name, partial(store.delete, name, where))
    return removed


def _removed(store: Store, name: str, work: Callable[[], None]) -> int:
    """Do a deletion and return how many rows it took."""
    before = store.count(name)
    work()
    return before - store.count(name)
