"""A file that names sounds: a list of addresses, or a manifest (CSV, Parquet, JSON lines)."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from soundkin.errors import InputError
from soundkin.library.sources.origins import Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

NAMES = {
    "url": ("url", "audio_url", "audio", "href"),
    "item_id": ("item_id", "id", "guid"),
    "title": ("title",),
    "page": ("page", "page_url", "landing_page"),
    "author": ("author", "creator", "artist", "username", "recordist"),
    "licence": ("licence", "license", "licence_url", "license_url", "rights"),
    "version": ("version", "sha256", "md5", "etag"),
    "name": ("name", "filename", "file"),
}
"""What the columns of a manifest may be called; the first one that is there counts."""


def urls_in(path: Path) -> list[Item]:
    """Return the addresses in a text file, one a line, # before remarks. Raises `InputError`."""
    lines = _text(path).splitlines()
    urls = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return [Item(url, url, named=True) for url in dict.fromkeys(urls)]


def manifest_in(path: Path) -> list[Item]:
    """Return the rows of a manifest: a column `url`, and any of `NAMES`. Raises `InputError`."""
    readers = {".csv": _csv, ".parquet": _parquet, ".jsonl": _json_lines, ".ndjson": _json_lines}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            f"the manifest '{path}'", f"a file ending in {', '.join(readers)}", "convert it"
        )
    items: dict[str, Item] = {}
    for number, row in enumerate(_rows(reader, path), 1):
        lower = {str(name).strip().lower(): value for name, value in row.items()}
        found = {field: _first(lower, names) for field, names in NAMES.items()}
        if not found["url"]:
            columns = ", ".join(lower) or "none"
            raise InputError(
                f"row {number} of '{path}' names no address (columns: {columns})",
                "a column 'url' with one in every row",
                "correct the manifest; nothing was fetched",
            )
        found["item_id"] = found["item_id"] or found["url"]
        items[found["item_id"]] = Item(**found, named=True)
    return list(items.values())


def _first(row: Mapping[str, Any], names: Iterable[str]) -> str:
    """Return the first of some columns that says anything."""
    values = (row.get(name) for name in names)
    return next((str(value).strip() for value in values if value not in {None, ""}), "")


def _rows(reader: Any, path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a manifest; what cannot be read is the person's to mend."""
    try:
        yield from reader(path)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(
            f"'{path}' cannot be read ({error})", "a manifest", "correct it"
        ) from error


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    yield from pq.read_table(path).to_pylist()


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in _text(path).split("\n"):
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError(f"{line[:40]!r} is no object")
            yield row


def _text(path: Path) -> str:
    """Return a text file. Raises `InputError`."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"'{path}' cannot be read ({error})", "a text file", "check the path"
        ) from error
