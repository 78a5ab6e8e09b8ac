"""A trained network as a space: the graph equals torch, a window's vector is its own, errors."""

# ruff: noqa: E402
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from torch.nn.functional import normalize

from soundkin.errors import SpaceError
from soundkin.recipe.assemble import build_model
from soundkin.recipe.export import export_space
from soundkin.recipe.load import load_recipe
from soundkin.space import load_space

TINY = {
    "doppelganger": ["encoder.width=4", "encoder.dim=16"],
    "doppelganger-fast": ["encoder.widths=[4, 8, 8, 8]"],
    "cochlea": ["encoder.width=8", "encoder.dim=8", "frontend.hop=32", "frontend.pool=16"],
    "autodecompose": ["encoder.size=conv", "encoder.dim=8"],
}

SLOW = {"doppelganger", "cochlea", "autodecompose"}  # the exporter takes seconds over each


def sounds(n, samples, seed=0):
    rng = np.random.default_rng(seed)
    time = np.arange(samples)
    tones = np.sin(time * rng.uniform(0.02, 1.5, (n, 1))) * np.exp(-time * rng.uniform(0, 1e-3))
    x = tones + 0.1 * rng.standard_normal((n, samples))
    return (x / np.abs(x).max(axis=1, keepdims=True)).astype(np.float32)


MEMBERS = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in TINY]


@pytest.fixture(scope="module", params=MEMBERS)
def made(request, tmp_path_factory):
    """A network whose batch norms have seen sound, and its space."""
    recipe = load_recipe(request.param, TINY[request.param])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(recipe)
    windows = torch.from_numpy(sounds(20, recipe.data.window))
    with torch.no_grad():
        model.train()
        model.embed(windows)
        model.eval()
    file = tmp_path_factory.mktemp("space") / f"{request.param}.json"
    export_space(model, file, windows=windows, card={"made": "in a test"})
    return model, load_space(file), file


def test_the_space_equals_torch(made):
    model, space, _ = made
    windows = sounds(20, space.window_samples)
    with torch.no_grad():
        expected = normalize(model.embed(torch.from_numpy(windows)), dim=1).numpy()
    ours = space.embed(windows)
    assert ours.shape == expected.shape == (20, space.dim)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    # where the front-end knows levels, the space brings them to those of the training
    relative = space.name in {"doppelganger-fast", "cochlea", "autodecompose"}
    assert (ours * expected).sum(axis=1).min() > (0.9999 if relative else 0.95)
    assert np.abs(ours - ours.mean(axis=0)).max() > 0.005


def test_the_graph_tells_nothing_of_the_machine(made):
    model, space, file = made
    graph = file.with_suffix(".onnx").read_bytes()
    assert b".py" not in graph, "the exporter's notes name files of the machine"
    assert str(Path(torch.__file__).parent).encode() not in graph
    again = file.with_name("again.json")
    windows = torch.from_numpy(sounds(20, space.window_samples))
    export_space(model, again, windows=windows, card={"made": "in a test"})
    assert again.with_suffix(".onnx").read_bytes() == graph, "one network, one hash"


def test_a_window_alone_is_the_window_among_others_bit_for_bit(made):
    _, space, _ = made
    windows = sounds(20, space.window_samples, seed=1)
    valid = np.random.default_rng(0).integers(500, space.window_samples + 1, 20)
    together = space.embed(windows, valid)
    backwards = space.embed(windows[::-1].copy(), valid[::-1].copy())[::-1]
    np.testing.assert_array_equal(together, backwards)
    for k in (0, 7, 19):
        alone = space.embed(windows[k : k + 1], valid[k : k + 1])
        np.testing.assert_array_equal(alone[0], together[k])


def test_what_is_behind_the_sound_is_not_looked_at_and_loudness_neither(made):
    _, space, _ = made
    windows = sounds(4, space.window_samples, seed=2)
    valid = np.full(4, space.window_samples // 2)
    other = windows.copy()
    other[:, space.window_samples // 2 :] = 0.7
    np.testing.assert_array_equal(space.embed(windows, valid), space.embed(other, valid))
    np.testing.assert_allclose(space.embed(windows * 0.01), space.embed(windows), atol=2e-3)


def test_a_stretch_of_sound_equals_its_windows(made):
    _, space, _ = made
    n = space.window_samples
    stretch = sounds(1, 3 * n, seed=3)[0]
    starts, valid = np.array([0, 1600, 3203, n]), np.array([n, n, n, n // 2])
    windows = np.zeros((4, n), np.float32)
    for row, start, length in zip(windows, starts, valid, strict=True):
        row[:length] = stretch[start : start + length]
    np.testing.assert_allclose(
        space.embed_at(stretch, starts, valid), space.embed(windows, valid), atol=1e-5
    )


def test_the_id_knows_the_graph_and_the_card_does_not_matter(made, tmp_path):
    _, space, file = made
    settings = json.loads(file.read_text())
    assert settings["card"]["made"] == "in a test"
    assert settings["card"]["paper"]
    graph = file.with_suffix(".onnx").read_bytes()
    settings["card"] = {}
    (tmp_path / file.name).write_text(json.dumps(settings))
    (tmp_path / f"{file.stem}.onnx").write_bytes(graph)
    assert load_space(tmp_path / file.name).id == space.id
    (tmp_path / f"{file.stem}.onnx").write_bytes(graph + b"\0")
    with pytest.raises(SpaceError, match="is another graph; expected that of the settings"):
        load_space(tmp_path / file.name)
    (tmp_path / f"{file.stem}.onnx").unlink()
    with pytest.raises(SpaceError, match=r"no graph .*; expected the file beside the settings"):
        load_space(tmp_path / file.name)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["voice", "content"])
def test_voice_and_content_are_two_spaces(part, tmp_path):
    recipe = load_recipe("autodecompose", ["encoder.size=dense", "encoder.dim=8"])
    model, windows = build_model(recipe), torch.from_numpy(sounds(16, recipe.data.window))
    space = load_space(export_space(model, tmp_path / f"{part}.json", windows=windows, part=part))
    encoders = {"voice": model.voice, "content": model.content}
    cosines = {}
    for name, encode in encoders.items():
        with torch.no_grad():
            expected = normalize(encode(model.frames(windows)).mean(dim=1), dim=1).numpy()
        cosines[name] = (space.embed(windows.numpy()) * expected).sum(axis=1)
    other = "content" if part == "voice" else "voice"
    assert cosines[part].min() > 0.95
    assert cosines[other].max() < 0.9


def test_a_learnt_mel_matrix_cannot_be_a_space(tmp_path):
    model = build_model(load_recipe("music", ["frontend.learnable=true", "data.window=16000"]))
    with pytest.raises(SpaceError, match="a learnt mel matrix; expected a frozen one"):
        export_space(model, tmp_path / "a.json", windows=torch.rand(16, 16_000))
