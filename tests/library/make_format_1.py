"""Write the committed library of format 1: `python tests/library/make_format_1.py [FILE]`.

It was written once, before the first release, and must open for ever: `tests/library/format_1.tar.gz` is
never written again. A later format gets a script and a file of its own.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from soundkin import Library

RATE_HZ = 16_000
NAMES = ("drums/kick.wav", "drums/snare.wav", "tonal/bell.flac", "tonal/long.flac", "silence.wav")


def sound(name: str) -> np.ndarray:
    """One of the library's sounds: mono float32, the same for ever."""
    number = NAMES.index(name)
    seconds = 2.6 if "long" in name else 0.3
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    swept = np.sin(2 * np.pi * (90 + 230 * number) * (t - 0.2 * t**2))
    hiss = np.random.default_rng(number).normal(0, 0.25, len(t)) * (name == "drums/snare.wav")
    whole = (swept + hiss) * np.exp(-t * (8 - 1.5 * number)) * (name != "silence.wav")
    return (0.5 * whole / max(1.0, np.abs(whole).max())).astype(np.float32)


def write_sounds(folder: Path) -> None:
    """Write the sounds, and a file that is none."""
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, sound(name), RATE_HZ, subtype="PCM_16")
    (folder / "broken.wav").write_bytes(b"RIFF, it says")


def write_library(where: Path, folder: Path) -> None:
    """Index the sounds and tag one of them."""
    with Library.open(where) as library:
        library.add(folder, jobs=1)
        [kick] = [one for one in library.sounds()[0] if one.name == "kick.wav"]
        library.tag([kick.sound_id], ["low", "favourite"])
        library.compact()


def main() -> None:
    """Write the library in the form in which it is committed."""
    beside = Path(__file__).parent / "format_1.tar.gz"
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else beside
    if target.exists():
        raise SystemExit(f"'{target}' is there; it is kept as it is")
    # a root that is nowhere any more, as if the library came from another machine
    with tempfile.TemporaryDirectory(prefix="format-1-") as here:
        write_sounds(Path(here) / "Samples")
        write_library(Path(here) / "library", Path(here) / "Samples")
        with tarfile.open(target, "w:gz") as archive:
            for part in ("soundkin.json", "tables"):
                archive.add(Path(here) / "library" / part, f"library/{part}")


if __name__ == "__main__":
    main()
