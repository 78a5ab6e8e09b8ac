"""Pitch shift and time stretch: ours against kept libraries, on the material of the correctness tests.

    python bench/stretch.py [--peer-python PYTHON] [--smoke]

The peers, python-stretch (Signalsmith Stretch) and librosa, run in an interpreter that has them;
those that it lacks are left out. One set of sounds and changes for all, one second each at 16 kHz:

- tones of 110 to 3,000 Hz: how far from the asked pitch (cents), from the level before (dB), and
  how much is not that tone (dB below it);
- chords of three tones: how much is none of the three;
- knocks, eight a second: share of the energy within 8 ms of where each belongs after stretching.

CPU seconds are per 60 s of sound, one thread, warm.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RATE_HZ = 16_000
PEERS = ("python-stretch", "librosa")
CHORD = (1.0, 1.26, 1.498)
EDGE = 2500


def material(n: int) -> tuple[np.ndarray, list[dict]]:
    """Sounds (rows, samples) and what is to be done to each."""
    rng = np.random.default_rng(0)
    t = np.arange(RATE_HZ) / RATE_HZ
    sounds, jobs = [], []
    for kind in ("pitch", "stretch"):
        for k in range(n):
            value = rng.uniform(-12, 12) if kind == "pitch" else 2 ** rng.uniform(-1, 1)
            for what in ("tone", "chord", "knocks"):
                hz = float(np.exp(rng.uniform(math.log(110), math.log(3000))))
                if what == "knocks":
                    if kind == "pitch":
                        continue
                    gone = t % 0.125
                    x = rng.standard_normal(RATE_HZ) * np.exp(-gone / 0.002) * (gone < 0.02)
                    x *= 0.5 / np.abs(x).max()
                else:
                    waves = [hz * m for m in (CHORD if what == "chord" else (1.0,))]
                    x = sum(0.5 / len(waves) * np.sin(2 * np.pi * f * t + k) for f in waves)
                sounds.append(x.astype(np.float32))
                jobs.append({"what": what, "kind": kind, "value": float(value), "hz": hz})
    return np.stack(sounds), jobs


def changed(name: str, sounds: np.ndarray, jobs: list[dict]) -> tuple[list[np.ndarray], float]:
    """What a library makes of them, and its CPU seconds for 60 s of sound."""
    one = maker(name)
    one(sounds[0], jobs[0])
    one(sounds[-1], jobs[-1])
    began = time.process_time()
    made = [one(x, job) for x, job in zip(sounds, jobs, strict=True)]
    return made, 60 * (time.process_time() - began) / len(sounds)


def maker(name: str):
    """A function of one sound and its job."""
    if name == "librosa":
        import librosa

        def one(x, job):
            if job["kind"] == "pitch":
                return librosa.effects.pitch_shift(x, sr=RATE_HZ, n_steps=job["value"])
            return librosa.effects.time_stretch(x, rate=1 / job["value"])

    elif name == "python-stretch":
        from python_stretch.Signalsmith import Stretch

        def one(x, job):
            made = Stretch()
            made.preset(1, RATE_HZ)
            if job["kind"] == "pitch":
                made.setTransposeSemitones(job["value"])
            else:
                made.setTimeFactor(1 / job["value"])
            return made.process(x[None])[0]

    else:
        import torch

        sys.path.insert(0, str(Path(__file__).parent.parent))
        from soundkin.augment.stretch import pitch_shift, time_stretch

        torch.set_num_threads(1)

        def one(x, job):
            change = pitch_shift if job["kind"] == "pitch" else time_stretch
            return change(torch.from_numpy(x[None]), job["value"])[0].numpy()

    return one


def judged(made: list[np.ndarray], jobs: list[dict]) -> dict[str, float]:
    """Medians and worst values over the material."""
    cents, level, rest, chord, knocks = [], [], [], [], []
    for y, job in zip(made, jobs, strict=True):
        ratio = 2 ** (job["value"] / 12) if job["kind"] == "pitch" else 1.0
        middle = y[EDGE : len(y) - EDGE].astype(np.float64)
        if job["what"] == "knocks":
            knocks.append(sharpness(y, job["value"]))
            continue
        waves = [job["hz"] * ratio * m for m in (CHORD if job["what"] == "chord" else (1.0,))]
        if max(waves) > 7000:
            continue
        found = [near(middle, hz) for hz in waves]
        gone, sizes = without(middle, found)
        if job["what"] == "chord":
            chord.append(gone)
            continue
        cents.append(abs(1200 * math.log2(found[0] / waves[0])))
        level.append(abs(20 * math.log10(sizes[0] / 0.5)))
        rest.append(gone)
    return {
        "cents": np.median(cents), "cents, worst": np.max(cents), "level": np.median(level),
        "rest": np.median(rest), "rest, worst": np.max(rest), "chord": np.median(chord),
        "knocks": np.median(knocks),
    }  # fmt: skip


def near(x: np.ndarray, hz: float) -> float:
    """The frequency within half a semitone of `hz` that fits best."""
    t = np.arange(len(x)) / RATE_HZ
    shaped = x * np.hanning(len(x))
    low, high = hz * 2 ** (-0.5 / 12), hz * 2 ** (0.5 / 12)
    for _ in range(4):
        tried = np.linspace(low, high, 41)
        best = int(np.argmax(np.abs(np.exp(-2j * np.pi * tried[:, None] * t) @ shaped)))
        low, high = tried[max(0, best - 1)], tried[min(40, best + 1)]
    return (low + high) / 2


def without(x: np.ndarray, waves: list[float]) -> tuple[float, list[float]]:
    """What is left when these tones are taken out, in dB of all; and their sizes."""
    t = np.arange(len(x)) / RATE_HZ
    basis = np.concatenate(
        [[np.sin(2 * np.pi * hz * t), np.cos(2 * np.pi * hz * t)] for hz in waves]
    ).T
    weights = np.linalg.lstsq(basis, x, rcond=None)[0]
    left = x - basis @ weights
    share = np.mean(left**2) / max(np.mean(x**2), 1e-20)
    return 10 * math.log10(max(share, 1e-12)), list(np.hypot(weights[::2], weights[1::2]))


def sharpness(y: np.ndarray, factor: float) -> float:
    """Share of the energy within 8 ms of where the knocks belong, at the best common delay."""
    period = 0.125 * factor * RATE_HZ
    energy = y.astype(np.float64) ** 2
    phase = np.arange(len(y)) % period
    bins = np.bincount((phase / RATE_HZ * 1000).astype(int), energy)
    around = np.convolve(np.concatenate([bins, bins[:16]]), np.ones(16), "valid")
    return float(around.max() / bins.sum())


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--peer-python", default=sys.executable)
    asked.add_argument("--n", type=int, default=20)
    asked.add_argument("--smoke", action="store_true")
    asked.add_argument("--serve", choices=PEERS)
    asked.add_argument("--to")
    a = asked.parse_args()
    if a.smoke:
        a.n = 2
    sounds, jobs = material(a.n)
    if a.serve:
        made, cpu_s = changed(a.serve, sounds, jobs)
        np.savez(a.to, cpu_s=cpu_s, **{f"y{k}": y for k, y in enumerate(made)})
        return
    from results import table, write_section

    rows = [row("soundkin", *changed("soundkin", sounds, jobs), jobs)]
    with tempfile.TemporaryDirectory() as folder:
        for name in PEERS:
            to = str(Path(folder) / f"{name}.npz")
            order = [a.peer_python, __file__, "--serve", name, "--to", to, "--n", str(a.n)]
            alone = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
            done = subprocess.run(
                order, env=alone, capture_output=True, text=True, timeout=200, check=False
            )
            if done.returncode:
                print(f"{name} left out: {done.stderr.strip().splitlines()[-1:]}")
                continue
            kept = np.load(to)
            made = [kept[f"y{k}"] for k in range(len(jobs))]
            rows.append(row(name, made, float(kept["cpu_s"]), jobs))
    columns = ["", "cents, median", "worst", "level, dB", "rest, dB", "worst", "chord, rest, dB",
               "knocks in place", "CPU-s a minute"]  # fmt: skip
    counts = {
        what: sum(job["what"] == what for job in jobs) for what in ("tone", "chord", "knocks")
    }
    head = (
        f"`python bench/stretch.py`: {counts['tone']} tones, {counts['chord']} chords, "
        f"{counts['knocks']} knock trains of 1 s; pitch by up to 12 semitones, tempo by up to 2."
    )
    body = f"{head}\n\n{table(columns, rows)}"
    if a.smoke:
        print(body)
    else:
        write_section("Pitch shift and time stretch", body)


def row(name: str, made: list[np.ndarray], cpu_s: float, jobs: list[dict]) -> list[object]:
    """A library's line."""
    found = judged(made, jobs)
    return [
        name, f"{found['cents']:.3f}", f"{found['cents, worst']:.2f}", f"{found['level']:.2f}",
        f"{found['rest']:.0f}", f"{found['rest, worst']:.0f}", f"{found['chord']:.0f}",
        f"{100 * found['knocks']:.0f} %", f"{cpu_s:.2f}",
    ]  # fmt: skip


if __name__ == "__main__":
    main()
