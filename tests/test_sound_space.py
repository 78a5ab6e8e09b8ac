"""The shipped space `sound`: a vector is its window's own, silence and gain change nothing, it finds."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from soundkin import Library
from soundkin.audio.windows import chunks
from soundkin.demo import ONE_SHOTS, one_shots
from soundkin.shelf import SHIPPED
from soundkin.space import load_space

pytest.importorskip("onnxruntime")

RATE = 16_000
SPACE = load_space("sound")


def heard(sounds: list[np.ndarray]) -> np.ndarray:
    """Vectors of sounds of one segment each, on the way that ingest takes."""
    windows, valid = [], []
    for samples in sounds:
        [chunk] = chunks([samples], RATE)
        gathered = SPACE.gather_chunk(chunk)
        windows.append(gathered.windows)
        valid.append(gathered.valid)
    return SPACE.embed(np.concatenate(windows), np.concatenate(valid))


@pytest.fixture(scope="module")
def short() -> list[np.ndarray]:
    """Two one-shots of each kind, 100 ms long."""
    cut = []
    for sound in one_shots(2 * len(ONE_SHOTS), RATE, seed=5):
        part = np.pad(sound, (0, max(0, RATE // 10 - len(sound))))[: RATE // 10].copy()
        part[-64:] *= np.linspace(1, 0, 64, dtype=np.float32)
        cut.append((0.6 * part / np.abs(part).max()).astype(np.float32))
    return cut


def test_small_enough_with_a_card():
    graph = (SHIPPED / "sound.onnx").read_bytes()
    assert len(graph) < 8e6
    assert b".py" not in graph, "notes of the exporter, with files of the machine it ran on"
    assert {"what", "data", "made", "limits", "licence", "figures", "bands"} <= set(SPACE.card)
    bands = SPACE.card["bands"]
    assert 0 < bands["near_identical"] < bands["close"] < bands["related"] < 2


def test_vectors_of_length_one_the_same_alone_and_in_any_batch(short):
    rng = np.random.default_rng(0)
    windows = rng.standard_normal((21, RATE)).astype(np.float32)
    windows[:10] *= np.linspace(1, 0, RATE, dtype=np.float32)
    valid = rng.integers(400, RATE + 1, 21)
    together = SPACE.embed(windows, valid)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.array_equal(SPACE.embed(windows[::-1].copy(), valid[::-1].copy())[::-1], together)
    for row in (0, 7, 20):
        alone = SPACE.embed(windows[row : row + 1], valid[row : row + 1])
        assert np.array_equal(alone[0], together[row])


def test_a_one_shot_is_itself_with_silence_behind_and_at_another_gain(short):
    ours = heard(short)
    behind = heard([np.pad(sound, (0, 2 * RATE)) for sound in short])
    assert (ours * behind).sum(axis=1).min() >= 0.98
    quiet = heard([np.float32(0.05) * sound for sound in short])
    assert (ours * quiet).sum(axis=1).min() >= 0.99
    # and not because all are one
    assert np.median((ours @ ours.T)[~np.eye(len(ours), dtype=bool)]) < 0.6


def test_it_finds_real_sounds_of_the_same_kind(data_dir: Path, tmp_path: Path):
    with (data_dir / "esc10" / "labels.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    kinds = ("rooster", "chainsaw", "rain", "sneezing")
    for kind in kinds:
        folder = tmp_path / "sounds" / kind
        folder.mkdir(parents=True)
        for path in [row["path"] for row in rows if row["label"] == kind][:4]:
            shutil.copy(data_dir / "esc10" / path, folder)
    files = sorted((tmp_path / "sounds").rglob("*.ogg"))
    assert len(files) == 16
    with Library.open(tmp_path / "library") as library:
        library.add(tmp_path / "sounds", spaces=["sound"], jobs=1)
        right = 0
        for file in files:
            found = library.search(file, k=2, space="sound").hits
            [other] = [Path(hit.path) for hit in found if Path(hit.path).name != file.name][:1]
            right += other.parent.name == file.parent.name
    assert right >= 10
