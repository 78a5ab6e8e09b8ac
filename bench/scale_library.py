"""Libraries for `bench/scale.py`: clustered unit vectors, ten segments a sound, written as ingest writes them."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from index_data import truth
from scale_plan import DIM, PER_SOUND

from soundkin.bucket.client import Bucket
from soundkin.library.commits import COMMITS_A_TIDY
from soundkin.library.rows import write_sounds
from soundkin.library.store import FRAGMENTS, SCHEMAS, Store
from soundkin.library.workers import Heard

SPACE = "bench-00000000"
BATCH = 50_000
K, N_QUERIES = 10, 200


def parts(n: int) -> Iterator[np.ndarray]:
    """Unit vectors, some at a time: n / 100 Gaussians, spread 0.8 times that of their centres."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((n // 100, DIM), dtype=np.float32)
    for low in range(0, n, BATCH):
        yield near(centres, min(BATCH, n - low), rng)


def queries(n: int) -> np.ndarray:
    """More vectors of the same mixture (N_QUERIES, DIM)."""
    centres = np.random.default_rng(0).standard_normal((n // 100, DIM), dtype=np.float32)
    return near(centres, N_QUERIES, np.random.default_rng(1))


def near(centres: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors around some of the centres."""
    X = centres[rng.integers(0, len(centres), n)]
    X += np.float32(0.8) * rng.standard_normal(X.shape, dtype=np.float32)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return X


def write(store: Store, n: int, Q: np.ndarray) -> tuple[float, np.ndarray]:
    """Write a library of n segments; processor time, and the distances (len(Q), K) to the true nearest."""
    row = {"root_id": "bench", "path": b"/bench", "label": "bench", "added_at": None}
    store.upsert("roots", pa.Table.from_pylist([row], schema=SCHEMAS["roots"]))
    true = np.full((len(Q), K), np.inf, np.float32)
    taken_s, low = 0.0, 0
    for number, X in enumerate(parts(n), 1):
        true = np.sort(np.concatenate([true, truth(X, Q)], axis=1), axis=1)[:, :K]
        begun = cpu_s()
        commit(store, X, low // PER_SOUND, number)
        if number % COMMITS_A_TIDY == 0:
            store.compact(fragments=FRAGMENTS)
        taken_s, low = taken_s + cpu_s() - begun, low + len(X)
    begun = cpu_s()
    store.compact(fragments=FRAGMENTS)
    return taken_s + cpu_s() - begun, true


def commit(store: Store, X: np.ndarray, first: int, number: int) -> None:
    """Commit some sounds with a place each, the sounds numbered from `first` on."""
    rng = np.random.default_rng(first)
    n = len(X) // PER_SOUND
    peaks = rng.integers(-128, 127, (n, 800, 2), np.int8)  # none like another
    each = X.reshape(n, PER_SOUND, DIM)
    sounds = [sound(first + i, each[i], peaks[i], rng) for i in range(n)]
    places = [place(first + i) for i in range(n)]
    rows = pa.Table.from_pylist(places, schema=SCHEMAS["locations"])
    write_sounds(store, sounds, number, before_marker=lambda: store.append("locations", rows))


def sound(number: int, X: np.ndarray, peaks: np.ndarray, rng: np.random.Generator) -> Heard:
    """What hearing a file of six seconds gives."""
    seq = np.arange(PER_SOUND, dtype=np.int32)
    return Heard(
        sample_hash=hash_of(number),
        duration_s=6.0,
        rate_hz=44_100,
        channels=1,
        format="WAV",
        subtype="PCM_16",
        peak_db=float(rng.normal()),
        peaks=peaks,
        seq=seq,
        start_s=seq * 0.5,
        end_s=seq * 0.5 + 1.0,
        centre_s=seq * 0.5 + 0.5,
        energy_db=rng.normal(size=PER_SOUND).astype(np.float32),
        n_silent=0,
        vectors={SPACE: X},
    )


def place(number: int) -> dict[str, object]:
    """Where that file lies."""
    path = f"pack {number % 97}/a sound with a name {number}.wav"
    return {
        "root_id": "bench",
        "path": path.encode(),
        "display": path,
        "byte_hash": hash_of(number),
        "size": 500_000 + number,
        "mtime_ns": 1_700_000_000_000_000_000 + number,
        "sound_id": hash_of(number),
        "state": "present",
    }


def hash_of(number: int) -> str:
    """Something like the hash of a sound's samples: 32 digits, nothing alike between two numbers."""
    return f"{number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"


def put_library(here: Path, bucket: Bucket) -> None:
    """Copy a library's marker and tables from a folder."""
    for path in sorted(here.rglob("*")):
        inside = path.relative_to(here)
        if path.is_file() and inside.parts[0] in {"soundkin.json", "tables"}:
            bucket.create(str(inside), path.read_bytes())


def cpu_s() -> float:
    """Processor time of this process, all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
