"""`soundkin tags suggest`: a few examples by hand, suggestions for the rest."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from soundkin.cli.app import tags_app
from soundkin.cli.options import AsJson, Count, LibraryPath, SpaceName, Text
from soundkin.cli.printing import plain_table, print_json, print_table, printable


@tags_app.command("suggest")
def tags_suggest(
    tag: Annotated[str, typer.Argument(help="A tag that two or more sounds bear already.")],
    library: LibraryPath = None,
    space: SpaceName = None,
    k: Count = 20,
    text: Text = "",
    least: Annotated[float, typer.Option("--least", help="Least probability, 0 to 1.")] = 0.0,
    accept: Annotated[bool, typer.Option("--accept", help="Put the tag on all listed.")] = False,
    reject: Annotated[
        list[str] | None, typer.Option("--reject", help="A sound id it is not for; repeatable.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last change back first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Suggest sounds for a tag from those that bear it, with how probable each is and why.

    soundkin tags suggest vinyl -k 50
    soundkin tags suggest vinyl --least 0.5 --accept
    """
    from soundkin import tagging
    from soundkin.facade import Library

    with Library.open(library, create=False) as opened:
        if undo:
            tagging.undo(opened)
        if reject:
            tagging.reject(opened, tag, reject)
        found = tagging.suggest(opened, tag, space=space, k=k, scope=text or None, least=least)
        if accept and found.suggestions:
            tagging.accept(opened, tag, [one.sound_id for one in found.suggestions])
    if as_json:
        print_json(asdict(found))
        return
    table = plain_table("id", "probability", "like", "sound")
    for one in found.suggestions:
        table.add_row(
            one.sound_id,
            f"{one.probability:.2f}",
            printable(one.evidence[0].name),
            printable(one.path),
        )
    print_table(table)
    done = f"; all {len(found.suggestions)} tagged" if accept else ""
    typer.echo(f"{found.examples} examples, {found.likely} more likely than not{done}.")
