"""The API of the HEAR benchmark over any space (Turian et al. 2022, arXiv 2203.03022).

``hear-eval`` and the like take this module by its name: ``soundkin.hear`` with the path of a space's
.json file, or its name, as the weights. Audio is (n, samples) float32 in [-1, 1] at the model's
`sample_rate`, as NumPy arrays or torch tensors; what comes back is of the same kind.

A scene is the mean of the vectors of its windows (1 s, every half second, silence left out). A
timestamp's vector is that of the space's whole window around it, cut off where the sound ends;
one every 50 ms from 0 on.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from soundkin.audio.decode import resample
from soundkin.audio.windows import chunks
from soundkin.errors import InputError
from soundkin.space import Space, load_space

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["HearModel", "get_scene_embeddings", "get_timestamp_embeddings", "load_model"]

RATES_HZ = (16_000, 22_050, 44_100, 48_000)
"""Rates that the benchmark has its sound in."""
HOP_MS = 50.0

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class HearModel:
    """What the benchmark asks of a model: the rate it wants its sound in, and the sizes of vectors."""

    space: Space
    sample_rate: int
    scene_embedding_size: int
    timestamp_embedding_size: int


def load_model(model_file_path: str | Path = "") -> Any:  # noqa: ANN401 - a module where torch is
    """A space as a HEAR model: by name or .json file, `mfcc` without one.

    Where torch is imported it is a ``torch.nn.Module`` without parameters, as the validator
    demands, else a :class:`HearModel`. Raises UnknownSpace.

    Examples
    --------
    >>> load_model("mfcc").scene_embedding_size
    80
    """
    space = load_space(model_file_path or "mfcc")
    rate = next((hz for hz in RATES_HZ if hz >= space.sample_rate), RATES_HZ[-1])
    model = HearModel(space, rate, space.dim, space.dim)
    return _as_module(model) if "torch" in sys.modules else model


def get_scene_embeddings(audio: Any, model: Any) -> Any:  # noqa: ANN401 - arrays of either kind
    """One vector of each sound: (n, samples) -> (n, dim) float32; zeros for silence.

    Raises InputError for another shape.

    Examples
    --------
    >>> sound = np.sin(np.arange(40_000, dtype=np.float32))[None] / 2
    >>> get_scene_embeddings(sound, load_model()).shape
    (1, 80)
    """
    rows = _rows(audio)
    scenes = np.zeros((len(rows), model.space.dim), np.float32)
    for scene, samples in zip(scenes, rows, strict=True):
        blocks = chunks([samples], model.sample_rate, margin_s=model.space.margin_s)
        found = [model.space.embed_chunk(chunk) for chunk in blocks]
        if any(len(vectors) for vectors in found):
            scene[:] = np.concatenate(found).mean(axis=0)
    return _like(scenes, audio)


def get_timestamp_embeddings(audio: Any, model: Any) -> tuple[Any, Any]:  # noqa: ANN401 - as above
    """Vectors every 50 ms: (n, samples) -> (n, t, dim) float32, and their times (n, t) in ms.

    The k-th time is 50 k, up to the sound's end. Raises InputError for another shape.

    Examples
    --------
    >>> vectors, times = get_timestamp_embeddings(np.ones((2, 8_000), np.float32), load_model())
    >>> vectors.shape, times[0, :3].tolist()
    ((2, 11, 80), [0.0, 50.0, 100.0])
    """
    rows, space = _rows(audio), model.space
    duration_ms = 1000 * rows.shape[1] / model.sample_rate
    times = np.arange(int(duration_ms // HOP_MS) + 1, dtype=np.float32) * np.float32(HOP_MS)
    found = []
    for row in rows:
        samples = resample(row, model.sample_rate, space.sample_rate)
        centres = np.rint(times * space.sample_rate / 1000).astype(np.int64)
        starts = np.clip(centres - space.window_samples // 2, 0, max(0, len(samples) - 1))
        ends = np.clip(centres + space.window_samples // 2, starts + 1, len(samples))
        found.append(space.embed_at(samples, starts, ends - starts))
    vectors = np.array(found, np.float32).reshape(len(rows), len(times), space.dim)
    return _like(vectors, audio), _like(np.tile(times, (len(rows), 1)), audio)


def _rows(audio: Any) -> Floats:  # noqa: ANN401 - arrays of either kind
    """Sounds (n, samples) as float32."""
    plain = audio.detach().cpu().numpy() if hasattr(audio, "detach") else audio
    rows = np.ascontiguousarray(plain, np.float32)
    if rows.ndim != 2 or not rows.shape[1]:
        raise InputError(f"audio of shape {rows.shape}", "(n sounds, samples)", "mono, one a row")
    return rows


def _like(found: Floats, audio: Any) -> Any:  # noqa: ANN401 - arrays of either kind
    """A result of the kind, and on the device, that was given."""
    if not hasattr(audio, "detach"):
        return found
    return import_module("torch").from_numpy(found).to(audio.device)


def _as_module(model: HearModel) -> Any:  # noqa: ANN401 - torch is not needed here
    """The same as a torch module; it has no parameters, and its device is nowhere."""
    module = import_module("torch.nn").Module()
    for name in ("space", "sample_rate", "scene_embedding_size", "timestamp_embedding_size"):
        setattr(module, name, getattr(model, name))
    return module
