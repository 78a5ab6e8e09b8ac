"""Centres at two levels, and how many there are."""

from __future__ import annotations

import numpy as np
import pytest

from soundkin.index import ann, build, centres, costs
from soundkin.index.centres import centres_of
from tests.index.clouds import clustered, duplicated, recall, uniform


def squares(X, means):
    return (X**2).sum(1)[:, None] - 2 * X @ means.T + (means**2).sum(1)


@pytest.mark.parametrize("X", [clustered(6000, 16, n_centres=90), uniform(6000, 16)])
def test_two_levels_are_nearly_as_good_as_one(monkeypatch, X):
    monkeypatch.setattr(centres, "FLAT_UP_TO", 64)
    means, numbers = centres_of(X, 128, 5, 1)
    assert means.shape == (128, 16)
    assert means.dtype == np.float32
    distances = squares(X, means)
    own = np.take_along_axis(distances, numbers[:, None], 1)[:, 0]
    assert (own <= distances.min(axis=1) + 1e-5).mean() > 0.98
    monkeypatch.setattr(centres, "FLAT_UP_TO", 128)
    flat, flat_numbers = centres_of(X, 128, 5, 1)
    at_once = np.take_along_axis(squares(X, flat), flat_numbers[:, None], 1)[:, 0]
    assert own.mean() <= 1.1 * at_once.mean()


def test_two_levels_are_the_same_again_and_bear_equal_vectors(monkeypatch):
    monkeypatch.setattr(centres, "FLAT_UP_TO", 8)
    for X in (duplicated(600, 6), np.repeat(uniform(1, 6), 600, axis=0)):
        one, two = centres_of(X, 40, 1, 1), centres_of(X, 40, 1, 1)
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])
        assert np.isfinite(one[0]).all()
        assert one[1].min() >= 0
        assert one[1].max() < 40


def test_shares_add_up():
    rng = np.random.default_rng(0)
    for n in (1, 7, 300):
        counts = rng.integers(0, 40, 25) + (np.arange(25) == 3) * 300
        shares = centres._shares(counts, n)
        assert shares.sum() == n
        assert (np.abs(shares - counts * n / counts.sum()) < 1).all()
        assert (shares <= counts).all()


def test_more_lists_are_taken_where_they_make_queries_cheaper(monkeypatch):
    X = clustered(16_200, 24, n_centres=400, spread=0.4)
    usual = build("ann", X[:16_000], threads=1)
    assert usual.stats()["n_lists"] == 256
    tried = []
    of = ann.AnnIndex._of.__func__
    monkeypatch.setattr(
        ann.AnnIndex,
        "_of",
        classmethod(lambda cls, *a, **b: tried.append(of(cls, *a, **b)) or tried[-1]),
    )
    monkeypatch.setattr(ann, "WORTH_TRYING", 0.0)
    # what is cheaper depends on what a row and a centre cost
    for row_ns, centre_ns, expected in ((1e3, 0.1, 410), (0.1, 1e3, 256)):
        monkeypatch.setattr(costs, "ROW_NS", row_ns)
        monkeypatch.setattr(costs, "CENTRE_NS", centre_ns)
        index = build("ann", X[:16_000], threads=1)
        assert index.stats()["n_lists"] == expected
        Q = X[16_000:]
        true = np.sort(1 - Q @ X[:16_000].T, axis=1)[:, :10]
        assert recall(index.query(Q, 10)[1], true) >= 0.93
    assert [one.stats()["n_lists"] for one in tried] == [256, 410] * 2


def test_threads_of_others_are_left_as_they_were():
    """faiss and PyTorch count theirs in one place; several where one was meant wait for each other."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    centres_of(uniform(300, 8), 4, 1, before + 1)
    assert torch.get_num_threads() == before
