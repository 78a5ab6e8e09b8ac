"""What a person asks with -> parts of a query: vectors with a weight.

Files, ranges and uploads are decoded in a process of their own, as at ingest; what the library already
knows is not decoded again.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.bucket import is_address, whole
from soundkin.errors import DecodeError, InputError, LibraryBusy, NotFound, QueryError
from soundkin.library.scan import GONE, PRESENT, display
from soundkin.library.store import Store, quote
from soundkin.library.workers import Heard, Job, Workers
from soundkin.search import Part, vectors_of

if TYPE_CHECKING:
    from soundkin.library.catalogue import Catalogue, Snapshot, SpaceView
    from soundkin.library.spots import Spot
    from soundkin.space import Space

SEGMENT_ID = re.compile(r"([0-9a-f]{32})-(\d+)")
SOUND_ID = re.compile(r"[0-9a-f]{32}")
SLICE_TIMEOUT_S = 30.0
MOST_KEPT, MOST_SEGMENTS_KEPT = 16, 2_000
"""Files and ranges that were heard lately are remembered: so many, of so many segments at most."""

ENDING = ("what was asked was given up", "a library that stays open", "ask again")
RANGE = re.compile(r"(?P<path>.+)@(?P<start>\d+(?:\.\d+)?)-(?P<end>\d+(?:\.\d+)?)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class QueryItem:
    """One part of a query: a source, a range of it, a weight (negative: unlike that), a name to show.

    source: a path, "path@start-end", a sound id, a segment id, the bytes of a file, or vectors (n, dim).
    """

    source: str | Path | bytes | npt.NDArray[np.float32]
    start_s: float | None = None
    end_s: float | None = None
    weight: float = 1.0
    name: str | None = None


def as_items(query: object) -> list[QueryItem]:
    """Return any kind of query as a list of items.

    Takes what `QueryItem.source` takes, a `QueryItem`, or a sequence of those.
    Raises `InputError` for anything else and for an empty sequence.
    """
    if isinstance(query, QueryItem):
        return [query]
    if isinstance(query, str | Path | bytes | np.ndarray):
        return [QueryItem(query)]
    if isinstance(query, Mapping) or not isinstance(query, Sequence):
        raise InputError(
            f"a query of type {type(query).__name__}",
            "a path, an id, bytes, vectors or a list of those",
        )
    items = [item for one in query for item in as_items(one)]
    if not items:
        raise InputError("the query is empty", "at least one path, id, region or vector", "")
    return items


class Listener:
    """Hears queries for one library; keeps a process for them and one for slices until closed."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self.store = store
        self.catalogue = catalogue
        self.sources: dict[
            str, str
        ] = {}  # how a process opens a space that is not installed, by id
        self._workers: Workers | None = None
        self._workers_lock = threading.Lock()
        self._slicer = Workers(1, [], timeout_s=SLICE_TIMEOUT_S)
        self._given_up = 0
        self._kept: OrderedDict[tuple[object, ...] | None, Heard] = OrderedDict()

    def give_up(self) -> None:
        """Whoever waits for a decoder now gets `LibraryBusy` instead, within a second."""
        self._given_up += 1

    def _patience(self) -> Callable[[], bool]:
        """Return what says whether those who wait from now on are to give up."""
        mine = self._given_up
        return lambda: self._given_up != mine

    def close(self) -> None:
        """End the processes that decode."""
        self._slicer.close()
        with self._workers_lock:
            if self._workers is not None:
                self._workers.close()
                self._workers = None

    def slice_wav(self, path: Path | bytes, start_s: float, end_s: float) -> bytes:
        """Return a range of a file as the bytes of a WAV file, decoded in a process of its own.

        Slices are cut one after another, and no query waits for them. Raises `DecodeError`, also for a
        decoder that crashed or gave nothing for `SLICE_TIMEOUT_S`.
        """
        raw = os.fsencode(path)
        job = Job(0, raw, start_s=start_s, end_s=end_s, task="slice")
        outcome = self._slicer.hear(job, stop=self._patience())
        if outcome is None:
            raise LibraryBusy(*ENDING)
        if outcome.reason:
            raise DecodeError(
                outcome.reason,
                f"'{display(os.path.basename(raw))}' gives no slice: {outcome.message.rstrip('.')}",
                "the file as it was when it was indexed",
                "index its folder again",
            )
        return outcome.wav

    def parts(self, item: QueryItem, spaces: Sequence[Space], snapshot: Snapshot) -> list[Part]:
        """Hear one item of a query in some spaces that the snapshot has: a part in each.

        Raises `NotFound`, `InputError`, and `QueryError` for what cannot be heard.
        """
        source, start_s, end_s = item.source, item.start_s, item.end_s
        if isinstance(source, np.ndarray):
            return [_vector_part(source, space, item) for space in spaces]
        if isinstance(source, bytes):
            return self._heard_parts(
                Job(0, source, True, start_s, end_s), item.name or "upload", item, spaces, snapshot
            )
        if isinstance(source, str):
            whole = SEGMENT_ID.fullmatch(source)
            sound_id = whole[1] if whole else source if SOUND_ID.fullmatch(source) else None
            if sound_id is not None:
                return self._library_parts(
                    item, sound_id, int(whole[2]) if whole else None, spaces, snapshot
                )
            source, start_s, end_s = _split_range(source, start_s, end_s)
        raw = _existing_file(source)
        _check_range(start_s, end_s)
        sound_id = self._known_as(raw)
        if sound_id in snapshot.ord_of and start_s is None and end_s is None:
            return [
                known_part(
                    snapshot,
                    snapshot.spaces[space.id],
                    str(sound_id),
                    weight=item.weight,
                    label=item.name,
                )
                for space in spaces
            ]
        label = item.name or display(os.path.basename(raw))
        return self._heard_parts(
            Job(0, raw, False, start_s, end_s), label, item, spaces, snapshot, sound_id
        )

    def _library_parts(
        self,
        item: QueryItem,
        sound_id: str,
        seq: int | None,
        spaces: Sequence[Space],
        snapshot: Snapshot,
    ) -> list[Part]:
        """Hear a sound, a segment or a range of a sound of the library."""
        _check_range(item.start_s, item.end_s)
        ranged = item.start_s is not None or item.end_s is not None
        if seq is None and ranged and sound_id in snapshot.ord_of:
            spot = best_spot(self.catalogue, snapshot, sound_id)
            if (
                spot is not None
                and self.catalogue.state(spot) == PRESENT
                and (is_address(spot.raw) or os.path.exists(spot.raw))
            ):
                job = Job(0, spot.raw, False, item.start_s, item.end_s)
                return self._heard_parts(
                    job, item.name or spot.name, item, spaces, snapshot, sound_id
                )
        return [
            known_part(
                snapshot,
                snapshot.spaces[space.id],
                sound_id,
                seq=seq,
                start_s=item.start_s,
                end_s=item.end_s,
                weight=item.weight,
                label=item.name,
            )
            for space in spaces
        ]

    def _heard_parts(
        self,
        job: Job,
        label: str,
        item: QueryItem,
        spaces: Sequence[Space],
        snapshot: Snapshot,
        sound_id: str | None = None,
    ) -> list[Part]:
        """Decode and embed a file or an upload in a process of its own, once for all spaces."""
        heard = self._heard_in(job, spaces, label)
        number = snapshot.ord_of.get(sound_id or heard.sample_hash)
        ranged = job.start_s is not None or job.end_s is not None
        start_s = (job.start_s or 0.0) if ranged else None
        end_s = (start_s or 0.0) + heard.duration_s if ranged else None
        return [
            Part(label, item.weight, heard.vectors[space.id], number, start_s, end_s)
            for space in spaces
        ]

    def _heard_in(self, job: Job, spaces: Sequence[Space], label: str) -> Heard:
        """Hear a job in all of some spaces; what was heard lately is remembered, for sliders that move."""
        whose = _named(job)
        known = self._kept.get(whose)
        if known is not None and all(space.id in known.vectors for space in spaces):
            return known
        heard = self._hear(job, spaces, label)
        if whose is not None and len(heard.seq) <= MOST_SEGMENTS_KEPT:
            with self._workers_lock:
                self._kept[whose] = heard
                self._kept.move_to_end(whose)
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
        return heard

    def _hear(self, job: Job, spaces: Sequence[Space], label: str) -> Heard:
        """Run one job in the library's own worker; say in the user's words what is wrong with it."""
        stop = self._patience()
        with self._workers_lock:
            wanted = [self.sources.get(space.id, space.name) for space in spaces]
            if self._workers is None or not set(wanted) <= set(self._workers.spaces):
                if self._workers is not None:
                    self._workers.close()
                    wanted = [*dict.fromkeys([*self._workers.spaces, *wanted])]
                self._workers = Workers(1, wanted)
            # under the lock: another query may want another process
            outcome = self._workers.hear(job, stop=stop)
        if outcome is None:
            raise LibraryBusy(*ENDING)
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
        for root_id, root in self.catalogue.snapshot().spots.roots.items():
            head = root.rstrip(b"/") + b"/"
            if raw.startswith(head) and not is_address(raw):
                where = f"root_id = {quote([root_id])} AND path = X'{raw[len(head) :].hex()}'"
                for row in self.store.read("locations", where=where).to_pylist():
                    status = os.stat(raw)
                    if (row["size"], row["mtime_ns"]) == (status.st_size, status.st_mtime_ns):
                        return str(row["sound_id"])
        return None


def _named(job: Job) -> tuple[object, ...] | None:
    """Return what is the same for the same sound and range, None where that cannot be told at once."""
    source = job.source
    if job.is_upload:
        return hashlib.blake2b(source, digest_size=16).digest(), job.start_s, job.end_s
    try:
        status = os.stat(source)
    except (OSError, ValueError):
        return None
    return source, status.st_size, status.st_mtime_ns, job.start_s, job.end_s


def known_part(
    snapshot: Snapshot,
    view: SpaceView,
    sound_id: str,
    *,
    seq: int | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    weight: float = 1.0,
    label: str | None = None,
) -> Part:
    """Return a part made of vectors that the library has: a sound, one segment of it, or a range.

    Raises `NotFound` for an unknown sound or segment, or a range without segments.
    """
    sound = snapshot.ord_of.get(sound_id)
    if sound is None:
        raise NotFound(
            f"no sound '{sound_id}'",
            "the id of a sound in the library",
            "list them with `soundkin search --text ''`",
        )
    rows = view.rows_of(sound)
    segment = view.segment[rows]
    if not len(rows):
        raise NotFound(
            f"sound '{sound_id}' has no vectors of the space {view.space_id}",
            "a sound indexed with that space",
            "index its folder again with that space",
        )
    if seq is not None:
        chosen = snapshot.segments["seq"][segment] == seq
        rows, segment = rows[chosen], segment[chosen]
        if not len(rows):
            raise NotFound(
                f"sound '{sound_id}' has no segment {seq}", "a segment that the library lists", ""
            )
        start_s = float(snapshot.segments["start_s"][segment[0]])
        end_s = float(snapshot.segments["end_s"][segment[0]])
    elif start_s is not None or end_s is not None:
        low, high = start_s or 0.0, np.inf if end_s is None else end_s
        chosen = (snapshot.segments["start_s"][segment] < high) & (
            snapshot.segments["end_s"][segment] > low
        )
        rows, segment = rows[chosen], segment[chosen]
        if not len(rows):
            raise NotFound(
                f"nothing to hear in sound '{sound_id}' from {low:g} s on", "a range with sound", ""
            )
        start_s, end_s = low, float(min(high, snapshot.segments["end_s"][segment].max()))
    vectors = vectors_of(view, rows)
    spots = snapshot.spots.of(sound)
    name = spots[0].name if spots else sound_id
    return Part(label or name, weight, vectors, sound, start_s, end_s)


def best_spot(catalogue: Catalogue, snapshot: Snapshot, sound_id: str) -> Spot | None:
    """Return the place of a known sound that is most likely to open; None when it has none."""
    order = (PRESENT, "offline", GONE)
    number = snapshot.ids.get(sound_id)
    spots = () if number is None else snapshot.spots.of(number)
    return min(spots, key=lambda spot: order.index(catalogue.state(spot)), default=None)


def _existing_file(source: str | Path) -> bytes:
    """Return the raw path of a file that is there."""
    expected = "a sound file, file@start-end in seconds, or the id of a sound or segment"
    if is_address(str(source)):
        return whole(str(source))
    raw = b"" if "\0" in str(source) else os.path.realpath(os.fsencode(Path(source).expanduser()))
    if not raw or not os.path.exists(raw):
        raise NotFound(f"there is nothing at '{source}'", expected, "check the path")
    if os.path.isdir(raw):
        raise InputError(f"'{source}' is a folder", expected, "name one of its files")
    return raw


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
            f"the range from {start_s or 0:g} s to {'the end' if end_s is None else f'{end_s:g} s'}",
            "0 <= start < end, in seconds",
            "swap or widen it",
        )


def _vector_part(vectors: npt.NDArray[np.float32], space: Space, item: QueryItem) -> Part:
    """Take vectors as they are, made unit length. Raises `InputError` for another shape or zeros."""
    rows = np.atleast_2d(np.asarray(vectors, np.float32))
    norms = np.linalg.norm(rows, axis=1)
    if rows.ndim != 2 or rows.shape[1] != space.dim or not len(rows):
        raise InputError(
            f"vectors of shape {vectors.shape}", f"(n, {space.dim}), as {space.id} makes them", ""
        )
    if not np.isfinite(norms).all() or not (norms > 0).all():
        raise InputError("a vector that is zero or not finite", "vectors with a direction", "")
    return Part(item.name or "vectors", item.weight, (rows / norms[:, None]).astype(np.float32))
