"""Which sounds may answer: folders, tags, durations, dates and words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from soundkin.library.spots import composed, folded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from soundkin.library.catalogue import Snapshot


@dataclass(frozen=True, slots=True)
class Scope:
    """Which sounds may answer: all conditions hold at once, an empty one says nothing.

    folders, not_folders: absolute paths or folder names at any depth; a sound lies in a folder when any
    of its places does. tags, not_tags: all of them, none of them. text: words that occur in path or
    tags, "-word" for those that must not. Durations in seconds, times with a time zone.
    """

    folders: Sequence[str] = ()
    not_folders: Sequence[str] = ()
    tags: Sequence[str] = ()
    not_tags: Sequence[str] = ()
    min_duration_s: float | None = None
    max_duration_s: float | None = None
    added_after: datetime | None = None
    added_before: datetime | None = None
    text: str = ""


def sounds_in(snapshot: Snapshot, scope: Scope | None) -> npt.NDArray[np.bool_]:
    """Return which sounds are alive, have a place, and meet a scope; (n_sounds,) indexed by ord."""
    mask = snapshot.alive & snapshot.spots.placed
    if scope is None:
        return mask
    if scope.text:
        mask &= _with_words(snapshot, scope.text)
    if scope.folders:
        mask &= _in_folders(snapshot, scope.folders)
    if scope.not_folders:
        mask &= ~_in_folders(snapshot, scope.not_folders)
    if scope.tags or scope.not_tags:
        mask &= _with_tags(snapshot, scope)
    return mask & _in_ranges(snapshot, scope)


def _with_words(snapshot: Snapshot, text: str) -> npt.NDArray[np.bool_]:
    """Return the sounds in whose path or tags every word occurs and no "-word" does."""
    mask = np.ones(len(snapshot.ids), bool)
    spots = snapshot.spots
    for word in folded(text).split():
        wanted = not (word.startswith("-") and len(word) > 1)
        bare = word if wanted else word[1:]
        hit = spots.sounds_with(pc.match_substring(spots.text, bare).to_numpy(zero_copy_only=False))
        named = {tag for tag in snapshot.tags.names if bare in folded(tag)}
        hit[snapshot.tags.sounds_with(named)] = True
        mask &= hit if wanted else ~hit
    return mask


def _in_folders(snapshot: Snapshot, folders: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return the sounds with a place in any of the folders."""
    spots = snapshot.spots
    lower = pc.utf8_lower(spots.folders)
    chosen = np.zeros(len(lower), bool)
    for folder in folders:
        if folder.startswith("/"):
            inside = pc.starts_with(spots.folders, composed(folder.rstrip("/")) + "/")
        else:
            inside = pc.match_substring(lower, f"/{folded(folder.strip('/'))}/")
        chosen |= inside.to_numpy(zero_copy_only=False)
    return spots.sounds_with(chosen[spots.folder])


def _with_tags(snapshot: Snapshot, scope: Scope) -> npt.NDArray[np.bool_]:
    """Return the sounds that bear all wanted tags and none of the unwanted."""
    mask = np.ones(len(snapshot.ids), bool)
    for tag in scope.tags:
        borne = np.zeros(len(mask), bool)
        borne[snapshot.tags.sounds_with({tag})] = True
        mask &= borne
    mask[snapshot.tags.sounds_with(set(scope.not_tags))] = False
    return mask


def _in_ranges(snapshot: Snapshot, scope: Scope) -> npt.NDArray[np.bool_]:
    """Return the sounds whose duration and date lie in range."""
    mask = np.ones(len(snapshot.ids), bool)
    if scope.min_duration_s is not None:
        mask &= snapshot.sounds["duration_s"].to_numpy() >= scope.min_duration_s
    if scope.max_duration_s is not None:
        mask &= snapshot.sounds["duration_s"].to_numpy() <= scope.max_duration_s
    if scope.added_after is not None or scope.added_before is not None:
        added = snapshot.sounds["added_at"].cast("int64").to_numpy()
        if scope.added_after is not None:
            mask &= added >= scope.added_after.timestamp() * 1e6
        if scope.added_before is not None:
            mask &= added < scope.added_before.timestamp() * 1e6
    return mask
