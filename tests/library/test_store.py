"""Tables on disk: opening, several writers, what a cut-off run leaves, compaction, a full disk."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from soundkin.errors import LibraryError, LibraryFormatError, NotFound, StorageError
from soundkin.library import locks
from soundkin.library import store as module
from soundkin.library.catalogue import Catalogue
from soundkin.library.marker import FORMAT
from soundkin.library.places import forget_places, forget_sounds
from soundkin.library.rows import write_sounds
from soundkin.library.storage import MARKER
from soundkin.library.store import SCHEMAS, Store, guarded, vectors_table
from soundkin.library.sweep import sweep
from tests.library.making import (
    SPACE,
    column,
    contents,
    heard,
    index,
    lay_root,
    put,
    sound_id,
    unit,
    wav,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def files_of(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


# -- opening --------------------------------------------------------------------------------------


def test_a_new_library_is_a_marker_and_opens_again(tmp_path: Path) -> None:
    first = Store.open(tmp_path / "deep" / "library")
    assert json.loads((first.path / MARKER).read_text())["format"] == FORMAT
    assert Store.open(first.path, create=False).library_id == first.library_id
    assert first.names() == []
    assert first.read("sounds").num_rows == first.count("tags") == first.version("roots") == 0


def test_reading_writes_nothing(store: Store) -> None:
    before = files_of(store.path)
    Catalogue(store).snapshot()
    store.read("sounds", ["sound_id"], "sound_id = 'x'")
    assert store.setting("x") is None
    assert not store.is_indexing()
    assert files_of(store.path) == before


def test_a_newer_format_is_refused_and_left_alone(store: Store) -> None:
    put(store, [heard(sound_id(1), unit(1))], 1)
    marker = store.path / MARKER
    marker.write_text(json.dumps({"format": FORMAT + 1, "library_id": "x", "new": True}))
    before = files_of(store.path)
    with pytest.raises(
        LibraryFormatError, match=f"has format {FORMAT + 1}; expected format {FORMAT}"
    ):
        Store.open(store.path)
    assert files_of(store.path) == before


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": "x", "library_id": "y"}', '{"format": 1}']
)
def test_a_damaged_marker_is_refused(store: Store, text: str) -> None:
    (store.path / MARKER).write_text(text)
    with pytest.raises(LibraryFormatError, match="cannot be read"):
        Store.open(store.path)


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(LibraryFormatError, match="other things in it"):
        Store.open(tmp_path)
    with pytest.raises(LibraryFormatError, match="is a file"):
        Store.open(tmp_path / "thesis.txt")
    assert files_of(tmp_path) == {"thesis.txt": b"mine"}


def test_a_missing_library_is_not_made_unasked(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no library at"):
        Store.open(tmp_path / "library", create=False)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound):
        Store.open(tmp_path / "empty", create=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty"]


def test_what_a_kill_leaves_of_a_new_library_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / f"{MARKER}.1234abcd").write_text("{")
    assert Store.open(tmp_path).names() == []


def test_what_a_kill_leaves_of_a_new_table_is_no_obstacle(store: Store) -> None:
    for name in ("sounds", "tags", vectors_table(SPACE)):
        (store.path / "tables" / f"{name}.lance" / "_versions").mkdir(parents=True)
    assert store.spaces() == []
    assert store.read("sounds", ["sound_id"]).num_rows == store.count("tags") == 0
    assert Catalogue(store).snapshot(SPACE).alive.sum() == 0
    store.compact()
    sweep(store)
    put(store, [heard(sound_id(1), unit(1))], 1)
    assert store.spaces() == [SPACE]
    assert Catalogue(store).snapshot(SPACE).alive.sum() == 1


def test_two_who_lay_one_library_agree(tmp_path: Path) -> None:
    path = tmp_path / "library"
    ids: list[str] = []
    barrier = threading.Barrier(6)

    def lay() -> None:
        barrier.wait()
        ids.append(Store.open(path).library_id)

    threads = [threading.Thread(target=lay) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert set(ids) == {Store.open(path).library_id}


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o555)
    if os.geteuid() == 0:  # who may write anywhere

        def mkdir(self: Path, **how: object) -> None:
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "mkdir", mkdir)
    try:
        with pytest.raises(StorageError, match=r"library' cannot be written .*Permission denied"):
            Store.open(tmp_path / "library")
    finally:
        tmp_path.chmod(0o755)


# -- several writers ------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
import pyarrow as pa
from soundkin.library.store import Store, SCHEMAS
from tests.library.making import heard, put, sound_id, unit
who, path = int(sys.argv[1]), Path(sys.argv[2])
store = Store.open(path)
print("ready", flush=True)
sys.stdin.readline()
for step in range(6):
    number = who * 1000 + step
    put(store, [heard(sound_id(number), unit(number, 3))], number, paths=[f"{number}.wav"])
    tags = [{"sound_id": sound_id(5), "tag": tag, "added_at": None} for tag in ("both", f"{who}")]
    store.insert_missing("tags", pa.Table.from_pylist(tags, schema=SCHEMAS["tags"]))
    store.put_setting("last", number)
    store.put_setting(f"mine {who}", number)
    store.delete("tags", f"tag = 'never {step}'")
    if step % 3 == 0:
        store.compact()
"""


def run_together(code: str, path: Path, n: int) -> None:
    """Run a script n times at once, all starting at the same moment."""
    home = str(Path(module.__file__).parents[2])
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(who), str(path)],
            stdin=pipe,
            stdout=pipe,
            text=True,
            cwd=home,
        )
        for who in range(n)
    ]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in running:
        process.communicate()
        assert process.returncode == 0


def test_writers_in_several_processes_lose_nothing_and_double_nothing(store: Store) -> None:
    lay_root(store)
    run_together(WRITER, store.path, 2)
    numbers = [who * 1000 + step for who in range(2) for step in range(6)]
    assert sorted(column(store, "sounds", "sound_id")) == sorted(map(sound_id, numbers))
    assert store.count("segments") == store.count(vectors_table(SPACE)) == 3 * 12
    assert store.count("locations") == 12
    tags = store.read("tags", ["sound_id", "tag"]).to_pylist()
    assert sorted(row["tag"] for row in tags) == ["0", "1", "both"]
    assert sorted(column(store, "settings", "key")) == ["last", "mine 0", "mine 1"]
    assert [store.setting(f"mine {who}") for who in range(2)] == [5, 1005]
    assert store.setting("last") in {5, 1005}


INSERTER = """
import sys
from pathlib import Path
import pyarrow as pa
from soundkin.library.store import Store, SCHEMAS
store = Store.open(Path(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
for step in range(6):
    row = {"sound_id": "0" * 32, "tag": f"common {step}", "added_at": None}
    store.insert_missing("tags", pa.Table.from_pylist([row], schema=SCHEMAS["tags"]))
    store.put_setting(f"common {step}", sys.argv[1])
"""


def test_a_key_that_all_insert_at_once_is_there_once(store: Store) -> None:
    run_together(INSERTER, store.path, 3)
    wanted = sorted(f"common {step}" for step in range(6))
    assert sorted(column(store, "tags", "tag")) == wanted
    assert sorted(column(store, "settings", "key")) == wanted


INDEXER = """
import sys
from pathlib import Path
from soundkin.errors import LibraryBusy
from soundkin.library import ingest
from soundkin.library.store import Store
from tests.library.making import InlineWorkers, index
ingest.Workers = InlineWorkers
store = Store.open(Path(sys.argv[2]) / "library")
print("ready", flush=True)
sys.stdin.readline()
folder = Path(sys.argv[2]) / "S"
if int(sys.argv[1]) == 2:
    folder = folder / "inner"
try:
    index(store, folder)
except LibraryBusy:
    pass
"""


def test_indexers_of_one_new_folder_and_of_its_inside_agree_on_one_root(
    tmp_path: Path, inline: None
) -> None:
    store = Store.open(tmp_path / "library")
    for seed in range(6):
        wav(tmp_path / "S" / ("inner" if seed % 2 else "") / f"{seed}.wav", seed)
    run_together(INDEXER, tmp_path, 3)
    index(store, tmp_path / "S")
    assert column(store, "roots", "path") == [os.fsencode(tmp_path / "S")]
    assert len(set(column(store, "locations", "path"))) == store.count("locations") == 6
    assert len(set(column(store, "sounds", "sound_id"))) == store.count("sounds") == 6


def test_a_conflict_is_tried_again_and_other_refusals_are_not(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    tried = []

    def twice() -> str:
        tried.append(1)
        if len(tried) < 3:
            raise RuntimeError("lance error: Retryable commit conflict for version 29: ...")
        return "done"

    assert store._retry(twice) == "done"
    assert len(tried) == 3

    def never() -> None:
        tried.append(1)
        raise OSError("Commit conflict for version 3")

    with pytest.raises(LibraryError, match="kept writing during 12 tries"):
        store._retry(never)
    assert len(tried) == 3 + 12

    def broken() -> None:
        tried.append(1)
        raise RuntimeError("lance error: file is damaged")

    with pytest.raises(LibraryError, match="file is damaged"):
        store._retry(broken)
    assert len(tried) == 3 + 12 + 1


def test_a_suspended_holder_holds_nobody_up_for_ever(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE_S", 0.05)
    with locks.turn(store.path / "locks" / "table-settings"):
        store.put_setting("a", 1)
    assert store.setting("a") == 1


# -- orphans --------------------------------------------------------------------------------------


def orphan(store: Store, number: int, batch: int) -> None:
    """Write all of a sound but its marker."""

    def cut() -> None:
        raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        write_sounds(store, [heard(sound_id(number), unit(number, 2))], batch, before_marker=cut)


def test_a_sweep_takes_orphans_and_nothing_else(store: Store) -> None:
    lay_root(store)
    put(store, [heard(sound_id(1), unit(1, 3)), heard(sound_id(2), unit(2))], 10)
    before = contents(store)
    assert sweep(store) == 0
    orphan(store, 3, 11)
    lay_root(store, "/other", "other")
    put(store, [heard(sound_id(4), unit(4))], 12, root_id="other", paths=["lost.wav"])
    store.delete("roots", "root_id = 'other'")
    assert sweep(store) == 2 + 2 + 1
    assert contents(store)["places"] == before["places"]
    assert store.count("segments") == store.count(vectors_table(SPACE)) == 3 + 1 + 1
    assert sweep(store) == 0


def test_a_sound_committed_by_two_indexers_at_once_is_kept_once(store: Store) -> None:
    lay_root(store)
    put(store, [heard(sound_id(1), unit(1, 3)), heard(sound_id(2), unit(2))], 10)
    put(store, [heard(sound_id(3), unit(3)), heard(sound_id(1), unit(1, 3))], 11)
    before = contents(store)
    catalogue = Catalogue(store)
    snapshot = catalogue.snapshot(SPACE)
    assert (snapshot.alive.sum(), len(snapshot.spaces[SPACE].sound)) == (3, 5)
    assert sweep(store) == 3 + 3 + 1
    assert sorted(column(store, "sounds", "sound_id")) == sorted(map(sound_id, (1, 2, 3)))
    assert contents(store)["segments"] == sorted(set(before["segments"]))
    catalogue.touch()
    swept = catalogue.snapshot(SPACE)
    assert (swept.alive.sum(), len(swept.spaces[SPACE].sound)) == (3, 5)


def test_a_sweep_waits_until_nobody_indexes(store: Store) -> None:
    orphan(store, 3, 11)
    with store.indexing("a", "a"):
        assert store.count("segments") == 0  # the first sweeps
        orphan(store, 4, 12)  # as if in the middle of its commit
        with store.indexing("b", "b"):
            assert store.count("segments") == 2
        assert store.is_indexing()
    assert not store.is_indexing()


# -- forgetting -----------------------------------------------------------------------------------


def test_forgetting_leaves_what_is_written_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_root(store)
    put(store, [heard(sound_id(1), unit(1, 3)), heard(sound_id(2), unit(2))], 10)
    deleted: list[str] = []
    delete = Store.delete

    def interleaved(self: Store, name: str, where: str) -> None:
        delete(self, name, where)
        deleted.append(name)
        if name == "sounds":  # an indexer commits the same sound again, and a new one
            again = module.time.time_ns()
            put(store, [heard(sound_id(1), unit(1, 3)), heard(sound_id(5), unit(5))], again)

    monkeypatch.setattr(Store, "delete", interleaved)
    assert forget_sounds(store, [sound_id(1)]) == 1
    assert deleted[0] == "sounds"
    assert sorted(column(store, "sounds", "sound_id")) == sorted(map(sound_id, (1, 2, 5)))
    assert store.count("segments") == store.count(vectors_table(SPACE)) == 3 + 1 + 1


def test_forgetting_the_gone_spares_a_sound_committed_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_root(store)
    put(store, [heard(sound_id(1), unit(1))], 10)
    delete = Store.delete

    def interleaved(self: Store, name: str, where: str) -> None:
        delete(self, name, where)
        if "gone" in where:
            put(store, [heard(sound_id(9), unit(9))], 11)

    monkeypatch.setattr(Store, "delete", interleaved)
    assert forget_places(store, "gone") == 0
    assert sorted(column(store, "sounds", "sound_id")) == sorted(map(sound_id, (1, 9)))


def test_a_forgotten_sound_is_gone_from_every_table(store: Store) -> None:
    lay_root(store)
    put(store, [heard(sound_id(n), unit(n, 2)) for n in range(4)], 10)
    rows = [{"sound_id": sound_id(n), "tag": "x", "added_at": None} for n in range(4)]
    store.insert_missing("tags", pa.Table.from_pylist(rows, schema=SCHEMAS["tags"]))
    assert forget_sounds(store, [sound_id(1), sound_id(3)]) == 2
    for table in ("sounds", "segments", "locations", "tags", vectors_table(SPACE)):
        assert set(column(store, table, "sound_id")) == {sound_id(0), sound_id(2)}
    assert forget_sounds(store, []) == 0


# -- compaction -----------------------------------------------------------------------------------


def test_compaction_keeps_everything_and_readers_go_on(store: Store) -> None:
    lay_root(store)
    for n in range(12):
        put(store, [heard(sound_id(n), unit(n, 2))], n + 1)
    before = contents(store)
    reader = Catalogue(Store.open(store.path))
    old = reader.snapshot(SPACE)
    store.compact()
    pieces = store.table("sounds").stats()["fragment_stats"]["num_fragments"]
    assert pieces == 1
    assert contents(store) == before
    put(store, [heard(sound_id(99), unit(99))], 99)
    reader.touch()
    new = reader.snapshot(SPACE)
    assert (len(old.spaces[SPACE].sound), len(new.spaces[SPACE].sound)) == (24, 25)
    np.testing.assert_array_equal(
        new.spaces[SPACE].index.vectors[:24], old.spaces[SPACE].index.vectors[:24]
    )


def test_few_pieces_are_left_as_they_are(store: Store) -> None:
    for n in range(3):
        put(store, [heard(sound_id(n), unit(n))], n + 1)
    version = store.version("sounds")
    store.compact(fragments=5)
    assert store.version("sounds") == version


def test_many_small_writes_do_not_pile_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMITS_A_MERGE", 8)
    monkeypatch.setattr(module, "FRAGMENTS", 4)
    for n in range(17):
        store.put_setting(f"key {n}", n)
    pieces = store.table("settings").stats()["fragment_stats"]["num_fragments"]
    assert pieces < 8
    assert [store.setting(f"key {n}") for n in range(17)] == list(range(17))


def test_readers_and_a_compacting_writer(store: Store) -> None:
    lay_root(store)
    put(store, [heard(sound_id(1000), unit(1000))], 1)
    failed: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        mine = Store.open(store.path)
        seen = 0
        try:
            while not done.is_set():
                now = mine.read("sounds", ["sound_id"]).num_rows
                assert now >= seen
                seen = now
                assert mine.count("segments") >= now
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for n in range(8):
        put(store, [heard(sound_id(n), unit(n, 2))], n + 2)
        store.compact()
    done.set()
    for thread in threads:
        thread.join()
    assert not failed
    assert store.count("sounds") == 9


# -- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raised", "error", "match"),
    [
        (OSError(28, "No space left on device"), StorageError, "is full"),
        (
            RuntimeError("lance error: LanceError(IO): ... No space left on device (os error 28)"),
            StorageError,
            "is full",
        ),
        (OSError(27, "File too large"), StorageError, "is full"),
        (OSError(122, "Disk quota exceeded"), StorageError, "is full"),
        (PermissionError(13, "Permission denied"), StorageError, "cannot be written"),
        (OSError(30, "Read-only file system"), StorageError, "cannot be written"),
        (RuntimeError("lance error: something else"), LibraryError, "something else"),
        (RuntimeError(), LibraryError, "RuntimeError"),
        (ValueError("wrong column"), ValueError, "wrong column"),
    ],
)
def test_refusals_say_what_to_do(raised: Exception, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match) as caught, guarded():
        raise raised
    assert type(caught.value) is error


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(mount)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root and the right to mount")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def test_a_full_disk_loses_nothing_and_the_run_goes_on_after_it(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline: None
) -> None:
    monkeypatch.setattr("soundkin.library.commits.COMMIT_S", 0.0)
    folder = tmp_path / "S"
    for seed in range(30):
        wav(folder / f"{seed:02}.wav", seed, 0.1)
    store = Store.open(small_disk / "library")
    wav(tmp_path / "first" / "x.wav", 1000)
    index(store, tmp_path / "first")
    ballast = small_disk / "ballast"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    ballast.write_bytes(b"x" * (free - 300_000))
    with pytest.raises(StorageError, match="is full"):
        index(store, folder)
    again = Store.open(small_disk / "library")
    kept = set(column(again, "sounds", "sound_id"))
    assert 1 <= len(kept) < 31
    snapshot = Catalogue(again).snapshot(again.spaces()[0])
    assert snapshot.alive.sum() == len(kept)
    assert set(snapshot.spaces[again.spaces()[0]].sound.tolist()) == set(range(len(kept)))
    ballast.unlink()
    report = index(again, folder)
    assert report.failed == 0
    assert kept <= set(column(again, "sounds", "sound_id"))
    whole = Store.open(tmp_path / "whole")
    index(whole, folder)
    index(whole, tmp_path / "first")
    assert contents(again) == contents(whole)


def test_a_disk_without_a_byte_left_is_told_apart_at_once(
    small_disk: Path, tmp_path: Path, inline: None
) -> None:
    store = Store.open(small_disk / "library")
    wav(tmp_path / "S" / "a.wav", 1)
    index(store, tmp_path / "S")
    before = contents(store)
    wav(tmp_path / "S" / "b.wav", 2)
    with (small_disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(b"x" * 4096):
            pass
    with pytest.raises(StorageError, match="is full"):
        index(store, tmp_path / "S")
    assert contents(Store.open(store.path)) == before
    (small_disk / "ballast").unlink()
    assert index(store, tmp_path / "S").decoded == 1
