"""A library whose vectors do not fit into memory answers as one whose do."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from soundkin import Library, load_space
from soundkin.facade import Scope
from soundkin.library import instore, store_index
from soundkin.library.store import Store
from tests.library.making import heard, lay_root, put, sound_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from soundkin.search import Hit

    Opened = Callable[[Path], Library]

SOUNDS, EACH, ASKED = 1_500, 3, 48
SMALL = "1MB"


def vectors(n: int, seed: int) -> np.ndarray:
    """Unit vectors (n, 80) in two hundred clusters, those of a sound near each other."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(200, 80))
    X = np.repeat(centres[rng.integers(0, 200, n // EACH)], EACH, axis=0)
    X = X + 0.6 * rng.normal(size=X.shape)
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)


def put_some(store: Store, first: int, X: np.ndarray, batch: int) -> None:
    """Commit sounds, the hundredth part of them in a folder of its own."""
    space_id = load_space("mfcc").id
    numbers = range(first, first + len(X) // EACH)
    sounds = [
        heard(sound_id(n), X[EACH * i : EACH * (i + 1)], space_id) for i, n in enumerate(numbers)
    ]
    paths = [f"{'rare' if n % 100 == 0 else 'half' if n % 2 else 'other'}/{n}.wav" for n in numbers]
    put(store, sounds, batch, paths=paths)


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of some thousand segments without an index."""
    path = tmp_path_factory.mktemp("instore") / "library"
    store = Store.open(path)
    lay_root(store)
    X = vectors(SOUNDS * EACH, 1)
    for number, low in enumerate(range(0, len(X), len(X) // 4)):
        put_some(store, low // EACH, X[low : low + len(X) // 4], number + 1)
    return path


@pytest.fixture(scope="module")
def indexed(laid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the store's own index."""
    path = tmp_path_factory.mktemp("indexed") / "library"
    shutil.copytree(laid, path)
    with pytest.MonkeyPatch.context() as patch, Library.open(path) as library:
        patch.setenv("SOUNDKIN_MEMORY", SMALL)
        patch.setattr(instore, "MEASURED_ON", ASKED)
        library._upkeep.bring_up(load_space("mfcc").id)
    return path


@pytest.fixture(scope="module")
def in_memory(laid: Path) -> Iterator[Library]:
    with Library.open(laid) as library:
        library.search(vectors(EACH, 2), space="mfcc")
        yield library


@pytest.fixture
def little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """Opens copies of libraries as on a machine with too little memory."""
    monkeypatch.setenv("SOUNDKIN_MEMORY", SMALL)
    with contextlib.ExitStack() as kept:

        def opened(path: Path) -> Library:
            shutil.copytree(path, tmp_path / "library")
            return kept.enter_context(Library.open(tmp_path / "library"))

        yield opened


@pytest.fixture
def bare(laid: Path, little_memory: Opened) -> Library:
    """Without an index."""
    return little_memory(laid)


@pytest.fixture
def in_store(indexed: Path, little_memory: Opened) -> Library:
    """The index built."""
    library = little_memory(indexed)
    library.look("mfcc")
    return library


def common(found: Sequence[Hit], wanted: Sequence[Hit]) -> float:
    """The part of the wanted hits that were found; those in both are as close in both."""
    closeness = {hit.sound_id: hit.closeness for hit in wanted}
    both = [hit for hit in found if hit.sound_id in closeness]
    np.testing.assert_allclose(
        [hit.closeness for hit in both], [closeness[hit.sound_id] for hit in both], atol=1e-6
    )
    return len(both) / max(1, len(wanted))


def alike(library: Library, other: Library, n: int = 20, **how: object) -> float:
    """The least part of hits that two libraries share, over some questions."""
    asked = vectors(n * EACH, 3)[::EACH]
    return min(
        common(
            library.search(q[None], space="mfcc", **how).hits,
            other.search(q[None], space="mfcc", **how).hits,
        )
        for q in asked
    )


def test_without_an_index_all_are_compared(bare: Library, in_memory: Library) -> None:
    assert alike(bare, in_memory, 5) == 1.0
    view = bare.look("mfcc").view
    assert view.index.kind == instore.KIND
    assert not len(view.index.vectors.tail), "no vector is in memory"
    indexed = bare.info().spaces[0].indexed
    assert indexed.kind == "exact"
    assert "too many for 0.001 GB of memory; all are read and compared until" in indexed.why


def test_the_stores_index_is_measured_and_answers(in_store: Library, in_memory: Library) -> None:
    indexed = in_store.info().spaces[0].indexed
    assert indexed.kind == "store"
    assert indexed.recall >= 0.95
    assert indexed.measured == ASKED
    assert "the store's own index answers (IVF-PQ, 67 lists)" in indexed.why
    assert in_store.look("mfcc").view.index.near.n_indexed == SOUNDS * EACH
    assert alike(in_store, in_memory, 8) >= 0.9
    assert alike(in_store, in_memory, 5, scope=Scope(folders=["half"])) >= 0.9
    assert alike(in_store, in_memory, 5, scope=Scope(folders=["rare"])) == 1.0
    assert alike(in_store, in_memory, 3, most_different=True) == 1.0
    name = sound_id(77)
    found = in_store.search(name, space="mfcc").hits
    assert name not in [hit.sound_id for hit in found]
    assert common(found, in_memory.search(name, space="mfcc").hits) >= 0.9
    assert (
        in_store._upkeep._is_old(in_store.look("mfcc").view, in_store.look("mfcc").snapshot)
        is False
    )


def test_a_selection_is_found_whatever_its_size(
    in_store: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = in_store.look("mfcc").view.index.near
    X = near.vectors[:]
    np.testing.assert_array_equal(near.vectors[[5, 0, 5]], X[[5, 0, 5]])
    np.testing.assert_array_equal(near.vectors[7], X[7])
    assert near.vectors[np.zeros(len(X), bool)].shape == (0, 80)
    rng = np.random.default_rng(5)
    for part, gathered in [(0.5, 0), (0.05, 0), (0.05, 10**6)]:
        monkeypatch.setattr(store_index, "GATHERED", gathered)
        monkeypatch.setattr(store_index, "GATHERED_PART", 0.0)
        mask = rng.random(len(X)) < part
        Q = vectors(30, 6)[:10]
        ids, distances = near.query(Q, 10, mask=mask)
        assert mask[ids].all()
        true = np.sort(1 - Q @ X[mask].T, axis=1)[:, :10]
        assert (distances <= true[:, -1:] + 1e-5).mean() >= 0.95
        for row, q in enumerate(Q):
            np.testing.assert_allclose(distances[row], 1 - X[ids[row]] @ q, atol=1e-5)
    far = np.argsort(vectors(30, 6)[0] @ X.T)[:12]  # nothing of it is among the nearest
    monkeypatch.setattr(store_index, "DEEPEST", 500)
    monkeypatch.setattr(store_index, "GATHERED", 0)
    ids, _ = near.query(vectors(30, 6)[:1], 10, mask=far)
    assert set(ids[0].tolist()) <= set(far.tolist())
    assert len(set(ids[0].tolist())) == 10
    ids, distances = near.query(vectors(30, 6)[:1], 10, mask=np.array([4]))
    assert ids[0].tolist() == [4] + [-1] * 9
    assert np.isinf(distances[0, 1:]).all()


def test_what_comes_and_goes_is_seen(in_store: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    store = in_store.store
    X = vectors(EACH * 4, 9)
    put_some(store, 5_000, X, 50)
    in_store.catalogue.touch()
    first = in_store.search(X[:1], space="mfcc").hits[0]
    assert (first.sound_id, first.distance) == (sound_id(5_000), pytest.approx(0.0, abs=1e-6))
    view = in_store.look("mfcc").view
    assert len(view.index.vectors.tail) == 4 * EACH
    in_store.forget([sound_id(5_000), sound_id(8)])
    found = {hit.sound_id for hit in in_store.search(X[:1], space="mfcc", k=1_600).hits}
    assert len(found) == SOUNDS + 4 - 2
    assert not found & {sound_id(5_000), sound_id(8)}
    store.compact()  # rows get other numbers; what is held stays at its version
    in_store.catalogue.touch()
    assert in_store.search(X[3:4], space="mfcc").hits[0].sound_id == sound_id(5_001)
    monkeypatch.setattr(instore, "STAYS_S", 0.0)
    put_some(store, 6_000, X[:EACH], 51)
    in_store.catalogue.touch()
    assert in_store.search(X[:1], space="mfcc").hits[0].sound_id == sound_id(6_000)
    opened = in_store.look("mfcc").view
    assert not len(opened.index.vectors.tail), "it was opened anew"
    assert in_store.search(X[3:4], space="mfcc").hits[0].sound_id == sound_id(5_001)
    assert len(in_store.search(X[:1], space="mfcc", k=1_600).hits) == SOUNDS + 3
    monkeypatch.setenv("SOUNDKIN_MEMORY", "8GB")
    put_some(store, 7_000, X[EACH : 2 * EACH], 52)
    in_store.catalogue.touch()
    assert in_store.search(X[3:4], space="mfcc").hits[0].distance == pytest.approx(0.0, abs=1e-6)
    assert in_store.look("mfcc").view.index.kind == "exact", "it fits into memory now"


def test_a_recall_that_is_asked_for(in_store: Library, in_memory: Library) -> None:
    assert alike(in_store, in_memory, 1) >= 0.9
    said = in_store.tune(1.0, space="mfcc")
    assert said.kind == "exact"
    assert "as was asked for" in said.why
    assert alike(in_store, in_memory, 5) == 1.0


def test_memory_is_that_of_the_machine_unless_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOUNDKIN_MEMORY", raising=False)
    assert 1e8 < instore.memory_bytes() < 1e14
    assert not instore.is_too_large(1_000, 128)
    monkeypatch.setenv("SOUNDKIN_MEMORY", "2GB")
    assert instore.memory_bytes() == 2 * 10**9
    assert instore.is_too_large(1_400_000, 128)
    assert not instore.is_too_large(1_300_000, 128)
