"""What is in a library: its sounds in a scope, page by page, their segments, and what failed."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundkin.bucket import is_address
from soundkin.errors import InputError, NotFound, Offline
from soundkin.library.scan import GONE, PRESENT, display
from soundkin.library.store import SCHEMAS, quote, vectors_table
from soundkin.library.views import Failure, Segment, Sound
from soundkin.listen import best_spot
from soundkin.scope import sounds_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from soundkin.library.catalogue import Catalogue, Snapshot
    from soundkin.library.spots import Spot
    from soundkin.library.store import Store
    from soundkin.scope import Scope


def page_of(
    catalogue: Catalogue, scope: Scope | str | None, *, limit: int, offset: int, order: str
) -> tuple[list[Sound], int]:
    """Return some of the sounds in a scope, and how many there are; see `Library.sounds`."""
    snapshot = catalogue.snapshot()
    chosen = np.flatnonzero(sounds_in(snapshot, scope))
    if order == "name":
        ranks = snapshot.memo.get("ranks", snapshot.spots.ranks)
        numbers = chosen[np.argsort(ranks[chosen], kind="stable")].tolist()
    elif order in {"added", "duration"}:
        column = "added_at" if order == "added" else "duration_s"
        values = snapshot.sounds[column].to_numpy()[chosen]
        numbers = chosen[np.argsort(values, kind="stable")[::-1]].tolist()
    else:
        raise InputError(f"the order {order!r}", "one of name, added, duration", "")
    page = numbers[offset : offset + limit]
    return [sound_at(catalogue, snapshot, number) for number in page], len(numbers)


def ord_of(snapshot: Snapshot, sound_id: str) -> int:
    """Return a sound's number. Raises `NotFound`."""
    number = snapshot.ord_of.get(sound_id)
    if number is None:
        raise no_sound(sound_id)
    return number


def sound_at(catalogue: Catalogue, snapshot: Snapshot, number: int) -> Sound:
    """Describe a sound by its number."""
    row = snapshot.row(number)
    spot = best_spot(catalogue, snapshot, row["sound_id"])
    return Sound(
        sound_id=row["sound_id"],
        name=spot.name if spot else row["sound_id"],
        path=spot.path if spot else "",
        root=spot.root if spot else "",
        folder=spot.folder if spot else "",
        duration_s=row["duration_s"],
        rate_hz=row["rate_hz"],
        channels=row["channels"],
        format=row["format"],
        n_segments=row["n_segments"],
        tags=snapshot.tags.get(number, ()),
        state=catalogue.state(spot) if spot else GONE,
        added_at=row["added_at"],
        locations=tuple(s.path for s in snapshot.spots.of(number)),
    )


def segments_of(snapshot: Snapshot, sound_id: str) -> list[Segment]:
    """Return a sound's segments in time order. Raises `NotFound`."""
    columns = snapshot.segments
    return [
        Segment(
            f"{sound_id}-{int(columns['seq'][row])}",
            int(columns["seq"][row]),
            float(columns["start_s"][row]),
            float(columns["end_s"][row]),
            float(columns["energy_db"][row]),
        )
        for row in snapshot.segment_rows(ord_of(snapshot, sound_id))
    ]


def peaks_of(store: Store, sound_id: str) -> npt.NDArray[np.int8]:
    """Return a sound's waveform for drawing; see `Library.peaks`. Raises `NotFound`."""
    found = peaks_of_many(store, [sound_id])
    if not found:
        raise no_sound(sound_id)
    return found[sound_id]


def peaks_of_many(store: Store, sound_ids: Sequence[str]) -> dict[str, npt.NDArray[np.int8]]:
    """Return the waveforms of those sounds that are there, by id, in one look at the table."""
    rows = store.read("sounds", ["sound_id", "peaks"], f"sound_id IN ({quote(sound_ids)})")
    pairs = zip(rows["sound_id"].to_pylist(), rows["peaks"].to_pylist(), strict=True)
    return {sound_id: np.frombuffer(peaks, np.int8).reshape(-1, 2) for sound_id, peaks in pairs}


def rows_of(catalogue: Catalogue, scope: Scope | str | None) -> list[dict[str, Any]]:
    """Return every sound in a scope as a row to export, by name, with the raw path to open it."""
    snapshot = catalogue.snapshot()
    sounds, _ = page_of(catalogue, scope, limit=2**62, offset=0, order="name")
    spots = [best_spot(catalogue, snapshot, sound.sound_id) for sound in sounds]
    return [
        asdict(sound) | {"raw": spot.raw if spot else b""}
        for sound, spot in zip(sounds, spots, strict=True)
    ]


def located(snapshot: Snapshot, sound_id: str) -> Path:
    """Return the file of a sound that can be opened now; see `Library.locate`."""
    spots = snapshot.spots.of(ord_of(snapshot, sound_id))
    for spot in spots:
        if os.path.isfile(spot.raw):
            return Path(os.fsdecode(spot.raw))
    raise _not_there(spots, sound_id)


def source_of(snapshot: Snapshot, sound_id: str) -> bytes:
    """Return where a sound can be read now, a file before an address; see `Library.source`."""
    spots = snapshot.spots.of(ord_of(snapshot, sound_id))
    for spot in spots:
        if os.path.isfile(spot.raw):
            return spot.raw
    for spot in spots:
        if is_address(spot.raw) and spot.state == PRESENT:
            return spot.raw
    raise _not_there(spots, sound_id)


def _not_there(spots: Sequence[Spot], sound_id: str) -> Offline:
    """Return the error for a sound whose files cannot be opened now."""
    where = spots[0].path if spots else sound_id
    if spots and is_address(spots[0].raw):
        return Offline(
            f"'{where}' is in a bucket, not on this machine",
            "a file",
            "play or cut it here: that reads it by ranges",
        )
    return Offline(
        f"'{where}' is not there now",
        "a mounted drive with the file",
        "mount it, or tell where the folder is now with `soundkin roots move OLD NEW`",
    )


def failures_of(store: Store) -> list[Failure]:
    """Return the ledger: every file that is not in the library, and why."""
    roots = {row["root_id"]: display(row["path"]) for row in store.read("roots").to_pylist()}
    rows = store.read("failures").to_pylist()
    found = [
        Failure(
            path=_shown(roots.get(row["root_id"], ""), row["display"]),
            root=roots.get(row["root_id"], ""),
            reason=row["reason"],
            message=row["message"],
            size=row["size"],
            failed_at=row["failed_at"],
        )
        for row in rows
    ]
    return sorted(found, key=lambda failure: failure.path)


def _shown(root: str, path: str) -> str:
    """Return a file's whole path as text; an address on the web, which could not be fetched, as it is."""
    return path if path.startswith(("http://", "https://")) else f"{root.rstrip('/')}/{path}"


def table_of(store: Store, table: str) -> pa.Table:
    """Return one table as Arrow; see `Library.to_arrow`."""
    spaces = store.spaces()
    names = {
        **{name: name for name in SCHEMAS},
        **{space: vectors_table(space) for space in spaces},
    }
    if table not in names:
        raise NotFound(f"no table {table!r}", f"one of {', '.join(names)}", "")
    rows = store.read(names[table])
    if "sound_id" in rows.column_names and table != "sounds":
        known = store.read("sounds", ["sound_id"])["sound_id"]
        rows = rows.filter(pc.is_in(rows["sound_id"], known))
    return rows.drop_columns([c for c in ("batch", "peaks") if c in rows.column_names])


def no_sound(sound_id: str) -> NotFound:
    """Return the error for an unknown sound."""
    return NotFound(
        f"the library has no sound '{sound_id}'",
        "the id of one of its sounds",
        "search for it by name",
    )
