"""The graph of `ann`: what it is, that it is walked as it should be, and when it is kept."""

from __future__ import annotations

import numpy as np
import pytest

from soundkin.errors import InputError
from soundkin.index import ann, build, load
from tests.index.clouds import clustered, duplicated, plain_search, recall, uniform

X = uniform(2500, 20)


@pytest.fixture(scope="module")
def linked():
    return build("ann", X, graph=True, threads=1)


def plain_walk(index, q, ef):
    """Best-first along the links by float64 products of the codes: the rows of the `ef` best."""
    graph, lists = index._graph, index._lists
    codes = lists.codes.astype(np.float64) * lists.scales[:, None]
    score = lambda row: float(codes[row, : len(q)] @ q)  # noqa: E731
    pool = {int(r): score(r) for r in graph.entry_rows}
    pool = dict(sorted(pool.items(), key=lambda item: -item[1])[:8])
    seen, left = set(pool), set()
    while True:
        best = sorted(pool, key=lambda row: -pool[row])[:ef]
        waiting = [row for row in best if row not in left]
        if not waiting:
            return best
        left.add(waiting[0])
        for other in graph.links[waiting[0]].tolist():
            if other >= 0 and other not in seen:
                seen.add(other)
                pool[other] = score(other)


def test_links_lead_to_other_rows_once_and_to_every_row(linked):
    links, entries = linked._graph.links, linked._graph.entry_rows
    n, degree = links.shape
    assert (n, degree) == (2500, 32)
    there = links >= 0
    assert (np.sort(there, axis=1)[:, ::-1] == there).all()  # -1 only at the end
    assert (links < n).all()
    assert there.sum(axis=1).min() >= 1
    assert not (links == np.arange(n)[:, None]).any()
    rows = [row[row >= 0].tolist() for row in links]
    assert all(len(set(row)) == len(row) for row in rows)
    reached, front = set(entries.tolist()), entries.tolist()
    while front:
        front = list({other for row in front for other in rows[row]} - reached)
        reached |= set(front)
    assert len(reached) == n


@pytest.mark.parametrize("ef", [12, 40])
def test_the_walk_is_that_of_a_plain_best_first_search(linked, ef):
    Q = uniform(25, 20, seed=3)
    ids, distances = linked.query(Q, 10, ef=ef)
    same = 0
    for row, q in enumerate(Q):
        found = linked._lists.ids_of_rows[plain_walk(linked, q.astype(np.float64), ef)]
        same += len(set(ids[row].tolist()) & set(found.tolist()))
    assert same >= 0.99 * ids.size  # two scores may differ by rounding
    assert (np.diff(distances, axis=1) >= 0).all()


def test_more_effort_finds_more(linked):
    Q = uniform(100, 20, seed=4)
    _, true = build("exact", X).query(Q, 10)
    found = [recall(linked.query(Q, 10, ef=ef)[1], true) for ef in (10, 20, 60, 400)]
    assert found == sorted(found)
    assert found[0] < 0.95
    assert found[-1] >= 0.995


def test_the_graph_does_not_depend_on_threads(linked):
    other = build("ann", X, graph=True, threads=4)
    for ours, theirs in zip(linked._graph, other._graph, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    Q = uniform(50, 20, seed=5)
    for ours, theirs in zip(linked.query(Q), linked.query(Q, threads=3), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_removed_region_is_walked_through_and_not_answered(linked, tmp_path):
    linked.save(tmp_path / "x")
    index = load(tmp_path / "x")
    Q = X[:20]
    gone = np.unique(build("exact", X).query(Q, 40)[0])
    index.remove(gone)
    left = np.setdiff1d(np.arange(len(X)), gone).tolist()
    ids, distances = index.query(Q, 10)
    assert np.isin(ids, left).all()
    _, true = plain_search(X, Q, 10, left)
    assert recall(distances, true) >= 0.95


def test_added_rows_are_linked_and_stay_so_when_rows_move(monkeypatch):
    monkeypatch.setattr(ann, "FLAT_BELOW", 100)
    new = clustered(900, 20, seed=8, n_centres=3, spread=0.3)  # where little was before
    index = build("ann", X, graph=True)
    for start in range(0, 900, 150):
        index.add(new[start : start + 150])
    assert index._lists.nexts.size < 900  # they have been put in their places
    every = np.concatenate([X, new])
    Q = np.concatenate([uniform(20, 20, seed=6), new[::45]])
    _, true = plain_search(every, Q, 10)
    for part in (slice(0, 20), slice(20, 40)):
        assert recall(index.query(Q[part], 10, ef=64)[1], true[part]) >= 0.95


def test_the_graph_is_kept_where_it_is_cheaper(monkeypatch):
    monkeypatch.setattr(ann, "GRAPH_FROM", 5000)
    one = build("ann", uniform(6000, 24)).stats()
    assert one["graph"]
    assert one["tuned"]["effort"].keys() == {"ef"}
    assert one["n_probe"] >= 1
    two = build("ann", clustered(6000, 24, n_centres=150, spread=0.1)).stats()
    assert not two["graph"]
    assert two["tuned"]["effort"].keys() == {"n_probe"}


def test_copies_are_all_found():
    data = duplicated(1500, 8)
    index = build("ann", data, graph=True)
    Q = data[::75]
    _, true = plain_search(data, Q, 5)
    assert recall(index.query(Q, 5)[1], true) >= 0.95


def test_an_index_without_a_graph_refuses_its_effort():
    with pytest.raises(InputError, match=r"unknown effort 'ef' for the index 'ann'"):
        build("ann", X[:50]).query(X[:1], ef=20)
