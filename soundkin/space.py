"""A notion of similar as a value: windows of sound -> unit vectors, with an id.

A space is a front-end (samples -> frames) and a head (frames, number of valid frames -> vectors),
both made by the settings in one JSON file. Its id is a hash of everything that shapes a vector and
stands beside each stored vector; vectors of two ids never meet in one distance.

Windows are float32 mono at `sample_rate`, left-aligned, with their number of valid samples: what
lies behind them is never looked at. A window's vector is the same bit for bit alone or in any
batch. Over a stretch of sound (`embed_at`, `embed_chunk`) overlapping windows share their frames.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError, SpaceError
from soundkin.frontend.cepstra import cepstra, deltas, mean_and_deviation
from soundkin.frontend.log_mel import TILE, Frames, MelSettings, mel_windows
from soundkin.shelf import find_space
from soundkin.space_windows import Gathered, gathered, joined, placed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from soundkin.audio.windows import Chunk

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

FORMAT = 1
"""Version of the settings file."""
BATCH = 64
"""Windows in flight."""


class Head(Protocol):
    """Frames of windows -> vectors; must give each row the same value in any batch."""

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    def __call__(self, frames: Frames) -> Floats:
        """Frames of n windows -> (n, dim), any length."""
        ...


@dataclass(frozen=True, slots=True)
class CepstralHead:
    """Mean and deviation of cepstra and their slopes, standardised by fixed constants.

    `n_coefficients`, `reach` of the slope in hops, `floor` as in
    :mod:`soundkin.frontend.cepstra`, `mean` and `scale` (4 * n_coefficients,) float32.
    """

    n_coefficients: int
    reach: int
    floor: float
    mean: Floats
    scale: Floats

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return 4 * self.n_coefficients

    def __call__(self, frames: Frames) -> Floats:
        """Standardised statistics: (n, dim)."""
        vectors = np.empty((len(frames.mel), self.dim), np.float32)
        tiles = -(-frames.valid // TILE)
        for per_hop, n_tiles in set(zip(frames.per_hop.tolist(), tiles.tolist(), strict=True)):
            rows = np.flatnonzero((frames.per_hop == per_hop) & (tiles == n_tiles))
            mel = frames.mel[rows, : n_tiles * TILE]
            vectors[rows] = self.statistics(mel, frames.valid[rows], per_hop)
        return (vectors - self.mean) * self.scale

    def statistics(self, mel: Floats, valid: Ints, per_hop: int) -> Floats:
        """Means, then deviations, of cepstra and of their slopes per hop: (n, dim)."""
        coefficients = cepstra(mel, self.n_coefficients, self.floor)
        slopes = deltas(coefficients, self.reach * per_hop) * np.float32(per_hop)
        return mean_and_deviation(np.concatenate([coefficients, slopes], axis=2), valid)


@dataclass(frozen=True)
class Space:
    """A trained or hand-made notion of similar; made by :func:`load_space`.

    `id`: name and hash; `sample_rate` in Hz; `window_samples`; `card`: what it is, how it was made,
    its figures and the default borders of its bands.
    """

    id: str
    name: str
    version: int
    sample_rate: int
    window_samples: int
    frontend: MelSettings
    head: Head
    settings: dict[str, Any]
    card: dict[str, Any]

    @classmethod
    def described(cls, settings: dict[str, Any], head: Head) -> Self:
        """A space from its settings and its head. Raises ValueError for settings of another format."""
        if settings["format"] != FORMAT:
            raise ValueError(f"format {settings['format']}")
        numbers = {key: value for key, value in settings["frontend"].items() if key != "kind"}
        frontend = MelSettings(**numbers)
        return cls(
            id=space_id(settings),
            name=settings["name"],
            version=settings["version"],
            sample_rate=frontend.rate_hz,
            window_samples=settings["window_samples"],
            frontend=frontend,
            head=head,
            settings=settings,
            card=settings["card"],
        )

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.head.dim

    @property
    def window_s(self) -> float:
        """Length of a window in seconds."""
        return self.window_samples / self.sample_rate

    @property
    def margin_s(self) -> float:
        """Context in seconds that this space needs of :func:`soundkin.audio.windows.chunks`."""
        return max(1.0, self.window_s / 2 + 0.5)

    def embed(self, windows: Floats, valid_samples: npt.ArrayLike | None = None) -> Floats:
        """Windows -> unit vectors: (n, window_samples) float32 -> (n, dim) float32.

        `valid_samples` (n,): samples of sound at the front of each window, 1 to window_samples
        (default: all). Raises InputError for another shape or samples that are not finite.

        Examples
        --------
        >>> space = load_space("mfcc")
        >>> space.embed(np.ones((2, 16_000), np.float32)).shape
        (2, 80)
        """
        windows, valid = self._checked(windows, valid_samples)
        vectors = np.empty((len(windows), self.dim), np.float32)
        for begin in range(0, len(windows), BATCH):
            part = slice(begin, begin + BATCH)
            with np.errstate(invalid="ignore", over="ignore"):
                frames = mel_windows(windows[part], valid[part], self.frontend)
                vectors[part] = _unit(self.head(frames))
        return _finite(vectors)

    def embed_gathered(self, parts: Sequence[Gathered]) -> list[Floats]:
        """Vectors (k, dim) of the k segments of each part, all embedded together.

        A network takes a fixed number of windows at a time: what is gathered from many sounds
        fills it, and each vector is the same as alone.
        """
        vectors, at = self._embed_parts(parts), 0
        done = [np.empty((len(p.rows) + len(p.full_rows), self.dim), np.float32) for p in parts]
        for name in ("rows", "full_rows"):
            for part, out in zip(parts, done, strict=True):
                rows: Ints = getattr(part, name)
                out[rows] = vectors[at : at + len(rows)]
                at += len(rows)
        return done

    def embed_at(self, samples: Floats, starts: npt.ArrayLike, valid: npt.ArrayLike) -> Floats:
        """Windows of one stretch of sound -> unit vectors (k, dim).

        `samples` (m,) float32 at `sample_rate`; `starts`, `valid` (k,) in samples. Whole windows
        that begin on a multiple of the hop share frames; equal to :meth:`embed` to 1e-5.
        Raises InputError for a window that does not lie in the stretch.
        """
        first, count = np.asarray(starts, np.int64), np.asarray(valid, np.int64)
        if first.ndim != 1 or first.shape != count.shape:
            raise InputError(f"starts {first.shape}, valid {count.shape}", "(k,) and (k,)")
        inside = (first >= 0) & (count >= 1) & (count <= self.window_samples)
        if not (inside & (first + count <= len(samples))).all():
            wanted = f"windows of 1 to {self.window_samples} within {len(samples)} samples"
            raise InputError("a window outside the sound", wanted, "cut it to the sound")
        return self.embed_gathered([self._gather(samples, first, count)])[0]

    def embed_chunk(self, chunk: Chunk) -> Floats:
        """Unit vectors (k, dim) of the k segments of a chunk, resampled here."""
        return self.embed_gathered([self.gather_chunk(chunk)])[0]

    def gather_chunk(self, chunk: Chunk, heard: dict[int, Floats] | None = None) -> Gathered:
        """Frames of those segments of a chunk that share them, the windows of the others.

        `heard`: the chunk's samples by rate in Hz, for all spaces that it goes to.
        """
        return self._gather(*self.place_chunk(chunk, heard))

    def place_chunk(
        self, chunk: Chunk, heard: dict[int, Floats] | None = None
    ) -> tuple[Floats, Ints, Ints]:
        """What :meth:`embed_at` takes, of a chunk's segments: resampled sound, starts, valid.

        `heard`: as in :meth:`gather_chunk`.
        """
        return placed(chunk, self.sample_rate, self.window_samples, {} if heard is None else heard)

    def _gather(self, samples: Floats, starts: Ints, valid: Ints) -> Gathered:
        """Share frames where the lattice allows it, copy the other windows."""
        return gathered(samples, starts, valid, self.window_samples, self.frontend)

    def _embed_parts(self, parts: Sequence[Gathered]) -> Floats:
        """Vectors of all windows that stand alone, then of all that share frames: (n, dim)."""
        with np.errstate(invalid="ignore", over="ignore"):
            flat, places, valid, per_hop = joined(parts, self.window_samples, self.frontend)
            vectors = np.empty((len(places), self.dim), np.float32)
            for begin in range(0, len(vectors), BATCH):
                part = slice(begin, begin + BATCH)
                frames = Frames(flat[places[part]], valid[part], per_hop[part])
                vectors[part] = _unit(self.head(frames))
        return _finite(vectors)

    def _checked(self, windows: Floats, valid_samples: npt.ArrayLike | None) -> tuple[Floats, Ints]:
        """Windows and valid samples in the shape and type that the front-end takes."""
        windows = np.ascontiguousarray(windows, np.float32)
        if windows.ndim != 2 or windows.shape[1] != self.window_samples:
            wanted = f"(n, {self.window_samples}) at {self.sample_rate} Hz"
            raise InputError(
                f"windows of shape {windows.shape}", wanted, "pad and set valid_samples"
            )
        if valid_samples is None:
            return windows, np.full(len(windows), self.window_samples)
        valid = np.asarray(valid_samples, np.int64)
        if valid.shape != (len(windows),):
            raise InputError(f"valid_samples of shape {valid.shape}", f"({len(windows)},)")
        if len(valid) and (valid.min() < 1 or valid.max() > self.window_samples):
            found = f"valid_samples from {valid.min()} to {valid.max()}"
            raise InputError(found, f"1 to {self.window_samples}", "leave silent windows out")
        return windows, valid


def load_space(name: str | Path) -> Space:
    """Open a space by its name, or by the path of its settings file (ending in .json).

    Names are those of :func:`soundkin.shelf.installed_spaces`. Raises UnknownSpace, which lists
    them, and SpaceError for a file that cannot be read as a space.

    Examples
    --------
    >>> load_space("mfcc").dim
    80
    """
    path = find_space(name)
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        if settings["head"].get("kind") == "onnx":
            from soundkin.space_onnx import onnx_space  # noqa: PLC0415 - it builds on this file

            return onnx_space(settings, path.parent)
        if settings["head"].get("kind") == "graph":
            from soundkin.space_graph import graph_space  # noqa: PLC0415 - as above

            return graph_space(settings, path.parent)
        return Space.described(settings, _head_by_hand(settings))
    except (ValueError, KeyError, TypeError) as error:
        raise SpaceError(
            f"{path} does not describe a space ({error})", f"format {FORMAT}"
        ) from error


def space_id(settings: dict[str, Any]) -> str:
    """Name and hash of all settings but the card, so that a better card is no other space.

    A graph that takes the same weights in a cheaper order says in ``head["weights"]`` which graph had
    them first: its vectors are of that one's space.

    Examples
    --------
    >>> first = {"name": "mine", "head": {"file": "a.onnx", "sha256": "a"}}
    >>> anew = {"name": "mine", "head": {"file": "a.onnx", "sha256": "b", "weights": "a"}}
    >>> space_id(anew) == space_id(first)
    True
    """
    shaping = {key: value for key, value in settings.items() if key != "card"}
    head = shaping.get("head", {})
    if "weights" in head:
        shaping["head"] = with_graph(head, head["file"], head["weights"])
    text = json.dumps(shaping, sort_keys=True, separators=(",", ":"))
    return f"{settings['name']}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def with_graph(head: dict[str, Any], file: str, sha256: str) -> dict[str, Any]:
    """The settings of a head with another graph, whose weights are its own.

    Examples
    --------
    >>> with_graph({"file": "a.onnx", "sha256": "a", "weights": "c", "dim": 2}, "b.onnx", "b")
    {'file': 'b.onnx', 'sha256': 'b', 'dim': 2}
    """
    kept = {key: value for key, value in head.items() if key != "weights"}
    return {**kept, "file": file, "sha256": sha256}


def _head_by_hand(settings: dict[str, Any]) -> Head:
    """The head of a space that nothing was learnt for."""
    how = settings["head"]
    if how.get("kind") == "pitches":
        from soundkin.space_pitch import PitchHead  # noqa: PLC0415 - few need it

        return PitchHead(settings["frontend"]["bands"], how["steps"], how["root"], how["folded"])
    if how.get("kind") == "beats":
        from soundkin.space_beat import BeatHead  # noqa: PLC0415 - as above

        return BeatHead(how["groups"], how["shortest"], how["longest"], how["places"], how["still"])
    return _cepstral_head(how)


def _cepstral_head(how: dict[str, Any]) -> CepstralHead:
    """The head of `mfcc` from its settings."""
    mean, scale = (np.array(how[key], np.float32) for key in ("mean", "scale"))
    return CepstralHead(how["n_coefficients"], how["reach"], how["floor"], mean, scale)


def _unit(vectors: Floats) -> Floats:
    """Rows to length one."""
    lengths = np.sqrt(np.square(vectors).sum(axis=1, keepdims=True))
    unit: Floats = vectors / np.maximum(lengths, np.float32(1e-12))
    return unit


def _finite(vectors: Floats) -> Floats:
    """The vectors, or an error when a sample was not a number."""
    if not np.isfinite(vectors).all():
        raise InputError("samples that are not finite", "numbers", "decode the sound again")
    return vectors
