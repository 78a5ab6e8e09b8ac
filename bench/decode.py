"""What reading adds to decoding: mono, hash, level and outline, against a bare soundfile loop.

Run `python bench/decode.py`; one core, CPU milliseconds per second of audio, best of five.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from soundkin.audio.decode import SoundReader, byte_hash

if TYPE_CHECKING:
    from collections.abc import Callable

RATE_HZ, SECONDS, ONE_SHOT_S = 44_100, 300, 0.25
KINDS = {"wav": "PCM_16", "flac": "PCM_16", "aiff": "PCM_24", "mp3": None, "ogg": "VORBIS"}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(
            f"{'':10}{'bare':>10}{'reader':>10}{'adds':>10}   ms/s, and x real time of the reader"
        )
        for kind, subtype in KINDS.items():
            path = write(Path(folder) / f"long.{kind}", SECONDS, subtype)
            bare, full = best(lambda p=path: decode(p)), best(lambda p=path: read(p))
            row = "".join(f"{1000 * value / SECONDS:10.3f}" for value in (bare, full, full - bare))
            print(f"{kind:10}{row}   {SECONDS / full:8.0f}")
        shots = [write(Path(folder) / f"{n}.wav", ONE_SHOT_S, "PCM_16") for n in range(200)]
        for name, step in (("open+decode", decode), ("reader", read), ("byte hash", byte_hash)):
            seconds = best(lambda f=step: [f(path) for path in shots])
            print(
                f"one-shots of {ONE_SHOT_S} s, {name}: {1000 * seconds / len(shots):.3f} ms a file"
            )


def write(path: Path, seconds: float, subtype: str | None) -> Path:
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE_HZ, 2, subtype=subtype) as file:
        for at in range(0, round(seconds * RATE_HZ), 4096):
            t = np.arange(at, at + 4096)[:, None] / RATE_HZ
            tones = np.sin(2 * np.pi * t * [220, 331]) * (1 + np.sin(np.pi * t)) / 4
            file.write(tones + rng.normal(0, 0.01, tones.shape))
    return path


def decode(path: Path) -> None:
    out = np.empty((1 << 16, 2), np.float32)
    with soundfile.SoundFile(path) as file:
        while len(file.read(out=out)):
            pass


def read(path: Path) -> None:
    with SoundReader(path) as reader:
        for _ in reader.blocks():
            pass
        reader.summary()


def best(step: Callable[[], object]) -> float:
    def once() -> float:
        start = time.process_time()
        step()
        return time.process_time() - start

    return min(once() for _ in range(5))


if __name__ == "__main__":
    main()
