"""What is asked of a process that hears files, and what comes back; packed small for the way.

A group of outcomes travels as a few long arrays instead of many short ones: pickling eight arrays a
file would cost more than hashing it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: TC003 - part of the types
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from soundkin.audio.summary import SoundSummary

Vectors = npt.NDArray[np.float32]

_COLUMNS = ("seq", "start_s", "end_s", "centre_s", "energy_db")


@dataclass(frozen=True, slots=True)
class Job:
    """One file (raw path) or one upload (bytes) to be heard, or an errand about it.

    key: the caller's own number; start_s, end_s: hear only this range. task: "hear"; "copies" (how far
    its deformed copies lie); "slice" (the range as a WAV file).
    """

    key: int
    source: bytes
    is_upload: bool = False
    start_s: float | None = None
    end_s: float | None = None
    task: Literal["hear", "copies", "slice"] = "hear"


@dataclass(frozen=True, slots=True)
class Heard(SoundSummary):
    """One sound as the library keeps it: what it is, its segments, their vectors by space id."""

    seq: npt.NDArray[np.int32]
    start_s: npt.NDArray[np.float64]
    end_s: npt.NDArray[np.float64]
    centre_s: npt.NDArray[np.float64]
    energy_db: npt.NDArray[np.float32]
    n_silent: int
    vectors: Mapping[str, Vectors]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job: `heard`, or the `reason` (a word of `errors.REASONS`) and a `message`.

    copies: distances of deformed copies by space id; wav: the slice; of errands of those names.
    """

    key: int
    size: int = 0
    mtime_ns: int = 0
    byte_hash: str = ""
    heard: Heard | None = None
    reason: str = ""
    message: str = ""
    copies: Mapping[str, Sequence[float]] = field(default_factory=dict)
    wav: bytes = b""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A group of outcomes: rows of plain values, and their arrays end to end.

    rows: of each outcome its plain values, and those of its sound or None. peaks: of every sound;
    columns, vectors: of every segment, by name and by space.
    """

    rows: list[tuple[tuple[Any, ...], tuple[Any, ...] | None]]
    peaks: npt.NDArray[np.int8]
    columns: dict[str, npt.NDArray[Any]]
    vectors: dict[str, Vectors]


def pack(outcomes: Sequence[Outcome]) -> Parcel:
    """Return outcomes, all heard in the same spaces, as one parcel."""
    sounds = [outcome.heard for outcome in outcomes if outcome.heard is not None]
    spaces = list(sounds[0].vectors) if sounds else []
    return Parcel(
        rows=[(_facts(outcome), _sound(outcome.heard)) for outcome in outcomes],
        peaks=np.stack([sound.peaks for sound in sounds]) if sounds else np.empty(0, np.int8),
        columns={
            name: np.concatenate([getattr(sound, name) for sound in sounds]) if sounds else _NONE
            for name in _COLUMNS
        },
        vectors={
            space: np.concatenate([sound.vectors[space] for sound in sounds]) for space in spaces
        },
    )


def unpack(parcel: Parcel) -> list[Outcome]:
    """Return the outcomes of a parcel; their arrays are views of its own."""
    outcomes = []
    number = begin = 0
    for facts, sound in parcel.rows:
        heard = None
        if sound is not None:
            *plain, n_silent, n_segments = sound
            part = slice(begin, begin + n_segments)
            columns = (parcel.columns[name][part] for name in _COLUMNS)
            vectors = {space: rows[part] for space, rows in parcel.vectors.items()}
            arrays = (parcel.peaks[number], *columns)
            values: tuple[Any, ...] = (*plain, *arrays, n_silent, vectors)
            heard = Heard(*values)
            number, begin = number + 1, begin + n_segments
        whole: tuple[Any, ...] = (*facts[:4], heard, *facts[4:])
        outcomes.append(Outcome(*whole))
    return outcomes


def _facts(outcome: Outcome) -> tuple[Any, ...]:
    """Return the plain values of an outcome."""
    file = outcome.key, outcome.size, outcome.mtime_ns, outcome.byte_hash
    return *file, outcome.reason, outcome.message, outcome.copies, outcome.wav


def _sound(heard: Heard | None) -> tuple[Any, ...] | None:
    """Return the plain values of a sound, and how many segments it has."""
    if heard is None:
        return None
    identity = heard.sample_hash, heard.duration_s, heard.rate_hz, heard.channels
    nature = heard.format, heard.subtype, heard.peak_db
    return *identity, *nature, heard.n_silent, len(heard.seq)


_NONE = np.empty(0)
