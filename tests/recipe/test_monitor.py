"""What is watched during a training, against NumPy and plain loops."""

# ruff: noqa: E402
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.errors import InputError
from soundkin.recipe.monitor import effective_rank, health, knn_accuracy, labelled_windows
from tests.recipe.folders import labelled_folder


@given(seed=st.integers(0, 9999), n=st.integers(2, 30), dim=st.integers(1, 12))
@settings(max_examples=30, deadline=None)
def test_effective_rank_against_the_covariance(seed, n, dim):
    x = np.random.default_rng(seed).standard_normal((n, dim)) * np.arange(1, dim + 1)
    values = np.sqrt(np.clip(np.linalg.eigvalsh(np.cov(x.T, bias=True).reshape(dim, dim)), 0, None))
    share = values[values > 1e-9 * values.max()] / values.sum()
    expected = np.exp(-(share * np.log(share)).sum())
    assert effective_rank(torch.from_numpy(x)) == pytest.approx(expected, rel=1e-6)


@given(seed=st.integers(0, 9999), k=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_knn_against_a_loop(seed, k):
    rng = np.random.default_rng(seed)
    x, labels = rng.standard_normal((20, 4)), rng.integers(0, 3, 20)
    right = 0
    for i in range(20):
        cosine = [x[i] @ x[j] / np.linalg.norm(x[i]) / np.linalg.norm(x[j]) for j in range(20)]
        order = [j for j in np.argsort(cosine)[::-1] if j != i][:k]
        votes = {}
        for j in order:
            votes[labels[j]] = votes.get(labels[j], 0) + 1
        most = max(votes.values())
        won = next(labels[j] for j in order if votes[labels[j]] == most)
        right += won == labels[i]
    assert knn_accuracy(torch.from_numpy(x), labels, k=k) == right / 20


def test_a_collapse_is_called_one_and_a_healthy_space_not():
    generator = torch.Generator().manual_seed(0)
    spread = torch.randn(64, 32, generator=generator)
    assert health(spread, spread).warning == ""
    assert health(spread, spread).alignment == 0
    point = torch.ones(64, 32) + 1e-4 * spread
    assert "collapsing" in health(point, point).warning
    line = spread[:, :1] * torch.ones(1, 32)
    assert "effective rank 1.0" in health(line, line).warning
    assert effective_rank(torch.ones(5, 3)) == 0


def test_labelled_windows_are_the_loudest(tmp_path):
    folder = labelled_folder(tmp_path, each=3, seconds=1.6)
    windows, labels = labelled_windows(folder, rate_hz=16_000, window=8000)
    assert windows.shape == (12, 8000)
    assert sorted(labels.tolist()) == sorted([0, 1, 2, 3] * 3)
    np.testing.assert_allclose(np.abs(windows).max(axis=1), 1, atol=1e-3)
    few, _ = labelled_windows(folder, rate_hz=16_000, window=40_000, most=5)
    assert few.shape == (4, 40_000)
    assert np.abs(few[:, 26_000:]).max() == 0


def test_a_folder_without_labels(tmp_path):
    with pytest.raises(InputError, match=r"no labels\.csv in .*; expected columns path and label"):
        labelled_windows(tmp_path, rate_hz=16_000, window=8000)
    (tmp_path / "labels.csv").write_text("file,label\na.wav,b\n", encoding="utf-8")
    with pytest.raises(InputError, match="without two labelled sounds"):
        labelled_windows(tmp_path, rate_hz=16_000, window=8000)
