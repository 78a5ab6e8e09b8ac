"""`soundkin spaces`: the notions of similar that are installed, added and taken away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soundkin.cli.app import spaces_app
from soundkin.cli.options import AsJson, Jobs, LibraryPath
from soundkin.cli.printing import plain_table, print_json, print_table
from soundkin.errors import InputError


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
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            help="A space by name, for a library; or the .json or .onnx file of one, to install.",
            metavar="NAME|FILE",
        ),
    ],
    library: LibraryPath = None,
    jobs: Jobs = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Of an .onnx: what to call it.")
    ] = None,
    sample_rate_hz: Annotated[
        int | None,
        typer.Option("--sample-rate", help="Of an .onnx that takes sound: its rate in Hz."),
    ] = None,
    window_s: Annotated[
        float | None, typer.Option("--window-s", help="Of an .onnx: seconds that it hears at once.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", help="Of an .onnx that takes log-mel frames: whose."),
    ] = None,
    card: Annotated[
        str, typer.Option("--what", help="Of an .onnx: what it is, for its card.")
    ] = "",
    licence: Annotated[str, typer.Option("--licence", help="Of an .onnx: whose it is.")] = "",
    as_json: AsJson = False,
) -> None:
    """Give a library one more space, by name; or install a space from a file.

    A NAME is added to the library: its sounds are heard once more for that space alone, the others stay
    as they are; stopped, the same command goes on. A FILE is installed, so that it can be used by name,
    and added too where --library is given: the .json of a space, or an .onnx of your own: sound in, with
    --sample-rate, or log-mel frames in, with --preset.
    """
    file = Path(what).expanduser()
    described = {
        "sample_rate_hz": sample_rate_hz,
        "window_s": window_s,
        "preset": preset,
        "what": card,
        "licence": licence,
    }
    if file.suffix.lower() == ".onnx":
        from soundkin.space_graph import adopt

        _installed(adopt(file, name, **described), as_json=as_json)
        what = name or file.stem
    elif name or any(described.values()):
        raise InputError(
            f"{what!r} with the description of a graph", "a .onnx file", "leave it out"
        )
    elif file.suffix.lower() == ".json":
        from soundkin.shelf import install
        from soundkin.space import load_space

        what = load_space(file.absolute()).name  # it can be opened: now it is worth installing
        _installed(install(file), as_json=as_json)
    else:
        _listen(library, what, jobs, as_json=as_json)
        return
    source = context.get_parameter_source("library")
    if source is not None and source.name == "COMMANDLINE":
        _listen(library, what, jobs, as_json=as_json)


def _installed(where: Path, *, as_json: bool) -> None:
    """Say what was installed, and how a library gets it."""
    from soundkin.space import load_space

    space = load_space(where)
    if as_json:
        print_json({"name": space.name, "id": space.id, "where": str(where)})
    else:
        typer.echo(
            f"Installed {space.id}. `soundkin spaces add {space.name}` gives it to your library."
        )


def _listen(library: str | None, name: str, jobs: int | None, *, as_json: bool) -> None:
    """Hear a library's sounds in one more space."""
    from soundkin.cli.index import show_report
    from soundkin.cli.waiting import progress_bar, stoppable
    from soundkin.facade import Library

    with Library.open(library, create=False) as opened, stoppable() as stopped:
        with progress_bar(quiet=as_json) as show:
            added = opened.add_space(name, jobs=jobs, on_progress=show, stop=stopped.is_set)
        for folder, report in added.reports.items():
            show_report(report, Path(folder), as_json=as_json)
        if as_json:
            print_json(
                {"space": added.space_id, "vectors": added.vectors, "offline": added.offline}
            )
        else:
            typer.echo(f"{added.space_id}: {added.vectors} vectors in {opened.path}.")
            for folder in added.offline:
                typer.echo(f"Not there now: {folder}. Run the same command when it is.")
    if added.stopped:
        raise typer.Exit(130)


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
