"""A graph in fewer operations: it hears as the exporter's does, whatever of a window is sound."""

# ruff: noqa: E402
from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from torch.nn.functional import normalize

from soundkin.encoder.convnet import POOLS, frame_statistics
from soundkin.frontend.layers import centred, relative_log
from soundkin.frontend.log_mel import mel_windows
from soundkin.recipe import export, quantise, vector
from soundkin.recipe.assemble import build_model
from soundkin.recipe.lean import lean, suits
from soundkin.recipe.load import load_recipe, recipe_names
from soundkin.recipe.quantise import run
from soundkin.recipe.views import draw_views
from soundkin.shelf import SHIPPED
from soundkin.space import load_space, space_id

SMALL = ["encoder.widths=[4, 8, 8, 8, 8]", "vector.dims=12", "run.batch=32"]
OTHERWISE = ["frontend.centred=true", "vector.statistics=0", "encoder.taps=[-1]"]


@pytest.fixture(scope="module", params=[(), OTHERWISE])
def made(request, tmp_path_factory):
    """A tiny network like that of `sound`: its graph as exported, in 8 bits, and its space."""
    recipe = load_recipe("sound", [*SMALL, *request.param])
    seen = []
    with torch.random.fork_rng(), pytest.MonkeyPatch.context() as patch:
        torch.manual_seed(0)
        patch.setattr(vector, "WINDOWS", 32)
        patch.setattr(quantise, "LEAST_COSINE", 0)
        patch.setattr(export, "lean", lambda *given: seen.append(given) or lean(*given))
        model = build_model(recipe)
        heard = draw_views(recipe, None, torch.Generator().manual_seed(0)).a
        with torch.no_grad():
            model.embed(heard)  # its norms then have something to fold into the convolutions
        file = tmp_path_factory.mktemp("space") / "a.json"
        export.export_space(model, file, windows=heard, int8=True)
    [(graph, _)] = seen
    rows = mel_windows(heard.numpy(), np.full(32, 16_000), load_space(file).frontend).mel
    return recipe, graph, file, np.concatenate([rows, rows])


@pytest.mark.slow
def test_it_hears_as_the_exported_graph_does(made):
    _, graph, file, rows = made
    valid = np.concatenate([np.full(32, 62), np.arange(1, 33)])
    ours = run(file.with_suffix(".onnx").read_bytes(), rows, valid, batch=export.BATCH)
    theirs = run(graph, rows, valid, batch=export.BATCH)
    cosine = (ours * theirs).sum(axis=1)
    assert cosine.min() > 0.99
    assert np.median(cosine) > 0.9999
    assert np.median((ours[:-1] * theirs[1:]).sum(axis=1)) < 0.7  # and not because all are one
    cut = np.where(np.arange(62)[:, None] < valid[:, None, None], rows, 7)
    again = run(file.with_suffix(".onnx").read_bytes(), cut, valid, batch=export.BATCH)
    assert np.array_equal(again, ours)


@pytest.mark.slow
def test_fewer_operations_and_none_that_makes_masks(made):
    _, graph, file, _ = made
    ours, theirs = (
        [node.op_type for node in onnx.load_from_string(one).graph.node]
        for one in (file.with_suffix(".onnx").read_bytes(), graph)
    )
    assert len(ours) < 0.8 * len(theirs)
    assert not {"Less", "Cast", "Pow", "Expand"} & set(ours)


@pytest.mark.slow
def test_it_is_the_same_space(made):
    _, _, file, _ = made
    settings = json.loads(file.read_text())
    assert settings["head"]["weights"] != settings["head"]["sha256"]
    first = {**settings["head"], "sha256": settings["head"]["weights"]}
    del first["weights"]
    assert load_space(file).id == space_id({**settings, "head": first})


@pytest.mark.slow
def test_a_graph_of_another_recipe(made):
    recipe, graph, _, _ = made
    other = load_recipe("sound", [*SMALL, "vector.statistics=0", "encoder.taps=[-1]"])
    if recipe.vector.statistics:
        with pytest.raises(ValueError, match=r"a graph of \d+ numbers; expected"):
            lean(graph, other)


def test_which_recipes_it_knows():
    known = {name for name in recipe_names() if suits(load_recipe(name))}
    assert known == {"sound", "timbre", "voice", "content"}


@pytest.mark.parametrize("name", ["sound", "timbre", "voice", "content"])
def test_the_shipped_graph_against_torch_with_its_weights(name):
    recipe, space = load_recipe(name), load_space(name)
    graph = onnx.load(str(SHIPPED / f"{name}.onnx")).graph
    arrays = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    wide = {
        key[:-2]: arrays[key].astype(np.float32) * sized(arrays[f"{key[:-2]}_1"], key, arrays[key])
        for key in arrays
        if key.endswith("_0") and f"{key[:-2]}_1" in arrays
    }
    wide |= {key: arrays[key] for key in ("weights_0", "bias_0", "mean")}
    rng = np.random.default_rng(0)
    windows = rng.standard_normal((16, 16_000)) * np.exp(
        -rng.uniform(0, 8, (16, 1)) * np.linspace(0, 1, 16_000)
    )
    windows = windows.astype(np.float32)
    lengths = np.concatenate([np.full(8, 16_000), rng.integers(600, 16_000, 8)])
    heard = mel_windows(windows, lengths, space.frontend)
    inside = torch.from_numpy(np.arange(62)[:, None] < heard.valid[:, None, None])
    frames = relative_log((torch.from_numpy(heard.mel) * inside).transpose(1, 2))
    valid = torch.from_numpy(heard.valid)
    if recipe.frontend.centred:
        frames = centred(frames, valid)
    x, found = (frames * inside.transpose(1, 2))[:, None], []
    for k in range(5):
        weights, bias = (
            torch.from_numpy(wide[f"{what}_{k}"].copy()) for what in ("weights", "bias")
        )
        x = torch.conv2d(x, weights.transpose(2, 3), bias, padding=1).relu()
        x = torch.max_pool2d(x, POOLS[k]) if k < 4 else x
        if k > 1:
            steps = [max(1, min(-(-int(v) // 8), 7)) for v in valid]
            mean = torch.stack([row[..., :n].mean(2) for row, n in zip(x, steps, strict=True)])
            most = torch.stack([row[..., :n].amax(2) for row, n in zip(x, steps, strict=True)])
            both = torch.cat([part.transpose(1, 2).flatten(1) for part in (mean, most)], dim=1)
            found.append(normalize(both, dim=1))
    found = [normalize(torch.cat(found, dim=1), dim=1)]
    if recipe.vector.statistics:
        found.append(recipe.vector.statistics * normalize(frame_statistics(frames, valid), dim=1))
    expected = (torch.cat(found, dim=1).numpy() - wide["mean"]) @ wide["matrix"]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    cosine = (space.embed(windows, lengths) * expected).sum(axis=1)
    assert cosine.min() > 0.98
    assert np.median(cosine) > 0.995


def sized(scale: np.ndarray, name: str, values: np.ndarray) -> np.ndarray:
    """The scale of each output channel, along the first axis; of a matrix's columns, along the last."""
    return scale if name.startswith("matrix") else scale.reshape(-1, *[1] * (values.ndim - 1))
