"""`soundkin report`: a library's quality on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soundkin.cli.app import app
from soundkin.cli.options import AsJson, LibraryPath
from soundkin.cli.printing import print_json


@app.command()
def report(
    where: Annotated[
        Path | None, typer.Argument(help="The library.", metavar="[LIBRARY]", show_default="yours")
    ] = None,
    library: LibraryPath = None,
    space: Annotated[
        list[str] | None,
        typer.Option("--space", help="A space by name or .json file; repeatable, side by side."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder to write the page to.")] = Path(
        "soundkin-report"
    ),
    copies: Annotated[
        int, typer.Option("--copies", help="How many sounds are deformed and searched for.")
    ] = 100,
    as_json: AsJson = False,
) -> None:
    """Judge a library on its own sound, without labels: one page, HTML and Markdown.

    Are deformed copies found again? Do stretches of one file lie together? Are there hubs, duplicates,
    losses by the index? Do folder names mean something? Spaces stand side by side.
    """
    from soundkin.facade import Library
    from soundkin.report import make_report
    from soundkin.report_page import headline, rows_of, write_page

    with Library.open(where or library, create=False) as opened:
        made = make_report(
            opened,
            spaces=space or [],
            copies_of=copies,
            on_progress=lambda text: typer.secho(text, err=True, dim=True),
        )
    page, text = write_page(made, out)
    if as_json:
        table = {name: cells for name, _, cells in rows_of(made)}
        spaces = [one.name for one in made.spaces]
        print_json({"html": str(page), "markdown": str(text), "spaces": spaces, "table": table})
        return
    for sentence in headline(made):
        typer.echo(sentence)
    typer.echo(f"The page: {page} (and {text}).")
