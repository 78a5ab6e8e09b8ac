"""What commands print: JSON for programs, plain tables for people."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

import typer


def print_json(value: object) -> None:
    """Print one JSON value on one line; times as ISO 8601."""
    typer.echo(json.dumps(value, default=plain, ensure_ascii=True))


def plain(value: object) -> Any:
    """Return what JSON has no word for as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


def printable(text: str) -> str:
    """Return text without characters that would move the cursor or break the line."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def plain_table(*columns: str) -> Any:
    """Return an empty table without lines."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column not in {"sound", "folder", "tags"})
    return table


def print_table(table: Any) -> None:
    """Print a table; whole lines when the output is no terminal."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    if table.row_count:
        console.print(table, markup=False, highlight=False)
