"""The map of a library: which segments are drawn, where, and what the clusters are called.

The places are kept in the library's cache, by segment, one file a space. What is already on the map stays
where it is; new segments are laid beside their neighbours. Only when more than half is new, or when it is
asked for, is the layout computed anew, from the old places and laid over them. Where a library has more
segments than are drawn, a sample is: the same ones every time, chosen by their ids.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

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

MOST_CLUSTERS = 24
CLUSTERED = 20_000
"""So many points are looked at to find the clusters."""

BLOCK = 1 << 16
WORD = re.compile(r"[^\W\d_]{3,}")
WORDS = 2


@dataclass(frozen=True, slots=True)
class Cluster:
    """A crowd of points: its middle, how many, and the words that tell it from the others."""

    label: str
    x: float
    y: float
    points: int


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
    atlas = _labelled(atlas, look.snapshot, rows, look)
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


@lru_cache(maxsize=4)
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


def missing(atlas: Atlas, look: Look) -> int:
    """Return how many segments have come since the map was made."""
    return max(int(np.count_nonzero(_drawable(look))) - atlas.total, 0)


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
    """Return names and the number of each sound's group: by "folder", "tag" or "format"; -1 for none.

    A sound with several tags counts for the one that most sounds bear.
    """
    ords = snapshot.ids.ords(atlas.sounds)
    if by == "format":
        found = [snapshot.sounds["format"][int(o)].as_py() if o >= 0 else "" for o in ords]
    elif by == "tag":
        counts = Counter(snapshot.tags.names[i] for i in snapshot.tags.label)
        found = [
            max(snapshot.tags.get(int(o)), key=lambda tag: (counts[tag], tag), default="")
            for o in ords
        ]
    else:
        found = [_folder(snapshot, int(o)) if o >= 0 else "" for o in ords]
    names = [name for name, _ in Counter(name for name in found if name).most_common()]
    number = {name: i for i, name in enumerate(names)}
    return names, [number.get(name, -1) for name in found]


def _folder(snapshot: Snapshot, number: int) -> str:
    spots = snapshot.spots.of(number)
    return (spots[0].folder or spots[0].root) if spots else ""


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


def _labelled(atlas: Atlas, snapshot: Snapshot, rows: npt.NDArray[np.int64], look: Look) -> Atlas:
    """Find the crowds of a map and name each by the words that its sounds have more than others."""
    from scipy.cluster.vq import kmeans2  # noqa: PLC0415 - slow to import, seldom needed
    from scipy.spatial import cKDTree  # noqa: PLC0415

    n = len(atlas.seq)
    wanted = int(np.clip(np.sqrt(n / 20), 1, MOST_CLUSTERS))
    rng = np.random.default_rng(atlas.seed)
    some = atlas.places[np.sort(rng.permutation(n)[:CLUSTERED])].astype(np.float64)
    middles = np.unique(some, axis=0)[:1]
    if wanted > 1 and len(np.unique(some, axis=0)) >= wanted:
        middles, _ = kmeans2(some, wanted, minit="++", seed=rng, missing="warn")
    _, cluster = cKDTree(middles).query(atlas.places)
    counts = np.bincount(cluster, minlength=len(middles))
    kept = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    renumbered = np.zeros(len(middles), np.uint16)
    renumbered[kept] = np.arange(len(kept))
    cluster = renumbered[cluster]
    labels = _labels(snapshot, look.view.sound[rows], cluster, len(kept))
    clusters = []
    for i, label in enumerate(labels):
        x, y = atlas.places[cluster == i].mean(axis=0)
        clusters.append(
            Cluster(label, round(float(x), 4), round(float(y), 4), int(counts[kept[i]]))
        )
    return replace(atlas, cluster=cluster, clusters=tuple(clusters))


def _labels(
    snapshot: Snapshot,
    sound: npt.NDArray[np.int32],
    cluster: npt.NDArray[np.uint16],
    n_clusters: int,
) -> list[str]:
    """Return each cluster's words: those of names, folders and tags that are most its own.

    A word's worth is p log(p / q): p the share of the cluster's sounds that have it, q that of all.
    """
    pairs = np.unique((sound.astype(np.int64) << 16) | cluster)
    sounds = np.append(pairs >> 16, -1)
    words: dict[int, set[str]] = {}
    for number, following in pairwise(sounds.tolist()):
        if number != following:
            words[number] = _words(snapshot, number)
    overall = Counter(word for one in words.values() for word in one)
    per: list[Counter[str]] = [Counter() for _ in range(n_clusters)]
    sizes = [0] * n_clusters
    for pair in pairs.tolist():
        per[pair & 0xFFFF].update(words[pair >> 16])
        sizes[pair & 0xFFFF] += 1
    labels = []
    for counts, size in zip(per, sizes, strict=True):
        worth = {
            word: (n / size) * np.log((n / size) / (overall[word] / len(words)))
            for word, n in counts.items()
        }
        best = sorted(worth, key=lambda word: (-worth[word], word))[:WORDS]
        labels.append(" ".join(word for word in best if worth[word] > 0.05))
    return labels


def _words(snapshot: Snapshot, number: int) -> set[str]:
    """Return the words of a sound's tags, name and innermost folder."""
    spots = snapshot.spots.of(number)[:1]
    text = [spot.name.rpartition(".")[0] + " " + spot.folder.rpartition("/")[2] for spot in spots]
    return set(WORD.findall(" ".join([*snapshot.tags.get(number), *text]).lower()))


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
