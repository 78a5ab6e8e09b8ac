"""Clips -> one vector each, remembered by what the file holds and what listened to it.

A clip is the mean of the vectors of its first 20 windows (one second, every half second, silence
left out). Decoding is shared by all that listen. What was heard is kept in the user's cache folder,
one file a subject, and found again by the hash of the sound file's bytes.
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from soundkin.audio.decode import SoundReader, byte_hash, read_sound
from soundkin.audio.windows import Chunk, Segments, chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soundkin.evaluate.subjects import Subject
    from soundkin.space import Space

MOST_WINDOWS = 20
PROTOCOL = 1
"""Version of how a clip becomes a vector; part of the names of the files that remember."""
BATCH = 24
"""Clips that a process takes at a time."""
WORTH = 100
"""Clips to hear from which on several processes pay."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Memory = dict[str, Floats]


def embed_clips(
    files: Sequence[Path],
    subjects: Sequence[Subject],
    *,
    cache: Path | None = None,
    jobs: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Floats]:
    """The vectors of files: subject id -> (n, dim) float32, a row of zeros for a silent file.

    `cache`: folder that remembers (None: nothing is remembered); `jobs`: processes (None: one a
    core); `on_progress(done, all)`. Raises DecodeError for a file that cannot be heard.
    """
    keys = [byte_hash(file) for file in files]
    memories = {subject.id: recall(cache, subject.id) for subject in subjects}
    wanted: dict[tuple[int, ...], dict[str, Path]] = {}
    for key, file in zip(keys, files, strict=True):
        missing = tuple(i for i, s in enumerate(subjects) if key not in memories[s.id])
        if missing:
            wanted.setdefault(missing, {})[key] = file
    total, done = sum(map(len, wanted.values())), 0
    for missing, unheard in wanted.items():
        who = [subjects[i] for i in missing]
        for key, vectors in zip(unheard, _hear_all([*unheard.values()], who, jobs), strict=True):
            for subject, vector in zip(who, vectors, strict=True):
                memories[subject.id][key] = vector
            done += 1
            if on_progress is not None:
                on_progress(done, total)
        for subject in who:
            remember(cache, subject.id, memories[subject.id])
    return {id_: _rows(memory, keys) for id_, memory in memories.items()}


def hear(files: Sequence[Path], subjects: Sequence[Subject]) -> list[list[Floats]]:
    """Vectors (dim,) of clips, by each subject: means over their first windows; (0,) for silence.

    The windows of all clips go through a network together: a short clip alone fills no batch.
    """
    cut: list[list[tuple[Floats, Ints]]] = [[] for _ in subjects]
    counts = []
    for file in files:
        parts = first_chunks(file, margin_s=max(subject.margin_s for subject in subjects))
        counts.append(sum(len(part.segments) for part in parts))
        for windows, subject in zip(cut, subjects, strict=True):
            windows += [cut_windows(part, subject) for part in parts]
    found: list[list[Floats]] = [[] for _ in files]
    for windows, subject in zip(cut, subjects, strict=True):
        vectors = _embed_all(windows, subject)
        at = 0
        for clip, count in zip(found, counts, strict=True):
            own = vectors[at : at + count]
            clip.append(own.mean(axis=0) if count else np.empty(0, np.float32))
            at += count
    return found


def first_chunks(file: Path, *, margin_s: float, most: int = MOST_WINDOWS) -> list[Chunk]:
    """The chunks of a file that hold its first `most` segments, and those alone; none if silent."""
    kept: list[Chunk] = []
    with SoundReader(file) as reader:
        for chunk in chunks(reader.blocks(), reader.info.rate_hz, margin_s=margin_s):
            room = most - sum(len(part.segments) for part in kept)
            columns = {f.name: getattr(chunk.segments, f.name)[:room] for f in fields(Segments)}
            if len(chunk.segments):
                kept.append(replace(chunk, segments=Segments(**columns)))
            if len(chunk.segments) >= room:
                break
    return kept


def cut_windows(chunk: Chunk, subject: Subject) -> tuple[Floats, Ints]:
    """What a subject hears of each segment: windows (k, window_samples), valid samples (k,)."""
    samples, starts, valid = subject.place_chunk(chunk)
    windows = np.zeros((len(starts), subject.window_samples), np.float32)
    for window, start, n in zip(windows, starts, valid, strict=True):
        window[:n] = samples[start : start + n]
    return windows, valid


def _embed_all(cut: list[tuple[Floats, Ints]], subject: Subject) -> Floats:
    """Vectors of windows in the order of the cuts; (0, 0) for none."""
    if not cut:
        return np.empty((0, 0), np.float32)
    windows, valid = (np.concatenate(column) for column in zip(*cut, strict=True))
    return subject.embed(windows, valid)


def crop_vectors(file: Path, space: Space, *, crop_s: float, every: int = 1) -> Floats:
    """Vectors (n, dim) of a file's stretches of `crop_s` one after the other, as speakers are told by.

    The mean over as many of the space's windows as fit in a stretch, one beside the other, else as
    much as one takes; a rest shorter than a stretch is left out. Of the stretches one in `every`.
    """
    samples, rate_hz = read_sound(file, rate_hz=space.sample_rate)
    size = round(crop_s * rate_hz)
    kept = min(size, space.window_samples)
    each = size // kept
    stretches = samples[: len(samples) // size * size].reshape(-1, size)[::every]
    n = len(stretches)
    parts = stretches[:, : each * kept].reshape(n * each, kept)
    windows = np.zeros((n * each, space.window_samples), np.float32)
    windows[:, :kept] = parts
    vectors = space.embed(windows, np.full(n * each, kept))
    mean: Floats = vectors.reshape(n, each, vectors.shape[1]).mean(axis=1)
    return mean


def _hear_all(files: list[Path], subjects: list[Subject], jobs: int | None) -> list[list[Floats]]:
    """Hear files in as many processes as pay."""
    n_jobs = jobs or os.cpu_count() or 1
    if n_jobs < 2 or len(files) < WORTH:
        return _hear_some(files, subjects)
    parts = [files[at : at + BATCH] for at in range(0, len(files), BATCH)]
    with ProcessPoolExecutor(n_jobs, mp_context=get_context("spawn")) as pool:
        found = pool.map(_hear_some, parts, [subjects] * len(parts))
        return [vectors for part in found for vectors in part]


def _hear_some(files: list[Path], subjects: list[Subject]) -> list[list[Floats]]:
    """Hear some files, on one thread."""
    with threadpool_limits(1):
        parts = [files[at : at + BATCH] for at in range(0, len(files), BATCH)]
        return [vectors for part in parts for vectors in hear(part, subjects)]


def recall(cache: Path | None, subject_id: str) -> Memory:
    """What a subject has heard before: hash of a file's bytes -> vector."""
    if cache is None or not (file := _memory(cache, subject_id)).is_file():
        return {}
    with np.load(file) as kept:
        return dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True)) | dict.fromkeys(
            kept["silent"].tolist(), np.empty(0, np.float32)
        )


def remember(cache: Path | None, subject_id: str, memory: Memory) -> None:
    """Keep what a subject heard beside what others kept meanwhile; whole or not at all."""
    if cache is None:
        return
    memory = recall(cache, subject_id) | memory
    sounding = {key: vector for key, vector in memory.items() if len(vector)}
    silent = [key for key in memory if key not in sounding]
    vectors = np.array(list(sounding.values()), np.float32)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=cache, suffix=".part", delete=False) as part:
        np.savez(part, keys=np.array([*sounding]), vectors=vectors, silent=np.array(silent, str))
    Path(part.name).replace(_memory(cache, subject_id))


def _memory(cache: Path, subject_id: str) -> Path:
    """The file that remembers."""
    return cache / f"{subject_id}-p{PROTOCOL}.npz"


def _rows(memory: Memory, keys: Sequence[str]) -> Floats:
    """The vectors of files, zeros for silence: (n, dim)."""
    dim = max((len(memory[key]) for key in keys), default=0)
    rows = np.zeros((len(keys), dim), np.float32)
    for row, key in zip(rows, keys, strict=True):
        row[: len(memory[key])] = memory[key]
    return rows
