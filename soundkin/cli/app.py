"""The application that the commands belong to."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    name="soundkin",
    help="Find sounds by how they sound.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
tags_app = typer.Typer(
    help="List tags, put them on sounds, take them off.", invoke_without_command=True
)
roots_app = typer.Typer(
    help="List the indexed folders; tell where one is now.", invoke_without_command=True
)
spaces_app = typer.Typer(
    help="List the installed spaces, add one, remove one.", invoke_without_command=True
)
notes_app = typer.Typer(
    help="List notes, write one on a sound, take one away, import and export.",
    invoke_without_command=True,
)
sources_app = typer.Typer(
    help="List the sources on the web that sounds came from; say whom one is from.",
    invoke_without_command=True,
)
app.add_typer(sources_app, name="sources")
app.add_typer(notes_app, name="notes")
app.add_typer(tags_app, name="tags")
app.add_typer(roots_app, name="roots")
app.add_typer(spaces_app, name="spaces")


def _version(wanted: bool) -> None:
    if wanted:
        from soundkin import __version__

        typer.echo(f"soundkin {__version__}")
        raise typer.Exit


@app.callback()
def _soundkin(
    _version_: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Find sounds by how they sound."""
