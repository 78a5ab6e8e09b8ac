"""The library in memory against the tables and a plain model, also while others write."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from soundkin.errors import LibraryError
from soundkin.library import follow
from soundkin.library.catalogue import Catalogue
from soundkin.library.ids import SoundIds, distinct, packed
from soundkin.library.places import forget_sounds
from soundkin.library.rows import _vector_rows, write_sounds
from soundkin.library.store import SCHEMAS, Store, vectors_table
from soundkin.library.sweep import sweep
from soundkin.scope import Scope, sounds_in
from soundkin.search import Part
from tests.library.making import SPACE, heard, lay_root, put, sound_id, unit
from tests.ranking import rank

if TYPE_CHECKING:
    from collections.abc import Callable

    from soundkin.library.snapshot import Snapshot


def fresh(catalogue: Catalogue, space: str | None = SPACE) -> Snapshot:
    """The snapshot of this very moment."""
    catalogue.touch()
    return catalogue.snapshot(space)


def living(snapshot: Snapshot) -> dict[str, int]:
    """Every living sound with the number of its segments."""
    return {snapshot.ids[i]: len(snapshot.segment_rows(i)) for i in np.flatnonzero(snapshot.alive)}


def nearest(catalogue: Catalogue, snapshot: Snapshot, q: np.ndarray, k: int = 3) -> list[str]:
    """The ids of the sounds nearest to a vector."""
    view = snapshot.spaces[SPACE]
    hits = rank(catalogue, snapshot, view, [Part("q", 1.0, q)], borders=(0.1, 0.2, 0.3), k=k).hits
    return [hit.sound_id for hit in hits]


def check(snapshot: Snapshot, vectors: dict[str, np.ndarray]) -> None:
    """The snapshot holds exactly these sounds, each segment with its own vector."""
    assert living(snapshot) == {name: len(X) for name, X in vectors.items()}
    assert [name in snapshot.ids for name in vectors] == [True] * len(vectors)
    view = snapshot.spaces.get(SPACE)
    if view is None:
        assert not vectors
        return
    rows = np.flatnonzero(view.segment >= 0)
    assert len(rows) == sum(map(len, vectors.values())) == view.index.n
    assert np.array_equal(view.index.alive, view.segment >= 0)
    assert view.index.n_ids == len(view.sound) == len(view.batch)
    assert (np.diff(view.starts) > 0).all()
    runs = view.sound[view.starts]
    runs = runs[runs >= 0]
    assert len(set(runs.tolist())) == len(runs), "a sound's rows are torn apart"
    for row in rows:
        name = snapshot.ids[int(view.sound[row])]
        segment = int(view.segment[row])
        assert int(snapshot.segments["sound"][segment]) == int(view.sound[row])
        seq = int(snapshot.segments["seq"][segment])
        np.testing.assert_array_equal(view.index.vectors[row], vectors[name][seq])


# -- what other processes write -------------------------------------------------------------------

OTHER = """
import sys
from pathlib import Path
from soundkin.library.store import Store
from tests.library.making import heard, put, sound_id, unit
from tests.ranking import rank
put(Store.open(Path(sys.argv[1])), [heard(sound_id(n), unit(n, 2)) for n in (5, 6)], 50)
"""


def test_what_another_process_commits_is_seen(store: Store) -> None:
    lay_root(store)
    put(store, [heard(sound_id(1), unit(1, 3))], 1)
    catalogue = Catalogue(store)
    old = catalogue.snapshot(SPACE)
    home = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", OTHER, str(store.path)], check=True, cwd=home)
    new = fresh(catalogue)
    check(new, {sound_id(1): unit(1, 3), sound_id(5): unit(5, 2), sound_id(6): unit(6, 2)})
    assert living(old) == {sound_id(1): 3}  # a snapshot never changes
    assert new.ids.get(sound_id(1)) == old.ids.get(sound_id(1)) == 0
    assert nearest(catalogue, new, unit(6, 2), 1) == [sound_id(6)]
    assert nearest(catalogue, old, unit(6, 2), 3) == [sound_id(1)]


def test_nothing_is_read_twice(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_root(store)
    put(store, [heard(sound_id(n), unit(n, 2)) for n in range(20)], 1)
    catalogue = Catalogue(store)
    first = catalogue.snapshot(SPACE)
    assert fresh(catalogue) is first
    put(store, [heard(sound_id(n), unit(n, 2)) for n in range(20, 23)], 2)
    rows = []

    def counting(read: Callable[..., pa.Table]) -> Callable[..., pa.Table]:
        def counted(store: Store, name: str, *args: object) -> pa.Table:
            table = read(store, name, *args)
            rows.append(table.num_rows)
            return table

        return counted

    monkeypatch.setattr(Store, "read", counting(Store.read))
    monkeypatch.setattr(follow, "numbered", counting(follow.numbered))
    monkeypatch.setattr(follow, "taken", counting(follow.taken))
    put(store, [heard(sound_id(30), unit(30, 2))], 3)
    wanted = {sound_id(n): unit(n, 2) for n in (*range(23), 30)}
    check(fresh(catalogue), wanted)
    rows.clear()
    put(store, [heard(sound_id(n), unit(n, 2)) for n in range(40, 43)], 4)
    check(fresh(catalogue), wanted | {sound_id(n): unit(n, 2) for n in range(40, 43)})
    assert max(rows) == 6


def test_a_write_of_ones_own_is_seen_even_while_another_thread_looks(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundkin.library.catalogue.FRESH_S", 1e9)
    lay_root(store)
    put(store, [heard(sound_id(1), unit(1))], 1)
    catalogue = Catalogue(store)
    refresh = Catalogue._refresh

    def slow(self: Catalogue, *args: object) -> Snapshot:
        found = refresh(self, *args)
        monkeypatch.setattr(Catalogue, "_refresh", refresh)
        put(store, [heard(sound_id(2), unit(2))], 2)  # another thread writes now ...
        self.touch()  # ... and says so
        return found

    monkeypatch.setattr(Catalogue, "_refresh", slow)
    assert sound_id(2) not in catalogue.snapshot(SPACE).ids
    assert sound_id(2) in catalogue.snapshot(SPACE).ids


def test_half_a_commit_is_invisible_and_found_later(store: Store) -> None:
    lay_root(store)
    put(store, [heard(sound_id(1), unit(1))], 1)
    catalogue = Catalogue(store)
    catalogue.snapshot(SPACE)
    seen = []
    sounds = [heard(sound_id(n), unit(n, 2)) for n in (2, 3)]
    write_sounds(store, sounds, 2, before_marker=lambda: seen.append(living(fresh(catalogue))))
    assert seen == [{sound_id(1): 1}]
    check(
        fresh(catalogue), {sound_id(1): unit(1), sound_id(2): unit(2, 2), sound_id(3): unit(3, 2)}
    )


def test_a_batch_that_shares_a_sound_with_another_is_loaded_whole(store: Store) -> None:
    """Two indexers met sound 1: the second batch is half known before its marker comes."""
    lay_root(store)
    put(store, [heard(sound_id(1), unit(1, 2))], 1)
    catalogue = Catalogue(store)
    catalogue.snapshot(SPACE)
    both = [heard(sound_id(1), unit(1, 2)), heard(sound_id(2), unit(2, 2))]
    write_sounds(store, both, 2, before_marker=lambda: fresh(catalogue) and None)
    wanted = {sound_id(1): unit(1, 2), sound_id(2): unit(2, 2)}
    check(fresh(catalogue), wanted)
    sweep(store)
    check(fresh(catalogue), wanted)
    check(Catalogue(store).snapshot(SPACE), wanted)


def test_the_forgotten_leave_and_come_back_as_new(store: Store) -> None:
    lay_root(store)
    put(store, [heard(sound_id(n), unit(n, 2)) for n in range(4)], 1)
    catalogue = Catalogue(store)
    before = catalogue.snapshot(SPACE)
    forget_sounds(store, [sound_id(1), sound_id(3)])
    without = fresh(catalogue)
    check(without, {sound_id(0): unit(0, 2), sound_id(2): unit(2, 2)})
    assert sound_id(1) not in nearest(catalogue, without, unit(1, 2), 9)
    put(store, [heard(sound_id(1), unit(1, 2))], 2)
    back = fresh(catalogue)
    check(back, {sound_id(n): unit(n, 2) for n in (0, 1, 2)})
    assert nearest(catalogue, back, unit(1, 2), 1) == [sound_id(1)]
    assert living(before) == {sound_id(n): 2 for n in range(4)}


def test_forgotten_and_back_between_two_looks(store: Store) -> None:
    lay_root(store)
    put(store, [heard(sound_id(n), unit(n, 2)) for n in range(3)], 1)
    catalogue = Catalogue(store)
    catalogue.snapshot(SPACE)
    forget_sounds(store, [sound_id(1)])
    put(store, [heard(sound_id(1), unit(1, 2)), heard(sound_id(7), unit(7, 2))], 2)
    wanted = {sound_id(n): unit(n, 2) for n in (0, 1, 2, 7)}
    check(fresh(catalogue), wanted)
    check(fresh(catalogue), wanted)


def test_everything_forgotten_and_begun_anew(store: Store) -> None:
    lay_root(store)
    put(store, [heard(sound_id(n), unit(n, 2)) for n in range(3)], 1)
    catalogue = Catalogue(store)
    catalogue.snapshot(SPACE)
    forget_sounds(store, [sound_id(n) for n in range(3)])
    check(fresh(catalogue), {})
    check(Catalogue(store).snapshot(SPACE), {})
    put(store, [heard(sound_id(2), unit(2, 2))], 2)
    check(fresh(catalogue), {sound_id(2): unit(2, 2)})


def test_a_second_space_beside_the_first(store: Store) -> None:
    lay_root(store)
    put(store, [heard(sound_id(n), unit(n, 2)) for n in range(3)], 1)
    catalogue = Catalogue(store)
    assert list(catalogue.snapshot(SPACE).space_ids) == [SPACE]
    later = [heard(sound_id(n), unit(50 + n, 2, dim=5), "other-11111111") for n in (2, 0)]
    rows = _vector_rows(later, "other-11111111", 9)  # by a later run, for sounds that are known
    store.append(vectors_table("other-11111111"), rows, rows.schema)
    new = fresh(catalogue)
    assert list(new.space_ids) == ["other-11111111", SPACE]
    both = catalogue.snapshot("other-11111111")
    assert set(both.spaces) == {SPACE, "other-11111111"}
    view = both.spaces["other-11111111"]
    assert sorted({both.ids[i] for i in view.sound}) == sorted(map(sound_id, (0, 2)))
    check(both, {sound_id(n): unit(n, 2) for n in range(3)})


def test_a_refresh_that_breaks_off_is_made_good(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_root(store)
    put(store, [heard(sound_id(n), unit(n, 2)) for n in range(4)], 1)
    catalogue = Catalogue(store)
    catalogue.snapshot(SPACE)
    forget_sounds(store, [sound_id(1)])
    put(store, [heard(sound_id(7), unit(7, 2))], 2)
    count = [0]
    for n in range(20):

        def failing(read: Callable[..., pa.Table], n: int = n) -> Callable[..., pa.Table]:
            def fails(*args: object) -> pa.Table:
                count[0] += 1
                if count[0] == n:
                    raise LibraryError("the disk is gone")
                return read(*args)

            return fails

        count[0] = 0
        with monkeypatch.context() as patch:
            patch.setattr(Store, "read", failing(Store.read))
            patch.setattr(follow, "numbered", failing(follow.numbered))
            patch.setattr(follow, "taken", failing(follow.taken))
            try:
                fresh(catalogue)
            except LibraryError:
                continue
    whole = Catalogue._with_vectors

    def cut(self: Catalogue, *args: object) -> None:
        whole(self, *args)  # the view has grown ...
        raise MemoryError  # ... and is lost

    put(store, [heard(sound_id(8), unit(8, 2))], 3)
    forget_sounds(store, [sound_id(0)])
    with monkeypatch.context() as patch:
        patch.setattr(Catalogue, "_with_vectors", cut)
        with pytest.raises(MemoryError):
            fresh(catalogue)
    check(fresh(catalogue), {sound_id(n): unit(n, 2) for n in (2, 3, 7, 8)})


def test_many_threads_ask_while_sounds_come_and_go(store: Store) -> None:
    lay_root(store)
    put(store, [heard(sound_id(n), unit(n, 3)) for n in range(10)], 1)
    catalogue = Catalogue(store)
    first = catalogue.snapshot(SPACE)
    failed: list[BaseException] = []
    asked = [0]
    done = threading.Event()

    def ask(number: int) -> None:
        for snapshot in (first, catalogue.snapshot(SPACE)):
            found = nearest(catalogue, snapshot, unit(number), 4)
            assert len(found) == len(set(found)) == 4
            assert number in (1, 3) or found[0] == sound_id(number)  # two are forgotten on the way
            assert snapshot is not first or set(found) <= {sound_id(n) for n in range(10)}
        asked[0] += 1

    def go_on(number: int) -> None:
        try:
            while not done.is_set():
                ask(number % 5)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=go_on, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for step in range(12):
        put(store, [heard(sound_id(100 + step), unit(100 + step, 2))], step + 2)
        if step == 3:
            forget_sounds(store, [sound_id(1), sound_id(3)])
        catalogue.touch()
    done.set()
    for thread in threads:
        thread.join()
    assert not failed
    assert asked[0] >= 8
    wanted = {sound_id(n): unit(n, 3) for n in range(10) if n not in (1, 3)}
    check(fresh(catalogue), wanted | {sound_id(n): unit(n, 2) for n in range(100, 112)})


# -- places and words -----------------------------------------------------------------------------


def found(catalogue: Catalogue, **scope: object) -> set[str]:
    snapshot = fresh(catalogue, None)
    return {snapshot.ids[i] for i in np.flatnonzero(sounds_in(snapshot, Scope(**scope)))}


def test_words_and_folders_in_any_spelling(store: Store) -> None:
    lay_root(store, "/Mus\u00e9e/Samples")
    names = ["Caf\u0065\u0301/a.wav", "caf\u00e9 two/\u03a3\u039f\u03a3.wav", "x/stra\u00dfe.wav"]
    put(store, [heard(sound_id(n), unit(n)) for n in range(3)], 1, paths=names)
    catalogue = Catalogue(store)
    ids = [sound_id(n) for n in range(3)]
    assert found(catalogue, text="caf\u00e9") == found(catalogue, text="CAFE\u0301") == set(ids[:2])
    assert found(catalogue, text="\u03c3\u03bf\u03c3") == {ids[1]}
    assert found(catalogue, text="STRA\u00dfE") == {ids[2]}
    assert found(catalogue, folders=["CAF\u00c9"]) == {ids[0]}
    assert found(catalogue, folders=["/Mus\u0065\u0301e/Samples/Caf\u00e9"]) == {ids[0]}
    assert found(catalogue, folders=["/mus\u00e9e/Samples"]) == set()
    assert found(catalogue, text="\udcff") == found(catalogue, folders=["/\udcff"]) == set()


def test_a_place_that_is_gone_does_not_answer_unless_there_is_another(store: Store) -> None:
    lay_root(store)
    put(store, [heard(sound_id(n), unit(n)) for n in range(2)], 1, paths=["a.wav", "b.wav"])
    rows = store.read("locations").to_pylist()
    copy = {**rows[0], "path": b"copy.wav", "display": "copy.wav"}
    gone = [{**row, "state": "gone"} for row in rows]
    store.upsert("locations", pa.Table.from_pylist([copy, *gone], schema=SCHEMAS["locations"]))
    catalogue = Catalogue(store)
    first = rows[0]["sound_id"]
    assert found(catalogue) == {first}
    snapshot = fresh(catalogue)
    spots = snapshot.spots.of(snapshot.ids.get(first))
    assert (spots[0].name, spots[0].state) == ("copy.wav", "present")
    assert len(spots) == 2


# -- a plain model --------------------------------------------------------------------------------


class Model(RuleBasedStateMachine):
    """A library by dictionaries beside a real one; every look must agree."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.store = Store.open(Path(self.folder) / "library")
        lay_root(self.store)
        self.catalogue = Catalogue(self.store)
        self.reader = Catalogue(Store.open(self.store.path))
        self.sounds: dict[str, np.ndarray] = {}
        self.tags: set[tuple[str, str]] = set()
        self.batch = 0

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(numbers=st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True))
    def add(self, numbers: list[int]) -> None:
        self.batch += 1
        new = [n for n in numbers if sound_id(n) not in self.sounds]
        put(self.store, [heard(sound_id(n), unit(n, 1 + n % 3)) for n in new], self.batch)
        self.sounds |= {sound_id(n): unit(n, 1 + n % 3) for n in new}

    @precondition(lambda self: self.sounds)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        ids = data.draw(st.lists(st.sampled_from(sorted(self.sounds)), min_size=1, unique=True))
        forget_sounds(self.store, ids)
        for name in ids:
            del self.sounds[name]
        self.tags = {pair for pair in self.tags if pair[0] not in ids}

    @precondition(lambda self: self.sounds)
    @rule(data=st.data(), tag=st.sampled_from(["b", "a", "it's"]))
    def tag(self, data: st.DataObject, tag: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.sounds)))
        row = {"sound_id": name, "tag": tag, "added_at": None}
        self.store.insert_missing("tags", pa.Table.from_pylist([row], schema=SCHEMAS["tags"]))
        self.tags.add((name, tag))

    @rule(data=st.data())
    def cut_off(self, data: st.DataObject) -> None:
        """An indexer dies before the marker."""
        self.batch += 1
        number = data.draw(st.integers(0, 9))
        if sound_id(number) not in self.sounds:

            def cut() -> None:
                raise KeyboardInterrupt

            sounds = [heard(sound_id(number), unit(number, 1 + number % 3))]
            with pytest.raises(KeyboardInterrupt):
                write_sounds(self.store, sounds, self.batch, before_marker=cut)

    @rule()
    def sweep(self) -> None:
        sweep(self.store)

    @rule()
    def compact(self) -> None:
        self.store.compact(fragments=1)

    @precondition(lambda self: SPACE in self.catalogue.snapshot(SPACE).spaces)
    @rule(append=st.booleans())
    def index(self, append: bool) -> None:
        """Build a cached index, or append to it; the readers come to it when they come to it."""
        snapshot = fresh(self.catalogue)
        self.catalogue.indexes.refresh(
            snapshot, snapshot.spaces[SPACE], target=0.0 if append else 0.9
        )
        self.catalogue.reopen(SPACE)

    @rule()
    def begin_again(self) -> None:
        """Another process opens the library."""
        self.reader = Catalogue(Store.open(self.store.path))
        self.compare(self.reader)

    @rule()
    def look(self) -> None:
        """Look through a catalogue that has missed some changes."""
        self.compare(self.reader)

    @invariant()
    def agree(self) -> None:
        if hasattr(self, "catalogue"):
            self.compare(self.catalogue)

    def compare(self, catalogue: Catalogue) -> None:
        snapshot = fresh(catalogue)
        check(snapshot, self.sounds)
        for name in self.sounds:
            tags = snapshot.tags.get(snapshot.ids.get(name))
            assert tags == tuple(sorted(tag for sound, tag in self.tags if sound == name))
        for tag in ("a", "it's"):
            chosen = sounds_in(snapshot, Scope(tags=[tag]))
            assert {snapshot.ids[i] for i in np.flatnonzero(chosen)} == {
                sound for sound, borne in self.tags if borne == tag
            }


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=8, stateful_step_count=14, deadline=None)


# -- ids ------------------------------------------------------------------------------------------

ids_drawn = st.lists(
    st.one_of(
        st.integers(0, 2**128 - 1),
        st.integers(0, 3),
        st.integers(0, 3).map(lambda n: n << 64),
    ).map(lambda n: f"{n:032x}"),
    unique=True,
    max_size=30,
)


@settings(max_examples=200, deadline=None)
@given(first=ids_drawn, second=ids_drawn, asked=ids_drawn, data=st.data())
def test_ids_are_a_dictionary(
    first: list[str], second: list[str], asked: list[str], data: st.DataObject
) -> None:
    ids = SoundIds.of(first)
    model = {name: number for number, name in enumerate(first)}
    dead = data.draw(st.lists(st.sampled_from(first), unique=True)) if first else []
    ids = ids.without(np.array([model[name] for name in dead], np.int64))
    for name in dead:
        del model[name]
    new = [name for name in second if name not in model]
    ids = ids.plus(packed(pa.chunked_array([pa.array(new, pa.string())])))
    model |= {name: len(first) + number for number, name in enumerate(new)}
    names = [*first, *new]
    assert len(ids) == len(names)
    assert [ids[number] for number in range(len(ids))] == names
    assert {name: ids.get(name) for name in [*names, *asked]} == {
        name: model.get(name) for name in [*names, *asked]
    }
    column = pa.chunked_array([pa.array(asked, pa.string()), pa.array(names, pa.string())])
    assert ids.ords(packed(column)).tolist() == [model.get(n, -1) for n in [*asked, *names]]
    assert np.flatnonzero(ids.alive()).tolist() == sorted(model.values())


@pytest.mark.parametrize(
    "name", ["", "x", "A" * 32, "g" * 32, "+" + "0" * 31, "0_0" + "0" * 29, None, 5]
)
def test_what_is_no_id_is_not_there(name: object) -> None:
    ids = SoundIds.of(["a" * 32, "0" * 32])
    assert name not in ids
    assert "a" * 32 in ids


def test_a_damaged_table_is_told(store: Store) -> None:
    with pytest.raises(LibraryError, match="32 hex digits"):
        packed(pa.chunked_array([["0" * 31]]))


@settings(deadline=None)
@given(rows=st.lists(st.sampled_from(["a" * 32, "b" * 32, "0" * 32]), max_size=12))
def test_the_first_of_each(rows: list[str]) -> None:
    pairs = packed(pa.chunked_array([pa.array(rows, pa.string())]))
    assert distinct(pairs).tolist() == sorted(rows.index(name) for name in set(rows))
