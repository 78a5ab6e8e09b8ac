"""Duplicates: every claim in a reason is what was done to the copy; strangers are never named."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin import dedupe
from soundkin.aligned import (
    RATE_HZ,
    SHIFT_SEMITONES,
    STEPS_A_SEMITONE,
    Course,
    Sketch,
    courses,
    overlay,
    sketch,
)
from soundkin.audio import deform
from soundkin.audio.decode import read_sound, resample
from soundkin.audio.encode import encode_flac, encode_wav
from soundkin.errors import InputError, NotFound
from soundkin.facade import Library
from soundkin.overlays import Overlays

if TYPE_CHECKING:
    from collections.abc import Iterator

HZ = 22_050


def burst(seed: int, seconds: float = 0.8) -> np.ndarray:
    """Filtered noise that dies away, with a tone of its own: no two seeds are alike."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * HZ)) / HZ
    tone = np.sin(2 * np.pi * rng.uniform(150, 2_000) * t * (1 + rng.uniform(-0.2, 0.2) * t))
    noise = np.convolve(rng.normal(size=len(t)), rng.normal(size=8), "same")
    mixed = (tone + rng.uniform(0.05, 0.4) * noise) * np.exp(-t * rng.uniform(3, 12))
    return (0.4 * mixed / np.abs(mixed).max()).astype(np.float32)


# -- laying one over another ----------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**31),
    cut=st.integers(0, 1_500),
    gain_db=st.floats(-20, 6),
    upside_down=st.booleans(),
)
def test_what_was_done_is_what_is_measured(
    seed: int, cut: int, gain_db: float, upside_down: bool
) -> None:
    a = np.random.default_rng(seed).normal(0, 0.1, 4_000).astype(np.float32)
    b = (-1 if upside_down else 1) * deform.gain(a[cut:], gain_db)
    found = overlay(a, b)
    assert found.same
    assert found.lag_s == pytest.approx(cut / RATE_HZ, abs=1e-9)
    assert found.gain_db == pytest.approx(gain_db, abs=0.1)
    assert (found.correlation < 0) == upside_down
    back = overlay(b, a)
    assert back.lag_s == pytest.approx(-found.lag_s)
    assert back.gain_db == pytest.approx(-found.gain_db, abs=1e-6)


def test_the_correlation_is_that_of_a_plain_loop() -> None:
    rng = np.random.default_rng(4)
    a, b = (rng.normal(size=n).astype(np.float32) for n in (60, 41))
    x, y = (np.append(s[0], s[1:] - np.float32(0.9) * s[:-1]) for s in (a, b))
    products = {}
    for lag in range(-len(b) + 1, len(a)):
        pairs = [(x[i], y[i - lag]) for i in range(len(a)) if 0 <= i - lag < len(b)]
        u, v = np.array(pairs, np.float64).T
        products[lag] = (abs(u @ v), (u @ v) / np.sqrt((u @ u) * (v @ v)))
    lag = max(products, key=lambda one: products[one][0])
    found = overlay(a, b)
    assert round(found.lag_s * RATE_HZ) == lag
    assert found.correlation == pytest.approx(products[lag][1], abs=1e-4)


@pytest.mark.parametrize("ratio", [0.8, 0.94, 1.12, 1.33])
def test_another_speed_is_a_version_and_says_how_much(ratio: float) -> None:
    a = resample(burst(3, 1.5), HZ, RATE_HZ)
    b = deform.varispeed(a, ratio)
    assert not overlay(a, b).same
    found = courses(sketch(a), sketch(b))
    assert found.alike
    assert found.speed == pytest.approx(ratio, rel=0.06)
    assert found.semitones == pytest.approx(12 * np.log2(ratio), abs=0.5)


def course_by_loops(a: Sketch, b: Sketch) -> Course:
    """Every shift by itself: cut both pictures to what they share, and correlate."""
    most = SHIFT_SEMITONES * STEPS_A_SEMITONE
    best = (-2.0, 0, 0)
    for shift in range(-most, most + 1):
        low = a.levels[:, max(-shift, 0) : a.levels.shape[1] - max(shift, 0)]
        high = b.levels[:, max(shift, 0) : b.levels.shape[1] - max(-shift, 0)]
        found = float(np.corrcoef(low.ravel(), high.ravel())[0, 1])
        best = max(best, (found, -abs(shift), shift))
    return Course(best[0], best[2] / STEPS_A_SEMITONE, a.frames / b.frames)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seeds=st.tuples(st.integers(0, 30), st.integers(0, 30)), ratio=st.floats(0.7, 1.4))
def test_courses_are_those_of_plain_loops(seeds: tuple[int, int], ratio: float) -> None:
    a, b = (resample(burst(seed), HZ, RATE_HZ) for seed in seeds)
    first, second = sketch(a), sketch(deform.varispeed(b, ratio))
    found, wanted = courses(first, second), course_by_loops(first, second)
    assert found.correlation == pytest.approx(wanted.correlation, abs=2e-6)
    assert found.semitones == wanted.semitones
    assert found.speed == pytest.approx(wanted.speed, abs=1e-3)


def test_strangers_are_neither() -> None:
    sounds = [resample(burst(seed), HZ, RATE_HZ) for seed in range(12)]
    for i, a in enumerate(sounds):
        for b in sounds[:i]:
            assert not overlay(a, b).same
            assert not courses(sketch(a), sketch(b)).alike


def test_silence_is_compared_without_a_warning() -> None:
    nothing = np.zeros(100, np.float32)
    assert not overlay(nothing, nothing).same
    assert not courses(sketch(nothing), sketch(burst(1))).alike


# -- a library ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Forty strangers; of some there are copies in other files."""
    folder = tmp_path_factory.mktemp("dedupe") / "sounds"
    folder.mkdir()
    for seed in range(40):
        soundfile.write(folder / f"s{seed:02d}.wav", burst(seed), HZ, subtype="PCM_16")
    soundfile.write(folder / "twin.wav", burst(0), HZ, subtype="PCM_16")
    (folder / "s01 again.flac").write_bytes(encode_flac(burst(1), HZ))
    (folder / "s01.wav").write_bytes(encode_wav(burst(1), HZ))
    soundfile.write(folder / "s02 quiet.wav", deform.gain(burst(2), -9.0), HZ)
    soundfile.write(folder / "s03 cut.wav", burst(3)[int(0.02 * HZ) :], HZ)
    soundfile.write(folder / "s04 coded.ogg", burst(4), HZ)
    soundfile.write(folder / "s05 slow.wav", resample(burst(5), HZ, 16_000), 16_000)
    soundfile.write(folder / "s06 fast.wav", deform.varispeed(burst(6), 1.12), HZ)
    with Library.open(tmp_path_factory.mktemp("lib") / "lib") as opened:
        opened.add(folder, jobs=2)
        yield opened


def named(found: dedupe.Duplicates) -> dict[tuple[str, ...], tuple[str, str]]:
    """Kind and the second member's reason, by the stems of the files."""
    return {
        tuple(sorted(m.name for m in g.members)): (g.kind, g.members[1].reason)
        for g in found.groups
    }


def test_every_copy_is_found_with_its_reason(library: Library) -> None:
    found = dedupe.find(library)
    groups = named(found)
    assert groups[("s00.wav", "twin.wav")] == ("exact", "the same samples")
    assert groups[("s01 again.flac", "s01.wav")] == ("exact", "the same samples in another format")
    kind, reason = groups[("s02 quiet.wav", "s02.wav")]
    assert kind == "near"
    assert "9.0 dB" in reason
    kind, reason = groups[("s03 cut.wav", "s03.wav")]
    assert (kind, reason) == ("near", "the same recording, 20 ms less at the start")
    kind, reason = groups[("s04 coded.ogg", "s04.wav")]
    assert kind == "near"
    assert "OGG instead of WAV" in reason
    kind, reason = groups[("s05 slow.wav", "s05.wav")]
    assert (kind, reason) == ("near", "the same recording, 16000 Hz instead of 22050 Hz")
    if ("s06 fast.wav", "s06.wav") in groups:  # only when they are neighbours
        assert groups[("s06 fast.wav", "s06.wav")][0] == "version"
    assert all(len({name[:3] for name in names if name != "twin.wav"}) == 1 for names in groups)
    assert found.sounds == 45
    assert found.unread == 0
    assert found.compared < 45 * dedupe.NEIGHBOURS


def test_a_second_run_lays_nothing_over_anything(library: Library) -> None:
    first = dedupe.find(library)
    second = dedupe.find(library)
    assert second.compared == 0
    assert second.groups == first.groups
    (library.path / "cache" / "overlays.json").write_text("{broken")
    third = dedupe.find(library)
    assert third.compared > 0
    assert third.groups == first.groups


def test_what_was_told_apart_stays_apart(library: Library) -> None:
    before = dedupe.find(library, kinds=["near"])
    group = before.groups[0]
    ids = [member.sound_id for member in group.members]
    assert dedupe.keep_apart(library, ids) == 1
    after = dedupe.find(library, kinds=["near"])
    assert set(named(before)) - set(named(after)) == {tuple(sorted(m.name for m in group.members))}
    assert dedupe.still(library, before.groups) == list(after.groups)
    with Library.open(library.path) as again:
        assert named(dedupe.find(again, kinds=["near"])) == named(after)
    assert dedupe.join_again(library, ids) == 1
    assert dedupe.find(library, kinds=["near"]).groups == before.groups


def test_what_is_found_so_far_is_told_and_kept(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = library.path / "cache" / "overlays.json"
    cache.unlink(missing_ok=True)
    monkeypatch.setattr(dedupe, "TELL_S", 0.0)
    monkeypatch.setattr(dedupe, "SAVE_S", 0.0)
    told: list[dedupe.Duplicates] = []
    steps: list[tuple[int, int]] = []
    written: list[int] = []

    def on_progress(done: int, total: int) -> None:
        steps.append((done, total))
        written.append(len(json.loads(cache.read_text())["pairs"]) if cache.is_file() else 0)

    found = dedupe.find(library, on_progress=on_progress, on_found=told.append)
    assert {group.kind for group in told[0].groups} == {"exact"}, (
        "what needs no comparing comes at once"
    )
    assert len(told) > 2
    counts = [len(one.groups) for one in told]
    assert counts == sorted(counts)
    assert set(named(told[-1])) <= set(named(found))
    assert all(one.sounds == found.sounds for one in told)
    assert steps[-1][0] == steps[-1][1] == len(steps)
    assert written[-1] > 0, "a search that is cut off keeps what it measured"
    # near-identical pairs come first: the near ones are all there while most pairs are still to do
    half = [one for one in told if one.compared <= found.compared // 2]
    near = {names for names, (kind, _) in named(found).items() if kind == "near"}
    assert near & set(named(half[-1]))


def test_a_search_that_is_stopped_keeps_what_it_found(library: Library) -> None:
    (library.path / "cache" / "overlays.json").unlink(missing_ok=True)
    done: list[int] = []
    found = dedupe.find(
        library, on_progress=lambda n, _: done.append(n), stop=lambda: len(done) >= 5
    )
    assert found.compared <= 8
    assert {group.kind for group in found.groups} >= {"exact"}
    again = dedupe.find(library, stop=lambda: True)
    assert again.compared == 0


def test_the_list_as_csv(library: Library) -> None:
    found = dedupe.find(library)
    rows = list(csv.DictReader(io.StringIO(found.as_csv())))
    assert len(rows) == sum(len(group.members) for group in found.groups)
    assert {row["group"] for row in rows} == {group.group_id for group in found.groups}
    assert all(Path(row["path"]).is_file() for row in rows), "nothing was deleted"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_small_libraries(tmp_path: Path, count: int) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for seed in range(count):
        soundfile.write(folder / f"{seed}.wav", burst(seed), HZ)
    with Library.open(tmp_path / "lib") as library:
        library.add(folder, jobs=1)
        if not count:
            with pytest.raises(NotFound, match="is empty"):
                dedupe.find(library)
            return
        assert dedupe.find(library).groups == ()


def test_long_sounds_are_compared_where_they_are_the_same(tmp_path: Path) -> None:
    """A recording without its first and last seconds is found; one opening does not make two sounds one."""
    rng = np.random.default_rng(8)
    hz = 8_000
    level = np.repeat(rng.uniform(0.05, 0.4, 150), hz // 2)
    whole = (level * rng.normal(size=len(level)) / 4).astype(np.float32)  # 75 s
    other = whole.copy()
    other[36 * hz :] = whole[: len(whole) - 36 * hz][::-1]
    folder = tmp_path / "sounds"
    folder.mkdir()
    for name, samples in (
        ("whole", whole),
        ("cut", 0.5 * whole[int(20.3 * hz) : -5 * hz]),
        ("same opening", other),
    ):
        soundfile.write(folder / f"{name}.wav", samples, hz)
    with Library.open(tmp_path / "lib") as library:
        library.add(folder, jobs=1)
        look = library.look()
        number = {
            sound.name[:-4]: look.snapshot.ids.get(sound.sound_id) for sound in library.sounds()[0]
        }
        overlays = Overlays(library, look)
        found = overlays.verdict(number["whole"], number["cut"])
        assert found.kind == "near"
        assert "20.30 s less at the start, 5.00 s less at the end" in found.reason
        assert "6.0 dB quieter" in found.reason
        back = overlays.verdict(number["cut"], number["whole"])
        assert "20.30 s more at the start, 5.00 s more at the end" in back.reason
        assert overlays.verdict(number["whole"], number["same opening"]).kind == "other"
        assert (overlays.compared, overlays.unread) == (2, set())


def test_what_cannot_be_asked(library: Library) -> None:
    with pytest.raises(InputError, match="exact, near, version"):
        dedupe.find(library, kinds=["similar"])  # type: ignore[list-item]
    one = library.sounds(limit=1)[0][0].sound_id
    with pytest.raises(InputError, match="two or more"):
        dedupe.keep_apart(library, [one, one])
    with pytest.raises(NotFound):
        dedupe.keep_apart(library, [one, "0" * 32])


# -- real sound -----------------------------------------------------------------------------------


def copies_of(samples: np.ndarray, rate_hz: int, number: int) -> tuple[str, np.ndarray, int]:
    """One copy, each time of another kind."""
    kind = ("gain", "trim", "mp3", "ogg", "rate")[number % 5]
    if kind == "gain":
        return kind, deform.gain(samples, -7.0), rate_hz
    if kind == "trim":
        return kind, deform.trim(samples, rate_hz, 0.01, 0.01), rate_hz
    if kind == "rate":
        return kind, resample(samples, rate_hz, rate_hz // 2), rate_hz // 2
    return kind, deform.reencode(samples, rate_hz, kind), rate_hz


def test_recall_and_precision_on_real_sound(data_dir: Path, tmp_path: Path) -> None:
    """Copies of real one-shots, loops and recordings among their own kind."""
    files = sorted((data_dir / "sonicpi" / "audio").iterdir())[::4]
    files += sorted((data_dir / "esc10" / "audio").glob("*/*"))[::32]
    folder = tmp_path / "sounds"
    folder.mkdir()
    expected = set()
    for number, file in enumerate(files):
        samples, rate_hz = read_sound(file, end_s=4.0)
        soundfile.write(folder / f"{file.stem}__o.wav", samples, rate_hz, subtype="PCM_16")
        if number % 2 == 0 and len(samples) > 0.15 * rate_hz:
            kind, copy, copy_hz = copies_of(samples, rate_hz, number // 2)
            soundfile.write(folder / f"{file.stem}__{kind}.wav", copy, copy_hz, subtype="PCM_16")
            expected.add(file.stem)
    with Library.open(tmp_path / "lib") as library:
        library.add(folder, jobs=2)
        found = dedupe.find(library, kinds=["near"])
    right = wrong = 0
    recalled = defaultdict(int)
    for group in found.groups:
        stems = [member.name.partition("__")[0] for member in group.members]
        for stem in stems[1:]:
            right += stem == stems[0]
            wrong += stem != stems[0]
        for stem in set(stems):
            recalled[stem] = max(recalled[stem], stems.count(stem))
    recall = sum(recalled[stem] > 1 for stem in expected) / len(expected)
    precision = right / (right + wrong)
    figures = f"recall {recall:.3f}, precision {precision:.3f}, {len(expected)} copies"
    assert recall >= 0.9, figures
    assert precision >= 0.93, figures  # two strokes of one drum are nearly one recording
