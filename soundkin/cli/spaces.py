"""`soundkin spaces`: the notions of similar that are installed, added and taken away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soundkin.cli.app import spaces_app
from soundkin.cli.options import AsJson
from soundkin.cli.printing import plain_table, print_json, print_table


@spaces_app.callback(invoke_without_command=True)
def spaces(context: typer.Context, as_json: AsJson = False) -> None:
    """List the installed spaces: name, id, length, sample rate, where it stands, what it is."""
    if context.invoked_subcommand is not None:
        return
    from soundkin.errors import SoundkinError
    from soundkin.shelf import SHIPPED, find_space, installed_spaces
    from soundkin.space import load_space

    rows: list[dict[str, object]] = []
    for name in installed_spaces():
        file = find_space(name)
        where = "shipped" if file.parent == SHIPPED else str(file)
        try:
            space = load_space(name)
        except SoundkinError as error:
            rows.append({"name": name, "where": where, "error": str(error)})
            continue
        rows.append(
            {
                "name": name,
                "id": space.id,
                "dim": space.dim,
                "rate_hz": space.sample_rate,
                "where": where,
                "card": str(space.card.get("title") or space.card.get("what") or ""),
            }
        )
    if as_json:
        print_json(rows)
        return
    table = plain_table("name", "id", "dim", "rate", "where", "what it is")
    for row in rows:
        said = str(row.get("card", row.get("error", ""))).partition(". ")[0]
        rate = f"{row['rate_hz']} Hz" if "rate_hz" in row else ""
        cells = (row["name"], row.get("id", ""), row.get("dim", ""), rate, row["where"], said)
        table.add_row(*(str(cell) for cell in cells))
    print_table(table)


@spaces_app.command("add")
def add(
    file: Annotated[Path, typer.Argument(help="The .json file of a space.")],
    as_json: AsJson = False,
) -> None:
    """Install a space, so that it can be used by name."""
    from soundkin.shelf import install
    from soundkin.space import load_space

    space = load_space(file.expanduser().absolute())
    where = install(file.expanduser())
    if as_json:
        print_json({"name": space.name, "id": space.id, "where": str(where)})
    else:
        typer.echo(
            f"Installed {space.id}. `soundkin index FOLDER --space {space.name}` listens with it."
        )


@spaces_app.command("remove")
def remove(
    name: Annotated[str, typer.Argument(help="Name of a space of your own.")],
    as_json: AsJson = False,
) -> None:
    """Take a space of your own away; libraries keep the vectors they have."""
    from soundkin import shelf

    shelf.remove(name)
    if as_json:
        print_json({"removed": name})
    else:
        typer.echo(f"Removed the space {name!r}.")
