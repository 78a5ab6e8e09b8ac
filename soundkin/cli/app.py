"""The application that the commands belong to."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

PANELS = {
    "Find": ("index", "search", "similar", "serve", "map", "dedupe"),
    "Look after a library": (
        "info", "failures", "roots", "sources", "tags", "notes", "export", "forget", "doctor", "demo",
    ),
    "Learn and judge": (
        "spaces", "adapt", "train", "synth", "swap", "evaluate", "report", "reproduce",
    ),
}  # fmt: skip
"""The commands as `soundkin --help` lists them."""


class _Panels(TyperGroup):
    """Commands in the order of `PANELS`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        ordered = {name: panel for panel, names in PANELS.items() for name in names}
        for name, panel in ordered.items():
            if name in self.commands:
                self.commands[name].rich_help_panel = panel  # type: ignore[attr-defined]
        place = {name: at for at, name in enumerate(ordered)}
        self.commands = dict(sorted(self.commands.items(), key=lambda one: place.get(one[0], 99)))

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002 - click asks so
        """The names in order."""
        return list(self.commands)


app = typer.Typer(
    cls=_Panels,
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
