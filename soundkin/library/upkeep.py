"""Keeps the indexes of a library as good as its size asks for: at the end of a run, or in a thread."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from soundkin.errors import InputError, LibraryBusy, SoundkinError
from soundkin.index import choose
from soundkin.library import instore
from soundkin.library.indexes import TAIL_PART, TAIL_ROWS, setting_key
from soundkin.library.store_index import KIND
from soundkin.library.tables import vectors_table
from soundkin.library.views import IndexInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundkin.library.catalogue import Catalogue, Snapshot, SpaceView

PAUSE_S = 60.0
"""How long nothing is tried again after a thread has ended."""

PATIENCE_S = 5.0
"""How long the end of a program waits for an index that is being built."""

MEASURED_ON = 1000
"""Segments of the library that `tune` asks with."""


class Upkeep:
    """Builds the indexes of one library; in a thread after `begin`, until closed."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._indexes = catalogue.indexes
        self._stays = False
        self._busy = threading.Lock()
        self._due = 0.0
        self._thread: threading.Thread | None = None

    # -- in the foreground --------------------------------------------------------------------------

    def bring_up(self, space_id: str) -> None:
        """Build or extend the index of a space when it is behind; else cost next to nothing."""
        store = self._catalogue.store
        n = store.count(vectors_table(space_id))
        if not n:
            return
        dim = int(store.table(vectors_table(space_id)).schema.field("vector").type.list_size)
        if instore.is_too_large(n, dim):
            if instore.is_behind(store, space_id) and instore.build(store, space_id) is not None:
                self._catalogue.reopen(space_id)
            return
        if choose(n, dim)[0] == "exact":
            return
        held = int(self._indexes.stats(space_id).get("n_ids", 0))
        if held and abs(n - held) <= max(TAIL_ROWS, TAIL_PART * held):
            return
        self._catalogue.touch()
        snapshot = self._catalogue.snapshot(space_id)
        view = snapshot.spaces.get(space_id)
        if view is not None and self._indexes.is_old(view, snapshot.settings):
            self._build(snapshot, view)

    def _build(self, snapshot: Snapshot, view: SpaceView, *, target: float = 0.0) -> bool:
        """Build, keep and open an index; say whether it was done: not while another process does."""
        measured_on = MEASURED_ON if target else 0
        built: object
        if _is_in_store(view):
            built = instore.build(self._catalogue.store, view.space_id, target=target)
        else:
            built = self._indexes.refresh(snapshot, view, target=target, n_queries=measured_on)
        if built is not None:
            self._catalogue.reopen(view.space_id)
        return built is not None

    def tune(self, space_id: str, recall: float) -> IndexInfo:
        """See `soundkin.facade.Library.tune`."""
        if not 0 < recall <= 1:
            raise InputError(
                f"a recall of {recall}", "above 0, and 1 at most", "0.95 is a fair wish"
            )
        store = self._catalogue.store
        snapshot = self._catalogue.snapshot(space_id)
        view = snapshot.spaces[space_id]
        n, dim = view.index.n, view.index.dim
        wish: dict[str, Any] = {"kind": "exact", "target": recall, "recall": 1.0, "measured": 0}
        if choose(n, dim)[0] != "exact" and recall < 1:
            if not self._build(snapshot, view, target=recall):
                raise LibraryBusy(
                    f"another process builds the index of {space_id}", "", "wait for it to end"
                )
            stats = self._stats(space_id, n, dim)
            if stats["tuned"]["recall"] >= recall:
                wish = {
                    "kind": stats["kind"],
                    "target": recall,
                    "effort": stats["tuned"]["effort"],
                    "recall": stats["tuned"]["recall"],
                    "measured": stats["tuned"]["n_queries"],
                }
        store.put_setting(setting_key(space_id), wish)
        if wish["kind"] == "exact":
            self._indexes.drop(space_id)
        self._catalogue.reopen(space_id)
        return self.info(space_id, n, dim)

    def info(self, space_id: str, n: int, dim: int) -> IndexInfo:
        """Say how a space of n vectors is searched now."""
        wish = self._catalogue.store.setting(setting_key(space_id)) or {}
        target = float(wish.get("target", 0.0))
        kind, why = choose(n, dim)
        if instore.is_too_large(n, dim):
            return instore.info(self._catalogue.store, space_id, n, dim)
        if kind != "exact" and wish.get("kind") == "exact":
            why = f"{n:,} vectors of {dim} numbers: all are compared, as a recall of {target:g} asks for"
            return IndexInfo("exact", why, 1.0, 0, target)
        stats = {} if kind == "exact" else self._indexes.stats(space_id)
        if not stats:
            if kind != "exact":
                why = f"{n:,} vectors of {dim} numbers: all are compared until the index is built"
            return IndexInfo("exact", why, 1.0, 0, target)
        tuned = stats.get("tuned") or {}
        return IndexInfo(
            str(stats["kind"]),
            why,
            float(tuned.get("recall", 0.0)),
            int(tuned.get("n_queries", 0)),
            float(tuned.get("target", target)),
        )

    # -- in a thread --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Build old indexes in a thread from now on."""
        self._stays = True
        self._catalogue.touch()

    def close(self) -> None:
        """Begin nothing more, and wait a moment for what goes on; half an index is never kept."""
        self._stays = False
        if self._thread is not None:
            self._thread.join(PATIENCE_S)

    def look_at(self, snapshot: Snapshot, views: Sequence[SpaceView]) -> None:
        """Begin a thread for views whose index is old, unless one runs or has just ended."""
        if not self._stays or time.monotonic() < self._due:
            return
        old = [view for view in views if self._is_old(view, snapshot)]
        if old and self._busy.acquire(blocking=False):
            self._thread = threading.Thread(
                target=self._work, args=(snapshot, old), name="soundkin-upkeep", daemon=True
            )
            self._thread.start()

    def _is_old(self, view: SpaceView, snapshot: Snapshot) -> bool:
        """Say whether the index of a view should be built or brought up to date."""
        if _is_in_store(view):
            return instore.is_behind(self._catalogue.store, view.space_id, view)
        return self._indexes.is_old(view, snapshot.settings)

    def _stats(self, space_id: str, n: int, dim: int) -> dict[str, Any]:
        """Return what the index that was built last says of itself."""
        if not instore.is_too_large(n, dim):
            return self._indexes.stats(space_id)
        settings = self._catalogue.store.setting(instore.key_of(space_id))
        return {**settings, "kind": choose(n, dim)[0]}  # what a machine with room has instead

    def _work(self, snapshot: Snapshot, views: Sequence[SpaceView]) -> None:
        """Build what is old; a failure is tried again later, searching goes on without."""
        try:
            for view in views:
                self._build(snapshot, view)
        except (SoundkinError, OSError, MemoryError):
            pass
        finally:
            self._due = time.monotonic() + PAUSE_S
            self._busy.release()


def _is_in_store(view: SpaceView) -> bool:
    """Say whether a view's vectors stay in the store."""
    return view.index.kind == KIND
