"""Cut off anywhere: no committed sound is lost, no half of one is seen, and the next run ends the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc
import pytest

from soundkin.library import commits, ingest
from soundkin.library.catalogue import Catalogue
from soundkin.library.places import forget_sounds
from soundkin.library.store import Store
from tests.library.making import (
    SPACE,
    column,
    contents,
    heard,
    index,
    lay_root,
    places,
    put,
    sound_id,
    unit,
    wav,
)

if TYPE_CHECKING:
    from collections.abc import Callable

INDEXER = """
import sys
from pathlib import Path
from soundkin.library import commits, ingest
from soundkin.library.store import Store
commits.COMMIT_S = 0.05
commits.COMMITS_A_TIDY = 4
commits.FRAGMENTS = 4
ingest.index_folder(Store.open(Path(sys.argv[1])), sys.argv[2], spaces=["mfcc"], jobs=2)
"""


def readable(store: Store) -> set[str]:
    """Read as a searcher does; every sound that is seen has all its segments and vectors."""
    spaces = store.spaces()
    snapshot = Catalogue(store).snapshot(spaces[0] if spaces else None)
    table = store.read("sounds", ["sound_id", "n_segments"])
    assert len(snapshot.ids) == len(set(table["sound_id"].to_pylist()))
    if not spaces:
        assert table.num_rows == 0
        return set()
    view = snapshot.spaces[spaces[0]]
    wanted = dict(zip(*(table[c].to_pylist() for c in ("sound_id", "n_segments")), strict=True))
    rows = np.bincount(view.sound, minlength=len(snapshot.ids))
    for number in range(len(snapshot.ids)):
        assert len(snapshot.segment_rows(number)) == wanted[snapshot.ids[number]]
        assert rows[number] == wanted[snapshot.ids[number]]
    assert set(view.sound.tolist()) == set(range(len(snapshot.ids)))
    return set(table["sound_id"].to_pylist())


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kill_9_at_twenty_random_moments(tmp_path: Path) -> None:
    folder = tmp_path / "S"
    for seed in range(400):
        wav(folder / f"pack {seed % 7}" / f"{seed:03}.wav", seed, 0.1 + (seed % 5) / 2)
    for seed in range(5):
        (folder / f"bad {seed}.wav").write_text(f"no sound {seed}")
    undisturbed = Store.open(tmp_path / "undisturbed")
    index(undisturbed, folder, jobs=2)
    rng = random.Random(20)
    kills = 0
    lives = 0
    while kills < 20:
        path = tmp_path / f"library {lives}"
        lives += 1
        for _ in range(8):  # several kills on one library, while there is work left
            if kills == 20:
                break
            store = Store.open(path)
            before = set(column(store, "sounds", "sound_id"))
            command = [sys.executable, "-c", INDEXER, str(path), str(folder)]
            with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as run:
                seen = wait_for_work(store, run, before, rng)
                if run.poll() is None:
                    run.send_signal(signal.SIGKILL)
                    kills += 1
                run.wait()
            reopened = Store.open(path)
            now = readable(reopened)
            assert seen <= now, "a committed sound is lost"
            if len(now) == 400:
                break
        store = Store.open(path)
        report = index(store, folder, jobs=2)
        assert not report.stopped
        assert contents(store) == contents(undisturbed)
        orphans = store.read("segments", ["sound_id"])["sound_id"]
        assert set(pc.unique(orphans).to_pylist()) == set(column(store, "sounds", "sound_id"))


def wait_for_work(
    store: Store, run: subprocess.Popen[bytes], before: set[str], rng: random.Random
) -> set[str]:
    """Wait until the run has begun, and then a random moment; return the sounds seen committed."""
    while run.poll() is None and not (store.count("sounds") > len(before) or store.is_indexing()):
        time.sleep(0.02)
    until = time.monotonic() + rng.uniform(0, 4)
    seen = before
    while run.poll() is None and time.monotonic() < until:
        seen = set(column(store, "sounds", "sound_id"))
        time.sleep(rng.uniform(0, 0.05))
    return seen


# -- the quick form: every write fails once -------------------------------------------------------


class Cut(Exception):  # noqa: N818
    """The moment of a kill."""


def cut_at(monkeypatch: pytest.MonkeyPatch, n: int, *, after: bool) -> Callable[[], int]:
    """Let the n-th write of the store never come, or come and be the last; n counts from 0."""
    count = [0]

    def spoil(name: str) -> None:
        whole = getattr(Store, name)

        def write(self: Store, table: str, *args: object, **how: object) -> object:
            if name != "delete" and not args[0].num_rows and "leaving" not in how:
                return None
            number, count[0] = count[0], count[0] + 1
            if number >= n and not after:
                raise Cut
            result = whole(self, table, *args, **how)
            if number >= n:
                raise Cut
            return result

        monkeypatch.setattr(Store, name, write)

    for name in ("append", "upsert", "insert_missing", "delete"):
        spoil(name)
    return lambda: count[0]


def change(folder: Path) -> None:
    """New, edited, moved, gone and bad files."""
    wav(folder / "new.wav", 100, 1.2)
    wav(folder / "2.wav", 101)
    (folder / "3.wav").rename(folder / "three.wav")
    (folder / "4.wav").unlink()
    (folder / "5.wav").write_text("bad now")
    wav(folder / "was bad.wav", 102)
    os.utime(folder / "2.wav", (1, 1))


@pytest.mark.parametrize(
    ("after", "every"),
    [(True, 3), *(pytest.param(after, 1, marks=pytest.mark.slow) for after in (False, True))],
)
@pytest.mark.usefixtures("inline")
def test_a_cut_at_any_write_is_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool, every: int
) -> None:
    """At every third write of all, or at every one."""
    monkeypatch.setattr(commits, "COMMIT_S", 0.0)
    monkeypatch.setattr(ingest, "GROUP_FILES", 2)
    folder = tmp_path / "S"
    for seed in range(6):
        wav(folder / f"{seed}.wav", seed, 0.2 + seed / 4)
    (folder / "was bad.wav").write_text("bad")

    def begin(path: Path) -> Store:
        store = Store.open(path)
        index(store, folder)
        return store

    base = begin(tmp_path / "base")
    copies = {n: _copied(base.path, tmp_path / f"library {n}") for n in range(0, 42, every)}
    change(folder)
    undisturbed = Store.open(_copied(base.path, tmp_path / "undisturbed"))
    index(undisturbed, folder)
    wanted = contents(undisturbed)
    cuts = 0
    for n, path in copies.items():
        store = Store.open(path)
        before = readable(store)
        with monkeypatch.context() as patch:
            cut_at(patch, n, after=after)
            try:
                index(store, folder)
                whole = True
            except Cut:
                whole = False
        reopened = Store.open(path)
        assert before <= readable(reopened)
        assert reopened.is_indexing() is False
        index(reopened, folder)
        assert contents(reopened) == wanted, f"after a cut at write {n}"
        for table in ("segments", "locations"):
            assert set(column(reopened, table, "sound_id")) <= readable(reopened)
        if whole:
            break
        cuts += 1
    assert cuts >= 10 // every
    assert whole


@pytest.mark.parametrize("n", range(5))
def test_a_cut_while_forgetting_is_made_good(
    store: Store, monkeypatch: pytest.MonkeyPatch, n: int
) -> None:
    lay_root(store)
    put(store, [heard(sound_id(i), unit(i, 2)) for i in range(4)], 1)
    with monkeypatch.context() as patch:
        cut_at(patch, n, after=True)
        with pytest.raises(Cut):
            forget_sounds(store, [sound_id(0), sound_id(2)])
    assert readable(Store.open(store.path)) == {sound_id(1), sound_id(3)}
    with store.indexing("root", "root"):
        pass
    for table in ("segments", "locations", f"vectors_{SPACE}"):
        assert set(column(store, table, "sound_id")) == {sound_id(1), sound_id(3)}


@pytest.mark.usefixtures("inline")
def test_orphaned_places_do_not_hide_their_files_while_another_indexes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    folder = tmp_path / "S"
    wav(folder / "a.wav", 1)
    writes = ["settings", "roots", "segments", "vectors", "locations"]
    with store.indexing("other", "another root"):  # so nobody may sweep
        with monkeypatch.context() as patch:
            cut_at(patch, len(writes), after=False)
            with pytest.raises(Cut):
                index(store, folder)
        assert places(store)  # written, but its sound is not
        assert index(store, folder).decoded == 1
    assert readable(store) == set(column(store, "locations", "sound_id"))


def _copied(source: Path, target: Path) -> Path:
    """Copy a library."""
    import shutil

    shutil.copytree(source, target)
    return target
