"""A space that comes later: which known sounds have no vectors in it yet, and where to hear them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from soundkin.library.scan import PRESENT
from soundkin.library.tables import vectors_table

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from soundkin.library.scan import Entry, Knowledge, Listing, Plan
    from soundkin.library.store import Store


def lacking(
    store: Store, space_ids: Sequence[str], sounds: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return the spaces in which known sounds have no vectors, by sound; the others are left out."""
    n_segments, held = store.count("segments"), store.spaces()
    found: dict[str, tuple[str, ...]] = {}
    for space_id in space_ids:
        name = vectors_table(space_id)
        if space_id in held and store.count(name) == n_segments:
            continue  # nothing is lacking, and nothing is left of a broken run
        have = set[str]()
        if space_id in held:
            have.update(pc.unique(store.read(name, ["sound_id"])["sound_id"]).to_pylist())
        for sound_id in sounds:
            if sound_id not in have:
                found[sound_id] = (*found.get(sound_id, ()), space_id)
    return found


def entries_of(
    sounds: Collection[str], listing: Listing, plan: Plan, known: Knowledge
) -> list[Entry]:
    """Return one file for each of some sounds, of those in the listing whose sound is known."""
    wanted = set(sounds)
    placed: Mapping[bytes, str] = {
        **{entry.path: place.sound_id for entry, place in plan.touched},
        **{entry.path: sound_id for entry, _, sound_id in [*plan.moved, *plan.copied]},
    }
    chosen = []
    for entry in listing.entries:
        sound_id = placed.get(entry.path)
        place = known.places.get(entry.path)
        if sound_id is None and place is not None and place.state == PRESENT:
            same = (place.size, place.mtime_ns) == (entry.size, entry.mtime_ns)
            sound_id = place.sound_id if same else None
        if sound_id in wanted:
            wanted.discard(sound_id)
            chosen.append(entry)
    return chosen
