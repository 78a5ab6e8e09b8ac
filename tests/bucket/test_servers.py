"""Several readers and a writer on one bucket; what a machine keeps of it is bounded."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from soundkin.errors import InputError
from soundkin.library import catalogue as catalogues
from soundkin.library.catalogue import Catalogue
from soundkin.library.indexes import Indexes
from soundkin.library.room import make_room, size_in_bytes
from soundkin.library.store import Store
from tests.library.making import SPACE, heard, lay_root, put, sound_id, unit

if TYPE_CHECKING:
    from pathlib import Path


def test_readers_go_on_while_a_writer_writes_and_see_it_soon(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogues, "STALE_S", 0.2)
    writer = Store.open(address)
    lay_root(writer)
    put(writer, [heard(sound_id(0), unit(0))], 1)
    readers = [Catalogue(Store.open(address)) for _ in range(2)]
    over, problems, counts = threading.Event(), [], [[] for _ in readers]

    def ask(number: int) -> None:
        reader = readers[number]
        try:
            while not over.wait(0.01):
                snapshot = reader.snapshot(SPACE)
                view = snapshot.spaces[SPACE]
                ids, _ = view.index.query(unit(0), k=1)
                assert view.sound[ids[0, 0]] == snapshot.ids.get(sound_id(0))
                counts[number].append(int(snapshot.alive.sum()))
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(readers))]
    for thread in threads:
        thread.start()
    for batch in (2, 3):
        put(writer, [heard(sound_id(batch), unit(batch))], batch)
    for _ in range(600):
        if problems or all(seen and seen[-1] == 3 for seen in counts):
            break
        over.wait(0.05)
    over.set()
    for thread in threads:
        thread.join()
    assert not problems
    assert all(seen == sorted(seen) and seen[-1] == 3 for seen in counts)
    for reader in readers:
        reader.close()


@pytest.mark.slow  # a forest is compiled
def test_caches_of_a_bucket_lie_on_this_machine_and_are_bounded(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "soundkin.library.indexes.choose", lambda n, dim: ("forest", "for the test")
    )
    store = Store.open(address)
    assert store.cache == tmp_path / "cache" / "soundkin" / "libraries" / store.library_id
    lay_root(store)
    put(store, [heard(sound_id(n), unit(n, 30)) for n in range(10)], 1)
    reader = Catalogue(store)
    snapshot = reader.snapshot(SPACE)
    built = reader.indexes.refresh(snapshot, snapshot.spaces[SPACE])
    assert built is not None
    assert (store.cache / built.name / "near.index").is_file()
    again = Indexes(Store.open(address))
    assert again.newest(SPACE) == built.name
    np.testing.assert_array_equal(again.open(SPACE).pairs, built.pairs)
    small = Store.open(address)
    small.cache_bytes = 100
    other = Catalogue(small)
    held = other.indexes.refresh(snapshot, snapshot.spaces[SPACE])
    assert held is not None
    assert held.name == "", "it is held in memory"
    assert [path.name for path in store.cache.iterdir() if path.name != "locks"] == [built.name]


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    for number, name in enumerate(["a/old", "b/young", "b/mine", "b/locks"]):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "x").write_bytes(bytes(100))
        os.utime(tmp_path / name, (number, number))
    keep = tmp_path / "b/mine"
    assert make_room(tmp_path, 300, keep)
    assert (tmp_path / "a/old").is_dir()
    assert make_room(tmp_path, 250, keep)
    assert not (tmp_path / "a/old").exists()
    assert (tmp_path / "b/young").is_dir()
    assert make_room(tmp_path, 100, keep)
    assert not (tmp_path / "b/young").exists()
    assert not make_room(tmp_path, 99, keep)
    assert keep.is_dir()
    assert (tmp_path / "b/locks").is_dir()
    with pytest.raises(InputError, match="something like 500MB"):
        size_in_bytes("much")
