"""A library written by an older version opens, answers and grows; the committed ones are never rewritten."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundkin import Library
from soundkin.space import load_space
from tests.library.make_format_1 import NAMES, RATE_HZ, sound, write_sounds
from tests.library.making import wav

HERE = Path(__file__).parent
SOUNDS = [name for name in NAMES if name != "silence.wav"]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """The committed library of format 1."""
    with tarfile.open(HERE / "format_1.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    with Library.open(tmp_path / "library", create=False) as opened:
        yield opened


def test_it_opens_with_all_that_it_held(library: Library) -> None:
    info = library.info()
    assert (info.format, info.sounds, info.failures, info.tags) == (1, 4, 2, 2)
    assert {Path(failure.path).name: failure.reason for failure in library.failures()} == {
        "silence.wav": "silent",
        "broken.wav": "corrupt",
    }
    sounds, total = library.sounds()
    assert total == 4
    assert sorted(f"{one.folder}/{one.name}" for one in sounds) == SOUNDS
    assert {one.state for one in sounds} == {"offline"}
    [kick] = [one for one in sounds if one.name == "kick.wav"]
    assert set(kick.tags) == {"favourite", "low"}
    for one in sounds:
        samples = sound(f"{one.folder}/{one.name}")
        assert one.duration_s == len(samples) / RATE_HZ
        assert library.peaks(one.sound_id).max() == round(127 * samples.max())
        assert len(library.segments(one.sound_id)) == (3 if one.name == "long.flac" else 1)


def test_its_vectors_are_those_of_today(library: Library) -> None:
    """The same sound gives the same vector, as close as other machines' arithmetic allows."""
    space = load_space("mfcc")
    vectors = library.to_arrow(space.id)
    names = {one.sound_id: f"{one.folder}/{one.name}" for one in library.sounds()[0]}
    assert vectors.num_rows == 6
    for row in vectors.to_pylist():
        if names[row["sound_id"]] != "tonal/long.flac":
            samples = np.zeros((1, space.window_samples), np.float32)
            [segment] = library.segments(row["sound_id"])
            first, last = (round(t * RATE_HZ) for t in (segment.start_s, segment.end_s))
            samples[0, : last - first] = sound(names[row["sound_id"]])[first:last]
            np.testing.assert_allclose(
                space.embed(samples, [last - first])[0], row["vector"], atol=1e-3
            )


def test_it_answers_by_id_by_file_and_by_words(library: Library, tmp_path: Path) -> None:
    write_sounds(tmp_path / "new place")
    ids = {one.name: one.sound_id for one in library.sounds()[0]}
    by_file = library.search(tmp_path / "new place" / "drums" / "kick.wav", k=3).hits
    assert ids["kick.wav"] not in {hit.sound_id for hit in by_file}  # it is that sound itself
    by_id = library.search(ids["kick.wav"], k=3).hits
    assert [hit.sound_id for hit in by_id] == [hit.sound_id for hit in by_file]
    assert len(by_id) == 3
    copy = sound("drums/kick.wav") * np.float32(0.5)
    [hit] = library.search(wav_of(copy, tmp_path / "quiet.wav"), k=1).hits
    assert (hit.sound_id, hit.band) == (ids["kick.wav"], "near-identical")


def wav_of(samples: np.ndarray, path: Path) -> Path:
    """Write some samples."""
    soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")
    return path


def test_it_finds_its_sounds_elsewhere_and_grows(
    library: Library, tmp_path: Path, inline: None
) -> None:
    folder = tmp_path / "new place"
    write_sounds(folder)
    [root] = library.roots()
    assert library.repoint(root.path, folder).state == "online"
    wav(folder / "drums" / "new.wav", 77)
    report = library.add(folder)
    assert (report.decoded, report.embedded, report.gone) == (1, 1, 0)
    assert (report.unchanged, report.failed) == (4, 2)
    assert library.info().sounds == 5
    found = library.search(folder / "drums" / "new.wav", k=4)
    assert len(found.hits) == 4
    again = library.add(folder)
    assert (again.decoded, again.unchanged) == (0, 5)
    shutil.rmtree(folder / "tonal")
    assert library.add(folder).gone == 2
