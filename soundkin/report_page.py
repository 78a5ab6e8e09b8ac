"""A report as one page: HTML with its pictures inside, Markdown with them beside it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from soundkin.evaluate import draw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from soundkin.report import Report, SpaceReport

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 1000px; margin: 2em auto;
       padding: 0 1em; }
h1 { font-size: 1.5em; margin-bottom: 0; } h2 { font-size: 1.1em; margin: 1.6em 0 .4em; }
table { border-collapse: collapse; } td, th { padding: .25em .9em .25em 0; text-align: left; }
tr { border-bottom: 1px solid #ddd; } .row { display: flex; flex-wrap: wrap; gap: 2em; }
p { max-width: 70ch; } svg { max-width: 100%; height: auto; }
"""


def write_page(report: Report, folder: Path) -> tuple[Path, Path]:
    """Write report.html, report.md and its pictures to a folder; the two pages' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = pictures_of(report)
    for name, svg in pictures.items():
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
    page, text = folder / "report.html", folder / "report.md"
    page.write_text(as_html(report, pictures), encoding="utf-8")
    text.write_text(as_markdown(report, pictures), encoding="utf-8")
    return page, text


def pictures_of(report: Report) -> dict[str, str]:
    """Name -> SVG."""
    spaces = report.spaces
    kinds = list(dict.fromkeys(kind for space in spaces for kind in space.found))
    found = {kind: {s.name: s.found[kind] for s in spaces if kind in s.found} for kind in kinds}
    made = {"found-again": draw.bars(found, title="Copies found again as the first hit")}
    folders = list(dict.fromkeys(name for space in spaces for name in space.folder_rows))
    if folders:
        rows = {
            _short(name): {s.name: s.folder_rows[name] for s in spaces if name in s.folder_rows}
            for name in folders
        }
        made["folders"] = draw.bars(rows, title="Nearest sound is of the same folder")
    for number, space in enumerate(spaces):
        labels = [_short(label) for label in space.place_labels]
        title = f"Sounds by folder (t-SNE), {space.name}"
        made[f"map-{number + 1}"] = draw.points(space.places, labels, title=title)
        title = f"How often a sound is a neighbour, {space.name}"
        made[f"hubs-{number + 1}"] = draw.histogram(
            space.counts, title=title, x_label="times among the ten nearest of another"
        )
    return made


def headline(report: Report) -> list[str]:
    """What to know in a minute: one sentence each."""
    size = f"{report.sounds:,} sounds, {report.hours:.1f} hours, {report.segments:,} stretches"
    twice = f"{report.exact_duplicates} files hold a sound that another file holds too"
    said = [f"{size}; {twice}."]
    for space in report.spaces:
        if space.found:
            worst = min(space.found, key=lambda kind: space.found[kind].value)
            mean = np.mean([share.value for share in space.found.values()])
            said.append(
                f"{space.name}: a deformed copy is the first hit in {mean:.0%} of searches; hardest "
                f"is '{worst}' ({space.found[worst].value:.0%})."
            )
    if report.unheard:
        said.append(f"{report.unheard} sounds could not be opened and were left out.")
    return said


def rows_of(report: Report) -> list[tuple[str, str, list[str]]]:
    """The table: what, what it means, one cell a space."""
    spaces = report.spaces

    def cells(value: Callable[[SpaceReport], object]) -> list[str]:
        return [str(value(space)) for space in spaces]

    return [
        ("found again, first hit", "copies, all deformations", cells(_mean_found)),
        ("found again, first ten", "copies, all deformations", cells(_mean_found_ten)),
        ("same file", "nearest other stretch is of the same file (by chance)", cells(_same_file)),
        ("folders", "nearest sound is of the same folder (by chance)", cells(_folders)),
        (
            "hubness",
            "skewness of N_10: about 0 without hubs, above 2 bad",
            cells(lambda s: f"{s.hubness:.2f}"),
        ),
        (
            "largest hub",
            "times among the ten nearest of another; 10 is the mean",
            cells(lambda s: int(s.counts.max())),
        ),
        (
            "near-duplicates",
            "sounds with another within 2 % of the usual distance",
            cells(lambda s: f"{s.near_duplicates:.1%}"),
        ),
        (
            "effective rank",
            "dimensions made use of",
            cells(lambda s: f"{s.effective_rank:.1f} of {s.dim}"),
        ),
        (
            "index",
            "of the ten nearest stretches, how many it finds",
            cells(lambda s: f"{s.recall:.3f} ({s.index_kind})"),
        ),
    ]


def as_markdown(report: Report, pictures: dict[str, str]) -> str:
    """The page as Markdown, its pictures as files beside it."""
    head = ["", "meaning", *(space.name for space in report.spaces)]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join([name, note, *cells])} |" for name, note, cells in rows_of(report)]
    said = [f"- {sentence}" for sentence in headline(report)]
    shown = [f"![{name}]({name}.svg)" for name in pictures]
    parts = ["# How good is this library's search?", "", *said, "", *lines, "", _how(report), ""]
    return "\n".join([*parts, *(line for one in shown for line in (one, ""))])


def as_html(report: Report, pictures: dict[str, str]) -> str:
    """The page as HTML, complete in itself."""
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in headline(report))
    head = "".join(
        f"<th>{escape(name)}</th>" for name in ("", *(s.name for s in report.spaces), "")
    )
    body = "".join(_html_row(name, note, cells) for name, note, cells in rows_of(report))
    wide = [pictures[name] for name in ("found-again", "folders") if name in pictures]
    maps = [svg for name, svg in pictures.items() if name.startswith("map-")]
    hubs = [svg for name, svg in pictures.items() if name.startswith("hubs-")]
    rows = "".join(f'<div class="row">{"".join(f"<div>{p}</div>" for p in row)}</div>'
                   for row in (wide, maps, hubs))  # fmt: skip
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Soundkin report</title><style>{STYLE}</style>"
        f"<h1>How good is this library's search?</h1><ul>{said}</ul>"
        f"<table><tr>{head}</tr>{body}</table>{rows}<p>{escape(_how(report))}</p></html>\n"
    )


def _html_row(name: str, note: str, cells: Sequence[str]) -> str:
    """One row; what it means stands last."""
    inner = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f"<tr><th>{escape(name)}</th>{inner}<td>{escape(note)}</td></tr>"


def _how(report: Report) -> str:
    """How it was measured."""
    return (
        f"Measured on this library alone: {report.copies_of} sounds, drawn at random, were deformed "
        "and searched for (the first 10 s of each). Bars are shares, lines their 95 % intervals."
    )


def _mean_found(space: SpaceReport) -> str:
    return _mean([share.value for share in space.found.values()])


def _mean_found_ten(space: SpaceReport) -> str:
    return _mean([share.value for share in space.found_ten.values()])


def _mean(values: Sequence[float]) -> str:
    return f"{np.mean(values):.1%}" if values else "no sound could be read"


def _same_file(space: SpaceReport) -> str:
    if space.same_file is None:
        return "no longer sounds"
    return f"{space.same_file.value:.1%} ({space.same_file_chance:.1%})"


def _folders(space: SpaceReport) -> str:
    if space.folders is None:
        return "names say no more than chance"
    return f"{space.folders.value:.1%} ({space.folder_chance:.1%})"


def _short(folder: str) -> str:
    """The end of a folder's path."""
    return folder if len(folder) <= 24 else "\N{HORIZONTAL ELLIPSIS}" + folder[-23:]
