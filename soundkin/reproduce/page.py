"""Finished cells -> Markdown and pictures: means with intervals over seeds and clips."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from soundkin.evaluate.intervals import Interval, over_seeds, seeds_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from soundkin.reproduce.cells import Place

Result = dict[str, Any]
Doubles = npt.NDArray[np.float64]

MARKS = (
    "Marks of the papers' figures: [P] from the authors' own code or text, [S] second-hand, "
    "[C] counted from the code. Numbers in brackets are 95 % intervals over seeds and clips "
    "(groups of clips where there are ten and more); with one seed, over clips alone."
)
NONE = "-"


@dataclass(frozen=True)
class Page:
    """What a study shows: `markdown`, and pictures by file name as SVG."""

    markdown: str
    pictures: dict[str, str] = field(default_factory=dict)


def by_setting(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Setting -> its finished cells, one a seed."""
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result["cell"]["setting"], []).append(result)
    return found


def stacked(results: Sequence[Result], *keys: str) -> Doubles | None:
    """Answers found under `keys` in each cell, (seeds, ...); None where a cell has none."""
    rows = []
    for result in results:
        value: Any = result["answers"]
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if value is None:
            return None
        rows.append(np.asarray(value, np.float64))
    return np.stack(rows) if rows and len({row.shape for row in rows}) == 1 else None


def groups_of(results: Sequence[Result], *keys: str) -> npt.NDArray[np.str_] | None:
    """The groups that stand beside the answers under `keys`, the same in all cells."""
    value: Any = results[0]["answers"]
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    groups = value.get("groups") if isinstance(value, dict) else None
    return None if groups is None else np.asarray(groups)


def measured(results: Sequence[Result], task: str, measure: str) -> Interval | None:
    """A measure of a task over the seeds of a setting and the clips; None where it was not asked."""
    values = stacked(results, "tasks", task, measure)
    if values is None or not np.isfinite(values).any():
        return None
    return over_seeds(values, groups=groups_of(results, "tasks", task))


def by_task(task: str, measure: str) -> Callable[[list[Result]], Interval | None]:
    """:func:`measured` as a column of a table."""
    return partial(measured, task=task, measure=measure)


def gap(
    ours: Sequence[Result], theirs: Sequence[Result], task: str, measure: str
) -> Interval | None:
    """How much better ours are than theirs, the same clips; None where one was not asked."""
    a, b = (stacked(side, "tasks", task, measure) for side in (ours, theirs))
    if a is None or b is None or a.shape[1:] != b.shape[1:] or not np.isfinite(a).any():
        return None
    return seeds_difference(a, b, groups_of(ours, "tasks", task))


def cell_text(value: Interval | None, *, best: bool = False) -> str:
    """A value with its interval, for a table.

    Examples
    --------
    >>> cell_text(Interval(0.5, 0.4, 0.6)), cell_text(None)
    ('.500 (.400-.600)', '-')
    """
    if value is None:
        return NONE
    text = f"{_short(value.value)} ({_short(value.low)}-{_short(value.high)})"
    return f"**{text}**" if best else text


def gap_text(value: Interval | None) -> str:
    """A difference with its interval, bold where that does not hold 0.

    Examples
    --------
    >>> gap_text(Interval(-0.2, -0.3, -0.1))
    '**-.200 (-.300 to -.100)**'
    """
    if value is None:
        return NONE
    low, high = (_short(end, sign=True) for end in (value.low, value.high))
    text = f"{_short(value.value, sign=True)} ({low} to {high})"
    return f"**{text}**" if value.low > 0 or value.high < 0 else text


def _short(x: float, *, sign: bool = False) -> str:
    """Three digits, no 0 before the point."""
    text = f"{x:+.3f}" if sign else f"{x:.3f}"
    return text.replace("0.", ".", 1) if abs(x) < 1 else text


def table_of(
    settings: Mapping[str, list[Result]],
    columns: Mapping[str, Callable[[list[Result]], Interval | None]],
) -> list[str]:
    """A Markdown table: a row a setting with its seeds, a column a measure, the best in bold."""
    values = {
        setting: [measure(cells) for measure in columns.values()]
        for setting, cells in settings.items()
    }
    tops = [
        max((value.value for value in column if value is not None), default=math.nan)
        for column in zip(*values.values(), strict=True)
    ]
    lines = [f"| setting | seeds | {' | '.join(columns)} |", "|---" * (2 + len(columns)) + "|"]
    for setting, row in values.items():
        cells = [
            cell_text(value, best=value is not None and value.value == top and len(values) > 1)
            for value, top in zip(row, tops, strict=True)
        ]
        lines.append(f"| {setting} | {len(settings[setting])} | {' | '.join(cells)} |")
    return lines


def opening(title: str, results: Sequence[Result], all_cells: int, place: Place) -> list[str]:
    """The head of a page: how many cells are done, the budget of each, what was made within it."""
    trained = [r for r in results if r["training"].get("steps")]
    lines = [f"# {title}", ""]
    if trained:
        pairs = [r["training"]["pairs"] for r in trained]
        threads = sorted({r["training"].get("threads", 1) for r in trained})
        shared = f"{min(pairs):,} pairs"
        if min(pairs) != max(pairs):
            median = f"{statistics.median(pairs):,.0f} in the median"
            shared = f"{min(pairs):,} to {max(pairs):,} pairs, {median}"
        lines.append(
            f"{len(results)} of {all_cells} cells are done. Each is trained for {place.budget} "
            f"({shared}; threads: {', '.join(map(str, threads))})"
            + (f", with {', '.join(f'`{c}`' for c in place.changes)}" if place.changes else "")
            + "."
        )
    else:
        lines.append(f"{len(results)} of {all_cells} cells are done.")
    warned = sorted({r["cell"]["setting"] for r in trained if r["training"]["warnings"]})
    if warned:
        lines += ["", f"Collapse was warned of in: {', '.join(warned)}."]
    return [*lines, "", MARKS, ""]


def median_pairs(results: Sequence[Result]) -> float:
    """Pairs that a trained cell saw; 0 when none is done."""
    pairs = [r["training"]["pairs"] for r in results if r["training"].get("steps")]
    return statistics.median(pairs) if pairs else 0.0


def share_of(ours: float, theirs: float) -> str:
    """A scale in words.

    Examples
    --------
    >>> share_of(20_000, 20_000_000)
    '1/1,000'
    """
    return f"1/{theirs / ours:,.0f}" if ours else "nothing yet"
