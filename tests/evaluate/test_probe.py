"""Probes: logistic regression against scikit-learn and against Newton's method, folds, budgets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.errors import InputError
from soundkin.evaluate import probe
from soundkin.evaluate.probe import (
    content_test,
    fit_logistic,
    group_folds,
    knn_probe,
    linear_probe,
    macro_f1,
    speaker_test,
)
from tests.evaluate import plain


def problem(seed, n=60, dim=4, classes=3, apart=1.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    labels[:classes] = np.arange(classes)
    centres = rng.standard_normal((classes, dim)) * apart
    X = centres[labels] + rng.standard_normal((n, dim)) * rng.uniform(0.2, 5, dim) + 3
    return X, labels.astype(str)


def newton(X, labels, C, steps=20):
    """The same objective by Newton's method on the full Hessian, one class at a time."""
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    Z1 = np.column_stack([Z, np.ones(len(Z))])
    classes = sorted(set(labels))
    d, c = Z.shape[1] + 1, len(classes)
    T = np.array([[label == name for name in classes] for label in labels], float)
    ridge = np.diag([1.0] * (d - 1) + [0.0])
    W = np.zeros((d, c))
    for _ in range(steps):
        P = np.exp(Z1 @ W)
        P /= P.sum(axis=1, keepdims=True)
        gradient = C * Z1.T @ (P - T) + ridge @ W
        H = np.zeros((d * c, d * c))
        for a in range(c):
            for b in range(c):
                w = P[:, a] * ((a == b) - P[:, b])
                block = C * (Z1 * w[:, None]).T @ Z1 + (a == b) * ridge
                H[a * d : (a + 1) * d, b * d : (b + 1) * d] = block
        step = np.linalg.lstsq(H, gradient.T.ravel(), rcond=None)[0]
        W -= step.reshape(c, d).T
    logits = Z1 @ W
    P = np.exp(logits - logits.max(axis=1, keepdims=True))
    return W[:-1], P / P.sum(axis=1, keepdims=True)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.001, 0.1, 1.0]), st.integers(2, 5))
def test_logistic_regression_by_newtons_method(seed, C, classes):
    X, labels = problem(seed, classes=classes)
    weights, probabilities = newton(X, labels, C)
    ours = fit_logistic(X, labels, C=C, tol=1e-8)
    np.testing.assert_allclose(ours.probabilities(X), probabilities, atol=1e-4)
    np.testing.assert_allclose(ours.weights, weights, atol=1e-3)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.001, 0.01, 0.1, 1.0]))
def test_logistic_regression_by_scikit_learn(seed, C):
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, labels = problem(seed, n=150, dim=10, classes=6)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    theirs = linear_model.LogisticRegression(C=C, tol=1e-8, max_iter=5000).fit(Z, labels)
    ours = fit_logistic(X, labels, C=C)
    assert ours.classes.tolist() == theirs.classes_.tolist()
    np.testing.assert_allclose(ours.probabilities(X), theirs.predict_proba(Z), atol=1e-3)
    assert np.mean(ours.predict(X) == theirs.predict(Z)) > 0.99


def test_one_class_a_dead_dimension_and_a_warm_start():
    X, labels = problem(0)
    X[:, 2] = 7
    assert fit_logistic(X, ["a"] * len(X)).predict(X[:2]).tolist() == ["a", "a"]
    cold = fit_logistic(X, labels, C=0.1)
    turned = probe._turned(X)
    _, start = probe._fit(turned, labels, C=0.001)
    warm, _ = probe._fit(turned, labels, C=0.1, start=start)
    np.testing.assert_allclose(warm.probabilities(X), cold.probabilities(X), atol=1e-4)
    assert (cold.weights[2] == 0).all()
    np.testing.assert_allclose(cold.probabilities(X).sum(axis=1), 1)


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.01, 1.0]))
def test_more_dimensions_than_rows_are_the_same_problem(seed, C):
    X, labels = problem(seed, n=24, dim=40)
    weights, probabilities = newton(X, labels, C)
    ours = fit_logistic(X, labels, C=C, tol=1e-8)
    np.testing.assert_allclose(ours.probabilities(X), probabilities, atol=1e-4)
    np.testing.assert_allclose(ours.weights, weights, atol=1e-3)


def test_errors_of_a_fit():
    with pytest.raises(InputError, match="no vectors"):
        fit_logistic(np.empty((0, 3)), [])


def test_the_linear_probe_by_hand():
    """Fold i from the others, C by fold i + 1, refitted on both."""
    X, labels = problem(7, n=90, dim=6, classes=4, apart=0.7)
    folds = np.arange(90) % 3
    probed = linear_probe(X, labels, folds, strengths=(1e-4, 1.0))
    for i, (train, validation) in enumerate([(2, 1), (0, 2), (1, 0)]):
        a, b, c = (np.flatnonzero(folds == f) for f in (train, validation, i))
        right = [
            np.mean(fit_logistic(X[a], labels[a], C=C).predict(X[b]) == labels[b])
            for C in (1e-4, 1.0)
        ]
        C = (1e-4, 1.0)[int(right[1] > right[0])]
        assert probed.strengths[i] == C
        both = np.concatenate([a, b])
        expected = fit_logistic(X[np.sort(both)], labels[np.sort(both)], C=C).predict(X[c])
        assert probed.predicted[c].tolist() == expected.tolist()
    assert probed.correct.mean() == np.mean(probed.predicted == labels)
    assert probed.correct.mean() > 0.4
    with pytest.raises(InputError, match="one fold"):
        linear_probe(X, labels, np.zeros(90))


def test_labels_of_noise_are_not_read():
    rng = np.random.default_rng(8)
    X, labels = rng.standard_normal((300, 20)), rng.integers(0, 2, 300).astype(str)
    probed = linear_probe(X, labels, group_folds(labels, np.arange(300)))
    assert 0.4 < probed.correct.mean() < 0.6


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(2, 6))
def test_no_group_straddles_folds_and_folds_are_even(seed, n_groups, n_folds):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, n_groups, 200)
    labels = rng.integers(0, 3, 200)
    folds = group_folds(labels, groups, n_folds=n_folds, seed=seed)
    for group in np.unique(groups):
        assert len(set(folds[groups == group])) == 1
    assert len(set(folds)) == min(n_folds, len(set(groups)))
    if n_groups > 4 * n_folds:
        assert np.bincount(folds).min() > 0.4 * 200 / n_folds


def test_folds_share_out_a_rare_label():
    labels = ["rare"] * 10 + ["often"] * 90
    folds = group_folds(labels, np.arange(100))
    assert np.bincount(folds[:10]).tolist() == [2] * 5
    assert np.bincount(folds).tolist() == [20] * 5


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9))
def test_neighbours_vote_as_in_a_loop(seed, k):
    rng = np.random.default_rng(seed)
    vectors, labels = rng.standard_normal((20, 4)), rng.integers(0, 3, 20).astype(str)
    groups = rng.integers(0, 12, 20).astype(str)
    probed = knn_probe(vectors, labels, groups, k=k)
    for i in range(20):
        near = [labels[j] for j in plain.ranking(vectors.astype(np.float32), groups, i)[:k]]
        most = max(near.count(name) for name in near)
        first = next(name for name in near if near.count(name) == most)
        assert probed.predicted[i] == first


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1))
def test_macro_f1_against_a_loop(pairs):
    labels, predicted = (list(column) for column in zip(*pairs, strict=True))
    assert macro_f1(labels, predicted) == pytest.approx(plain.macro_f1(labels, predicted))


def spoken(seed=0, speakers=4, utterances=12, crops=5, apart=1.0):
    rng = np.random.default_rng(seed)
    voice = rng.standard_normal((speakers, 8)) * apart
    who = np.repeat(np.arange(speakers), utterances * crops)
    said = np.repeat(np.arange(speakers * utterances), crops)
    return voice[who] + rng.standard_normal((len(who), 8)), who.astype(str), said.astype(str)


def test_more_labelled_seconds_read_more_and_no_utterance_is_on_both_sides(monkeypatch):
    crops, who, said = spoken()
    seen = []
    fit = probe.fit_logistic

    def spy(X, labels, **how):
        seen.append(len(X))
        return fit(X, labels, **how)

    monkeypatch.setattr(probe, "fit_logistic", spy)
    scores = speaker_test(crops, who, said, budgets_s=(3.072, 30.72, 61.44), repeats=4)
    assert set(scores) == {3.072, 30.72}  # 60 crops a speaker leave no utterance to ask about
    assert seen == [4 * 3] * 4 + [4 * 30] * 4
    assert scores[30.72].mean() > scores[3.072].mean() > 0.3
    rows = probe.split_budget(who, said, 7, np.random.default_rng(0))
    assert not set(said[rows[0]]) & set(said[rows[1]])
    assert np.bincount(who[rows[0]].astype(int)).tolist() == [7] * 4
    elsewhere = crops + 5 * np.random.default_rng(3).standard_normal(crops.shape)
    heard = speaker_test(crops, who, said, budgets_s=(30.72,), repeats=4, heard_as=elsewhere)
    assert heard[30.72].mean() < scores[30.72].mean()
    same = speaker_test(crops, who, said, budgets_s=(30.72,), repeats=4, heard_as=crops)
    np.testing.assert_array_equal(same[30.72], scores[30.72])
    again = speaker_test(crops, who, said, budgets_s=(3.072, 30.72), repeats=4)
    np.testing.assert_array_equal(again[3.072], scores[3.072])


def test_content_is_read_from_the_feature_that_has_it():
    rng = np.random.default_rng(9)
    digit, who = rng.integers(0, 3, 240), rng.integers(0, 6, 240)
    content = np.eye(3)[digit] * 3 + rng.standard_normal((240, 3))
    voice = np.eye(6)[who] * 3 + rng.standard_normal((240, 6))
    read = content_test({"content": content, "voice": voice}, digit, who)
    assert read["content"].correct.mean() > 0.7
    assert read["voice"].correct.mean() < 0.5
