"""What was read piece by piece is what a reading of everything finds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.errors import LibraryError
from soundkin.library import ids as ids_module
from soundkin.library.follow import NUMBER, Batches, Tail
from soundkin.library.ids import SoundIds, packed
from soundkin.library.places import forget_sounds
from soundkin.library.rooms import Rooms
from soundkin.library.spots import Spots, spots_from
from soundkin.library.spotting import Spotting
from soundkin.library.store import SCHEMAS, Store
from tests.library.making import heard, lay_root, put, sound_id, unit

if TYPE_CHECKING:
    from collections.abc import Sequence


def place_rows(numbers: Sequence[int], state: str = "present") -> pa.Table:
    """Rows of `locations`: two sounds share each path's folder."""
    rows = [
        {
            "root_id": "root",
            "path": f"f{n // 2}/{n}.wav".encode(),
            "display": f"f{n // 2}/{n}.wav",
            "byte_hash": "",
            "size": 1,
            "mtime_ns": 1,
            "sound_id": sound_id(n % 7),
            "state": state,
        }
        for n in numbers
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMAS["locations"])


def test_a_tail_gives_what_was_added_and_everything_when_more_happened(store: Store) -> None:
    tail, held = Tail(store, "locations"), []

    def step(*, added: bool) -> None:
        rows, is_added = tail.read(["display", "state"])
        assert is_added is added
        held[:] = [*(held if added else []), *rows.drop_columns(NUMBER).to_pylist()]
        there = store.read("locations", ["display", "state"]).to_pylist()
        assert sorted(map(str, held)) == sorted(map(str, there))

    step(added=False)  # there is no table yet
    store.append("locations", place_rows(range(3)))
    step(added=False)
    step(added=True)
    store.append("locations", place_rows(range(3, 5)))
    store.append("locations", place_rows(range(5, 6)))
    step(added=True)
    assert len(held) == 6
    store.upsert("locations", place_rows([1], "gone"))
    step(added=False)
    store.delete("locations", f"sound_id = '{sound_id(2)}'")
    store.append("locations", place_rows([9]))
    step(added=False)
    store.compact()
    step(added=False)
    store.append("locations", place_rows([11]))
    step(added=True)


def test_very_many_new_rows_are_read_with_all_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundkin.library.follow.TAKEN", 2)
    tail = Tail(store, "locations")
    store.append("locations", place_rows([0]))
    tail.read(["display"])
    store.append("locations", place_rows([1, 2, 3]))
    rows, added = tail.read(["display"])
    assert (rows.num_rows, added) == (4, False)


def test_batches_are_counted_and_fetched(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_root(store)
    put(store, [heard(sound_id(1), unit(1, 2))], 1)
    followed = Batches(store, "segments")
    assert followed.counts() == {1: 2}
    put(store, [heard(sound_id(n), unit(n, 3)) for n in (2, 3)], 5)
    put(store, [heard(sound_id(4), unit(4, 1))], 6)
    assert followed.counts() == {1: 2, 5: 6, 6: 1}
    whole = []
    monkeypatch.setattr(Store, "read", lambda *given: whole.append(given))
    rows = followed.rows({5, 6}, ["sound_id", "batch"], all_=False)
    assert sorted(rows["batch"].to_pylist()) == [5] * 6 + [6]
    assert set(rows["sound_id"].to_pylist()) == {sound_id(n) for n in (2, 3, 4)}
    assert not whole, "what has just come is not looked for in the whole table"
    followed.rows({1}, None, all_=False)
    assert whole == [(store, "segments", None, "batch IN (1)")]


def shown(spots: Spots, n_sounds: int) -> list[object]:
    """All that is asked of places."""
    folders = spots.folders.to_pylist()
    folder_of = sorted(zip(spots.sound.tolist(), [folders[f] for f in spots.folder], strict=True))
    words = [spots.sounds_with(spots.containing(word)).tolist() for word in ("f1", "3.wav", "")]
    return [
        spots.of_many(range(n_sounds)),
        spots.placed.tolist(),
        folder_of,
        words,
        spots.ranks().tolist(),
    ]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=9), max_size=6),
    st.integers(0, 5),
)
def test_places_that_come_piece_by_piece_are_the_same_places(
    pieces: list[list[tuple[int, bool]]], unknown: int
) -> None:
    roots = {"root": b"/nowhere"}
    tables = [
        pa.concat_tables(
            [place_rows([])] + [place_rows([n], "present" if here else "gone") for n, here in piece]
        )
        for piece in pieces
    ]
    sounds = [
        np.array([-1 if n % 7 == unknown else n % 7 for n, _ in piece], np.int64)
        for piece in pieces
    ]
    grown = spots_from(place_rows([]), np.empty(0, np.int64), 0, roots)
    n_known = 0
    for table, sound in zip(tables, sounds, strict=True):
        n_known = max(n_known, int(sound.max(initial=-1)) + 1)
        grown = grown.plus(table, sound, n_known)
    whole = spots_from(
        pa.concat_tables([place_rows([]), *tables]),
        np.concatenate([np.empty(0, np.int64), *sounds]),
        n_known,
        roots,
    )
    mine, theirs = shown(grown, n_known), shown(whole, n_known)
    assert mine[:4] == theirs[:4]
    assert np.array_equal(np.argsort(mine[4], kind="stable"), np.argsort(theirs[4], kind="stable"))


def test_places_wait_for_their_sound_and_go_with_it(store: Store) -> None:
    lay_root(store)
    spotting = Spotting(store)
    assert not spotting.look(SoundIds.of()).placed.size
    store.append("locations", place_rows([1, 2]))
    one = SoundIds.of([sound_id(1)])
    assert spotting.look(one).placed.tolist() == [True]
    both = one.plus(packed(pa.chunked_array([[sound_id(2)]])))
    found = spotting.look(both)  # nothing new is in the table
    assert [spot.name for spot in found.of(1)] == ["2.wav"]
    put(store, [heard(sound_id(1), unit(1))], 1)
    forget_sounds(store, [sound_id(1)])
    less = both.without(np.array([0]))
    assert spotting.look(less, anew=True).placed.tolist() == [False, True]


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_ids_are_found_in_whatever_order(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 40))
    pairs = np.random.default_rng(n).integers(0, 2**62, (n + 10, 2)).astype(np.uint64)
    split = data.draw(st.integers(0, n))
    ids = SoundIds.of_pairs(pairs[:split]).plus(pairs[split:n])
    wanted = {tuple(pair): i for i, pair in enumerate(pairs[:n].tolist())}
    if data.draw(st.booleans()):
        ids = ids.without(np.array([n - 1]))
        del wanted[tuple(pairs[n - 1].tolist())]
    stretch = st.tuples(st.integers(0, n + 9), st.integers(1, 12), st.integers(1, 3))
    asked = [
        row
        for begin, length, times in data.draw(st.lists(stretch, max_size=8))
        for row in range(begin, min(begin + length, n + 10))
        for _ in range(times)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids_module, "STRETCH", data.draw(st.integers(1, 9)))
        patch.setattr(ids_module, "MISSES", data.draw(st.integers(0, 6)))
        found = ids.ords(pairs[asked])
    assert found.tolist() == [wanted.get(tuple(pair), -1) for pair in pairs[asked].tolist()]
    assert [ids.get(ids[i]) for i in wanted.values()] == list(wanted.values())


@pytest.mark.parametrize("name", ["A" * 32, "g" * 32, "0" * 31, "0" * 30 + "\u00e9", " " * 32])
def test_what_is_no_id_is_refused(name: str) -> None:
    with pytest.raises(LibraryError, match="32 hex digits"):
        packed(pa.chunked_array([["0" * 32, name]]))


def test_an_array_grows_and_what_it_was_stays() -> None:
    rooms, rng, held = Rooms(), np.random.default_rng(0), [np.arange(3)]
    copies = [held[0].copy()]
    for n in rng.integers(0, 9, 40).tolist():
        old = held[-1] if rng.random() < 0.8 else held[int(rng.integers(len(held)))]
        new = rng.integers(0, 9, n)
        held.append(rooms.plus("a", old, new))
        copies.append(np.concatenate([old, new]))
    assert all(np.array_equal(mine, its) for mine, its in zip(held, copies, strict=True))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text("ab01 9_", min_size=1, max_size=16), max_size=12))
def test_numbers_in_names_are_sorted_as_numbers(names: list[str]) -> None:
    rows = place_rows([0] * len(names)).set_column(
        2, "display", pa.array([f"{name}.wav" for name in names], pa.string())
    )
    ranks = spots_from(rows, np.arange(len(names)), len(names), {"root": b"/nowhere"}).ranks()

    def key(name: str) -> list[tuple[int, int]]:
        parts = re.findall(r"\d+|\D", f"{name}.wav")
        return [(ord("0"), int(part)) if part.isdigit() else (ord(part), 0) for part in parts]

    wanted = sorted(names, key=lambda name: (key(name), name))
    assert [names[i] for i in np.argsort(ranks, kind="stable")] == wanted
