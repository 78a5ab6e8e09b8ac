"""Sounds, libraries and runs for the tests of the library."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import soundfile

from soundkin.library import ingest
from soundkin.library.rows import place_rows, write_sounds
from soundkin.library.scan import Entry
from soundkin.library.store import SCHEMAS, Store
from soundkin.library.worker import hear_group
from soundkin.library.workers import Heard
from soundkin.space import load_space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from soundkin.library.workers import Job, Outcome

RATE_HZ = 16_000
DIM = 8
SPACE = "toy-00000000"


def tone(seed: int, seconds: float = 0.3) -> np.ndarray:
    """A decaying sound that no other seed makes: (n,) float32."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    parts = sum(np.sin(2 * np.pi * f * t + f) for f in rng.uniform(80, 6000, 3))
    return (0.2 * np.exp(-t * 4) * (parts + rng.normal(0, 0.3, len(t)))).astype(np.float32)


def wav(path: Path | bytes, seed: int, seconds: float = 0.3, **how: str) -> Path | bytes:
    """Write one sound, by any name; the same seed gives the same bytes."""
    raw = os.fsencode(path)
    os.makedirs(os.path.dirname(raw), exist_ok=True)
    form = "FLAC" if raw.lower().endswith(b".flac") else "WAV"
    with open(raw, "wb") as file:
        samples = np.round(tone(seed, seconds) * 32767).astype(np.int16)  # the same in any format
        soundfile.write(file, samples, RATE_HZ, format=form, **how)
    return path


class InlineWorkers:
    """Hears in this very process, on the path that the worker processes take."""

    def __init__(self, n: int, spaces: Sequence[str], *, timeout_s: float = 60.0) -> None:
        self.n = n
        self.spaces = [load_space(name) for name in spaces]

    def __enter__(self) -> InlineWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(
        self, groups: Iterable[tuple[Job, ...]], *, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[Outcome]:
        for group in groups:
            if stop():
                return
            yield from hear_group(group, self.spaces)


def index(store: Store, folder: Path | str | bytes, **how: object) -> ingest.IndexReport:
    """Index a folder in the space mfcc."""
    return ingest.index_folder(store, folder, spaces=["mfcc"], **how)


def heard(sound_id: str, X: np.ndarray, space: str = SPACE, *, duration_s: float = 0.0) -> Heard:
    """A sound with these vectors (n, dim), one segment each, a second long, every half second."""
    n = len(X)
    seq = np.arange(n, dtype=np.int32)
    return Heard(
        sample_hash=sound_id,
        duration_s=duration_s or 0.5 * (n + 1),
        rate_hz=RATE_HZ,
        channels=1,
        format="WAV",
        subtype="PCM_16",
        peak_db=-3.0,
        peaks=np.zeros((800, 2), np.int8),
        seq=seq,
        start_s=seq * 0.5,
        end_s=seq * 0.5 + 1.0,
        centre_s=seq * 0.5 + 0.5,
        energy_db=np.full(n, -20, np.float32),
        n_silent=0,
        vectors={space: np.asarray(X, np.float32)},
    )


def unit(seed: int, n: int = 1, dim: int = DIM) -> np.ndarray:
    """Unit vectors (n, dim) float32."""
    X = np.random.default_rng(seed).normal(size=(n, dim))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)


def sound_id(number: int) -> str:
    """An id as the decoder makes them."""
    return f"{number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"


def lay_root(store: Store, path: str = "/nowhere/Samples", root_id: str = "root") -> None:
    """Write a root."""
    row = {"root_id": root_id, "path": path.encode(), "label": Path(path).name, "added_at": None}
    store.upsert("roots", pa.Table.from_pylist([row], schema=SCHEMAS["roots"]))


def put(
    store: Store,
    sounds: Sequence[Heard],
    batch: int,
    *,
    paths: Sequence[str] | None = None,
    root_id: str = "root",
) -> None:
    """Commit sounds with a place each, as an indexer does."""
    paths = paths or [f"{sound.sample_hash[:8]}.wav" for sound in sounds]
    places = [
        (Entry(path.encode(), 1, 1), sound.sample_hash, sound.sample_hash)
        for path, sound in zip(paths, sounds, strict=True)
    ]
    rows = place_rows(root_id, places)
    write_sounds(store, sounds, batch, before_marker=lambda: store.upsert("locations", rows))


def column(store: Store, table: str, name: str) -> list[object]:
    """One column of a table."""
    return store.read(table, [name])[name].to_pylist()


def places(store: Store) -> dict[bytes, tuple[str, str]]:
    """Sound and state of every place, by path."""
    rows = store.read("locations", ["path", "sound_id", "state"]).to_pylist()
    assert len(rows) == len({row["path"] for row in rows}), "a place is there twice"
    return {row["path"]: (row["sound_id"], row["state"]) for row in rows}


def ledger(store: Store) -> dict[bytes, str]:
    """Reason of every failure, by path."""
    rows = store.read("failures", ["path", "reason"]).to_pylist()
    assert len(rows) == len({row["path"] for row in rows}), "a failure is there twice"
    return {row["path"]: row["reason"] for row in rows}


def contents(store: Store) -> dict[str, object]:
    """Everything a library knows about its sounds, ready to be compared bit for bit."""
    known = set(column(store, "sounds", "sound_id"))
    segments = sorted(
        (r["sound_id"], r["seq"], r["start_s"], r["end_s"], r["centre_s"], r["energy_db"])
        for r in store.read("segments").to_pylist()
        if r["sound_id"] in known
    )
    vectors = {
        space: sorted(
            (r["sound_id"], r["seq"], np.asarray(r["vector"], np.float32).tobytes())
            for r in store.read(f"vectors_{space}").to_pylist()
            if r["sound_id"] in known
        )
        for space in store.spaces()
    }
    return {
        "sounds": sorted(column(store, "sounds", "sound_id")),
        "segments": segments,
        "vectors": vectors,
        "places": sorted(places(store).items()),
        "ledger": sorted(ledger(store).items()),
    }
