"""Cached indexes: never the truth, never in the way."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from soundkin.errors import InputError, LibraryFormatError
from soundkin.index import build
from soundkin.library import follow, locks
from soundkin.library import indexes as module
from soundkin.library.catalogue import Catalogue
from soundkin.library.indexes import NEAR, ROWS, Indexes
from soundkin.library.live import LiveIndex, Rows
from soundkin.library.places import forget_sounds
from soundkin.library.rows import write_sounds
from soundkin.library.store import Store, vectors_table
from soundkin.library.sweep import sweep
from soundkin.library.upkeep import Upkeep
from tests.library.making import DIM, SPACE, heard, lay_root, put, sound_id, unit
from tests.library.test_catalogue import check, fresh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from soundkin.library.indexes import Cached


@pytest.fixture(autouse=True)
def _away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into the user's caches; everything is large enough for an index."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    monkeypatch.setattr("soundkin.index.EXACT_BYTES", 0)
    monkeypatch.setattr(module, "TAIL_ROWS", 3)


def laid(store: Store, numbers: range, batch: int = 1) -> dict[str, np.ndarray]:
    """Commit sounds of two segments and return their vectors."""
    put(store, [heard(sound_id(n), unit(n, 2)) for n in numbers], batch)
    return {sound_id(n): unit(n, 2) for n in numbers}


def indexed(catalogue: Catalogue) -> Cached:
    """Bring the index up to date, now."""
    snapshot = fresh(catalogue)
    built = catalogue.indexes.refresh(snapshot, snapshot.spaces[SPACE])
    assert built is not None
    catalogue.reopen(SPACE)
    return built


@pytest.fixture
def grown(store: Store) -> tuple[Catalogue, dict[str, np.ndarray]]:
    """A library of twelve sounds with an index."""
    lay_root(store)
    wanted = laid(store, range(12))
    catalogue = Catalogue(store)
    indexed(catalogue)
    return catalogue, wanted


@pytest.fixture
def vectors_read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many vectors each reading of a table brought."""
    seen = []

    def counting(read: Callable[..., pa.Table]) -> Callable[..., pa.Table]:
        def counted(store: Store, name: str, *args: object) -> pa.Table:
            table = read(store, name, *args)
            if "vector" in table.column_names:
                seen.append(table.num_rows)
            return table

        return counted

    monkeypatch.setattr(Store, "read", counting(Store.read))
    monkeypatch.setattr(follow, "taken", counting(follow.taken))
    return seen


def names(store: Store) -> list[str]:
    """The caches there are."""
    folder = store.path / "cache"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_a_cache_is_opened_instead_of_the_table(
    store: Store, grown: tuple[Catalogue, dict[str, np.ndarray]], vectors_read: list[int]
) -> None:
    _, wanted = grown
    again = Catalogue(Store.open(store.path))
    snapshot = again.snapshot(SPACE)
    check(snapshot, wanted)
    view = snapshot.spaces[SPACE]
    assert (view.index.kind, view.index.n_tail, [view.cache]) == ("ann", 0, names(store))
    assert sum(vectors_read) == 0
    assert not again.indexes.is_old(view, snapshot.settings)


def test_what_came_since_is_scanned_then_taken_in(
    store: Store, grown: tuple[Catalogue, dict[str, np.ndarray]], vectors_read: list[int]
) -> None:
    catalogue, wanted = grown
    wanted |= laid(store, range(20, 22), 2)
    forget_sounds(store, [sound_id(3)])
    del wanted[sound_id(3)]
    for one in (catalogue, Catalogue(store)):
        snapshot = fresh(one)
        check(snapshot, wanted)
        assert snapshot.spaces[SPACE].index.n_tail == 4
        assert one.indexes.is_old(snapshot.spaces[SPACE], snapshot.settings)
        q = unit(20)
        ids, distances = snapshot.spaces[SPACE].index.query(q, 3)
        X = np.asarray(snapshot.spaces[SPACE].index.vectors)
        alive = snapshot.spaces[SPACE].index.alive
        assert np.allclose(distances[0], np.sort(1 - (X @ q[0])[alive])[:3], atol=1e-6)
        assert alive[ids].all()
    built = indexed(catalogue)
    assert (built.near.n_ids, built.near.n) == (28, 26)
    check(fresh(catalogue), wanted)
    snapshot = Catalogue(store).snapshot(SPACE)
    check(snapshot, wanted)
    assert snapshot.spaces[SPACE].index.n_tail == 0
    assert len(names(store)) == 1
    assert max(vectors_read) == 4


def test_many_forgotten_are_left_out_of_the_next_index(
    store: Store, grown: tuple[Catalogue, dict[str, np.ndarray]]
) -> None:
    catalogue, wanted = grown
    gone = [sound_id(n) for n in range(5)]
    forget_sounds(store, gone)
    snapshot = fresh(catalogue)
    assert catalogue.indexes.is_old(snapshot.spaces[SPACE], snapshot.settings)
    assert indexed(catalogue).near.n_ids == 14
    for name in gone:
        del wanted[name]
    check(fresh(catalogue), wanted)
    laid(store, range(2), 7)
    check(fresh(catalogue), wanted | {sound_id(n): unit(n, 2) for n in range(2)})
    check(Catalogue(store).snapshot(SPACE), wanted | {sound_id(n): unit(n, 2) for n in range(2)})


def damage_cut(path: Path) -> None:
    (path / NEAR).write_bytes((path / NEAR).read_bytes()[:200])


def damage_rubbish(path: Path) -> None:
    (path / ROWS).write_bytes(b"rubbish")


def damage_empty(path: Path) -> None:
    (path / ROWS).write_bytes(b"")


def damage_half(path: Path) -> None:
    (path / NEAR).unlink()


def damage_halves(path: Path) -> None:
    build("ann", unit(1, 9), space_id=SPACE).save(path / NEAR)


def damage_header(path: Path) -> None:
    raw = bytearray((path / ROWS).read_bytes())
    raw[40] ^= 0xFF
    (path / ROWS).write_bytes(raw)


def damage_space(path: Path) -> None:
    build("ann", unit(1, 24), space_id="other-11111111").save(path / NEAR)


def damage_dim(path: Path) -> None:
    build("ann", unit(1, 24, dim=5), space_id=SPACE).save(path / NEAR)


@pytest.mark.parametrize(
    "damage",
    [
        damage_cut,
        damage_rubbish,
        damage_empty,
        damage_half,
        damage_halves,
        damage_header,
        damage_space,
        damage_dim,
    ],
)
def test_a_damaged_cache_is_thrown_away_without_a_word(
    store: Store, grown: tuple[Catalogue, dict[str, np.ndarray]], damage: object
) -> None:
    _, wanted = grown
    damage(store.path / "cache" / names(store)[0])
    catalogue = Catalogue(store)
    snapshot = catalogue.snapshot(SPACE)
    check(snapshot, wanted)
    assert snapshot.spaces[SPACE].index.near is None
    assert names(store) == []
    indexed(catalogue)
    assert len(names(store)) == 1
    check(Catalogue(store).snapshot(SPACE), wanted)


def test_an_older_cache_serves_when_the_newest_is_damaged(
    store: Store, grown: tuple[Catalogue, dict[str, np.ndarray]]
) -> None:
    catalogue, wanted = grown
    kept = store.path / "kept"
    shutil.copytree(store.path / "cache" / names(store)[0], kept / names(store)[0])
    wanted |= laid(store, range(30, 33), 3)
    indexed(catalogue)
    damage_cut(store.path / "cache" / names(store)[0])
    shutil.copytree(kept, store.path / "cache", dirs_exist_ok=True)
    snapshot = Catalogue(store).snapshot(SPACE)
    check(snapshot, wanted)
    assert snapshot.spaces[SPACE].index.n_tail == 6


def test_a_cache_of_another_library_is_none(
    store: Store, grown: tuple[Catalogue, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    other = Store.open(tmp_path / "other")
    lay_root(other)
    put(other, [heard(sound_id(n), unit(90 + n, 2)) for n in range(12)], 1)
    shutil.copytree(store.path / "cache", other.path / "cache")
    snapshot = Catalogue(other).snapshot(SPACE)
    check(snapshot, {sound_id(n): unit(90 + n, 2) for n in range(12)})
    assert names(other) == []


def test_older_caches_and_those_of_dropped_spaces_are_swept(
    store: Store, grown: tuple[Catalogue, dict[str, np.ndarray]]
) -> None:
    catalogue, _ = grown
    folder = store.path / "cache"
    first = names(store)[0]
    (folder / "other-11111111.v3.0123456789ab").mkdir()
    (folder / ".toy-00000000.v9.0123456789ab.tmp").mkdir()
    (folder / "notes").mkdir()
    laid(store, range(40, 44), 4)
    indexed(catalogue)
    left = names(store)
    assert len(left) == 3
    assert {"notes", ".toy-00000000.v9.0123456789ab.tmp"} < set(left)
    assert first not in left


def test_a_library_that_cannot_be_written_to(store: Store, tmp_path: Path) -> None:
    lay_root(store)
    wanted = laid(store, range(6))
    (store.path / "cache").write_text("a file where the folder should be")
    catalogue = Catalogue(store)
    assert indexed(catalogue).name
    check(fresh(catalogue), wanted)
    assert len(list((tmp_path / "user-cache").rglob(NEAR))) == 1
    assert Catalogue(store).snapshot(SPACE).spaces[SPACE].index.kind == "ann"


def test_nowhere_to_write_means_memory(store: Store, tmp_path: Path) -> None:
    lay_root(store)
    wanted = laid(store, range(6))
    (store.path / "cache").write_text("")
    (tmp_path / "user-cache").write_text("")
    catalogue = Catalogue(store)
    assert not indexed(catalogue).name
    wanted |= laid(store, range(50, 52), 5)
    snapshot = fresh(catalogue)
    check(snapshot, wanted)
    assert (snapshot.spaces[SPACE].index.kind, snapshot.spaces[SPACE].index.n_tail) == ("ann", 4)
    indexed(catalogue)
    check(fresh(catalogue), wanted)
    assert fresh(catalogue).spaces[SPACE].index.n_tail == 0


OTHER = """
import sys
from pathlib import Path
import soundkin.index
soundkin.index.EXACT_BYTES = 0
from soundkin.library.catalogue import Catalogue
from soundkin.library.store import Store
catalogue = Catalogue(Store.open(Path(sys.argv[1])))
for _ in range(4):
    catalogue.touch()
    snapshot = catalogue.snapshot(sys.argv[2])
    catalogue.indexes.refresh(snapshot, snapshot.spaces[sys.argv[2]])
"""


def test_processes_that_race_all_end_well(store: Store) -> None:
    lay_root(store)
    wanted = laid(store, range(12))
    home = Path(__file__).parents[2]
    others = [
        subprocess.Popen([sys.executable, "-c", OTHER, str(store.path), SPACE], cwd=home)
        for _ in range(2)
    ]
    catalogue = Catalogue(store)
    for step in range(3):
        wanted |= laid(store, range(60 + step, 61 + step), 10 + step)
        check(fresh(catalogue), wanted)
        check(Catalogue(store).snapshot(SPACE), wanted)
    assert [other.wait(60) for other in others] == [0, 0]
    check(Catalogue(store).snapshot(SPACE), wanted)
    assert len(names(store)) == 1


def test_one_builds_at_a_time_and_nobody_waits(
    store: Store, grown: tuple[Catalogue, dict[str, np.ndarray]]
) -> None:
    catalogue, _ = grown
    snapshot = fresh(catalogue)
    with locks.opened(store.path / "locks" / f"index-{SPACE}") as held:
        assert locks.take(held)
        assert catalogue.indexes.refresh(snapshot, snapshot.spaces[SPACE]) is None
    assert catalogue.indexes.refresh(snapshot, snapshot.spaces[SPACE]) is not None


def test_twins_that_were_swept_are_read_again(store: Store) -> None:
    """An index may hold the very rows of a sound that a sweep takes away."""
    lay_root(store)
    wanted = laid(store, range(4))
    catalogue = Catalogue(store)
    built = indexed(catalogue)
    again = [heard(sound_id(1), unit(1, 2))]
    write_sounds(store, again, 2, before_marker=lambda: None)
    mine = np.array(
        [tuple(pair) == tuple(catalogue.snapshot().ids.pairs[1]) for pair in built.pairs]
    )
    view = fresh(catalogue).spaces[SPACE]
    rows = view.rows_of(catalogue.snapshot().ids.get(sound_id(1)))
    batch = view.batch.copy()
    batch[rows] = 2  # as if that batch had been read first
    folder = store.path / "cache" / names(store)[0]
    header, arrays = module.read_container(folder / ROWS)
    arrays["batch"] = batch
    arrays["loaded"] = np.array([1, 2])
    module.write_container(folder / ROWS, header, arrays)
    assert mine.sum() == 2
    sweep(store)
    check(Catalogue(store).snapshot(SPACE), wanted)


def test_another_process_builds_and_this_one_takes_it(
    store: Store, grown: tuple[Catalogue, dict[str, np.ndarray]]
) -> None:
    catalogue, wanted = grown
    wanted |= laid(store, range(70, 74), 6)
    assert fresh(catalogue).spaces[SPACE].index.n_tail == 8
    indexed(Catalogue(Store.open(store.path)))
    wanted |= laid(store, range(80, 81), 7)
    snapshot = fresh(catalogue)
    check(snapshot, wanted)
    assert snapshot.spaces[SPACE].index.n_tail == 2


# -- upkeep ---------------------------------------------------------------------------------------


def test_a_run_brings_the_index_up_and_a_second_look_is_cheap(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_root(store)
    wanted = laid(store, range(12))
    catalogue = Catalogue(store)
    upkeep = Upkeep(catalogue)
    assert upkeep.info(SPACE, 24, DIM).why.endswith("until the index is built")
    upkeep.bring_up(SPACE)
    assert len(names(store)) == 1
    check(fresh(catalogue), wanted)
    monkeypatch.setattr(Indexes, "refresh", lambda *_: pytest.fail("nothing to do"))
    upkeep.bring_up(SPACE)
    laid(store, range(90, 91), 8)
    upkeep.bring_up(SPACE)


def test_tuning_is_kept_and_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_root(store)
    put(store, [heard(sound_id(n), unit(n, 2)) for n in range(300)], 1)
    catalogue = Catalogue(store)
    upkeep = Upkeep(catalogue)
    found = upkeep.tune(SPACE, 0.9)
    assert (found.kind, found.target, found.measured) == ("ann", 0.9, 600)
    assert found.recall >= 0.9
    assert f"recall {found.recall:.2f} measured on 600 segments" in found.said
    assert Upkeep(Catalogue(store)).info(SPACE, 600, DIM) == found
    assert store.setting(f"index:{SPACE}")["target"] == 0.9
    everything = upkeep.tune(SPACE, 1.0)
    assert (everything.kind, everything.recall, everything.said) == ("exact", 1.0, "exact")
    assert names(store) == []
    view = fresh(catalogue).spaces[SPACE]
    assert view.index.near is None
    assert not catalogue.indexes.is_old(view, fresh(catalogue).settings)
    for recall in (0.0, 1.2, -1.0):
        with pytest.raises(InputError, match="above 0, and 1 at most"):
            upkeep.tune(SPACE, recall)
    monkeypatch.setattr("soundkin.index.EXACT_BYTES", 1 << 20)
    assert upkeep.tune(SPACE, 0.9).kind == "exact"


def test_a_server_builds_in_a_thread(store: Store) -> None:
    lay_root(store)
    wanted = laid(store, range(12))
    catalogue = Catalogue(store)
    upkeep = Upkeep(catalogue)
    snapshot = catalogue.snapshot(SPACE)
    upkeep.look_at(snapshot, [snapshot.spaces[SPACE]])
    assert names(store) == []  # a process that does not stay builds nothing while it is asked
    upkeep.begin()
    upkeep.look_at(snapshot, [snapshot.spaces[SPACE]])
    assert upkeep._thread is not None
    upkeep._thread.join()
    upkeep.close()
    assert len(names(store)) == 1
    snapshot = fresh(catalogue)
    check(snapshot, wanted)
    assert snapshot.spaces[SPACE].index.kind == "ann"


# -- rows in two pieces ---------------------------------------------------------------------------


def test_rows_read_like_one_array() -> None:
    rng = np.random.default_rng(3)
    whole = rng.normal(size=(40, 5)).astype(np.float32)
    rows = Rows.of(whole[25:30], whole[:25]).plus(whole[30:33]).plus(whole[33:])
    assert rows.shape == (40, 5)
    for which in (
        slice(None),
        slice(3, 9),
        slice(26, 39),
        slice(20, 30),
        slice(39, 2, -3),
        np.array([39, 0, 24, 25, 24]),
        np.array([1, 2]),
        rng.random(40) < 0.5,
        7,
        31,
        -1,
    ):
        np.testing.assert_array_equal(rows[which], whole[which])
    np.testing.assert_array_equal(np.asarray(rows), whole)
    assert np.asarray(rows, np.float64).dtype == np.float64


def test_what_grows_from_the_same_rows_does_not_meet() -> None:
    base = Rows.of(unit(1, 4)).plus(unit(2, 1))
    one, two = base.plus(unit(3, 1)), base.plus(unit(4, 1))
    np.testing.assert_array_equal(one[5], unit(3, 1)[0])
    np.testing.assert_array_equal(two[5], unit(4, 1)[0])
    np.testing.assert_array_equal(base[:], one[:5])


@pytest.mark.parametrize("part", [1.0, 0.9, 0.6, 0.3, 0.02])
def test_a_mask_over_base_and_tail(part: float) -> None:
    rng = np.random.default_rng(5)
    X = unit(9, 400)
    index = LiveIndex.of(
        "s", Rows.of(X[300:], X[:300]), rng.random(400) < 0.9, build("exact", X[:300])
    )
    mask = rng.random(400) < part
    Q = unit(11, 5)
    ids, distances = index.query(Q, 6, mask=mask)
    allowed = np.flatnonzero(mask & index.alive)
    true = np.sort(1 - Q @ X[allowed].T, axis=1)[:, :6]
    found = np.isfinite(distances)
    assert found.sum(axis=1).tolist() == [min(6, len(allowed))] * 5
    np.testing.assert_allclose(distances[found].reshape(5, -1), true, atol=2e-6)
    assert np.isin(ids[found], allowed).all()


def test_a_cache_of_other_lengths_is_refused(store: Store) -> None:
    indexes = Indexes(store)
    header = module.Header("rows", SPACE, DIM, {"library": store.library_id})
    arrays = {"seq": np.zeros(2), "pairs": np.zeros((1, 2)), "batch": np.zeros(2)}
    with pytest.raises(LibraryFormatError):
        indexes._check(header, arrays)
    assert vectors_table(SPACE).endswith(SPACE)
