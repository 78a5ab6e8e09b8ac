"""The page on the synthesizer: its tables are the code's, its Python runs, its counts are true."""

from __future__ import annotations

import re
from pathlib import Path

from soundkin.synth.patches import PATCHES, make_patch
from soundkin.synth.tables import renewed

PAGE = (Path(__file__).parents[2] / "docs" / "synth.md").read_text(encoding="utf-8")


def test_the_tables_of_parameters_are_fresh() -> None:
    assert renewed(PAGE) == PAGE, "run python -m soundkin.synth.tables docs/synth.md"
    for name in PATCHES:
        assert make_patch(name).table.markdown() in PAGE


def test_rows_account_for_every_parameter() -> None:
    for name in PATCHES:
        table = make_patch(name).table
        rows = [line.split("|") for line in table.markdown().splitlines()[2:]]
        assert sum(int(row[2]) for row in rows) == len(table)
        ranges = {(p.minimum, p.maximum, p.curve, p.unit, p.group) for p in table}
        assert len(rows) >= len(ranges)


def test_the_python_of_the_page_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, "synth.md", "exec"), names)
    assert names["made"].a.shape == (4, 16_000)  # type: ignore[attr-defined]


def test_the_counts_of_the_page() -> None:
    for name in PATCHES:
        (count,) = re.findall(rf"^\| `{name}` \|.*\| (\d+) \|$", PAGE, re.MULTILINE)[:1]
        assert int(count) == len(make_patch(name).table)
