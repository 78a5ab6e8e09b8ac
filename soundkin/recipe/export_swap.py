"""Autodecompose's decoder, kept: the two graphs that `soundkin swap` speaks with."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from soundkin.errors import SpaceError
from soundkin.frontend.layers import MelFrames
from soundkin.objective.autodecompose import join_codes
from soundkin.recipe.export import demand_equal, graph_of

if TYPE_CHECKING:
    from soundkin.recipe.assemble import DecomposeModel


class VoiceCode(nn.Module):
    """Frames (1, frames, bands) and how many are sound (1,) -> the mean code of their voice (1, dim)."""

    def __init__(self, model: DecomposeModel) -> None:
        super().__init__()
        self.voice = model.voice

    def forward(self, rows: Tensor, valid: Tensor) -> Tensor:
        """What is behind the valid frames does not count."""
        codes = self.voice(rows.transpose(1, 2))
        inside = (torch.arange(codes.shape[1]) < valid[:, None])[:, :, None].to(codes.dtype)
        mean: Tensor = (codes * inside).sum(dim=1) / valid[:, None].to(codes.dtype)
        return mean


class Speak(nn.Module):
    """Frames (1, frames, bands) and a voice (1, dim) -> the frames with that voice, same shape."""

    def __init__(self, model: DecomposeModel) -> None:
        super().__init__()
        self.content, self.decoder = model.content, model.decoder

    def forward(self, rows: Tensor, voice: Tensor) -> Tensor:
        """The voice is the same in every frame."""
        codes = join_codes(voice[:, None], self.content(rows.transpose(1, 2)))
        frames: Tensor = self.decoder(codes).transpose(1, 2)
        return frames


def export_swap(
    model: DecomposeModel, file: str | Path, *, windows: Tensor, card: dict[str, Any] | None = None
) -> Path:
    """Write NAME.swap and its graphs NAME-voice-code.onnx, NAME-speak.onnx beside it.

    `windows` (n, window): sound on which graphs and torch must agree to 1e-4. Raises SpaceError
    when they do not.
    """
    file, model = Path(file), model.cpu().eval()
    layer = model.frontend
    if not isinstance(layer, MelFrames) or list(layer.parameters()):
        raise SpaceError("another front-end than frozen mel frames", "autodecompose's own")
    with torch.no_grad():
        rows = model.frames(windows[:1].cpu()).transpose(1, 2).contiguous()
        valid = torch.tensor([max(1, rows.shape[1] // 2)])
        code = VoiceCode(model)(rows, valid)
    file.parent.mkdir(parents=True, exist_ok=True)
    graphs = {}
    parts = (
        ("voice", "voice-code", VoiceCode(model).eval(), {"rows": rows, "valid": valid}),
        ("speak", "speak", Speak(model).eval(), {"rows": rows, "voice": code}),
    )
    for key, suffix, module, given in parts:
        with torch.no_grad():
            expected = module(*given.values()).numpy()
        graph = graph_of(module, given)
        demand_equal(graph, {name: value.numpy() for name, value in given.items()}, expected)
        name = f"{file.stem}-{suffix}.onnx"
        (file.parent / name).write_bytes(graph)
        graphs[key] = {"file": name, "sha256": hashlib.sha256(graph).hexdigest()}
    settings = {
        "format": 1,
        "kind": "swap",
        "name": file.stem,
        "frontend": dataclasses.asdict(layer.settings),
        "frames": rows.shape[1],
        "graphs": graphs,
        "card": card or {},
    }
    file.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    return file
