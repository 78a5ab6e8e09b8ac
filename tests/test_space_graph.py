"""Graphs of others as spaces: what they take, what they are told to be, what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from soundkin import cli
from soundkin.audio.windows import chunks
from soundkin.errors import InputError, NotFound, SpaceError
from soundkin.frontend.log_mel import PRESETS, mel_windows
from soundkin.shelf import installed_spaces, remove
from soundkin.space import load_space
from soundkin.space_graph import adopt

if TYPE_CHECKING:
    from pathlib import Path

onnx = pytest.importorskip("onnx")

RATE = 8_000


def graph(
    path: Path,
    shape: list[int | str],
    *,
    over: tuple[int, ...] = (),
    kind: str = "FLOAT",
    extra: bool = False,
) -> Path:
    """A graph: |input|, its mean over some axes, the rest in one row; of one number, three."""
    helper, types = onnx.helper, onnx.TensorProto
    inputs = [helper.make_tensor_value_info("heard", getattr(types, kind), shape)]
    if extra:
        inputs.append(helper.make_tensor_value_info("valid", types.INT64, [shape[0]]))
    out = helper.make_tensor_value_info("said", types.FLOAT, None)
    held = [
        helper.make_tensor("over", types.INT64, [len(over)], over),
        helper.make_tensor("flat", types.INT64, [2], [0, -1]),
        helper.make_tensor("W", types.FLOAT, [1, 3], [1.0, 2.0, -2.0]),
    ]
    nodes = [
        helper.make_node("Cast", ["heard"], ["floats"], to=types.FLOAT),
        helper.make_node("Abs", ["floats"], ["positive" if over else "said"]),
    ]
    if over:
        one = len(over) == len(shape) - 1
        nodes.append(helper.make_node("ReduceMean", ["positive", "over"], ["mean"], keepdims=1))
        nodes.append(helper.make_node("Reshape", ["mean", "flat"], ["rows" if one else "said"]))
        if one:
            nodes.append(helper.make_node("MatMul", ["rows", "W"], ["said"]))
    made = helper.make_graph(nodes, "g", inputs, [out], held)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty shelf."""
    monkeypatch.setenv("SOUNDKIN_SPACES", str(tmp_path / "shelf"))
    return tmp_path / "shelf"


def noise(n: int, samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, (n, samples)).astype(np.float32)


@pytest.mark.parametrize("shape", [["n", "t"], [4, 1, RATE], ["n", 1, "t"]])
def test_sound_in(tmp_path: Path, shape: list[int | str]) -> None:
    file = graph(tmp_path / "mine.onnx", shape, over=tuple(range(1, len(shape))))
    space = load_space(adopt(file, sample_rate_hz=RATE))
    assert (space.sample_rate, space.window_samples, space.dim) == (RATE, RATE, 3)
    assert installed_spaces()[-1] == "mine"
    windows, valid = noise(7, RATE), np.array([8000, 10, 4000, 8000, 1, 7999, 8000])
    vectors = space.embed(windows, valid)
    np.testing.assert_allclose(vectors, np.tile(np.array([1, 2, -2]) / 3, (7, 1)), atol=1e-6)
    for row in range(7):
        alone = space.embed(windows[row : row + 1], valid[row : row + 1])
        np.testing.assert_array_equal(alone[0], vectors[row])
    [chunk] = chunks([noise(1, 5 * RATE)[0]], RATE)
    assert space.embed_chunk(chunk).shape == (len(chunk.segments), 3)
    file = tmp_path / "shelf" / "mine" / "mine.onnx"
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(SpaceError, match="is another graph"):
        load_space("mine")


@pytest.mark.parametrize("shape", [["n", "t", 64], [2, 1, 64, 100], ["n", 64, "t"]])
def test_frames_in(tmp_path: Path, shape: list[int | str]) -> None:
    over = {64: (), 100: (-1,), "t": (-1,)}[shape[-1]]  # without one (n, t, 64) comes out
    space = load_space(adopt(graph(tmp_path / "f.onnx", shape, over=over), "mine", preset="vggish"))
    assert (space.sample_rate, space.window_samples, space.dim) == (16_000, 16_000, 64)
    windows, valid = noise(3, 16_000), np.array([16_000, 3_000, 16_000])
    windows[1, 3_000:] = 0
    mel = mel_windows(windows, np.full(3, 16_000), PRESETS["vggish"]).mel
    if shape[-1] == 100:
        mel = np.pad(mel, ((0, 0), (0, 2), (0, 0)), constant_values=mel.min())
    expected = np.abs(mel).mean(axis=1)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(space.embed(windows, valid), expected, atol=1e-4)


def test_what_is_not_said_or_does_not_fit(tmp_path: Path) -> None:
    sound = graph(tmp_path / "sound.onnx", ["n", RATE], over=(1,))
    with pytest.raises(InputError, match="does not say what it hears; expected --sample-rate"):
        adopt(sound, "mine")
    with pytest.raises(InputError, match=r"expected 1, as sound.onnx takes 8000 samples"):
        adopt(sound, "mine", sample_rate_hz=RATE, window_s=2.0)
    with pytest.raises(InputError, match="--preset nonsense; expected one of vggish"):
        adopt(sound, "mine", preset="nonsense")
    with pytest.raises(InputError, match="16000, as --preset vggish has"):
        adopt(sound, "mine", preset="vggish", sample_rate_hz=RATE)
    with pytest.raises(InputError, match="1000 to 192000"):
        adopt(sound, "mine", sample_rate_hz=10)
    with pytest.raises(InputError, match="came with Soundkin"):
        adopt(sound, sample_rate_hz=RATE)
    with pytest.raises(NotFound, match="no graph"):
        adopt(tmp_path / "nothing.onnx", sample_rate_hz=RATE)
    two = graph(tmp_path / "two.onnx", ["n", RATE], extra=True)
    with pytest.raises(SpaceError, match=r"two.onnx takes 2 inputs \(heard, valid\); expected one"):
        adopt(two, sample_rate_hz=RATE)
    whole = graph(tmp_path / "whole.onnx", ["n", RATE], kind="INT64")
    with pytest.raises(SpaceError, match=r"takes tensor\(int64\)"):
        adopt(whole, sample_rate_hz=RATE)
    bands = graph(tmp_path / "bands.onnx", ["n", 100, 40], over=(1,))
    with pytest.raises(SpaceError, match="64 bands, as the preset has"):
        adopt(bands, preset="vggish")
    (tmp_path / "no.onnx").write_bytes(b"no graph")
    with pytest.raises(SpaceError, match="cannot be opened"):
        adopt(tmp_path / "no.onnx", sample_rate_hz=RATE)
    assert not (tmp_path / "shelf").exists()


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = graph(tmp_path / "ours.onnx", ["n", "t"], over=(1,))

    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as left:
            cli.main(["spaces", *words])
        return left.value.code or 0

    assert run("add", str(file)) == 2
    assert "--sample-rate HZ for sound, or --preset NAME" in capsys.readouterr().err
    told = ("--sample-rate", "8000", "--window-s", "0.5", "--name", "mine", "--what", "A mean.")
    assert run("add", str(file), *told, "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert made["name"] == "mine"
    space = load_space("mine")
    assert (space.window_samples, space.card["what"]) == (4_000, "A mean.")
    assert run("add", made["where"], "--sample-rate", "8000") == 2
    assert "a .onnx file" in capsys.readouterr().err
    remove("mine")
