"""Semi-hard mining against brute force, ties and the case without a candidate included."""

# ruff: noqa: E402
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.errors import InputError
from soundkin.objective.triplet import semi_hard_negatives
from tests.objective import references

# Whole numbers: distances are exact, so ties are ties in both.
ROW = st.lists(st.integers(-3, 3), min_size=2, max_size=2)


@given(data=st.data(), n=st.integers(1, 6), m=st.integers(1, 8))
@settings(max_examples=80, deadline=None)
def test_equals_brute_force_with_many_ties(data, n, m):
    anchors, positives = (data.draw(st.lists(ROW, min_size=n, max_size=n)) for _ in range(2))
    candidates = data.draw(st.lists(ROW, min_size=m, max_size=m))
    row = st.lists(st.booleans(), min_size=m, max_size=m).filter(any)
    allowed = data.draw(st.lists(row, min_size=n, max_size=n))
    chosen = semi_hard_negatives(
        *(torch.tensor(x, dtype=torch.float64) for x in (anchors, positives, candidates)),
        allowed=torch.tensor(allowed),
        distance="squared-l2",
    )
    assert chosen.tolist() == references.semi_hard(
        anchors, positives, candidates, allowed, "squared-l2"
    )


@given(seed=st.integers(0, 2**31), n=st.integers(2, 12))
@settings(max_examples=40, deadline=None)
def test_cosine_equals_brute_force_and_leaves_its_own_row_out(seed, n):
    generator = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    chosen = semi_hard_negatives(x, y, y).tolist()
    others = [[i != j for j in range(n)] for i in range(n)]
    assert chosen == references.semi_hard(x.tolist(), y.tolist(), y.tolist(), others, "cosine")
    assert all(i != j for i, j in enumerate(chosen))


def test_of_equally_near_candidates_the_first():
    anchor, positive = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])
    candidates = torch.tensor([[3.0, 0.0], [0.0, 2.0], [2.0, 0.0], [0.0, -2.0]])
    every = torch.ones(1, 4, dtype=torch.bool)
    chosen = semi_hard_negatives(anchor, positive, candidates, allowed=every, distance="squared-l2")
    assert chosen.tolist() == [1]


def test_as_far_as_the_positive_is_not_farther_and_the_fallback_is_the_farthest():
    anchor, positive = torch.zeros(1, 1), torch.tensor([[2.0]])
    candidates = torch.tensor([[0.5], [-2.0], [1.0], [2.0]])
    every = torch.ones(1, 4, dtype=torch.bool)
    chosen = semi_hard_negatives(anchor, positive, candidates, allowed=every, distance="squared-l2")
    assert chosen.tolist() == [1]


def test_mixtures_keep_their_own_negative():
    x = torch.tensor([[0.0], [10.0], [20.0]])
    fixed = torch.tensor([-1, 1, -1])
    chosen = semi_hard_negatives(x, x + 1, x, fixed=fixed, distance="squared-l2")
    assert chosen.tolist() == [1, 1, 1]


def test_no_gradient_and_no_side_effect():
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    before = x.detach().clone()
    assert not semi_hard_negatives(x, x + 1, x).requires_grad
    assert x.equal(before)


def test_a_batch_of_one_has_no_negative():
    one = torch.ones(1, 2)
    with pytest.raises(InputError, match=r"without any candidate.*use a larger batch"):
        semi_hard_negatives(one, one, one)
    kept = semi_hard_negatives(one, one, one, fixed=torch.tensor([0]))
    assert kept.tolist() == [0]
