"""Sounds in a bucket: listed, streamed by ranges into the processes that hear files, found again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from soundkin.audio.decode import read_sound
from soundkin.bucket import Address, reading
from soundkin.bucket.client import Bucket
from soundkin.errors import BucketError, NotFound
from soundkin.library import ingest
from soundkin.library.store import Store
from tests.library.making import InlineWorkers, column, contents, index, ledger, places, wav

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bucket.s3 import Mood


@pytest.fixture
def sounds(address: str, tmp_path: Path) -> tuple[str, Path]:
    """The same few sounds in a bucket and in a folder."""
    folder = tmp_path / "sounds"
    for number, name in enumerate(["a.wav", "sub/b ü#.flac", "sub/deep/c.wav"]):
        wav(folder / name, number)
    (folder / "notes.txt").write_text("no sound")
    (folder / "broken.wav").write_text("no sound either")
    upload(Bucket(Address.of(address)), folder)
    return address, folder


def upload(bucket: Bucket, folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            bucket.create(str(path.relative_to(folder)), path.read_bytes())


@pytest.fixture
def _inline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "Workers", InlineWorkers)


@pytest.mark.usefixtures("_inline")
def test_a_bucket_is_indexed_as_a_folder_is(sounds: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = sounds
    there, here = Store.open(tmp_path / "there"), Store.open(tmp_path / "here")
    first = index(there, address)
    assert (first.found, first.embedded, first.failed, first.ignored) == (4, 3, 1, 1)
    index(here, folder)
    one, other = contents(there), contents(here)
    assert one["vectors"] == other["vectors"]
    assert one["sounds"] == other["sounds"]
    assert column(there, "roots", "path") == [address.encode()]
    bucket = Bucket(Address.of(address))
    body = bucket.get("a.wav")
    assert body is not None
    bucket.create("moved/a2.wav", body)
    bucket.delete("a.wav")
    bucket.delete("sub/deep/c.wav")
    second = index(there, address + "/")
    assert (second.decoded, second.moved, second.gone, second.unchanged) == (0, 1, 1, 1)
    assert places(there)[b"moved/a2.wav"][1] == "present"
    part = index(there, address + "/sub")
    assert (part.found, part.unchanged) == (1, 1)
    with pytest.raises(NotFound, match="there is nothing at"):
        index(there, address + "/nowhere")
    assert len(column(there, "roots", "path")) == 1


def test_an_address_can_be_read_and_only_what_is_needed_is_fetched(
    address: str, moody: Mood, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "FIRST_BYTES", 1 << 12)
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1 << 14)
    path = wav(tmp_path / "long.wav", 5, 8.0)
    assert not isinstance(path, bytes)
    Bucket(Address.of(address)).create("long.wav", path.read_bytes())
    whole, rate_hz = read_sound(path)
    moody.log.clear()
    part, _ = read_sound(f"{address}/long.wav", start_s=6.0, end_s=6.25)
    np.testing.assert_array_equal(part, whole[6 * rate_hz : 6 * rate_hz + rate_hz // 4])
    fetched = sum(1 for method, _, _ in moody.log if method == "GET")
    assert fetched <= 4
    again, _ = read_sound(f"{address}/long.wav".encode())
    np.testing.assert_array_equal(again, whole)


@pytest.mark.usefixtures("_inline")
def test_faults_while_listening(sounds: tuple[str, Path], tmp_path: Path, moody: Mood) -> None:
    address, _ = sounds
    store = Store.open(tmp_path / "library")
    moody.fault, moody.times, moody.of = "cut", 3, frozenset({"GET"})
    assert index(store, address).embedded == 3, "a fault that passes is not noticed"
    bucket = Bucket(Address.of(address))
    for name in ("a.wav", "sub/deep/c.wav"):
        body = bucket.get(name)
        assert body is not None
        bucket.create(f"copy of {name}", body + b"\0")
    moody.keys = frozenset({"test"})
    with pytest.raises(BucketError, match="have expired"):
        index(store, address)
    assert set(places(store)) == {b"a.wav", "sub/b ü#.flac".encode(), b"sub/deep/c.wav"}
    moody.keys = frozenset()
    moody.fault, moody.times, moody.where = "expired", 99, "copy"
    report = index(store, address)
    assert (report.embedded, report.failed) == (0, 3)
    assert ledger(store)[b"copy of a.wav"] == "unreadable"
    moody.times = 0
    assert index(store, address).decoded == 2, "what could not be fetched is tried again"
    assert set(ledger(store)) == {b"broken.wav"}


@pytest.mark.slow
def test_processes_of_their_own_hear_a_bucket(sounds: tuple[str, Path], tmp_path: Path) -> None:
    address, _ = sounds
    report = index(Store.open(tmp_path / "library"), address, jobs=1)
    assert (report.embedded, report.failed) == (3, 1)
