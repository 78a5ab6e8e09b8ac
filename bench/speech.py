"""Who speaks, and what is said? `SOUNDKIN_DATA=... python bench/speech.py [SPACE ...]`

Autodecompose's speaker test on single crops of 1.024 s of 32 speakers: macro-F1 from so many labelled
seconds of each, utterances apart, five draws; "changed": crops are learnt as they are and asked about
at another level, through an equaliser and in noise. Digits: linear probe, six unheard speakers. Spaces
by name or .json file (default: mfcc, sound and the spaces of speech) beside log-mel statistics. Writes
its section of RESULTS.md.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import torch
from results import machine, table, write_section
from threadpoolctl import threadpool_limits

from soundkin.audio.decode import read_sound
from soundkin.augment.waveform import add_noise, equalise
from soundkin.evaluate.datasets import asked, read_datasets, with_tasks
from soundkin.evaluate.embed import embed_clips
from soundkin.evaluate.probe import BUDGETS_S, CROP_S, group_folds, linear_probe, speaker_test
from soundkin.evaluate.retrieval import retrieval
from soundkin.evaluate.subjects import log_mel_statistics
from soundkin.shelf import installed_spaces
from soundkin.space import Space, load_space

SPEAKERS, DIGITS = "speechocean", "fsdd"
CHANGED = "10 s, changed"
USUAL = ("mfcc", "sound", "voice", "content")


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    known = names or [name for name in USUAL if name in installed_spaces()]
    found = judged(Path(os.environ["SOUNDKIN_DATA"]), [load_space(name) for name in known])
    columns = list(next(iter(found.values())))
    rows: list[list[object]] = []
    for name, values in found.items():
        rows.append([name, *(f"{100 * values[column]:.1f}" for column in columns)])
    body = [machine(os.cpu_count() or 1), "", (__doc__ or "").split("\n\n")[1], ""]
    write_section("Speech", "\n".join([*body, table(["space", *columns], rows)]))


def judged(data: Path, spaces: list[Space]) -> dict[str, dict[str, float]]:
    """What each space, and log-mel statistics, score: name -> column -> 0 to 1."""
    found: dict[str, dict[str, float]] = {}
    for space in [log_mel_statistics(), *spaces]:
        found[space.name] = {**speakers(data, space), **digits(data, space)}
        print(space.name, found[space.name], flush=True)
    return found


def speakers(data: Path, space: Space) -> dict[str, float]:
    """Mean macro-F1 at each budget, and at the least with crops changed between learning and asking."""
    [clips] = read_datasets(data / SPEAKERS)
    rng = np.random.default_rng(0)
    plain, other, of = [], [], []
    for place, file in enumerate(clips.files()):
        samples, rate_hz = read_sound(file, rate_hz=space.sample_rate)
        for rows, heard in ((plain, samples), (other, changed(samples, rate_hz, rng))):
            rows.append(crops(heard, space))
        of.append(np.full(len(plain[-1]), place))
    whose = np.concatenate(of)
    speaker, said = clips.columns["speaker"][whose], whose.astype(str)
    learnt, heard = np.concatenate(plain), np.concatenate(other)
    with threadpool_limits(1):
        f1 = speaker_test(learnt, speaker, said)
        hard = speaker_test(learnt, speaker, said, budgets_s=BUDGETS_S[:1], heard_as=heard)
    named = {f"{budget:g} s": float(values.mean()) for budget, values in f1.items()}
    return {**named, CHANGED: float(hard[BUDGETS_S[0]].mean())}


def crops(samples: np.ndarray, space: Space) -> np.ndarray:
    """Vectors of a recording's crops of 1.024 s, one beside the other: (n, dim)."""
    size = round(CROP_S * space.sample_rate)
    kept = min(size, space.window_samples)
    parts = samples[: len(samples) // size * size].reshape(-1, size)[:, :kept]
    windows = np.zeros((len(parts), space.window_samples), np.float32)
    windows[:, :kept] = parts
    return space.embed(windows, np.full(len(parts), kept))


def changed(samples: np.ndarray, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    """A recording over other equipment: equaliser of +-8 dB, 15 to 30 dB above noise, another level."""
    knobs = torch.from_numpy(rng.uniform(-8, 8, (1, 6)).astype(np.float32))
    generator = torch.Generator().manual_seed(int(rng.integers(1 << 31)))
    sound = equalise(torch.from_numpy(samples)[None], knobs, rate_hz=rate_hz)
    sound = add_noise(sound, float(rng.uniform(15, 30)), generator=generator)
    return (sound[0] * 10 ** (rng.uniform(-12, 6) / 20)).numpy()


def digits(data: Path, space: Space) -> dict[str, float]:
    """Digits by speakers that the probe has not heard: linear, and 1-NN outside the own speaker."""
    [clips] = [with_tasks(one, ["digit:speaker"]) for one in read_datasets(data / DIGITS)]
    part = asked(clips, clips.tasks[0])
    with threadpool_limits(1):
        X = embed_clips(clips.files(), [space], jobs=os.cpu_count())[space.id][part.rows]
        right = linear_probe(X, part.labels, group_folds(part.labels, part.groups)).correct
        first = retrieval(X, part.labels, part.groups).first
    return {"digits, linear": float(right.mean()), "digits, 1-NN": float(np.nanmean(first))}


if __name__ == "__main__":
    main(sys.argv[1:])
