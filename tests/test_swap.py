"""One sound's content with another's voice: by hand-made graphs, then by a trained recipe."""

# ruff: noqa: E402
from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from soundkin import cli
from soundkin.audio.decode import read_sound
from soundkin.errors import InputError, SpaceError, UnknownSpace
from soundkin.frontend.log_mel import PRESETS, mel_at
from soundkin.shelf import install, place
from soundkin.swap import load_swapper
from tests.recipe.folders import write_wav

FRAMES, BANDS = 8, 80
RATE_HZ = 16_000
MEL = PRESETS["autodecompose"]


def graph(inputs, nodes, output, constants=()):
    """A graph by hand."""
    info, kinds = onnx.helper.make_tensor_value_info, {"valid": onnx.TensorProto.INT64}
    made = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node(*node[:3], **(node[3] if node[3:] else {})) for node in nodes],
            "by-hand",
            [info(n, kinds.get(n, onnx.TensorProto.FLOAT), shape) for n, shape in inputs.items()],
            [info(*output)] if len(output) == 3 else [],
            [onnx.numpy_helper.from_array(value, name) for name, value in constants],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 18)],
    )
    made.ir_version = 10
    return made.SerializeToString()


@pytest.fixture
def swap_file(tmp_path):
    """The voice is the mean of each band; speaking moves the content's bands by half of the voice's."""
    rows = {"rows": [1, FRAMES, BANDS]}
    one = np.array([1], np.int64)
    voice = graph(
        {**rows, "valid": [1]},
        [
            ("ReduceMean", ["rows", "axis"], ["mean"], {"keepdims": 0}),
            ("Cast", ["valid"], ["count"], {"to": onnx.TensorProto.FLOAT}),
            ("Mul", ["count", "none"], ["zero"]),
            ("Add", ["mean", "zero"], ["vectors"]),
        ],
        ("vectors", onnx.TensorProto.FLOAT, [1, BANDS]),
        [("axis", one), ("none", np.zeros(1, np.float32))],
    )
    speak = graph(
        {**rows, "voice": [1, BANDS]},
        [
            ("Mul", ["voice", "half"], ["less"]),
            ("Unsqueeze", ["less", "axis"], ["once"]),
            ("Mul", ["rows", "half"], ["content"]),
            ("Add", ["content", "once"], ["vectors"]),
        ],
        ("vectors", onnx.TensorProto.FLOAT, [1, FRAMES, BANDS]),
        [("axis", one), ("half", np.full(1, 0.5, np.float32))],
    )
    graphs = {}
    for key, made in (("voice", voice), ("speak", speak)):
        (tmp_path / f"{key}.onnx").write_bytes(made)
        graphs[key] = {"file": f"{key}.onnx", "sha256": hashlib.sha256(made).hexdigest()}
    settings = {
        "format": 1, "kind": "swap", "name": "by-hand", "frontend": dataclasses.asdict(MEL),
        "frames": FRAMES, "graphs": graphs, "card": {},
    }  # fmt: skip
    file = tmp_path / "by-hand.swap"
    file.write_text(json.dumps(settings))
    return file


def noise(seconds, seed=0):
    rng = np.random.default_rng(seed)
    return (0.3 * rng.uniform(-1, 1, round(seconds * RATE_HZ))).astype(np.float32)


def mean_db(x, at=slice(None)):
    places = np.arange(len(x) // 256) * 256
    return (200 * mel_at(x, places, MEL) - 100)[at].mean(axis=0)


def test_the_voice_is_the_mean_over_windows_whatever_the_level(swap_file):
    swapper = load_swapper(swap_file)
    x = noise(0.4)
    places = np.arange(FRAMES) * 256
    code = swapper.voice(x)
    assert code.shape == (1, BANDS)
    np.testing.assert_allclose(swapper.voice(0.01 * x), code, atol=1e-4)
    first = x[: FRAMES * 256]
    alone = swapper.voice(first)
    np.testing.assert_allclose(
        alone[0], mel_at(first / np.abs(first).max(), places, MEL).mean(axis=0), atol=1e-5
    )


def test_speaking_keeps_length_and_level_and_the_time_of_the_content(swap_file):
    swapper = load_swapper(swap_file)
    time = np.arange(RATE_HZ) / RATE_HZ
    content = noise(1.0) * np.float32(0.05) * (time % 0.5 < 0.25).astype(np.float32)
    made = swapper.speak(content, swapper.voice(noise(0.5, seed=1)))
    assert made.shape == (-(-RATE_HZ // 256), BANDS)
    level_db = 10 * np.log10(np.maximum(made, 1e-10)).mean(axis=1)
    loud, quiet = level_db[4:12].mean(), level_db[20:28].mean()
    assert loud > quiet + 10
    twice = swapper.speak(2 * content, swapper.voice(noise(0.5, seed=1)))
    np.testing.assert_allclose(twice[4:12], 4 * made[4:12], rtol=1e-2)


def test_a_sound_comes_out_as_long_and_as_loud_with_the_voice_s_colour(swap_file):
    swapper = load_swapper(swap_file)
    content, voice = noise(0.7), noise(0.7, seed=1)
    dull = np.convolve(voice, np.ones(12, np.float32) / 12, "same").astype(np.float32)
    sounds = [swapper.swap(content, other) for other in (voice, dull)]
    for sound in sounds:
        assert sound.shape == content.shape
        assert sound.dtype == np.float32
        assert np.abs(sound).max() == pytest.approx(np.abs(content).max(), rel=1e-4)
    slope = [mean_db(sound)[50:75].mean() - mean_db(sound)[5:25].mean() for sound in sounds]
    assert slope[0] > slope[1] + 2


def test_silence_is_refused(swap_file):
    swapper = load_swapper(swap_file)
    silence = np.zeros(8000, np.float32)
    with pytest.raises(InputError, match="a voice that is silent"):
        swapper.swap(noise(0.5), silence)
    with pytest.raises(InputError, match="a content that is silent"):
        swapper.swap(silence, noise(0.5))


def test_what_is_not_there_or_another_graph_is_said(swap_file, tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDKIN_SPACES", str(tmp_path / "spaces"))
    with pytest.raises(
        UnknownSpace, match="run `soundkin train autodecompose --data FOLDER` first"
    ):
        load_swapper()
    install(swap_file)
    assert place("by-hand", ".swap").is_file()
    assert load_swapper("by-hand").name == "by-hand"
    (swap_file.parent / "speak.onnx").write_bytes(b"other")
    with pytest.raises(SpaceError, match=r"speak\.onnx is missing or another graph"):
        load_swapper(swap_file)
    swap_file.write_text('{"format": 2}')
    with pytest.raises(SpaceError, match="is no swap"):
        load_swapper(swap_file)


def test_from_the_command_line_without_torch(swap_file, tmp_path, capsys):
    for name, seed in (("a", 0), ("b", 1)):
        write_wav(tmp_path / f"{name}.wav", noise(0.5, seed))
    order = ["swap", str(tmp_path / "a.wav"), str(tmp_path / "b.wav")]
    order += ["-o", str(tmp_path / "out.wav"), "--with", str(swap_file)]
    program = (
        f"import sys; sys.modules['torch'] = None\nfrom soundkin import cli\ncli.main({order!r})"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
    samples, rate = read_sound(tmp_path / "out.wav")
    assert (len(samples), rate) == (8000, RATE_HZ)
    with pytest.raises(SystemExit) as left:
        cli.main([*order[:3], "-o", str(tmp_path / "none" / "out.wav"), "--with", str(swap_file)])
    assert left.value.code == 7
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.slow
def test_a_trained_decoder_is_kept_and_speaks(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    from soundkin.recipe.assemble import build_model
    from soundkin.recipe.export_swap import export_swap
    from soundkin.recipe.load import load_recipe

    for size in ("small", "lstm"):
        recipe = load_recipe("autodecompose", [f"encoder.size={size}", "encoder.dim=8"])
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = build_model(recipe).eval()
        windows = torch.from_numpy(noise(16_384 / RATE_HZ)[None])
        swapper = load_swapper(export_swap(model, tmp_path / size / "a.swap", windows=windows))
        # the codes and the frames are torch's own
        peaked = windows / windows.abs().max()
        with torch.no_grad():
            frames = model.frames(peaked)
            voice = model.voice(frames).mean(dim=1)
            both = torch.cat([voice[:, None].expand(-1, 64, -1), model.content(frames)], dim=2)
            made = model.decoder(both)[0].T.numpy()
        np.testing.assert_allclose(swapper.voice(windows[0].numpy()), voice.numpy(), atol=1e-4)
        [(_, rows, _, _)] = swapper._windows(windows[0].numpy(), 64)
        [ours] = swapper.speak_graph.run(None, {"rows": rows[None], "voice": voice.numpy()})
        np.testing.assert_allclose(ours[0], made, atol=2e-4)
        assert swapper.swap(noise(1.5), noise(0.8, seed=2)).shape == (24_000,)
