"""The sets that the studies ask for, made up and tiny."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from tests.evaluate.sets import RATE, render

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("tone", "hiss", "clicks")


def made(root: Path) -> Path:
    """esc10, sonicpi, mridangam, fsdd, speechocean, librispeech and music, as the studies know them."""
    several(root / "esc10", 45, lambda n: {"label": KINDS[n % 3], "fold": n // 3 % 5 + 1}, 1.0)
    several(root / "mridangam", 40, lambda n: {"stroke": KINDS[n % 2]}, 0.3)
    several(
        root / "fsdd", 30, lambda n: {"digit": n % 3, "speaker": "abc"[n // 3 % 3], "take": n}, 0.3
    )
    several(
        root / "speechocean",
        12,
        lambda n: {"speaker": f"spk{n % 4}", "gender": "fm"[n % 2], "seconds": 6.0},
        6.0,
    )
    several(root / "librispeech", 6, lambda n: {"speaker": f"ls{n % 2}", "seconds": 12.0}, 12.0)
    return root


def several(folder: Path, n: int, columns, seconds: float) -> None:
    """`n` clips of three kinds with labels.csv."""
    rows = []
    for i in range(n):
        path = f"audio/{i}.flac"
        (folder / "audio").mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / path, voice(i, seconds), RATE)
        rows.append({"path": path} | columns(i))
    with (folder / "labels.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def voice(seed: int, seconds: float) -> np.ndarray:
    """Half-seconds of the three kinds; speakers (seed modulo 4) differ by their level of hiss."""
    parts = [render(KINDS[(seed + k) % 3], seed, min(seconds, 0.5)) for k in range(3)]
    sound = np.resize(np.concatenate(parts), round(seconds * RATE))
    return np.clip(
        sound + 0.02 * (seed % 4) * np.random.default_rng(seed).normal(size=len(sound)), -1, 1
    )


def music(folder: Path, n: int, seconds: float) -> Path:
    """A rendered set of `n` tracks without a renderer: tones of the key, clicks of the tempo."""
    rows = []
    for i in range(n):
        path = f"audio/{i:04}.flac"
        (folder / "audio").mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / path, voice(i, seconds), RATE)
        rows.append(
            {"path": path, "tempo_bpm": (80, 120)[i % 2], "key": "CDE"[i % 3], "mode": "major",
             "instrument": ("flute", "organ")[i // 2 % 2], "style": ("rock", "bossa")[i // 4 % 2],
             "mood": ("sad", "happy")[i // 3 % 2], "structure": "AABA",
             "ensemble": "solo" if i == n - 1 else "band", "source": f"piece-{i}"}
        )  # fmt: skip
    with (folder / "labels.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder
