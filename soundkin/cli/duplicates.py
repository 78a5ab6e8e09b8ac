"""`soundkin dedupe`: one sound in several files, copies, versions. Nothing is ever deleted."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from soundkin.cli.app import app
from soundkin.cli.options import AsJson, LibraryPath, SpaceName
from soundkin.cli.printing import plain_table, print_json, print_table, printable
from soundkin.cli.waiting import counting_bar, stoppable

if TYPE_CHECKING:
    from soundkin.dedupe import Duplicates


@app.command()
def dedupe(
    library: LibraryPath = None,
    space: SpaceName = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="exact, near or version; repeatable.")
    ] = None,
    apart: Annotated[
        list[str] | None,
        typer.Option("--apart", help="Sound ids that are no duplicates: remember that."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one line a file.")] = False,
    as_json: AsJson = False,
) -> None:
    """List duplicates: the same samples, copies (other level, cut, coding), versions; and why.

    Ctrl-C ends it with what was found so far; what was compared stays known.

    soundkin dedupe --kind near
    soundkin dedupe --csv > duplicates.csv
    """
    from soundkin import dedupe as finding
    from soundkin.facade import Library

    with Library.open(library, create=False) as opened:
        if apart:
            finding.keep_apart(opened, apart)
        with stoppable() as stopped, counting_bar("compare", quiet=as_json) as show:
            found = finding.find(
                opened,
                space=space,
                kinds=kind or finding.KINDS,  # type: ignore[arg-type]
                on_progress=show,
                stop=stopped.is_set,
            )
    if as_json:
        print_json(asdict(found))
    elif as_csv:
        typer.echo(found.as_csv().encode("utf-8", "surrogateescape"), nl=False)
    else:
        _print_groups(found)
    if stopped.is_set():
        typer.echo("Stopped before all pairs were compared; the same command goes on.", err=True)
        raise typer.Exit(130)


def _print_groups(found: Duplicates) -> None:
    """Print the groups as a table."""
    table = plain_table("kind", "likeness", "sound", "why")
    for group in found.groups:
        for i, member in enumerate(group.members):
            head = ("", "") if i else (group.kind, f"{group.likeness:.3f}")
            table.add_row(*head, printable(member.path), printable(member.reason))
    print_table(table)
    files = sum(len(group.members) - 1 for group in found.groups)
    typer.echo(
        f"{len(found.groups)} groups, {files} files beside the first of each, "
        f"among {found.sounds} sounds."
    )
