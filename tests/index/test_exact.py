"""The reference index against a plain loop, and its table of all scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.index import build, load
from soundkin.index import coded as coded_module
from soundkin.index import exact as exact_module
from soundkin.index.codes import compiled, dot_at, narrow, quantise, slack_of
from tests.index.clouds import duplicated, plain_search, uniform


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 60),
    dim=st.integers(1, 20),
    k=st.integers(1, 70),
    m=st.integers(1, 9),
    seed=st.integers(0, 2**16),
    copies=st.booleans(),
)
def test_equals_a_plain_loop(n, dim, k, m, seed, copies):
    X = duplicated(n, dim, seed) if copies else uniform(n, dim, seed)
    Q = uniform(m, dim, seed + 1)
    ids, distances = build("exact", X).query(Q, k)
    true_ids, true_distances = plain_search(X, Q, k)
    np.testing.assert_allclose(distances, true_distances, atol=2e-7)
    if not copies and dim > 1:  # rounding may swap what is equal within 1e-7
        real = np.nan_to_num(true_distances, posinf=9.0)
        apart = (np.diff(real, axis=1, append=99.0) > 3e-7) | np.isinf(true_distances)
        apart &= (np.diff(real, axis=1, prepend=-9.0) > 3e-7) | np.isinf(true_distances)
        np.testing.assert_array_equal(ids[apart], true_ids[apart])


@pytest.mark.parametrize("m", [1, 3, 20, 300])
def test_many_blocks_and_a_full_pool_change_nothing(monkeypatch, m):
    X, Q = duplicated(20_000, 8), uniform(m, 8, seed=3)
    expected = build("exact", X).query(Q, 12)
    monkeypatch.setattr(exact_module, "BLOCK_SCORES", 1)
    monkeypatch.setattr(exact_module, "POOL_ROWS", 64)
    ids, distances = build("exact", X).query(Q, 12)
    np.testing.assert_array_equal(ids, expected[0])
    np.testing.assert_array_equal(distances, expected[1])
    similarity = X.astype(np.float64) @ Q[-1].astype(np.float64)
    np.testing.assert_allclose(distances[-1], np.sort(1 - similarity)[:12], atol=2e-7)


def test_scores_are_the_cosines_and_removed_items_sort_last():
    X, Q = uniform(500, 16), uniform(7, 16, seed=1)
    index = build("exact", X)
    index.remove([4, 9])
    scores = index.scores(Q)
    assert scores.shape == (7, 500)
    expected = np.array([[sum(a * b for a, b in zip(x, q, strict=True)) for x in X] for q in Q])
    kept = np.setdiff1d(np.arange(500), [4, 9])
    np.testing.assert_allclose(scores[:, kept], expected[:, kept], atol=1e-6)
    for order in (np.argsort(scores), np.argsort(-scores)):
        assert {4, 9} == set(order[0, -2:].tolist())


def test_the_nearest_to_minus_q_are_the_most_different():
    X, Q = uniform(300, 6), uniform(2, 6, seed=1)
    ids, distances = build("exact", X).query(-Q, 5)
    _, all_ordered = plain_search(X, Q, 300)
    np.testing.assert_allclose(2 - distances, all_ordered[:, :-6:-1], atol=3e-7)
    assert ids.shape == (2, 5)


def test_unit_vectors_are_kept_without_a_copy_and_never_written():
    X = uniform(50, 5)
    before = X.copy()
    index = build("exact", X)
    assert np.shares_memory(index.vectors, X)
    index.add(uniform(5, 5, seed=2))
    index.add(uniform(50, 5, seed=3))
    index.remove([1])
    np.testing.assert_array_equal(X, before)


def test_other_lengths_are_normalised_in_a_copy():
    X = uniform(50, 5)
    longer = X * np.float32(3.0)
    before = longer.copy()
    ids, distances = build("exact", longer).query(2 * X[:3], 1)
    assert ids[:, 0].tolist() == [0, 1, 2]
    assert (distances < 1e-6).all()
    np.testing.assert_array_equal(longer, before)


def test_opened_vectors_are_mapped_not_read(tmp_path):
    build("exact", uniform(1000, 8)).save(tmp_path / "x.index")
    vectors = load(tmp_path / "x.index").vectors
    assert not vectors.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        vectors[0] = 1.0


@pytest.mark.parametrize("m", [1, 5])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("kind", ["apart", "copies", "all equal", "frozen"])
def test_by_codes_the_answer_is_the_same(monkeypatch, m, threads, kind):
    X = uniform(6000, 20) if kind in ("apart", "frozen") else duplicated(6000, 20)
    X = np.repeat(X[:1], 6000, axis=0) if kind == "all equal" else X
    if kind == "frozen":
        X.flags.writeable = False
    Q = np.concatenate([X[:1], uniform(m, 20, seed=1)])[:m]
    mask = np.random.default_rng(0).random(6000)
    expected = [build("exact", X).query(Q, 12, mask=mask < part) for part in (0.01, 0.5, 2.0)]
    monkeypatch.setattr(exact_module, "CODED_BYTES", 0)
    monkeypatch.setattr(coded_module, "SHARED_ROWS", 1000)
    index = build("exact", X)
    for part, (ids, distances) in zip((0.01, 0.5, 2.0), expected, strict=True):
        found, near = index.query(Q, 12, mask=mask < part, threads=threads)
        np.testing.assert_array_equal(found, ids)
        np.testing.assert_array_equal(near, distances)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 40), dim=st.integers(1, 70), seed=st.integers(0, 2**16))
def test_a_product_of_codes_is_a_whole_number_and_near(n, dim, seed):
    X, Q = uniform(n, dim, seed), uniform(3, dim, seed + 1)
    codes, scales, error = quantise(X)
    queries, units = narrow(Q, codes.shape[1])
    for i, (q, unit) in enumerate(zip(queries, units, strict=True)):
        for row in range(n):
            whole = first_dot(codes, row, q)
            assert whole == sum(int(a) * int(b) for a, b in zip(codes[row], q, strict=True))
            true = float(X[row].astype(np.float64) @ Q[i].astype(np.float64))
            slack = slack_of(error, unit, dim)
            assert abs(whole * float(scales[row]) * float(unit) - true) <= slack


def test_the_largest_products_stay_within_32_bits():
    for dim in (16, 1024, 4096):
        X = np.full((1, dim), dim**-0.5, np.float32)
        codes, scales, _ = quantise(X)
        queries, units = narrow(X, dim)
        whole = first_dot(codes, 0, queries[0])
        assert 2**25 < whole < 2**31
        assert whole * float(scales[0]) * float(units[0]) == pytest.approx(1.0, abs=1e-3)


@compiled
def first_dot(codes, row, q):
    return dot_at(codes, row, q)


@pytest.mark.parametrize("m", [1, 4, 5, 16, 17, 40])
@pytest.mark.parametrize(("n", "dim"), [(1, 1), (700, 24), (123, 3000), (2, 20_000)])
def test_products_made_in_parts_are_the_products(m, n, dim):
    rng = np.random.default_rng(m)
    X, Q = (rng.standard_normal((rows, dim)).astype(np.float32) for rows in (n, m))
    X, Q = (Z / np.linalg.norm(Z, axis=1, keepdims=True) for Z in (X, Q))
    out = np.full((m, n + 3), np.nan, np.float32)
    found = exact_module._score_alone(X, Q, out[:, :n])
    np.testing.assert_allclose(found, Q.astype(np.float64) @ X.T.astype(np.float64), atol=1e-5)
    assert np.isnan(out[:, n:]).all()
