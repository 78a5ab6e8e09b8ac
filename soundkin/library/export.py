"""A list of sounds -> CSV, JSON, Parquet or M3U; written beside, then renamed."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import pyarrow as pa

from soundkin.errors import InputError
from soundkin.library.store import guarded

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = (
    "sound_id",
    "path",
    "root",
    "folder",
    "name",
    "duration_s",
    "rate_hz",
    "channels",
    "format",
    "n_segments",
    "tags",
    "state",
    "added_at",
)

Row = Mapping[str, Any]


def write(rows: Sequence[Row], path: Path, fmt: str | None = None) -> str:
    """Write rows (see `COLUMNS`) to a file; return the format used.

    fmt: "csv", "json", "parquet" or "m3u"; None reads it off the file's suffix. An existing file is
    replaced whole or not at all. Raises `InputError` for another format, `StorageError` for a full disk.
    """
    chosen = (fmt or path.suffix.lstrip(".")).lower().replace("m3u8", "m3u")
    if chosen not in WRITERS:
        raise InputError(
            f"the format {chosen!r}" if chosen else f"'{path}' has no suffix",
            f"one of {', '.join(WRITERS)}",
            "name the file accordingly or give --format",
        )
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with guarded():
            WRITERS[chosen](rows, beside)
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return chosen


def _plain(row: Row) -> dict[str, Any]:
    """Return the exported columns of a row, times as ISO 8601."""
    plain = {name: row[name] for name in COLUMNS}
    plain["added_at"] = row["added_at"].isoformat()
    return plain


def _text(path: Path) -> TextIO:
    """Open a text file for writing; names that are no text survive as they are."""
    return path.open("w", encoding="utf-8", errors="surrogateescape", newline="")


def _csv(rows: Sequence[Row], path: Path) -> None:
    with _text(path) as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({**_plain(row), "tags": ";".join(row["tags"])} for row in rows)


def _json(rows: Sequence[Row], path: Path) -> None:
    with _text(path) as file:
        json.dump([_plain(row) for row in rows], file, ensure_ascii=False, indent=1)
        file.write("\n")


def _parquet(rows: Sequence[Row], path: Path) -> None:
    import pyarrow.parquet as pq

    table = {name: [row[name] for row in rows] for name in COLUMNS}
    table["tags"] = [list(tags) for tags in table["tags"]]
    pq.write_table(pa.table(table), path)


def _m3u(rows: Sequence[Row], path: Path) -> None:
    with _text(path) as file:
        file.write("#EXTM3U\n")
        for row in rows:
            file.write(f"#EXTINF:{round(row['duration_s'])},{row['name']}\n{row['path']}\n")


WRITERS: dict[str, Callable[[Sequence[Row], Path], None]] = {
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
    "m3u": _m3u,
}
"""The formats, each with its writer."""
