"""How much there is, against plain lists; counted again only where something was committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from soundkin.library.counts import Counter, bytes_below
from soundkin.library.scan import GONE, PRESENT
from soundkin.library.store import SCHEMAS
from tests.library.making import column, heard, lay_root, put, sound_id, unit

if TYPE_CHECKING:
    from pathlib import Path

    from soundkin.library.store import Store


def tag(store: Store, number: int, name: str) -> None:
    """Put a tag on a sound."""
    row = {"sound_id": sound_id(number), "tag": name, "added_at": None}
    store.insert_missing("tags", pa.Table.from_pylist([row], schema=SCHEMAS["tags"]))


def test_an_empty_library_holds_nothing(store: Store) -> None:
    found = Counter(store).counts()
    assert (found.sounds, found.segments, found.silent, found.seconds_of_sound) == (0, 0, 0, 0.0)
    assert (found.places, found.tags, found.failures) == ({}, 0, 0)
    assert found.disk_bytes > 0


def test_counts_are_those_of_the_tables(store: Store) -> None:
    lay_root(store)
    counter = Counter(store)
    for batch in (1, 2):
        put(store, [heard(sound_id(10 * batch + n), unit(n, n + 1)) for n in range(4)], batch)
        tag(store, 10, "low")
        tag(store, 20 + batch, "high")
        found = counter.counts()
        assert found.sounds == len(column(store, "sounds", "sound_id")) == 4 * batch
        assert found.segments == len(column(store, "segments", "seq")) == 10 * batch
        assert found.seconds_of_sound == pytest.approx(sum(column(store, "sounds", "duration_s")))
        assert found.places == {("root", PRESENT): 4 * batch}
        assert found.places_that_are(GONE) == 0
        assert found.tags == 2
        assert found.disk_bytes == sum(
            path.stat().st_size for path in store.path.rglob("*") if path.is_file()
        )


def test_nothing_is_read_again_until_something_is_committed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_root(store)
    put(store, [heard(sound_id(1), unit(1))], 1)
    counter = Counter(store)
    first = counter.counts()
    with monkeypatch.context() as nothing_read:
        nothing_read.setattr(type(store), "read", None)
        assert counter.counts() == first
    tag(store, 1, "low")
    assert counter.counts().tags == 1


def test_a_file_that_goes_away_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one").write_bytes(b"12345")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    assert bytes_below(tmp_path) == 5
    assert bytes_below(tmp_path / "nothing") == 0
