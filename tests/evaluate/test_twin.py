"""The twin with random weights: what the walk through the bytes finds, against the onnx package."""

from __future__ import annotations

import numpy as np
import pytest

from soundkin.errors import SpaceError
from soundkin.evaluate.twin import random_twin, randomised, read_model, weights_of
from soundkin.space import load_space
from tests.evaluate.sets import network, render

onnx = pytest.importorskip("onnx")


def arrays(model: bytes) -> dict[str, np.ndarray]:
    graph = onnx.load_from_string(model).graph
    return {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}


def test_the_bytes_are_read_as_onnx_reads_them(tmp_path):
    model = network(tmp_path).with_suffix(".onnx").read_bytes()
    nodes, tensors = read_model(model)
    theirs = onnx.load_from_string(model).graph
    assert [(n.op, n.inputs, n.outputs) for n in nodes] == [
        (n.op_type, [*n.input], [*n.output]) for n in theirs.node
    ]
    for name, array in arrays(model).items():
        assert tensors[name].dims == [*array.shape]
        begin, end = tensors[name].at
        assert model[begin:end] == array.tobytes()


def test_weights_are_drawn_anew_and_nothing_else_changes(tmp_path):
    model = network(tmp_path).with_suffix(".onnx").read_bytes()
    found = weights_of(*read_model(model))
    assert found == {
        "conv.weight": "weight",
        "conv.bias": "bias",
        "last.weight": "weight",
        "last.bias": "bias",
    }
    drawn = randomised(model, seed=3)
    assert len(drawn) == len(model)
    onnx.checker.check_model(onnx.load_from_string(drawn))
    before, after = arrays(model), arrays(drawn)
    for name, array in before.items():
        assert (name in found) != np.array_equal(after[name], array)
    assert not after["conv.bias"].any()
    assert randomised(model, seed=3) == drawn != randomised(model, seed=4)


def test_deviations_are_those_of_he():
    from onnx import helper as h
    from onnx import numpy_helper as nh

    rng = np.random.default_rng(0)
    weights = {
        "w": rng.standard_normal((64, 32, 3, 3)).astype(np.float32),
        "q": rng.integers(-100, 100, (16, 64, 1, 1)).astype(np.int8),
        "lstm": rng.standard_normal((1, 64, 16)).astype(np.float32),
        "scale": np.float32(0.1),
        "gamma": np.full(16, 3, np.float32),
        "beta": np.full(16, 3, np.float32),
    }
    nodes = [
        h.make_node("Conv", ["x", "w"], ["a"]),
        h.make_node("DequantizeLinear", ["q", "scale"], ["wq"]),
        h.make_node("Conv", ["a", "wq"], ["b"]),
        h.make_node("BatchNormalization", ["b", "gamma", "beta", "beta", "gamma"], ["c"]),
        h.make_node("LSTM", ["c", "lstm", "lstm"], ["y"], hidden_size=16),
    ]
    graph = h.make_graph(nodes, "g", [], [], [nh.from_array(v, k) for k, v in weights.items()])
    after = arrays(randomised(h.make_model(graph).SerializeToString()))
    assert after["w"].std() == pytest.approx(np.sqrt(2 / (32 * 9)), rel=0.03)
    assert after["w"].mean() == pytest.approx(0, abs=0.003)
    assert sorted(after["q"].ravel()) == sorted(weights["q"].ravel())
    assert not np.array_equal(after["q"], weights["q"])
    assert np.abs(after["lstm"]).max() <= 0.25
    assert (after["gamma"] == 1).all()
    assert (after["beta"] == 0).all()
    assert after["scale"] == weights["scale"]


def test_a_twin_is_a_space_of_its_own(tmp_path):
    space = load_space(network(tmp_path))
    twin = random_twin(space, tmp_path / "twins")
    assert (twin.name, twin.dim) == ("small-random", space.dim)
    assert twin.id != space.id
    assert random_twin(space, tmp_path / "again").id == twin.id
    window = np.zeros((1, 16_000), np.float32)
    window[0, :9600] = render("tone", 0)
    vectors = [s.embed(window, [9600])[0] for s in (space, twin)]
    np.testing.assert_allclose([v @ v for v in vectors], 1, atol=1e-5)
    assert abs(vectors[0] @ vectors[1]) < 0.999


def test_what_has_no_weights_is_refused(tmp_path):
    with pytest.raises(SpaceError, match="'mfcc' has no weights"):
        random_twin(load_space("mfcc"), tmp_path)
    with pytest.raises(SpaceError, match="no ONNX model"):
        randomised(b"\x3a\xff\xff\x03 and so on")
    with pytest.raises(SpaceError, match="a graph without weights"):
        randomised(b"")
