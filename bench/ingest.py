"""How fast a folder becomes searchable, against decoding alone and against what people write today.

    python bench/ingest.py [--runs 3] [--space mfcc] [--only flac,shots] [--memory | --only-memory | --only-spaces]

Peers, in the same run, on the same files, with the same number of processes:
floor    soundfile blocks -> mono -> soxr stream at 16 kHz, nothing else
librosa  librosa.load(sr=16000) + librosa.feature.mfcc per file (`pip install librosa`)

CPU seconds are those of all processes, start included. They tell what a busy machine cannot: what the
work costs. `--jobs 1`: CPU seconds over seconds, which say how many cores it takes in truth.

--space: what is listened in, `sound` for instance, in a section of its own. --only: which files, of wav, flac,
shots and data. --only-spaces: what two spaces cost in one pass, against a pass for each.

--memory also indexes 20,000 small files and one recording of 12 hours, each in a process of its own, and
follows the resident memory of that process and its workers together: the peak, and the highest of the
second half against that of the first.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
import soxr
from results import machine, table, write_section

from soundkin import Library
from soundkin.demo import render_demo

CORES = len(os.sched_getaffinity(0))
RATE_HZ = 16_000


def floor(path: str) -> float:
    """Decode and resample one file, streamed, and nothing else; its seconds."""
    with soundfile.SoundFile(path) as file:
        rate, channels = file.samplerate, file.channels
        stream = soxr.ResampleStream(rate, RATE_HZ, 1, dtype="float32") if rate != RATE_HZ else None
        mix = np.full(channels, 1 / channels, np.float32)
        buffer = np.empty((65_536, channels), np.float32)
        frames = 0
        while len(block := file.read(out=buffer)):
            frames += len(block)
            mono = block @ mix if channels > 1 else block[:, 0]
            if stream:
                stream.resample_chunk(mono)
        if stream:
            stream.resample_chunk(np.empty(0, np.float32), last=True)
    return frames / rate


def librosa_mfcc(path: str) -> float:
    """What people write today."""
    import librosa

    samples, rate = librosa.load(path, sr=RATE_HZ)
    librosa.feature.mfcc(y=samples, sr=rate, n_mfcc=20, hop_length=200)
    return len(samples) / rate


def pooled(pool: ProcessPoolExecutor, work: object, paths: list[str]) -> float:
    """Seconds that the pool takes for all the files."""
    started = time.perf_counter()
    list(pool.map(work, paths, chunksize=max(1, min(32, len(paths) // (4 * CORES)))))
    return time.perf_counter() - started


def cpu_s(work: Callable[[str], float], paths: list[str]) -> float:
    """CPU seconds that this one process takes for all the files."""
    started = time.process_time()
    for path in paths:
        work(path)
    return time.process_time() - started


def spent_s() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    use = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in use)


def indexed(
    folder: Path, jobs: int = CORES, *, spaces: tuple[str, ...]
) -> tuple[float, float, float]:
    """Seconds and CPU seconds that a fresh library takes, worker start included; seconds of sound."""
    with tempfile.TemporaryDirectory() as here, Library.open(Path(here) / "library") as library:
        started, spent = time.perf_counter(), spent_s()
        report = library.add(folder, jobs=jobs, spaces=spaces)
        elapsed = time.perf_counter() - started
        if report.embedded == 0:
            raise SystemExit(f"nothing was indexed: {report}")
        return elapsed, spent_s() - spent, report.seconds_of_sound


def long_files(folder: Path, suffix: str, *, n: int, minutes: float) -> None:
    """Write n recordings of varied sound, 44.1 kHz stereo, 16 bit."""
    folder.mkdir()
    parts = folder.parent / "parts"
    if not parts.exists():
        render_demo(parts, n=60, seed=1)
    rng = np.random.default_rng(0)
    clips = []
    for path in sorted(parts.rglob("*.*")):
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        clips.append(soxr.resample(samples.mean(axis=1), rate, 44_100))
    for i in range(n):
        with soundfile.SoundFile(folder / f"long_{i}{suffix}", "w", 44_100, 2, "PCM_16") as file:
            written = 0
            while written < minutes * 60 * 44_100:
                clip = clips[rng.integers(len(clips))]
                file.write(np.stack([clip, clip * rng.uniform(0.3, 1)], axis=1) * 0.7)
                written += len(clip)


def one_shots(folder: Path, n: int) -> None:
    """Write n different sounds of 0.1 to 1 s, 44.1 kHz mono WAV."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(n):
        t = np.arange(int(44_100 * rng.uniform(0.1, 1.0))) / 44_100
        tone = np.sin(
            2 * np.pi * rng.uniform(40, 4_000) * t
            + rng.uniform(0, 5) * np.sin(2 * np.pi * rng.uniform(1, 900) * t)
        )
        sound = (tone + rng.uniform(0, 1) * rng.normal(size=len(t))) * np.exp(
            -t / rng.uniform(0.02, 0.4)
        )
        soundfile.write(folder / f"shot_{i:05}.wav", sound / np.abs(sound).max(), 44_100)


def compare(name: str, folder: Path, runs: int, space: str) -> list[object]:
    """Measure one folder: floor, librosa, Soundkin, in turn, `runs` times; medians."""
    paths = [
        str(path) for path in sorted(folder.rglob("*")) if path.suffix in {".wav", ".flac", ".ogg"}
    ]
    n_librosa = min(max(CORES, len(paths) // 3), 400)
    peers = ("floor", "librosa", "soundkin", "floor cpu", "soundkin cpu", "one", "one cpu")
    times: dict[str, list[float]] = {peer: [] for peer in peers}
    sound_s = 0.0
    context = multiprocessing.get_context("spawn")
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # one process a core
    spaces = (space,)
    indexed(folder, spaces=spaces)  # what is imported once is not counted
    with ProcessPoolExecutor(CORES, mp_context=context) as pool:
        list(pool.map(librosa_mfcc, paths[:CORES]))  # imports and compilation are not counted
        list(pool.map(floor, paths[:CORES]))
        for _ in range(runs):
            times["floor"].append(pooled(pool, floor, paths))
            scale = len(paths) / n_librosa
            times["librosa"].append(pooled(pool, librosa_mfcc, paths[:n_librosa]) * scale)
            elapsed, spent, sound_s = indexed(folder, spaces=spaces)
            times["soundkin"].append(elapsed)
            times["soundkin cpu"].append(spent)
            times["floor cpu"].append(cpu_s(floor, paths))
            elapsed, spent, _ = indexed(folder, jobs=1, spaces=spaces)
            times["one"].append(elapsed)
            times["one cpu"].append(spent)
    middle = {peer: statistics.median(values) for peer, values in times.items()}
    cores = statistics.median(c / w for c, w in zip(times["one cpu"], times["one"], strict=True))
    return [
        name,
        len(paths),
        f"{sound_s / 60:.0f}",
        f"{sound_s / middle['soundkin']:.0f}x",
        f"{len(paths) / middle['soundkin']:.0f}",
        f"{sound_s / middle['floor']:.0f}x",
        f"{middle['floor'] / middle['soundkin']:.2f}",
        f"{middle['floor cpu'] / middle['soundkin cpu']:.2f}",
        f"{middle['librosa'] / middle['soundkin']:.1f}",
        f"{cores:.2f}",
    ]


def together(here: Path, runs: int) -> None:
    """Measure two spaces in one pass against a pass for each, and write the section."""
    long_files(here / "flac", ".flac", n=2, minutes=10)
    one_shots(here / "shots", 1_000)
    kinds: tuple[tuple[str, ...], ...] = (("mfcc",), ("sound",), ("sound", "mfcc"))
    rows: list[list[object]] = []
    for name in ("flac", "shots"):
        cpu: dict[tuple[str, ...], list[float]] = {spaces: [] for spaces in kinds}
        for _ in range(runs):
            for spaces in kinds:
                cpu[spaces].append(indexed(here / name, spaces=spaces)[1])
        mfcc, sound, both = (statistics.median(cpu[spaces]) for spaces in kinds)
        cells = (f"{value:.1f}" for value in (mfcc, sound, both))
        rows.append([name, *cells, f"{both / (mfcc + sound):.2f}"])
    body = (
        f"`python bench/ingest.py --only-spaces`: {machine(CORES)} CPU seconds of all processes, start "
        f"included, medians of {runs} runs taken in turn; two recordings of ten minutes, and 1,000 one-shots.\n\n"
    )
    columns = ["files", "mfcc", "sound", "both in one pass", "of the sum of two"]
    write_section("Ingest, two spaces", body + table(columns, rows))


def memory(folder: Path, space: str) -> list[list[object]]:
    """Peak memory over 20,000 small files and over one recording of 12 hours, each in a process of its own."""
    many = folder / "many"
    one_shots(many, 2_000)
    for i in range(1, 10):  # ten different copies: other levels, so other sounds
        for path in sorted(many.glob("shot_*.wav")):
            samples, rate = soundfile.read(path, dtype="float32")
            soundfile.write(many / f"copy{i}_{path.name}", samples * (1 - i / 15), rate)
    half = folder / "half_day"
    half.mkdir()
    rng = np.random.default_rng(0)
    minute = rng.normal(0, 0.1, 60 * 22_050).astype(np.float32)
    with soundfile.SoundFile(half / "12_hours.flac", "w", 22_050, 1, "PCM_16") as file:
        for i in range(12 * 60):
            file.write(np.roll(minute, 997 * i) * (0.5 + 0.5 * np.sin(i)))
    return [
        [name, *_followed(where, space)]
        for name, where in (("20,000 one-shots", many), ("one 12-hour file", half))
    ]


_CHILD = """
import sys, tempfile, time
from soundkin import Library

with tempfile.TemporaryDirectory() as here, Library.open(here + "/library") as library:
    started = time.perf_counter()
    report = library.add(sys.argv[1], spaces=[sys.argv[2]])
    took = time.perf_counter() - started
    print(report.embedded, report.segments, report.seconds_of_sound, took)
"""


def _followed(where: Path, space: str) -> list[object]:
    """Index a folder in a process of its own and look at its memory ten times a second."""
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(where), space], stdout=subprocess.PIPE, text=True
    )
    seen: list[float] = []
    while child.poll() is None:
        seen.append(resident_mb(child.pid))
        time.sleep(0.1)
    if child.returncode:
        raise SystemExit(f"indexing {where.name} ended with status {child.returncode}")
    assert child.stdout is not None
    n, segments, sound_s, took = map(float, child.stdout.read().split())
    seen = seen[len(seen) // 10 :]  # the first tenth is imports
    first, second = max(seen[: len(seen) // 2]), max(seen[len(seen) // 2 :])
    return [
        int(n),
        int(segments),
        f"{max(seen):.0f}",
        f"{first:.0f}",
        f"{second:.0f}",
        f"{sound_s / took:.0f}x",
        f"{n / took:.0f}",
    ]


def resident_mb(pid: int) -> float:
    """Resident memory of a process and all below it, what they share counted once a process."""
    total = 0.0
    waiting = [pid]
    while waiting:
        here = Path(f"/proc/{waiting.pop()}")
        try:
            total += int((here / "statm").read_text().split()[1]) * resource.getpagesize() / 2**20
            for task in (here / "task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def _section(name: str, space: str) -> str:
    """The name of a section: the baseline's is plain."""
    return name if space == "mfcc" else f"{name}, {space}"


def main() -> None:
    """Measure, print and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--space", default="mfcc")
    parser.add_argument("--only", default=",".join(FILES), help="of wav, flac, shots, data")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--only-spaces", action="store_true")
    parser.add_argument("--only-memory", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.only_spaces:
            together(Path(folder), options.runs)
            return
        if not options.only_memory:
            speed(Path(folder), options.runs, options.space, options.only.split(","))
        if options.memory or options.only_memory:
            columns = ["library", "sounds", "segments", "peak", "first half", "second half"]
            body = (
                f"`python bench/ingest.py --only-memory`: {machine(CORES)} Resident memory (MB) of the indexing "
                "process and its workers together, looked at ten times a second: its peak, and the highest of "
                "the first and of the second half of the run.\n\n"
            )
            rows = memory(Path(folder), options.space)
            write_section(
                _section("Ingest, memory", options.space),
                body + table([*columns, "real time", "files/s"], rows),
            )


FILES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "wav": ("long WAV, 44.1 kHz stereo", lambda to: long_files(to, ".wav", n=6, minutes=40)),
    "flac": ("long FLAC, 44.1 kHz stereo", lambda to: long_files(to, ".flac", n=6, minutes=20)),
    "shots": ("one-shots, 0.1-1 s WAV", lambda to: one_shots(to, 4_000)),
    "data": ("development data, all", lambda to: to.symlink_to(os.environ["SOUNDKIN_DATA"])),
}
"""What is indexed: its name, and what writes it."""


def speed(here: Path, runs: int, space: str, only: list[str]) -> None:
    """Measure how fast, and write the section."""
    rows = []
    for kind in only:
        name, write = FILES[kind]
        if kind == "data" and not os.environ.get("SOUNDKIN_DATA"):
            continue
        write(here / kind)
        rows.append(compare(name, (here / kind).resolve(), runs, space))
    columns = [
        "files",
        "n",
        "minutes",
        "Soundkin",
        "files/s",
        "floor",
        "rate / floor",
        "by CPU seconds",
        "times librosa",
        "cores at --jobs 1",
    ]
    body = (
        f"`python bench/ingest.py`: {machine(CORES)} {CORES} processes each, medians of {runs} runs taken in "
        f"turn. Soundkin: `Library.add` into a fresh library, process start, hashing, grid, {space}, peaks, commits "
        "and the borders of the bands included. Floor: decode + mono + resample to 16 kHz alone. By CPU seconds: "
        "what the floor costs in one process over what Soundkin costs in all of its. librosa: `load` + "
        "`feature.mfcc` per file, on a third of the files, 400 at most. Cores at --jobs 1: CPU seconds over seconds (asked: 1.2 and less).\n\n"
        + table(columns, rows)
    )
    write_section(_section("Ingest", space), body)


if __name__ == "__main__":
    main()
