"""All that a training changes as it runs: begun, written to its folder, put back from it.

A checkpoint holds weights, optimiser, averaged weights and the state of every process's draws, and
the recipe that it is of: one of other settings is refused.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Generator, Tensor

from soundkin.errors import InputError
from soundkin.recipe.assemble import build_model
from soundkin.recipe.load import as_tables, recipe_from
from soundkin.recipe.together import Together

if TYPE_CHECKING:
    from pathlib import Path

    from soundkin.recipe.assemble import DecomposeModel, PairModel
    from soundkin.recipe.settings import Optimiser, Recipe

    Model = PairModel | DecomposeModel

FORMAT = 1
"""Version of the checkpoint."""
COLUMNS = ("step", "elapsed_s", "loss", "lr", "pairs_per_s", "effective_rank", "alignment",
           "uniformity", "knn")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the log; `knn` is NaN where it was not measured."""

    step: int
    elapsed_s: float
    loss: float
    lr: float
    pairs_per_s: float
    effective_rank: float
    alignment: float
    uniformity: float
    knn: float


@dataclass
class Training:
    """All that changes while it runs, and what a checkpoint holds."""

    model: Model
    optimiser: torch.optim.Optimizer
    generator: Generator
    averaged: dict[str, Tensor]
    step: int = 0
    elapsed_s: float = 0.0
    rows: list[Row] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    heard: Tensor = field(default_factory=lambda: torch.empty(0))
    """The waveforms (batch, window) of the last batch; not in the checkpoint."""
    first: bool = True
    """Whether this is the process that writes; the only one without torchrun."""


def begin(recipe: Recipe, out: Path, device: torch.device, group: Together) -> Training:
    """A fresh training, or the one that the folder holds.

    Raises InputError for a checkpoint of another recipe.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.run.seed)
        model = build_model(recipe)
    model.to(device)
    state = Training(
        model=model,
        optimiser=_optimiser(model, recipe.optimiser),
        generator=Generator().manual_seed(recipe.run.seed + 1 + 7919 * group.rank),
        averaged={},
        first=group.first,
    )
    if recipe.optimiser.ema:
        state.averaged = {name: value.clone() for name, value in model.state_dict().items()}
    file = out / "checkpoint.pt"
    if file.is_file():
        kept = torch.load(file, map_location=device, weights_only=True)
        _resume(state, kept, recipe, file, group.rank)
    return state


def _resume(state: Training, kept: dict[str, Any], recipe: Recipe, file: Path, rank: int) -> None:
    """Put a checkpoint back, when it is of this recipe."""
    difference = _difference(kept["recipe"], as_tables(recipe))
    if kept["format"] != FORMAT or difference:
        raise InputError(
            f"{file} is of another recipe ({difference or 'another format'})",
            f"a checkpoint of {recipe.name!r} with the same settings",
            "choose another folder for this training",
        )
    state.model.load_state_dict(kept["model"])
    state.optimiser.load_state_dict(kept["optimiser"])
    drawn = kept.get("generators", [kept["generator"]])
    if rank < len(drawn):  # one that was not there before draws afresh
        state.generator.set_state(drawn[rank].cpu())
    state.averaged = kept["averaged"]
    state.step, state.elapsed_s = kept["step"], kept["elapsed_s"]
    state.rows = [Row(*row) for row in kept["rows"]]
    state.warnings = kept["warnings"]


def _difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    """The first setting that differs, other than how long and how often and what is exported.

    What an older checkpoint does not know stood at what it is without being named.
    """
    free = {"run.steps", "run.log_steps", "run.checkpoint_minutes", "data.cache_gb"}
    filled = as_tables(recipe_from(one))
    for section, table in other.items():
        before = filled[section]
        if not isinstance(table, dict):
            if before != table:
                return f"{section} was {before!r}, is {table!r}"
            continue
        for key, value in table.items():
            name = f"{section}.{key}"
            if before[key] != value and name not in free and section != "vector":
                return f"{name} was {before[key]!r}, is {value!r}"
    return ""


def save_checkpoint(
    state: Training, recipe: Recipe, out: Path, group: Together | None = None
) -> None:
    """Write log and checkpoint, each beside and then in place; of several processes the first."""
    states = (group or Together()).states(state.generator)
    if not state.first:
        return
    lines = [COLUMNS, *([getattr(row, name) for name in COLUMNS] for row in state.rows)]
    beside = out / "log.csv.part"
    with beside.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows(lines)
    beside.replace(out / "log.csv")
    kept = {
        "format": FORMAT,
        "recipe": as_tables(recipe),
        "model": state.model.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "generator": states[0],
        "generators": states,
        "averaged": state.averaged,
        "step": state.step,
        "elapsed_s": state.elapsed_s,
        "rows": [[getattr(row, name) for name in COLUMNS] for row in state.rows],
        "warnings": state.warnings,
    }
    torch.save(kept, out / "checkpoint.pt.part")
    (out / "checkpoint.pt.part").replace(out / "checkpoint.pt")


def _optimiser(model: Model, how: Optimiser) -> torch.optim.Optimizer:
    """The optimiser over all weights."""
    weights, decay = model.parameters(), how.weight_decay
    if how.kind == "sgd":
        return torch.optim.SGD(weights, how.lr, momentum=how.momentum, weight_decay=decay)
    kind = torch.optim.Adam if how.kind == "adam" else torch.optim.AdamW
    return kind(weights, how.lr, weight_decay=decay)
