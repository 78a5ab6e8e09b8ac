"""A study by its name: run what is to do, write the page of what is done."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from soundkin.errors import InputError
from soundkin.reproduce.cells import (
    MINUTES,
    OTHERS,
    SEEDS,
    Place,
    chosen,
    planned,
    read_json,
    results,
    run_cells,
    state_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soundkin.reproduce.cells import State, Study

NAMES = ("doppelganger", "locality", "autodecompose", "cochlea")
TABLE = "table.md"


def study_named(name: str) -> Study:
    """A study's module. Raises InputError, which lists the names.

    Examples
    --------
    >>> study_named("locality").TITLE
    'Which augmentation makes which property local?'
    """
    if name not in NAMES:
        raise InputError(f"no study {name!r}", f"one of {', '.join(NAMES)}")
    return cast("Study", import_module(f"soundkin.reproduce.{name}"))


def place_for(
    name: str,
    *,
    out: str | Path | None = None,
    data: str | Path | None = None,
    minutes: float | None = None,
    cpu_minutes: float | None = None,
    steps: int | None = None,
    seeds: int = SEEDS,
    others: int = OTHERS,
    device: str = "cpu",
    changes: Sequence[str] = (),
    tell: Callable[[str], None] | None = None,
) -> Place:
    """Where a run stands; what is not said is said by the folder itself.

    `out`: default the user's data folder; `data`: the folder of labelled sets; `minutes`,
    `cpu_minutes` (of a core at work, whatever else the machine does) or `steps`: default what the
    folder's cells have, else 5 minutes; `seeds` of the main settings, `others` of all others.
    Raises InputError for a budget that is none and for no seeds.
    """
    from platformdirs import user_cache_path, user_data_path  # noqa: PLC0415 - only here

    study_named(name)
    folder = Path(out) if out else user_data_path("soundkin", appauthor=False) / "studies" / name
    asked = {"minutes": minutes, "CPU-minutes": cpu_minutes, "steps": steps}
    budget = {unit: amount for unit, amount in asked.items() if amount is not None}
    if len(budget) > 1:
        raise InputError(" and ".join(budget), "one of them", "leave one away")
    for unit, amount in budget.items():
        if not amount > 0:
            raise InputError(f"a budget of {amount:g} {unit}", "more than nothing")
    for number in (seeds, others):
        if number < 1:
            raise InputError(f"{number} seeds", "one and more")
    kept = folder.expanduser() / "study.json"
    if not budget and kept.is_file():
        length, _, unit = str(read_json(kept).get("budget")).partition(" ")
        budget = {unit: float(length)}
    [(unit, amount)] = budget.items() or [("minutes", MINUTES)]
    return Place(
        out=folder.expanduser().absolute(),
        data=Path(data).expanduser().absolute() if data else None,
        cache=user_cache_path("soundkin", appauthor=False),
        minutes=MINUTES if unit == "steps" else float(amount),
        of_cpu=unit == "CPU-minutes",
        steps=int(amount) if unit == "steps" else None,
        seeds=seeds,
        others=others,
        device=device,
        changes=tuple(changes),
        **({"tell": tell} if tell else {}),
    )


def reproduce(
    name: str,
    place: Place,
    *,
    only: Sequence[str] = (),
    on_cell: Callable[[str, State], None] | None = None,
) -> Path:
    """Run a study's cells, or those of `only`, and write its page after each: the page's path.

    Raises InputError for a cell that is none, a folder of another budget, and what a study needs
    and does not find.
    """
    study = study_named(name)

    def tell(cell: str, state: State) -> None:
        if state.done:
            write_page(name, place)
        if on_cell is not None:
            on_cell(cell, state)

    run_cells(study, name, place, only=only, on_cell=tell)
    return write_page(name, place)


def write_page(name: str, place: Place) -> Path:
    """The page of whatever cells are done: table.md and its pictures beside it; its path."""
    study = study_named(name)
    page = study.page(results(planned(study.cells, study.MAIN, place), place), place)
    place.out.mkdir(parents=True, exist_ok=True)
    for file, svg in page.pictures.items():
        (place.out / file).write_text(svg, encoding="utf-8")
    out = place.out / TABLE
    out.write_text(page.markdown, encoding="utf-8")
    return out


def listed(
    name: str, place: Place, *, only: Sequence[str] = ()
) -> tuple[list[tuple[str, bool]], float]:
    """Every cell and whether it is done, and the seconds that the others will take."""
    study = study_named(name)
    cells = chosen(planned(study.cells, study.MAIN, place), only)
    state = state_of(cells, place)
    return [(cell.name, cell.name in state.done) for cell in cells], state.left_s
