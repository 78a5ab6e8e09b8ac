"""Where the benchmarks write: one section of RESULTS.md each, replaced whole when run again."""

from __future__ import annotations

import platform
import re
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = "# Measured figures\n\nWritten by the scripts in this folder; timings are ratios within one run.\n"


def write_section(heading: str, body: str) -> None:
    """Replace the section under `## heading`, or append it."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else HEAD
    section = f"## {heading}\n\n{body.strip()}\n"
    found = re.compile(rf"^## {re.escape(heading)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if found.search(text):
        text = found.sub(lambda _: section + "\n", text)
    else:
        text = text.rstrip() + "\n\n" + section
    RESULTS.write_text(text.rstrip() + "\n", encoding="utf-8")
    print(section)


def table(columns: list[str], rows: list[list[object]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def machine(cores: int) -> str:
    """Say what was measured on, in words that name no host."""
    return f"{cores} cores, {platform.machine()}, CPython {platform.python_version()}."
