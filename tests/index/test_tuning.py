"""Tuning, the automatic choice, the graph of neighbours and blends, over all members."""

from __future__ import annotations

import numpy as np
import pytest

from soundkin import index as index_module
from soundkin.errors import InputError
from soundkin.index import KINDS, build, choose, load
from soundkin.index.blend import blend
from soundkin.index.graph import knn_graph
from soundkin.index.tuning import recall, tune
from tests.index.clouds import clustered, duplicated, plain_search, uniform

X = uniform(6000, 20)


@pytest.mark.parametrize("kind", KINDS)
def test_the_tuned_effort_reaches_the_target_on_other_queries_too(kind, tmp_path):
    index = build(kind, X)
    low, high = tune(index, 0.5), tune(index, 0.97)
    assert high["recall"] >= 0.97
    assert (low["target"], low["k"], low["n_queries"]) == (0.5, 10, 256)
    Q = uniform(200, 20, seed=7)
    _, true = build("exact", X).query(Q, 10)
    assert recall(index.query(Q, 10)[1], true) >= 0.95
    if kind != "exact":
        assert sum(low["effort"].values()) < sum(high["effort"].values())
        assert low["recall"] < high["recall"]
        assert recall(index.query(Q, 10, **low["effort"])[1], true) < 0.9
    index.save(tmp_path / "x")
    assert load(tmp_path / "x").stats()["tuned"] == high


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_tuning_tiny_indexes(kind, n):
    tuned = tune(build(kind, X[:n]))
    assert tuned == {} if n < 2 else tuned["recall"] == 1.0


def test_tuning_leaves_removed_items_out():
    index = build("forest", X[:2000])
    index.remove(np.arange(0, 2000, 2))
    assert tune(index, 0.9)["recall"] >= 0.9


def test_recall_counts_ties_and_short_answers_fairly():
    true = np.array([[0.1, 0.2, 0.2], [0.1, np.inf, np.inf]], np.float32)
    assert recall(true, true) == 1.0
    worse = np.array([[0.1, 0.2, 0.3], [0.1, 0.4, np.inf]], np.float32)
    assert recall(worse, true) == 3 / 4
    assert recall(np.full((2, 3), np.inf, np.float32), true) == 0.0


def test_wrong_settings_of_ann_are_refused():
    with pytest.raises(InputError, match=r"n_lists = -1"):
        build("ann", X[:9], n_lists=-1)
    with pytest.raises(InputError, match=r"target = 1.5"):
        build("ann", X[:9], target=1.5)


def test_auto_takes_exact_for_few_and_ann_for_many(monkeypatch):
    assert build("auto", X[:100]).kind == "exact"
    assert choose(10**6, 128)[0] == "ann"
    assert choose(10**6, 128)[1].startswith("1,000,000 vectors of 128 numbers: too many")
    monkeypatch.setattr(index_module, "EXACT_BYTES", 4 * 5000 * 20)
    assert build("auto", X[:5000]).kind == "exact"
    assert build("auto", X[:5001]).kind == "ann"


@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_of_neighbours_is_that_of_all_pairs(kind):
    data = clustered(700, 12)
    index = build(kind, data)
    index.remove([3, 600])
    steps = []
    ids, distances = knn_graph(index, 4, on_progress=lambda done, n: steps.append((done, n)))
    kept = np.setdiff1d(np.arange(700), [3, 600])
    for own in kept[::50]:
        others = kept[kept != own].tolist()
        true_ids, true = plain_search(data, data[own : own + 1], 4, others)
        np.testing.assert_allclose(distances[own], true[0], atol=2e-7)
        np.testing.assert_array_equal(ids[own], true_ids[0])
    assert (ids[[3, 600]] == -1).all()
    assert steps == [(698, 698)]


def test_the_graph_of_copies_never_names_the_item_itself():
    data = duplicated(50, 6)
    ids, distances = knn_graph(build("exact", data), 3)
    assert (ids != np.arange(50)[:, None]).all()
    assert (distances < 1e-6).all()
    assert knn_graph(build("exact", data[:1]), 2)[0].tolist() == [[-1, -1]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_blend_is_exact_over_what_is_proposed(kind):
    one, two = uniform(400, 8), uniform(400, 5, seed=1)
    p, q = uniform(1, 8, seed=2)[0], uniform(1, 5, seed=3)[0]
    indexes = [build(kind, one), build(kind, two)]
    ids, distances = blend(indexes, [p, q], [2.0, 1.0], 6, scales=[1.0, 0.5], n_candidates=400)
    plain = sorted(
        ((2 * (1 - float(one[i] @ p)) + (1 - float(two[i] @ q)) / 0.5) / 3, i) for i in range(400)
    )[:6]
    assert ids.tolist() == [i for _, i in plain]
    np.testing.assert_allclose(distances, [d for d, _ in plain], atol=1e-6)


def test_blends_with_one_space_masks_and_too_few_items():
    one, two = uniform(40, 8), uniform(40, 5, seed=1)
    indexes = [build("exact", one), build("exact", two)]
    ids, distances = blend(indexes, [one[3], two[9]], [0.0, 1.0], 5)
    expected = indexes[1].query(two[9], 5)
    np.testing.assert_array_equal(ids, expected[0][0])
    np.testing.assert_array_equal(distances, expected[1][0])
    ids, distances = blend(indexes, [one[3], two[9]], [1.0, 1.0], 5, mask=np.array([4, 30]))
    assert sorted(ids.tolist()) == [-1, -1, -1, 4, 30]
    assert np.isinf(distances[2:]).all()


def test_blends_that_do_not_fit_are_refused():
    one, two = build("exact", uniform(40, 8)), build("exact", uniform(41, 8))
    q = uniform(1, 8)[0]
    with pytest.raises(InputError, match=r"indexes of \[40, 41\] items"):
        blend([one, two], [q, q], [1, 1])
    with pytest.raises(InputError, match=r"2 indexes, 1 queries, 2 weights"):
        blend([one, one], [q], [1, 1])
    with pytest.raises(InputError, match=r"weights \[0, 0\]"):
        blend([one, one], [q, q], [0, 0])
