"""A library's quality on one page, on the user's own sound, without labels.

- *found again*: copies of its sounds, deformed, are searched for as a user would: first hit, first ten
- *same file*: how often a stretch's nearest neighbour is another stretch of its own file
- *geometry*: hubs, near-duplicates, effective rank, of every sound's mean vector
- *index*: how many of the ten nearest vectors the library's kind of index finds
- *folders*: their names as labels, where those say more than chance
- a picture of the sounds by t-SNE, coloured by folder

Several spaces stand side by side: before and after an adaptation, say.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin import index as indexing
from soundkin.audio import deform
from soundkin.audio.decode import read_sound
from soundkin.audio.windows import chunks
from soundkin.errors import InputError, SoundkinError
from soundkin.evaluate.geometry import effective_rank, hubness, near_duplicate_rate, occurrences
from soundkin.evaluate.intervals import Interval, bootstrap_mean
from soundkin.evaluate.plane import MOST_POINTS, t_sne
from soundkin.evaluate.retrieval import BLOCK, retrieval, unit_rows
from soundkin.index.tuning import recall
from soundkin.space import Space, load_space

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from soundkin.facade import Library
    from soundkin.library.views import Sound

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

COPIES_OF = 100
"""Sounds whose copies are searched for."""
EXCERPT_S = 10.0
MOST_ROWS = 20_000
"""Vectors that proximity and the index are measured on."""
ASKED = 1000
K = 10
MEANINGFUL = 1.5
"""Folder names mean something from so many times chance on."""
DEFORMATIONS: dict[str, Callable[[Floats, int], Floats]] = {
    "gain -9 dB": lambda x, _: deform.gain(x, -9.0),
    "start cut by 20 ms": lambda x, rate: deform.trim(x, rate, 0.02, 0.0),
    "half a second cut": lambda x, rate: deform.trim(x, rate, 0.5, 0.0),
    "noise, 40 dB below": lambda x, _: deform.add_noise(x, 40.0, len(x)),
    "noise, 20 dB below": lambda x, _: deform.add_noise(x, 20.0, len(x)),
    "3 % faster": lambda x, _: deform.varispeed(x, 1.03),
    "12 % faster": lambda x, _: deform.varispeed(x, 1.12),
    "MP3": lambda x, rate: deform.reencode(x, rate, "mp3"),
    "Vorbis": lambda x, rate: deform.reencode(x, rate, "ogg"),
}
"""Name -> what happens to samples (n,) at a rate in Hz."""


@dataclass(frozen=True)
class SpaceReport:
    """One space on one library.

    `found`, `found_ten`: deformation -> share of copies whose sound is the first hit, among the
    first ten; `same_file`: share, None without longer sounds, and `same_file_chance`; `folders`:
    1-NN by folder, None where the names say no more than chance; `folder_rows`: folder -> share;
    `recall`: of the ten nearest, by the index `index_kind`; `counts`: N_10 of each sound; `places`
    (m, 2) and `place_labels`: the picture.
    """

    name: str
    id: str
    dim: int
    found: Mapping[str, Interval]
    found_ten: Mapping[str, Interval]
    same_file: Interval | None
    same_file_chance: float
    hubness: float
    near_duplicates: float
    effective_rank: float
    folders: Interval | None
    folder_chance: float
    folder_rows: Mapping[str, Interval]
    index_kind: str
    recall: float
    counts: Ints
    places: npt.NDArray[np.float64]
    place_labels: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What the page shows: the library in numbers, then one column a space."""

    sounds: int
    hours: float
    segments: int
    copies_of: int
    exact_duplicates: int
    unheard: int
    spaces: tuple[SpaceReport, ...]


@dataclass(frozen=True)
class Held:
    """A library's vectors of one space: `X` (n, dim) unit, `owner` (n,) its sound, `seq` (n,)."""

    X: Floats
    owner: Ints
    seq: Ints
    means: Floats
    folders: tuple[str, ...]


def make_report(
    library: Library,
    *,
    spaces: Sequence[str] = (),
    copies_of: int = COPIES_OF,
    seed: int = 0,
    on_progress: Callable[[str], None] | None = None,
) -> Report:
    """Measure a library; `spaces`: names or .json files, all that it holds without one.

    `copies_of`: how many sounds are deformed and searched for. Raises InputError for a library
    with fewer than 12 sounds, UnknownSpace for a space that it does not hold.
    """
    tell = on_progress or (lambda _: None)
    info = library.info()
    if info.sounds < K + 2:
        raise InputError(f"a library of {info.sounds} sounds", f"{K + 2} and more", "index more")
    sounds, _ = library.sounds(limit=2**62)
    folders = {sound.sound_id: _folder(sound) for sound in sounds}
    ids = sorted(folders)
    chosen = np.random.default_rng(seed).permutation(len(ids))
    tell("reading sounds")
    heard, unheard = _hear(library, [ids[row] for row in chosen], copies_of)
    parts = []
    for name in spaces or [space.name for space in info.spaces]:
        space = load_space(name)
        held = _held(library, space, ids, folders)
        tell(f"{space.name}: copies")
        found = find_copies(library, space, name, heard)
        tell(f"{space.name}: neighbours")
        parts.append(_space_report(space, held, found, seed))
    return Report(
        sounds=info.sounds,
        hours=info.seconds_of_sound / 3600,
        segments=info.segments,
        copies_of=len(heard),
        exact_duplicates=sum(len(sound.locations) - 1 for sound in sounds),
        unheard=unheard,
        spaces=tuple(parts),
    )


def _folder(sound: Sound) -> str:
    """A sound's folder, with the name of the indexed one that it lies in."""
    return "/".join(part for part in (PurePath(sound.root).name, sound.folder) if part)


def _hear(
    library: Library, ids: Sequence[str], most: int
) -> tuple[dict[str, tuple[Floats, int]], int]:
    """The first seconds of up to `most` sounds in this order, and how many could not be opened."""
    heard: dict[str, tuple[Floats, int]] = {}
    missed = 0
    for sound_id in ids:
        if len(heard) == most:
            break
        try:
            samples, rate_hz = read_sound(library.locate(sound_id))
        except (SoundkinError, OSError):
            missed += 1
            continue
        heard[sound_id] = (samples[: round(EXCERPT_S * rate_hz)], rate_hz)
    return heard, missed


def _held(library: Library, space: Space, ids: Sequence[str], folders: Mapping[str, str]) -> Held:
    """A library's vectors of one space, in the order of its sounds."""
    table = library.to_arrow(space.id)
    number = {sound_id: row for row, sound_id in enumerate(ids)}
    known = [number.get(sound_id, -1) for sound_id in table["sound_id"].to_pylist()]
    owner, seq = np.array(known, np.int64), table["seq"].to_numpy().astype(np.int64)
    flat = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    X = np.asarray(flat, np.float32).reshape(len(owner), space.dim)
    kept = np.flatnonzero(owner >= 0)
    order = kept[np.lexsort((seq[kept], owner[kept]))]
    X, owner, seq = X[order], owner[order], seq[order]
    present, starts = np.unique(owner, return_index=True)
    means = unit_rows(np.add.reduceat(X, starts, axis=0)) if len(X) else X
    return Held(X, owner, seq, means, tuple(folders[ids[row]] for row in present))


def find_copies(
    library: Library, space: Space, name: str, heard: Mapping[str, tuple[Floats, int]]
) -> dict[str, tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """Search for deformed copies: deformation -> whether the sound came first, among ten (m,).

    Copies that cannot be made (too short to be cut) or are silent are left out.
    """
    found: dict[str, tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]] = {}
    for kind, harm in DEFORMATIONS.items():
        ranks = []
        for sound_id, (samples, rate_hz) in heard.items():
            try:
                query = _vectors(harm(samples, rate_hz), rate_hz, space)
            except (SoundkinError, RuntimeError):
                continue
            if len(query):
                hits = library.search(query, space=name, k=K).hits
                ranks.append(next((h.rank for h in hits if h.sound_id == sound_id), K + 1))
        if ranks:
            rank = np.array(ranks)
            found[kind] = (rank == 1, rank <= K)
    return found


def _vectors(samples: Floats, rate_hz: int, space: Space) -> Floats:
    """Vectors (k, dim) of a sound, as a library hears it."""
    parts = [space.embed_chunk(c) for c in chunks([samples], rate_hz, margin_s=space.margin_s)]
    return np.concatenate([np.empty((0, space.dim), np.float32), *parts])


def _space_report(
    space: Space,
    held: Held,
    found: Mapping[str, tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]],
    seed: int,
) -> SpaceReport:
    """Everything about one space."""
    same, same_chance = same_file(held, seed)
    folders, chance, rows = folder_labels(held)
    kind, share = index_recall(held.X, seed)
    picked = np.sort(np.random.default_rng(seed).permutation(len(held.means))[:MOST_POINTS])
    return SpaceReport(
        name=space.name,
        id=space.id,
        dim=space.dim,
        found={kind: bootstrap_mean(first) for kind, (first, _) in found.items()},
        found_ten={kind: bootstrap_mean(ten) for kind, (_, ten) in found.items()},
        same_file=same,
        same_file_chance=same_chance,
        hubness=hubness(held.means, k=K),
        near_duplicates=near_duplicate_rate(held.means),
        effective_rank=effective_rank(held.means),
        folders=folders,
        folder_chance=chance,
        folder_rows=rows,
        index_kind=kind,
        recall=share,
        counts=occurrences(held.means, k=K),
        places=t_sne(held.means[picked]),
        place_labels=tuple(held.folders[row] for row in picked),
    )


def same_file(held: Held, seed: int = 0) -> tuple[Interval | None, float]:
    """Share of stretches whose nearest other one is of their own file, and the share by chance.

    Stretches that overlap the asker are left out; asked are those with another one left.
    """
    rng = np.random.default_rng(seed)
    part = np.sort(rng.permutation(np.unique(held.owner)))
    sizes = np.bincount(held.owner, minlength=part.max(initial=0) + 1)
    while len(part) > 1 and sizes[part].sum() > MOST_ROWS:
        part = np.sort(rng.permutation(part)[: len(part) // 2])
    rows = np.flatnonzero(np.isin(held.owner, part))
    X, owner, seq = held.X[rows], held.owner[rows], held.seq[rows]
    hits, owners, chances = [], [], []
    for begin in range(0, min(len(X), 10**9), BLOCK):
        here = slice(begin, begin + BLOCK)
        own = owner[here, None] == owner
        near = own & (np.abs(seq[here, None] - seq) < 2)
        mates, others = (own & ~near).sum(axis=1), (~near).sum(axis=1)
        scores = np.where(near, -2, X[here] @ X.T)
        asked = mates > 0
        hits.append((owner[scores.argmax(axis=1)] == owner[here])[asked])
        owners.append(owner[here][asked])
        chances.append((mates / np.maximum(others, 1))[asked])
    hit, chance = np.concatenate(hits), np.concatenate(chances)
    if not len(hit):
        return None, 0.0
    return bootstrap_mean(hit, np.concatenate(owners)), float(chance.mean())


def folder_labels(held: Held) -> tuple[Interval | None, float, dict[str, Interval]]:
    """1-NN by folder over all sounds in folders of five and more, chance, and each folder's share.

    None where there are fewer than two such folders, or their names say no more than chance.
    """
    often = Counter(held.folders)
    rows = np.array([i for i, name in enumerate(held.folders) if often[name] >= 5], np.int64)
    names = np.array(held.folders)[rows]
    if len(set(names.tolist())) < 2:
        return None, 0.0, {}
    found = retrieval(held.means[rows], names, ks=(1,))
    _, counts = np.unique(names, return_counts=True)
    chance = float((counts * (counts - 1)).sum() / (len(names) * (len(names) - 1)))
    share = bootstrap_mean(found.first)
    if share.low < MEANINGFUL * chance:
        return None, chance, {}
    asked = names[found.rows]
    shares = {name: bootstrap_mean(found.first[asked == name]) for name in np.unique(asked)}
    best = sorted(shares, key=lambda name: (-often[name], name))[:12]
    return share, chance, {name: shares[name] for name in best}


def index_recall(X: Floats, seed: int = 0) -> tuple[str, float]:
    """The kind of index for so many vectors, and how many of the ten nearest it finds on them."""
    rng = np.random.default_rng(seed)
    kind, _ = indexing.choose(*X.shape)
    asked = X[rng.permutation(len(X))[:ASKED]]
    _, true = indexing.build("exact", X).query(asked, k=K)
    _, found = indexing.build(kind, X, seed=seed).query(asked, k=K)
    return kind, recall(found, true)
