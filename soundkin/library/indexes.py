"""Search indexes as caches: kept in files, built anew when the library moved on, never the truth.

::

    cache/<space id>.v<version>.<token>/    one index: the space, and the version of its table of vectors
        near.index                          what `soundkin.index` saves, memory-mapped when opened
        rows.index                          whose row is whose: sound, segment and commit

A cache is written beside and renamed; several processes may do so at once, the newest wins. What cannot be
read, or belongs to another library, is thrown away without a word. Where the library's folder cannot be
written to, the user's cache folder is used, and where that cannot be either, memory.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from soundkin.errors import LibraryFormatError, SoundkinError, StorageError
from soundkin.index import build, choose, load
from soundkin.index.container import Header, read_container, write_container
from soundkin.index.tuning import measured
from soundkin.library import locks
from soundkin.library.room import make_room, used_now

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from soundkin.index import Index
    from soundkin.library.ids import Pairs
    from soundkin.library.snapshot import Snapshot, SpaceView
    from soundkin.library.store import Store

TARGET = 0.95
"""The recall that an index is built for unless the user asked for another."""

MEASURED_ON = 256
"""Rows of its own that an index is measured on."""

MARGINS, LEAST = {"n_probe": 8.0, "ef": 3.0}, {"n_probe": 32.0, "ef": 64.0}
"""How much more is looked at than the recall asked for takes with the library's own rows, and the least."""

TAIL_ROWS, TAIL_PART = 20_000, 0.05
"""More new rows than both of these make an index old: they are scanned with every query."""

DEAD_PART = 0.2
"""With more forgotten rows than this part, an index is built from the start."""

GROWTH = 2.0
"""An index that has grown this much since it learned its lists learns them again."""

LEFT_OVER_S = 3600.0
"""How long what a killed process was writing is left alone."""

_NAME = re.compile(r"(?P<space>.+)\.v(?P<version>\d+)\.[0-9a-f]{12}")
ROWS, NEAR = "rows.index", "near.index"


@dataclass(frozen=True, slots=True)
class Cached:
    """An index and whose its rows are.

    near: the index, n rows. pairs (n, 2): ids of sounds; seq (n,): number of the segment, -1 for a row
    that was dead already; batch (n,): the commit it came with. loaded: batches that it has whole.
    name: of its folder, empty for one that lives in memory only.
    """

    near: Index
    pairs: Pairs
    seq: npt.NDArray[np.int32]
    batch: npt.NDArray[np.int64]
    loaded: npt.NDArray[np.int64]
    name: str = ""


class Indexes:
    """The cached indexes of one library; safe from many threads, beside other processes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[str, Cached] = {}

    # -- finding ------------------------------------------------------------------------------------

    def newest(self, space_id: str) -> str:
        """Return the name of the newest cache of a space, empty when there is none."""
        if space_id in self._held:
            return self._held[space_id].name
        return max(self._names(space_id), key=lambda found: found[:2], default=(0, 0.0, ""))[2]

    def open(self, space_id: str) -> Cached | None:
        """Open the newest cache of a space that can be read; what cannot is thrown away."""
        if space_id in self._held:
            return self._held[space_id]
        for _, _, name in sorted(self._names(space_id), reverse=True):
            for folder in self._folders():
                path = folder / name
                if path.is_dir():
                    try:
                        return self._read(path, space_id)
                    except (SoundkinError, OSError, ValueError, KeyError, TypeError, RuntimeError):
                        shutil.rmtree(path, ignore_errors=True)
        return None

    def stats(self, space_id: str) -> dict[str, Any]:
        """Return what the newest cache says of itself without opening its arrays; empty without one."""
        if space_id in self._held:
            return self._held[space_id].near.stats()
        name = self.newest(space_id)
        for folder in self._folders() if name else ():
            with contextlib.suppress(SoundkinError, OSError, ValueError, KeyError):
                header, _ = read_container(folder / name / NEAR, space_id=space_id)
                rows, arrays = read_container(folder / name / ROWS, space_id=space_id)
                self._check(rows, arrays)
                return {**header.settings, "kind": header.kind, "n_ids": len(arrays["seq"])}
        return {}

    def _names(self, space_id: str) -> Iterator[tuple[int, float, str]]:
        """Return version, time and name of every cache of a space."""
        for folder in self._folders():
            with contextlib.suppress(OSError):
                for entry in os.scandir(folder):
                    found = _NAME.fullmatch(entry.name)
                    if found is not None and found["space"] == space_id:
                        yield int(found["version"]), entry.stat().st_mtime, entry.name

    def _folders(self) -> tuple[Path, ...]:
        """Return where caches may lie: in the library, or among the user's caches."""
        if self._store.storage.remote:
            return (self._store.cache,)
        from platformdirs import user_cache_path

        home = user_cache_path("soundkin", appauthor=False) / "indexes" / self._store.library_id
        return self._store.cache, home

    def _read(self, path: Path, space_id: str) -> Cached:
        """Open one cache. Raises for whatever is not as it should be."""
        header, arrays = read_container(path / ROWS, space_id=space_id)
        self._check(header, arrays)
        used_now(path)
        near = load(path / NEAR, space_id=space_id, dim=header.dim)
        if near.n_ids != len(arrays["seq"]):
            raise LibraryFormatError(f"'{path}' holds two halves that do not fit")
        return Cached(
            near, arrays["pairs"], arrays["seq"], arrays["batch"], arrays["loaded"], path.name
        )

    def _check(self, header: Header, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Refuse the rows of another library, or rows of different lengths."""
        n = len(arrays["seq"])
        if (
            header.settings["library"] != self._store.library_id
            or len(arrays["pairs"]) != n
            or len(arrays["batch"]) != n
        ):
            raise LibraryFormatError("a cache of another library")

    # -- keeping up ---------------------------------------------------------------------------------

    def is_old(self, view: SpaceView, settings: Mapping[str, Any]) -> bool:
        """Say whether a view's index should be built, or brought up to date.

        settings: the library's; what the user tuned a space to stands among them.
        """
        index = view.index
        if index.near is None:
            return _wanted_kind(view, settings) != "exact"
        n_base = len(index.vectors.base)
        n_dead = index.n_ids - index.n
        return index.n_tail > max(TAIL_ROWS, TAIL_PART * n_base) or n_dead > DEAD_PART * n_base

    def refresh(
        self,
        snapshot: Snapshot,
        view: SpaceView,
        *,
        target: float = 0.0,
        n_queries: int = 0,
    ) -> Cached | None:
        """Build the index of a view, or append to it, and keep it; None while another process does.

        A target asks for a build from the start, with the least effort that gives that recall on so many
        of the view's own rows.
        """
        lock = self._store.local_locks / f"index-{view.space_id}"
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(SoundkinError, OSError):  # a library that cannot be written to
                if not locks.take(stack.enter_context(locks.opened(lock))):
                    return None
            built = None if target else self._appended(snapshot, view)
            if built is None:
                built = _built(snapshot, view, target, n_queries or MEASURED_ON)
            return self._kept(built, view, snapshot)

    def drop(self, space_id: str) -> None:
        """Throw away all caches of a space."""
        self._held.pop(space_id, None)
        for _, _, name in list(self._names(space_id)):
            for folder in self._folders():
                shutil.rmtree(folder / name, ignore_errors=True)

    def _appended(self, snapshot: Snapshot, view: SpaceView) -> Cached | None:
        """Add the new rows to a copy of the index; None when it should rather be built anew."""
        index = view.index
        old = self.open(view.space_id) if view.cache else None
        if old is None or old.name != view.cache or old.near is index.near or not old.name:
            return None
        n_base = len(index.vectors.base)
        n_built = old.near.stats().get("n_built", n_base)
        dead = np.flatnonzero(~index.alive[:n_base])
        if (
            len(dead) > DEAD_PART * n_base
            or not isinstance(n_built, int)
            or index.n > GROWTH * n_built
        ):
            return None
        later = np.flatnonzero(index.alive[n_base:]) + n_base
        old.near.remove(dead[old.near.alive[dead]])
        old.near.add(index.vectors[later])
        return _cached(old.near, snapshot, view, np.concatenate([np.arange(n_base), later]))

    def _kept(self, built: Cached, view: SpaceView, snapshot: Snapshot) -> Cached:
        """Write a new index down and open it from there; keep it in memory where nothing can be written."""
        version = snapshot.versions.get(f"vectors_{view.space_id}", 0)
        name = f"{view.space_id}.v{version}.{uuid4().hex[:12]}"
        for folder in self._folders():
            try:
                self._write(folder, name, built, view)
                if not self._has_room(folder / name):
                    shutil.rmtree(folder / name, ignore_errors=True)
                    continue
                found = self._read(folder / name, view.space_id)
            except (SoundkinError, OSError):
                continue
            self._held.pop(view.space_id, None)
            self.sweep(keep=name)
            return found
        self._held[view.space_id] = Cached(
            built.near, built.pairs, built.seq, built.batch, built.loaded, ""
        )
        return self._held[view.space_id]

    def _has_room(self, path: Path) -> bool:
        """Make room for a cache of a library in a bucket; a folder's lie beside its tables, unbounded."""
        if not self._store.storage.remote:
            return True
        return make_room(self._store.cache.parent, self._store.cache_bytes, path)

    def _write(self, folder: Path, name: str, built: Cached, view: SpaceView) -> None:
        """Write a cache beside, then rename it."""
        beside = folder / f".{name}.tmp"
        try:
            beside.mkdir(parents=True)
            built.near.save(beside / NEAR)
            settings = {"library": self._store.library_id}
            header = Header("rows", view.space_id, view.index.dim, settings)
            arrays: dict[str, npt.NDArray[Any]] = {
                "pairs": built.pairs,
                "seq": built.seq,
                "batch": built.batch,
                "loaded": built.loaded,
            }
            write_container(beside / ROWS, header, arrays)
            beside.rename(folder / name)
        except OSError as error:
            raise StorageError(
                f"the index '{folder / name}' cannot be written ({error})"
            ) from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def sweep(self, *, keep: str = "") -> None:
        """Remove caches of spaces that are gone, older ones of the space of `keep`, and left-overs."""
        spaces = set(self._store.spaces())
        kept = _NAME.fullmatch(keep)
        for folder in self._folders():
            with contextlib.suppress(OSError):
                for entry in list(os.scandir(folder)):
                    found = _NAME.fullmatch(entry.name.removeprefix(".").removesuffix(".tmp"))
                    if found is None:
                        continue
                    if entry.name.endswith(".tmp"):
                        useless = time.time() - entry.stat().st_mtime > LEFT_OVER_S
                    else:
                        useless = found["space"] not in spaces or (
                            kept is not None
                            and found["space"] == kept["space"]
                            and entry.name != keep
                            and int(found["version"]) <= int(kept["version"])
                        )
                    if useless:
                        shutil.rmtree(entry.path, ignore_errors=True)


def setting_key(space_id: str) -> str:
    """Return the setting under which stands what the user tuned the index of a space to."""
    return f"index:{space_id}"


def _wanted_kind(view: SpaceView, settings: Mapping[str, Any]) -> str:
    """Return the kind of index that a space of this size should have."""
    kind, _ = choose(view.index.n, view.index.dim)
    if kind == "exact":
        return kind
    return str(settings.get(setting_key(view.space_id), {}).get("kind", kind))


def _built(snapshot: Snapshot, view: SpaceView, target: float, n_queries: int) -> Cached:
    """Build from the start, over the living rows."""
    alive = view.index.alive
    rows = np.flatnonzero(alive)
    X = view.index.vectors[:] if len(rows) == len(alive) else view.index.vectors[rows]
    wish = snapshot.settings.get(setting_key(view.space_id), {})
    wished = target or float(wish.get("target", TARGET))
    kind, _ = choose(*X.shape)
    aim: dict[str, Any] = {"target": wished} if kind == "ann" else {}
    near = build(kind, X, space_id=view.space_id, **aim)
    tuned = measured(near, wished, n_queries=n_queries)
    if kind == "ann" and tuned:
        tuned |= {"effort": _with_margin(_of_lists(near) | tuned["effort"])}
    if tuned:
        near.adopt(tuned)
    return _cached(near, snapshot, view, rows)


def _of_lists(near: Index) -> dict[str, float]:
    """Return the effort of a selection where other queries follow the links of a graph."""
    n_probe = near.stats().get("n_probe")
    return {"n_probe": float(n_probe)} if isinstance(n_probe, int | float) else {}


def _with_margin(effort: dict[str, float]) -> dict[str, float]:
    """Return more effort than the library's own sounds need: what a person asks with lies farther off.

    >>> _with_margin({"n_probe": 1.0}), _with_margin({"n_probe": 12.0, "ef": 32.0})
    ({'n_probe': 32.0}, {'n_probe': 96.0, 'ef': 96.0})
    """
    return {name: max(LEAST[name], MARGINS[name] * value) for name, value in effort.items()}


def _cached(
    near: Index, snapshot: Snapshot, view: SpaceView, rows: npt.NDArray[np.int64]
) -> Cached:
    """Return an index over some rows of a view with the names of those rows."""
    sound, segment = view.sound[rows], view.segment[rows]
    seq = np.full(len(rows), -1, np.int32)
    there = segment >= 0
    seq[there] = snapshot.segments["seq"][segment[there]]
    pairs = np.zeros((len(rows), 2), np.uint64)
    pairs[there] = snapshot.ids.pairs[sound[there]]
    loaded = np.array(sorted(view.loaded), np.int64)
    return Cached(near, pairs, seq, view.batch[rows], loaded)
