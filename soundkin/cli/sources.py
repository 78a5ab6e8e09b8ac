"""`soundkin sources`, and what `soundkin index --source` adds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soundkin.cli.app import sources_app
from soundkin.cli.options import AsJson, LibraryPath
from soundkin.cli.printing import plain_table, print_json, print_table, printable

if TYPE_CHECKING:
    from soundkin.facade import Library

Sources = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        help="Fetch and listen to ia:COLLECTION, freesound:QUERY, urls:FILE, feed:URL or "
        "manifest:FILE; repeatable.",
    ),
]
Keep = Annotated[
    str,
    typer.Option("--keep", help="Of a source: audio, or pointers (vectors, outlines, address)."),
]
Into = Annotated[
    Path | None,
    typer.Option("--into", help="Where the audio of a source is kept.", show_default="the library"),
]


def gather(library: Library, named: list[str], *, as_json: bool, **how: Any) -> None:
    """Bring a library up to date with sources, one after another; `how`: see `soundkin.gathering.add`."""
    from soundkin.cli.index import show_report
    from soundkin.cli.waiting import progress_bar
    from soundkin.gathering import add

    for source in named:
        with progress_bar(quiet=as_json) as show:
            report = add(library, source, on_progress=show, **how)
        show_report(report, source, as_json=as_json)
        if report.stopped:
            raise typer.Exit(130)


@sources_app.callback()
def sources(context: typer.Context, library: LibraryPath = None, as_json: AsJson = False) -> None:
    """List the sources on the web that sounds came from."""
    from soundkin.facade import Library
    from soundkin.gathering import gathered

    if context.invoked_subcommand:
        return
    with Library.open(library, create=False) as opened:
        found = gathered(opened)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    table = plain_table("sounds", "failed", "keep", "source")
    for one in found:
        table.add_row(str(one.sounds), str(one.failed), one.keep, printable(one.source))
    print_table(table)
    if not found:
        typer.echo("No sources yet: `soundkin index --source feed:URL` listens to a podcast.")


@sources_app.command("of")
def sources_of(
    sound: Annotated[str, typer.Argument(help="A sound's id, or its path in the library.")],
    library: LibraryPath = None,
    as_json: AsJson = False,
) -> None:
    """Say where a sound came from, whose it is and under which licence."""
    from soundkin.facade import Library
    from soundkin.gathering import credit, origins_of
    from soundkin.noting import find

    with Library.open(library, create=False) as opened:
        snapshot = opened.catalogue.snapshot()
        found = origins_of(opened, snapshot.row(find(snapshot, sound)[0])["sound_id"])
    if as_json:
        print_json([asdict(one) for one in found])
        return
    for one in found:
        typer.echo(printable(credit(one)))
    if not found:
        typer.echo("This sound came from a folder.")
