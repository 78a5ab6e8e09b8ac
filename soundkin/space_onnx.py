"""Spaces with a trained network: frames, or samples, -> vectors by ONNX Runtime.

A settings file with ``head.kind == "onnx"`` names a graph beside it. The graph takes a fixed number
of windows at a time, the last batch filled up, so that a window's vector is the same bit for bit
alone and in any batch. The graph's hash stands in the settings, and so in the space's id.

A batch is the work of one thread; many windows are shared out among the cores, but for processes
that something else has started, whose siblings have the other cores.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from multiprocessing import parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from soundkin.errors import SpaceError
from soundkin.space import BATCH, FORMAT, Space
from soundkin.space_windows import Gathered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soundkin.frontend.log_mel import Frames

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

SHARE = 32
"""Windows that a thread takes at a time: full batches, and few that the others wait for in the end."""


@dataclass(frozen=True, slots=True)
class OnnxHead:
    """A graph: (batch, ...) float32 and the valid length of each (batch,) int64 -> (batch, dim).

    `file`: the graph, with the hash `sha256`; `batch`: its fixed number of rows; `dim`: length of
    a vector.
    """

    file: str
    batch: int
    dim: int
    sha256: str

    def __call__(self, frames: Frames) -> Floats:
        """Frames of windows (n, frames, bands) -> (n, dim)."""
        return self.run(frames.mel, frames.valid)

    def run(self, rows: Floats, valid: Ints) -> Floats:
        """Rows (n, ...) and their valid lengths (n,) -> (n, dim), in batches of one size."""
        session = _session(self.file, self.sha256)
        vectors = np.empty((len(rows), self.dim), np.float32)
        for begin in range(0, len(rows), self.batch):
            part = slice(begin, begin + self.batch)
            feed = {
                "rows": _filled(rows[part], self.batch),
                "valid": _filled(valid[part], self.batch),
            }
            [out] = session.run(None, feed)
            vectors[part] = out[: len(rows) - begin]
        return vectors


@dataclass(frozen=True)
class FrameSpace(Space):
    """A space whose network hears mel frames."""

    def embed(self, windows: Floats, valid_samples: npt.ArrayLike | None = None) -> Floats:
        """Windows -> unit vectors, as :meth:`Space.embed`."""
        windows, valid = self._checked(windows, valid_samples)
        return shared_out(super().embed, windows, valid)


@dataclass(frozen=True)
class WaveSpace(Space):
    """A space whose network hears samples, not frames: no two windows share work."""

    def embed(self, windows: Floats, valid_samples: npt.ArrayLike | None = None) -> Floats:
        """Windows -> unit vectors, as :meth:`Space.embed`."""
        windows, valid = self._checked(windows, valid_samples)
        return shared_out(self._embed_some, windows, valid)

    def _embed_some(self, windows: Floats, valid: Ints) -> Floats:
        """On this thread."""
        if not isinstance(self.head, OnnxHead):
            raise SpaceError(f"space {self.name!r} without a graph", "a head of kind 'onnx'")
        sound = np.where(np.arange(windows.shape[1]) < valid[:, None], windows, np.float32(0))
        vectors = self.head.run(sound, valid)
        if not np.isfinite(vectors).all():
            raise SpaceError(f"space {self.name!r} gave what is no number", "finite samples")
        return vectors

    def _gather(self, samples: Floats, starts: Ints, valid: Ints) -> Gathered:
        """Copy every window."""
        windows = np.zeros((len(starts), self.window_samples), np.float32)
        for window, start, n in zip(windows, starts, valid, strict=True):
            window[:n] = samples[start : start + n]
        rows, none = np.arange(len(starts)), np.empty((0, 0))
        return Gathered(
            none.astype(np.float32), none.astype(np.int64), rows[:0], windows, valid, rows
        )

    def _embed_parts(self, parts: Sequence[Gathered]) -> Floats:
        """Every window stands alone: (n, dim)."""
        windows, valid = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("windows", "valid")
        )
        return self.embed(windows, valid)


def _filled(part: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """The same, followed by its first row until there are `size`."""
    if len(part) == size:
        return part
    return part[np.arange(size) * (np.arange(size) < len(part))]


def shared_out(embed: Callable[[Floats, Ints], Floats], windows: Floats, valid: Ints) -> Floats:
    """What `embed` makes of all windows (n, ...) and valid samples (n,), on all cores: (n, dim).

    Examples
    --------
    >>> lengths = np.arange(3)
    >>> shared_out(lambda windows, valid: windows * valid[:, None], np.ones((3, 1)), lengths).T
    array([[0., 1., 2.]])
    """
    threads = min(1 if parent_process() else len(os.sched_getaffinity(0)), len(windows) // BATCH)
    if threads < 2:
        return embed(windows, valid)
    firsts = range(0, len(windows), SHARE)
    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(lambda at: embed(windows[at : at + SHARE], valid[at : at + SHARE]), firsts)
        return np.concatenate(list(parts))


def onnx_space(settings: dict[str, Any], folder: Path) -> Space:
    """A space from settings whose head is a graph in `folder`.

    Raises SpaceError for a graph that is missing or is not the one that the settings were made for,
    and for another format.
    """
    head = settings["head"]
    file = folder / head["file"]
    if settings["format"] != FORMAT or head["kind"] != "onnx":
        raise SpaceError(f"format {settings['format']}, head {head['kind']!r}", "an onnx head")
    if not file.is_file():
        raise SpaceError(f"no graph {str(file)!r}", "the file beside the settings", "export again")
    if hashlib.sha256(file.read_bytes()).hexdigest() != head["sha256"]:
        raise SpaceError(f"{str(file)!r} is another graph", "that of the settings", "export again")
    kind = WaveSpace if settings["frontend"].get("kind") == "samples" else FrameSpace
    return kind.described(settings, OnnxHead(str(file), head["batch"], head["dim"], head["sha256"]))


def load_onnx_space(path: str | Path) -> Space:
    """Open the settings file of a space with a trained network."""
    path = Path(path)
    return onnx_space(json.loads(path.read_text(encoding="utf-8")), path.parent)


@cache
def _session(file: str, sha256: str) -> Any:  # noqa: ANN401, ARG001 - has no types; one a graph
    """The graph, ready to run on one thread that does not spin."""
    onnxruntime = import_module("onnxruntime")  # only spaces with a network need it
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # it would take maxima in 8 bits that the graph takes in 32: the same numbers, forty times slower
    slow = ["QDQPropagationTransformer"]
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(file, options, providers, disabled_optimizers=slow)
