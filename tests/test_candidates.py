"""What an index names, then measured, against looking at everything."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin import Library, search
from soundkin.index import build
from soundkin.library.catalogue import Catalogue
from soundkin.library.live import LiveIndex, Rows
from soundkin.library.rows import _vector_rows
from soundkin.library.snapshot import Memo, standing_memo
from soundkin.library.store import Store, vectors_table
from soundkin.listen import known_part
from soundkin.scope import Scope
from soundkin.search import Part, Sense, band_of, candidates, rank_in, scales_of, standing
from tests.library.making import SPACE, heard, lay_root, put, sound_id
from tests.ranking import rank

if TYPE_CHECKING:
    from pathlib import Path

    from soundkin.library.catalogue import Snapshot
    from soundkin.library.snapshot import SpaceView

OTHER = "other-11111111"
DIMS = {SPACE: 16, OTHER: 9}
BORDERS = {SPACE: (0.05, 0.3, 0.7), OTHER: (0.01, 0.08, 0.2)}
N_SOUNDS = 2_000


def clustered(seed: int, n: int, dim: int) -> np.ndarray:
    """Unit vectors in clusters, with noise."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(1).normal(size=(80, dim))
    X = centres[rng.integers(0, 80, n)] + 0.5 * rng.normal(size=(n, dim))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """Two thousand sounds of one to four segments, most of them in a second space too."""
    store = Store.open(tmp_path_factory.mktemp("candidates") / "library")
    lay_root(store)
    sizes = np.random.default_rng(0).integers(1, 5, N_SOUNDS)
    sounds = [
        heard(sound_id(i), clustered(i, n, DIMS[SPACE]), duration_s=float(i))
        for i, n in enumerate(sizes.tolist())
    ]
    paths = [f"{'abcdefghij'[i % 10]}/{i % 1000}/{i}.wav" for i in range(N_SOUNDS)]
    put(store, sounds, 1, paths=paths)
    later = [
        heard(sound_id(i), clustered(10_000 + i, n, DIMS[OTHER]), OTHER)
        for i, n in reversed(list(enumerate(sizes.tolist())))
        if i % 7
    ]
    rows = _vector_rows(later, OTHER, 2)
    store.append(vectors_table(OTHER), rows, rows.schema)
    return Catalogue(store)


def views(catalogue: Catalogue) -> tuple[Snapshot, dict[str, SpaceView]]:
    """A snapshot with both spaces."""
    catalogue.snapshot(SPACE)
    snapshot = catalogue.snapshot(OTHER)
    return snapshot, dict(snapshot.spaces)


def with_index(view: SpaceView, kind: str, part: float = 0.8) -> SpaceView:
    """The same view with an index over the first part of its rows, whole sounds."""
    X = np.asarray(view.index.vectors)
    first = int(view.starts[int(len(view.starts) * part)]) if part < 1 else len(X)
    near = build(kind, X[:first])
    rows = Rows.of(X[first:], np.asarray(near.vectors))
    return replace(view, index=LiveIndex.of(view.space_id, rows, view.index.alive, near))


@pytest.fixture(scope="module")
def indexed(catalogue: Catalogue) -> dict[str, dict[str, SpaceView]]:
    """The views of both spaces without an index and with each kind, by kind."""
    _, both = views(catalogue)
    kinds = ("exact", "ann")
    return {"": both} | {k: {name: with_index(both[name], k) for name in both} for k in kinds}


@pytest.fixture(autouse=True)
def _index_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small scopes go to the index too, and lists begin short."""
    monkeypatch.setattr(candidates, "NARROW", 20)
    monkeypatch.setattr(candidates, "DEPTH", 8)
    monkeypatch.setattr(candidates, "DEPTH_OF_MANY", 8)
    monkeypatch.setattr(candidates, "A_HIT", 1)
    monkeypatch.setattr(candidates, "DEPTH_OF_BLEND", 5_000)  # these spaces have nothing in common


drawn_parts = st.lists(
    st.tuples(st.integers(0, 500), st.integers(1, 4), st.sampled_from([1.0, 0.5, 2.0, -0.5])),
    min_size=1,
    max_size=3,
).filter(lambda parts: any(weight > 0 for _, _, weight in parts))
scopes = st.sampled_from(
    [
        None,
        Scope(folders=["a"]),
        Scope(not_folders=["b"]),
        Scope(min_duration_s=30.0),
        Scope(max_duration_s=12.0),
        Scope(text="/77"),
        "dur<400",
        Scope(tags=["none such"]),
    ]
)


@settings(max_examples=60, deadline=None)
@given(
    drawn=drawn_parts,
    scope=scopes,
    k=st.sampled_from([1, 3, 10, 40]),
    least=st.sampled_from([None, 0.2, 0.6]),
    turned=st.booleans(),
    own=st.one_of(st.none(), st.integers(0, N_SOUNDS - 1)),
)
def test_an_exact_index_changes_nothing(
    catalogue: Catalogue,
    drawn: list[tuple[int, int, float]],
    scope: Scope | str | None,
    k: int,
    least: float | None,
    turned: bool,
    own: int | None,
) -> None:
    snapshot, both = views(catalogue)
    plain, view = both[SPACE], with_index(both[SPACE], "exact")
    parts = [Part("q", w, clustered(700 + seed, n, DIMS[SPACE])) for seed, n, w in drawn]
    if own is not None:
        parts.append(known_part(snapshot, plain, sound_id(own)))
    how = {"scope": scope, "k": k, "min_closeness": least, "most_different": turned}
    wanted = rank(catalogue, snapshot, plain, parts, borders=BORDERS[SPACE], **how)
    snapshot.memo._known.clear()
    found = rank(catalogue, snapshot, view, parts, borders=BORDERS[SPACE], **how)
    snapshot.memo._known.clear()
    assert found.hits == wanted.hits
    assert (found.considered, found.nothing_close) == (wanted.considered, wanted.nothing_close)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 500),
    n=st.integers(1, 3),
    scope=scopes,
    weights=st.tuples(st.sampled_from([0.2, 1.0]), st.sampled_from([0.3, 1.0])),
    indexed=st.booleans(),
    turned=st.booleans(),
    first=st.sampled_from([SPACE, OTHER]),
)
def test_blends_are_what_loops_make_of_them(
    catalogue: Catalogue,
    seed: int,
    n: int,
    scope: Scope | str | None,
    weights: tuple[float, float],
    indexed: bool,
    turned: bool,
    first: str,
) -> None:
    snapshot, both = views(catalogue)
    names = [first, OTHER if first == SPACE else SPACE]
    Q = {name: clustered(900 + seed, n, DIMS[name]) for name in names}
    senses = [
        Sense(
            with_index(both[name], "exact") if indexed else both[name],
            [Part("q", 1.0, Q[name])],
            BORDERS[name],
            weight,
        )
        for name, weight in zip(names, weights, strict=True)
    ]
    result = rank_in(catalogue, snapshot, senses, scope=scope, k=12, most_different=turned)
    inside = search.candidates.sounds_in(snapshot, scope)
    related = {name: BORDERS[name][2] for name in names}
    shares = dict(zip(names, np.array(weights) / sum(weights), strict=True))
    mean = sum(shares[name] * related[name] for name in names)
    wanted = {}
    for number in np.flatnonzero(inside).tolist():
        rows = {name: both[name].rows_of(number) for name in names}
        if not all(len(rows[name]) for name in names):
            continue
        wanted[snapshot.ids[number]] = sum(
            shares[name]
            * mean
            / related[name]
            * (
                1
                - np.mean(
                    [
                        max(float(q @ both[name].index.vectors[int(row)]) for row in rows[name])
                        for q in Q[name]
                    ]
                )
            )
            for name in names
        )
    best = sorted(wanted.values(), reverse=turned)[:12]
    assert [hit.distance for hit in result.hits] == pytest.approx(
        [min(max(d, 0.0), 2.0) for d in best], abs=2e-5
    )
    for hit in result.hits:
        rows = {name: both[name].rows_of(int(snapshot.ids.get(hit.sound_id))) for name in names}
        assert hit.bands == tuple(
            band_of(
                1
                - np.mean(
                    [
                        max(float(q @ both[name].index.vectors[int(row)]) for row in rows[name])
                        for q in Q[name].astype(np.float64)
                    ]
                ),
                BORDERS[name],
            )
            for name in names
        )
        assert wanted[hit.sound_id] == pytest.approx(hit.distance, abs=2e-5) or hit.distance in {
            0,
            2,
        }


@settings(max_examples=15, deadline=None)
@given(
    moves=st.lists(
        st.tuples(
            st.sampled_from([(SPACE, 0.2), (SPACE, 1.0), (SPACE, 0.0)]),
            st.sampled_from([(OTHER, 0.3), (OTHER, 0.9)]),
            st.integers(0, 1),
            scopes,
            st.booleans(),
        ),
        min_size=2,
        max_size=5,
    ),
    kind=st.sampled_from(["", "exact", "ann"]),
    swapped=st.booleans(),
)
def test_moved_weights_give_the_list_of_a_fresh_search(
    catalogue: Catalogue,
    indexed: dict[str, dict[str, SpaceView]],
    moves: list[tuple[tuple[str, float], tuple[str, float], int, Scope | str | None, bool]],
    kind: str,
    swapped: bool,
) -> None:
    snapshot, _ = views(catalogue)
    seen = indexed[kind]
    for one, other, query, scope, turned in moves:
        senses = [
            Sense(
                seen[name],
                [known_part(snapshot, seen[name], sound_id(query + 1))],
                BORDERS[name],
                weight,
            )
            for name, weight in ((other, one) if swapped else (one, other))
            if weight
        ]
        how = {"scope": scope, "k": 12, "most_different": turned}
        moved = rank_in(catalogue, snapshot, senses, **how)
        fresh = replace(snapshot, memo=Memo(), standing=standing_memo())
        assert moved.hits == rank_in(catalogue, fresh, senses, **how).hits


def test_a_moved_weight_compares_nothing_again(
    catalogue: Catalogue,
    indexed: dict[str, dict[str, SpaceView]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, measured = [], []
    among, closeness = LiveIndex.among, standing.closeness_of_runs
    monkeypatch.setattr(LiveIndex, "among", lambda *a, **k: asked.append(1) or among(*a, **k))
    monkeypatch.setattr(
        standing, "closeness_of_runs", lambda *a: measured.append(1) or closeness(*a)
    )
    snapshot, _ = views(catalogue)
    seen = indexed["exact"]
    parts = {name: [known_part(snapshot, seen[name], sound_id(5))] for name in seen}
    lists = [
        rank_in(
            catalogue,
            snapshot,
            [Sense(seen[name], parts[name], BORDERS[name], w[name]) for name in seen],
        ).hits
        for w in ({SPACE: 1.0, OTHER: 0.1}, {SPACE: 0.1, OTHER: 1.0}, {SPACE: 0.5, OTHER: 0.5})
    ]
    assert lists[0] != lists[1] != lists[2]
    assert (len(asked), len(measured)) == (2, 2)  # once in each space


def test_a_blend_of_one_is_the_space_itself(catalogue: Catalogue) -> None:
    snapshot, both = views(catalogue)
    parts = [Part("q", 1.0, clustered(5, 2, DIMS[OTHER]))]
    alone = rank(catalogue, snapshot, both[OTHER], parts, borders=BORDERS[OTHER])
    sense = Sense(both[OTHER], parts, BORDERS[OTHER], 0.3)
    assert rank_in(catalogue, snapshot, [sense]).hits == alone.hits
    assert scales_of([sense])[1] == pytest.approx(BORDERS[OTHER])


@pytest.mark.parametrize("n", [1, 3])
def test_recall_of_hits(catalogue: Catalogue, n: int) -> None:
    snapshot, both = views(catalogue)
    plain, view = both[SPACE], with_index(both[SPACE], "ann")
    assert recall(catalogue, snapshot, plain, view, n) >= 0.95


def recall(
    catalogue: Catalogue, snapshot: Snapshot, plain: SpaceView, view: SpaceView, n: int
) -> float:
    """The part of the ten best sounds that the index finds, by distance, for sounds of n segments."""
    lengths = plain.ends - plain.starts
    runs = np.flatnonzero((lengths >= n) & (plain.sound[plain.starts] >= 0))
    chosen = np.random.default_rng(n).permutation(runs)[:40]
    hits = wanted = 0
    for run in chosen:
        name = snapshot.ids[int(plain.sound[plain.starts[run]])]
        parts = [known_part(snapshot, plain, name)]
        true = rank(catalogue, snapshot, plain, parts, borders=BORDERS[SPACE]).hits
        found = rank(catalogue, snapshot, view, parts, borders=BORDERS[SPACE]).hits
        hits += sum(hit.distance <= true[-1].distance + 1e-5 for hit in found)
        wanted += len(true)
    return hits / wanted


def test_recall_of_hits_on_real_sound(data_dir: Path, tmp_path: Path) -> None:
    with Library.open(tmp_path / "library") as library:
        library.add(data_dir / "sonicpi", jobs=1)
        snapshot, plain, _ = (look := library.look()).snapshot, look.view, look.borders
        near = build("ann", np.asarray(plain.index.vectors), n_lists=24)
        near.adopt({"effort": {"n_probe": 8}, "target": 0.95, "k": 10})
        rows = Rows.of(np.empty((0, near.dim), np.float32), np.asarray(near.vectors))
        index = LiveIndex.of(plain.space_id, rows, plain.index.alive, near)
        view = replace(plain, index=index)
        for n in (1, 4):
            assert recall(library.catalogue, snapshot, plain, view, n) >= 0.95


def test_recall_of_blends_on_real_sound(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two halves of the numbers of one space stand for two spaces; each is asked for few."""
    monkeypatch.setattr(candidates, "DEPTH_OF_BLEND", 60)
    monkeypatch.setattr(candidates, "A_HIT_OF_BLEND", 6)
    with Library.open(tmp_path / "library") as library:
        library.add(data_dir / "sonicpi", jobs=1)
        look = library.look()
        X = np.asarray(look.view.index.vectors)
        pairs = {
            kind: [half(look.view, X[:, i::2], kind) for i in (0, 1)] for kind in ("", "exact")
        }
        hits = wanted = 0
        for run in np.random.default_rng(0).permutation(len(look.view.starts))[:40]:
            name = look.snapshot.ids[int(look.view.sound[look.view.starts[run]])]
            found = {}
            for kind, both in pairs.items():
                senses = [
                    Sense(v, [known_part(look.snapshot, v, name)], look.borders) for v in both
                ]
                found[kind] = rank_in(library.catalogue, look.snapshot, senses).hits
            hits += sum(hit.distance <= found[""][-1].distance + 1e-5 for hit in found["exact"])
            wanted += len(found[""])
    assert hits / wanted >= 0.95


def half(view: SpaceView, X: np.ndarray, kind: str) -> SpaceView:
    """A view with other vectors for its rows, with an index over them or without."""
    X = np.ascontiguousarray(X / np.linalg.norm(X, axis=1, keepdims=True))
    near = build(kind, X) if kind else None
    rows = Rows.of(X) if near is None else Rows.of(X[:0], np.asarray(near.vectors))
    return replace(view, index=LiveIndex.of(view.space_id, rows, view.index.alive, near))


def test_the_memory_of_a_snapshot_is_bounded(catalogue: Catalogue) -> None:
    snapshot, both = views(catalogue)
    for i in range(40):
        scope = Scope(min_duration_s=float(i))
        rank(
            catalogue,
            snapshot,
            both[SPACE],
            [Part("q", 1.0, clustered(3, 1, DIMS[SPACE]))],
            borders=BORDERS[SPACE],
            scope=scope,
        )
    assert len(snapshot.memo._known) <= 12


def test_standing_queries_go_when_their_room_is_full() -> None:
    memo = Memo(most=3, most_bytes=100)
    sizes = {
        name: np.zeros(size, np.uint8) for name, size in zip("abcd", (40, 40, 30, 90), strict=True)
    }
    for name in "ab":
        memo.get(name, sizes[name].copy)
    memo.get("a", sizes["a"].copy)  # asked for again: "b" is the oldest now
    memo.get("c", sizes["c"].copy)
    assert list(memo._known) == ["a", "c"]
    memo.get("d", sizes["d"].copy)
    assert list(memo._known) == ["d"]
    for name in "efgh":
        memo.get(name, lambda: np.zeros(1, np.uint8))
    assert list(memo._known) == ["f", "g", "h"]
