"""A library in a bucket that is larger than memory: the store's own index answers, from the bucket."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from soundkin import Library, load_space
from soundkin.errors import BucketError
from soundkin.library import instore
from soundkin.library.store import Store
from tests.library.making import heard, lay_root, put, sound_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bucket.s3 import Mood

SOUNDS, EACH, DIM, K = 1_200, 5, 80, 10
ASKED = 30


def vectors(n: int, seed: int) -> np.ndarray:
    """Unit vectors (n, 80) in three hundred clusters."""
    centres = np.random.default_rng(0).normal(size=(300, DIM))
    rng = np.random.default_rng(seed)
    X = centres[rng.integers(0, 300, n)] + 0.6 * rng.normal(size=(n, DIM))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def libraries(
    address: str, moody: Mood, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Library, Library]]:
    """Two machines with a megabyte of memory: one that built the index, and one that comes later."""
    monkeypatch.setenv("SOUNDKIN_MEMORY", "1MB")
    monkeypatch.setattr(instore, "MEASURED_ON", ASKED)
    store, space_id = Store.open(address), load_space("mfcc").id
    lay_root(store)
    X = vectors(SOUNDS * EACH, 1)
    sounds = [heard(sound_id(n), X[EACH * n : EACH * (n + 1)], space_id) for n in range(SOUNDS)]
    for batch, low in enumerate(range(0, SOUNDS, SOUNDS // 3), 1):
        put(store, sounds[low : low + SOUNDS // 3], batch)
    with Library.open(address) as first:
        first._upkeep.bring_up(space_id)
        with Library.open(address) as second:
            yield first, second


@pytest.mark.slow
def test_faults_of_the_bucket_while_it_is_asked(
    libraries: tuple[Library, Library], moody: Mood, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = libraries[1].look("mfcc").view.index.near
    Q = vectors(1, 3)
    wanted, _ = near.query(Q, K)
    for fault in ("busy", "cut", "slow"):
        moody.fault, moody.times, moody.of = fault, 2, frozenset({"GET"})
        np.testing.assert_array_equal(near.query(Q, K)[0], wanted)
        assert moody.times == 0, "it was met"
    moody.keys = frozenset({"test"})
    with pytest.raises(BucketError, match="have expired; expected credentials that are valid now"):
        near.query(Q, K)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "fresh")
    np.testing.assert_array_equal(near.query(Q, K)[0], wanted)


@pytest.mark.slow
def test_a_library_larger_than_memory_is_answered_from_the_bucket(
    libraries: tuple[Library, Library], moody: Mood, capsys: pytest.CaptureFixture[str]
) -> None:
    X, Q = vectors(SOUNDS * EACH, 1), vectors(ASKED, 2)
    true = np.sort(1 - Q @ X.T, axis=1)[:, :K]
    for library in libraries:
        indexed = library.info().spaces[0].indexed
        assert (indexed.kind, indexed.measured) == ("store", ASKED)
        assert indexed.recall >= 0.95
        view = library.look("mfcc").view
        assert view.index.kind == instore.KIND
        assert view.index.near.n_indexed == SOUNDS * EACH
        assert not len(view.index.vectors.tail), "no vector is in memory"
        assert view.index.vectors.base.nbytes > 0.35 * instore.memory_bytes()
        moody.log.clear()
        moody.bytes_out = 0
        found = [view.index.query(q[None], K)[0][0] for q in Q]
        asked, fetched = len(moody.log), moody.bytes_out
        for ids, q in zip(found, Q, strict=True):
            near = view.index.vectors[ids] @ q
            np.testing.assert_allclose(
                np.sort(1 - near), view.index.query(q[None], K)[1][0], atol=1e-5
            )
        recall = np.mean(
            [
                (1 - view.index.vectors[ids] @ q <= line[-1] + 1e-5).mean()
                for ids, q, line in zip(found, Q, true, strict=True)
            ]
        )
        assert recall >= 0.95
        best = np.unique(np.argsort(-(X @ Q[0]))[:200] // EACH, return_index=True)
        hits = [hit.sound_id for hit in library.search(Q[:1], space="mfcc", k=K).hits]
        order = np.array([sound_id(int(n)) for n in best[0][np.argsort(best[1])]])
        assert len(set(hits) & set(order[:K])) >= 0.9 * K
        with capsys.disabled():
            sys.stdout.write(
                f"\n{SOUNDS * EACH:,} vectors in a bucket, {1e-6 * X.nbytes:.1f} MB, 1 MB of memory: recall "
                f"{recall:.3f} (said to be {indexed.recall:.3f}); {ASKED} questions: {asked} requests, "
                f"{1e-6 * fetched:.2f} MB\n"
            )
