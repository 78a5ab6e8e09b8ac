"""Which sounds may answer: folders, tags, durations, dates and words."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from soundkin.bucket import is_address
from soundkin.library.spots import composed, folded, spellings
from soundkin.query import Scope, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from soundkin.library.catalogue import Snapshot


__all__ = ["Scope", "sounds_in"]


def sounds_in(snapshot: Snapshot, scope: Scope | str | None) -> npt.NDArray[np.bool_]:
    """Return which sounds are alive, have a place, and meet a scope; (n_sounds,) indexed by ord.

    scope: conditions, or a query in words (:mod:`soundkin.query`); raises `QuerySyntax` for one that
    cannot be read.
    """
    mask = snapshot.alive & snapshot.spots.placed
    if scope is None:
        return mask
    if isinstance(scope, str):
        scope = parse(scope)
    if scope.text:
        mask &= sounds_in(snapshot, scope.text)
    if scope.formats:
        mask &= _in_formats(snapshot, scope.formats)
    if scope.folders:
        mask &= _in_folders(snapshot, scope.folders)
    mask &= ~_in_formats(snapshot, scope.not_formats) & ~_in_folders(snapshot, scope.not_folders)
    for holds in (_with_words, _with_names, _with_tags, _with_notes, _in_ranges):
        mask &= holds(snapshot, scope)
    return mask


def _with_words(snapshot: Snapshot, scope: Scope) -> npt.NDArray[np.bool_]:
    """Return the sounds in whose path or tags every word occurs and no unwanted one does."""
    mask = np.ones(len(snapshot.ids), bool)
    spots = snapshot.spots
    for word, wanted in _both(scope.words, scope.not_words):
        hit = spots.sounds_with(spots.containing(word))
        named = {tag for tag in snapshot.tags.names if word in folded(tag)}
        hit[snapshot.tags.sounds_with(named)] = True
        mask &= hit if wanted else ~hit
    return mask


def _with_names(snapshot: Snapshot, scope: Scope) -> npt.NDArray[np.bool_]:
    """Return the sounds in whose file name every word occurs and no unwanted one does."""
    mask = np.ones(len(snapshot.ids), bool)
    if not (scope.names or scope.not_names):
        return mask
    names = pc.replace_substring_regex(snapshot.spots.text, r"\A.*/", "")
    for word, wanted in _both(scope.names, scope.not_names):
        places = pc.match_substring(names, word).to_numpy(zero_copy_only=False)
        hit = snapshot.spots.sounds_with(places)
        mask &= hit if wanted else ~hit
    return mask


def _both(wanted: Iterable[str], unwanted: Iterable[str]) -> list[tuple[str, bool]]:
    """Return words as they are compared, with whether they are wanted."""
    return [(folded(w), True) for w in wanted] + [(folded(w), False) for w in unwanted]


def _in_formats(snapshot: Snapshot, formats: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return the sounds of any of the formats, by what was decoded or by a file's suffix."""
    coded = pc.utf8_lower(snapshot.sounds["format"])
    mask = np.zeros(len(snapshot.ids), bool)
    for name in (folded(name).lstrip(".") for name in formats):
        mask |= pc.equal(coded, name).to_numpy()
        ends = pc.ends_with(snapshot.spots.text, f".{name}").to_numpy(zero_copy_only=False)
        mask |= snapshot.spots.sounds_with(ends)
    return mask


def _in_folders(snapshot: Snapshot, folders: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return the sounds with a place in any of the folders."""
    spots = snapshot.spots
    if not folders:
        return np.zeros(len(snapshot.ids), bool)
    lower = pc.utf8_lower(spots.folders)
    chosen = np.zeros(len(lower), bool)
    for folder in folders:
        if folder.startswith("/") or is_address(folder):
            heads = [composed(path.rstrip("/")) + "/" for path in spellings(folder)]
            inside = reduce(pc.or_, [pc.starts_with(spots.folders, head) for head in heads])
        else:
            inside = pc.match_substring(lower, f"/{folded(folder.strip('/'))}/")
        chosen |= inside.to_numpy(zero_copy_only=False)
    return spots.sounds_with(chosen[spots.folder])


def _with_tags(snapshot: Snapshot, scope: Scope) -> npt.NDArray[np.bool_]:
    """Return the sounds that bear all wanted tags and none of the unwanted, whatever their case."""
    mask = np.ones(len(snapshot.ids), bool)
    for tag, wanted in _both(scope.tags, scope.not_tags):
        borne = np.zeros(len(mask), bool)
        named = {name for name in snapshot.tags.names if folded(name) == tag}
        borne[snapshot.tags.sounds_with(named)] = True
        mask &= borne if wanted else ~borne
    return mask


def _with_notes(snapshot: Snapshot, scope: Scope) -> npt.NDArray[np.bool_]:
    """Return the sounds with a note that has each wanted word, and none that has an unwanted one."""
    mask = np.ones(len(snapshot.ids), bool)
    for word, wanted in _both(scope.notes, scope.not_notes):
        noted = np.zeros(len(mask), bool)
        noted[snapshot.notes.sound[snapshot.notes.saying(word)]] = True
        mask &= noted if wanted else ~noted
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
