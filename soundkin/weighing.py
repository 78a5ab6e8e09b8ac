"""A weighing of a space's directions, and the ONNX graph that bears it behind a network."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError
from soundkin.evaluate.retrieval import unit_rows

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Weighing:
    """What comes behind a space's vectors: (v - centre) @ matrix, brought to length one."""

    centre: Floats
    matrix: Floats

    def __call__(self, X: Floats) -> Floats:
        """Unit vectors (n, dim) -> (n, dim)."""
        return unit_rows((X - self.centre) @ self.matrix)


def fit(A: Floats, B: Floats, strength: float) -> Weighing:
    """The weighing of directions by how little they move between A and B, (n, dim) unit vectors each.

    strength: the ridge, in mean variances of what moves.

    >>> A = np.eye(3, dtype=np.float32)
    >>> fit(A, A, 1.0).matrix.shape
    (3, 3)
    """
    moved = (A - B).astype(np.float64)
    within = moved.T @ moved / len(moved)
    mean = max(float(np.trace(within)) / len(within), 1e-12)
    values, axes = np.linalg.eigh(within / mean)
    matrix = (axes / np.sqrt(np.maximum(values, 0) + strength)) @ axes.T
    centre = np.concatenate([A, B]).astype(np.float64).mean(axis=0)
    return Weighing(centre.astype(np.float32), matrix.astype(np.float32))


def with_weighing(onnx: Any, graph: bytes, weighing: Weighing) -> bytes:  # noqa: ANN401 - has no types
    """A graph whose last step is a weighing of what it gave before; its output keeps its name."""
    model = onnx.load_from_string(graph)
    inner = model.graph
    said = inner.output[0].name
    for node in inner.node:
        node.output[:] = ["adapt_in" if name == said else name for name in node.output]
        node.input[:] = ["adapt_in" if name == said else name for name in node.input]
    held = {
        "adapt_centre": weighing.centre,
        "adapt_matrix": weighing.matrix,
        "adapt_least": np.array(1e-12, np.float32),
        "adapt_axis": np.array([1], np.int64),
    }
    inner.initializer.extend(onnx.numpy_helper.from_array(v, name) for name, v in held.items())
    make = onnx.helper.make_node
    inner.node.extend([
        make("Sub", ["adapt_in", "adapt_centre"], ["adapt_centred"]),
        make("MatMul", ["adapt_centred", "adapt_matrix"], ["adapt_out"]),
        make("ReduceL2", ["adapt_out", "adapt_axis"], ["adapt_length"], keepdims=1),
        make("Max", ["adapt_length", "adapt_least"], ["adapt_longer"]),
        make("Div", ["adapt_out", "adapt_longer"], [said]),
    ])  # fmt: skip
    onnx.checker.check_model(model)
    done: bytes = model.SerializeToString()
    return done


def onnx_package() -> Any:  # noqa: ANN401 - has no types
    """The package that writes graphs; it comes with the extra `train`."""
    try:
        onnx = import_module("onnx")
        import_module("onnx.numpy_helper")
    except ImportError as error:
        raise InputError(
            "adapting writes a graph, and the package onnx is not installed",
            "the extra `train`",
            "run `pip install 'soundkin[train]'`",
        ) from error
    return onnx
