"""A list of sounds -> CSV, JSON, Parquet or M3U; written beside, then renamed."""

from __future__ import annotations

import csv
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pyarrow as pa

from soundkin.errors import InputError
from soundkin.library.refusals import guarded

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

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in COLUMNS[:5]),
        ("duration_s", pa.float64()),
        ("rate_hz", pa.int32()),
        ("channels", pa.int32()),
        ("format", pa.string()),
        ("n_segments", pa.int32()),
        ("tags", pa.list_(pa.string())),
        ("state", pa.string()),
        ("added_at", pa.timestamp("us", tz="UTC")),
    ]
)
"""The columns in Parquet."""

Row = Mapping[str, Any]


def write(rows: Sequence[Row], path: Path, fmt: str | None = None) -> str:
    """Write rows (see `COLUMNS`) to a file; return the format used.

    fmt: "csv", "json", "parquet" or "m3u"; None reads it off the file's suffix. A row may have `raw`, its
    path as bytes, for names that are no text. An existing file is replaced whole or not at all.
    Raises `InputError` for another format or a missing folder, `StorageError` for a full disk.
    """
    chosen = (fmt or path.suffix.lstrip(".")).lower().replace("m3u8", "m3u")
    if chosen not in WRITERS:
        raise InputError(
            f"the format {chosen!r}" if chosen else f"'{path}' has no suffix",
            f"one of {', '.join(WRITERS)}",
            "name the file accordingly or give --format",
        )
    if path.is_dir():
        raise InputError(f"'{path}' is a folder", "the name of a file", "give one inside it")
    if not path.parent.is_dir():
        raise InputError(
            f"there is no folder '{path.parent}'", "a folder to write into", "make it first"
        )
    beside = path.with_name(f".{chosen}.{uuid.uuid4().hex[:12]}")
    try:
        with guarded(f"'{path}'"):
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


def _csv(rows: Sequence[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({**_plain(row), "tags": ";".join(row["tags"])} for row in rows)


def _json(rows: Sequence[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump([_plain(row) for row in rows], file, ensure_ascii=False, indent=1)
        file.write("\n")


def _parquet(rows: Sequence[Row], path: Path) -> None:
    import pyarrow.parquet as pq

    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    pq.write_table(pa.table(columns, schema=SCHEMA), path)


def _m3u(rows: Sequence[Row], path: Path) -> None:
    """Write a playlist; a path with a line break in it as an address, since a line is a path."""
    with path.open("wb") as file:
        file.write(b"#EXTM3U\n")
        for row in rows:
            raw: bytes = row.get("raw") or row["path"].encode()
            if b"\n" in raw or b"\r" in raw:
                raw = b"file://" + quote(raw).encode()
            title = " ".join(row["name"].split())
            file.write(f"#EXTINF:{round(row['duration_s'])},{title}\n".encode() + raw + b"\n")


WRITERS: dict[str, Callable[[Sequence[Row], Path], None]] = {
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
    "m3u": _m3u,
}
"""The formats, each with its writer."""
