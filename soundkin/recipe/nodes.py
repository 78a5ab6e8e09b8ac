"""Graphs of ONNX: an exported one taken apart, and one written node by node.

Both are for :mod:`soundkin.recipe.lean`; ONNX is given, for only training installs it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Exported:
    """What an exported graph in 8 bits holds: `batch` x `frames` x `bands` go in.

    `convolutions`: their nodes in order; `product`: the one node that multiplies by a matrix of its own.
    Raises ValueError where there is another number of these.
    """

    def __init__(self, onnx: Any, model: Any) -> None:  # noqa: ANN401 - messages have no types
        self.model = model
        self._arrays = {
            one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer
        }
        self._made = {name: node for node in model.graph.node for name in node.output}
        self._taken: dict[str, list[Any]] = {}
        for node in model.graph.node:
            for name in node.input:
                self._taken.setdefault(name, []).append(node)
        self.convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
        products = [
            node
            for node in model.graph.node
            if node.op_type == "MatMul" and self._source(node.input[1]) in self._arrays
        ]
        if len(products) != 1 or not self.convolutions:
            found = f"{len(products)} products and {len(self.convolutions)} convolutions"
            raise ValueError(f"a graph with {found}; expected one product, and convolutions")
        [self.product] = products
        dims = model.graph.input[0].type.tensor_type.shape.dim
        self.batch, self.frames, self.bands = (one.dim_value for one in dims)

    def array(self, name: str) -> Array:
        """An initializer."""
        found: Array = self._arrays[name]
        return found

    def quantised(self, name: str) -> list[Array]:
        """What a number is unpacked from: itself, scale and zero where it is an initializer."""
        return [self.array(one) for one in self._made[name].input]

    def steps_of(self, name: str) -> list[Array]:
        """Scale and zero that something is unpacked with."""
        return [self.array(one) for one in self._made[name].input[1:]]

    def steps_to(self, name: str) -> list[Array]:
        """Scale and zero that something is packed with."""
        [packing] = [node for node in self._taken[name] if node.op_type == "QuantizeLinear"]
        return [self.array(one) for one in packing.input[1:]]

    def before(self, name: str) -> Array:
        """What is taken off before the number that an unpacking gives was packed: a mean."""
        packed = self._made[self._made[name].input[0]]
        return self.array(self._made[packed.input[0]].input[1])

    def _source(self, name: str) -> str:
        """What something is unpacked from; itself if it is not."""
        node = self._made.get(name)
        return node.input[0] if node is not None and node.op_type == "DequantizeLinear" else name


@dataclass(slots=True)
class Written:
    """A graph in the making: `nodes` in the order of their work, and by name the `arrays` they read."""

    onnx: Any
    nodes: list[Any] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)

    def take(self, name: str, values: npt.ArrayLike) -> str:
        """An array under its name."""
        self.arrays[name] = np.asarray(values)
        return name

    def do(self, kind: str, *inputs: str, to: str = "", **how: Any) -> str:  # noqa: ANN401 - of a node
        """One operation; the name of what it gives."""
        made = to or f"{kind.lower()}_{len(self.nodes)}"
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [made], name=name, **how))
        return made

    def split(self, x: str, n: int, *, axis: int, to: str) -> list[str]:
        """Equal parts of something along an axis, numbered names."""
        made = [f"{to}_{k}" for k in range(n)]
        how = {"axis": axis, "num_outputs": n, "name": "split"}
        self.nodes.append(self.onnx.helper.make_node("Split", [x], made, **how))
        return made

    def axes(self, *axes: int) -> str:
        """A list of axes."""
        return self.take("axes_" + "_".join(map(str, axes)), np.array(axes, np.int64))

    def number(self, name: str, value: float) -> str:
        """One float32."""
        return self.take(name, np.float32(value))

    def shape(self, *sizes: int) -> str:
        """A shape."""
        return self.take("shape_" + "_".join(map(str, sizes)), np.array(sizes, np.int64))

    def packed(self, name: str, arrays: list[Array], **how: Any) -> str:  # noqa: ANN401 - of a node
        """An array in 8 bits (values, scale, zero), unpacked."""
        names = [self.take(f"{name}_{k}", one) for k, one in enumerate(arrays)]
        return self.do("DequantizeLinear", *names, **how)

    def serialized(self, old: Exported) -> bytes:
        """The graph with inputs and output as the old one's."""
        helper, to = self.onnx.helper, self.onnx.numpy_helper.from_array
        tensors = [to(np.ascontiguousarray(a), name) for name, a in self.arrays.items()]
        for one in tensors:
            if not self.arrays[one.name].ndim:
                del one.dims[:]
        known = old.model.graph
        graph = helper.make_graph(self.nodes, "space", known.input, known.output, tensors)
        model = helper.make_model(graph, opset_imports=old.model.opset_import)
        model.ir_version = old.model.ir_version
        self.onnx.checker.check_model(model)
        serialized: bytes = model.SerializeToString()
        return serialized
