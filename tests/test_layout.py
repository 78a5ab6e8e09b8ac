"""The map's numbers: neighbours stay near, the same every time, the old stays when the new comes."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.errors import InputError
from soundkin.index import build
from soundkin.index.graph import knn_graph
from soundkin.layout import aligned, layout, place, union
from soundkin.layout_rounds import one_round
from tests.layout_measures import trustworthiness


def clouds(n: int, classes: int = 8, dim: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = np.arange(n) % classes
    X = rng.normal(size=(classes, dim))[label] + 0.5 * rng.normal(size=(n, dim))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32), label


def graph_of(X: np.ndarray, k: int = 15) -> tuple[np.ndarray, np.ndarray]:
    return knn_graph(build("exact", X), min(k, len(X) - 1))


def test_neighbours_stay_near_and_classes_apart() -> None:
    X, label = clouds(600)
    Y = layout(*graph_of(X))
    centred = X - X.mean(axis=0)
    flat = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    assert trustworthiness(X, Y) > max(0.95, trustworthiness(X, flat) + 0.02)
    near = np.argsort(((Y[:, None] - Y[None]) ** 2).sum(axis=2), axis=1)[:, 1:11]
    assert (label[near] == label[:, None]).mean() > 0.9


def test_the_same_bit_for_bit_for_any_number_of_threads() -> None:
    X, _ = clouds(300)
    ids, distances = graph_of(X)
    first = layout(ids, distances, seed=3, rounds=50)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        again = layout(ids, distances, seed=3, rounds=50)
    finally:
        numba.set_num_threads(before)
    assert (first == again).all()
    assert not (first == layout(ids, distances, seed=4, rounds=50)).all()


def test_one_round_is_what_a_plain_loop_gives() -> None:
    rng = np.random.default_rng(0)
    X, _ = clouds(12, 3)
    graph = union(*graph_of(X, 4))
    graph.sort_indices()
    places = rng.normal(size=(12, 2)).astype(np.float32)
    fresh = places.copy()
    rows = np.arange(12)
    one_round(graph.indptr, graph.indices, graph.data, places, fresh, rows, np.float32(0.5), 7, 2)
    dense = graph.toarray()
    mask = 2**64 - 1
    for i in range(12):
        near = [(dense[i, j], places[j] - places[i]) for j in range(12) if dense[i, j] > 0]
        pull = sum(w * d / (1 + d @ d) for w, d in near) / (1e-6 + sum(w for w, _ in near))
        push, state = np.zeros(2), ((7 * 1_000_003 + 2) * 0x9E3779B97F4A7C15 + i) & mask
        for _ in range(6):
            state = (state + 0x9E3779B97F4A7C15) & mask
            z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
            d = (places[i] - places[(z ^ (z >> 31)) % 12]).astype(float)
            push += d / ((0.01 + d @ d) * (1 + d @ d))
        move = np.clip(0.5 * (pull + push), -4, 4)
        assert fresh[i] == pytest.approx(places[i] + move, rel=1e-4, abs=1e-4)


def test_weights_are_symmetric_and_each_row_says_log2_of_k() -> None:
    X, _ = clouds(200)
    ids, distances = graph_of(X, 15)
    graph = union(ids, distances).toarray()
    assert (graph == graph.T).all()
    assert graph.min() >= 0
    assert graph.max() <= 1 + 1e-6
    assert (graph[np.arange(200), ids[:, 0]] > 0.999).all(), "the nearest has all the weight"


def test_a_tenth_is_added_and_the_old_stays() -> None:
    X, label = clouds(660)
    old = layout(*graph_of(X[:600]))
    known = np.full((660, 2), np.nan, np.float32)
    known[:600] = old
    Y = place(*graph_of(X), known)
    assert (Y[:600] == old).all(), "to the bit"
    near = np.argsort(((Y[600:, None] - Y[None, :600]) ** 2).sum(axis=2), axis=1)[:, :10]
    assert (label[near] == label[600:, None]).mean() > 0.85, "beside their own kind"


def test_anew_from_the_old_places_lies_over_them() -> None:
    X, _ = clouds(660)
    old = layout(*graph_of(X[:600]))
    known = np.full((660, 2), np.nan, np.float32)
    known[:600] = old
    anew = aligned(layout(*graph_of(X), first=known), known)
    width = float(np.ptp(old, axis=0).max())
    moved = np.linalg.norm(anew[:600] - old, axis=1)
    assert np.median(moved) < 0.01 * width
    assert trustworthiness(X, anew) > trustworthiness(X, layout(*graph_of(X))) - 0.01
    unrelated = aligned(layout(*graph_of(X), seed=9), known)
    assert np.median(moved) < np.median(np.linalg.norm(unrelated[:600] - old, axis=1))


@given(
    seed=st.integers(0, 2**31),
    angle=st.floats(0, 6.28),
    scale=st.floats(0.1, 10),
    mirrored=st.booleans(),
)
def test_turned_mirrored_scaled_and_moved_is_undone(
    seed: int, angle: float, scale: float, mirrored: bool
) -> None:
    rng = np.random.default_rng(seed)
    old = rng.normal(size=(20, 2)).astype(np.float32)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    new = scale * old @ turn * ([-1, 1] if mirrored else [1, 1]) + rng.normal(size=2)
    known = old.copy()
    known[3] = np.nan
    assert aligned(new.astype(np.float32), known) == pytest.approx(old, abs=1e-3)


@settings(max_examples=20, deadline=None)
@given(n=st.sampled_from([0, 1, 2, 3, 5]), seed=st.integers(0, 100))
def test_a_few_sounds(n: int, seed: int) -> None:
    X, _ = clouds(max(n, 1), 3, seed=seed)
    ids = np.full((n, 3), -1, np.int64)
    distances = np.full((n, 3), np.inf, np.float32)
    if n > 1:
        found = graph_of(X[:n], 3)
        ids[:, : found[0].shape[1]], distances[:, : found[0].shape[1]] = found
    Y = layout(ids, distances, rounds=30)
    assert Y.shape == (n, 2)
    assert np.isfinite(Y).all()
    assert len(np.unique(Y, axis=0)) == n
    known = np.full((n, 2), np.nan, np.float32)
    assert np.isfinite(place(ids, distances, known)).all()


def test_all_the_same_and_items_without_neighbours() -> None:
    X = np.tile(np.array([[1, 0]], np.float32), (20, 1))
    assert np.isfinite(layout(*graph_of(X, 5), rounds=50)).all()
    nobody = np.full((20, 5), -1, np.int64), np.full((20, 5), np.inf, np.float32)
    assert np.isfinite(layout(*nobody, rounds=50)).all()


def test_shapes_that_do_not_agree() -> None:
    with pytest.raises(InputError, match="take them from knn_graph"):
        layout(np.zeros((3, 2), np.int64), np.zeros((3, 1), np.float32))


def test_it_stops_when_told_and_says_how_far_it_is() -> None:
    X, _ = clouds(50)
    said: list[tuple[int, int]] = []
    layout(
        *graph_of(X, 5),
        rounds=40,
        on_progress=lambda done, n: said.append((done, n)),
        stop=lambda: len(said) >= 7,
    )
    assert said == [(i, 40) for i in range(1, 8)]
