"""`soundkin tags` and `soundkin roots`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from soundkin.cli.app import roots_app, tags_app
from soundkin.cli.options import (
    AsJson,
    InFolder,
    LibraryPath,
    Text,
    scope_of,
)
from soundkin.cli.printing import plain_table, print_json, print_table, printable
from soundkin.errors import InputError


@tags_app.callback()
def tags_list(context: typer.Context, library: LibraryPath = None, as_json: AsJson = False) -> None:
    """List the tags in use, most used first; with a command, put them on or take them off."""
    from soundkin.facade import Library

    if context.invoked_subcommand:
        return
    with Library.open(library, create=False) as opened:
        counts = opened.tag_counts()
    if as_json:
        print_json(counts)
        return
    for tag, count in counts.items():
        typer.echo(f"{count:6}  {tag}")
    if not counts:
        typer.echo(
            "No tags yet: `soundkin tags add TAG --text kick` puts one on every sound with that word."
        )


Chosen = Annotated[list[str] | None, typer.Argument(help="Sound ids; or choose by the options.")]


@tags_app.command("add")
def tags_add(
    tag: Annotated[str, typer.Argument(help="The tag; 'favourite' marks favourites.")],
    sounds: Chosen = None,
    text: Text = "",
    in_folder: InFolder = None,
    library: LibraryPath = None,
    as_json: AsJson = False,
) -> None:
    """Put a tag on sounds, by id or all those with some words or in a folder."""
    _change_tags("tag", tag, sounds, text, in_folder, library, as_json=as_json)


@tags_app.command("remove")
def tags_remove(
    tag: Annotated[str, typer.Argument(help="The tag.")],
    sounds: Chosen = None,
    text: Text = "",
    in_folder: InFolder = None,
    library: LibraryPath = None,
    as_json: AsJson = False,
) -> None:
    """Take a tag off sounds."""
    _change_tags("untag", tag, sounds, text, in_folder, library, as_json=as_json)


def _change_tags(
    how: str,
    tag: str,
    ids: list[str] | None,
    text: str,
    in_folder: list[str] | None,
    library: str | None,
    *,
    as_json: bool,
) -> None:
    """Tag or untag the chosen sounds."""
    from soundkin.facade import Library

    if not ids and not text and not in_folder:
        raise InputError("no sounds", "sound ids, --text or --in", "say which sounds are meant")
    with Library.open(library, create=False) as opened:
        if not ids:
            scope = scope_of(text, in_folder, None, None, None, None, None, None, None)
            ids = [sound.sound_id for sound in opened.sounds(scope, limit=2**62)[0]]
        getattr(opened, how)(ids, [tag])
    if as_json:
        print_json({"tag": tag, "sounds": len(ids)})
    else:
        typer.echo(f"{'Tagged' if how == 'tag' else 'Untagged'} {len(ids)} sounds: {tag}.")


@roots_app.callback()
def roots_list(
    context: typer.Context, library: LibraryPath = None, as_json: AsJson = False
) -> None:
    """List the indexed folders, whether they are there, and how many sounds they hold; or move one."""
    from soundkin.facade import Library

    if context.invoked_subcommand:
        return
    with Library.open(library, create=False) as opened:
        roots = opened.roots()
    if as_json:
        print_json([asdict(root) for root in roots])
        return
    table = plain_table("folder", "state", "sounds", "gone")
    for root in roots:
        table.add_row(printable(root.path), root.state, str(root.n_sounds), str(root.n_gone))
    print_table(table)


@roots_app.command("move")
def roots_move(
    old: Annotated[str, typer.Argument(help="Where the library thinks the folder is.")],
    new: Annotated[Path, typer.Argument(help="Where it is now.")],
    library: LibraryPath = None,
    as_json: AsJson = False,
) -> None:
    """Tell where an indexed folder is now: another mount point, another machine."""
    from soundkin.facade import Library

    with Library.open(library, create=False) as opened:
        root = opened.repoint(old, new)
    if as_json:
        print_json(asdict(root))
    else:
        typer.echo(f"{root.n_sounds} sounds are now in {printable(root.path)}.")
