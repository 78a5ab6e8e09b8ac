"""How far a run of the indexer is, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: `done` of `total` files in a `phase` ("scan", "decode", "finish")."""

    phase: str
    done: int = 0
    total: int | None = None
    failed: int = 0
    seconds_of_sound: float = 0.0
    elapsed_s: float = 0.0
    path: str = ""


@dataclass(slots=True)
class IndexReport:
    """What a run found and did, in files unless the name says otherwise.

    found: sounds on disk. decoded: files opened and decoded. embedded: sounds that got vectors.
    unchanged: known, not opened. moved: known under another name, not decoded. copied: a known sound in
    one more place. failed: in the ledger now (`failed_before`: of these, not tried again). gone: places
    that are missing now. ignored: files without the suffix of a sound.
    """

    found: int = 0
    decoded: int = 0
    embedded: int = 0
    unchanged: int = 0
    moved: int = 0
    copied: int = 0
    failed: int = 0
    failed_before: int = 0
    gone: int = 0
    ignored: int = 0
    segments: int = 0
    silent: int = 0
    seconds_of_sound: float = 0.0
    elapsed_s: float = 0.0
    stopped: bool = False
    dry_run: bool = False
