"""A study as cells: one setting with one seed, trained within the budget that all of them share.

A folder holds one run of a study::

    study.json         what all its cells share: study, budget, changes
    cells/NAME.json    a finished cell: what was trained, for how long, what it answered
    training/NAME/     the training of a cell: log, recipe, checkpoint
    spaces/NAME/       what it learnt, as spaces
    decoded/, heard/   sound that was decoded, clips that were heard: may be deleted
    table.md, *.svg    the page, made of whatever cells are done

A cell is written whole or not at all, so a run that was killed goes on where it was.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from soundkin.errors import InputError, NotFound
from soundkin.reproduce.learn import learn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from soundkin.reproduce.learn import Learnt
    from soundkin.reproduce.page import Page

FORMAT = 1
"""Version of the files of a run."""
MINUTES, SEEDS, OTHERS = 5.0, 3, 1
"""Budget of a cell, seeds of a main setting and of any other where nothing else is asked."""

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """One training of a study.

    `setting` names it in the table; `recipe` with `changes` is what is trained ("": nothing is);
    `sound`: what it learns from, a word of the study's ("": the synthesizer); `after`: the setting
    whose weights it begins with; `untrained`: the network as it begins.
    """

    setting: str
    seed: int = 0
    recipe: str = ""
    changes: tuple[str, ...] = ()
    sound: str = ""
    after: str = ""
    untrained: bool = False

    @property
    def name(self) -> str:
        """Setting and seed."""
        return f"{self.setting}.{self.seed}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run stands and what it may use: folders, budgets, device, changes to all cells.

    `seeds`: trainings of the settings of a study's main comparison; `others`: of all others.

    The budget: `minutes` of the clock, or with `of_cpu` minutes of a core at work; or `steps`.
    `data`: the folder of labelled sets; `cache`: the folder for music, shared by runs; `tell` hears
    what takes long.
    """

    out: Path
    data: Path | None
    cache: Path
    minutes: float = MINUTES
    of_cpu: bool = False
    steps: int | None = None
    seeds: int = SEEDS
    others: int = OTHERS
    device: str = "cpu"
    changes: tuple[str, ...] = ()
    tell: Callable[[str], None] = field(default=lambda _: None)

    @property
    def budget(self) -> str:
        """The budget of a cell in words."""
        unit = "CPU-minutes" if self.of_cpu else "minutes"
        return f"{self.steps} steps" if self.steps else f"{self.minutes:g} {unit}"

    def sets(self) -> Path:
        """The folder of labelled sets. Raises InputError when none was given."""
        if self.data is None:
            raise InputError(
                "no labelled sound to judge by", "a folder of sets",
                "give --data FOLDER or set SOUNDKIN_DATA",
            )  # fmt: skip
        if not self.data.is_dir():
            raise NotFound(f"no folder {str(self.data)!r}", "labelled sets", "check --data")
        return self.data


class Study(Protocol):
    """A module of this package."""

    @property
    def TITLE(self) -> str:  # noqa: N802 - a module's constant
        """What the study asks."""
        ...

    @property
    def MAIN(self) -> Sequence[str]:  # noqa: N802 - as above
        """The settings that its main comparison is of."""
        ...

    def cells(self, seeds: int) -> list[Cell]:
        """So many seeds of all settings, in the order in which they are run."""
        ...

    def sound(self, cell: Cell, place: Place) -> Path | None:
        """The folder that a cell learns from, made when it is not there; None for a synthesizer."""
        ...

    def measure(self, cell: Cell, learnt: Learnt, place: Place) -> Result:
        """What a cell answers, as plain values."""
        ...

    def page(self, results: Sequence[Result], place: Place) -> Page:
        """The table and pictures of the cells that are done."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """How a run stands: cells that are done and to do, and seconds left at the pace so far."""

    done: tuple[str, ...]
    todo: tuple[str, ...]
    left_s: float


def run_cells(
    study: Study,
    name: str,
    place: Place,
    *,
    only: Sequence[str] = (),
    on_cell: Callable[[str, State], None] | None = None,
) -> State:
    """Run what is to do of a study's cells and write each; how the run stands then.

    `only`: settings or cells by name; what such a cell begins with is run too. `on_cell` hears of
    each before it starts. Raises InputError for an unknown cell, and for a folder that holds cells
    of another study or budget.
    """
    cells = chosen(planned(study.cells, study.MAIN, place), only)
    claim(name, place)
    for cell in cells:
        if cell_file(place, cell).is_file():
            continue
        if on_cell is not None:
            on_cell(cell.name, state_of(cells, place))
        _run(study, name, cell, place)
    whole = study.cells(max(place.seeds, place.others))
    needed = {f"{cell.after}.{cell.seed}" for cell in whole if cell.after}
    for cell in cells:
        if cell.name not in needed:
            (training_folder(place, cell.name) / "checkpoint.pt").unlink(missing_ok=True)
    return state_of(cells, place)


def _run(study: Study, name: str, cell: Cell, place: Place) -> None:
    """Train, measure, write."""
    begun = time.monotonic()
    learnt = learn(cell, study.sound(cell, place), place)
    trained_s = time.monotonic() - begun
    answers = study.measure(cell, learnt, place)
    result = {
        "format": FORMAT,
        "study": name,
        "cell": asdict(cell),
        "budget": place.budget,
        "training": learnt.told,
        "trained_s": round(trained_s, 1),
        "wall_s": round(time.monotonic() - begun, 1),
        "answers": answers,
    }
    write_json(cell_file(place, cell), result)


def planned(cells: Callable[[int], list[Cell]], main: Sequence[str], place: Place) -> list[Cell]:
    """The cells of a study: as many seeds of its main settings, and of others, as the place says.

    Examples
    --------
    >>> from pathlib import Path
    >>> place = Place(Path(), None, Path(), seeds=2)
    >>> both = lambda seeds: [Cell(name, seed) for seed in range(seeds) for name in ("a", "b")]
    >>> [cell.name for cell in planned(both, ["a"], place)]
    ['a.0', 'b.0', 'a.1']
    """
    return [
        cell
        for cell in cells(max(place.seeds, place.others))
        if cell.seed < (place.seeds if cell.setting in main else place.others)
    ]


def chosen(cells: Sequence[Cell], only: Sequence[str]) -> list[Cell]:
    """The cells asked for, with those they begin with; all when nothing is asked.

    Raises InputError, which lists the settings, for a name that is none.

    Examples
    --------
    >>> cells = [Cell("plain"), Cell("tuned", after="plain"), Cell("other")]
    >>> [cell.name for cell in chosen(cells, ["tuned"])]
    ['plain.0', 'tuned.0']
    """
    names = {cell.name for cell in cells} | {cell.setting for cell in cells}
    for asked in only:
        if asked not in names:
            settings = ", ".join(dict.fromkeys(cell.setting for cell in cells))
            raise InputError(
                f"no cell {asked!r}", f"one of {settings}, or one with its seed as {cells[0].name}"
            )
    wanted = {cell.name for cell in cells if {cell.name, cell.setting} & set(only) or not only}
    while True:
        before = {f"{c.after}.{c.seed}" for c in cells if c.after and c.name in wanted}
        if before <= wanted:
            return [cell for cell in cells if cell.name in wanted]
        wanted |= before


def state_of(cells: Sequence[Cell], place: Place) -> State:
    """Which cells are done, which are to do, and how long those will take."""
    done = [cell for cell in cells if cell_file(place, cell).is_file()]
    todo = [cell for cell in cells if cell not in done]
    trained = [cell for cell in done if cell.recipe and not cell.untrained]
    took = [float(read_json(cell_file(place, cell))["wall_s"]) for cell in trained]
    pace_s = statistics.mean(took) if took else 60 * place.minutes
    quick = [cell for cell in todo if cell.untrained or not cell.recipe]
    left_s = pace_s * (len(todo) - len(quick)) if todo else 0.0
    return State(tuple(c.name for c in done), tuple(c.name for c in todo), left_s)


def results(cells: Sequence[Cell], place: Place) -> list[Result]:
    """The finished cells, in their order."""
    files = [cell_file(place, cell) for cell in cells]
    return [read_json(file) for file in files if file.is_file()]


def claim(name: str, place: Place) -> None:
    """Mark a folder as this study's, or see that it is. Raises InputError when it is another's."""
    file = place.out / "study.json"
    ours = {
        "format": FORMAT,
        "study": name,
        "budget": place.budget,
        "changes": list(place.changes),
    }
    if not file.is_file():
        write_json(file, ours)
        return
    theirs = read_json(file)
    for key, value in ours.items():
        if theirs.get(key) != value:
            raise InputError(
                f"{str(place.out)!r} holds cells with {key} {theirs.get(key)!r}, not {value!r}",
                "one budget and one set of changes for all cells of a folder",
                "choose another --out",
            )


def cell_file(place: Place, cell: Cell) -> Path:
    """Where a finished cell is written."""
    return place.out / "cells" / f"{cell.name}.json"


def training_folder(place: Place, name: str) -> Path:
    """Where a cell is trained."""
    return place.out / "training" / name


def write_json(file: Path, value: Result) -> None:
    """Write a file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    part.write_text(json.dumps(value, indent=None, allow_nan=True) + "\n", encoding="utf-8")
    part.replace(file)


def read_json(file: Path) -> Result:
    """A file of a run. Raises InputError for one that is damaged."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{str(file)!r} is damaged ({error})", "a file of a study", "delete it and run again"
        ) from error
    if not isinstance(value, dict):
        raise InputError(f"{str(file)!r} is damaged", "a file of a study", "delete it")
    return value


def plain(values: Any) -> Any:  # noqa: ANN401 - arrays and numbers of any shape
    """Arrays as lists of numbers with four digits behind the point, for a cell's file.

    Examples
    --------
    >>> import numpy as np
    >>> plain(np.array([[0.5, 1 / 3]])), plain({"a": np.float32(2)})
    ([[0.5, 0.3333]], {'a': 2.0})
    """
    if isinstance(values, dict):
        return {key: plain(value) for key, value in values.items()}
    if hasattr(values, "tolist"):
        return plain(values.tolist())
    if isinstance(values, list | tuple):
        return [plain(value) for value in values]
    return round(values, 4) if isinstance(values, float) and math.isfinite(values) else values
