"""What a person sees of a library: plain values, ready for JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Sound:
    """One sound of the library with all its places; the first one is where it is shown."""

    sound_id: str
    name: str
    path: str
    root: str
    folder: str
    duration_s: float
    rate_hz: int
    channels: int
    format: str
    n_segments: int
    tags: tuple[str, ...]
    state: str
    added_at: datetime
    locations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of a sound that can be found."""

    segment_id: str
    seq: int
    start_s: float
    end_s: float
    energy_db: float


@dataclass(frozen=True, slots=True)
class Failure:
    """One file of the ledger: why it is not in the library."""

    path: str
    root: str
    reason: str
    message: str
    size: int
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class Root:
    """One indexed folder: where it is, whether it is there now, how many sounds it holds."""

    root_id: str
    path: str
    label: str
    state: str
    n_sounds: int
    n_gone: int


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """How a space is searched, and why so.

    recall: part of the ten nearest segments that it finds; measured: on how many segments of the library
    that was measured, 0 for an index that compares everything. target: the recall asked for.
    """

    kind: str
    why: str
    recall: float
    measured: int = 0
    target: float = 0.0

    @property
    def said(self) -> str:
        """The recall as a person reads it."""
        if not self.measured:
            return "exact"
        return f"recall {self.recall:.2f} measured on {self.measured:,} segments of your own sounds"


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """One space of the library; borders: see :mod:`soundkin.library.calibrate`. index: its kind.

    default: whether it is the one that is searched in when none is named.
    """

    name: str
    space_id: str
    dim: int
    vectors: int
    index: str
    borders: tuple[float, float, float]
    calibrated: bool
    indexed: IndexInfo
    default: bool


@dataclass(frozen=True, slots=True)
class LibraryInfo:
    """What a library holds."""

    path: str
    format: int
    library_id: str
    sounds: int
    segments: int
    silent: int
    seconds_of_sound: float
    places: int
    gone: int
    failures: int
    tags: int
    indexing: bool
    disk_bytes: int
    spaces: tuple[SpaceInfo, ...]
    roots: tuple[Root, ...]
