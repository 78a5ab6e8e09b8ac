"""Where "close" ends and "far" begins, measured on this library.

A cosine distance means nothing by itself: in one space 0.2 is a copy, in another a stranger. Two things
that anyone can check set the borders. Copies of the library's own sounds, deformed in ways that leave
them the same sound (gain, trim, light noise, re-encoding), say what *near-identical* is: as near as 95 %
of those. Random pairs of different sounds say what *far* is: 95 % of them are farther than the border of
*related*, 99.5 % farther than that of *close*. Below 200 sounds the space's shipped borders are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.audio import deform
from soundkin.audio.windows import chunks
from soundkin.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soundkin.space import Space

MIN_SOUNDS = 200
COPIES_OF = 60
PAIRS = 20_000

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
    for chunk in chunks([samples], rate_hz):
        if len(chunk.segments.seq):
            vector: npt.NDArray[np.float32] = space.embed_chunk(chunk)[0]
            return vector
    return None


def copy_distances(space: Space, sounds: Sequence[tuple[Samples, int]]) -> npt.NDArray[np.float64]:
    """Return the cosine distances between sounds (mono, rate) and their deformed copies."""
    found = []
    for number, (samples, rate_hz) in enumerate(sounds):
        original = embed_first(space, samples, rate_hz)
        if original is None:
            continue
        for copy in deformed_copies(samples, rate_hz, seed=number):
            vector = embed_first(space, copy, rate_hz)
            if vector is not None:
                found.append(1.0 - float(original @ vector))
    return np.asarray(found)


def pair_distances(
    X: npt.NDArray[np.float32], sound: npt.NDArray[np.int32], *, n: int = PAIRS, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Return the cosine distances of random pairs of rows that belong to different sounds."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, len(X), (2, n))
    apart = sound[a] != sound[b]
    a, b = a[apart], b[apart]
    distances: npt.NDArray[np.float64] = 1.0 - np.einsum("ij,ij->i", X[a], X[b], dtype=np.float64)
    return distances


def borders_from(
    copies: npt.NDArray[np.float64], pairs: npt.NDArray[np.float64], *, sounds: int = 0
) -> Borders:
    """Return the borders that copies and random pairs set; always ascending.

    >>> b = borders_from(np.array([0.01, 0.02]), np.linspace(0.2, 1.2, 1001))
    >>> b.near_identical < b.close < b.related
    True
    """
    close, related = np.quantile(pairs, [0.005, 0.05])
    near = min(float(np.quantile(copies, 0.95)), float(close) * 0.9)
    return Borders(round(near, 4), round(float(close), 4), round(float(related), 4), sounds)


def calibrate(
    space: Space,
    X: npt.NDArray[np.float32],
    sound: npt.NDArray[np.int32],
    hear: Callable[[int], tuple[Samples, int] | None],
    *,
    seed: int = 0,
) -> Borders | None:
    """Measure the borders of a library; None when it is too small or its sounds cannot be read now.

    X (n, dim): its vectors; sound (n,): whose they are; hear: samples and rate of a row, or None.
    """
    n_sounds = len(np.unique(sound))
    if n_sounds < MIN_SOUNDS:
        return None
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(X))[: 3 * COPIES_OF]
    heard: list[tuple[Samples, int]] = []
    for row in rows:
        try:
            one = hear(int(row))
        except (DecodeError, OSError):
            continue
        if one is not None:
            heard.append(one)
        if len(heard) == COPIES_OF:
            break
    copies = copy_distances(space, heard)
    if len(copies) < COPIES_OF:
        return None
    return borders_from(copies, pair_distances(X, sound, seed=seed), sounds=n_sounds)
