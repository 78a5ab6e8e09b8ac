"""Where "close" ends and "far" begins, measured on this library.

A cosine distance means nothing by itself: in one space 0.2 is a copy, in another a stranger. Two things
that anyone can check set the borders. Copies of the library's own sounds, deformed in ways that leave
them the same sound (gain, trim, light noise, re-encoding), say what *near-identical* is: as near as 95 %
of those. Random pairs of different sounds, compared as a search compares them, say what *far* is: 95 %
of them are farther than the border of *related*, 99.5 % farther than that of *close*. In a library of
look-alikes, where random pairs come nearer than copies do, the border of *near-identical* is at most
half that of *related*, and *close* lies between the two. Below 200 sounds the space's shipped borders
are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.audio import deform
from soundkin.audio.windows import chunks
from soundkin.errors import SoundkinError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundkin.space import Space

MIN_SOUNDS = 200
COPIES_OF = 40
PAIRS = 20_000
LEAST_PAIRS = 2_000
COMPARISONS = 1 << 24
"""Of vectors, which all pairs of sounds together may cost about."""
MOMENTS = 32
LEAST = 1e-4
"""The least border: nearer than this, distances are rounding."""

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Borders:
    """Upper ends of near-identical, close and related, as cosine distances; and what they rest on."""

    near_identical: float
    close: float
    related: float
    sounds: int = 0

    @property
    def values(self) -> tuple[float, float, float]:
        """The three borders, ascending."""
        return self.near_identical, self.close, self.related


def deformed_copies(samples: Samples, rate_hz: int, *, seed: int = 0) -> list[Samples]:
    """Return copies of a sound that a listener takes for the same one.

    Gain -9 dB, 5 ms cut off the start and the end, white noise at 40 dB SNR, MP3 and Vorbis coding.
    """
    return [
        deform.gain(samples, -9.0),
        deform.trim(samples, rate_hz, 0.005, 0.005),
        deform.add_noise(samples, 40.0, seed),
        deform.reencode(samples, rate_hz, "mp3"),
        deform.reencode(samples, rate_hz, "ogg"),
    ]


def embed_first(space: Space, samples: Samples, rate_hz: int) -> npt.NDArray[np.float32] | None:
    """Return the vector of a sound's first segment, on the very path of ingest; None for silence."""
    return _embed_firsts(space, [samples], rate_hz)[0]


def _embed_firsts(
    space: Space, sounds: Sequence[Samples], rate_hz: int
) -> list[npt.NDArray[np.float32] | None]:
    """Return the vector of each sound's first segment, None for silence; embedded together."""
    first = [
        next((c for c in chunks([s], rate_hz, margin_s=space.margin_s) if len(c.segments)), None)
        for s in sounds
    ]
    heard = [space.gather_chunk(chunk) for chunk in first if chunk is not None]
    vectors = iter(space.embed_gathered(heard) if heard else [])
    return [None if chunk is None else next(vectors)[0] for chunk in first]


def copy_distances(
    space: Space, sounds: Sequence[tuple[Samples, int]], *, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Return the cosine distances between sounds (mono, rate) and their deformed copies."""
    found = []
    for number, (samples, rate_hz) in enumerate(sounds, seed):
        try:
            copies = deformed_copies(samples, rate_hz, seed=number)
            vectors = _embed_firsts(space, [samples, *copies], rate_hz)
        except (SoundkinError, RuntimeError):  # too short to be cut, a rate that no coder takes
            continue
        original = vectors.pop(0)
        if original is not None:
            found += [1.0 - float(original @ vector) for vector in vectors if vector is not None]
    return np.asarray(found)


def pair_distances(
    X: npt.NDArray[np.float32], sound: npt.NDArray[np.int32], *, n: int = PAIRS, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Return the distances of n random pairs of different sounds, as a search has them.

    X (rows, dim): unit vectors; sound (rows,): whose they are. Every vector of one sound (at most
    `MOMENTS`, evenly spread) looks for its nearest in the other; the mean of those is their distance.
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(sound, kind="stable")
    _, starts = np.unique(sound[order], return_index=True)
    runs = np.split(order, starts[1:])
    mean = len(X) / len(runs)
    n = min(n, max(LEAST_PAIRS, int(COMPARISONS / (min(mean, MOMENTS) * mean))))
    first = rng.integers(0, len(runs), n)
    second = (first + rng.integers(1, len(runs), n)) % len(runs)
    distances = np.empty(n)
    sizes = np.diff(starts, append=len(order))
    single = (sizes[first] == 1) & (sizes[second] == 1)
    X_a, X_b = (X[order[starts[which[single]]]] for which in (first, second))
    distances[single] = 1.0 - np.einsum("ij,ij->i", X_a, X_b)
    for i in np.flatnonzero(~single):
        a, b = first[i], second[i]
        asked = runs[a]
        if len(asked) > MOMENTS:
            asked = asked[np.linspace(0, len(asked) - 1, MOMENTS).round().astype(int)]
        distances[i] = 1.0 - (X[asked] @ X[runs[b]].T).max(axis=1).mean()
    return distances


def borders_from(
    copies: npt.NDArray[np.float64], pairs: npt.NDArray[np.float64], *, sounds: int = 0
) -> Borders:
    """Return the borders that the distances of copies and of random pairs set; always ascending.

    >>> borders_from(np.linspace(0, 0.02, 101), np.linspace(0.2, 1.2, 1001)).values
    (0.019, 0.205, 0.25)
    """
    close, related = (float(q) for q in np.quantile(pairs, [0.005, 0.05]))
    related = max(related, 4 * LEAST)
    near = min(max(float(np.quantile(copies, 0.95)), LEAST), related / 2)
    if not 1.5 * near <= close <= 0.9 * related:
        close = float(np.sqrt(near * related))
    return Borders(round(near, 6), round(close, 6), round(related, 6), sounds)


def calibrate(
    X: npt.NDArray[np.float32],
    sound: npt.NDArray[np.int32],
    copies: npt.NDArray[np.float64],
    *,
    sounds: int,
    seed: int = 0,
) -> Borders | None:
    """Set the borders of a library of so many sounds; None when too little could be measured.

    X (n, dim): vectors of its sounds, or of a sample of them; sound (n,): whose they are; copies: from
    `copy_distances`.
    """
    if len(np.unique(sound)) < MIN_SOUNDS or len(copies) < COPIES_OF:
        return None
    return borders_from(copies, pair_distances(X, sound, seed=seed), sounds=sounds)
