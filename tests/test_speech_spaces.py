"""The shipped spaces of speech: small, with a card, and each hears what its card claims."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest

from soundkin.audio.decode import read_sound
from soundkin.evaluate.embed import hear
from soundkin.evaluate.retrieval import retrieval
from soundkin.shelf import SHIPPED
from soundkin.space import load_space

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("onnxruntime")

RATE = 16_000
NAMES = ("voice", "content")


@pytest.mark.parametrize("name", NAMES)
def test_small_enough_with_a_card_that_names_the_corpus(name: str) -> None:
    graph = (SHIPPED / f"{name}.onnx").read_bytes()
    assert len(graph) <= 2e6
    assert b".py" not in graph, "notes of the exporter, with files of the machine it ran on"
    card = load_space(name).card
    assert {"what", "data", "made", "limits", "figures", "bands"} <= set(card)
    assert "CC BY 4.0" in card["licence"]
    assert "LibriSpeech" in card["data"]
    bands = card["bands"]
    assert 0 < bands["near_identical"] < bands["close"] < bands["related"] < 2
    for column in ("speechocean, speaker F1, 10 s", "fsdd, digits, linear"):
        assert {"mfcc", "log-mel", f"{name}-untrained", name} <= set(card["figures"][column])


@pytest.mark.parametrize("name", NAMES)
def test_a_vector_is_its_windows_own_at_any_gain(name: str) -> None:
    space = load_space(name)
    rng = np.random.default_rng(0)
    windows = rng.standard_normal((20, RATE)).astype(np.float32)
    windows[:10] *= np.linspace(1, 0, RATE, dtype=np.float32)
    valid = rng.integers(400, RATE + 1, 20)
    together = space.embed(windows, valid)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.array_equal(space.embed(windows[3:4], valid[3:4])[0], together[3])
    quiet = space.embed(np.float32(0.03) * windows, valid)
    assert (quiet * together).sum(axis=1).min() > 0.99


def told_apart(vectors: np.ndarray, labels: list[str], groups: list[str]) -> float:
    """How often a pair of one label lies nearer than one of two; pairs of a group do not count."""
    kin = np.array(labels)[:, None] == np.array(labels)
    counted = np.array(groups)[:, None] != np.array(groups)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    near = unit @ unit.T
    same, other = near[kin & counted], near[~kin & counted]
    return float((same[:, None] > other[None, :]).mean())


def test_voice_tells_readers_and_content_does_not(data_dir: Path) -> None:
    windows, readers, files = [], [], []
    for reader in ("ls_19", "ls_26", "ls_27"):
        for file in sorted((data_dir / "librispeech" / "audio" / reader).glob("*.flac"))[::10]:
            samples, _ = read_sound(file, rate_hz=RATE)
            for start in range(RATE, len(samples) - RATE, 3 * RATE):
                windows.append(samples[start : start + RATE])
                readers.append(reader)
                files.append(file.name)
    heard = {name: load_space(name).embed(np.stack(windows)) for name in NAMES}
    apart = {name: told_apart(heard[name], readers, files) for name in NAMES}
    assert apart["voice"] > 0.85
    assert apart["content"] < apart["voice"] - 0.2


def test_content_finds_digits_by_others_and_voice_finds_speakers(data_dir: Path) -> None:
    with (data_dir / "fsdd" / "labels.csv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["take"] in {"3", "6", "9"}]
    clips = hear([data_dir / "fsdd" / row["path"] for row in rows], [*map(load_space, NAMES)])
    digits, speakers = ([row[column] for row in rows] for column in ("digit", "speaker"))
    vectors = [np.stack([clip[k] for clip in clips]) for k in range(len(NAMES))]
    voice, content = (retrieval(X, digits, speakers).first.mean() for X in vectors)
    assert content > max(0.55, voice + 0.05)
    voice, content = (retrieval(X, speakers, digits).first.mean() for X in vectors)
    assert voice > max(0.8, content + 0.2)
