"""One library behind one object: what Python, the command line and the server share.

>>> from soundkin import Library
>>> library = Library.open("my-library")           # doctest: +SKIP
>>> library.add("~/Samples")                       # doctest: +SKIP
>>> for hit in library.search("kick.wav").hits:    # doctest: +SKIP
...     print(hit.path, hit.start_s, hit.band)
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from soundkin import listing
from soundkin import search as searching
from soundkin.chosen import (
    Borders,
    borders_of,
    new_library_space,
    opened,
    sources_of,
    space_infos,
    space_named,
    weights_of,
)
from soundkin.errors import NotFound, Offline, UnknownSpace
from soundkin.library import export, places
from soundkin.library.catalogue import Catalogue, Snapshot, SpaceView
from soundkin.library.counts import Counter
from soundkin.library.ingest import IndexReport, Progress, index_folder
from soundkin.library.joining import Joined, add_space
from soundkin.library.listening import ears, ears_of
from soundkin.library.marker import FORMAT
from soundkin.library.scan import GONE, PRESENT
from soundkin.library.storage import library_path
from soundkin.library.store import Store
from soundkin.library.upkeep import Upkeep
from soundkin.library.views import Failure, IndexInfo, LibraryInfo, Root, Segment, Sound
from soundkin.listen import SOUND_ID, Listener, QueryItem, as_items
from soundkin.marked import Marked
from soundkin.scope import Scope
from soundkin.search import Part, SearchResult, Sense

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from soundkin.space import Space

__all__ = ["IndexReport", "Library", "Look", "Progress", "QueryItem", "Scope", "SearchResult"]


@dataclass(frozen=True, slots=True)
class Look:
    """A library at one moment with one space in it, and the borders of that space's bands."""

    snapshot: Snapshot
    view: SpaceView
    borders: Borders


class Library(Marked):
    """A collection of sounds that can be searched by how they sound.

    Open one with `Library.open`; it is a context manager. Safe to use from several threads and, beside
    other processes, for reading, tagging and indexing (one indexer a folder).
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._catalogue = Catalogue(store, searching.prepare)
        self._listener = Listener(store, self._catalogue)
        self._counter = Counter(store)
        self._upkeep = Upkeep(self._catalogue)

    @classmethod
    def open(
        cls,
        path: str | Path | None = None,
        *,
        create: bool = True,
        cache_bytes: int | None = None,
    ) -> Library:
        """Open the library at `path`, a folder or an address such as s3://bucket/library.

        A new one is laid where there is none. cache_bytes: what this machine keeps of libraries in buckets,
        all together; 20 GB unless it is said.

        Without a path: the variable SOUNDKIN_LIBRARY, else the user's data folder. With `create=False` a
        missing library is `NotFound`. Raises `LibraryFormatError` for a folder that is no library or one
        written by a newer Soundkin, `StorageError` where nothing can be written.
        """
        store = Store.open(library_path(path), create=create)
        if cache_bytes is not None:
            store.cache_bytes = cache_bytes
        return cls(store)

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def give_up(self) -> None:
        """Let nobody wait for a decoder any longer: for a program that is about to end."""
        self._listener.give_up()

    def close(self) -> None:
        """End the process that decodes for this library, and what goes on in threads."""
        self._upkeep.close()
        self._catalogue.close()
        self._listener.close()

    @property
    def path(self) -> Path:
        """The library's folder; of a library in a bucket, what this machine keeps of it."""
        return self._store.path

    @property
    def where(self) -> str:
        """Where the library is, as a person writes it: a path or an address."""
        return str(self._store.storage)

    @property
    def store(self) -> Store:
        """The tables on disk: for the rooms beside this one, not for users."""
        return self._store

    @property
    def catalogue(self) -> Catalogue:
        """The library in memory: for the rooms beside this one, not for users."""
        return self._catalogue

    def look(self, space: str | None = None) -> Look:
        """Return the library at this moment with one space in it; raises as `search`."""
        chosen = space_named(space or self.default_space())
        snapshot, view = self._view(chosen.id)
        return Look(snapshot, view, borders_of(chosen, snapshot)[0])

    # -- growing ------------------------------------------------------------------------------------

    def add(
        self,
        folder: str | Path,
        *,
        spaces: Sequence[str] = (),
        jobs: int | None = None,
        retry_failed: bool = False,
        dry_run: bool = False,
        timeout_s: float = 60.0,
        on_progress: Callable[[Progress], None] | None = None,
        stop: Callable[[], bool] | None = None,
        cluster: str | None = None,
    ) -> IndexReport:
        """Bring the library up to date with a folder; see `soundkin.library.ingest.index_folder`.

        spaces: names or .json files, all heard in one pass; a library keeps listening in its own beside
        them. Without any: its own, or for a new one what :data:`soundkin.chosen.DEFAULT_SPACE` says.
        cluster: a Ray cluster that hears the files, "auto" or ray://host:port; see `soundkin.cluster`.
        """
        heard_in = self.sources(spaces)
        path = os.path.expanduser(os.fspath(folder))
        hearers = None
        if cluster is not None:
            from soundkin.cluster import hearing

            hearers = hearing(cluster, path)
        report = index_folder(
            self._store,
            path,
            spaces=heard_in,
            jobs=jobs,
            retry_failed=retry_failed,
            dry_run=dry_run,
            timeout_s=timeout_s,
            on_progress=on_progress,
            stop=stop,
            hearers=hearers,
        )
        self._catalogue.touch()
        if not dry_run and not report.stopped:
            for name in heard_in:
                self._upkeep.bring_up(space_named(name).id)
        return report

    def add_space(
        self,
        space: str | Path,
        *,
        jobs: int | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Joined:
        """Hear every sound in one more space, the others left as they are; resumable.

        See :func:`soundkin.library.joining.add_space`.
        """
        own = opened(ears(self._store))
        joined = add_space(
            self._store, str(space), beside=own, jobs=jobs, on_progress=on_progress, stop=stop
        )
        self._catalogue.touch()
        if not joined.stopped and joined.vectors:
            self._upkeep.bring_up(joined.space_id)
        return joined

    def sources(self, more: Sequence[str | Path] = ()) -> list[str]:
        """Return names or .json files of the spaces that this library listens in, `more` behind them.

        Raises `UnknownSpace` when none of its own is installed as it was, and none is named.
        """
        return sources_of(ears(self._store), [str(name) for name in more])

    def default_space(self) -> str:
        """Return the space that is searched in when none is named: the library's first, by name or file."""
        snapshot = self._catalogue.snapshot()
        own = opened(ears_of(snapshot.settings, snapshot.space_ids))
        return own[0] if own else new_library_space()

    # -- upkeep -------------------------------------------------------------------------------------

    def tune(self, recall: float = 0.95, *, space: str | None = None) -> IndexInfo:
        """Find the cheapest index that gives this recall on the library's own sounds; build and keep it.

        recall: of the ten nearest segments, above 0 to 1; measured on 1,000 segments of the library. What
        is asked for here holds for every later index of the space. Raises as `search`, and `LibraryBusy`
        while another process builds that index.
        """
        space_id = space_named(space or self.default_space()).id
        self._view(space_id)
        return self._upkeep.tune(space_id, recall)

    def compact(self) -> None:
        """Merge small files of the store; readers and writers go on."""
        self._store.compact()

    def keep_indexes(self) -> None:
        """From now on build old indexes in a thread, while searching goes on: for a process that stays."""
        self._upkeep.begin()

    # -- searching ----------------------------------------------------------------------------------

    def search(
        self,
        query: object,
        *,
        space: str | Mapping[str, float] | None = None,
        k: int = 10,
        scope: Scope | str | None = None,
        min_closeness: float | None = None,
        most_different: bool = False,
        further: int = 8,
    ) -> SearchResult:
        """Find the sounds most like a query; see :mod:`soundkin.search` for the method.

        query: a path, "path@start-end" (seconds), a segment id, a sound id, the bytes of a sound file,
        vectors (n, dim), a `QueryItem`, or a list of those; items with a negative weight push away.
        space: its name, or several with weights, as in ``{"sound": 0.7, "voice": 0.3}``: near in all.
        Raises `NotFound` for a path or id that is not there or an empty library, `DecodeError` for a file
        that gives no sound, `QueryError` for silence, `UnknownSpace`, `InputError`.
        """
        weights = weights_of(space if space is not None and space != "" else self.default_space())
        chosen = [self._chosen(name) for name in weights]
        snapshot = [self._view(one.id)[0] for one in chosen][-1]  # it has them all
        views = [snapshot.spaces[one.id] for one in chosen]
        self._upkeep.look_at(snapshot, views)
        heard = [self._listener.parts(item, chosen, snapshot) for item in as_items(query)]
        senses = [
            Sense(view, [parts[number] for parts in heard], borders_of(one, snapshot)[0], weight)
            for number, (one, view, weight) in enumerate(
                zip(chosen, views, weights.values(), strict=True)
            )
        ]
        return searching.rank_in(
            self._catalogue,
            snapshot,
            senses,
            scope=scope,
            k=k,
            min_closeness=min_closeness,
            most_different=most_different,
            further=further,
            space=" + ".join(one.id for one in chosen),
        )

    def heard(self, query: object, space: str | None = None) -> tuple[Look, list[Part]]:
        """Return the parts of a query as one space hears them, and the library as it is then; as `search`."""
        space = space or self.default_space()
        chosen, look = self._chosen(space), self.look(space)
        return look, [
            self._listener.parts(item, [chosen], look.snapshot)[0] for item in as_items(query)
        ]

    def _chosen(self, name: str) -> Space:
        """Return a space; a file's path is how another process opens it too."""
        chosen = space_named(name)
        if name != chosen.name:
            self._listener.sources[chosen.id] = str(Path(name).absolute())
        return chosen

    def _view(self, space_id: str) -> tuple[Snapshot, SpaceView]:
        """Return the newest snapshot with one space in it."""
        snapshot = self._catalogue.snapshot(space_id)
        if space_id in snapshot.spaces:
            return snapshot, snapshot.spaces[space_id]
        if not snapshot.alive.any():
            raise NotFound(
                f"the library at '{self.where}' is empty",
                "sounds to search",
                "run `soundkin index FOLDER` first",
            )
        name = space_id.rpartition("-")[0]
        raise UnknownSpace(
            f"this library has no vectors of the space {space_id}",
            f"one of {', '.join(snapshot.space_ids)}",
            f"run `soundkin spaces add {name}` first",
        )

    # -- looking ------------------------------------------------------------------------------------

    def sounds(
        self,
        scope: Scope | str | None = None,
        *,
        limit: int = 100,
        offset: int = 0,
        order: str = "name",
    ) -> tuple[list[Sound], int]:
        """List the sounds in a scope, and how many there are; order "name", "added" or "duration".

        A scope may be a query in words, as in ``library.sounds("kick -808 dur<1")``.
        """
        return listing.page_of(self._catalogue, scope, limit=limit, offset=offset, order=order)

    def sound(self, sound_id: str) -> Sound:
        """Describe one sound. Raises `NotFound`."""
        snapshot = self._catalogue.snapshot()
        number = listing.ord_of(snapshot, sound_id)
        return listing.sound_at(self._catalogue, snapshot, number)

    def segments(self, sound_id: str) -> list[Segment]:
        """List a sound's segments in time order. Raises `NotFound`."""
        return listing.segments_of(self._catalogue.snapshot(), sound_id)

    def peaks(self, sound_id: str) -> npt.NDArray[np.int8]:
        """Return a sound's waveform for drawing: (800, 2) int8, least and greatest, 127 = full scale."""
        return listing.peaks_of(self._store, sound_id)

    def peaks_of(self, sound_ids: Sequence[str]) -> dict[str, npt.NDArray[np.int8]]:
        """Return the waveforms of many sounds by id, each as `peaks`; what is not there is left out."""
        return listing.peaks_of_many(self._store, sound_ids)

    def locate(self, sound_id: str) -> Path:
        """Return the file of a sound. Raises `NotFound`, or `Offline` when none can be opened here now."""
        return listing.located(self._catalogue.snapshot(), sound_id)

    def source(self, sound_id: str) -> bytes:
        """Return where a sound can be read now: the raw path of a file, or an address in a bucket.

        Raises `NotFound`, or `Offline` when it is known only.
        """
        return listing.source_of(self._catalogue.snapshot(), sound_id)

    def slice_wav(self, sound_id: str, start_s: float, end_s: float) -> bytes:
        """Return a range of a sound as a WAV file, to the frame, at its own rate, channels and depth.

        Raises `NotFound`, `Offline`, and `DecodeError` for a file that is no longer what it was.
        """
        return self._listener.slice_wav(self._playable(sound_id), start_s, end_s)

    def _playable(self, sound_id: str) -> bytes | Path:
        """Return where a sound can be read now, if only a copy that was kept when it was played."""
        try:
            return self.source(sound_id)
        except Offline:
            from soundkin.library.sources.play import cached

            held = cached(self._store, sound_id)
            if held is None:
                raise
            return held

    def failures(self) -> list[Failure]:
        """List the ledger: every file that is not in the library, and why."""
        return listing.failures_of(self._store)

    def info(self) -> LibraryInfo:
        """Count what the library holds."""
        store, counts = self._store, self._counter.counts()
        return LibraryInfo(
            path=self.where,
            format=FORMAT,
            library_id=store.library_id,
            sounds=counts.sounds,
            segments=counts.segments,
            silent=counts.silent,
            seconds_of_sound=counts.seconds_of_sound,
            places=counts.places_that_are(PRESENT),
            gone=counts.places_that_are(GONE),
            failures=counts.failures,
            tags=counts.tags,
            indexing=store.is_indexing(),
            disk_bytes=counts.disk_bytes,
            spaces=space_infos(store, self._catalogue.snapshot(), self._upkeep.info),
            roots=tuple(self.roots()),
        )

    # -- places -------------------------------------------------------------------------------------

    def roots(self) -> list[Root]:
        """List the indexed folders."""
        counts = self._counter.counts().places
        return places.list_roots(self._store, self._catalogue.is_online, counts)

    def repoint(self, old: str | Path, new: str | Path) -> Root:
        """Tell that a root is somewhere else now; see `soundkin.library.places.repoint`."""
        root_id = places.repoint(self._store, old, new)
        self._catalogue.touch()
        return next(root for root in self.roots() if root.root_id == root_id)

    def forget(self, what: str | Path | Iterable[str]) -> int:
        """Remove sounds from the library for good; the files themselves are never touched.

        what: "gone" for every place whose file is missing, a folder (indexed or inside an indexed one),
        a sound id, or several. A sound that is left without a place goes, with its tags and its notes
        (`export_notes` keeps those). Returns how many went. Raises `NotFound`.
        """
        if isinstance(what, str) and SOUND_ID.fullmatch(what):
            what = [what]
        try:
            if isinstance(what, str | Path):
                return places.forget_places(self._store, what)
            return places.forget_sounds(self._store, self._checked_ids(what))
        finally:
            self._catalogue.touch()

    # -- taking with one ----------------------------------------------------------------------------

    def export(
        self, path: str | Path, fmt: str | None = None, *, scope: Scope | str | None = None
    ) -> int:
        """Write the list of sounds as CSV, JSON, Parquet or M3U (by suffix or `fmt`); return how many."""
        rows = listing.rows_of(self._catalogue, scope)
        export.write(rows, Path(path), fmt)
        return len(rows)

    def to_arrow(self, table: str = "sounds") -> pa.Table:
        """Return one table as Arrow: sounds, locations, segments, tags, failures, roots, or a space's id.

        Orphans of an interrupted run are left out. Raises `NotFound` for another name.
        """
        return listing.table_of(self._store, table)
