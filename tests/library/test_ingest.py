"""What becomes of files: new, changed, moved, copied, gone and back; hostile names, folders and moments."""

from __future__ import annotations

import json
import os
import shutil
import stat
import struct
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundkin.audio.decode import SoundReader
from soundkin.errors import InputError, LibraryBusy, NotFound, Offline, UnknownSpace
from soundkin.library import ingest, scan, worker, workers
from soundkin.library.catalogue import Catalogue
from soundkin.library.scan import GONE, PRESENT
from soundkin.library.store import Store
from soundkin.shelf import SHIPPED
from soundkin.space import load_space
from tests.broken import make_broken
from tests.library.making import RATE_HZ, column, contents, index, ledger, places, tone, wav

pytestmark = pytest.mark.usefixtures("inline")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three sounds, one of them in a folder."""
    samples = tmp_path / "Samples"
    for seed, name in enumerate(("a.wav", "b.wav", "Drums/c.wav")):
        wav(samples / name, seed)
    return samples


def touch(path: Path, seconds: float) -> None:
    """Set a file's time, `seconds` from now."""
    then = time.time() + seconds
    os.utime(path, (then, then))


def counts(report: ingest.IndexReport, *names: str) -> tuple[int, ...]:
    return tuple(getattr(report, name) for name in names)


# -- new, unchanged, changed ----------------------------------------------------------------------


def test_the_first_run_takes_everything_and_the_second_opens_nothing(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "notes.txt").write_text("no sound")
    first = index(store, folder)
    assert counts(first, "found", "decoded", "embedded", "segments", "ignored") == (3, 3, 3, 3, 1)
    assert first.seconds_of_sound == pytest.approx(0.9)
    assert not first.stopped
    before = contents(store)
    monkeypatch.setattr(ingest, "byte_hash", None)  # nothing is read ...
    monkeypatch.setattr(workers, "_start", None)  # ... and nobody decodes
    second = index(store, folder)
    assert counts(second, "found", "unchanged", "decoded", "embedded") == (3, 3, 0, 0)
    assert contents(store) == before


def test_what_the_tables_say_of_a_sound(store: Store, tmp_path: Path) -> None:
    samples = np.stack([tone(1, 1.75), np.zeros(round(1.75 * RATE_HZ))], axis=1)
    soundfile.write(tmp_path / "two.wav", samples, RATE_HZ, subtype="PCM_24")
    folder = tmp_path / "S"
    folder.mkdir()
    (tmp_path / "two.wav").rename(folder / "two.wav")
    index(store, folder)
    [sound] = store.read("sounds").to_pylist()
    [place] = store.read("locations").to_pylist()
    segments = store.read("segments").to_pylist()
    assert (sound["channels"], sound["rate_hz"], sound["format"]) == (2, RATE_HZ, "WAV")
    assert sound["duration_s"] == pytest.approx(1.75)
    assert len(sound["peaks"]) == 1600
    assert sound["n_segments"] == len(segments) > 1
    assert {s["sound_id"] for s in segments} == {sound["sound_id"]} == {place["sound_id"]}
    assert place["size"] == (folder / "two.wav").stat().st_size
    assert place["mtime_ns"] == (folder / "two.wav").stat().st_mtime_ns
    [space] = store.spaces()
    vectors = np.array([r["vector"] for r in store.read(f"vectors_{space}").to_pylist()])
    assert len(vectors) == len(segments)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_touched_file_is_read_but_not_decoded(store: Store, folder: Path) -> None:
    index(store, folder)
    touch(folder / "a.wav", -100)
    report = index(store, folder)
    assert counts(report, "unchanged", "decoded", "embedded") == (3, 0, 0)
    stamp = (folder / "a.wav").stat().st_mtime_ns
    assert stamp in column(store, "locations", "mtime_ns")


def test_an_edit_in_place_of_the_same_size_is_found(store: Store, folder: Path) -> None:
    index(store, folder)
    old = places(store)[b"a.wav"][0]
    size = (folder / "a.wav").stat().st_size
    wav(folder / "a.wav", 77)
    touch(folder / "a.wav", 5)
    assert (folder / "a.wav").stat().st_size == size
    report = index(store, folder)
    assert counts(report, "unchanged", "decoded", "embedded") == (2, 1, 1)
    new, state = places(store)[b"a.wav"]
    assert (new != old, state) == (True, PRESENT)
    assert old in column(store, "sounds", "sound_id")  # only `forget` deletes


def test_an_edit_that_is_taken_back_is_decoded_but_not_embedded(store: Store, folder: Path) -> None:
    index(store, folder)
    old = places(store)
    wav(folder / "a.wav", 77)
    touch(folder / "a.wav", 5)
    index(store, folder)
    wav(folder / "a.wav", 0)
    touch(folder / "a.wav", 10)
    assert counts(index(store, folder), "decoded", "embedded") == (1, 0)
    assert places(store) == old


# -- moved, copied, gone, back --------------------------------------------------------------------


def test_a_rename_a_copy_and_a_swap_need_no_decoding(store: Store, folder: Path) -> None:
    index(store, folder)
    before = places(store)
    (folder / "a.wav").rename(folder / "renamed.wav")
    shutil.copy(folder / "b.wav", folder / "copy of b.wav")
    report = index(store, folder)
    assert counts(report, "moved", "copied", "decoded", "gone") == (1, 1, 0, 0)
    now = places(store)
    assert now[b"renamed.wav"] == before[b"a.wav"]
    assert now[b"copy of b.wav"] == now[b"b.wav"] == before[b"b.wav"]
    assert b"a.wav" not in now
    (folder / "b.wav").rename(folder / "x")
    (folder / "renamed.wav").rename(folder / "b.wav")
    (folder / "x").rename(folder / "renamed.wav")
    touch(folder / "b.wav", 5)
    touch(folder / "renamed.wav", 5)
    assert index(store, folder).decoded == 0
    swapped = places(store)
    assert swapped[b"b.wav"] == now[b"renamed.wav"]
    assert swapped[b"renamed.wav"] == now[b"b.wav"]


def test_a_renamed_tree_is_recognised(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "S"
    for i in range(40):
        wav(folder / f"pack{i % 4}" / f"{i}.wav", i, 0.05)
    index(store, folder)
    before = {sound for sound, _ in places(store).values()}
    (folder / "pack0").rename(folder / "new name")
    (folder / "pack1").rename(folder / "new name" / "deeper")
    report = index(store, folder)
    assert counts(report, "moved", "unchanged", "decoded", "gone", "copied") == (20, 20, 0, 0, 0)
    assert {sound for sound, _ in places(store).values()} == before
    assert len(places(store)) == 40


def test_gone_and_back(store: Store, folder: Path) -> None:
    index(store, folder)
    aside = folder.parent / "aside.wav"
    (folder / "a.wav").rename(aside)
    report = index(store, folder)
    assert counts(report, "gone", "unchanged", "decoded") == (1, 2, 0)
    assert places(store)[b"a.wav"][1] == GONE
    assert index(store, folder).gone == 0  # told once
    aside.rename(folder / "a.wav")
    report = index(store, folder)
    assert counts(report, "unchanged", "decoded", "gone") == (3, 0, 0)
    assert {state for _, state in places(store).values()} == {PRESENT}


def test_gone_and_back_elsewhere_is_a_move(store: Store, folder: Path) -> None:
    index(store, folder)
    aside = folder.parent / "aside.wav"
    (folder / "a.wav").rename(aside)
    index(store, folder)
    aside.rename(folder / "Drums" / "late.wav")
    assert counts(index(store, folder), "moved", "decoded") == (1, 0)
    assert set(places(store)) == {b"b.wav", b"Drums/c.wav", b"Drums/late.wav"}


def test_a_part_of_a_root_leaves_the_rest_alone(store: Store, folder: Path) -> None:
    index(store, folder)
    (folder / "a.wav").unlink()
    (folder / "Drums" / "c.wav").rename(folder / "Drums" / "d.wav")
    (folder / "Drums 2").mkdir()
    report = index(store, folder / "Drums")
    assert counts(report, "found", "moved", "gone") == (1, 1, 0)
    assert places(store)[b"a.wav"][1] == PRESENT
    assert counts(index(store, folder), "gone") == (1,)


# -- one sound ------------------------------------------------------------------------------------


def with_chunk(content: bytes) -> bytes:
    """A WAV with one more chunk in front of its samples."""
    at = content.index(b"data")
    chunk = b"LIST" + struct.pack("<I", 12) + b"INFOISFT" + b"abcd"
    body = content[8:at] + chunk + content[at:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_a_retagged_file_is_the_same_sound(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "S"
    wav(folder / "a.wav", 1)
    wav(folder / "b.flac", 2)
    index(store, folder)
    before = places(store)
    (folder / "a.wav").write_bytes(with_chunk((folder / "a.wav").read_bytes()))
    with soundfile.SoundFile(folder / "c.flac", "w", RATE_HZ, 1) as file:
        file.title = "another title"
        file.write(np.round(tone(2) * 32767).astype(np.int16))
    (folder / "c.flac").replace(folder / "b.flac")
    report = index(store, folder)
    assert counts(report, "decoded", "embedded") == (2, 0)
    assert places(store) == before
    assert len(column(store, "sounds", "sound_id")) == 2


def test_wav_and_flac_of_one_sound_are_one_sound_in_two_places(store: Store, folder: Path) -> None:
    wav(folder / "a.flac", 0)
    report = index(store, folder)
    assert counts(report, "decoded", "embedded") == (4, 3)
    now = places(store)
    assert now[b"a.flac"] == now[b"a.wav"]


def test_the_same_bytes_twice_in_one_first_run(store: Store, folder: Path) -> None:
    shutil.copy(folder / "a.wav", folder / "Drums" / "a again.wav")
    report = index(store, folder)
    assert counts(report, "decoded", "embedded") == (4, 3)
    assert len(set(column(store, "sounds", "sound_id"))) == len(column(store, "sounds", "sound_id"))


# -- roots ----------------------------------------------------------------------------------------


def test_a_folder_inside_a_root_is_a_part_of_it(store: Store, folder: Path) -> None:
    index(store, folder)
    wav(folder / "Drums" / "new.wav", 9)
    report = index(store, folder / "Drums")
    assert counts(report, "found", "decoded") == (2, 1)
    assert len(column(store, "roots", "path")) == 1
    assert b"Drums/new.wav" in places(store)


def test_a_folder_around_a_root_adopts_it(store: Store, folder: Path) -> None:
    (folder / "Drums" / "bad.wav").write_text("no")
    index(store, folder / "Drums")
    before = places(store)[b"c.wav"]
    report = index(store, folder)
    assert counts(report, "decoded", "unchanged", "failed_before") == (2, 1, 1)
    assert column(store, "roots", "path") == [os.fsencode(folder)]
    assert places(store)[b"Drums/c.wav"] == before
    assert ledger(store) == {b"Drums/bad.wav": "not-sound"}


def test_a_half_done_adoption_is_finished(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(store, folder / "Drums")

    def cut(self: Store, name: str, where: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Store, "delete", cut)
        with pytest.raises(KeyboardInterrupt):
            index(store, folder)
    assert len(column(store, "roots", "path")) == 2
    report = index(store, folder)
    assert counts(report, "decoded", "unchanged") == (2, 1)
    assert column(store, "roots", "path") == [os.fsencode(folder)]
    assert set(places(store)) == {b"a.wav", b"b.wav", b"Drums/c.wav"}


def test_a_name_that_only_begins_alike_is_another_root(store: Store, folder: Path) -> None:
    index(store, folder / "Drums")
    wav(folder / "Drums 2" / "x.wav", 5)
    index(store, folder / "Drums 2")
    assert len(column(store, "roots", "path")) == 2


def test_a_link_to_a_root_is_that_root(store: Store, folder: Path) -> None:
    index(store, folder)
    (folder.parent / "link").symlink_to(folder)
    assert counts(index(store, folder.parent / "link"), "unchanged", "decoded") == (3, 0)
    assert len(column(store, "roots", "path")) == 1


def test_a_link_inside_a_tree_takes_no_name_from_its_target(store: Store, folder: Path) -> None:
    index(store, folder)
    (folder / "A link").symlink_to(folder / "Drums")
    report = index(store, folder)
    assert counts(report, "found", "unchanged", "moved", "copied") == (3, 3, 0, 0)


def test_a_root_that_vanished_or_is_empty_loses_nothing(store: Store, folder: Path) -> None:
    index(store, folder)
    before = contents(store)
    shutil.move(folder, folder.parent / "elsewhere")
    with pytest.raises(NotFound, match="nothing at"):
        index(store, folder)
    folder.mkdir()
    with pytest.raises(Offline, match="3 sounds are known there"):
        index(store, folder)
    assert contents(store) == before
    folder.rmdir()
    shutil.move(folder.parent / "elsewhere", folder)
    assert counts(index(store, folder), "unchanged", "decoded") == (3, 0)
    assert contents(store) == before


def test_a_drive_pulled_out_during_a_run_blames_no_file_for_good(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ingest.scan

    def scan_then_vanish(*args: object, **how: object) -> scan.Listing:
        listing = whole(*args, **how)
        folder.rename(folder.parent / "aside")
        return listing

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "scan", scan_then_vanish)
        report = index(store, folder)
    assert counts(report, "failed", "decoded") == (3, 0)
    assert set(ledger(store).values()) == {"unreadable"}
    (folder.parent / "aside").rename(folder)
    assert counts(index(store, folder), "decoded", "failed") == (3, 0)
    assert ledger(store) == {}


# -- failures -------------------------------------------------------------------------------------


def test_failures_are_remembered_and_tried_again_when_asked(store: Store, folder: Path) -> None:
    (folder / "bad.wav").write_text("no sound at all")
    first = index(store, folder)
    assert counts(first, "found", "decoded", "failed") == (4, 3, 1)
    second = index(store, folder)
    assert counts(second, "unchanged", "failed", "failed_before") == (3, 1, 1)
    (folder / "bad.wav").rename(folder / "still bad.wav")
    moved = index(store, folder)
    assert counts(moved, "failed", "failed_before", "decoded") == (1, 1, 0)
    assert ledger(store) == {b"still bad.wav": "not-sound"}
    again = index(store, folder, retry_failed=True)
    assert counts(again, "failed", "failed_before") == (1, 0)
    assert ledger(store) == {b"still bad.wav": "not-sound"}


@pytest.mark.parametrize("how", ["mended", "replaced by a known sound", "deleted", "renamed away"])
def test_a_bad_file_leaves_the_ledger(store: Store, folder: Path, how: str) -> None:
    bad = folder / "bad.wav"
    bad.write_text("no sound at all")
    index(store, folder)
    assert ledger(store) == {b"bad.wav": "not-sound"}
    if how == "mended":
        wav(bad, 50)
    elif how == "replaced by a known sound":
        shutil.copy(folder / "a.wav", bad)
    elif how == "deleted":
        bad.unlink()
    else:
        bad.rename(folder / "bad.txt")
    report = index(store, folder)
    assert report.failed == 0
    assert ledger(store) == {}
    assert places(store).get(b"bad.wav", ("", "none"))[1] == (
        PRESENT if how in {"mended", "replaced by a known sound"} else "none"
    )


def test_a_good_file_that_turns_bad_and_good_again(store: Store, folder: Path) -> None:
    index(store, folder)
    before = contents(store)
    good = (folder / "a.wav").read_bytes()
    (folder / "a.wav").write_bytes(good[: len(good) // 2])
    touch(folder / "a.wav", 5)
    report = index(store, folder)
    assert counts(report, "failed", "unchanged") == (1, 2)
    assert ledger(store) == {b"a.wav": "truncated"}
    assert places(store)[b"a.wav"][1] == GONE
    report = index(store, folder)
    assert counts(report, "failed", "failed_before", "decoded", "gone") == (1, 1, 0, 0)
    (folder / "a.wav").write_bytes(good)
    touch(folder / "a.wav", 10)
    report = index(store, folder)
    assert counts(report, "unchanged", "decoded", "failed") == (3, 0, 0)
    assert contents(store) == before


def test_a_file_that_turns_into_a_pipe_is_in_the_ledger_and_not_opened(
    store: Store, folder: Path
) -> None:
    index(store, folder)
    (folder / "a.wav").unlink()
    os.mkfifo(folder / "a.wav")
    assert counts(index(store, folder), "failed", "unchanged") == (1, 2)
    assert ledger(store) == {b"a.wav": "unreadable"}
    assert places(store)[b"a.wav"][1] == GONE


def test_one_part_of_a_root_keeps_the_ledger_of_the_others(store: Store, folder: Path) -> None:
    (folder / "bad.wav").write_text("no sound")
    (folder / "Drums" / "bad.wav").write_text("no sound either")
    index(store, folder)
    (folder / "Drums" / "bad.wav").unlink()
    index(store, folder / "Drums")
    assert ledger(store) == {b"bad.wav": "not-sound"}


def test_every_kind_of_broken_file_costs_no_good_one(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = make_broken(tmp_path / "S")
    # how long a sound may be is tested where it is decoded: a quarter of an hour is heard sooner
    monkeypatch.setattr(worker, "SoundReader", partial(SoundReader, max_duration_s=900))
    index(store, tmp_path / "S")
    del expected["folder.wav"]  # a folder is walked into
    bad = {os.fsencode(name): reason for name, reason in expected.items() if reason}
    good = {os.fsencode(name) for name, reason in expected.items() if not reason}
    assert ledger(store) == bad
    assert {path for path, (_, state) in places(store).items() if state == PRESENT} == good
    messages = store.read("failures", ["message"])["message"].to_pylist()
    assert all(message.endswith(".") and len(message) > 10 for message in messages)
    again = index(store, tmp_path / "S")
    assert counts(again, "decoded", "unchanged", "failed") == (0, len(good), len(bad))


# -- folders that cannot be read, names that are no text ------------------------------------------


@pytest.fixture
def forbid(monkeypatch: pytest.MonkeyPatch) -> object:
    """Take away the right to list a folder; root may read anything, so there it is pretended."""

    def forbid(path: Path) -> None:
        if os.geteuid():
            path.chmod(0)
            return
        listed = os.scandir

        def scandir(where: bytes) -> object:
            if os.fsencode(where) == os.fsencode(path):
                raise PermissionError(13, "Permission denied")
            return listed(where)

        monkeypatch.setattr(os, "scandir", scandir)

    return forbid


def test_below_an_unreadable_folder_nothing_is_gone(
    store: Store, folder: Path, forbid: object
) -> None:
    (folder / "Drums" / "bad.wav").write_text("no sound")
    index(store, folder)
    before = contents(store)
    forbid(folder / "Drums")
    try:
        report = index(store, folder)
    finally:
        (folder / "Drums").chmod(0o755)
    assert counts(report, "found", "unchanged", "gone") == (2, 2, 0)
    assert contents(store) == before


def test_a_disk_that_was_pulled_out_of_the_tree_takes_no_sound_with_it(
    store: Store, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = scan._device
    away = os.fsencode(folder / "Drums")
    with monkeypatch.context() as mounted:
        mounted.setattr(scan, "_device", lambda path: real(path) + path.startswith(away))
        index(store, folder)
        before = contents(store)
        assert index(store, folder).unchanged == 3
    (folder / "Drums").rename(tmp_path / "in a pocket")
    (folder / "Drums").mkdir()
    for _ in range(2):
        report = index(store, folder)
        assert counts(report, "gone", "decoded") == (0, 0)
        assert contents(store) == before
    (folder / "Drums").rmdir()
    assert counts(index(store, folder), "gone", "decoded") == (0, 0)
    (tmp_path / "in a pocket").rename(folder / "Drums")
    assert counts(index(store, folder), "gone", "decoded", "unchanged") == (0, 0, 3)


def tree_of(folder: Path) -> dict[bytes, tuple[int, int]]:
    """Every file and folder with size and time."""
    found = {}
    for where, folders, files in os.walk(os.fsencode(folder)):
        for name in [*folders, *files]:
            status = os.stat(os.path.join(where, name))
            found[os.path.join(where, name)] = (status.st_size, status.st_mtime_ns)
    return found


def test_a_read_only_tree_is_indexed_and_nothing_is_written_beside_the_sound(
    store: Store, folder: Path
) -> None:
    before = tree_of(folder)
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert index(store, folder).decoded == 3
        assert index(store, folder).unchanged == 3
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(path.stat().st_mode | stat.S_IWUSR)
    assert tree_of(folder) == before


ODD_NAMES = [
    b"\xff\xfe.wav",
    "decomposed e\u0301.wav".encode(),
    "composed \xe9.wav".encode(),
    "\N{DRUM WITH DRUMSTICKS}.wav".encode(),
    b"trailing.wav ",
    b"LOUD.WAV",
    b"new\nline.wav",
    b'quote\'s "x".wav',
    b"-dash.wav",
    b"percent %s.wav",
    b"/".join([b"d" * 60] * 5) + b"/long.wav",
]


def test_odd_names(store: Store, tmp_path: Path) -> None:
    root = os.fsencode(tmp_path / "S")
    for seed, name in enumerate(ODD_NAMES):
        wav(os.path.join(root, name), seed)
    assert counts(index(store, root), "found", "decoded") == (len(ODD_NAMES),) * 2
    assert set(places(store)) == set(ODD_NAMES)
    assert index(store, root).unchanged == len(ODD_NAMES)
    for name in ODD_NAMES[:3]:
        os.remove(os.path.join(root, name))
    assert index(store, root).gone == 3
    os.rename(os.path.join(root, ODD_NAMES[3]), os.path.join(root, b"\xfe\xff.wav"))
    assert counts(index(store, root), "moved", "decoded") == (1, 0)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_tiny_folders(store: Store, tmp_path: Path, n: int) -> None:
    folder = tmp_path / "S"
    folder.mkdir()
    for seed in range(n):
        wav(folder / f"{seed}.wav", seed)
    assert counts(index(store, folder), "found", "decoded", "embedded") == (n, n, n)
    assert index(store, folder).unchanged == n
    assert len(column(store, "sounds", "sound_id")) == n


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda path: path / "missing", NotFound, "nothing at"),
        (lambda path: Path(wav(path / "a.wav", 1)), InputError, "is a file"),
    ],
)
def test_a_folder_that_is_none(
    store: Store, tmp_path: Path, make: object, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        index(store, make(tmp_path))
    assert store.count("roots") == 0


def test_no_jobs_are_refused(store: Store, folder: Path) -> None:
    with pytest.raises(InputError, match="--jobs is 0"):
        index(store, folder, jobs=0)


# -- dry runs, stops, several indexers ------------------------------------------------------------


def files_of(path: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_a_dry_run_writes_nothing(store: Store, folder: Path) -> None:
    (folder / "bad.wav").write_text("no sound")
    blank = files_of(store.path)
    report = index(store, folder, dry_run=True)
    assert counts(report, "found", "decoded", "dry_run") == (4, 4, True)
    assert files_of(store.path) == blank
    index(store, folder)
    (folder / "bad.wav").unlink()
    (folder / "a.wav").rename(folder / "z.wav")
    (folder / "b.wav").unlink()
    wav(folder / "new.wav", 8)
    full = files_of(store.path)
    report = index(store, folder, dry_run=True)
    assert counts(report, "found", "decoded", "moved", "gone") == (3, 1, 1, 1)
    assert files_of(store.path) == full
    assert ledger(store) == {b"bad.wav": "not-sound"}


def test_a_stopped_run_keeps_what_it_has_and_goes_on(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "GROUP_FILES", 1)
    folder = tmp_path / "S"
    for seed in range(9):
        wav(folder / f"{seed}.wav", seed)
    done = []
    first = index(store, folder, on_progress=done.append, stop=lambda: len(done) > 4)
    assert first.stopped
    assert 0 < first.decoded < 9
    assert len(column(store, "sounds", "sound_id")) == first.decoded
    second = index(store, folder)
    assert counts(second, "unchanged", "decoded") == (first.decoded, 9 - first.decoded)
    assert not second.stopped


def test_a_stop_while_files_are_compared_changes_nothing(store: Store, folder: Path) -> None:
    index(store, folder)
    before = contents(store)
    for name in ("a.wav", "b.wav"):
        touch(folder / name, 5)
    report = index(store, folder, stop=lambda: True)
    assert report.stopped
    assert contents(store) == before


def test_an_interrupt_between_two_files_keeps_what_was_heard(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "GROUP_FILES", 1)

    def interrupt(progress: ingest.Progress) -> None:
        if progress.phase == "decode" and progress.done == 2:
            raise KeyboardInterrupt

    report = index(store, folder, on_progress=interrupt)
    assert report.stopped
    assert len(column(store, "sounds", "sound_id")) == 2
    assert index(store, folder).decoded == 1


def test_progress_counts_up_to_the_end(store: Store, folder: Path) -> None:
    seen: list[ingest.Progress] = []
    index(store, folder, on_progress=seen.append)
    assert [p.phase for p in seen] == ["scan", "decode", "decode", "decode", "finish"]
    assert [p.done for p in seen[1:4]] == [1, 2, 3]
    assert {p.total for p in seen[1:4]} == {3}
    assert seen[-1].seconds_of_sound == pytest.approx(0.9)


def test_a_second_indexer_of_the_same_root_is_told_so_and_a_tag_is_written(
    store: Store, folder: Path
) -> None:
    index(store, folder)
    hold = (
        "import sys, time; from pathlib import Path\n"
        "from soundkin.library.store import Store\n"
        "from soundkin.library.roots import claimed\n"
        "store = Store.open(Path(sys.argv[1]))\n"
        "with claimed(store, sys.argv[2].encode()):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", hold, str(store.path), str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout.readline() == "held\n"
        assert store.is_indexing()
        with pytest.raises(LibraryBusy, match=f"process {other.pid}"):
            index(store, folder)
        with pytest.raises(LibraryBusy):
            index(store, folder / "Drums")
        with pytest.raises(LibraryBusy):  # it would have to adopt the busy one
            index(store, folder.parent)
        assert column(store, "roots", "path") == [os.fsencode(folder)]
        store.put_setting("tagged", value=True)
        assert store.setting("tagged") is True
        other_root = folder.parent / "Other"
        wav(other_root / "x.wav", 30)
        assert index(store, other_root).decoded == 1
        other.communicate("")
    assert not store.is_indexing()
    assert index(store, folder).unchanged == 3


def test_an_odd_time_stamp_is_no_obstacle(store: Store, folder: Path) -> None:
    os.utime(folder / "a.wav", ns=(0, 0))
    os.utime(folder / "b.wav", ns=(-1_000_000_000, -1_000_000_000))
    assert index(store, folder).decoded == 3
    assert index(store, folder).unchanged == 3


# -- a space that comes later ---------------------------------------------------------------------


@pytest.fixture
def other(tmp_path: Path) -> str:
    """A second space: the first with another window."""
    settings = json.loads((SHIPPED / "mfcc.json").read_text())
    settings["name"] = "other"
    settings["version"] += 1
    path = tmp_path / "other.json"
    path.write_text(json.dumps(settings))
    return str(path)


def test_known_sounds_get_vectors_in_a_space_that_comes_later(
    store: Store, folder: Path, other: str
) -> None:
    (folder / "copy.wav").write_bytes((folder / "a.wav").read_bytes())
    index(store, folder)
    before = contents(store)
    first, second = load_space("mfcc").id, load_space(other).id
    catalogue = Catalogue(store)
    catalogue.snapshot(first)
    (folder / "b.wav").rename(folder / "renamed.wav")
    wav(folder / "new.wav", 9)
    spaces = ["mfcc", other]
    report = ingest.index_folder(store, folder, spaces=spaces)
    assert counts(report, "found", "decoded", "embedded", "moved") == (5, 4, 4, 1)
    after = contents(store)
    assert set(before["vectors"][first]) < set(after["vectors"][first])
    both = [[row[:2] for row in after["vectors"][space]] for space in (first, second)]
    assert both[0] == both[1]
    assert len(both[0]) == 4
    catalogue.touch()
    catalogue.snapshot(first)
    view = catalogue.snapshot(second).spaces[second]
    assert len(view.sound) == 4
    again = ingest.index_folder(store, folder, spaces=spaces)
    assert counts(again, "decoded", "embedded", "unchanged") == (0, 0, 5)
    alone = ingest.index_folder(store, folder, spaces=["mfcc"])
    assert counts(alone, "decoded", "unchanged") == (0, 5)


def test_a_space_that_is_not_installed_changes_nothing(store: Store, folder: Path) -> None:
    with pytest.raises(UnknownSpace, match="no space 'nonsense'"):
        ingest.index_folder(store, folder, spaces=["mfcc", "nonsense"])
    assert store.count("roots") == 0


def test_a_later_space_that_is_cut_off_is_finished(
    store: Store, folder: Path, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(store, folder)
    monkeypatch.setattr(ingest, "GROUP_FILES", 1)
    seen: list[ingest.Progress] = []
    stopped = ingest.index_folder(
        store, folder, spaces=["mfcc", other], on_progress=seen.append, stop=lambda: len(seen) > 1
    )
    assert stopped.stopped
    assert 0 < stopped.embedded < 3
    report = ingest.index_folder(store, folder, spaces=["mfcc", other])
    assert stopped.embedded + report.embedded == 3
    assert store.count(f"vectors_{load_space(other).id}") == store.count("segments")
