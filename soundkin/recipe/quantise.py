"""An exported graph -> the same with its convolutions and products in 8 bits, where that is harmless.

Static quantisation by ONNX Runtime: weights per channel, activations by the ranges that calibration
sound reaches. What comes before the network (masks, loudness, logarithm) and after it (the norm)
stays in 32 bits.
"""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_COSINE = 0.99
"""An 8-bit graph whose median vector is farther than this from the 32-bit one is not kept."""
NETWORK = ("Conv", "Gemm", "MatMul", "Relu", "MaxPool")
"""The nodes that are worth it; a ReLU is then part of the convolution before it.

A maximum of numbers in 8 bits stays in 8 bits: without it there are two conversions a convolution.
"""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Quantised:
    """What came of it.

    `graph`: the one to use; `kept`: whether it is the one in 8 bits; `cosine`: median and least of
    its vectors to those in 32 bits; `why` in words.
    """

    graph: bytes
    kept: bool
    cosine: tuple[float, float]
    why: str


def quantise(graph: bytes, rows: Floats, valid: Ints, *, batch: int) -> Quantised:
    """Quantise a space's graph, and keep it where vectors of sound it was not calibrated on stay.

    `graph`: takes `batch` rows at a time; `rows` (n, ...) and `valid` (n,): the even ones calibrate,
    the odd ones judge: their median cosine between 8 and 32 bits must be 0.99 and more. Else the
    32-bit graph comes back, with the reason.
    """
    expected = run(graph, rows[1::2], valid[1::2], batch=batch)
    small = _static(graph, batches(rows[::2], valid[::2], batch))
    ours = run(small, rows[1::2], valid[1::2], batch=batch)
    cosine = (expected * ours).sum(axis=1)
    found = (float(np.median(cosine)), float(cosine.min()))
    kept = found[0] >= LEAST_COSINE
    told = f"median cosine {found[0]:.4f} to 32 bits over {len(cosine)} held-out windows"
    why = told if kept else f"{told} is below {LEAST_COSINE}: 32 bits stay"
    return Quantised(small if kept else graph, kept, found, why)


def run(graph: bytes, rows: Floats, valid: Ints, *, batch: int) -> Floats:
    """Vectors (n, dim) of rows by a graph that takes `batch` of them at a time."""
    runtime = import_module("onnxruntime")  # has no types
    session = runtime.InferenceSession(graph, _quiet(runtime), providers=["CPUExecutionProvider"])
    parts = [session.run(None, feed)[0] for feed in batches(rows, valid, batch)]
    vectors: Floats = np.concatenate(parts)[: len(rows)]
    return vectors


def batches(rows: Floats, valid: Ints, batch: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Feeds of `batch` rows each, the last filled up from the first row on."""
    for first in range(0, len(rows), batch):
        chosen = np.arange(first, first + batch) % len(rows)
        yield {"rows": rows[chosen], "valid": valid[chosen]}


def _static(graph: bytes, feeds: Iterator[dict[str, npt.NDArray[Any]]]) -> bytes:
    """The graph in 8 bits, calibrated by the feeds."""
    onnx, tools = import_module("onnx"), import_module("onnxruntime.quantization")
    model = onnx.load_from_string(graph)
    del model.graph.value_info[:]  # the exporter's shapes confuse the quantiser

    class Feeds(tools.CalibrationDataReader):  # type: ignore[misc, name-defined]
        """The feeds, one after another."""

        def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
            """The next, or None."""
            return next(feeds, None)

    root = logging.getLogger()
    level = root.level
    with tempfile.TemporaryDirectory() as folder:
        wide, narrow = Path(folder) / "wide.onnx", Path(folder) / "narrow.onnx"
        onnx.save(model, wide)
        root.setLevel(logging.ERROR)  # it advises on every graph
        try:
            tools.quantize_static(
                wide,
                narrow,
                Feeds(),
                quant_format=tools.QuantFormat.QDQ,
                op_types_to_quantize=list(NETWORK),
                nodes_to_exclude=_thin(model),
                per_channel=True,
                reduce_range=True,  # without it sums of products overflow where there is no VNNI
                activation_type=tools.QuantType.QUInt8,
                weight_type=tools.QuantType.QInt8,
            )
        finally:
            root.setLevel(level)
        return narrow.read_bytes()


def _thin(model: Any) -> list[str]:  # noqa: ANN401 - messages of ONNX have no types
    """Convolutions of one channel, and ReLU and maximum behind them: faster in 32 bits.

    In 8 bits the runtime is seven times slower at the first, and a maximum that follows what is
    brought back to 32 bits is forty times slower.
    """
    sizes = {one.name: one.dims for one in model.graph.initializer}
    names, given = [], set()
    for node in model.graph.node:
        thin = node.op_type == "Conv" and sizes.get(node.input[1], (0, 0))[1] == 1
        if thin or (node.op_type in {"Relu", "MaxPool"} and node.input[0] in given):
            names.append(node.name)
            given.update(node.output)
    return names


def _quiet(runtime: Any) -> Any:  # noqa: ANN401 - has no types
    """One thread that does not spin."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
