"""A trained network's twin with random weights: the same graph, drawn anew, without PyTorch.

An ONNX file is a protobuf message; the bytes of its weights are found and written over in place.
Weights of Conv, Gemm, MatMul, LSTM and GRU are drawn as He et al. 2015 do (normal, deviation
sqrt(2 / inputs)), biases are zero, a batch norm is the identity. Weights in int8 are shuffled
instead, since the scales around them fit their spread. Tensors whose names hold "frontend" stay:
a mel matrix or a filter bank is no weight.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from soundkin.errors import SpaceError
from soundkin.space import load_space, with_graph

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from soundkin.space import Space

FLOAT, INT8 = 1, 3
GRAPH, NODE, INITIALIZER = 7, 1, 5
WEIGHTED = {
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "Gemm": (1, 2),
    "MatMul": (0, 1),
    "LSTM": (1, 2, 3),
    "GRU": (1, 2, 3),
    "BatchNormalization": (1, 2, 3, 4),
    "Add": (0, 1),
}
"""Inputs of each kind of node that are weights; those of Add only behind MatMul, as its bias."""
PASSING = frozenset(
    [
        "Slice",
        "Concat",
        "Transpose",
        "Unsqueeze",
        "Squeeze",
        "Reshape",
        "Identity",
        "DequantizeLinear",
    ]
)
"""Nodes that hand a weight on."""


@dataclass(slots=True)
class Tensor:
    """An initializer: name, dimensions, type, and where its bytes lie in the file."""

    name: str = ""
    dims: list[int] = field(default_factory=list)
    kind: int = 0
    at: tuple[int, int] | None = None


@dataclass(slots=True)
class Node:
    """One operation: its kind, the names it takes and gives."""

    op: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


def random_twin(space: Space, folder: Path, *, seed: int = 0) -> Space:
    """The space with random weights, its files written to `folder` as NAME-random.json and .onnx.

    Raises SpaceError for a space without a network, or one whose weights are not in its file.
    """
    head = space.settings["head"]
    if head.get("kind") != "onnx":
        raise SpaceError(f"'{space.name}' has no weights", "a space with a network")
    graph = randomised(_graph_of(space), seed=seed)
    name = f"{space.name}-random"
    settings = {
        **space.settings,
        "name": name,
        "head": with_graph(head, f"{name}.onnx", hashlib.sha256(graph).hexdigest()),
        "card": {"title": f"{space.name} with random weights", "seed": seed},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.onnx").write_bytes(graph)
    file = folder / f"{name}.json"
    file.write_text(json.dumps(settings), encoding="utf-8")
    return load_space(file)


def _graph_of(space: Space) -> bytes:
    """The bytes of a space's ONNX file."""
    from pathlib import Path  # noqa: PLC0415 - a type elsewhere in this file

    file: str = getattr(space.head, "file", "")
    return Path(file).read_bytes()


def randomised(model: bytes, *, seed: int = 0) -> bytes:
    """An ONNX model with other weights, of the same length in bytes.

    Raises SpaceError when it has no weights inside, or keeps them in another file.
    """
    nodes, tensors = read_model(model)
    drawn = bytearray(model)
    rng = np.random.default_rng(seed)
    changed = 0
    for name, role in sorted(weights_of(nodes, tensors).items()):
        tensor = tensors[name]
        if tensor.at is None:
            raise SpaceError(f"the weights {name!r} are not in the file", "raw weights inside")
        begin, end = tensor.at
        drawn[begin:end] = _draw(tensor, role, bytes(model[begin:end]), rng)
        changed += 1
    if not changed:
        raise SpaceError("a graph without weights", "Conv, Gemm, MatMul, LSTM or GRU")
    return bytes(drawn)


def weights_of(nodes: list[Node], tensors: dict[str, Tensor]) -> dict[str, str]:
    """Name -> what it is: "weight", "recurrent", "bias", "one" (of a batch norm) or "zero"."""
    maker = {out: node for node in nodes for out in node.outputs}
    found: dict[str, str] = {}
    for node in nodes:
        for place in WEIGHTED.get(node.op, ()):
            if place >= len(node.inputs):
                continue
            others = [maker.get(name) for name in node.inputs]
            if node.op == "Add" and not any(n is not None and n.op == "MatMul" for n in others):
                continue
            for name in _sources(node.inputs[place], maker, tensors):
                found.setdefault(name, _role(node.op, place, tensors[name]))
    return found


def _role(op: str, place: int, tensor: Tensor) -> str:
    """What an input of a node is to it."""
    if op == "BatchNormalization":
        return "one" if place in {1, 4} else "zero"
    if op in {"LSTM", "GRU"}:
        return "bias" if place == 3 else "recurrent"
    return "bias" if place == 2 or op == "Add" or len(tensor.dims) < 2 else "weight"


def _sources(name: str, maker: dict[str, Node], tensors: dict[str, Tensor]) -> Iterator[str]:
    """The initializers that a name stands for, through nodes that only hand them on."""
    if name in tensors:
        tensor = tensors[name]
        if tensor.kind in {FLOAT, INT8} and tensor.dims and "frontend" not in name:
            yield name
    elif name in maker and maker[name].op in PASSING:
        inputs = maker[name].inputs
        for source in inputs if maker[name].op == "Concat" else inputs[:1]:
            yield from _sources(source, maker, tensors)


def _draw(tensor: Tensor, role: str, old: bytes, rng: np.random.Generator) -> bytes:
    """New bytes for a tensor."""
    if tensor.kind == INT8:
        return rng.permutation(np.frombuffer(old, np.int8)).tobytes()
    shape = tuple(tensor.dims)
    if role in {"bias", "zero"}:
        values: npt.NDArray[Any] = np.zeros(shape)
    elif role == "one":
        values = np.ones(shape)
    elif role == "recurrent":  # PyTorch's own: uniform in +-1 / sqrt(hidden), four gates a cell
        edge = 1 / math.sqrt(max(1, shape[-2] // 4))
        values = rng.uniform(-edge, edge, shape)
    else:
        inputs = math.prod(shape[1:]) if len(shape) > 2 else min(shape)
        values = rng.standard_normal(shape) * math.sqrt(2 / inputs)
    return values.astype("<f4").tobytes()


def read_model(model: bytes) -> tuple[list[Node], dict[str, Tensor]]:
    """The nodes and the initializers of an ONNX model's graph.

    Raises SpaceError for bytes that are no ONNX model.
    """
    nodes: list[Node] = []
    tensors: dict[str, Tensor] = {}
    try:
        for number, begin, end in _fields(model, 0, len(model)):
            if number != GRAPH:
                continue
            for inner, first, last in _fields(model, begin, end):
                if inner == NODE:
                    nodes.append(_node(model, first, last))
                elif inner == INITIALIZER:
                    tensor = _tensor(model, first, last)
                    tensors[tensor.name] = tensor
    except (IndexError, UnicodeDecodeError) as error:
        raise SpaceError("bytes that are no ONNX model", "an ONNX file") from error
    return nodes, tensors


def _node(model: bytes, begin: int, end: int) -> Node:
    """A NodeProto: inputs (1), outputs (2), kind (4)."""
    node = Node()
    for number, first, last in _fields(model, begin, end):
        if number in {1, 2}:
            names = node.inputs if number == 1 else node.outputs
            names.append(model[first:last].decode())
        elif number == 4:
            node.op = model[first:last].decode()
    return node


def _tensor(model: bytes, begin: int, end: int) -> Tensor:
    """A TensorProto: dims (1), type (2), float_data (4), name (8), raw_data (9)."""
    tensor = Tensor()
    for number, first, last in _fields(model, begin, end):
        if number == 1:
            at = first
            while at < last:
                value, at = _varint(model, at)
                tensor.dims.append(value)
        elif number == 2:
            tensor.kind = _varint(model, first)[0]
        elif number == 8:
            tensor.name = model[first:last].decode()
        elif number in {4, 9} and last > first:
            tensor.at = (first, last)
    return tensor


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The fields of a protobuf message: number, and where its value begins and ends."""
    while at < end:
        key, at = _varint(data, at)
        wire = key & 7
        if wire == 0:
            stop = _varint(data, at)[1]
        elif wire == 2:
            size, at = _varint(data, at)
            stop = at + size
        else:
            stop = at + {1: 8, 5: 4}.get(wire, len(data))
        if stop > end:
            raise IndexError(stop)
        yield key >> 3, at, stop
        at = stop


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A whole number of seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            return value, at
