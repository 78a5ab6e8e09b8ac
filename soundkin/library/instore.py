"""A space whose vectors do not fit into memory: they stay in the store, and its own index answers.

What lies in memory then is whose row is whose, some 30 bytes a segment; vectors are read, from disk or from
the bucket, when they are measured. The index is Lance's: inverted lists whose rows are kept as product codes
(Jegou, Douze & Schmid, "Product quantization for nearest neighbor search", 2011), the best by their codes
measured again with the whole vectors. It lies beside the table, so a library in a bucket has one for all its
servers. How many lists are opened and how many rows measured again is the least that gives the recall asked
for on the library's own segments; both stand in the library's settings.

A view of such a space is held at one version of the table; what comes later lies in memory and is scanned,
until the view is opened anew.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from soundkin.index.tuning import measured
from soundkin.library.ids import packed
from soundkin.library.indexes import GROWTH, TAIL_PART, TAIL_ROWS, TARGET, Cached, setting_key
from soundkin.library.room import size_in_bytes
from soundkin.library.store_index import KIND, StoreIndex
from soundkin.library.tables import vectors_table
from soundkin.library.views import IndexInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from soundkin.index import Index
    from soundkin.library.snapshot import Snapshot, SpaceView
    from soundkin.library.store import Store

PART = 0.35
"""Part of a machine's memory that the vectors of one space may take; building an index takes twice that."""

MEASURED_ON = 128
"""Segments that the recall is measured on; each is compared with every vector."""

MARGIN = 2.0
"""How much more is looked at than the library's own segments need: what people ask with lies farther off."""

STAYS_S = 1_200.0
"""How long a view is held at a version that is not the newest; the store keeps old ones for an hour."""

LEAST = 4_096
"""Rows below which no index is built: all are compared."""


def memory_bytes() -> int:
    """Return the memory of this machine, or of the part that this process may use.

    The variable SOUNDKIN_MEMORY says it otherwise, as in ``SOUNDKIN_MEMORY=8GB``.
    """
    said = os.environ.get("SOUNDKIN_MEMORY")
    if said:
        return size_in_bytes(said)
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # "max" where there is no bound
        whole = min(whole, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return whole


def is_too_large(n: int, dim: int) -> bool:
    """Say whether so many vectors should stay in the store."""
    return 4 * n * dim > PART * memory_bytes()


def key_of(space_id: str) -> str:
    """Return the setting under which stands what the store's own index of a space was measured to do."""
    return f"store-index:{space_id}"


def held(store: Store, space_id: str, snapshot: Snapshot, counts: Mapping[int, int]) -> Cached:
    """Open a space in the store for a snapshot; counts: rows of every batch that the snapshot knows of."""
    wish = snapshot.settings.get(setting_key(space_id), {})
    settings = snapshot.settings.get(key_of(space_id), {})
    near = StoreIndex(store, space_id, {**settings, "exact": wish.get("kind") == "exact"})
    rows = near.read_rows()
    pairs = packed(rows["sound_id"])
    seq = rows["seq"].to_numpy().astype(np.int32)
    batch = rows["batch"].to_numpy()
    sound = snapshot.ids.ords(pairs)
    here = np.isin(batch, np.fromiter(counts, np.int64, len(counts)))
    unknown = set(np.unique(batch[sound < 0]).tolist()) - snapshot.batches.keys()
    loaded = set(np.unique(batch[here]).tolist()) - unknown
    keys = np.where(sound < 0, -1, (sound << 32) | seq)
    first = np.zeros(len(keys), np.bool_)
    first[np.unique(keys, return_index=True)[1]] = True
    seq[~(here & first)] = -1
    return Cached(
        cast("Index", near),
        pairs,
        seq,
        batch,
        np.array(sorted(loaded), np.int64),
        f"{KIND}.v{near.version}",
    )


def may_stay(view: SpaceView, version: int) -> bool:
    """Say whether a view of a space in the store can be gone on with; version: the table's newest."""
    near = _near(view)
    if near is None:
        return False
    is_newest = near.version == version
    n_tail, n_base = view.index.n_tail, len(view.index.vectors.base)
    n_dead = view.index.n_ids - view.index.n
    is_long = n_tail > max(TAIL_ROWS, TAIL_PART * n_base) or n_dead > max(TAIL_ROWS, 0.2 * n_base)
    return is_newest or not (is_long or time.monotonic() - near.opened_at > STAYS_S)


def _near(view: SpaceView) -> StoreIndex | None:
    """Return the store's index of a view, None of one whose vectors are in memory."""
    near: object = view.index.near
    return near if isinstance(near, StoreIndex) else None


def is_behind(store: Store, space_id: str, view: SpaceView | None = None) -> bool:
    """Say whether the store's own index of a space lacks many rows, or is not there; view: as it is held."""
    near = None if view is None else _near(view)
    n = store.count(vectors_table(space_id)) if near is None else near.n
    near = near or StoreIndex(store, space_id, {})
    if n < LEAST or near.is_exact:
        return False
    return n - near.n_indexed > max(TAIL_ROWS, TAIL_PART * n) or not near.n_indexed


def build(store: Store, space_id: str, *, target: float = 0.0) -> dict[str, Any] | None:
    """Build the store's own index of a space, or bring it up to date; measure it; return what came out.

    target: a recall that asks for a build from the start. None while another process builds it; what that
    has built is not built again.
    """
    name = vectors_table(space_id)
    with store.storage.locks.hold(f"index-{space_id}") as holder:
        if holder:
            return None
        before = store.setting(key_of(space_id)) or {}
        if before and not target and not is_behind(store, space_id):
            return dict(before)  # another process was faster
        n = store.count(name)
        if target or n > GROWTH * before.get("n_built", 0):
            dim = int(store.table(name).schema.field("vector").type.list_size)
            n_lists = max(1, round(n**0.5))
            store.index_vectors(name, n_lists=n_lists, n_codes=_codes_of(dim))
            before = {"n_built": n, "n_lists": n_lists}
        else:
            store.index_vectors(name)
        wish = store.setting(setting_key(space_id)) or {}
        wished = target or float(wish.get("target") or before.get("target", TARGET))
        near = StoreIndex(store, space_id, before)
        near.read_rows()
        tuned = measured(cast("Index", near), min(wished, 0.999), n_queries=MEASURED_ON)
        if tuned:
            tuned |= {"effort": {name: MARGIN * value for name, value in tuned["effort"].items()}}
        now = {**before, "target": wished, "tuned": tuned}
        store.put_setting(key_of(space_id), now)
        return now


def _codes_of(dim: int) -> int:
    """Return how many bytes stand for a vector: the greatest divisor that is an eighth of its length or less.

    >>> _codes_of(128), _codes_of(80), _codes_of(12), _codes_of(7)
    (16, 10, 1, 1)
    """
    return next(m for m in range(max(1, dim // 8), 0, -1) if dim % m == 0)


def info(store: Store, space_id: str, n: int, dim: int) -> IndexInfo:
    """Say how a space in the store is searched."""
    gigabytes, memory = 4e-9 * n * dim, 1e-9 * memory_bytes()
    why = f"{n:,} vectors of {dim} numbers: {gigabytes:.3g} GB are too many for {memory:.3g} GB of memory"
    settings = store.setting(key_of(space_id)) or {}
    wish = store.setting(setting_key(space_id)) or {}
    tuned = settings.get("tuned") or {}
    if wish.get("kind") == "exact" or not tuned:
        till = "as was asked for" if wish.get("kind") == "exact" else "until an index is built"
        target = float(wish.get("target", 0.0))
        return IndexInfo("exact", f"{why}; all are read and compared {till}", 1.0, 0, target)
    return IndexInfo(
        KIND,
        f"{why}; the store's own index answers (IVF-PQ, {settings['n_lists']:,} lists)",
        float(tuned["recall"]),
        int(tuned["n_queries"]),
        float(settings["target"]),
    )
