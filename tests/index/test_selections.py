"""A search of some items finds what an exact one finds, however the items were chosen."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from soundkin.index import ann, build
from soundkin.index.within import Within
from tests.index.clouds import clustered, recall, uniform

N, DIM = 12_000, 32
SHAPES = {
    "clustered": lambda n, seed: clustered(n, DIM, seed, n_centres=150, spread=0.6),
    "uniform": lambda n, seed: uniform(n, DIM, seed),
}


@cache
def data(shape):
    """Vectors, other vectors as queries - of the same clusters -, and an index."""
    both = SHAPES[shape](N + 60, 3)
    return both[:N], both[N:], build("ann", both[:N], threads=1)


def selection(X, how, part):
    """A boolean for each item: some by chance, or whole neighbourhoods."""
    rng = np.random.default_rng(1)
    if how == "items":
        return rng.random(len(X)) < part
    anchors = X[rng.choice(len(X), 300, replace=False)]
    near = np.argmax(X @ anchors.T, axis=1)
    order = rng.permutation(300)
    grown = np.cumsum(np.bincount(near, minlength=300)[order])
    return np.isin(near, order[: max(1, int((grown <= part * len(X)).sum()))])


def plain(X, Q, allowed, k=10):
    scores = np.where(allowed, Q @ X.T, -np.inf)
    return 1 - -np.sort(-scores, axis=1)[:, :k]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("how", ["items", "neighbourhoods"])
@pytest.mark.parametrize("part", [0.001, 0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("walked", [False, True])
def test_recall_is_kept_whatever_is_chosen(monkeypatch, shape, how, part, walked):
    if walked:  # also where a scan would be cheaper
        monkeypatch.setattr(ann, "SCAN_GLADLY", 0.0)
    X, Q, index = data(shape)
    index._kept = ()
    mask = selection(X, how, part)
    ids, distances = index.query(Q, 10, mask=mask)
    assert mask[ids[ids >= 0]].all()
    assert (ids >= 0).sum() == len(Q) * min(10, mask.sum())
    found = recall(distances, plain(X, Q, mask))
    print(f"{shape}, {how}, {part}: recall@10 {found:.3f}")  # noqa: T201 - the floor and what was found
    assert found >= 0.95


def test_few_lists_are_opened_where_few_are_needed(monkeypatch):
    """With reach at nothing only the nearest lists are opened, and recall shows it."""
    monkeypatch.setattr(ann, "SCAN_GLADLY", 0.0)
    X, Q, index = data("clustered")
    mask = selection(X, "neighbourhoods", 0.1)
    lost = index.query(Q, 10, mask=mask, reach=0.0, n_probe=1)[1]
    assert recall(lost, plain(X, Q, mask)) < 0.9
    every = index.query(Q, 10, mask=mask, reach=9.0)[1]
    np.testing.assert_allclose(every, plain(X, Q, mask), atol=1e-5)


@pytest.mark.parametrize("gladly", [0.0, 2.0, 1e9])
def test_a_mask_written_into_is_another_selection(monkeypatch, gladly):
    monkeypatch.setattr(ann, "SCAN_GLADLY", gladly)
    X = clustered(6001, 16)
    index = build("ann", X, target=0.0, threads=1)
    mask = np.zeros(6001, bool)
    for item in (7, 6000):
        mask[:], mask[item] = False, True
        assert index.query(X[:1], 2, mask=mask)[0].tolist() == [[item, -1]]
    mask[3000:] = True
    before = index.query(X[:4], 3, mask=mask)
    again = index.query(X[:4], 3, mask=np.flatnonzero(mask))
    read_only = mask.copy()
    read_only.flags.writeable = False
    for other in (again, index.query(X[:4], 3, mask=read_only)):
        np.testing.assert_array_equal(before[1], other[1])
    index.remove([int(before[0][0, 0])])
    left = index.query(X[:1], 3, mask=mask)[0][0]
    assert left[:2].tolist() == before[0][0, 1:].tolist()
    assert index.add(X[:1]).tolist() == [6001]
    assert index.query(X[:1], 1, mask=np.array([6001, 3000]))[0].tolist() == [[6001]]


def test_rows_added_later_are_found_among_a_selection(monkeypatch):
    monkeypatch.setattr(ann, "SCAN_GLADLY", 0.0)
    X = clustered(7000, 16)
    index = build("ann", X[:6500], threads=1)
    index.add(X[6500:])
    mask = np.arange(7000) % 7 == 3
    ids, distances = index.query(X[6500:6560], 5, mask=mask)
    assert recall(distances, plain(X, X[6500:6560], mask, 5)) >= 0.95
    assert (ids >= 6500).any()


def test_selections_are_told_apart_to_the_last_item():
    nothing = np.empty(0, np.int32)
    for n in (1, 7, 8, 9, 4095, 4104, 10_000):
        mask = np.random.default_rng(n).random(n) < 0.3
        part = Within(mask.copy(), nothing, nothing, nothing.astype(np.float32), 0)
        assert part.is_of(mask)
        assert not part.is_of(np.flatnonzero(mask))
        for item in {0, n // 2, n - 1}:
            other = mask.copy()
            other[item] ^= True
            assert not part.is_of(other)
