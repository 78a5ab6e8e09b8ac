"""`soundkin reproduce`: the papers' own studies at the size at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soundkin.cli.app import app
from soundkin.cli.options import AsJson
from soundkin.cli.printing import print_json

if TYPE_CHECKING:
    from soundkin.reproduce.cells import State


@app.command()
def reproduce(
    name: Annotated[str, typer.Argument(help="doppelganger, locality, autodecompose or cochlea.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="SOUNDKIN_DATA", help="Folder of labelled sets."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of this run.", show_default="your data folder"),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Budget of a cell.", show_default="5")
    ] = None,
    cpu_minutes: Annotated[
        float | None,
        typer.Option(
            "--cpu-minutes", help="Budget in minutes of a core: other work does not shorten it."
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", help="Budget of a cell in steps instead.")
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", help="Trainings of each setting of the main comparison.")
    ] = 3,
    others: Annotated[int, typer.Option("--others", help="Trainings of each other setting.")] = 1,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="A setting, or one with its seed (pitch.0); repeatable."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="section.key=value for all cells; repeatable."),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, ...")] = "cpu",
    show: Annotated[
        bool, typer.Option("--list", help="Show the cells, done and to do, and the time left.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a paper's own study: every setting within one budget, a page with intervals.

    What was done stays: the same command goes on after a kill, and only fills in what is missing.
    """
    from soundkin.cli.learn import demand_torch

    demand_torch()
    from soundkin.reproduce.run import listed, place_for, write_page
    from soundkin.reproduce.run import reproduce as run

    def say(text: str) -> None:
        typer.secho(text, err=True, dim=True)

    place = place_for(
        name,
        out=out,
        data=data,
        minutes=minutes,
        cpu_minutes=cpu_minutes,
        steps=steps,
        seeds=seeds,
        others=others,
        device=device,
        changes=changes or [],
        tell=say,
    )
    if show:
        _show(name, *listed(name, place, only=only or []), as_json=as_json)
        return

    def on_cell(cell: str, state: State) -> None:
        say(f"{cell}: {len(state.done)} done, {len(state.todo)} to do, {_time(state.left_s)} left")

    try:
        page = run(name, place, only=only or [], on_cell=on_cell)
    except KeyboardInterrupt:
        page = write_page(name, place)
        say(f"Stopped; the same command goes on. What is done: {page}")
        raise typer.Exit(130) from None
    if as_json:
        print_json({"page": str(page), "pictures": sorted(map(str, page.parent.glob("*.svg")))})
    else:
        typer.echo(page.read_text(encoding="utf-8"))
        typer.echo(f"The page: {page}.")


def _show(name: str, cells: list[tuple[str, bool]], left_s: float, *, as_json: bool) -> None:
    """The cells, one a line."""
    if as_json:
        rows = [{"cell": cell, "done": done} for cell, done in cells]
        print_json({"study": name, "cells": rows, "left_s": left_s})
        return
    for cell, done in cells:
        typer.echo(f"{'done ' if done else 'to do'}  {cell}")
    n_done = sum(is_done for _, is_done in cells)
    typer.echo(f"{n_done} of {len(cells)} cells done, {_time(left_s)} left.")


def _time(seconds: float) -> str:
    """Hours and minutes."""
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
