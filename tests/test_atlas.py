"""The map of a library: kept, grown without moving what is there, sampled, labelled, exported."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from soundkin import atlas as maps
from soundkin import cli
from soundkin.errors import NotFound
from soundkin.facade import Library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HZ = 16_000


def write(folder: Path, kind: str, numbers: range) -> None:
    """Tones low and high, and noises, each in a folder of its kind."""
    (folder / kind).mkdir(parents=True, exist_ok=True)
    t = np.arange(int(0.4 * HZ)) / HZ
    for i in numbers:
        rng = np.random.default_rng([i, len(kind)])
        hz = {"low": 150 + 5 * i, "high": 2_500 + 40 * i}.get(kind, 0)
        wave = np.sin(2 * np.pi * hz * t) if hz else rng.normal(0, 0.3, len(t))
        wave = wave * np.exp(-t * rng.uniform(2, 8)) + rng.normal(0, 0.002, len(t))
        soundfile.write(folder / kind / f"{kind} {i:02d}.wav", 0.5 * wave, HZ)


def grown(folder: Path, path: Path) -> Library:
    """A library of its own with three kinds of sound."""
    for kind in ("low", "high", "hiss"):
        write(folder, kind, range(20))
    opened = Library.open(path)
    opened.add(folder, jobs=1)
    return opened


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """For tests that change nothing but the map."""
    with grown(tmp_path_factory.mktemp("atlas") / "sounds", tmp_path_factory.mktemp("lib")) as one:
        yield one


def kinds(library: Library, atlas: maps.Atlas) -> np.ndarray:
    """The kind of each point, from its file's name."""
    names = [library.sound(atlas.sound_id(i)).name for i in range(len(atlas.sounds))]
    return np.array([name.split()[0] for name in names])[atlas.sound]


def test_kinds_lie_together_under_their_names(library: Library) -> None:
    said: list[tuple[int, int]] = []
    atlas = maps.make(library, anew=True, on_progress=lambda done, n: said.append((done, n)))
    kind = kinds(library, atlas)
    assert len(kind) == 60
    far = ((atlas.places[:, None] - atlas.places[None]) ** 2).sum(axis=2)
    near = np.argsort(far, axis=1)[:, 1:6]
    assert (kind[near] == kind[:, None]).mean() > 0.9
    assert not atlas.sampled
    assert said[-1] == (100, 100)
    assert said == sorted(said)
    assert sum(cluster.points for cluster in atlas.clusters) == 60
    for number, cluster in enumerate(atlas.clusters):
        inside = atlas.cluster == number
        assert (cluster.x, cluster.y) == pytest.approx(atlas.places[inside].mean(axis=0), abs=1e-3)
    words = {word for cluster in atlas.clusters for word in cluster.label.split()}
    assert words <= {"low", "high", "hiss"}


def test_it_is_kept_and_not_made_again(library: Library) -> None:
    first = maps.make(library)
    assert maps.make(library).version == first.version
    maps._read.cache_clear()
    again = maps.current(library)
    assert again is not first
    assert (again.places == first.places).all()
    assert again.as_bytes() == first.as_bytes()
    assert again.clusters == first.clusters


def test_new_sounds_find_their_place_and_the_old_stay(tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    with grown(folder, tmp_path / "lib") as library:
        _grow_and_shrink(library, folder)


def _grow_and_shrink(library: Library, folder: Path) -> None:
    old = maps.make(library)
    write(folder, "hiss", range(20, 26))
    library.add(folder, jobs=1)
    new = maps.make(library)
    assert len(new.seq) == 66
    assert new.version != old.version
    before = {
        (old.sound_id(s), q): tuple(p)
        for s, q, p in zip(old.sound, old.seq, old.places, strict=True)
    }
    after = {
        (new.sound_id(s), q): tuple(p)
        for s, q, p in zip(new.sound, new.seq, new.places, strict=True)
    }
    assert {key: after[key] for key in before} == before, "to the bit"
    kind = kinds(library, new)
    fresh = [
        i
        for i, (s, q) in enumerate(zip(new.sound, new.seq, strict=True))
        if (new.sound_id(s), q) not in before
    ]
    far = ((new.places[fresh][:, None] - new.places[None]) ** 2).sum(axis=2)
    near = np.argsort(far, axis=1)[:, 1:6]
    assert (kind[near] == "hiss").mean() > 0.8

    gone = new.sound_id(0)
    library.forget(gone)
    less = maps.make(library)
    assert gone not in {less.sound_id(i) for i in range(len(less.sounds))}
    assert (maps.rows_of(new, library.look())[new.sound == 0] == -1).all()

    anew = maps.make(library, anew=True)
    width = float(np.ptp(less.places, axis=0).max())
    assert np.median(np.linalg.norm(anew.places - less.places, axis=1)) < 0.01 * width

    atlas = maps.make(library, most=25, anew=True)
    total = atlas.total
    assert (len(atlas.seq), atlas.sampled) == (25, True)
    chosen = {atlas.sound_id(s) for s in atlas.sound}
    write(folder, "low", range(20, 22))
    library.add(folder, jobs=1)
    again = maps.make(library, most=25)
    assert again.total == total + 3, "two new ones, and the forgotten one is met again"
    assert len(chosen & {again.sound_id(s) for s in again.sound}) >= 20, "the same ones"


def test_colours_and_closeness(library: Library) -> None:
    atlas = maps.make(library)
    kind = kinds(library, atlas)
    snapshot = library.look().snapshot
    names, numbers = maps.groups(atlas, snapshot, "folder")
    assert (np.array(names)[np.array(numbers)[atlas.sound]] == kind).all()
    hiss = [s.sound_id for s in library.sounds("name:hiss", limit=50)[0]]
    library.tag(hiss, ["noisy"])
    names, numbers = maps.groups(atlas, library.look().snapshot, "tag")
    assert names == ["noisy"]
    assert ((np.array(numbers)[atlas.sound] == 0) == (kind == "hiss")).all()
    assert maps.groups(atlas, snapshot, "format") == (["WAV"], [0] * 60)

    look, parts = library.heard(hiss[0])
    close = maps.closeness(atlas, look, parts)
    assert close.max() == pytest.approx(1.0, abs=1e-5)
    assert close[kind == "hiss"].min() > close[kind == "low"].max()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_small_libraries(tmp_path: Path, count: int) -> None:
    write(tmp_path / "sounds", "hiss", range(count))
    with Library.open(tmp_path / "lib") as library:
        with pytest.raises(NotFound):
            maps.make(library)
        library.add(tmp_path / "sounds", jobs=1)
        with pytest.raises(NotFound, match="no map"):
            maps.current(library)
        atlas = maps.make(library)
        assert atlas.places.shape == (count, 2)
        assert np.isfinite(atlas.places).all()
        assert sum(cluster.points for cluster in atlas.clusters) == count


def test_a_broken_file_is_as_none(library: Library) -> None:
    made = maps.make(library)
    (path,) = (library.path / "cache").glob("map-*.npz")
    path.write_bytes(path.read_bytes()[:200])
    assert maps.load(library, made.space_id) is None
    assert len(maps.make(library).seq) == 60


def test_the_command(library: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as left:
            cli.main(["map", *arguments, "--library", str(library.path)])
        assert left.value.code in (0, None)
        return capsys.readouterr().out

    assert "60 segments of 60 sounds are on the map" in run(str(tmp_path / "map.csv"))
    rows = list(csv.DictReader((tmp_path / "map.csv").read_text(encoding="utf-8").splitlines()))
    atlas = maps.current(library)
    assert len(rows) == 60
    assert [float(row["x"]) for row in rows] == pytest.approx(atlas.places[:, 0], abs=1e-3)
    assert all(library.sound(row["segment_id"][:32]).path == row["path"] for row in rows)
    run(str(tmp_path / "map.json"))
    assert len(json.loads((tmp_path / "map.json").read_text())) == 60
    run(str(tmp_path / "map.svg"))
    picture = (tmp_path / "map.svg").read_text()
    assert picture.count("<circle") == 60
    assert json.loads(run("--json"))["points"] == 60
    with pytest.raises(SystemExit) as left:
        cli.main(["map", "map.bmp", "--library", str(library.path)])
    assert left.value.code == 2
