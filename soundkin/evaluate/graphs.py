"""Anyone's ONNX file as a subject: samples in, or log-mel frames of a preset in.

The graph's first input is sound, (n, samples) or (n, 1, samples), or frames, (n, frames, bands) or
(n, bands, frames), perhaps with a 1 behind the n; its first output is (n, dim), or (n, t, dim),
whose mean is taken. A fixed n or length of the graph is kept to. Nothing else is asked of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError, NotFound
from soundkin.evaluate.placing import place
from soundkin.frontend.log_mel import PRESETS, mel_windows, n_frames

if TYPE_CHECKING:
    from soundkin.audio.windows import Chunk

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

SAMPLES = "samples"
BATCH = 16
WINDOW_S = 1.0


@dataclass(frozen=True, slots=True)
class GraphSubject:
    """A graph in `file` that hears `kind`: "samples", or a preset of log-mel frames; at `rate_hz`."""

    file: str
    kind: str
    rate_hz: int

    @property
    def name(self) -> str:
        """The file's name and what goes in."""
        return f"{Path(self.file).stem} ({self.kind})"

    @property
    def id(self) -> str:
        """The name, and a hash of the graph and of what goes in."""
        digest = hashlib.sha256(f"{self.kind}@{self.rate_hz}".encode())
        digest.update(Path(self.file).read_bytes())
        return f"onnx-{Path(self.file).stem}-{digest.hexdigest()[:8]}"

    @property
    def margin_s(self) -> float:
        """No more than the grid's own."""
        return 1.0

    @property
    def window_samples(self) -> int:
        """A second, or what the graph fixes."""
        fixed = _shape(self.file)[-1]
        return fixed if self.kind == SAMPLES and fixed else round(WINDOW_S * self.rate_hz)

    def place_chunk(self, chunk: Chunk) -> tuple[Floats, Ints, Ints]:
        """A chunk's sound at the graph's rate, and where its segments lie in it."""
        return place(chunk, self.rate_hz, self.window_samples)

    def embed(self, windows: Floats, valid_samples: npt.ArrayLike | None = None) -> Floats:
        """Windows (n, window_samples) -> (n, dim), as the graph gives them."""
        n, shape = len(windows), _shape(self.file)
        if self.kind != SAMPLES and n:
            everything = np.full(n, windows.shape[1])
            valid = everything if valid_samples is None else np.asarray(valid_samples, np.int64)
            windows = self._frames(windows, valid, shape)
        rows = windows.reshape(n, *[1] * (len(shape) - windows.ndim), *windows.shape[1:])
        size = shape[0] or BATCH
        found = []
        for at in range(0, n, size):
            part = rows[at : at + size]
            full = np.zeros((size, *rows.shape[1:]), np.float32)
            full[: len(part)] = part
            session = _session(self.file)
            [out, *_] = session.run(None, {session.get_inputs()[0].name: full})
            vectors = np.asarray(out, np.float32)[: len(part)]
            found.append(vectors.mean(axis=1) if vectors.ndim == 3 else vectors)
        if any(vectors.ndim != 2 for vectors in found):
            raise InputError(f"{self.name} gives {found[0].shape}", "(n, dim) or (n, t, dim)")
        return np.concatenate(found) if found else np.empty((0, 0), np.float32)

    def _frames(self, windows: Floats, valid: Ints, shape: tuple[int, ...]) -> Floats:
        """Frames of each window, silence behind the sound, laid as the graph wants them."""
        settings = PRESETS[self.kind]
        inside = np.arange(windows.shape[1]) < valid[:, None]
        whole = np.full(len(windows), windows.shape[1])
        mel = mel_windows(np.where(inside, windows, np.float32(0)), whole, settings).mel
        if settings.bands not in shape[-2:]:
            wanted = f"{settings.bands} bands, as the preset {self.kind!r} has"
            raise InputError(f"{self.name} takes frames of shape {shape}", wanted)
        upright = shape[-1] != settings.bands
        length = shape[-1 if upright else -2] or n_frames(windows.shape[1], settings)
        mel = mel[:, :length]
        if mel.shape[1] < length:
            rest = ((0, 0), (0, length - mel.shape[1]), (0, 0))
            mel = np.pad(mel, rest, constant_values=float(mel.min()))
        return np.ascontiguousarray(mel.transpose(0, 2, 1)) if upright else mel


def graph_subject(text: str) -> GraphSubject:
    """A graph by "file.onnx", "file.onnx:PRESET" or "file.onnx:samples@RATE" (16000 Hz without one).

    Presets: those of :mod:`soundkin.frontend.log_mel`. Raises NotFound, InputError.
    """
    path, _, kind = text.partition(".onnx")
    file, (kind, _, rate) = Path(f"{path}.onnx").expanduser(), kind.lstrip(":").partition("@")
    if not file.is_file():
        raise NotFound(f"no graph {str(file)!r}", "an ONNX file")
    kind = kind or SAMPLES
    if kind not in {SAMPLES, *PRESETS} or (rate and not rate.isdigit()):
        known = ", ".join([f"{SAMPLES}[@RATE]", *PRESETS])
        raise InputError(f"{text!r}", f"FILE.onnx:KIND with KIND one of {known}")
    hz = int(rate) if rate else 16_000 if kind == SAMPLES else PRESETS[kind].rate_hz
    return GraphSubject(str(file.absolute()), kind, hz)


def _shape(file: str) -> tuple[int, ...]:
    """The dimensions of the graph's first input, 0 where it leaves them open."""
    shape = _session(file).get_inputs()[0].shape
    if not 2 <= len(shape) <= 4:
        raise InputError(f"{file!r} takes an input of shape {shape}", "sound or frames, (n, ...)")
    return tuple(size if isinstance(size, int) else 0 for size in shape)


@cache
def _session(file: str) -> Any:  # noqa: ANN401 - has no types
    """The graph, ready to run on one thread."""
    onnxruntime = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
