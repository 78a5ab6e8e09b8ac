"""The HEAR API over every space, by the checks of the benchmark's validator (hearvalidator 2021.0.2)."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from soundkin import hear
from soundkin.audio.decode import resample
from soundkin.errors import InputError, UnknownSpace
from soundkin.shelf import installed_spaces
from soundkin.space import load_space
from tests.evaluate.sets import network

ACCEPTED_HZ = [16_000, 22_050, 44_100, 48_000]
SPACES = [*installed_spaces(), "made here"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    pytest.importorskip("onnx")
    return network(tmp_path_factory.mktemp("hear"))


@pytest.fixture(params=SPACES)
def named(request):
    if request.param == "made here":
        return str(request.getfixturevalue("made"))
    return request.param


def noise(n, seconds, rate, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (n, int(seconds * rate))).astype(np.float32)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_what_the_validator_demands(named, kind):
    model = hear.load_model(named)
    assert model.sample_rate in ACCEPTED_HZ
    assert type(model.scene_embedding_size) is type(model.timestamp_embedding_size) is int
    scenes, moments = noise(8, 3.74, model.sample_rate), noise(16, 2.0, model.sample_rate)
    if kind == "torch":
        torch = pytest.importorskip("torch")
        assert isinstance(hear.load_model(named), torch.nn.Module)
        scenes, moments = torch.from_numpy(scenes), torch.from_numpy(moments)
    found = hear.get_scene_embeddings(scenes, model)
    assert type(found) is type(scenes)
    assert str(found.dtype).endswith("float32")
    assert tuple(found.shape) == (8, model.scene_embedding_size)
    vectors, times = hear.get_timestamp_embeddings(moments, model)
    assert type(vectors) is type(times) is type(moments)
    assert str(vectors.dtype).endswith("float32")
    assert len(vectors) == 16
    assert tuple(vectors.shape[:2]) == tuple(times.shape)
    assert vectors.shape[2] == model.timestamp_embedding_size
    steps = np.diff(np.asarray(times))
    assert steps.mean() <= 50
    assert np.abs(steps - steps.mean()).max() < 1e-3
    assert np.isfinite(np.asarray(vectors)).all()


def test_a_scene_is_what_a_library_hears(named):
    model = hear.load_model(named)
    space = load_space(named)
    [sound] = noise(1, 1.0, model.sample_rate) / 3
    [scene] = hear.get_scene_embeddings(sound[None], model)
    heard = resample(sound, model.sample_rate, space.sample_rate)
    alone = space.embed_at(heard, [0], [min(len(heard), space.window_samples)])[0]
    np.testing.assert_allclose(scene, alone, atol=1e-4)


def test_a_timestamp_looks_at_the_sound_around_it():
    space, model = load_space("mfcc"), hear.load_model("mfcc")
    [sound] = noise(1, 2.0, 16_000, seed=3)
    vectors, times = hear.get_timestamp_embeddings(sound[None], model)
    assert times.shape == (1, 41)
    for k in (0, 3, 20, 37, 40):
        centre = round(float(times[0, k]) * 16)
        part = sound[max(0, centre - 8000) : centre + 8000]
        window = np.zeros((1, 16_000), np.float32)
        window[0, : len(part)] = part
        np.testing.assert_allclose(vectors[0, k], space.embed(window, [len(part)])[0], atol=1e-5)


def test_rows_do_not_touch_each_other_and_silence_is_no_error():
    model = hear.load_model()
    sounds = noise(3, 1.3, 16_000)
    sounds[1] = 0
    scenes = hear.get_scene_embeddings(sounds, model)
    assert not scenes[1].any()
    np.testing.assert_array_equal(hear.get_scene_embeddings(sounds[2:], model)[0], scenes[2])
    assert np.isfinite(hear.get_timestamp_embeddings(sounds, model)[0]).all()
    short = hear.get_timestamp_embeddings(sounds[:, :5], model)
    assert short[0].shape == (3, 1, 80)


def test_a_space_at_a_rate_of_its_own_hears_one_that_the_benchmark_has(monkeypatch):
    odd = replace(load_space("mfcc"), sample_rate=11_025, window_samples=8192)
    monkeypatch.setattr(hear, "load_space", lambda _: odd)
    model = hear.load_model("odd")
    assert model.sample_rate == 16_000
    [sound] = noise(1, 0.8, 11_025, seed=5)
    vectors, _ = hear.get_timestamp_embeddings(noise(2, 1.0, 16_000), model)
    assert vectors.shape == (2, 21, 80)
    scene = hear.get_scene_embeddings(resample(sound, 11_025, 16_000)[None], model)[0]
    middle = odd.embed(sound[None, (len(sound) - 8192) // 2 :][:, :8192])[0]
    assert scene @ middle > 0.99


def test_errors():
    model = hear.load_model()
    for shape in [(16_000,), (1, 2, 3), (2, 0)]:
        with pytest.raises(InputError, match=r"audio of shape .*; expected \(n sounds, samples\)"):
            hear.get_scene_embeddings(np.zeros(shape, np.float32), model)
    with pytest.raises(UnknownSpace):
        hear.load_model("nowhere")


def test_without_torch_nothing_imports_it():
    code = (
        "import sys, numpy as np, soundkin.hear as h; m = h.load_model();"
        "h.get_scene_embeddings(np.ones((1, 16000), np.float32), m);"
        "print(type(m).__name__, 'torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["HearModel", "False"]
