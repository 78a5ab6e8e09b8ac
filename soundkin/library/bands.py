"""When the borders of the bands are measured anew, on which sounds, and by whom.

The sounds are a sample of the library, the same for the same library; the processes that hear files
deform, encode and embed them, so a run of the indexer measures on all its processes at once.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from soundkin.library.calibrate import COPIES_OF, MIN_SOUNDS, calibrate
from soundkin.library.outcome import Job
from soundkin.library.scan import PRESENT
from soundkin.library.tables import quote, vectors_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soundkin.library.store import Store
    from soundkin.library.workers import Hearers

SAMPLE = 4_000
"""Sounds whose vectors are compared."""

GROUP = 5
SHORTEST_COPIED_S = 0.1
"""Shorter segments say nothing about copies: trimming them is no light deformation."""


def measure_borders(
    store: Store,
    space_ids: Sequence[str],
    workers: Hearers,
    *,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Measure the borders of those spaces whose library has doubled since the last time.

    workers: hear in these spaces. The borders go into the settings, as `borders:` and the space's id.
    """
    n_sounds = store.count("sounds")
    due = [space_id for space_id in space_ids if n_sounds >= 2 * _measured_at(store, space_id)]
    if not due or stop():
        return
    names = np.array(sorted(store.read("sounds", ["sound_id"])["sound_id"].to_pylist()))
    chosen = np.random.default_rng(0).permutation(names)[:SAMPLE].tolist()
    copies = _copies_of(store, chosen[: 3 * COPIES_OF], due, workers, stop)
    for space_id in due:
        X, sound = _vectors_of(store, space_id, chosen, everything=len(chosen) == len(names))
        borders = calibrate(X, sound, np.array(copies[space_id]), sounds=n_sounds)
        if borders is not None:
            store.put_setting(f"borders:{space_id}", asdict(borders))


def _measured_at(store: Store, space_id: str) -> float:
    """Return how many sounds the library had when last measured."""
    before = store.setting(f"borders:{space_id}")
    return float(before["sounds"]) if before else MIN_SOUNDS / 2


def _copies_of(
    store: Store,
    sounds: Sequence[str],
    space_ids: Sequence[str],
    workers: Hearers,
    stop: Callable[[], bool],
) -> dict[str, list[float]]:
    """Return distances of deformed copies of `COPIES_OF` of these sounds, or of as many as open."""
    jobs = _jobs(store, sounds)
    found: dict[str, list[float]] = {space_id: [] for space_id in space_ids}
    taken = done = 0
    while jobs[taken:] and done < COPIES_OF and not stop():
        part = jobs[taken : taken + COPIES_OF - done]
        taken += len(part)
        groups = [tuple(part[i : i + GROUP]) for i in range(0, len(part), GROUP)]
        outcomes = sorted(workers.run(groups, stop=stop), key=lambda outcome: outcome.key)
        for outcome in outcomes:
            done += bool(outcome.copies)
            for space_id in space_ids:
                found[space_id] += outcome.copies.get(space_id, [])
    return found


def _jobs(store: Store, sounds: Sequence[str]) -> list[Job]:
    """Return an errand for the first segment of each sound that is there and long enough."""
    mine = f"sound_id IN ({quote(sounds)})"
    roots = {row["root_id"]: row["path"] for row in store.read("roots").to_pylist()}
    places = store.read(
        "locations", ["root_id", "path", "sound_id"], f"{mine} AND state = '{PRESENT}'"
    )
    spots = {
        row["sound_id"]: os.path.join(roots[row["root_id"]], row["path"])
        for row in places.sort_by([("path", "descending")]).to_pylist()
        if row["root_id"] in roots
    }
    segments = store.read("segments", ["sound_id", "seq", "start_s", "end_s"], mine)
    first = {row["sound_id"]: row for row in segments.sort_by([("seq", "descending")]).to_pylist()}
    return [
        Job(number, spots[sound], start_s=row["start_s"], end_s=row["end_s"], task="copies")
        for number, sound in enumerate(sounds)
        if (row := first.get(sound)) is not None
        and sound in spots
        and row["end_s"] - row["start_s"] >= SHORTEST_COPIED_S
    ]


def _vectors_of(
    store: Store, space_id: str, sounds: Sequence[str], *, everything: bool
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Return vectors (n, dim) of some sounds, in a fixed order, and whose they are (n,)."""
    where = None if everything else f"sound_id IN ({quote(sounds)})"
    rows = store.read(vectors_table(space_id), ["sound_id", "seq", "vector"], where)
    number = pc.index_in(rows["sound_id"], pa.array(sounds)).to_numpy(zero_copy_only=False)
    known = np.flatnonzero(~np.isnan(number.astype(np.float64)))
    order = known[np.lexsort((rows["seq"].to_numpy()[known], number[known]))]
    vectors = rows["vector"].combine_chunks()
    X = np.asarray(vectors.flatten()).reshape(len(rows), -1)
    return X[order], number[order].astype(np.int32)
