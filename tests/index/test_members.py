"""One body of tests for every kind of index."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from soundkin import index as index_module
from soundkin.errors import InputError, LibraryFormatError, NotFound, SpaceError
from soundkin.index import KINDS, Index, load
from tests.index.clouds import clustered, duplicated, plain_search, recall, uniform, unit

FORMATS = Path(__file__).parent / "formats"
FLOOR = 0.9
"""Recall@10 that every member must reach on every kind of data with its default effort."""
DATA = {
    "clustered": clustered(3000, 32),
    "uniform": uniform(3000, 16),
    "duplicated": duplicated(3000, 24),
    "dim 1": unit(np.random.default_rng(3).choice([-1.0, 1.0], (200, 1))),
    "dim 1024": clustered(400, 1024),
}


@pytest.fixture(params=[*KINDS, "exact coded", "ann lists", "ann graph", "forest random"])
def kind(request, monkeypatch):
    """A member, or one of its ways: codes and lists also over few items."""
    if request.param in ("ann lists", "ann graph"):
        from soundkin.index import ann

        monkeypatch.setattr(ann, "FLAT_BELOW", 100)
    if request.param == "exact coded":
        from soundkin.index import exact

        monkeypatch.setattr(exact, "CODED_BYTES", 0)
    return request.param


def build(kind, X, **settings):
    name, _, way = kind.partition(" ")
    if name == "forest" and way:
        settings["split"] = way
    if way == "graph":
        settings["graph"] = True
    return index_module.build(name, X, **settings)


def queries_near(X, n, seed=1):
    rng = np.random.default_rng(seed)
    picked = X[rng.integers(0, len(X), n)].astype(np.float64)
    noise = rng.standard_normal(picked.shape) / np.sqrt(X.shape[1])
    return unit(picked + (0.3 * noise if X.shape[1] > 1 else 0.0))


@cache
def asked(name, n, seed=1, part=1.0):
    """Queries near the data of a name, which items may be found, and the truth about them: ids, distances."""
    X = DATA[name]
    mask = np.random.default_rng(5).random(len(X)) < part
    Q = queries_near(X, n, seed)
    return Q, mask, *plain_search(X, Q, 10, np.flatnonzero(mask).tolist())


@pytest.mark.parametrize("name", DATA)
def test_recall_reaches_the_floor(kind, name, record_property):
    X = DATA[name]
    Q, _, true_ids, true_distances = asked(name, 20)
    index = build(kind, X, seed=1)
    ids, distances = index.query(Q, 10)
    found = recall(distances, true_distances)
    record_property("recall", found)
    print(f"{kind} on {name}: recall@10 {found:.3f}")  # noqa: T201 - the floor and what was found
    assert found >= (1.0 if kind.startswith("exact") else FLOOR)
    assert ids.dtype == np.int64
    assert distances.dtype == np.float32
    # what is answered is true: each distance is the one between the query and the item named
    measured = 1.0 - np.einsum("qkd,qd->qk", X[ids].astype(np.float64), Q.astype(np.float64))
    np.testing.assert_allclose(distances, np.maximum(measured, 0.0), atol=2e-7)
    assert all(len(set(row)) == 10 for row in ids.tolist())
    if kind.startswith("exact"):
        np.testing.assert_array_equal(ids, true_ids)


def test_order_is_by_distance_then_id(kind):
    index = build(kind, duplicated(200, 8))
    ids, distances = index.query(uniform(5, 8, seed=9), 30)
    for row_ids, row in zip(ids, distances, strict=True):
        pairs = list(zip(row.tolist(), row_ids.tolist(), strict=True))
        assert pairs == sorted(pairs)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_tiny_indexes_answer_what_there_is(kind, n):
    X = uniform(5, 7)[:n]
    index = build(kind, X)
    ids, distances = index.query(uniform(3, 7, seed=4), 4)
    expected_ids, expected = plain_search(X, uniform(3, 7, seed=4), 4)
    np.testing.assert_array_equal(ids, expected_ids)
    np.testing.assert_allclose(distances, expected, atol=2e-7)
    assert (index.n, index.n_ids, index.dim) == (n, n, 7)


def test_all_equal_vectors(kind):
    X = np.repeat(uniform(1, 12), 2500, axis=0)
    ids, distances = build(kind, X).query(X[:2], 7)
    assert (distances < 1e-6).all()
    assert all(len(set(row)) == 7 for row in ids.tolist())
    if kind.startswith("exact"):
        assert ids.tolist() == [list(range(7))] * 2


def test_a_zero_vector_is_refused(kind):
    X = uniform(10, 4)
    X[6] = 0.0
    with pytest.raises(InputError, match=r"row 6 is a zero vector.*leave it out"):
        build(kind, X)
    index = build(kind, uniform(10, 4))
    with pytest.raises(InputError, match="row 6 is a zero vector"):
        index.add(X)
    with pytest.raises(InputError, match="query vectors: row 0 is a zero vector"):
        index.query(np.zeros((1, 4), np.float32))
    assert index.n == 10


def test_not_finite_is_refused(kind):
    X = uniform(10, 4)
    X[3, 1] = np.nan
    with pytest.raises(InputError, match=r"row 3 has NaN or infinite"):
        build(kind, X)


def test_wrong_dimension_is_refused(kind):
    index = build(kind, uniform(10, 4))
    with pytest.raises(InputError, match=r"dimension 5; expected dimension 4"):
        index.query(uniform(1, 5))
    with pytest.raises(InputError, match=r"dimension 3; expected dimension 4"):
        index.add(uniform(2, 3))


def test_wrong_arguments_are_refused(kind):
    index = build(kind, uniform(10, 4))
    with pytest.raises(InputError, match=r"k = 0; expected a whole number of at least 1"):
        index.query(uniform(1, 4), 0)
    with pytest.raises(InputError, match=r"unknown effort 'n_probez' for the index"):
        index.query(uniform(1, 4), n_probez=3)
    with pytest.raises(InputError, match=r"unknown setting 'n_treez' for the index"):
        build(kind, uniform(10, 4), n_treez=3)
    with pytest.raises(InputError, match=r"expected one value for each of 10 ids"):
        index.query(uniform(1, 4), mask=np.ones(9, bool))
    with pytest.raises(InputError, match=r"no item has the id 10; expected ids from 0 to 9"):
        index.query(uniform(1, 4), mask=np.array([3, 10]))
    with pytest.raises(InputError, match=r"no item has the id -1"):
        index.remove([-1])


def test_an_unknown_kind_is_refused():
    with pytest.raises(InputError, match=r"unknown kind of index 'tree'; expected one of \['"):
        build("tree", uniform(3, 4))


@pytest.mark.parametrize("as_list_of_ids", [False, True])
@pytest.mark.parametrize("part", [0.0, 0.001, 0.01, 0.1, 0.5, 1.0])
def test_filters_keep_recall(kind, part, as_list_of_ids):
    X = DATA["clustered"]
    Q, mask, _, true_distances = asked("clustered", 10, 2, part)
    chosen = np.flatnonzero(mask) if as_list_of_ids else mask
    ids, distances = build(kind, X).query(Q, 10, mask=chosen)
    assert mask[ids[ids >= 0]].all()
    assert ((ids == -1) == np.isinf(distances)).all()
    assert (ids >= 0).sum(axis=1).tolist() == [min(10, mask.sum())] * 10
    assert recall(distances, true_distances) >= (1.0 if kind.startswith("exact") else FLOOR)


def test_add_and_remove_equal_a_rebuilt_index(kind):
    X = DATA["clustered"]
    rng = np.random.default_rng(8)
    index = build(kind, X[:1000])
    assert index.add(X[1000:1001]).tolist() == [1000]
    index.remove(np.arange(0, 1000, 3))
    assert index.add(X[1001:]).tolist() == list(range(1001, 3000))
    more = np.setdiff1d(rng.choice(3000, 500, replace=False), np.arange(0, 1000, 3))
    index.remove(more)
    left = np.setdiff1d(np.arange(3000), np.union1d(more, np.arange(0, 1000, 3)))
    assert index.n == left.size
    assert index.n_ids == 3000
    Q = queries_near(X, 20, seed=3)
    ids, distances = index.query(Q, 10)
    assert np.isin(ids, left).all()
    _, true_distances = plain_search(X, Q, 10, left.tolist())
    assert recall(distances, true_distances) >= (1.0 if kind.startswith("exact") else FLOOR)


def test_removing_twice_is_refused_and_changes_nothing(kind):
    index = build(kind, uniform(10, 4))
    index.remove([2])
    with pytest.raises(InputError, match="the item 2 has been removed already"):
        index.remove([1, 2])
    assert index.n == 9


def test_everything_removed(kind):
    X = uniform(20, 4)
    index = build(kind, X)
    index.remove(np.arange(20))
    ids, distances = index.query(X[:2], 3)
    assert (ids == -1).all()
    assert np.isinf(distances).all()
    assert index.add(X[:1]).tolist() == [20]
    assert index.query(X[:1], 1)[0].tolist() == [[20]]


def test_save_and_load_answer_alike(kind, tmp_path):
    X = DATA["clustered"]
    index = build(kind, X[:2500], space_id="mfcc-1")
    index.add(X[2500:])
    index.remove([5, 2600])
    index.save(tmp_path / "x.index")
    assert [p.name for p in tmp_path.iterdir()] == ["x.index"]
    again = load(tmp_path / "x.index", space_id="mfcc-1", dim=32)
    assert isinstance(again, Index)
    assert (again.kind, again.space_id) == (kind.split()[0], "mfcc-1")
    assert (again.n, again.n_ids, again.dim) == (2998, 3000, 32)
    Q = queries_near(X, 15, seed=6)
    for ours, theirs in zip(index.query(Q, 10), again.query(Q, 10), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # an opened index can grow and shrink, and the file stays as it was
    before = (tmp_path / "x.index").read_bytes()
    assert again.add(X[:3]).tolist() == [3000, 3001, 3002]
    again.remove([3001])
    ids, _ = again.query(X[:1], 2)
    assert set(ids[0].tolist()) == {0, 3000}
    assert (tmp_path / "x.index").read_bytes() == before
    again.save(tmp_path / "x.index")
    assert load(tmp_path / "x.index").n == 3000


def test_an_empty_index_is_saved_too(kind, tmp_path):
    build(kind, np.empty((0, 6), np.float32)).save(tmp_path / "x.index")
    again = load(tmp_path / "x.index")
    assert again.query(uniform(1, 6), 2)[0].tolist() == [[-1, -1]]


def test_wrong_files_are_refused(kind, tmp_path):
    path = tmp_path / "x.index"
    with pytest.raises(NotFound, match=r"there is no index file '.*x\.index'"):
        load(path)
    build(kind, uniform(50, 6), space_id="mfcc-1").save(path)
    with pytest.raises(SpaceError, match=r"of the space 'mfcc-1'; expected 'sound-2'"):
        load(path, space_id="sound-2")
    with pytest.raises(InputError, match=r"vectors of dimension 6; expected dimension 7"):
        load(path, dim=7)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(LibraryFormatError, match=r"has \d+ bytes; expected \d+"):
        load(path)
    path.write_bytes(whole[:16] + b"\x09" + whole[17:])
    with pytest.raises(LibraryFormatError, match="index file of format 9; expected format 2"):
        load(path)
    path.write_bytes(whole.replace(b'{"kind"', b'["kind"', 1))
    with pytest.raises(LibraryFormatError, match=r"header of the index file .* is damaged"):
        load(path)
    path.write_bytes(b"RIFF....WAVE")
    with pytest.raises(LibraryFormatError, match="is no index file"):
        load(path)


@pytest.mark.parametrize("name", ["exact", "ann", "forest"])
def test_a_file_of_the_first_format_is_refused_in_a_sentence(name):
    with pytest.raises(LibraryFormatError, match=r"format 1; expected format 2; delete it to have"):
        load(FORMATS / f"{name}-1.index")


@pytest.mark.parametrize("name", ["exact", "ann", "forest"])
def test_a_file_of_this_format_opens(name):
    """Committed files: 60 vectors of a seed, the fourth removed."""
    index = load(FORMATS / f"{name}-2.index", space_id="mfcc-1", dim=8)
    X = unit(np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32))
    np.testing.assert_allclose(index.vectors, X, atol=1e-6)
    kept = np.delete(np.arange(60), 3)
    ids, distances = index.query(X[:20], 5)
    true_ids, true = plain_search(X, X[:20], 5, kept.tolist())
    np.testing.assert_array_equal(ids, true_ids)
    np.testing.assert_allclose(distances, true, atol=1e-6)
    assert index.add(X[3:4]).tolist() == [60]


def test_the_same_seed_gives_the_same_answers(kind):
    X, Q = DATA["clustered"], uniform(30, 32, seed=2)
    one, two = (build(kind, X, seed=7).query(Q, 10) for _ in range(2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_a_batch_answers_as_single_queries_do(kind):
    X = DATA["clustered"]
    Q = queries_near(X, 40, seed=7)
    index = build(kind, X)
    ids, distances = index.query(Q, 5)
    for row in range(0, 40, 7):
        one_ids, one = index.query(Q[row], 5)
        np.testing.assert_array_equal(one_ids[0], ids[row])
        np.testing.assert_array_equal(one[0], distances[row])


def test_queries_from_many_threads_while_it_changes(kind):
    X = DATA["clustered"]
    index = build(kind, X[:2000])
    Q = queries_near(X[:2000], 8)
    expected = index.query(Q, 3)[1]
    failures = []

    def ask():
        for _ in range(10):
            ids, distances = index.query(Q, 3)
            if (ids < 0).any() or (distances[:, 0] > expected[:, 0] + 1e-6).any():
                failures.append((ids, distances))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for start in range(2000, 3000, 100):
        index.remove(index.add(X[start : start + 100]))
    for thread in threads:
        thread.join()
    assert failures == []


def test_stats_are_ready_for_json(kind):
    import json

    stats = build(kind, DATA["uniform"], space_id="s").stats()
    assert json.loads(json.dumps(stats)) == stats
    assert (stats["kind"], stats["n"], stats["dim"], stats["space_id"]) == (
        kind.split()[0],
        3000,
        16,
        "s",
    )
    assert stats["bytes"] > 0
