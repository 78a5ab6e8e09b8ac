"""What is judged: spaces, the baselines that always stand beside them, and models of others.

A subject turns windows into vectors, as a :class:`soundkin.space.Space` does. Baselines:
the space `mfcc`, `log-mel` (mean and deviation of log-mel bands), and for every space with a
network the same graph with random weights.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.evaluate.graphs import graph_subject
from soundkin.evaluate.placing import place
from soundkin.evaluate.twin import random_twin
from soundkin.frontend.cepstra import mean_and_deviation
from soundkin.frontend.log_mel import MelSettings
from soundkin.space import Space, load_space, space_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from soundkin.audio.windows import Chunk
    from soundkin.frontend.log_mel import Frames

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

BATCH = 32
"""Scenes that a model of others gets at a time."""


class Subject(Protocol):
    """Something that turns sound into vectors: `name` for people, `id` of all that shapes a vector."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        ...

    @property
    def id(self) -> str:
        """Name and hash of everything that shapes a vector."""
        ...

    @property
    def margin_s(self) -> float:
        """Seconds of context that it needs around a chunk."""
        ...

    @property
    def window_samples(self) -> int:
        """Length of a window."""
        ...

    def place_chunk(self, chunk: Chunk) -> tuple[Floats, Ints, Ints]:
        """A chunk's sound at its own rate; first sample and length (k,) of what each segment gives."""
        ...

    def embed(self, windows: Floats, valid_samples: npt.ArrayLike | None = None) -> Floats:
        """Windows (k, window_samples), sound first, and how much of each is sound -> (k, dim)."""
        ...


@dataclass(frozen=True, slots=True)
class LogMelHead:
    """Mean and deviation over the frames of each log-mel band, the window's loudest at 0."""

    bands: int
    floor: float

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return 2 * self.bands

    def __call__(self, frames: Frames) -> Floats:
        """Statistics (n, 2 * bands)."""
        loudest = np.maximum(frames.mel.max(axis=(1, 2), keepdims=True), np.float32(1e-30))
        relative = np.log(frames.mel / loudest + np.float32(self.floor))
        relative -= np.float32(np.log(self.floor) / 2)
        return mean_and_deviation(relative, frames.valid)


def log_mel_statistics() -> Space:
    """The baseline `log-mel`: 64 bands of 0-8000 Hz, 25 ms every 10 ms, 1 s at 16 kHz.

    In nepers below the window's loudest value, down to -53 dB, half of that added, so that 0 lies
    in the middle.

    Examples
    --------
    >>> log_mel_statistics().dim
    128
    """
    head = LogMelHead(bands=64, floor=5e-6)
    frontend = MelSettings(bands=head.bands)
    settings = {
        "name": "log-mel",
        "frontend": dataclasses.asdict(frontend),
        "head": dataclasses.asdict(head),
    }
    return Space(
        id=space_id(settings),
        name="log-mel",
        version=1,
        sample_rate=frontend.rate_hz,
        window_samples=frontend.rate_hz,
        frontend=frontend,
        head=head,
        settings=settings,
        card={},
    )


@dataclass(frozen=True, slots=True)
class HearSubject:
    """A model of others behind the HEAR API: `module` to import, `weights` for its load_model.

    Each segment is one scene of `window_s` seconds, silence behind the sound.
    """

    module: str
    weights: str = ""
    window_s: float = 1.0

    @property
    def name(self) -> str:
        """The module's name, and that of the weights."""
        return f"{self.module}:{self.weights}" if self.weights else self.module

    @property
    def id(self) -> str:
        """The name, and a hash of the module's file and of the weights."""
        file = getattr(_module(self.module), "__file__", None)
        digest = hashlib.sha256(self.name.encode())
        for path in (file, self.weights):
            digest.update(_bytes_of(path))
        plain = "".join(c if c.isalnum() else "-" for c in self.module)
        return f"hear-{plain}-{digest.hexdigest()[:8]}"

    @property
    def margin_s(self) -> float:
        """No more than the grid's own."""
        return 1.0

    @property
    def window_samples(self) -> int:
        """One scene at the model's own rate."""
        return round(self.window_s * self._rate_hz)

    @property
    def _rate_hz(self) -> int:
        """The rate that the model hears."""
        return int(_hear_model(self.module, self.weights)[1].sample_rate)

    def place_chunk(self, chunk: Chunk) -> tuple[Floats, Ints, Ints]:
        """A chunk's sound at the model's rate, and where its segments lie in it."""
        return place(chunk, self._rate_hz, self.window_samples)

    def embed(self, windows: Floats, valid_samples: npt.ArrayLike | None = None) -> Floats:  # noqa: ARG002 - HEAR has no lengths
        """Scene embeddings (k, dim) of windows, as the model gives them."""
        module, model = _hear_model(self.module, self.weights)
        parts = [np.empty((0, int(model.scene_embedding_size)), np.float32)]
        for at in range(0, len(windows), BATCH):
            scenes = _as_asked(model, windows[at : at + BATCH])
            parts.append(_as_numpy(module.get_scene_embeddings(scenes, model)))
        shape = parts[-1].shape
        if any(part.ndim != 2 for part in parts) or sum(map(len, parts)) != len(windows):
            wanted = f"(n, {model.scene_embedding_size})"
            raise InputError(f"{self.name} gave embeddings of shape {shape}", wanted)
        return np.concatenate(parts)


def _as_asked(model: object, windows: Floats) -> Any:  # noqa: ANN401 - a tensor of theirs
    """Torch tensors for a torch module, NumPy arrays for all else."""
    if any(kind.__module__.startswith("torch.") for kind in type(model).__mro__):
        return importlib.import_module("torch").from_numpy(windows)
    return windows


def _as_numpy(found: Any) -> Floats:  # noqa: ANN401 - a tensor of theirs
    """Whatever they give as float32."""
    plain = found.detach().cpu() if hasattr(found, "detach") else found
    return np.asarray(plain, np.float32)


@cache
def _module(name: str) -> Any:  # noqa: ANN401 - somebody's module
    """A module that has the HEAR API."""
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"no module {name!r} ({error})", "a module with the HEAR API", "set PYTHONPATH"
        ) from error
    missing = [f for f in ("load_model", "get_scene_embeddings") if not hasattr(module, f)]
    if missing:
        raise InputError(f"the module {name!r} has no {missing[0]}", "the HEAR API")
    return module


@cache
def _hear_model(name: str, weights: str) -> tuple[Any, Any]:
    """A module with the HEAR API, and its model."""
    module = _module(name)
    return module, module.load_model(weights) if weights else module.load_model()


def _bytes_of(path: str | None) -> bytes:
    """The bytes of a file; nothing where there is none."""
    from pathlib import Path  # noqa: PLC0415 - a type elsewhere in this file

    return Path(path).read_bytes() if path and Path(path).is_file() else b""


def subjects_of(
    names: Sequence[str],
    *,
    hear: Sequence[str] = (),
    onnx: Sequence[str] = (),
    twins: Path | None = None,
) -> list[Subject]:
    """The baselines and everything asked for, no one twice.

    `names`: spaces by name or .json file; `hear`: modules with the HEAR API, each as "module" or
    "module:weights"; `onnx`: graphs of others, see :func:`soundkin.evaluate.graphs.graph_subject`;
    `twins`: folder for the networks with random weights (None: without them).
    """
    found: list[Subject] = [load_space("mfcc"), log_mel_statistics()]
    for name in names:
        space = load_space(name)
        if space.settings["head"].get("kind") == "onnx" and twins is not None:
            found.append(random_twin(space, twins / space.id))
        found.append(space)
    pairs = [text.partition(":") for text in hear]
    found += [HearSubject(module, weights) for module, _, weights in pairs]
    found += [graph_subject(text) for text in onnx]
    return list({subject.id: subject for subject in found}.values())
