"""The table for people: Markdown, and curves as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundkin.evaluate import table as measured
from soundkin.evaluate.draw import lines
from soundkin.evaluate.table import MEASURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundkin.evaluate.intervals import Interval
    from soundkin.evaluate.table import Gap, Line, Local, Shape, Table

PROTOCOL = " ".join((measured.__doc__ or "").split("\n\n", 1)[1].split())


def locality_pictures(table: Table) -> dict[str, str]:
    """One picture a property, every space a curve: file name -> SVG."""
    found: dict[str, dict[str, Local]] = {}
    for one in table.local:
        found.setdefault(f"{one.set}: locality of {one.label}", {})[one.subject] = one
    return {
        "".join(c if c.isalnum() else "-" for c in title.replace(":", "")) + ".svg": lines(
            {name: (one.ks, one.lift) for name, one in curves.items()},
            title=title,
            x_label="size of the neighbourhood, k",
            y_label="share of equals, times chance",
            chance=1.0,
        )
        for title, curves in found.items()
    }


def as_markdown(table: Table) -> str:
    """The table as Markdown, best values of each task in bold."""
    parts = ["# Spaces compared\n", PROTOCOL, ""]
    parts += _lines_markdown(table.lines)
    if table.gaps:
        parts += ["", "## Learned spaces against their baselines", ""]
        parts += ["Difference, same clips; **bold** where the interval lies above 0.", ""]
        head = ["set, label", "space", "against", *MEASURES.values()]
        parts += markdown_rows(head, [_gap_cells(gap) for gap in table.gaps])
    parts += ["", "## Geometry", ""]
    head = ["set", "space", "dim", "effective rank", "uniformity", "alignment", "hubness",
            "near-duplicates"]  # fmt: skip
    parts += markdown_rows(head, [_shape_cells(shape) for shape in table.shapes])
    if table.local:
        parts += ["", "## Locality", ""]
        parts += ["Share of equals among the k nearest, times chance; own group left out.", ""]
        for ks in dict.fromkeys(one.ks for one in table.local):
            head = ["set, property", "space", *(f"k = {k}" for k in ks)]
            rows = [
                [f"{one.set}, {one.label}", one.subject, *map(_times, one.lift)]
                for one in table.local
                if one.ks == ks
            ]
            parts += [*markdown_rows(head, rows), ""]
    return "\n".join(parts).rstrip() + "\n"


def _lines_markdown(table_lines: Sequence[Line]) -> list[str]:
    """The main table."""
    rows = []
    asked_mlp = any(line.mlp is not None for line in table_lines)
    for line in table_lines:
        rivals = [one for one in table_lines if (one.set, one.label) == (line.set, line.label)]
        cells = []
        for name in MEASURES:
            here: Interval = getattr(line, name)
            best = max(getattr(one, name).value for one in rivals)
            cells.append(f"**{here}**" if here.value == best else str(here))
        if asked_mlp:
            cells.append("" if line.mlp is None else str(line.mlp))
        about = f"{line.set}, {line.label} ({line.group} apart)"
        rows.append([about, f"{line.clips} / {line.classes}", line.subject, *cells])
    head = ["set, label", "clips / classes", "space", *MEASURES.values()]
    head += ["MLP"] if asked_mlp else []
    return markdown_rows(head, rows)


def markdown_rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table.

    Examples
    --------
    >>> markdown_rows(["a", "b"], [["1", "2"]])
    ['| a | b |', '|---|---|', '| 1 | 2 |']
    """
    first, *rest = [f"| {' | '.join(row)} |" for row in [head, *rows]]
    return [first, "|" + "---|" * len(head), *rest]


def _gap_cells(gap: Gap) -> list[str]:
    """One row."""
    cells = []
    for name in MEASURES:
        here: Interval = getattr(gap, name)
        text = f"{here.value:+.3f} ({here.low:+.3f} to {here.high:+.3f})"
        cells.append(f"**{text}**" if here.low > 0 else text)
    return [f"{gap.set}, {gap.label}", gap.subject, gap.baseline, *cells]


def _shape_cells(shape: Shape) -> list[str]:
    """One row."""
    numbers = (shape.uniformity, shape.alignment, shape.hubness, shape.near_duplicates)
    plain = [f"{number:.3f}" for number in numbers]
    return [shape.set, shape.subject, str(shape.dim), f"{shape.effective_rank:.1f}", *plain]


def _times(lift: Interval) -> str:
    """A lift with its interval."""
    return f"{lift.value:.2f} ({lift.low:.2f}-{lift.high:.2f})"
