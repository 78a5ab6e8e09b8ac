"""`soundkin adapt`: a space fitted to one's own sounds, without labels."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from soundkin.cli.app import app
from soundkin.cli.options import AsJson, LibraryPath
from soundkin.cli.printing import plain_table, print_json, print_table


@app.command("adapt")
def adapt_command(
    library: LibraryPath = None,
    space: Annotated[
        str | None,
        typer.Option(
            "--space", help="Which one to start from.", show_default="the library's first"
        ),
    ] = None,
    minutes: Annotated[
        float, typer.Option("--minutes", help="How long sounds are drawn and disturbed.", min=0.05)
    ] = 5.0,
    name: Annotated[
        str | None,
        typer.Option("--name", help="What to call the new space.", show_default="SPACE-adapted"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="For the draws.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Fit a space to a library's own sounds, without labels, as a new space with a name of its own.

    The network stays; its directions are weighed so that disturbed copies of your sounds (level, speed,
    noise, MP3) are found again. A fifth of the sounds is held back: on them you see before and after.
    Nothing is written when nothing gets better. Needs the extra `train`.
    """
    from soundkin.adapt import adapt
    from soundkin.facade import Library
    from soundkin.shelf import place

    with Library.open(library, create=False) as opened:
        if name and place(name, ".json").exists():
            typer.secho(f"The space {name!r} is replaced when this is done.", err=True)
        shown = [-1]

        def show(what: str, share: float) -> None:
            tenth = int(10 * share)
            if what != "draw" or tenth != shown[0]:
                shown[0] = tenth
                said = f"{what} {share:.0%}" if what == "draw" else what
                typer.secho(said, err=True, dim=True)

        made = adapt(opened, space=space, minutes=minutes, name=name, seed=seed, on_progress=show)
    if as_json:
        print_json({**asdict(made), "file": None if made.file is None else str(made.file)})
        return
    table = plain_table("on held-back sounds", "before", "after", "gain")
    for line in made.lines:
        table.add_row(line.what, str(line.before), str(line.after), str(line.gain))
    hubs = made.hubness_before, made.hubness_after
    table.add_row("hubness", f"{hubs[0]:.2f}", f"{hubs[1]:.2f}", f"{hubs[1] - hubs[0]:+.2f}")
    print_table(table)
    typer.echo(
        f"{made.pairs} stretches of {made.fitted_on} sounds; {made.held_back} sounds held back."
    )
    if made.file is None:
        typer.echo("Nothing made the space better for these sounds: nothing was written.")
    else:
        typer.echo(
            f"Installed {made.name}. `soundkin spaces add {made.name}` gives it to your library."
        )
