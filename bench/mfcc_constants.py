"""Make the constants of the space `mfcc`: `python bench/mfcc_constants.py DATA` (or SOUNDKIN_DATA).

DATA holds folders of sound, one a set; labels are not read. Every set weighs the same. The mean of
each of the 80 statistics, and its scale: one over its deviation for the means of cepstra, half of
that for their deviations. The mean slope is near zero over a second of speech and large in any
short sound, so it is measured in units of the slope's own size, not of its spread over windows.
Constants are rounded to six digits; the card and the other settings stay as they are.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

from soundkin.audio.decode import AUDIO_SUFFIXES, SoundReader
from soundkin.audio.windows import chunks
from soundkin.frontend.log_mel import mel_windows
from soundkin.space import SHIPPED, CepstralHead, load_space

MOST_WINDOWS = 20
DEVIATIONS = 0.5


def main(data: Path) -> None:
    path = SHIPPED / "mfcc.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    sets = [folder for folder in sorted(data.iterdir()) if folder.is_dir()]
    moments = []
    for folder in sets:
        statistics = np.concatenate([statistics_of(file) for file in sound_files(folder)])
        moments.append((statistics.mean(axis=0), np.square(statistics).mean(axis=0)))
        print(f"{folder.name}: {len(statistics)} windows")
    mean, square = np.mean(moments, axis=0)
    deviation = np.sqrt(square - mean**2)
    n = settings["head"]["n_coefficients"]
    deviation[n : 2 * n] = np.sqrt(square[3 * n :])
    scale = 1 / deviation
    scale[2 * n :] *= DEVIATIONS
    settings["head"]["mean"] = [float(f"{value:.6g}") for value in mean]
    settings["head"]["scale"] = [float(f"{value:.6g}") for value in scale]
    path.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    print(load_space("mfcc").id)


def sound_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in AUDIO_SUFFIXES]


def statistics_of(path: Path) -> np.ndarray:
    """Raw statistics of a file's first windows: (n, 80)."""
    space = load_space("mfcc")
    assert isinstance(space.head, CepstralHead)
    found = []
    with SoundReader(path) as reader:
        for chunk in chunks(reader.blocks(), reader.info.rate_hz):
            samples, starts, valid = space.place_chunk(chunk)
            for start, n in zip(starts, valid, strict=True):
                window = np.zeros((1, space.window_samples), np.float32)
                window[0, :n] = samples[start : start + n]
                frames = mel_windows(window, np.array([n]), space.frontend)
                found.append(
                    space.head.statistics(frames.mel, frames.valid, int(frames.per_hop[0]))
                )
                if len(found) == MOST_WINDOWS:
                    return np.concatenate(found).astype(np.float64)
    return np.concatenate(found).astype(np.float64) if found else np.zeros((0, space.dim))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["SOUNDKIN_DATA"]))
