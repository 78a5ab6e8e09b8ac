"""One library behind one object: what Python, the command line and the server share.

>>> from soundkin import Library
>>> library = Library.open("my-library")           # doctest: +SKIP
>>> library.add("~/Samples")                       # doctest: +SKIP
>>> for hit in library.search("kick.wav").hits:    # doctest: +SKIP
...     print(hit.path, hit.start_s, hit.band)
"""

from __future__ import annotations

import os
import re
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from soundkin import search as searching
from soundkin.errors import InputError, NotFound, Offline, QueryError, UnknownSpace
from soundkin.library import export
from soundkin.library.catalogue import Catalogue, Snapshot, SpaceView, Spot
from soundkin.library.ingest import IndexReport, Progress, index_folder
from soundkin.library.scan import GONE, PRESENT, display
from soundkin.library.store import FORMAT, SCHEMAS, Store, quote, vectors_table
from soundkin.library.workers import Heard, Job, Workers
from soundkin.search import QueryItem, Scope, SearchResult
from soundkin.space import Space, load_space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

__all__ = ["IndexReport", "Library", "Progress", "QueryItem", "Scope", "SearchResult"]

DEFAULT_SPACES = ("mfcc",)
FAVOURITE = "favourite"
"""The tag that marks a favourite."""

RANGE = re.compile(r"(?P<path>.+)@(?P<start>\d+(?:\.\d+)?)-(?P<end>\d+(?:\.\d+)?)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sound:
    """One sound of the library with all its places; the first one is where it is shown."""

    sound_id: str
    name: str
    path: str
    root: str
    folder: str
    duration_s: float
    rate_hz: int
    channels: int
    format: str
    n_segments: int
    tags: tuple[str, ...]
    state: str
    added_at: datetime
    locations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of a sound that can be found."""

    segment_id: str
    seq: int
    start_s: float
    end_s: float
    energy_db: float


@dataclass(frozen=True, slots=True)
class Failure:
    """One file of the ledger: why it is not in the library."""

    path: str
    root: str
    reason: str
    message: str
    size: int
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class Root:
    """One indexed folder: where it is, whether it is there now, how many sounds it holds."""

    root_id: str
    path: str
    label: str
    state: str
    n_sounds: int
    n_gone: int


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """One space of the library; borders: see :mod:`soundkin.library.calibrate`."""

    name: str
    space_id: str
    dim: int
    vectors: int
    index: str
    borders: tuple[float, float, float]
    calibrated: bool


@dataclass(frozen=True, slots=True)
class LibraryInfo:
    """What a library holds."""

    path: str
    format: int
    library_id: str
    sounds: int
    segments: int
    silent: int
    seconds_of_sound: float
    places: int
    gone: int
    failures: int
    tags: int
    indexing: bool
    disk_bytes: int
    spaces: tuple[SpaceInfo, ...]
    roots: tuple[Root, ...]


class Library:
    """A collection of sounds that can be searched by how they sound.

    Open one with `Library.open`; it is a context manager. Safe to use from several threads and, beside
    other processes, for reading, tagging and indexing (one indexer a folder).
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._catalogue = Catalogue(store)
        self._workers: Workers | None = None
        self._workers_lock = threading.Lock()
        self._names: tuple[int, list[int]] = (-1, [])

    @classmethod
    def open(cls, path: str | Path | None = None, *, create: bool = True) -> Library:
        """Open the library at `path`, laying a new one where there is none.

        Without a path: the variable SOUNDKIN_LIBRARY, else the user's data folder. With `create=False` a
        missing library is `NotFound`. Raises `LibraryFormatError` for a folder that is no library or one
        written by a newer Soundkin, `StorageError` where nothing can be written.
        """
        return cls(Store.open(library_path(path), create=create))

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes that decode for this library."""
        with self._workers_lock:
            if self._workers is not None:
                self._workers.close()
                self._workers = None

    @property
    def path(self) -> Path:
        """The library's folder."""
        return self._store.path

    # -- growing ------------------------------------------------------------------------------------

    def add(
        self,
        folder: str | Path,
        *,
        spaces: Sequence[str] = DEFAULT_SPACES,
        jobs: int | None = None,
        retry_failed: bool = False,
        dry_run: bool = False,
        timeout_s: float = 60.0,
        on_progress: Callable[[Progress], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> IndexReport:
        """Bring the library up to date with a folder; see `soundkin.library.ingest.index_folder`."""
        report = index_folder(
            self._store,
            os.path.expanduser(os.fspath(folder)),
            spaces=[_space(name).name for name in spaces],
            jobs=jobs,
            retry_failed=retry_failed,
            dry_run=dry_run,
            timeout_s=timeout_s,
            on_progress=on_progress,
            stop=stop,
        )
        if report.embedded:
            for name in spaces:
                self._calibrate(_space(name))
        return report

    def _calibrate(self, space: Space) -> None:
        """Measure the borders of the bands anew when the library has doubled since the last time."""
        from soundkin.audio.decode import read_sound
        from soundkin.library.calibrate import MIN_SOUNDS, calibrate

        before = self._store.setting(f"borders:{space.id}") or {"sounds": MIN_SOUNDS / 2}
        if self._store.count("sounds") < 2 * before["sounds"]:
            return
        snapshot, view = self._view(space.id)

        def hear(row: int) -> tuple[npt.NDArray[np.float32], int] | None:
            spots = [
                s
                for s in snapshot.spots.get(int(view.sound[row]), ())
                if self._catalogue.state(s) == PRESENT
            ]
            if not spots:
                return None
            segment = int(view.segment[row])
            start, end = (float(snapshot.segments[name][segment]) for name in ("start_s", "end_s"))
            return read_sound(spots[0].raw, start_s=start, end_s=end)

        alive = np.flatnonzero(view.segment >= 0)
        X = searching.vectors_of(view, alive)
        borders = calibrate(space, X, view.sound[alive], lambda row: hear(int(alive[row])))
        if borders is not None:
            self._store.put_setting(f"borders:{space.id}", asdict(borders))

    # -- searching ----------------------------------------------------------------------------------

    def search(
        self,
        query: object,
        *,
        space: str | None = None,
        k: int = 10,
        scope: Scope | None = None,
        min_closeness: float | None = None,
        most_different: bool = False,
        further: int = 8,
    ) -> SearchResult:
        """Find the sounds most like a query; see :mod:`soundkin.search` for the method.

        query: a path, "path@start-end" (seconds), a segment id, a sound id, the bytes of a sound file,
        vectors (n, dim), a `QueryItem`, or a list of those; items with a negative weight push away.
        Raises `NotFound` for a path or id that is not there or an empty library, `DecodeError` for a file
        that gives no sound, `QueryError` for silence, `UnknownSpace`, `InputError`.
        """
        chosen = _space(space or DEFAULT_SPACES[0])
        snapshot, view = self._view(chosen.id)
        parts = [self._part(item, chosen, snapshot, view) for item in searching.as_items(query)]
        return searching.rank(
            self._catalogue,
            snapshot,
            view,
            parts,
            borders=self._borders(chosen)[0],
            scope=scope,
            k=k,
            min_closeness=min_closeness,
            most_different=most_different,
            further=further,
            space=chosen.id,
        )

    def _view(self, space_id: str) -> tuple[Snapshot, SpaceView]:
        """Return the newest snapshot with one space in it."""
        held = self._store.spaces()
        if space_id not in held:
            if not self._store.count("sounds"):
                raise NotFound(
                    f"the library at '{self.path}' is empty",
                    "sounds to search",
                    "run `soundkin index FOLDER` first",
                )
            raise UnknownSpace(
                f"this library has no vectors of the space {space_id}",
                f"one of {', '.join(held)}",
                "index its folders again with that space, or search with one that is there",
            )
        snapshot = self._catalogue.snapshot(space_id)
        return snapshot, snapshot.spaces[space_id]

    def _borders(self, space: Space) -> tuple[tuple[float, float, float], bool]:
        """Return the band borders of a space here, and whether they were measured on this library."""
        measured = self._store.setting(f"borders:{space.id}")
        bands = measured or space.card["bands"]
        return (bands["near_identical"], bands["close"], bands["related"]), measured is not None

    def _part(
        self, item: QueryItem, space: Space, snapshot: Snapshot, view: SpaceView
    ) -> searching.Part:
        """Hear one item of a query."""
        source, start_s, end_s = item.source, item.start_s, item.end_s
        if isinstance(source, np.ndarray):
            return _vector_part(source, space, item)
        if isinstance(source, bytes):
            return self._heard_part(
                Job(0, source, True, start_s, end_s), item.name or "upload", item, space, snapshot
            )
        if isinstance(source, str):
            whole = searching.SEGMENT_ID.fullmatch(source)
            sound_id = (
                whole[1] if whole else source if searching.SOUND_ID.fullmatch(source) else None
            )
            if sound_id is not None:
                return self._library_part(
                    item, sound_id, int(whole[2]) if whole else None, space, snapshot, view
                )
            source, start_s, end_s = _split_range(source, start_s, end_s)
        raw = os.path.realpath(os.fsencode(Path(source).expanduser()))
        if not os.path.exists(raw):
            raise NotFound(
                f"there is nothing at '{source}'",
                "a sound file, file@start-end in seconds, or the id of a sound or segment",
                "check the path",
            )
        _check_range(start_s, end_s)
        sound_id = self._known_as(raw)
        if sound_id in snapshot.ord_of and start_s is None and end_s is None:
            return searching.known_part(
                snapshot, view, str(sound_id), weight=item.weight, label=item.name
            )
        label = item.name or display(os.path.basename(raw))
        return self._heard_part(
            Job(0, raw, False, start_s, end_s), label, item, space, snapshot, sound_id
        )

    def _library_part(
        self,
        item: QueryItem,
        sound_id: str,
        seq: int | None,
        space: Space,
        snapshot: Snapshot,
        view: SpaceView,
    ) -> searching.Part:
        """Hear a sound, a segment or a range of a sound of the library."""
        _check_range(item.start_s, item.end_s)
        ranged = item.start_s is not None or item.end_s is not None
        if seq is None and ranged and sound_id in snapshot.ord_of:
            spot = self._best_spot(snapshot, sound_id)
            if (
                spot is not None
                and self._catalogue.state(spot) == PRESENT
                and os.path.exists(spot.raw)
            ):
                job = Job(0, spot.raw, False, item.start_s, item.end_s)
                return self._heard_part(
                    job, item.name or spot.name, item, space, snapshot, sound_id
                )
        return searching.known_part(
            snapshot,
            view,
            sound_id,
            seq=seq,
            start_s=item.start_s,
            end_s=item.end_s,
            weight=item.weight,
            label=item.name,
        )

    def _heard_part(
        self,
        job: Job,
        label: str,
        item: QueryItem,
        space: Space,
        snapshot: Snapshot,
        sound_id: str | None = None,
    ) -> searching.Part:
        """Decode and embed a file or an upload in a process of its own."""
        heard = self._hear(job, space, label)
        number = snapshot.ord_of.get(sound_id or heard.sample_hash)
        ranged = job.start_s is not None or job.end_s is not None
        start_s = (job.start_s or 0.0) if ranged else None
        end_s = (start_s or 0.0) + heard.duration_s if ranged else None
        return searching.Part(label, item.weight, heard.vectors[space.id], number, start_s, end_s)

    def _hear(self, job: Job, space: Space, label: str) -> Heard:
        """Run one job in the library's own worker; say in the user's words what is wrong with it."""
        with self._workers_lock:
            if self._workers is None or space.name not in self._workers.spaces:
                if self._workers is not None:
                    self._workers.close()
                self._workers = Workers(1, [space.name])
            workers = self._workers
        outcome = workers.hear(job)
        if outcome.heard is None:
            what = "it is silent" if outcome.reason == "silent" else outcome.message.rstrip(".")
            raise QueryError(
                f"'{label}' cannot be used as a query: {what}",
                "a file with something to hear",
                "choose another one",
            )
        return outcome.heard

    def _known_as(self, raw: bytes) -> str | None:
        """Return the id of the sound at a path, when the library has it and the file is unchanged."""
        for root_id, (_, _, root) in self._catalogue.snapshot().roots.items():
            head = root.rstrip(b"/") + b"/"
            if raw.startswith(head):
                where = f"root_id = {quote([root_id])} AND path = X'{raw[len(head) :].hex()}'"
                for row in self._store.read("locations", where=where).to_pylist():
                    status = os.stat(raw)
                    if (row["size"], row["mtime_ns"]) == (status.st_size, status.st_mtime_ns):
                        return str(row["sound_id"])
        return None

    # -- looking ------------------------------------------------------------------------------------

    def sounds(
        self, scope: Scope | None = None, *, limit: int = 100, offset: int = 0, order: str = "name"
    ) -> tuple[list[Sound], int]:
        """List the sounds in a scope, and how many there are; order "name", "added" or "duration"."""
        snapshot = self._catalogue.snapshot()
        chosen = np.flatnonzero(searching.sounds_in(self._catalogue, snapshot, scope))
        if order == "name":
            ranks = {number: place for place, number in enumerate(self._by_name(snapshot))}
            numbers = sorted(chosen.tolist(), key=ranks.__getitem__)
        elif order in {"added", "duration"}:
            column = "added_at" if order == "added" else "duration_s"
            values = snapshot.sounds[column].to_numpy()[snapshot.row_of[chosen]]
            numbers = chosen[np.argsort(values, kind="stable")[::-1]].tolist()
        else:
            raise InputError(f"the order {order!r}", "one of name, added, duration", "")
        page = numbers[offset : offset + limit]
        return [self._sound(snapshot, number) for number in page], len(numbers)

    def _by_name(self, snapshot: Snapshot) -> list[int]:
        """Return all ords sorted by name, remembered for a snapshot."""
        if self._names[0] != id(snapshot):
            key = {
                i: (spots[0].name.casefold(), spots[0].path) for i, spots in snapshot.spots.items()
            }
            self._names = (id(snapshot), sorted(key, key=key.__getitem__))
        return self._names[1]

    def sound(self, sound_id: str) -> Sound:
        """Describe one sound. Raises `NotFound`."""
        snapshot = self._catalogue.snapshot()
        return self._sound(snapshot, self._ord(snapshot, sound_id))

    def segments(self, sound_id: str) -> list[Segment]:
        """List a sound's segments in time order. Raises `NotFound`."""
        snapshot = self._catalogue.snapshot()
        columns = snapshot.segments
        return [
            Segment(
                f"{sound_id}-{int(columns['seq'][row])}",
                int(columns["seq"][row]),
                float(columns["start_s"][row]),
                float(columns["end_s"][row]),
                float(columns["energy_db"][row]),
            )
            for row in snapshot.segment_rows(self._ord(snapshot, sound_id))
        ]

    def peaks(self, sound_id: str) -> npt.NDArray[np.int8]:
        """Return a sound's waveform for drawing: (800, 2) int8, least and greatest, 127 = full scale."""
        rows = self._store.read("sounds", ["peaks"], f"sound_id = {quote([sound_id])}")[
            "peaks"
        ].to_pylist()
        if not rows:
            raise _no_sound(sound_id)
        return np.frombuffer(rows[0], np.int8).reshape(-1, 2)

    def locate(self, sound_id: str) -> Path:
        """Return where a sound can be opened now. Raises `NotFound`, or `Offline` when it is known only."""
        snapshot = self._catalogue.snapshot()
        spots = snapshot.spots.get(self._ord(snapshot, sound_id), ())
        for spot in spots:
            if os.path.isfile(spot.raw):
                return Path(os.fsdecode(spot.raw))
        where = spots[0].path if spots else sound_id
        raise Offline(
            f"'{where}' is not there now",
            "a mounted drive with the file",
            "mount it, or tell where the folder is now with `soundkin roots move OLD NEW`",
        )

    def _ord(self, snapshot: Snapshot, sound_id: str) -> int:
        """Return a sound's number."""
        number = snapshot.ord_of.get(sound_id)
        if number is None:
            raise _no_sound(sound_id)
        return number

    def _best_spot(self, snapshot: Snapshot, sound_id: str) -> Spot | None:
        """Return the place of a sound that is most likely to open."""
        order = (PRESENT, "offline", GONE)
        spots = snapshot.spots.get(self._ord(snapshot, sound_id), ())
        return min(spots, key=lambda spot: order.index(self._catalogue.state(spot)), default=None)

    def _sound(self, snapshot: Snapshot, number: int) -> Sound:
        """Describe a sound by its number."""
        row = snapshot.row(number)
        spot = self._best_spot(snapshot, row["sound_id"])
        return Sound(
            sound_id=row["sound_id"],
            name=spot.name if spot else row["sound_id"],
            path=spot.path if spot else "",
            root=spot.root if spot else "",
            folder=spot.folder if spot else "",
            duration_s=row["duration_s"],
            rate_hz=row["rate_hz"],
            channels=row["channels"],
            format=row["format"],
            n_segments=row["n_segments"],
            tags=snapshot.tags.get(number, ()),
            state=self._catalogue.state(spot) if spot else GONE,
            added_at=row["added_at"],
            locations=tuple(s.path for s in snapshot.spots.get(number, ())),
        )

    def failures(self) -> list[Failure]:
        """List the ledger: every file that is not in the library, and why."""
        roots = {
            row["root_id"]: display(row["path"]) for row in self._store.read("roots").to_pylist()
        }
        rows = self._store.read("failures").to_pylist()
        found = [
            Failure(
                path=f"{roots.get(row['root_id'], '').rstrip('/')}/{row['display']}",
                root=roots.get(row["root_id"], ""),
                reason=row["reason"],
                message=row["message"],
                size=row["size"],
                failed_at=row["failed_at"],
            )
            for row in rows
        ]
        return sorted(found, key=lambda failure: failure.path)

    def info(self) -> LibraryInfo:
        """Count what the library holds."""
        store = self._store
        sounds = store.read("sounds", ["duration_s", "n_segments", "n_silent"])
        states = store.read("locations", ["state"])["state"].to_pylist()
        files = [file for file in self.path.rglob("*") if file.is_file()]
        return LibraryInfo(
            path=str(self.path),
            format=FORMAT,
            library_id=store.library_id,
            sounds=sounds.num_rows,
            segments=int(np.sum(sounds["n_segments"].to_numpy())),
            silent=int(np.sum(sounds["n_silent"].to_numpy())),
            seconds_of_sound=float(np.sum(sounds["duration_s"].to_numpy())),
            places=states.count(PRESENT),
            gone=states.count(GONE),
            failures=store.count("failures"),
            tags=len(self.tag_counts()),
            indexing=store.is_indexing(),
            disk_bytes=sum(max(_size(file), 0) for file in files),
            spaces=tuple(self._space_info(space_id) for space_id in store.spaces()),
            roots=tuple(self.roots()),
        )

    def _space_info(self, space_id: str) -> SpaceInfo:
        """Describe one space of the library."""
        name = space_id.rpartition("-")[0]
        table = self._store.table(vectors_table(space_id))
        borders: tuple[float, float, float] = (0.0, 0.0, 0.0)
        calibrated = False
        try:
            space = _space(name)
        except UnknownSpace:
            space = None
        if space is not None and space.id == space_id:
            borders, calibrated = self._borders(space)
        dim = int(table.schema.field("vector").type.list_size)
        return SpaceInfo(name, space_id, dim, int(table.count_rows()), "exact", borders, calibrated)

    # -- tags ---------------------------------------------------------------------------------------

    def tag(self, sound_ids: Iterable[str], tags: Iterable[str]) -> None:
        """Put tags on sounds; favourites are the tag "favourite". Raises `NotFound`, `InputError`."""
        ids, names = self._checked_ids(sound_ids), _checked_tags(tags)
        now = datetime.now(UTC)
        rows = [{"sound_id": sid, "tag": tag, "added_at": now} for sid in ids for tag in names]
        self._store.insert_missing("tags", pa.Table.from_pylist(rows, schema=SCHEMAS["tags"]))

    def untag(self, sound_ids: Iterable[str], tags: Iterable[str]) -> None:
        """Take tags off sounds; one that is not there is passed over. Raises `NotFound`, `InputError`."""
        ids, names = self._checked_ids(sound_ids), _checked_tags(tags)
        if ids and names:
            self._store.delete("tags", f"sound_id IN ({quote(ids)}) AND tag IN ({quote(names)})")

    def tag_counts(self) -> dict[str, int]:
        """Count the sounds of every tag, most used first."""
        counts: dict[str, int] = {}
        for tag in self._store.read("tags", ["tag"])["tag"].to_pylist():
            counts[tag] = counts.get(tag, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def _checked_ids(self, sound_ids: Iterable[str]) -> list[str]:
        """Return the ids once each, all of them known."""
        snapshot = self._catalogue.snapshot()
        ids = list(dict.fromkeys(sound_ids))
        for sound_id in ids:
            self._ord(snapshot, sound_id)
        return ids

    # -- places -------------------------------------------------------------------------------------

    def roots(self) -> list[Root]:
        """List the indexed folders."""
        rows = self._store.read("locations", ["root_id", "state"]).to_pylist()
        found = []
        for root in self._store.read("roots").to_pylist():
            mine = [row["state"] for row in rows if row["root_id"] == root["root_id"]]
            found.append(
                Root(
                    root_id=root["root_id"],
                    path=display(root["path"]),
                    label=root["label"],
                    state="online" if self._catalogue.is_online(root["path"]) else "offline",
                    n_sounds=mine.count(PRESENT),
                    n_gone=mine.count(GONE),
                )
            )
        return sorted(found, key=lambda root: root.path)

    def repoint(self, old: str | Path, new: str | Path) -> Root:
        """Tell that a root is somewhere else now: another mount point, another machine.

        old: its path, label or id. new: an existing folder in which some of its sounds are found.
        Raises `NotFound` for an unknown root, `InputError` for a folder that does not look like it.
        """
        row = self._root_row(str(old))
        target = os.path.realpath(os.fsencode(Path(new).expanduser()))
        if not os.path.isdir(target):
            raise NotFound(
                f"there is no folder at '{display(target)}'",
                "where the sounds are now",
                "check the path",
            )
        where = f"root_id = {quote([row['root_id']])} AND state = '{PRESENT}'"
        places = self._store.read("locations", ["path", "size"], where).to_pylist()[:2_000]
        matching = sum(
            _size(Path(os.fsdecode(target + b"/" + place["path"]))) == place["size"]
            for place in places
        )
        if places and not matching:
            raise InputError(
                f"none of the sounds known in '{display(row['path'])}' is in '{display(target)}'",
                "the same folder in another place",
                "check the path; nothing was changed",
            )
        row["path"] = target
        self._store.upsert("roots", pa.Table.from_pylist([row], schema=SCHEMAS["roots"]))
        return next(root for root in self.roots() if root.root_id == row["root_id"])

    def _root_row(self, name: str) -> dict[str, Any]:
        """Return the row of a root by path, label or id."""
        rows = self._store.read("roots").to_pylist()
        wanted = {name, name.rstrip("/"), os.path.realpath(name)}
        found = [r for r in rows if wanted & {display(r["path"]), r["label"], r["root_id"]}]
        if len(found) != 1:
            raise NotFound(
                f"{len(found) or 'no'} indexed folders go by '{name}'",
                f"one of {', '.join(display(r['path']) for r in rows) or 'none'}",
                "see `soundkin roots`",
            )
        row: dict[str, Any] = found[0]
        return row

    def forget(self, what: str | Path | Iterable[str]) -> int:
        """Remove sounds from the library for good; the files themselves are never touched.

        what: "gone" for every place whose file is missing, a folder (indexed or inside an indexed one),
        or sound ids. A sound that is left without a place goes, with its tags. Returns how many went.
        """
        if not isinstance(what, str | Path):
            ids = self._checked_ids(what)
            return self._drop_sounds(ids)
        if str(what) == GONE:
            self._store.delete("locations", f"state = '{GONE}'")
        elif searching.SOUND_ID.fullmatch(str(what)):
            return self._drop_sounds(self._checked_ids([str(what)]))
        else:
            self._forget_folder(str(what))
        placed = set(self._store.read("locations", ["sound_id"])["sound_id"].to_pylist())
        sounds = self._store.read("sounds", ["sound_id"])["sound_id"].to_pylist()
        return self._drop_sounds([sid for sid in sounds if sid not in placed])

    def _forget_folder(self, name: str) -> None:
        """Remove the places and ledger rows of a root or of a folder inside one."""
        path = os.path.realpath(os.fsencode(Path(name).expanduser()))
        for root in self._store.read("roots").to_pylist():
            mine = f"root_id = {quote([root['root_id']])}"
            if path == root["path"] or name in {root["root_id"], root["label"]}:
                for table in ("locations", "failures", "roots"):
                    self._store.delete(table, mine)
                return
            head = root["path"].rstrip(b"/") + b"/"
            if path.startswith(head):
                inner = path[len(head) :] + b"/"
                for table in ("locations", "failures"):
                    paths = self._store.read(table, ["path"], mine)["path"].to_pylist()
                    hexes = [f"X'{p.hex()}'" for p in paths if p.startswith(inner)]
                    for low in range(0, len(hexes), 2_000):
                        self._store.delete(
                            table, f"{mine} AND path IN ({', '.join(hexes[low : low + 2_000])})"
                        )
                return
        raise NotFound(
            f"'{name}' is not an indexed folder, nor inside one",
            "a folder, a sound id, or the word 'gone'",
            "see `soundkin roots`",
        )

    def _drop_sounds(self, ids: Sequence[str]) -> int:
        """Delete sounds, the marker first, so that a kill leaves only orphans for the next sweep."""
        if ids:
            vectors = [vectors_table(space) for space in self._store.spaces()]
            for table in ("sounds", "locations", "tags", *vectors, "segments"):
                self._store.delete_sounds(table, ids)
        return len(ids)

    # -- taking away --------------------------------------------------------------------------------

    def compact(self) -> None:
        """Merge small files of the store; readers and writers go on."""
        self._store.compact()

    def export(
        self, path: str | Path, fmt: str | None = None, *, scope: Scope | None = None
    ) -> int:
        """Write the list of sounds as CSV, JSON, Parquet or M3U (by suffix or `fmt`); return how many."""
        sounds, total = self.sounds(scope, limit=2**62)
        export.write([asdict(sound) for sound in sounds], Path(path), fmt)
        return total

    def to_arrow(self, table: str = "sounds") -> pa.Table:
        """Return one table as Arrow: sounds, locations, segments, tags, failures, roots, or a space's id.

        Orphans of an interrupted run are left out. Raises `NotFound` for another name.
        """
        spaces = self._store.spaces()
        names = {
            **{name: name for name in SCHEMAS},
            **{space: vectors_table(space) for space in spaces},
        }
        if table not in names:
            raise NotFound(f"no table {table!r}", f"one of {', '.join(names)}", "")
        rows = self._store.read(names[table])
        if "sound_id" in rows.column_names and table != "sounds":
            known = self._store.read("sounds", ["sound_id"])["sound_id"]
            rows = rows.filter(pa.compute.is_in(rows["sound_id"], known))
        return rows.drop_columns([c for c in ("batch", "peaks") if c in rows.column_names])


@cache
def _space(name: str) -> Space:
    """Return a space, loaded once."""
    return load_space(name)


def library_path(path: str | Path | None) -> Path:
    """Return the library's folder: the one given, else SOUNDKIN_LIBRARY, else the user's data folder."""
    if path is None:
        path = os.environ.get("SOUNDKIN_LIBRARY") or None
    if path is None:
        from platformdirs import user_data_path

        return user_data_path("soundkin", appauthor=False) / "library"
    return Path(path).expanduser().absolute()


def _split_range(
    text: str, start_s: float | None, end_s: float | None
) -> tuple[str, float | None, float | None]:
    """Take "path@start-end" apart, unless a file bears the whole as its name."""
    found = RANGE.fullmatch(text)
    if found is None or Path(text).expanduser().exists():
        return text, start_s, end_s
    return found["path"], float(found["start"]), float(found["end"])


def _check_range(start_s: float | None, end_s: float | None) -> None:
    """Refuse a range that is empty or starts before the sound."""
    if (start_s or 0.0) < 0 or (end_s is not None and end_s <= (start_s or 0.0)):
        raise InputError(
            f"the range from {start_s or 0:g} s to {end_s:g} s",
            "0 <= start < end, in seconds",
            "swap or widen it",
        )


def _vector_part(vectors: npt.NDArray[np.float32], space: Space, item: QueryItem) -> searching.Part:
    """Take vectors as they are, made unit length. Raises `InputError` for another shape or zeros."""
    rows = np.atleast_2d(np.asarray(vectors, np.float32))
    norms = np.linalg.norm(rows, axis=1)
    if rows.ndim != 2 or rows.shape[1] != space.dim or not len(rows):
        raise InputError(
            f"vectors of shape {vectors.shape}", f"(n, {space.dim}), as {space.id} makes them", ""
        )
    if not np.isfinite(norms).all() or not (norms > 0).all():
        raise InputError("a vector that is zero or not finite", "vectors with a direction", "")
    return searching.Part(
        item.name or "vectors", item.weight, (rows / norms[:, None]).astype(np.float32)
    )


def _checked_tags(tags: Iterable[str]) -> list[str]:
    """Return tags trimmed, once each; refuse empty, long and broken ones."""
    names = list(dict.fromkeys(tag.strip() for tag in tags))
    for tag in names:
        if not tag or len(tag) > 100 or any(c in tag for c in ",;\n\r\0"):
            raise InputError(
                f"the tag {tag!r}",
                "1 to 100 characters without comma, semicolon or line break",
                "choose another word",
            )
    return names


def _no_sound(sound_id: str) -> NotFound:
    """Return the error for an unknown sound."""
    return NotFound(
        f"the library has no sound '{sound_id}'",
        "the id of one of its sounds",
        "search for it by name",
    )


def _size(path: Path) -> int:
    """Return a file's size, -1 when it is not there (any more)."""
    try:
        return path.stat().st_size
    except OSError:
        return -1
