"""A trained network -> a space: one ONNX graph and its settings, side by side.

The graph takes what the space's NumPy front-end gives - mel frames without compression, or samples
for a network that hears those - and the number of valid ones; it ends in unit vectors. So masking,
loudness, compression, network and norm are one thing, in training, in torch and in the graph.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from soundkin.encoder.convnet import ConvNet, folded
from soundkin.errors import SpaceError
from soundkin.frontend.layers import MelFrames, centred, compress, relative_log
from soundkin.recipe.assemble import DecomposeModel, PairModel, cut_frames
from soundkin.recipe.lean import lean, suits
from soundkin.recipe.quantise import quantise
from soundkin.recipe.vector import fit_vector

if TYPE_CHECKING:
    from soundkin.recipe.vector import Draw

BATCH = 16
"""Rows that the graph takes at a time."""
MOST = 256
"""Windows that level and 8 bits are measured on."""
CLOSE = 1e-4
"""Largest difference between a vector of torch and of the graph."""
Part = Literal["voice", "content"]


class FrameHead(nn.Module):
    """Mel frames (n, frames, bands) and how many are sound (n,) -> unit vectors (n, dim).

    `level`: what the loudest mel value of every window is brought to, the median of the sounds it
    was trained on; not used where the front-end itself is relative.
    """

    def __init__(
        self,
        model: PairModel | DecomposeModel,
        layer: MelFrames,
        part: Part,
        level: float,
        draw: Draw | None = None,
    ) -> None:
        super().__init__()
        self.encoder: nn.Module = (
            model.encoder
            if isinstance(model, PairModel)
            else {"voice": model.voice, "content": model.content}[part]
        )
        if isinstance(self.encoder, ConvNet):
            self.encoder = folded(self.encoder)
        self.vector = None
        if isinstance(model, PairModel) and model.recipe.vector.dims:
            self.vector = fit_vector(model, draw)
        self.centred = model.recipe.frontend.centred
        self.relative, self.compression = layer.relative, layer.settings.compression
        self.frames = model.recipe.frontend.frames
        self.level = level

    def forward(self, rows: Tensor, valid: Tensor) -> Tensor:
        """What is behind the valid frames is taken for silence."""
        inside = torch.arange(rows.shape[1], device=rows.device) < valid[:, None]
        mel = (rows * inside[:, :, None]).transpose(1, 2)
        frames = cut_frames(self._compressed(mel), self.frames)
        embedding: Tensor
        if isinstance(self.encoder, ConvNet):
            heard = valid.clamp(max=frames.shape[2])
            if self.centred:
                frames = centred(frames, heard)
            embedding = self.encoder(frames, heard)
            if self.vector is not None:
                embedding = self.vector(embedding, frames, heard)
        else:
            embedding = self.encoder(frames)
        if embedding.ndim == 3:
            sounds = inside[:, : embedding.shape[1], None].to(embedding.dtype)
            embedding = (embedding * sounds).sum(dim=1)
        return normalize(embedding, dim=1)

    def _compressed(self, mel: Tensor) -> Tensor:
        """As in training, with every window at the level of the sounds it was trained on."""
        if self.relative:
            return relative_log(mel)
        loudest = mel.amax(dim=(1, 2), keepdim=True).clamp_min(1e-20)
        return compress(mel * (self.level / loudest), self.compression)


class SampleHead(nn.Module):
    """Samples (n, window) -> unit vectors (n, dim), each window brought to a peak of 1."""

    def __init__(self, model: PairModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, rows: Tensor, valid: Tensor) -> Tensor:
        """What is behind the valid samples is taken for silence."""
        inside = torch.arange(rows.shape[1], device=rows.device) < valid[:, None]
        sound = rows * inside
        peak = sound.abs().amax(dim=1, keepdim=True).clamp_min(1e-9)
        return normalize(self.model.embed(sound / peak), dim=1)


def export_space(
    model: PairModel | DecomposeModel,
    file: str | Path,
    *,
    windows: Tensor,
    part: Part = "voice",
    card: dict[str, Any] | None = None,
    int8: bool = False,
    draw: Draw | None = None,
) -> Path:
    """Write a space: settings in `file` (NAME.json) and the graph beside it (NAME.onnx).

    `windows` (n, window): sound it was trained on; it sets the level and proves that graph and
    torch agree to 1e-4. `part`: which of Autodecompose's encoders; `card`: what to tell
    of it. `int8`: the network in 8 bits where that is harmless
    (:func:`soundkin.recipe.quantise.quantise`); the card says what came of it. `draw`: what makes the
    recipe's batches, where its sound lies in a folder and its vector is fitted to it. Raises
    SpaceError when graph and torch do not agree.
    """
    file, recipe = Path(file), model.recipe
    model = model.cpu().eval()
    windows = windows[:MOST].cpu().repeat(-(-2 * BATCH // len(windows)), 1)
    raw, head, frontend = _head(model, windows, part, draw)
    valid = torch.full((BATCH,), raw.shape[1])
    valid[1::2] = raw.shape[1] // 2
    graph = graph_of(head, {"rows": raw[:BATCH], "valid": valid})
    with torch.no_grad():
        expected = head(raw[:BATCH], valid).numpy()
    demand_equal(graph, {"rows": raw[:BATCH].numpy(), "valid": valid.numpy()}, expected)
    card = {"title": recipe.title, "paper": recipe.paper, **(card or {})}
    kept = graph
    if int8:
        lengths = np.full(len(raw), raw.shape[1])
        found = quantise(graph, raw.numpy(), lengths, batch=BATCH)
        kept = graph = found.graph
        card["int8"] = found.why
        if found.kept and suits(recipe):
            graph = lean(kept, recipe)
    settings = {
        "format": 1,
        "name": file.stem,
        "version": 1,
        "window_samples": recipe.data.window,
        "frontend": frontend,
        "head": {
            "kind": "onnx",
            "file": f"{file.stem}.onnx",
            "sha256": hashlib.sha256(graph).hexdigest(),
            **({} if graph is kept else {"weights": hashlib.sha256(kept).hexdigest()}),
            "batch": BATCH,
            "dim": expected.shape[1],
        },
        "card": card,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.with_suffix(".onnx").write_bytes(graph)
    file.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    return file


def _head(
    model: PairModel | DecomposeModel, windows: Tensor, part: Part, draw: Draw | None
) -> tuple[Tensor, nn.Module, dict[str, Any]]:
    """What the graph is fed with, the graph as a module, and the settings of the front-end."""
    layer = model.frontend
    if not isinstance(layer, MelFrames):
        if not isinstance(model, PairModel):
            raise SpaceError("Autodecompose over a Morlet bank", "mel frames")
        rate = model.recipe.data.rate_hz
        return windows, SampleHead(model).eval(), {"kind": "samples", "rate_hz": rate}
    if list(layer.parameters()):
        raise SpaceError("a learnt mel matrix", "a frozen one", "train with a frozen front-end")
    plain = dataclasses.replace(layer.settings, compression="none")
    with torch.no_grad():
        mel = MelFrames(plain)(windows)
    level = float(mel.amax(dim=(1, 2)).median())
    head = FrameHead(model, layer, part, level, draw).eval()
    return mel.transpose(1, 2).contiguous(), head, dataclasses.asdict(plain)


def graph_of(module: nn.Module, given: dict[str, Tensor], *, output: str = "vectors") -> bytes:
    """The module as an ONNX graph of fixed shapes, its inputs by these names and in this order."""
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's own, of libraries that are not here
            program = torch.onnx.export(
                module, tuple(given.values()), input_names=list(given), output_names=[output],
                dynamo=True, verbose=False,
            )  # fmt: skip
    finally:
        quiet.setLevel(level)
    if program is None:
        raise SpaceError("the exporter gave no graph", "an ONNX program")
    graph: bytes = bare(program.model_proto).SerializeToString()
    return graph


def bare(message: Any) -> Any:  # noqa: ANN401 - messages of ONNX have no types
    """An ONNX message without notes, in place: the exporter notes which line of which file made a node.

    So a graph tells nothing of the machine it was made on, and the same network has the same hash on any.
    """
    for field, value in message.ListFields():
        if field.name in {"metadata_props", "doc_string"}:
            message.ClearField(field.name)
        elif field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                bare(part)
    return message


def demand_equal(
    graph: bytes, given: dict[str, npt.NDArray[Any]], expected: npt.NDArray[np.float32]
) -> None:
    """Raise SpaceError when what the graph makes of its inputs differs from what torch makes."""
    runtime = import_module("onnxruntime")  # has no types
    session = runtime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    [ours] = session.run(None, given)
    gap = float(np.abs(ours - expected).max())
    if not gap <= CLOSE:
        raise SpaceError(f"vectors of the graph differ from torch's by {gap:.2g}", f"{CLOSE:g}")
