"""What is on disk against what is known, on real folders and against a plain model."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.library import scan as module
from soundkin.library.scan import (
    GONE,
    PRESENT,
    Entry,
    Knowledge,
    Listing,
    Place,
    display,
    reconcile,
    scan,
)

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = {".wav", ".flac"}


def place(content: str, *, mtime: int = 1, state: str = PRESENT) -> Place:
    return Place(len(content), mtime, f"bytes:{content}", f"sound:{content}", state)


def knowledge(
    places: dict[bytes, Place], failures: dict[bytes, tuple[int, int, str]] | None = None
) -> Knowledge:
    failures = failures or {}
    return Knowledge(
        places=places,
        failures=failures,
        by_hash={p.byte_hash: p.sound_id for p in places.values()},
        failed_hashes={f[2]: "corrupt" for f in failures.values()},
        sizes={p.size for p in places.values()} | {f[0] for f in failures.values()},
    )


def test_lists_sounds_in_order_and_passes_over_the_rest(tmp_path: Path) -> None:
    for name in (
        "b/two.WAV",
        "a.wav",
        "b/c/three.flac",
        "b/notes.txt",
        "._a.wav",
        ".git/x.wav",
        "__MACOSX/a.wav",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    listing = scan(os.fsencode(tmp_path), SUFFIXES)
    assert [entry.path for entry in listing.entries] == [b"a.wav", b"b/two.WAV", b"b/c/three.flac"]
    assert listing.ignored == 2
    assert scan(os.fsencode(tmp_path), SUFFIXES, below=b"b").entries[0].path == b"b/two.WAV"


def test_names_that_are_no_text(tmp_path: Path) -> None:
    names = [
        b"\xff\xfe.wav",
        "e\u0301.wav".encode(),
        "\N{DRUM WITH DRUMSTICKS}.wav".encode(),
        b"trailing.wav ",
    ]
    deep = b"/".join([b"d" * 60] * 5)
    os.makedirs(os.path.join(os.fsencode(tmp_path), deep))
    names.append(deep + b"/long.wav")
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(b"x")
    listing = scan(os.fsencode(tmp_path), SUFFIXES)
    assert {entry.path for entry in listing.entries} == set(names)
    assert all(isinstance(display(name), str) for name in names)


def test_odd_things_are_told_apart(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "nowhere.wav").symlink_to(tmp_path / "missing")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "loop").symlink_to(tmp_path)
    (tmp_path / "inner" / "a.wav").write_bytes(b"x")
    listing = scan(os.fsencode(tmp_path), SUFFIXES)
    assert [entry.path for entry in listing.entries] == [b"inner/a.wav"]
    assert sorted(entry.path for entry, _ in listing.odd) == [b"nowhere.wav", b"pipe.wav"]


def test_an_unreadable_folder_is_not_an_empty_one() -> None:
    known = {b"locked/a.wav": place("a"), b"b.wav": place("b")}
    plan = reconcile(Listing(unreadable=[b"locked"]), knowledge(known), lambda _: None)
    assert plan.gone == [b"b.wav"]


def test_a_rename_needs_no_decoding_and_a_copy_is_no_move() -> None:
    known = knowledge({b"old.wav": place("abc"), b"stays.wav": place("stay")})
    entries = [Entry(b"new.wav", 3, 9), Entry(b"stays.wav", 4, 1), Entry(b"copy.wav", 4, 7)]
    contents = {b"new.wav": "bytes:abc", b"copy.wav": "bytes:stay"}
    plan = reconcile(Listing(entries=entries), known, contents.get)
    assert [entry.path for entry, _, _ in plan.moved] == [b"new.wav"]
    assert [entry.path for entry, _, _ in plan.copied] == [b"copy.wav"]
    assert (plan.left, plan.gone, plan.decode, plan.unchanged) == ([b"old.wav"], [], [], 1)


def test_an_edit_in_place_is_found_even_at_the_same_size() -> None:
    known = knowledge({b"a.wav": place("abc")})
    plan = reconcile(Listing(entries=[Entry(b"a.wav", 3, 2)]), known, {b"a.wav": "bytes:abd"}.get)
    assert [entry.path for entry in plan.decode] == [b"a.wav"]


def test_a_failure_is_remembered_by_place_and_by_content() -> None:
    known = knowledge({}, {b"bad.wav": (3, 1, "bytes:bad")})
    entries = [Entry(b"bad.wav", 3, 1), Entry(b"moved.wav", 3, 5)]
    hashes = {b"moved.wav": "bytes:bad"}
    plan = reconcile(Listing(entries=entries), known, hashes.get)
    assert (plan.remembered, len(plan.failed_before), plan.decode) == (1, 1, [])
    again = reconcile(Listing(entries=entries), known, hashes.get, retry_failed=True)
    assert len(again.decode) == 2


def test_what_comes_back_is_not_decoded() -> None:
    known = knowledge({b"a.wav": place("abc", state=GONE)})
    plan = reconcile(Listing(entries=[Entry(b"a.wav", 3, 1)]), known, {}.get)
    assert [entry.path for entry, _ in plan.touched] == [b"a.wav"]


contents = st.dictionaries(
    st.sampled_from("abcdefgh"), st.sampled_from(["x", "yy", "zz", "zzz", "www"]), max_size=8
)


@settings(max_examples=300, deadline=None)
@given(before=contents, after=contents, retouch=st.booleans())
def test_every_file_is_judged_once_and_only_new_content_is_decoded(
    before: dict[str, str], after: dict[str, str], retouch: bool
) -> None:
    known = knowledge({name.encode(): place(content) for name, content in before.items()})
    entries = [
        Entry(name.encode(), len(content), 1 if before.get(name) == content and not retouch else 2)
        for name, content in after.items()
    ]
    asked: list[bytes] = []

    def hash_of(path: bytes) -> str:
        asked.append(path)
        return f"bytes:{after[path.decode()]}"

    plan = reconcile(Listing(entries=entries), known, hash_of)
    judged = [e.path for e, _ in plan.touched] + [e.path for e, _, _ in plan.moved + plan.copied]
    judged += [e.path for e in plan.decode]
    assert len(judged) == len(set(judged))
    assert len(judged) + plan.unchanged == len(after)
    assert {e.path.decode() for e in plan.decode} == {
        n for n, c in after.items() if c not in before.values()
    }
    missing = set(before) - set(after)
    assert {p.decode() for p in plan.gone} | {p.decode() for p in plan.left} == missing
    assert not set(plan.gone) & set(plan.left)
    sizes = {len(content) for content in before.values()}
    assert all(len(after[path.decode()]) in sizes for path in asked)
    for path in plan.left:  # a place is only left when its sound is somewhere else now
        assert before[path.decode()] in after.values()


def test_display_never_fails() -> None:
    assert display(b"\xff") == "\N{REPLACEMENT CHARACTER}"
    with pytest.raises(AttributeError):
        display(None)  # type: ignore[arg-type]


@pytest.fixture
def mounted(monkeypatch: pytest.MonkeyPatch) -> set[bytes]:
    """Names of folders that are another disk."""
    names: set[bytes] = set()
    real = module._device

    def device(folder: bytes) -> int | None:
        found = real(folder)
        return found + 1 if found is not None and names & set(folder.split(b"/")) else found

    monkeypatch.setattr(module, "_device", device)
    return names


def test_a_disk_in_the_tree_is_remembered_and_missed(tmp_path: Path, mounted: set[bytes]) -> None:
    for name in ("usb/deep/a.wav", "own/b.wav"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    root = os.fsencode(tmp_path)
    assert scan(root, SUFFIXES).mounts == set()
    mounted.add(b"usb")
    listing = scan(root, SUFFIXES)
    assert (listing.mounts, listing.unreadable) == ({b"usb"}, [])
    assert scan(root, SUFFIXES, below=b"usb").mounts == {b"usb"}
    assert scan(root, SUFFIXES, below=b"usb/deep", mounts={b"usb"}).mounts == set()
    (tmp_path / "usb/deep/a.wav").unlink()
    (tmp_path / "usb/deep").rmdir()
    mounted.clear()
    for gone in (False, True):  # some systems leave the folder it was mounted on, some do not
        if gone:
            (tmp_path / "usb").rmdir()
        listing = scan(root, SUFFIXES, mounts={b"usb"})
        assert (listing.mounts, listing.unreadable) == ({b"usb"}, [b"usb"])
        known = {b"usb/deep/a.wav": place("a"), b"own/b.wav": place("b")}
        assert reconcile(listing, knowledge(known), lambda _: None).gone == []
        assert scan(root, SUFFIXES, below=b"own", mounts={b"usb"}).mounts == set()
    (tmp_path / "usb").mkdir()
    (tmp_path / "usb" / "c.wav").write_bytes(b"x")  # now it is a folder like any other
    listing = scan(root, SUFFIXES, mounts={b"usb"})
    assert (listing.mounts, listing.unreadable) == (set(), [])


def test_a_folder_that_cannot_be_looked_at_is_not_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "there.wav").write_bytes(b"x")
    (tmp_path / "away").symlink_to(tmp_path / "not mounted" / "Samples")
    listing = scan(os.fsencode(tmp_path), SUFFIXES)
    assert listing.unreadable == [b"away"]
    known = {b"away/a.wav": place("a"), b"gone.wav": place("g")}
    assert reconcile(listing, knowledge(known), lambda _: None).gone == [b"gone.wav"]


def test_a_file_of_a_dying_disk_is_not_a_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")

    class Dying:
        def __init__(self, item: os.DirEntry[bytes]) -> None:
            self.name, self.is_symlink = item.name, item.is_symlink

        def stat(self) -> None:
            raise OSError(errno.EIO, "Input/output error")

    class Folder:
        def __init__(self, folder: bytes) -> None:
            with real(folder) as items:
                self.items = [Dying(item) for item in items]

        def __enter__(self) -> list[Dying]:
            return self.items

        def __exit__(self, *_: object) -> None:
            pass

    real = os.scandir
    monkeypatch.setattr(os, "scandir", Folder)
    listing = scan(os.fsencode(tmp_path), SUFFIXES)
    assert [entry.path for entry, _ in listing.odd] == [b"a.wav"]
    plan = reconcile(listing, knowledge({b"a.wav": place("a")}), lambda _: None)
    assert (plan.gone, plan.left) == ([], [])
