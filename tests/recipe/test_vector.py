"""From what was learnt to what is searched: the map, its fit, and the space that comes of it."""

# ruff: noqa: E402
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from soundkin.encoder.convnet import frame_statistics
from soundkin.errors import InputError
from soundkin.recipe import vector
from soundkin.recipe.assemble import build_model
from soundkin.recipe.export import export_space
from soundkin.recipe.load import load_recipe
from soundkin.recipe.vector import fit_vector, principal
from soundkin.recipe.views import Views, draw_views
from soundkin.space import load_space

SMALL = ["encoder.widths=[4, 8, 8, 8, 8]", "vector.dims=12", "run.batch=16"]


@pytest.mark.parametrize("whiten", [0.0, 0.5, 1.0])
def test_components_against_the_eigenvectors_of_the_covariance(whiten):
    x = np.random.default_rng(0).standard_normal((300, 6)) * [5, 3, 2, 1, 0.5, 0.1] + 7
    mean, matrix = principal(torch.from_numpy(x).float(), 3, whiten)
    np.testing.assert_allclose(mean.numpy(), x.mean(axis=0), atol=1e-5)
    turned = (x - x.mean(axis=0)) @ matrix.numpy()
    sizes = np.sort(np.linalg.eigvalsh(np.cov(x.T)))[::-1][:3]
    expected = sizes / (sizes + 1e-3 * sizes.mean()) ** whiten
    np.testing.assert_allclose(np.cov(turned.T), np.diag(expected), atol=1e-4 * expected[0])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny network of the recipe `sound`, untrained, and its space."""
    recipe = load_recipe("sound", SMALL)
    with torch.random.fork_rng(), pytest.MonkeyPatch.context() as patch:
        torch.manual_seed(0)
        patch.setattr(vector, "WINDOWS", 32)
        model = build_model(recipe)
        heard = draw_views(recipe, None, torch.Generator().manual_seed(0)).a
        with torch.no_grad():
            model.embed(heard)
        file = export_space(model, tmp_path_factory.mktemp("space") / "a.json", windows=heard)
        fitted = fit_vector(model)
    return model, fitted, load_space(file), heard


def test_the_space_is_network_statistics_and_map(made):
    model, fitted, space, heard = made
    assert space.dim == 12
    ours = space.embed(heard.numpy())
    with torch.no_grad():
        frames = model.frames(heard)
        every = torch.full((len(heard),), frames.shape[2])
        learnt = model.encoder(frames, every)
        plain = frame_statistics(frames, every)
        lengths = [learnt.norm(dim=1)[:, None], plain.norm(dim=1)[:, None]]
        weight = model.recipe.vector.statistics
        joined = torch.cat([learnt / lengths[0], weight * plain / lengths[1]], dim=1)
        expected = ((joined - fitted.mean) @ fitted.matrix).numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(ours, expected, atol=2e-4)


def test_gain_changes_nothing_and_neither_does_what_lies_behind(made):
    *_, space, heard = made
    sound = heard.numpy()[:8]
    valid = np.array([1600, 3000, 5000, 8000, 9000, 12_000, 15_999, 16_000])
    ours = space.embed(sound, valid)
    other = sound * np.float32(0.03)
    other[np.arange(16_000) >= valid[:, None]] = 0.5
    np.testing.assert_allclose(space.embed(other, valid), ours, atol=1e-4)
    assert np.array_equal(space.embed(sound[::-1].copy(), valid[::-1].copy())[::-1], ours)


def test_components_are_for_synthesized_sound_and_the_small_network():
    with pytest.raises(InputError, match=r"vector\.dims with data\.source 'folder'"):
        load_recipe("music", ["vector.dims=16"])


def test_a_space_of_kin_hears_as_its_recipe_does(tmp_path):
    recipe = load_recipe(
        "content", ["encoder.widths=[4, 4, 4, 8]", "vector.dims=6", "frontend.centred=true"]
    )
    with torch.random.fork_rng(), pytest.MonkeyPatch.context() as patch:
        torch.manual_seed(0)
        patch.setattr(vector, "PAIRS", 64)
        model = build_model(recipe)
        noise = torch.randn(64, 4, 16_000, generator=torch.Generator().manual_seed(1))
        sound = noise.cumsum(dim=2)  # four colours of noise, so that there is something to tell
        made = Views(sound[:, 0], sound[:, 0] + 0.1 * noise[:, 1], torch.full((64,), -1))
        file = tmp_path / "a.json"
        export_space(model, file, windows=made.a, draw=lambda _: made)
        fitted = fit_vector(model, lambda _: made)
    rows = made.a[:20] / made.a[:20].abs().amax(dim=1, keepdim=True)
    expected = fitted_vectors(model, fitted, rows)
    np.testing.assert_allclose(load_space(file).embed(rows.numpy()), expected, atol=2e-4)


def fitted_vectors(model, fitted, rows):
    """By the definition: frames without their bands' means, network, map, length one."""
    with torch.no_grad():
        frames = model.frames(rows)
        frames = frames - frames.mean(dim=2, keepdim=True)
        every = torch.full((len(rows),), frames.shape[2])
        learnt = model.encoder(frames, every)
        learnt = learnt / learnt.norm(dim=1, keepdim=True)
        vectors = ((learnt - fitted.mean) @ fitted.matrix).numpy()
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
