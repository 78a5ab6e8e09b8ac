"""Make the constants and the card of the space `mfcc`: `python bench/mfcc_constants.py DATA`.

DATA (or SOUNDKIN_DATA) holds folders of sound, one a set; labels are read for the card's figures
only. Every set weighs the same. The mean of each of the 80 statistics, and its scale: one over its
deviation for the means of cepstra, half of that for their deviations. The mean slope is near zero
over a second of speech and large in any short sound, so it is measured in units of the slope's own
size, not of its spread over windows. Constants are rounded to six digits. The borders of the bands
come from deformed copies and random pairs, as in a library, with 120 sounds of each set.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
from mfcc_quality import quality

from soundkin.audio.decode import AUDIO_SUFFIXES, SoundReader, read_sound
from soundkin.audio.windows import chunks
from soundkin.frontend.log_mel import mel_windows
from soundkin.library.calibrate import borders_from, copy_distances, pair_distances
from soundkin.shelf import SHIPPED
from soundkin.space import CepstralHead, Space, load_space

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
    write(path, settings)
    space = load_space("mfcc")
    settings["card"] |= {"bands": bands(sets, space), "figures": figures(data, space)}
    write(path, settings)
    print(space.id, json.dumps(settings["card"], indent=1))


def write(path: Path, settings: dict) -> None:
    path.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def figures(data: Path, space: Space) -> dict[str, dict[str, float]]:
    """The card's figures: 1-NN and mAP of each task."""
    return {
        task: {"1-NN": round(nearest, 3), "mAP": round(precision, 3)}
        for task, (nearest, precision) in quality(data, space).items()
    }


def bands(sets: list[Path], space: Space) -> dict[str, float]:
    """Default borders of the bands: from 60 deformed sounds a set and pairs among 120 a set."""
    rng = np.random.default_rng(0)
    copies, vectors, owners = [], [], []
    for folder in sets:
        files = sound_files(folder)
        chosen = [files[row] for row in rng.permutation(len(files))[:120]]
        sounds = [read_sound(file, end_s=4.0) for file in chosen]
        copies.append(copy_distances(space, sounds[:60]))
        for samples, rate_hz in sounds:
            for chunk in chunks([samples], rate_hz):
                vectors.append(space.embed_chunk(chunk)[:3])
                owners.append(np.full(len(vectors[-1]), len(owners)))
    pairs = pair_distances(np.concatenate(vectors), np.concatenate(owners))
    found = borders_from(np.concatenate(copies), pairs)
    return {name: getattr(found, name) for name in ("near_identical", "close", "related")}


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
