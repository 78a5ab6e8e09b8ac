"""Processes that hear files: crashes, stuck decoders and bad starts cost what they must and no more.

The decoder is spoilt from outside, by a `sitecustomize` that only the worker processes import.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from soundkin.audio.encode import slice_wav
from soundkin.errors import LibraryError
from soundkin.library import workers as module
from soundkin.library.worker import hear_group
from soundkin.library.workers import Job, Outcome, Workers
from soundkin.space import load_space
from tests.library.making import InlineWorkers, contents, index, ledger, places, wav

if TYPE_CHECKING:
    from soundkin.library.store import Store

SPOIL = """
import os, sys, time
import soundkin.audio.decode as decode

class Spoilt(decode.SoundReader):
    def __init__(self, source, **how):
        name = os.path.basename(source) if isinstance(source, bytes) else b""
        if b"talk" in name:
            for number in range(40000):
                os.write(1 + number % 2, b"frame %d is odd\\n" % number)
        if b"crash" in name:
            os.abort()
        if b"stuck" in name:
            time.sleep(1e6)
        if b"raise" in name:
            raise ZeroDivisionError("a fault in a decoder")
        if b"no memory" in name:
            raise MemoryError
        super().__init__(source, **how)
        self.slow = b"slow" in name

    def blocks(self):
        for block in super().blocks():
            for part in (block[:len(block) // 2], block[len(block) // 2:]):
                if self.slow:
                    time.sleep(2.8)
                yield part

decode.SoundReader = Spoilt
"""


@pytest.fixture
def spoilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that does what a file's name says."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SPOIL)
    home = Path(module.__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}{os.pathsep}{home}")


def test_the_processes_hear_what_this_one_hears(tmp_path: Path) -> None:
    paths = [wav(tmp_path / f"{seed}.wav", seed, 0.2 + seed / 3) for seed in range(7)]
    (tmp_path / "bad.wav").write_text("no sound")
    jobs = [Job(key, os.fsencode(path)) for key, path in enumerate([*paths, tmp_path / "bad.wav"])]
    here = {o.key: o for o in hear_group(jobs, [load_space("mfcc")])}
    with Workers(2, ["mfcc"]) as workers:
        there = {o.key: o for o in workers.run([tuple(jobs[:3]), *((job,) for job in jobs[3:])])}
        again = workers.hear(jobs[2])
    assert here.keys() == there.keys() == set(range(8))
    for key in range(7):
        for other in [there[key], again] if key == 2 else [there[key]]:
            ours, theirs = here[key].heard, other.heard
            assert ours.sample_hash == theirs.sample_hash
            np.testing.assert_array_equal(ours.start_s, theirs.start_s)
            [space] = ours.vectors
            assert ours.vectors[space].tobytes() == theirs.vectors[space].tobytes()
    assert (there[7].reason, there[7].heard) == ("not-sound", None)


@pytest.mark.usefixtures("spoilt")
def test_a_crash_costs_one_file_of_a_group(tmp_path: Path) -> None:
    names = ["a", "b", "crash", "c", "raise", "no memory", "d", "crash too"]
    for seed, name in enumerate(names):
        wav(tmp_path / f"{name}.wav", seed)
    jobs = tuple(Job(k, os.fsencode(tmp_path / f"{name}.wav")) for k, name in enumerate(names))
    with Workers(1, ["mfcc"]) as workers:
        outcomes = list(workers.run([jobs]))
    assert sorted(o.key for o in outcomes) == list(range(8))
    reasons = {names[o.key]: o.reason for o in outcomes}
    assert reasons.pop("crash") == reasons.pop("crash too") == "crashed"
    assert reasons.pop("raise") == "corrupt"
    assert reasons.pop("no memory") == "too-long"
    assert set(reasons.values()) == {""}
    blamed = next(o for o in outcomes if names[o.key] == "crash")
    assert "exit status -6" in blamed.message
    assert len(blamed.byte_hash) == 32  # remembered by content
    assert blamed.size == (tmp_path / "crash.wav").stat().st_size


@pytest.mark.usefixtures("spoilt")
def test_a_stuck_decoder_is_given_up_and_a_slow_one_is_not(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "S"
    for seed, name in enumerate(["a", "stuck", "slow", "z"]):
        wav(folder / f"{name}.wav", seed, 1.0)
    report = index(store, folder, jobs=2, timeout_s=5.0)
    assert (report.decoded, report.failed) == (3, 1)
    assert ledger(store) == {b"stuck.wav": "time-out"}
    [row] = store.read("failures").to_pylist()
    assert "no progress within 5 s" in row["message"]
    assert row["byte_hash"]
    (folder / "stuck.wav").rename(folder / "elsewhere.wav")
    again = index(store, folder)  # known by its bytes: nobody waits for it a second time
    assert (again.decoded, again.failed_before) == (0, 1)


@pytest.mark.usefixtures("spoilt")
def test_an_index_with_crashes_is_that_of_the_good_files(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "S"
    for seed in range(20):
        wav(folder / f"{seed:02}.wav", seed, 0.1)
    for seed in (3, 4, 11):
        (folder / f"{seed:02}.wav").rename(folder / f"{seed:02} crash.wav")
    report = index(store, folder, jobs=2)
    assert (report.decoded, report.failed) == (17, 3)
    assert set(ledger(store).values()) == {"crashed"}
    alone = type(store).open(tmp_path / "alone")
    for path in folder.glob("*crash*"):
        path.unlink()
    index(store, folder, jobs=1)
    monkeypatch.setattr("soundkin.library.ingest.Workers", InlineWorkers)
    index(alone, folder)
    assert contents(store) == contents(alone)


def test_a_process_that_cannot_start_blames_no_file(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    wav(tmp_path / "S" / "a.wav", 1)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import os; os._exit(9)")
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path / "site"))
        with pytest.raises(LibraryError, match=r"did not start \(exit status 9\)"):
            index(store, tmp_path / "S", jobs=1)
    assert ledger(store) == {}
    assert index(store, tmp_path / "S", jobs=1).decoded == 1


def test_a_space_that_is_not_there_blames_no_file(
    store: Store, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wav(tmp_path / "a.wav", 1)
    with (
        Workers(1, ["no such space"]) as workers,
        pytest.raises(LibraryError, match="did not start"),
    ):
        workers.hear(Job(0, os.fsencode(tmp_path / "a.wav")))


def test_nothing_is_imported_from_the_folder_one_is_in(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "S"
    wav(folder / "a.wav", 1)
    for name in ("numpy", "soundfile", "random", "soundkin"):
        (folder / f"{name}.py").write_text("import os; os._exit(3)")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert index(store, folder, jobs=1).decoded == 1
    assert set(places(store)) == {b"a.wav"}


@pytest.mark.usefixtures("spoilt")
def test_what_a_decoder_prints_stays_off_the_terminal_and_its_last_words_are_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names = ["talk", "b", "talk crash", "c"]
    for seed, name in enumerate(names):
        wav(tmp_path / f"{name}.wav", seed)
    jobs = tuple(Job(k, os.fsencode(tmp_path / f"{name}.wav")) for k, name in enumerate(names))
    with Workers(1, ["mfcc"]) as workers:
        outcomes = {names[o.key]: o for o in workers.run([jobs])}
        [worker] = workers._workers
        assert os.fstat(worker.prints).st_size < 1 << 17  # a talkative decoder fills no memory
    assert "its last words: frame 39999 is odd" in outcomes["talk crash"].message
    assert [outcomes[name].reason for name in names] == ["", "", "crashed", ""]
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_slices_are_cut_in_a_process_of_their_own(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", 1, 3.0)
    with Workers(1, []) as workers:
        cut = workers.hear(Job(0, os.fsencode(path), start_s=1.0, end_s=2.5, task="slice"))
        outside = workers.hear(Job(0, os.fsencode(path), start_s=50.0, end_s=51.0, task="slice"))
    assert cut.wav == slice_wav(path, 1.0, 2.5)
    assert (outside.wav, outside.reason) == (b"", "too-short")
    assert "ends before" in outside.message


def test_ranges_and_uploads(tmp_path: Path) -> None:
    path = os.fsencode(wav(tmp_path / "a.wav", 1, 3.0))
    content = (tmp_path / "a.wav").read_bytes()
    with Workers(1, ["mfcc"]) as workers:
        whole = workers.hear(Job(0, path)).heard
        upload = workers.hear(Job(0, content, is_upload=True)).heard
        part = workers.hear(Job(0, path, start_s=1.0, end_s=2.0)).heard
        outside = workers.hear(Job(0, path, start_s=50.0, end_s=60.0))
        junk = workers.hear(Job(0, b"junk", is_upload=True))
        alive = workers.hear(Job(5, path)).heard
    assert whole.sample_hash == upload.sample_hash == alive.sample_hash
    assert part.duration_s == pytest.approx(1.0)
    assert part.sample_hash == ""
    assert (outside.reason, outside.heard) == ("too-short", None)
    assert "ends before" in outside.message
    assert junk.reason == "not-sound"


def test_a_run_that_is_left_early_leaves_no_old_work_behind(tmp_path: Path) -> None:
    jobs = [Job(k, os.fsencode(wav(tmp_path / f"{k}.wav", k))) for k in range(8)]
    with Workers(2, ["mfcc"]) as workers:
        first: list[Outcome] = []
        for outcome in workers.run([(job,) for job in jobs]):
            first.append(outcome)
            break
        stopped = list(workers.run([(job,) for job in jobs], stop=lambda: True))
        second = sorted(o.key for o in workers.run([(job,) for job in jobs[:3]]))
    assert len(first) == 1
    assert stopped == []
    assert second == [0, 1, 2]


def test_a_killed_idle_process_blames_no_file(tmp_path: Path) -> None:
    path = os.fsencode(wav(tmp_path / "a.wav", 1))
    with Workers(1, ["mfcc"]) as workers:
        assert workers.hear(Job(0, path)).heard
        [worker] = workers._workers
        worker.process.kill()
        worker.process.wait()
        assert workers.hear(Job(1, path)).heard


def test_a_real_tree_moved_and_renamed_is_not_heard_again(
    store: Store, data_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "S"
    shutil.copytree(data_dir / "sonicpi", folder)
    first = index(store, folder, jobs=2)
    assert first.embedded > 100
    before = {sound for sound, _ in places(store).values()}
    assert index(store, folder, jobs=2).decoded == 0
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for number, path in enumerate(files[::2]):
        target = folder / f"moved {number % 5}" / f"{number} {path.name}"
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    third = index(store, folder, jobs=2)
    assert (third.decoded, third.embedded, third.gone, third.failed) == (0, 0, 0, first.failed)
    assert third.moved > 50
    assert {sound for sound, _ in places(store).values()} == before
    assert {state for _, state in places(store).values()} == {"present"}
