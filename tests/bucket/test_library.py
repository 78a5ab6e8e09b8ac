"""A library in a bucket: the same commands, the same answers, turns taken by leases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from soundkin.bucket import Address
from soundkin.bucket.client import Bucket
from soundkin.errors import BucketError, LibraryBusy, LibraryFormatError, NotFound
from soundkin.library import leases
from soundkin.library.leases import Leases
from soundkin.library.store import Store
from tests.library.making import contents, heard, lay_root, places, put, sound_id, unit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bucket.s3 import Mood


def test_a_library_in_a_bucket_is_the_same_library(address: str, tmp_path: Path) -> None:
    there, here = Store.open(address), Store.open(tmp_path / "here")
    for store in (there, here):
        lay_root(store)
        put(store, [heard(sound_id(n), unit(n, 3)) for n in range(3)], 1)
        put(store, [heard(sound_id(9), unit(9))], 2)
    assert contents(there) == contents(here)
    again = Store.open(address)
    assert again.library_id == there.library_id != here.library_id
    assert contents(again) == contents(here)
    for store in (there, here):
        store.delete_sounds("sounds", [sound_id(1)])
        with store.indexing("root", "/nowhere"):
            assert store.is_indexing()
    assert contents(again) == contents(here)
    assert sorted(places(again)) == sorted(places(here)), "the orphan was swept"
    names = [found.name for found in Bucket(Address.of(address)).list()]
    assert not [name for name in names if name.startswith("locks/")], "every lease was given back"
    assert {name.split("/")[0] for name in names} == {"soundkin.json", "tables"}


def test_opening_says_what_is_there(address: str) -> None:
    with pytest.raises(NotFound, match=f"no library at '{address}'"):
        Store.open(address, create=False)
    bucket = Bucket(Address.of(address))
    bucket.create("song.wav", b"RIFF")
    with pytest.raises(LibraryFormatError, match=r"has other things in it, such as 'song\.wav'"):
        Store.open(address)
    bucket.delete("song.wav")
    bucket.create("soundkin.json", json.dumps({"format": 99, "library_id": "x"}).encode())
    with pytest.raises(LibraryFormatError, match="has format 99"):
        Store.open(address)


def test_a_root_is_held_by_one_and_a_dead_one_holds_nothing(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = Store.open(address), Store.open(address)
    with (
        one.indexing("root", "/nowhere"),
        pytest.raises(LibraryBusy, match=r"is being indexed by process \d+ on "),
        other.indexing("root", "/nowhere"),
    ):
        pass
    bucket = Bucket(Address.of(address))
    note = {"who": "77 on attic", "host": "attic", "pid": 77, "lasts_s": 60.0}
    bucket.create("locks/root-root", json.dumps(note).encode())
    with pytest.raises(LibraryBusy, match="77 on attic"), one.indexing("root", "/nowhere"):
        pass
    monkeypatch.setattr(Leases, "_is_over", lambda self, body, what: True)  # its minute has passed
    with one.indexing("root", "/nowhere"):
        pass
    monkeypatch.undo()


def test_a_lease_of_a_killed_process_of_this_machine_is_over_at_once(address: str) -> None:
    bucket = Bucket(Address.of(address))
    note = {"who": "a dead one", "host": leases._host(), "pid": 2**22 + 1, "lasts_s": 60.0}
    for name in ("locks/root-r", "locks/indexers/dead"):
        bucket.create(name, json.dumps(note).encode())
    swept = []
    mine = Leases(bucket)
    with mine.hold("root-r") as holder, mine.join(lambda: swept.append(1)):
        assert holder == ""
        with mine.join(lambda: swept.append(2)):
            pass
    assert swept == [1]
    assert bucket.is_empty()


def test_a_lease_is_renewed_and_what_was_taken_over_is_left(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "BEAT_S", 0.02)
    bucket = Bucket(Address.of(address))
    mine = Leases(bucket)
    with mine.hold("root-r"):
        for _ in range(200):
            found = bucket.get_tagged("locks/root-r")
            assert found is not None
            if json.loads(found[0])["beat"] >= 2:
                break
        else:
            pytest.fail("it was never renewed")
        bucket.delete("locks/root-r")
        bucket.create("locks/root-r", b"{}")
    assert bucket.get("locks/root-r") == b"{}"


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "fault", ["cut", pytest.param("busy", marks=SLOW), pytest.param("slow", marks=SLOW)]
)
def test_writing_goes_on_through_faults(address: str, moody: Mood, fault: str) -> None:
    store = Store.open(address)
    lay_root(store)
    put(store, [heard(sound_id(0), unit(0))], 1)
    moody.fault, moody.times = fault, 8
    put(store, [heard(sound_id(1), unit(1))], 2)
    assert sorted(row["sound_id"] for row in store.read("sounds").to_pylist()) == sorted(
        [sound_id(0), sound_id(1)]
    )


@SLOW
def test_credentials_that_expire_leave_nothing_half_written(
    address: str, moody: Mood, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(address)
    lay_root(store)
    put(store, [heard(sound_id(0), unit(0))], 1)
    moody.keys = frozenset({"test"})
    with pytest.raises(BucketError, match="have expired; expected credentials that are valid now"):
        put(store, [heard(sound_id(1), unit(1))], 2)
    with pytest.raises(BucketError, match="have expired"):
        store.read("sounds")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "fresh")
    assert store.count("sounds") == 1
    put(store, [heard(sound_id(1), unit(1))], 3)
    assert store.count("sounds") == 2
    assert Store.open(address).count("vectors_toy-00000000") == 2


@SLOW
def test_an_answer_that_was_lost_adds_nothing_twice(address: str, moody: Mood) -> None:
    store = Store.open(address)
    lay_root(store)
    put(store, [heard(sound_id(0), unit(0))], 1)
    for batch in (2, 3):
        moody.fault, moody.times, moody.of, moody.where = "lost", 1, frozenset({"PUT"}), "_versions"
        put(store, [heard(sound_id(batch), unit(batch))], batch)
    assert store.count("sounds") == 3
    assert store.count("segments") == 3
