"""Retrieval, geometry and locality against loops over single clips."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.errors import InputError
from soundkin.evaluate import geometry, intervals, locality, retrieval
from tests.evaluate import plain

FEW = settings(max_examples=25, deadline=None)


def cloud(seed, n=24, dim=5, kinds=3):
    """Vectors with labels and groups, none of two with the same angle."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, kinds, n).astype(str)
    vectors = rng.standard_normal((n, dim)) * rng.uniform(0.1, 9, (n, 1))
    return vectors.astype(np.float32), labels, rng.integers(0, n // 2, n).astype(str)


@FEW
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_every_asker_against_a_loop(seed, k):
    vectors, labels, groups = cloud(seed)
    found = retrieval.retrieval(vectors, labels, groups, ks=[k])
    rows = []
    for i in range(len(vectors)):
        relevant = [labels[j] == labels[i] for j in plain.ranking(vectors, groups, i)]
        if not any(relevant):
            continue
        at = len(rows)
        rows.append(i)
        assert found.first[at] == relevant[0]
        assert found.average_precision[at] == pytest.approx(plain.average_precision(relevant))
        assert found.precision[at, 0] == pytest.approx(sum(relevant[:k]) / k)
        assert found.recall[at, 0] == pytest.approx(sum(relevant[:k]) / sum(relevant))
    assert found.rows.tolist() == rows


def test_blocks_change_nothing(monkeypatch):
    vectors, labels, groups = cloud(1, n=60)
    whole = retrieval.retrieval(vectors, labels, groups)
    monkeypatch.setattr(retrieval, "BLOCK", 7)
    parts = retrieval.retrieval(vectors, labels, groups)
    np.testing.assert_array_equal(whole.average_precision, parts.average_precision)
    np.testing.assert_array_equal(whole.recall, parts.recall)


def test_a_label_of_one_group_asks_nothing():
    vectors, *_ = cloud(2, n=4)
    found = retrieval.retrieval(vectors, ["a", "a", "b", "b"], ["1", "2", "3", "3"])
    assert found.rows.tolist() == [0, 1]
    with pytest.raises(InputError, match="4 vectors, 3 labels, 4 groups; expected as many of each"):
        retrieval.retrieval(vectors, ["a", "a", "b"], None)
    with pytest.raises(InputError, match=r"shape \(4,\); expected \(n, dim\)"):
        retrieval.retrieval(np.ones(4), ["a"] * 4)


@FEW
@given(st.integers(0, 10**6), st.integers(1, 8))
def test_occurrences_and_hubness_against_loops(seed, k):
    vectors, _, groups = cloud(seed)
    counts = plain.occurrences(vectors, groups, k)
    assert geometry.occurrences(vectors, groups, k=k).tolist() == counts
    if len(set(counts)) > 1:
        expected = scipy.stats.skew(counts)
        assert geometry.hubness(vectors, groups, k=k) == pytest.approx(expected)


def test_a_hub_is_seen():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((200, 60))
    points -= points.mean(axis=0)
    shifted = points + 1.5 * rng.standard_normal(60)  # a common offset makes hubs in cosine
    assert geometry.hubness(shifted[:, :8]) > 0
    assert geometry.occurrences(points).sum() == 2000
    with pytest.raises(InputError, match="5 vectors; expected more than 10"):
        geometry.hubness(np.eye(5))


@FEW
@given(st.integers(0, 10**6), st.floats(0.5, 4))
def test_alignment_and_uniformity_over_pairs(seed, t):
    x, y = cloud(seed, n=12)[0], cloud(seed + 1, n=12)[0]
    unit = [v / np.linalg.norm(v) for v in x.astype(float)]
    others = [v / np.linalg.norm(v) for v in y.astype(float)]
    apart = [sum((a - b) ** 2) for a, b in zip(unit, others, strict=True)]
    assert geometry.alignment(x, y) == pytest.approx(np.mean(apart), rel=1e-5)
    pairs = [np.exp(-t * sum((a - b) ** 2)) for a, b in itertools.combinations(unit, 2)]
    assert geometry.uniformity(x, t=t) == pytest.approx(np.log(np.mean(pairs)), rel=1e-4, abs=1e-5)
    assert geometry.alignment(x, 3 * x) == pytest.approx(0, abs=1e-9)


@FEW
@given(st.integers(0, 10**6))
def test_effective_rank_from_the_covariance(seed):
    x = cloud(seed, n=20, dim=6)[0].astype(float)
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T))
    roots = np.sqrt(np.maximum(eigenvalues, 0))
    expected = np.exp(scipy.stats.entropy(roots / roots.sum()))
    assert geometry.effective_rank(x) == pytest.approx(expected, rel=1e-6)
    assert geometry.effective_rank(np.ones((5, 3))) == 0
    flat = np.zeros((40, 6))
    flat[:, :2] = np.random.default_rng(seed).standard_normal((40, 2))
    assert geometry.effective_rank(flat) <= 2 + 1e-9


@FEW
@given(st.integers(0, 10**6), st.floats(0.01, 0.5))
def test_near_duplicates_against_a_loop(seed, distance):
    vectors, _, groups = cloud(seed)
    near = sum(
        any(
            groups[i] != groups[j] and 1 - plain.cosine(vectors[i], vectors[j]) <= distance
            for j in range(len(vectors))
        )
        for i in range(len(vectors))
    )
    rate = geometry.near_duplicate_rate(vectors, groups, distance=distance)
    assert rate == pytest.approx(near / len(vectors))


@FEW
@given(st.integers(0, 10**6))
def test_locality_against_a_loop(seed):
    vectors, labels, groups = cloud(seed)
    ks = (1, 3, 7)
    curve = locality.locality(vectors, {"kind": labels}, groups, ks=ks, draws=20)["kind"]
    orders = [plain.ranking(vectors, groups, i) for i in range(len(vectors))]
    same = [[labels[j] == labels[i] for j in order] for i, order in enumerate(orders)]
    chance = np.mean([np.mean(row) for row in same])
    assert curve.chance == pytest.approx(chance)
    for k, lift in zip(ks, curve.lift, strict=True):
        expected = np.mean([np.mean(row[:k]) for row in same]) / chance
        assert lift.value == pytest.approx(expected)
        assert lift.low <= lift.value + 1e-9
        assert lift.high >= lift.value - 1e-9 or lift.high > lift.low


def test_locality_of_noise_is_chance_and_of_its_own_axis_is_not():
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((400, 8))
    kind, nothing = rng.integers(0, 4, 400), rng.integers(0, 4, 400)
    vectors[:, :4] += 4 * np.eye(4)[kind]
    curves = locality.locality(vectors, {"kind": kind, "nothing": nothing}, ks=(10, 50, 1000))
    assert curves["kind"].ks == (10, 50)
    assert curves["kind"].lift[0].low > 3
    assert curves["nothing"].lift[1].low < 1 < curves["nothing"].lift[1].high


def test_an_interval_holds_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(4)
    held = 0
    for trial in range(200):
        found = intervals.bootstrap_mean(rng.random(60) < 0.3, draws=300, seed=trial)
        held += found.low <= 0.3 <= found.high
    assert 0.88 <= held / 200 <= 0.99


def test_groups_widen_an_interval_of_clips_that_repeat_each_other():
    rng = np.random.default_rng(5)
    values = np.repeat(rng.random(20), 10)
    groups = np.repeat(np.arange(20), 10)
    clips, drawn = intervals.bootstrap_mean(values), intervals.bootstrap_mean(values, groups)
    assert (clips.unit, drawn.unit) == ("clip", "group")
    assert drawn.value == pytest.approx(clips.value)
    assert drawn.high - drawn.low > 2 * (clips.high - clips.low)
    few = intervals.bootstrap_mean(values, np.repeat(np.arange(4), 50))
    assert (few.unit, few.low) == ("clip", clips.low)
    assert intervals.paired_difference(values + 1, values).low == pytest.approx(1)
    with pytest.raises(InputError, match="no values"):
        intervals.bootstrap_mean([])


def test_the_weights_of_a_draw_are_a_draw():
    weights = intervals.draw_weights(7, 50, seed=0)
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()
    np.testing.assert_array_equal(weights, intervals.draw_weights(7, 50, seed=0))


def test_over_seeds_against_a_loop():
    rng = np.random.default_rng(4)
    values = rng.random((3, 30)) < np.array([[0.2], [0.5], [0.8]])
    found = intervals.over_seeds(values, draws=400, seed=7)
    clips = intervals.draw_weights(30, 400, 7)
    seeds = np.random.default_rng([7, 1, 0]).multinomial(3, [1 / 3] * 3, size=400)
    means = []
    for clip, seed in zip(clips, seeds, strict=True):
        drawn = [
            values[s, c]
            for s in range(3) for _ in range(int(seed[s]))
            for c in range(30) for _ in range(int(clip[c]))
        ]  # fmt: skip
        means.append(np.mean(drawn))
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(np.quantile(means, [0.025, 0.975]))
    # seeds that differ make it wider than clips alone do; one seed is clips alone
    alone = intervals.bootstrap_mean(values.mean(axis=0), draws=400, seed=7)
    assert found.high - found.low > 1.5 * (alone.high - alone.low)
    one = intervals.over_seeds(values[:1], draws=400, seed=7)
    assert one == intervals.bootstrap_mean(values[0], draws=400, seed=7)


def test_over_seeds_leaves_out_what_was_not_asked_and_draws_groups():
    values = np.array([[1.0, np.nan, 0.0] * 10, [1.0, 0.5, 0.0] * 10])
    found = intervals.over_seeds(values, draws=50)
    assert (found.value, found.unit) == (0.5, "clip")
    grouped = intervals.over_seeds(values, groups=np.repeat(np.arange(15), 2), draws=50)
    assert (grouped.value, grouped.unit) == (0.5, "group")
    halved = intervals.over_seeds(values, np.full(30, 2.0), draws=50)
    assert halved.value == 0.25
    with pytest.raises(InputError, match="no values"):
        intervals.over_seeds([[np.nan]])


def test_a_difference_over_seeds_is_paired_by_clip():
    rng = np.random.default_rng(5)
    hard = rng.random(200)
    ours, theirs = np.tile(hard + 0.05, (3, 1)), np.tile(hard, (2, 1))
    found = intervals.seeds_difference(ours, theirs, draws=200)
    assert (found.low, found.value, found.high) == pytest.approx((0.05, 0.05, 0.05))
    noisy = intervals.seeds_difference(ours + np.array([[-0.3], [0], [0.3]]), theirs, draws=200)
    assert noisy.low < 0 < noisy.high
