"""8 bits where they are harmless: vectors stay, a graph that suffers is left in 32 bits."""

# ruff: noqa: E402
from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from soundkin.recipe.assemble import build_model
from soundkin.recipe.export import export_space
from soundkin.recipe.load import load_recipe
from soundkin.recipe.quantise import batches, quantise, run
from soundkin.space import load_space
from tests.recipe.test_export import sounds

BATCH = 4


def network(weights):
    """A graph by hand: rows @ weights to unit length; `valid` is only looked at."""
    node, info = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [
            node("MatMul", ["rows", "W"], ["x"]),
            node("ReduceL2", ["x", "axes"], ["length"], keepdims=1),
            node("Div", ["x", "length"], ["vectors"]),
            node("Identity", ["valid"], ["seen"]),
        ],
        "network",
        [
            info("rows", onnx.TensorProto.FLOAT, [BATCH, weights.shape[0]]),
            info("valid", onnx.TensorProto.INT64, [BATCH]),
        ],
        [
            info("vectors", onnx.TensorProto.FLOAT, [BATCH, weights.shape[1]]),
            info("seen", onnx.TensorProto.INT64, [BATCH]),
        ],
        [
            onnx.numpy_helper.from_array(weights.astype(np.float32), "W"),
            onnx.numpy_helper.from_array(np.array([1], np.int64), "axes"),
        ],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    model.ir_version = 10
    return model.SerializeToString()


def test_vectors_stay_and_the_graph_shrinks():
    rng = np.random.default_rng(0)
    graph = network(rng.standard_normal((64, 32)))
    rows = rng.standard_normal((41, 64)).astype(np.float32)
    valid = np.full(41, 64)
    found = quantise(graph, rows, valid, batch=BATCH)
    assert found.kept
    assert "over 20 held-out windows" in found.why
    assert found.cosine[0] >= found.cosine[1] > 0.99
    assert len(found.graph) < len(graph)
    kinds = {node.op_type for node in onnx.load_from_string(found.graph).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear", "ReduceL2"} <= kinds
    wide, narrow = (run(g, rows, valid, batch=BATCH) for g in (graph, found.graph))
    assert np.abs(wide - narrow).max() > 0
    assert ((wide * narrow).sum(axis=1) > 0.99).all()


def test_a_graph_that_suffers_stays_in_32_bits():
    rng = np.random.default_rng(0)
    graph = network(rng.standard_normal((64, 32)))
    rows = rng.standard_normal((40, 64)).astype(np.float32)
    rows[0] *= 1e4  # one loud row of the calibrating ones takes all the steps
    found = quantise(graph, rows, np.full(40, 64), batch=BATCH)
    assert not found.kept
    assert found.graph == graph
    assert "is below 0.99: 32 bits stay" in found.why


def test_a_convolution_of_one_channel_stays_and_maxima_stay_in_8_bits():
    rng = np.random.default_rng(0)
    node, info, number = (
        onnx.helper.make_node,
        onnx.helper.make_tensor_value_info,
        onnx.TensorProto.FLOAT,
    )
    pads, halves = {"pads": [1, 1, 1, 1]}, {"kernel_shape": [2, 2], "strides": [2, 2]}
    graph = onnx.helper.make_graph(
        [
            node("Conv", ["rows", "thin"], ["a"], name="first", **pads),
            node("Relu", ["a"], ["b"], name="relu"),
            node("MaxPool", ["b"], ["p"], name="early", **halves),
            node("Conv", ["p", "wide"], ["c"], name="second", **pads),
            node("Relu", ["c"], ["d"], name="relu_2"),
            node("MaxPool", ["d"], ["e"], name="largest", **halves),
            node("Conv", ["e", "wide"], ["f"], name="third", **pads),
            node("Flatten", ["f"], ["g"]),
            node("ReduceL2", ["g", "axes"], ["length"], keepdims=1),
            node("Div", ["g", "length"], ["vectors"]),
            node("Identity", ["valid"], ["seen"]),
        ],
        "network",
        [info("rows", number, [BATCH, 1, 16, 16]), info("valid", onnx.TensorProto.INT64, [BATCH])],
        [info("vectors", number, [BATCH, 128]), info("seen", onnx.TensorProto.INT64, [BATCH])],
        [
            onnx.numpy_helper.from_array(rng.standard_normal((8, k, 3, 3)).astype(np.float32), name)
            for name, k in (("thin", 1), ("wide", 8))
        ]
        + [onnx.numpy_helper.from_array(np.array([1], np.int64), "axes")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    model.ir_version = 10
    rows = rng.standard_normal((40, 1, 16, 16)).astype(np.float32)
    found = quantise(model.SerializeToString(), rows, np.full(40, 16), batch=BATCH)
    assert found.kept
    nodes = onnx.load_from_string(found.graph).graph.node
    made = {name: one.op_type for one in nodes for name in one.output}
    taken = {one.name: [made.get(name, "") for name in one.input] for one in nodes}
    assert taken["first"] == ["", ""]
    assert (taken["relu"], taken["early"]) == (["Conv"], ["Relu"])
    assert taken["second"] == taken["third"] == ["DequantizeLinear"] * 2
    assert taken["largest"] == ["DequantizeLinear"]


def test_feeds_are_full_and_in_order():
    rows, valid = np.arange(10.0).reshape(5, 2), np.arange(5)
    feeds = list(batches(rows, valid, 3))
    assert [feed["valid"].tolist() for feed in feeds] == [[0, 1, 2], [3, 4, 0]]
    np.testing.assert_array_equal(feeds[1]["rows"][2], rows[0])


@pytest.mark.slow
def test_an_exported_space_in_8_bits_is_near_the_one_in_32(tmp_path):
    recipe = load_recipe("doppelganger-fast", ["encoder.widths=[8, 8, 16, 16]"])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(recipe)
    windows = torch.from_numpy(sounds(32, recipe.data.window))
    spaces = [
        load_space(export_space(model, tmp_path / f"{int8}" / "a.json", windows=windows, int8=int8))
        for int8 in (False, True)
    ]
    unheard = sounds(20, recipe.data.window, seed=5)
    cosine = (spaces[0].embed(unheard) * spaces[1].embed(unheard)).sum(axis=1)
    card = json.loads((tmp_path / "True" / "a.json").read_text())["card"]
    assert spaces[0].id != spaces[1].id
    assert 0.98 < cosine.min() < 1 - 1e-7
    assert "32 bits stay" not in card["int8"]
