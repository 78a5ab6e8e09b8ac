"""Anyone's own model as a space: an ONNX graph that takes sound, or log-mel frames of a preset.

The graph has one input: sound, (n, samples) or (n, 1, samples), or frames, (n, frames, bands) or
(n, bands, frames), perhaps with a 1 behind the n. Its first output is (n, dim), or (n, t, dim),
whose mean over t is taken. A fixed n or length of the graph is kept to; else it gets 16 windows at
a time, the last batch filled up, so that a vector is the same alone and in any batch. Behind a sound
shorter than the window lies silence. Vectors are brought to length one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError, NotFound, SpaceError
from soundkin.frontend.log_mel import PRESETS, MelSettings, mel_windows, n_frames
from soundkin.shelf import install
from soundkin.space import FORMAT
from soundkin.space_onnx import WaveSpace, _session

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Feed = Literal["samples", "mel"]

SAMPLES: Literal["samples"] = "samples"
BATCH = 16
"""Windows at a time where the graph leaves that open."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a graph takes: its input's `name` and sizes, 0 where it leaves them open."""

    name: str
    sizes: tuple[int, ...]

    @property
    def batch(self) -> int:
        """Windows at a time."""
        return self.sizes[0] or BATCH


@dataclass(frozen=True)
class GraphSpace(WaveSpace):
    """A space whose vectors a foreign graph makes; see :func:`describe`."""

    def embed(self, windows: Floats, valid_samples: npt.ArrayLike | None = None) -> Floats:
        """Windows -> unit vectors, as :meth:`soundkin.space.Space.embed`."""
        windows, valid = self._checked(windows, valid_samples)
        head = self.head
        assert isinstance(head, GraphHead)  # noqa: S101 - `graph_space` makes no other
        heard = np.where(np.arange(windows.shape[1]) < valid[:, None], windows, np.float32(0))
        vectors = np.empty((len(windows), self.dim), np.float32)
        for begin in range(0, len(windows), head.batch):
            part = heard[begin : begin + head.batch]
            full = np.zeros((head.batch, windows.shape[1]), np.float32)
            full[: len(part)] = part
            fed = full if head.feed == SAMPLES else _frames(full, self.frontend)
            vectors[begin : begin + len(part)] = head.run(fed)[: len(part)]
        if not np.isfinite(vectors).all():
            raise SpaceError(f"space {self.name!r} gave what is no number", "finite samples")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Floats = vectors / np.maximum(lengths, np.float32(1e-12))
        return unit


@dataclass(frozen=True, slots=True)
class GraphHead:
    """A foreign graph: `file` with the hash `sha256`, `batch` rows at a time, vectors of `dim`."""

    file: str
    sha256: str
    feed: Feed
    batch: int
    dim: int

    def __call__(self, frames: object) -> Floats:
        """Frames alone are not what it takes: a :class:`GraphSpace` lays them out."""
        raise NotImplementedError(type(frames))

    def run(self, rows: Floats) -> Floats:
        """Sound (n, samples) or frames (n, frames, bands) -> (n, dim), laid as the graph wants it."""
        session = _session(self.file, self.sha256)
        shape = shape_of(session, self.file)
        [out, *_] = session.run(None, {shape.name: laid(rows, shape, self.feed, self.file)})
        vectors = np.asarray(out, np.float32)
        return vectors.mean(axis=1) if vectors.ndim == 3 else vectors


def describe(
    file: str | Path,
    name: str | None = None,
    *,
    sample_rate_hz: int | None = None,
    window_s: float | None = None,
    preset: str | None = None,
    what: str = "",
    licence: str = "",
) -> dict[str, Any]:
    """The settings of a space with this graph, found out by running it on noise.

    `name`: the file's own without one. Of sound: `sample_rate_hz`, which a graph does not say, and
    `window_s` (default: what the graph fixes, else 1 second). Of frames: `preset`, one of
    :data:`soundkin.frontend.log_mel.PRESETS`, and `window_s`. `what`, `licence`: for the card.
    Raises InputError for a description that is not whole, SpaceError for a graph that does not fit.
    """
    file = Path(file)
    name = name or file.stem
    rate_hz = _rate(sample_rate_hz, preset, file)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    session = _opened(file, sha256)
    shape = shape_of(session, str(file))
    feed: Feed = "mel" if preset else SAMPLES
    n = _window(shape, window_s, rate_hz, feed, file)
    frontend: dict[str, Any] = (
        {"kind": "mel", **dataclasses.asdict(PRESETS[preset])}
        if preset
        else {"kind": SAMPLES, "rate_hz": rate_hz}
    )
    head = {
        "kind": "graph",
        "file": file.name,
        "sha256": sha256,
        "feed": feed,
        "batch": shape.batch,
    }
    noise = np.random.default_rng(0).normal(0, 0.1, (shape.batch, n)).astype(np.float32)
    fed = _frames(noise, PRESETS[preset]) if preset else noise
    try:
        vectors = GraphHead(str(file), sha256, feed, shape.batch, 0).run(fed)
    except SpaceError:
        raise
    except Exception as error:  # what a graph throws has no common type
        said = str(error).splitlines()[0]
        raise SpaceError(
            f"{file.name} does not take {fed.shape[1:]} ({said})", "a graph that runs on it",
            "see --window-s, --sample-rate and --preset",
        ) from error  # fmt: skip
    if vectors.ndim != 2 or len(vectors) != shape.batch or not np.isfinite(vectors).all():
        found = f"{file.name} gives {vectors.shape} for {shape.batch} windows of noise"
        raise SpaceError(found, "(n, dim) or (n, t, dim) of finite numbers")
    card = {"title": what or f"The graph {file.name}", "what": what, "licence": licence}
    return {
        "format": FORMAT,
        "name": name,
        "version": 1,
        "window_samples": n,
        "frontend": frontend,
        "head": {**head, "dim": vectors.shape[1]},
        "card": {key: value for key, value in card.items() if value},
    }


def adopt(file: str | Path, name: str | None = None, **how: Any) -> Path:  # noqa: ANN401 - see `describe`
    """Install a graph as a space of one's own, with the settings of :func:`describe`: its settings file.

    Raises as :func:`describe` and :func:`soundkin.shelf.install`.
    """
    file = Path(file).expanduser().absolute()
    if not file.is_file():
        raise NotFound(f"no graph {str(file)!r}", "an ONNX file", "check the path")
    settings = describe(file, name, **how)
    with tempfile.TemporaryDirectory() as folder:
        beside = Path(folder) / f"{settings['name']}.json"
        if beside.parent != Path(folder):
            raise InputError(f"a space named {name!r}", "a plain name, as of a file", "give --name")
        shutil.copyfile(file, beside.with_name(file.name))
        beside.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        return install(beside)


def graph_space(settings: dict[str, Any], folder: Path) -> GraphSpace:
    """A space from settings as :func:`describe` makes them, its graph in `folder`; raises SpaceError."""
    head = settings["head"]
    file = folder / head["file"]
    if settings["format"] != FORMAT:
        raise SpaceError(f"format {settings['format']}", f"format {FORMAT}")
    if not file.is_file():
        raise SpaceError(f"no graph {str(file)!r}", "the file beside the settings", "add it again")
    if hashlib.sha256(file.read_bytes()).hexdigest() != head["sha256"]:
        raise SpaceError(f"{str(file)!r} is another graph", "that of the settings", "add it again")
    return GraphSpace.described(
        settings, GraphHead(str(file), head["sha256"], head["feed"], head["batch"], head["dim"])
    )


def shape_of(session: Any, file: str) -> Shape:  # noqa: ANN401 - a session has no types
    """What the graph takes. Raises SpaceError for several inputs, another type or rank."""
    inputs, name = session.get_inputs(), Path(file).name
    wanted = "one of float32: sound, (n, samples), or frames, (n, frames, bands)"
    if len(inputs) != 1:
        said = ", ".join(one.name for one in inputs)
        raise SpaceError(f"{name} takes {len(inputs)} inputs ({said})", wanted, "export it so")
    [one] = inputs
    if one.type != "tensor(float)" or not 2 <= len(one.shape) <= 4:
        found = f"{name} takes {one.type} of shape {one.shape}"
        raise SpaceError(found, wanted, "export it so")
    return Shape(one.name, tuple(size if isinstance(size, int) else 0 for size in one.shape))


def laid(rows: Floats, shape: Shape, feed: Feed, file: str) -> Floats:
    """Sound (n, samples) or frames (n, frames, bands) in the graph's own shape.

    Frames of a graph with a fixed length are cut, or filled up with the quietest value. Raises
    SpaceError where the graph has no place for the bands.
    """
    if feed != SAMPLES:
        bands, (*_, before, last) = rows.shape[2], shape.sizes
        upright = last != bands == before
        if not upright and last not in {0, bands}:
            found = f"{Path(file).name} takes frames of shape {shape.sizes[1:]}"
            raise SpaceError(found, f"{bands} bands, as the preset has", "name another --preset")
        length = shape.sizes[-1 if upright else -2] or rows.shape[1]
        rows = rows[:, :length]
        if rows.shape[1] < length:
            rest = ((0, 0), (0, length - rows.shape[1]), (0, 0))
            rows = np.pad(rows, rest, constant_values=float(rows.min()))
        rows = rows.transpose(0, 2, 1) if upright else rows
    middle = [1] * (len(shape.sizes) - rows.ndim)
    return np.ascontiguousarray(rows.reshape(len(rows), *middle, *rows.shape[1:]))


def _rate(sample_rate_hz: int | None, preset: str | None, file: Path) -> int:
    """The rate that the graph hears, of one description and no other."""
    if preset is not None and preset not in PRESETS:
        raise InputError(f"--preset {preset}", f"one of {', '.join(PRESETS)}")
    if preset is None and sample_rate_hz is None:
        raise InputError(
            f"{file.name} does not say what it hears",
            "--sample-rate HZ for sound, or --preset NAME for log-mel frames",
            f"presets are {', '.join(PRESETS)}",
        )
    fixed = PRESETS[preset].rate_hz if preset else None
    if fixed and sample_rate_hz not in {None, fixed}:
        raise InputError(f"--sample-rate {sample_rate_hz}", f"{fixed}, as --preset {preset} has")
    rate_hz = fixed or sample_rate_hz or 0
    if not 1000 <= rate_hz <= 192_000:
        raise InputError(f"--sample-rate {rate_hz}", "1000 to 192000 Hz")
    return rate_hz


def _window(shape: Shape, window_s: float | None, rate_hz: int, feed: Feed, file: Path) -> int:
    """Samples of a window: what the graph fixes, what is asked for, or a second."""
    if window_s is not None and not 0.05 <= window_s <= 60:
        raise InputError(f"--window-s {window_s:g}", "0.05 to 60 seconds")
    fixed = shape.sizes[-1] if feed == SAMPLES else 0
    asked = round((window_s or 1.0) * rate_hz)
    if fixed and window_s is not None and abs(asked - fixed) > 1:
        found = f"--window-s {window_s:g}, {asked} samples"
        wanted = f"{fixed / rate_hz:g}, as {file.name} takes {fixed} samples"
        raise InputError(found, wanted, "leave --window-s out")
    return fixed or asked


def _opened(file: Path, sha256: str) -> Any:  # noqa: ANN401 - has no types
    """The graph as a session; raises SpaceError for a file that is none."""
    try:
        return _session(str(file), sha256)
    except Exception as error:  # the runtime's errors have no common type
        said = str(error).splitlines()[0]
        raise SpaceError(f"{file} cannot be opened ({said})", "an ONNX graph") from error


def _frames(windows: Floats, settings: MelSettings) -> Floats:
    """Frames (n, frames, bands) of whole windows (n, samples)."""
    mel = mel_windows(windows, np.full(len(windows), windows.shape[1]), settings).mel
    return mel[:, : n_frames(windows.shape[1], settings)]
