"""A small folder of labelled sound, written by the standard library and NumPy alone."""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path


def write_wav(path: Path, samples, rate_hz=16_000):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())


def labelled_folder(folder: Path, *, each=4, seconds=1.6, rate_hz=16_000, seed=0) -> Path:
    """Tones, buzzes, hisses and knocks, `each` of every kind, with a labels.csv."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    lines = ["path,label"]
    for k in range(each):
        pitch = rng.uniform(150, 900)
        phase = 2 * np.pi * pitch * time
        noise = rng.standard_normal(len(time))
        sounds = {
            "tone": np.sin(phase) * np.exp(-time),
            "buzz": np.sign(np.sin(phase)) * 0.5,
            "hiss": noise * 0.2,
            "knock": noise * np.exp(-40 * (time % rng.uniform(0.2, 0.4))),
        }
        for label, samples in sounds.items():
            path = f"{label}/{k}.wav"
            scaled = 0.8 * samples / np.abs(samples).max()
            write_wav(folder / path, scaled, rate_hz)
            lines.append(f"{path},{label}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
