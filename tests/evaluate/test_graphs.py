"""Anyone's ONNX file in the table: samples or frames in, fixed or open sizes."""

from __future__ import annotations

import numpy as np
import pytest

from soundkin.errors import InputError, NotFound
from soundkin.evaluate.embed import embed_clips
from soundkin.evaluate.graphs import graph_subject
from soundkin.evaluate.subjects import subjects_of
from soundkin.frontend.log_mel import PRESETS, mel_windows
from tests.evaluate.sets import labelled

onnx = pytest.importorskip("onnx")


def written(file, shape, op, out, **attributes):
    """A graph of one node over an input of that shape."""
    from onnx import helper as h

    kind = onnx.TensorProto.FLOAT
    extra = attributes.pop("axes", None)
    inputs, tensors = ["sound"], []
    if extra is not None:
        inputs.append("axes")
        tensors.append(onnx.numpy_helper.from_array(np.array(extra, np.int64), "axes"))
    node = h.make_node(op, inputs, ["out"], **attributes)
    graph = h.make_graph(
        [node],
        "g",
        [h.make_tensor_value_info("sound", kind, shape)],
        [h.make_tensor_value_info("out", kind, out)],
        tensors,
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=9)
    file.write_bytes(model.SerializeToString())
    return file


def windows(n, size=16_000):
    return np.random.default_rng(0).standard_normal((n, size)).astype(np.float32)


@pytest.mark.parametrize("shape", [["n", "s"], [3, 1, 16_000], ["n", 1, "s"]])
def test_samples_go_in_as_the_graph_wants_them(tmp_path, shape):
    file = written(tmp_path / "own.onnx", shape, "ReduceMax", ["n", 1], axes=[-1], keepdims=1)
    if len(shape) == 3:
        out = ["n", 1, 1]
        file = written(tmp_path / "own.onnx", shape, "ReduceMax", out, axes=[-1], keepdims=1)
    subject = graph_subject(str(file))
    x = windows(7)
    np.testing.assert_array_equal(subject.embed(x), x.max(axis=1, keepdims=True))
    assert (subject.rate_hz, subject.window_samples) == (16_000, 16_000)
    assert graph_subject(f"{file}:samples@8000").rate_hz == 8000
    assert graph_subject(f"{file}:samples@8000").id != subject.id


@pytest.mark.parametrize(
    "shape", [["n", "t", 64], ["n", 64, "t"], [2, 1, 64, 90], ["n", 1, 120, 64]]
)
def test_frames_go_in_as_the_graph_wants_them(tmp_path, shape):
    upright = shape[-1] != 64
    axes = [-1] if upright else [-2]
    out = [shape[0], *shape[1:-2], 64]
    file = written(tmp_path / "own.onnx", shape, "ReduceMax", out, axes=axes, keepdims=0)
    subject = graph_subject(f"{file}:vggish")
    x, valid = windows(5), np.array([16_000, 9_000, 400, 16_000, 1])
    found = subject.embed(x, valid)
    silent = np.where(np.arange(16_000) < valid[:, None], x, 0)
    mel = mel_windows(silent, np.full(5, 16_000), PRESETS["vggish"]).mel
    expected = mel[:, : 90 if 90 in shape else 200].max(axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_graph_stands_in_the_table(tmp_path):
    folder = labelled(tmp_path / "set", each=2)
    shape, out = ["n", "t", 64], ["n", 64]
    file = written(tmp_path / "own.onnx", shape, "ReduceMean", out, axes=[1], keepdims=0)
    subjects = subjects_of([], onnx=[f"{file}:vggish"])
    assert [s.name for s in subjects] == ["mfcc", "log-mel", "own (vggish)"]
    files = sorted(folder.rglob("*.wav"))
    assert embed_clips(files, subjects, jobs=1)[subjects[2].id].shape == (6, 64)


def test_what_is_no_graph_of_this_kind(tmp_path):
    file = written(
        tmp_path / "own.onnx", ["n", "t", 40], "ReduceMax", ["n", 40], axes=[1], keepdims=0
    )
    with pytest.raises(NotFound, match="no graph"):
        graph_subject(str(tmp_path / "none.onnx"))
    with pytest.raises(InputError, match=r"KIND one of samples\[@RATE\], vggish"):
        graph_subject(f"{file}:mel")
    with pytest.raises(InputError, match="expected 64 bands, as the preset 'vggish' has"):
        graph_subject(f"{file}:vggish").embed(windows(1))
