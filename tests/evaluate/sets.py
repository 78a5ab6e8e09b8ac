"""A small set of labelled sound, and a small network, made up for tests."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from soundkin.frontend.log_mel import MelSettings, n_frames

if TYPE_CHECKING:
    from pathlib import Path

RATE = 16_000


def render(kind: str, seed: int, seconds: float = 0.6) -> np.ndarray:
    """A tone, a hiss or a row of clicks."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    noise = 0.002 * rng.standard_normal(len(t))
    if kind == "tone":
        return 0.3 * np.sin(2 * np.pi * rng.uniform(300, 900) * t) + noise
    if kind == "hiss":
        return 0.2 * rng.standard_normal(len(t))
    clicks = (np.arange(len(t)) % rng.integers(800, 1500) < 12) * 0.6
    return clicks + noise


def labelled(folder: Path, each: int = 6) -> Path:
    """`each` clips of three kinds by two players, with labels.csv."""
    rows = []
    for n in range(3 * each):
        kind, player = ("tone", "hiss", "clicks")[n % 3], "xy"[n // 3 % 2]
        path = f"{kind}/{n}.wav"
        (folder / kind).mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / path, render(kind, n) * (1.0 if player == "x" else 0.2), RATE)
        rows.append({"path": path, "label": kind, "player": player, "fold": n // 3 % 3})
    with (folder / "labels.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def network(folder: Path, name: str = "small", dim: int = 6, batch: int = 4) -> Path:
    """A space with a network of two layers over frames, written with the `onnx` package."""
    import onnx
    from onnx import helper as h
    from onnx import numpy_helper as nh

    frontend = MelSettings(bands=20)
    frames = n_frames(RATE, frontend)
    rng = np.random.default_rng(1)
    weights = {
        "conv.weight": rng.standard_normal((8, 20, 3)) / 8,
        "conv.bias": rng.standard_normal(8),
        "frontend.mel": np.eye(20)[None] * 1.0,
        "last.weight": rng.standard_normal((8, dim)),
        "last.bias": rng.standard_normal(dim),
    }
    tensors = [nh.from_array(v.astype(np.float32), k) for k, v in weights.items()]
    tensors += [
        nh.from_array(np.array([2], np.int64), "axes"),
        nh.from_array(np.float32(1e-3), "floor"),
    ]
    nodes = [
        h.make_node("MatMul", ["rows", "frontend.mel"], ["bands"]),
        h.make_node("Add", ["bands", "floor"], ["lifted"]),
        h.make_node("Log", ["lifted"], ["logs"]),
        h.make_node("Transpose", ["logs"], ["turned"], perm=[0, 2, 1]),
        h.make_node("Conv", ["turned", "conv.weight", "conv.bias"], ["mapped"], kernel_shape=[3]),
        h.make_node("Relu", ["mapped"], ["kept"]),
        h.make_node("ReduceMean", ["kept", "axes"], ["pooled"], keepdims=0),
        h.make_node("MatMul", ["pooled", "last.weight"], ["linear"]),
        h.make_node("Add", ["linear", "last.bias"], ["shifted"]),
        h.make_node("LpNormalization", ["shifted"], ["vectors"], axis=1, p=2),
    ]
    kinds = onnx.TensorProto
    graph = h.make_graph(
        nodes,
        "small",
        [
            h.make_tensor_value_info("rows", kinds.FLOAT, [batch, frames, 20]),
            h.make_tensor_value_info("valid", kinds.INT64, [batch]),
        ],
        [h.make_tensor_value_info("vectors", kinds.FLOAT, [batch, dim])],
        tensors,
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=9)
    data = model.SerializeToString()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.onnx").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    head = {
        "kind": "onnx", "file": f"{name}.onnx", "sha256": sha256, "batch": batch, "dim": dim,
    }  # fmt: skip
    settings = {
        "format": 1, "name": name, "version": 1, "window_samples": RATE,
        "frontend": asdict(frontend), "head": head, "card": {},
    }  # fmt: skip
    file = folder / f"{name}.json"
    file.write_text(json.dumps(settings))
    return file
