"""Any order of adding, removing, saving and asking agrees with a plain list of vectors."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from soundkin.errors import InputError
from soundkin.index import build, load
from tests.index.clouds import duplicated, plain_search, uniform

DIM = 5


class Life(RuleBasedStateMachine):
    """The index and its model: all vectors ever, and which are there."""

    kind = "exact"
    own: dict = {}  # noqa: RUF012 - the member's settings

    @initialize(n=st.integers(0, 30), copies=st.booleans(), seed=st.integers(0, 99))
    def begin(self, n, copies, seed):
        self.vectors = duplicated(n, DIM, seed) if copies else uniform(n, DIM, seed)[:n]
        self.there = np.ones(n, bool)
        self.index = build(self.kind, self.vectors.copy(), seed=seed, space_id="s", **self.own)

    @rule(n=st.integers(0, 40), seed=st.integers(100, 199))
    def add(self, n, seed):
        new = uniform(max(n, 1), DIM, seed)[:n]
        ids = self.index.add(new)
        assert ids.tolist() == list(range(len(self.vectors), len(self.vectors) + n))
        self.vectors = np.concatenate([self.vectors, new])
        self.there = np.concatenate([self.there, np.ones(n, bool)])

    @rule(part=st.floats(0, 1), seed=st.integers(0, 99))
    def remove(self, part, seed):
        there = np.flatnonzero(self.there)
        gone = there[np.random.default_rng(seed).random(there.size) < part]
        self.index.remove(gone)
        self.there[gone] = False

    @rule(seed=st.integers(0, 99))
    def remove_what_is_not_there(self, seed):
        gone = np.flatnonzero(~self.there)
        if gone.size:
            with pytest.raises(InputError, match="has been removed already"):
                self.index.remove([int(gone[seed % gone.size])])

    @rule()
    def save_and_load(self):
        with tempfile.TemporaryDirectory() as folder:
            self.index.save(Path(folder) / "x")
            self.index = load(Path(folder) / "x", space_id="s", dim=DIM)

    @rule(k=st.integers(1, 12), seed=st.integers(200, 299), part=st.sampled_from([None, 0.1, 0.7]))
    def ask(self, k, seed, part):
        Q, allowed, mask = uniform(2, DIM, seed), self.there, None
        if part is not None:
            mask = np.random.default_rng(seed).random(len(self.there)) < part
            allowed = self.there & mask
        ids, distances = self.index.query(Q, k, mask=mask)
        expected_ids, expected = plain_search(self.vectors, Q, k, np.flatnonzero(allowed).tolist())
        np.testing.assert_allclose(distances, expected, atol=3e-7)
        assert ((ids >= 0) == (expected_ids >= 0)).all()
        assert allowed[ids[ids >= 0]].all()
        assert all(len(set(row[row >= 0].tolist())) == (row >= 0).sum() for row in ids)

    @invariant()
    def counts(self):
        if hasattr(self, "index"):
            assert self.index.n_ids == len(self.vectors)
            assert self.index.n == self.there.sum()
            np.testing.assert_array_equal(self.index.alive, self.there)
            np.testing.assert_array_equal(self.index.vectors, self.vectors)


class ForestLife(Life):
    kind = "forest"
    own = {"n_trees": 3, "leaf_size": 4}  # noqa: RUF012


class AnnLife(Life):
    kind = "ann"


class LinkedLife(Life):
    kind = "ann"
    own = {"graph": True}  # noqa: RUF012


TestExact = Life.TestCase
TestForest = ForestLife.TestCase
TestAnn = AnnLife.TestCase
TestLinked = LinkedLife.TestCase
for case in (TestExact, TestForest, TestAnn, TestLinked):
    case.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
