"""The vectors that `bench/index.py` measures on, made once and kept in a folder."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

N_QUERIES = 1000
K = 10
QUIETER_DB = 6.0


def prepare(kind: str, n: int, folder: Path) -> Path:
    """`vectors.npy` (n, dim), `queries.npy` and `true.npy` (distances to the k nearest) in a folder."""
    home = folder / f"{kind}-{n}"
    if not (home / "true.npy").exists():
        home.mkdir(parents=True, exist_ok=True)
        X, Q = clustered(n) if kind == "clustered" else real(n)
        np.save(home / "vectors.npy", X)
        np.save(home / "queries.npy", Q)
        np.save(home / "true.npy", truth(X, Q))
    return home


def clustered(n: int, dim: int = 128, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A mixture of n / 100 Gaussians, spread 0.8 times that of their centres; unit vectors."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((n // 100, dim)).astype(np.float32)
    X = np.empty((n + N_QUERIES, dim), np.float32)
    for start in range(0, len(X), 65536):
        part = X[start : start + 65536]
        noise = rng.standard_normal(part.shape, dtype=np.float32)
        part[:] = centres[rng.integers(0, len(centres), len(part))] + np.float32(0.8) * noise
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return X[:n], X[n:]


def real(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows of real sound and of as many deformed copies as it takes, under the space mfcc.

    First comes every file as it is, then all of them deformed, and so on until there are `n`
    windows; queries are windows of one more round of deformed copies, which is not in the index.
    """
    from soundkin.audio.decode import AUDIO_SUFFIXES

    root = Path(os.environ["SOUNDKIN_DATA"])
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    found: list[np.ndarray] = []
    total = turn = 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        while total < n:
            found += pool.map(
                windows, files, [turn + 1] * len(files), range(len(files)), chunksize=16
            )
            total, turn = sum(map(len, found)), turn + 1
        rng = np.random.default_rng(0)
        asked = [files[i] for i in np.sort(rng.choice(len(files), min(400, len(files)), False))]
        Q = np.concatenate(list(pool.map(windows, asked, [0] * len(asked), range(len(asked)))))
    X = np.concatenate(found)[:n]
    return X, Q[np.sort(rng.choice(len(Q), min(N_QUERIES, len(Q)), replace=False))]


def windows(path: Path, turn: int, number: int) -> np.ndarray:
    """Vectors (n, dim) of one file under mfcc; as it is in turn 1, else deformed by that turn's chance."""
    from soundkin.audio.decode import read_sound
    from soundkin.audio.windows import chunks
    from soundkin.errors import SoundkinError
    from soundkin.space import load_space

    space = load_space("mfcc")
    try:
        samples, rate_hz = read_sound(path)
        if turn != 1:
            samples = deformed(samples, np.random.default_rng([turn, number]))
        found = [
            space.embed_chunk(chunk)
            for chunk in chunks([samples], rate_hz, margin_s=space.margin_s)
        ]
    except SoundkinError:
        found = []
    return np.concatenate([np.empty((0, space.dim), np.float32), *found])


def deformed(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another copy of a sound: slower or faster, louder or softer, and with noise."""
    from soundkin.audio.deform import add_noise, gain, varispeed

    samples = varispeed(samples, float(rng.uniform(0.8, 1.25)))
    samples = gain(samples, float(rng.uniform(-QUIETER_DB, 0)))
    return add_noise(samples, float(rng.uniform(10, 40)), int(rng.integers(2**31)))


def truth(X: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """Cosine distances to the k nearest (n_queries, k), by plain matrix products."""
    lines = []
    for start in range(0, len(Q), 50):
        similarity = Q[start : start + 50] @ X.T
        nearest = -np.partition(-similarity, K - 1, axis=1)[:, :K]
        lines.append(np.sort(1 - nearest, axis=1))
    return np.concatenate(lines)


def recall(ids: np.ndarray, X: np.ndarray, Q: np.ndarray, true: np.ndarray) -> float:
    """Recall@k counted by distance: the items named, measured again; ties are no misses."""
    hits = 0
    for row, q, line in zip(ids, Q, true, strict=True):
        there = row[row >= 0]
        hits += int((1 - X[there] @ q <= line[-1] + 1e-5).sum())
    return hits / true.size
