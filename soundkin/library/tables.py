"""The tables of a library: their columns, their keys, and how their values are written in a condition.

Every row that a batch of new sounds brings carries the number of that `batch`, so a reader fetches only
what is new and a broken run can be told from a whole one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable

_TIME = pa.timestamp("us", tz="UTC")

SCHEMAS: dict[str, pa.Schema] = {
    "sounds": pa.schema(
        [
            ("sound_id", pa.string()),
            ("duration_s", pa.float64()),
            ("rate_hz", pa.int32()),
            ("channels", pa.int32()),
            ("format", pa.string()),
            ("subtype", pa.string()),
            ("peak_db", pa.float32()),
            ("n_segments", pa.int32()),
            ("n_silent", pa.int32()),
            ("peaks", pa.binary()),
            ("added_at", _TIME),
            ("batch", pa.int64()),
        ]
    ),
    "locations": pa.schema(
        [
            ("root_id", pa.string()),
            ("path", pa.binary()),
            ("display", pa.string()),
            ("byte_hash", pa.string()),
            ("size", pa.int64()),
            ("mtime_ns", pa.int64()),
            ("sound_id", pa.string()),
            ("state", pa.string()),
        ]
    ),
    "segments": pa.schema(
        [
            ("sound_id", pa.string()),
            ("seq", pa.int32()),
            ("start_s", pa.float64()),
            ("end_s", pa.float64()),
            ("centre_s", pa.float64()),
            ("energy_db", pa.float32()),
            ("batch", pa.int64()),
        ]
    ),
    "tags": pa.schema([("sound_id", pa.string()), ("tag", pa.string()), ("added_at", _TIME)]),
    "notes": pa.schema(
        [
            ("note_id", pa.string()),
            ("sound_id", pa.string()),
            ("start_s", pa.float64()),
            ("end_s", pa.float64()),
            ("low_hz", pa.float64()),
            ("high_hz", pa.float64()),
            ("text", pa.string()),
            ("tags", pa.list_(pa.string())),
            ("author", pa.string()),
            ("made_at", _TIME),
        ]
    ),
    "origins": pa.schema(
        [
            ("source", pa.string()),
            ("item_id", pa.string()),
            ("state", pa.string()),
            ("sound_id", pa.string()),
            ("root_id", pa.string()),
            ("path", pa.binary()),
            ("keep", pa.string()),
            ("url", pa.string()),
            ("final_url", pa.string()),
            ("named", pa.bool_()),
            ("page", pa.string()),
            ("title", pa.string()),
            ("author", pa.string()),
            ("licence", pa.string()),
            ("version", pa.string()),
            ("etag", pa.string()),
            ("modified", pa.string()),
            ("media_type", pa.string()),
            ("size", pa.int64()),
            ("reason", pa.string()),
            ("message", pa.string()),
            ("seen_at", _TIME),
        ]
    ),
    "failures": pa.schema(
        [
            ("root_id", pa.string()),
            ("path", pa.binary()),
            ("display", pa.string()),
            ("byte_hash", pa.string()),
            ("size", pa.int64()),
            ("mtime_ns", pa.int64()),
            ("reason", pa.string()),
            ("message", pa.string()),
            ("failed_at", _TIME),
        ]
    ),
    "roots": pa.schema(
        [
            ("root_id", pa.string()),
            ("path", pa.binary()),
            ("label", pa.string()),
            ("added_at", _TIME),
        ]
    ),
    "settings": pa.schema([("key", pa.string()), ("value", pa.string())]),
}
"""Every table but the vectors, which have one table per space."""

KEYS = {
    "locations": ["root_id", "path"],
    "failures": ["root_id", "path"],
    "roots": ["root_id"],
    "settings": ["key"],
    "tags": ["sound_id", "tag"],
    "notes": ["note_id"],
    "origins": ["source", "item_id"],
}
"""What makes a row of an upserted table the same row."""


def vectors_schema(dim: int) -> pa.Schema:
    """Return the schema of one space's vectors: unit vectors of `dim` float32, one row a segment."""
    return pa.schema(
        [
            ("sound_id", pa.string()),
            ("seq", pa.int32()),
            ("vector", pa.list_(pa.float32(), dim)),
            ("batch", pa.int64()),
        ]
    )


def vectors_table(space_id: str) -> str:
    """Return the name of the table that holds the vectors of a space."""
    return f"vectors_{space_id}"


def quote(values: Iterable[str]) -> str:
    """Return values as the inside of an SQL ``IN (...)``, quotes doubled.

    >>> quote(["kick", "it's"])
    "'kick', 'it''s'"
    """
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def at_paths(root_id: str, paths: Iterable[bytes]) -> str:
    r"""Return the condition for rows at some raw paths of a root.

    >>> at_paths("r", [b"a\xff"])
    "root_id = 'r' AND path IN (X'61ff')"
    """
    hexes = ", ".join(f"X'{path.hex()}'" for path in paths)
    return f"root_id = {quote([root_id])} AND path IN ({hexes})"
