"""The map of a library: which segments are drawn, where, and what the clusters are called.

The places are kept in the library's cache, by segment, one file a space. What is already on the map stays
where it is; new segments are laid beside their neighbours. Only when more than half is new, or when it is
asked for, is the layout computed anew, from the old places and laid over them. Where a library has more
segments than are drawn, a sample is: the same ones every time, chosen by their ids.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from soundkin.crowds import Cluster, crowds, groups_of
from soundkin.errors import NotFound
from soundkin.index import build
from soundkin.index.graph import knn_graph
from soundkin.layout import aligned, layout, place
from soundkin.scope import sounds_in
from soundkin.search import spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from soundkin.facade import Library, Look
    from soundkin.library.catalogue import Snapshot
    from soundkin.search import Part

FORMAT = 1
MOST = 1_000_000
"""So many segments are drawn at most."""

NEIGHBOURS = 15
NEW_SHARE = 0.5
"""From this share of new segments on the layout is computed anew."""

BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Atlas:
    """A map: points (n,), whose sound and which segment, their places and clusters.

    sounds: the ids of the sounds on the map, two halves each (m, 2); sound (n,): numbers among them. seq
    (n,): numbers of segments within their sounds. total: segments that there are; fewer points are a
    sample. made_at: when the layout was last changed; version: changes with it.
    """

    space_id: str
    sounds: npt.NDArray[np.uint64]
    sound: npt.NDArray[np.int32]
    seq: npt.NDArray[np.int32]
    places: npt.NDArray[np.float32]
    cluster: npt.NDArray[np.uint16]
    clusters: tuple[Cluster, ...]
    total: int
    seed: int
    made_at: datetime

    @property
    def sampled(self) -> bool:
        """Say whether not all segments are drawn."""
        return len(self.seq) < self.total

    @property
    def version(self) -> str:
        """A word that changes whenever the map does."""
        return f"{self.made_at:%Y%m%d%H%M%S%f}-{len(self.seq)}"

    def sound_id(self, number: int) -> str:
        """Return the id of a sound on the map."""
        return f"{int(self.sounds[number, 0]):016x}{int(self.sounds[number, 1]):016x}"

    def as_bytes(self) -> bytes:
        """Return the points for a page, little-endian: see `GET /api/map/points`."""
        return b"".join(
            [
                self.places.astype("<f4").tobytes(),
                self.sound.astype("<u4").tobytes(),
                self.seq.astype("<u4").tobytes(),
                self.cluster.astype("<u2").tobytes(),
                self.sounds.astype(">u8").tobytes(),
            ]
        )


def make(
    library: Library,
    *,
    space: str | None = None,
    most: int = MOST,
    seed: int = 0,
    anew: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Atlas:
    """Bring the map of a library up to date and return it; `on_progress` is called in parts of 100.

    most: draw at most so many segments. anew: compute the whole layout again.
    Raises `NotFound` for an empty library; stopped on the way it returns what was there before.
    """
    look = library.look(space)
    old = load(library, look.view.space_id)
    rows, total = _drawn(look, most)
    known = _known(old, look, rows)
    lacking = np.isnan(known).any(axis=1)
    tell = on_progress or (lambda _done, _all: None)
    if old is not None and not anew and not lacking.any():
        if len(rows) == len(old.seq) and total == old.total:
            return old
        places = known
    elif anew or lacking.mean() > NEW_SHARE:
        X = np.asarray(look.view.index.vectors[rows])
        k = min(NEIGHBOURS, max(len(rows) - 1, 1))
        index = look.view.index if len(rows) == look.view.index.n_ids else build("auto", X)
        ids, distances = knn_graph(index, k, on_progress=lambda d, n: tell(50 * d // n, 100))  # type: ignore[arg-type]
        first = None if lacking.all() else known
        places = layout(
            ids,
            distances,
            first=first,
            seed=seed,
            on_progress=lambda d, n: tell(50 + 49 * d // n, 100),
            stop=stop,
        )
        places = places if first is None else aligned(places, known)
    else:
        places = _placed(look, rows, known, seed)
    if stop() and old is not None:
        return old
    atlas = _atlas(look, rows, places, total, seed)
    cluster, clusters = crowds(look.snapshot, look.view.sound[rows], places, seed)
    atlas = replace(atlas, cluster=cluster, clusters=clusters)
    _save(library, atlas)
    tell(100, 100)
    return atlas


def load(library: Library, space_id: str) -> Atlas | None:
    """Return the map that was last made in a space, None when there is none that can be read."""
    path = _file(library, space_id)
    try:
        return _read(path, path.stat().st_mtime_ns, space_id)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


@lru_cache(maxsize=8)
def _read(path: Path, _written_at: int, space_id: str) -> Atlas | None:
    """Read a map as it was written at one moment."""
    with path.open("rb") as file, np.load(file) as held:
        about: dict[str, Any] = json.loads(held["about"].tobytes())
        if about["format"] != FORMAT:
            return None
        return Atlas(
            space_id=space_id,
            **{name: held[name] for name in ("sounds", "sound", "seq", "places", "cluster")},
            clusters=tuple(Cluster(**one) for one in about["clusters"]),
            total=about["total"],
            seed=about["seed"],
            made_at=datetime.fromisoformat(about["made_at"]),
        )


def missing(atlas: Atlas | None, look: Look) -> int:
    """Return how many segments have come since the map was made; all where there is none."""
    return max(int(np.count_nonzero(_drawable(look))) - (atlas.total if atlas else 0), 0)


def current(library: Library, space: str | None = None) -> Atlas:
    """Return the map that was last made. Raises `NotFound` when there is none yet."""
    space_id = library.look(space).view.space_id
    found = load(library, space_id)
    if found is None:
        raise NotFound(
            f"there is no map of the space {space_id} yet", "a map", "make one with `soundkin map`"
        )
    return found


def closeness(atlas: Atlas, look: Look, parts: Sequence[Part]) -> npt.NDArray[np.float32]:
    """Return how close each point is to a query (n,): the greatest similarity to any vector of a part.

    Weighted over the parts as a search does it; -1 for points that have been forgotten since.
    """
    rows = rows_of(atlas, look)
    found = np.full(len(rows), -1.0, np.float32)
    weights = sum(abs(part.weight) for part in parts)
    for start in range(0, len(rows), BLOCK):
        here = np.flatnonzero(rows[start : start + BLOCK] >= 0) + start
        if not len(here):
            continue
        X = np.asarray(look.view.index.vectors[rows[here]])
        total = [part.weight * (X @ spread(part.vectors).T).max(axis=1) for part in parts]
        found[here] = np.sum(total, axis=0) / weights
    return found


def rows_of(atlas: Atlas, look: Look) -> npt.NDArray[np.int64]:
    """Return the row of each point among a space's vectors, -1 for what has been forgotten since."""
    order, keys = _keys(look)
    ords = look.snapshot.ids.ords(atlas.sounds)[atlas.sound]
    wanted = (ords << 32) | atlas.seq
    at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    found = np.full(len(wanted), -1, np.int64)
    if len(keys):
        hit = (keys[at] == wanted) & (ords >= 0)
        found[hit] = order[at[hit]]
    return found


def groups(atlas: Atlas, snapshot: Snapshot, by: str) -> tuple[list[str], list[int]]:
    """Return names and the number of each sound's group on a map; see :func:`soundkin.crowds.groups_of`."""
    return groups_of(snapshot, snapshot.ids.ords(atlas.sounds), by)


def _drawn(look: Look, most: int) -> tuple[npt.NDArray[np.int64], int]:
    """Return the rows that are drawn, and how many there are to draw from."""
    view = look.view
    rows = np.flatnonzero(_drawable(look))
    total = len(rows)
    if total > most:
        seq = look.snapshot.segments["seq"][view.segment[rows]].astype(np.uint64)
        lot = look.snapshot.ids.pairs[view.sound[rows], 0] ^ (seq * np.uint64(0x9E3779B97F4A7C15))
        lot *= np.uint64(0xBF58476D1CE4E5B9)
        rows = np.sort(rows[np.argsort(lot ^ (lot >> np.uint64(29)), kind="stable")[:most]])
    return rows, total


def _drawable(look: Look) -> npt.NDArray[np.bool_]:
    """Return which rows belong to sounds that have a place."""
    placed: npt.NDArray[np.bool_] = sounds_in(look.snapshot, None)[look.view.sound]
    return placed & (look.view.segment >= 0)


def _keys(look: Look) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return living rows in the order of their keys (sound << 32 | segment), and the keys."""
    rows = np.flatnonzero(look.view.segment >= 0)
    seq = look.snapshot.segments["seq"][look.view.segment[rows]]
    keys = (look.view.sound[rows].astype(np.int64) << 32) | seq
    order = np.argsort(keys, kind="stable")
    return rows[order], keys[order]


def _known(old: Atlas | None, look: Look, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the places that rows had on the old map, NaN for the others."""
    known = np.full((len(look.view.sound), 2), np.nan, np.float32)
    if old is not None:
        at = rows_of(old, look)
        known[at[at >= 0]] = old.places[at >= 0]
    return known[rows]


def _placed(
    look: Look, rows: npt.NDArray[np.int64], known: npt.NDArray[np.float32], seed: int
) -> npt.NDArray[np.float32]:
    """Lay new points beside their neighbours; only those are asked for."""
    X = np.asarray(look.view.index.vectors[rows])
    new = np.flatnonzero(np.isnan(known).any(axis=1))
    index = build("auto", X)
    found, far = index.query(np.ascontiguousarray(X[new]), min(NEIGHBOURS + 1, len(rows)))
    ids = np.full((len(rows), found.shape[1]), -1, np.int64)
    distances = np.full(ids.shape, np.inf, np.float32)
    own = found == new[:, None]
    ids[new], distances[new] = np.where(own, -1, found), np.where(own, np.inf, far)
    return place(ids, distances, known, seed=seed)


def _atlas(
    look: Look,
    rows: npt.NDArray[np.int64],
    places: npt.NDArray[np.float32],
    total: int,
    seed: int,
) -> Atlas:
    ords, sound = np.unique(look.view.sound[rows], return_inverse=True)
    return Atlas(
        space_id=look.view.space_id,
        sounds=look.snapshot.ids.pairs[ords],
        sound=sound.astype(np.int32),
        seq=look.snapshot.segments["seq"][look.view.segment[rows]].astype(np.int32),
        places=places,
        cluster=np.zeros(len(rows), np.uint16),
        clusters=(),
        total=total,
        seed=seed,
        made_at=datetime.now(UTC),
    )


def _file(library: Library, space_id: str) -> Path:
    return library.path / "cache" / f"map-{space_id}.npz"


def _save(library: Library, atlas: Atlas) -> None:
    """Write the map beside the old one, then rename; a cache that cannot be written only costs time."""
    about = {
        "format": FORMAT,
        "clusters": [asdict(cluster) for cluster in atlas.clusters],
        "total": atlas.total,
        "seed": atlas.seed,
        "made_at": atlas.made_at.isoformat(),
    }
    path = _file(library, atlas.space_id)
    beside = path.with_name(f".new-{path.name}")
    try:
        path.parent.mkdir(exist_ok=True)
        np.savez(
            beside,
            sounds=atlas.sounds,
            sound=atlas.sound,
            seq=atlas.seq,
            places=atlas.places,
            cluster=atlas.cluster,
            about=np.frombuffer(json.dumps(about).encode(), np.uint8),
        )
        beside.replace(path)
    except OSError:
        return
