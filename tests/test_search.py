"""Ranking against loops written out, and what a person may ask for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.errors import InputError, NotFound
from soundkin.library.catalogue import Catalogue
from soundkin.library.store import Store
from soundkin.listen import QueryItem, as_items, known_part
from soundkin.scope import Scope
from soundkin.search import BANDS, Part, band_of, hits, spread
from tests.library.making import DIM, SPACE, heard, lay_root, put, sound_id, unit
from tests.ranking import rank

if TYPE_CHECKING:
    from pathlib import Path

BORDERS = (0.05, 0.4, 0.8)
SIZES = (1, 3, 1, 6, 2, 4, 1, 1, 5, 2)
PATHS = [f"{('Drums', 'Drums/Kicks', 'Pads')[i % 3]}/sound {i}.wav" for i in range(len(SIZES))]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalogue, list[np.ndarray]]:
    """Ten sounds of one to six segments, and their vectors."""
    store = Store.open(tmp_path_factory.mktemp("search") / "library")
    lay_root(store)
    vectors = [unit(i, n) for i, n in enumerate(SIZES)]
    put(
        store,
        [heard(sound_id(i), X, duration_s=float(i + 1)) for i, X in enumerate(vectors)],
        1,
        paths=PATHS,
    )
    return Catalogue(store), vectors


def ask(catalogue: Catalogue, parts: list[Part], **how: object) -> object:
    """Rank with the library's snapshot."""
    snapshot = catalogue.snapshot(SPACE)
    return rank(catalogue, snapshot, snapshot.spaces[SPACE], parts, borders=BORDERS, **how)


def by_loops(
    vectors: list[np.ndarray], parts: list[Part], left_out: set[tuple[int, int]]
) -> dict[int, float]:
    """Each sound's closeness, one multiplication at a time."""
    found = {}
    for number, segments in enumerate(vectors):
        allowed = [s for s in range(len(segments)) if (number, s) not in left_out]
        if not allowed:
            continue
        total = weights = 0.0
        for part in parts:
            counterparts = []
            for q in part.vectors:
                best = -2.0
                for s in allowed:
                    best = max(
                        best, sum(float(a) * float(b) for a, b in zip(q, segments[s], strict=True))
                    )
                counterparts.append(best)
            total += part.weight * sum(counterparts) / len(counterparts)
            weights += abs(part.weight)
        found[number] = total / weights
    return found


parts_drawn = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 5), st.sampled_from([1.0, 0.5, -0.5, -1.0, 2.0])),
    min_size=1,
    max_size=3,
).filter(lambda drawn: any(weight > 0 for _, _, weight in drawn))


@settings(max_examples=25, deadline=None)
@given(drawn=parts_drawn, k=st.integers(1, 12), turned=st.booleans())
def test_ranks_as_the_loops_do(
    library: tuple[Catalogue, list[np.ndarray]],
    drawn: list[tuple[int, int, float]],
    k: int,
    turned: bool,
) -> None:
    catalogue, vectors = library
    parts = [Part("q", weight, unit(100 + seed, n)) for seed, n, weight in drawn]
    wanted = by_loops(vectors, parts, set())
    result = ask(catalogue, parts, k=k, most_different=turned)
    order = sorted(wanted, key=lambda number: wanted[number] * (1 if turned else -1))
    assert len(result.hits) == min(k, len(vectors))
    assert [hit.rank for hit in result.hits] == list(range(1, len(result.hits) + 1))
    for hit, number in zip(result.hits, order, strict=False):
        assert hit.sound_id == sound_id(number)
        assert hit.distance == pytest.approx(1 - wanted[number], abs=2e-6)
        assert hit.closeness == pytest.approx(1 - hit.distance, abs=2e-6)
        assert hit.name == PATHS[number].rpartition("/")[2]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(1, 4))
def test_ranges_are_apart_and_the_best_comes_first(
    library: tuple[Catalogue, list[np.ndarray]], seed: int, n: int
) -> None:
    catalogue, vectors = library
    query = unit(2000 + seed, n)
    for hit in ask(catalogue, [Part("q", 1.0, query)], k=10).hits:
        number = next(i for i in range(len(SIZES)) if sound_id(i) == hit.sound_id)
        near = (vectors[number] @ query.T).max(axis=1)
        best = int(near.argmax())
        assert hit.segment_id == f"{hit.sound_id}-{best}"
        assert (hit.start_s, hit.end_s) == (best * 0.5, best * 0.5 + 1.0)
        ranges = [(hit.start_s, hit.end_s)] + [(r.start_s, r.end_s) for r in hit.further]
        assert all(a[1] <= b[0] or b[1] <= a[0] for i, a in enumerate(ranges) for b in ranges[:i])
        distances = [r.distance for r in hit.further]
        assert distances == sorted(distances)
        assert all(r.band != "far" for r in hit.further)


def test_a_whole_sound_leaves_itself_out(library: tuple[Catalogue, list[np.ndarray]]) -> None:
    catalogue, _ = library
    snapshot = catalogue.snapshot(SPACE)
    part = known_part(snapshot, snapshot.spaces[SPACE], sound_id(3))
    assert part.vectors.shape == (6, DIM)
    result = ask(catalogue, [part], k=50)
    assert sound_id(3) not in {hit.sound_id for hit in result.hits}
    assert len(result.hits) == len(SIZES) - 1
    assert result.considered == sum(SIZES) - 6
    assert result.query[0].sound_id == sound_id(3)


def test_a_segment_leaves_out_what_overlaps_it(library: tuple[Catalogue, list[np.ndarray]]) -> None:
    catalogue, vectors = library
    snapshot = catalogue.snapshot(SPACE)
    part = known_part(snapshot, snapshot.spaces[SPACE], sound_id(3), seq=2)
    result = ask(catalogue, [part], k=50)
    own = next(hit for hit in result.hits if hit.sound_id == sound_id(3))
    wanted = by_loops(vectors, [part], {(3, 1), (3, 2), (3, 3)})
    assert own.distance == pytest.approx(1 - wanted[3], abs=2e-6)
    assert own.end_s <= 1.0 or own.start_s >= 2.0


def test_a_range_takes_the_segments_it_touches(library: tuple[Catalogue, list[np.ndarray]]) -> None:
    catalogue, vectors = library
    snapshot = catalogue.snapshot(SPACE)
    view = snapshot.spaces[SPACE]
    part = known_part(snapshot, view, sound_id(3), start_s=1.2, end_s=1.6)
    np.testing.assert_array_equal(part.vectors, vectors[3][1:4])
    with pytest.raises(NotFound, match="nothing to hear"):
        known_part(snapshot, view, sound_id(3), start_s=60, end_s=61)
    with pytest.raises(NotFound, match="no segment 17"):
        known_part(snapshot, view, sound_id(3), seq=17)
    with pytest.raises(NotFound, match="no sound"):
        known_part(snapshot, view, "f" * 32)


@pytest.mark.parametrize(
    ("scope", "numbers"),
    [
        (Scope(folders=["Drums"]), {0, 1, 3, 4, 6, 7, 9}),
        (Scope(folders=["drums/kicks"]), {1, 4, 7}),
        (Scope(folders=["/nowhere/Samples/Pads"]), {2, 5, 8}),
        (Scope(folders=["/nowhere/Sam"]), set()),
        (Scope(folders=["Samples"]), set(range(10))),
        (Scope(folders=["Drums"], not_folders=["Kicks"]), {0, 3, 6, 9}),
        (Scope(folders=["Kicks", "Pads"]), {1, 4, 7, 2, 5, 8}),
        (Scope(min_duration_s=3.0, max_duration_s=5.0), {2, 3, 4}),
        (Scope(text="sound 3"), {3}),
        (Scope(text="PADS -5"), {2, 8}),
        (Scope(text="sound"), set(range(10))),
        (Scope(added_after=datetime.now(UTC) + timedelta(days=1)), set()),
        (Scope(added_before=datetime.now(UTC) + timedelta(days=1)), set(range(10))),
        (Scope(tags=["none such"]), set()),
        (Scope(not_tags=["none such"]), set(range(10))),
    ],
)
def test_scopes(
    library: tuple[Catalogue, list[np.ndarray]], scope: Scope, numbers: set[int]
) -> None:
    result = ask(library[0], [Part("q", 1.0, unit(77))], k=50, scope=scope)
    assert {hit.sound_id for hit in result.hits} == {sound_id(number) for number in numbers}


def test_minimum_closeness_keeps_what_is_near(library: tuple[Catalogue, list[np.ndarray]]) -> None:
    catalogue, _ = library
    everything = ask(catalogue, [Part("q", 1.0, unit(77))], k=50)
    border = everything.hits[3].closeness
    near = ask(catalogue, [Part("q", 1.0, unit(77))], k=50, min_closeness=border - 1e-5)
    assert [hit.sound_id for hit in near.hits] == [hit.sound_id for hit in everything.hits[:4]]


def test_nothing_close_is_said(library: tuple[Catalogue, list[np.ndarray]]) -> None:
    catalogue, vectors = library
    snapshot = catalogue.snapshot(SPACE)
    part = Part("q", 1.0, unit(77))
    strict = rank(catalogue, snapshot, snapshot.spaces[SPACE], [part], borders=(1e-9, 2e-9, 3e-9))
    assert strict.nothing_close
    assert {hit.band for hit in strict.hits} == {"far"}
    itself = ask(catalogue, [Part("q", 1.0, vectors[4][:1])])
    assert not itself.nothing_close
    assert (itself.hits[0].band, itself.hits[0].distance) == (
        "near-identical",
        pytest.approx(0, abs=1e-6),
    )


def test_negative_parts_do_not_change_what_near_means(
    library: tuple[Catalogue, list[np.ndarray]],
) -> None:
    catalogue, vectors = library
    toward = Part("q", 1.0, vectors[4][:1])
    away = Part("not", -0.5, unit(11))
    hit = next(h for h in ask(catalogue, [toward, away], k=50).hits if h.sound_id == sound_id(4))
    assert hit.band == "near-identical"


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_tiny_libraries(tmp_path: Path, n: int) -> None:
    store = Store.open(tmp_path / "library")
    lay_root(store)
    if n:
        put(store, [heard(sound_id(i), unit(i)) for i in range(n)], 1)
    catalogue = Catalogue(store)
    snapshot = catalogue.snapshot(SPACE)
    if not n:
        assert SPACE not in snapshot.spaces
        return
    result = ask(catalogue, [known_part(snapshot, snapshot.spaces[SPACE], sound_id(0))])
    assert len(result.hits) == n - 1
    assert result.nothing_close is (n == 1) or result.hits


def test_equal_sounds_stand_in_a_fixed_order(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "library")
    lay_root(store)
    put(store, [heard(sound_id(i), unit(3)) for i in range(30)], 1)
    catalogue = Catalogue(store)
    first = [hit.sound_id for hit in ask(catalogue, [Part("q", 1.0, unit(3))], k=30).hits]
    for k in (1, 5, 29, 30):
        again = [hit.sound_id for hit in ask(catalogue, [Part("q", 1.0, unit(3))], k=k).hits]
        assert again == first[:k]


def test_what_cannot_be_asked(library: tuple[Catalogue, list[np.ndarray]]) -> None:
    catalogue, _ = library
    part = Part("q", 1.0, unit(77))
    with pytest.raises(InputError, match="k is 0; expected 1 or more"):
        ask(catalogue, [part], k=0)
    with pytest.raises(InputError, match="expected -1 to 1"):
        ask(catalogue, [part], min_closeness=1.5)
    with pytest.raises(InputError, match="every part of the query has a negative weight"):
        ask(catalogue, [Part("q", -1.0, unit(77))])
    with pytest.raises(InputError, match="the query is empty"):
        as_items([])
    with pytest.raises(InputError, match="a query of type int"):
        as_items(7)


def test_items_of_any_kind() -> None:
    item = QueryItem("a.wav", weight=-1.0)
    assert as_items(item) == [item]
    assert [i.source for i in as_items(["a.wav", b"bytes", item])] == ["a.wav", b"bytes", "a.wav"]
    assert as_items(np.zeros(3))[0].weight == 1.0


@settings(max_examples=200, deadline=None)
@given(
    distance=st.floats(0, 2), borders=st.lists(st.floats(0, 2), min_size=3, max_size=3).map(sorted)
)
def test_bands_are_ordered(distance: float, borders: list[float]) -> None:
    band = BANDS.index(band_of(distance, borders))
    assert all(distance > border for border in borders[:band])
    assert all(distance <= border for border in borders[band:])


@given(n=st.integers(1, 200), most=st.integers(2, 40))
def test_spread_keeps_both_ends(n: int, most: int) -> None:
    rows = np.arange(float(n)).reshape(n, 1)
    kept = spread(rows, most)[:, 0]
    assert len(kept) == min(n, most)
    assert (kept[0], kept[-1]) == (0, n - 1)
    assert (np.diff(kept) > 0).all()
    assert not len(kept) > 2 or np.ptp(np.diff(kept)) <= 1


def test_a_very_long_sound_is_shown_without_looking_at_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(tmp_path / "library")
    lay_root(store)
    X = unit(1, 30_000)
    put(store, [heard(sound_id(0), X), heard(sound_id(1), unit(2, 3))], 1)
    catalogue = Catalogue(store)
    described = []
    describe = hits.Show._range
    monkeypatch.setattr(
        hits.Show,
        "_range",
        lambda self, row, near: described.append(row) or describe(self, row, near),
    )
    q = unit(77)
    result = ask(catalogue, [Part("q", 1.0, q)], k=1)
    assert (result.hits[0].sound_id, len(result.hits[0].further)) == (sound_id(0), 8)
    assert len(described) < 200
    near = np.sort(1 - X @ q[0])
    assert result.hits[0].further[0].distance >= near[0]
    snapshot = catalogue.snapshot(SPACE)
    described.clear()
    strict = (1e-9, 2e-9, 3e-9)
    far = rank(catalogue, snapshot, snapshot.spaces[SPACE], [Part("q", 1.0, q)], borders=strict)
    assert all(not hit.further for hit in far.hits)
    assert len(described) == 4


@pytest.mark.parametrize("n", [2, 5, 32, 60])
def test_many_moments_against_many_rows(tmp_path: Path, n: int) -> None:
    """Blocks of rows end between sounds, whatever their lengths."""
    store = Store.open(tmp_path / "library")
    lay_root(store)
    sizes = [3, 9_000, 1, 1, 5_000, 8_191, 1, 20_000, 2]
    vectors = [unit(i, size) for i, size in enumerate(sizes)]
    put(store, [heard(sound_id(i), X) for i, X in enumerate(vectors)], 1)
    query = unit(99, n)
    asked = spread(query)
    wanted = {i: float((asked @ X.T).max(axis=1).mean()) for i, X in enumerate(vectors)}
    result = ask(Catalogue(store), [Part("q", 1.0, query)], k=20)
    assert [hit.sound_id for hit in result.hits] == [
        sound_id(i) for i in sorted(wanted, key=lambda i: -wanted[i])
    ]
    for hit, number in zip(result.hits, sorted(wanted, key=lambda i: -wanted[i]), strict=True):
        assert hit.distance == pytest.approx(1 - wanted[number], abs=3e-6)


def test_what_shall_be_different_is_not_called_not_close(
    library: tuple[Catalogue, list[np.ndarray]],
) -> None:
    result = ask(library[0], [Part("q", 1.0, unit(77))], k=1, most_different=True)
    assert not result.nothing_close


def test_a_sound_without_vectors_of_a_space_is_no_query_in_it(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "library")
    lay_root(store)
    put(store, [heard(sound_id(0), unit(1))], 1)
    put(store, [heard(sound_id(1), unit(2, dim=5), "other-11111111")], 2)
    snapshot = Catalogue(store).snapshot(SPACE)
    with pytest.raises(NotFound, match=f"no vectors of the space {SPACE}"):
        known_part(snapshot, snapshot.spaces[SPACE], sound_id(1))
