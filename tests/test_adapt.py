"""Adapting: the weighing by hand, ranks by a plain loop, the graph against the vectors, the report."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.linalg import fractional_matrix_power

from soundkin import Library, cli
from soundkin.adapt import adapt, disturbed
from soundkin.adapt_report import ranks
from soundkin.errors import InputError, SpaceError
from soundkin.library import ingest
from soundkin.space import load_space
from soundkin.weighing import Weighing, fit
from tests.library.making import InlineWorkers, wav

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("onnx")


def unit(n: int, dim: int, seed: int) -> np.ndarray:
    X = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def test_the_weighing_is_the_inverse_root_of_what_moves() -> None:
    A = unit(300, 8, 0)
    B = A + np.float32(0.1) * unit(300, 8, 1) * np.arange(1, 9, dtype=np.float32)
    found = fit(A, B, 0.5)
    within = np.mean([np.outer(a, a) for a in (A - B).astype(float)], axis=0)
    ridged = within / (np.trace(within) / 8) + 0.5 * np.eye(8)
    np.testing.assert_allclose(found.matrix, fractional_matrix_power(ridged, -0.5), atol=1e-4)
    np.testing.assert_allclose(found.centre, (A.mean(axis=0) + B.mean(axis=0)) / 2, atol=1e-6)
    # the direction that moved most counts least
    assert np.linalg.norm(found.matrix[7]) < np.linalg.norm(found.matrix[0])


def test_ranks_by_a_plain_loop() -> None:
    X, owner = unit(40, 5, 0), np.sort(np.random.default_rng(0).integers(0, 9, 40)) + 3
    queries = [unit(1 + seed % 3, 5, seed) for seed in range(20)]
    whose = np.random.default_rng(1).choice(np.unique(owner), 20)
    for query, mine, rank in zip(queries, whose, ranks(queries, whose, X, owner), strict=True):
        scores = {
            sound: np.mean([max(float(q @ x) for x in X[owner == sound]) for q in query])
            for sound in np.unique(owner)
        }
        assert rank == 1 + sum(score > scores[mine] + 1e-6 for score in scores.values())


def test_what_disturbs_leaves_a_sound() -> None:
    samples = np.sin(np.arange(8_000) / 5).astype(np.float32) * np.float32(0.3)
    for seed in range(12):
        copy = disturbed(samples, 16_000, np.random.default_rng(seed))
        assert copy.dtype == np.float32
        assert np.isfinite(copy).all()
        assert 4_500 < len(copy) < 9_500
        np.testing.assert_array_equal(copy, disturbed(samples, 16_000, np.random.default_rng(seed)))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """64 short sounds, heard in `sound`."""
    folder = tmp_path_factory.mktemp("adapt")
    for number in range(64):
        wav(folder / "sounds" / f"{number}.wav", number, 0.15)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest, "Workers", InlineWorkers)
        opened = Library.open(folder / "library")
        opened.add(folder / "sounds", spaces=["sound", "mfcc"])
    return opened


def test_a_library_adapts_a_space(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDKIN_SPACES", str(tmp_path / "shelf"))
    monkeypatch.setattr("soundkin.adapt_report.COPIES_OF", 4)
    # so few sounds are all found as it is: the strength is the test's own
    strong = Weighing(np.full(256, 0.01, np.float32), np.diag(np.linspace(1, 2, 256)).astype("f4"))
    monkeypatch.setattr("soundkin.adapt._chosen", lambda *_: (1.0, strong))
    made = adapt(library, pairs=16, name="ours", seed=1)
    assert (made.held_back, made.fitted_on) == (13, 51)
    assert made.pairs >= 16
    base, ours = load_space("sound"), load_space("ours")
    assert ours.id != base.id
    assert ours.card["based_on"] == base.id
    windows = np.random.default_rng(0).normal(0, 0.1, (5, 16_000)).astype(np.float32)
    valid = [16_000, 900, 16_000, 8_000, 400]
    np.testing.assert_allclose(
        ours.embed(windows, valid), strong(base.embed(windows, valid)), atol=1e-5
    )
    first = made.lines[0]
    assert first.what == "found first: all copies"
    assert first.gain.value == pytest.approx(first.after.value - first.before.value)
    assert ours.card["figures"][first.what]["before"] == str(first.before)


def test_nothing_is_written_when_nothing_gets_better(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDKIN_SPACES", str(tmp_path / "shelf"))
    monkeypatch.setattr("soundkin.adapt.STRENGTHS", ())
    monkeypatch.setattr("soundkin.adapt_report.COPIES_OF", 1)
    made = adapt(library, pairs=16)
    assert made.file is None
    assert all(line.gain.value == 0 for line in made.lines)
    assert not (tmp_path / "shelf").exists()


def test_what_cannot_be_adapted(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with pytest.raises(SpaceError, match="'mfcc' has no network of ours"):
        adapt(library, space="mfcc")
    with pytest.raises(InputError, match="a space named 'a/b'"):
        adapt(library, name="a/b")  # before the first sound is drawn
    monkeypatch.setattr("soundkin.adapt.FEWEST", 65)
    with pytest.raises(InputError, match="a library of 64 sounds; expected 65 and more"):
        adapt(library)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(SystemExit) as left:
        cli.main(["adapt", "-l", str(library.path), "--json"])
    assert left.value.code == 2
    assert (
        "pip install 'soundkin[train]'" in json.loads(capsys.readouterr().out)["error"]["message"]
    )


@pytest.mark.slow
def test_held_back_copies_are_found_more_often(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On real sound: more deformed copies of sounds it never saw come first."""
    monkeypatch.setenv("SOUNDKIN_SPACES", str(tmp_path / "shelf"))
    with Library.open(tmp_path / "library") as library:
        library.add(data_dir / "mridangam", spaces=["sound"])
        made = adapt(library, pairs=3_000)
    assert made.file is not None
    assert made.lines[0].gain.low > 0, made
