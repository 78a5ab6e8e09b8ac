"""A cell -> what it learnt: the recipe trained within the budget, as spaces that open."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from soundkin.errors import InputError
from soundkin.recipe.assemble import DecomposeModel, build_model
from soundkin.recipe.export import export_space
from soundkin.recipe.load import load_recipe
from soundkin.recipe.sounds import open_sounds
from soundkin.recipe.views import draw_views
from soundkin.space import load_space
from soundkin.train import train

if TYPE_CHECKING:
    from pathlib import Path

    from soundkin.recipe.assemble import PairModel
    from soundkin.recipe.settings import Recipe
    from soundkin.reproduce.cells import Cell, Place
    from soundkin.space import Space

SOON = "run.checkpoint_minutes=1.0"


@dataclass(frozen=True)
class Learnt:
    """What a cell gives to its study.

    `spaces` by part: "space", or "voice" and "content"; none where nothing is trained. `model`: the
    network in evaluation. `heard` (batch, window): sound it was trained on. `told`: steps, pairs,
    minutes, loss, parameters, as plain values.
    """

    spaces: dict[str, Space]
    told: dict[str, Any]
    model: PairModel | DecomposeModel | None = None
    heard: torch.Tensor | None = None

    @property
    def space(self) -> Space:
        """The space; of two the voice."""
        return self.spaces.get("space") or self.spaces["voice"]


def learn(cell: Cell, folder: Path | None, place: Place) -> Learnt:
    """Train a cell on a folder of sound (None: the synthesizer) and export it below `place.out`.

    A training that was cut goes on. Raises InputError where weights to begin with are not there.
    """
    if not cell.recipe:
        return Learnt({}, {})
    seed = f"run.seed={cell.seed}"
    recipe = load_recipe(cell.recipe, [*cell.changes, *place.changes, SOON, seed])
    out = place.out / "training" / cell.name
    cache = place.out / "decoded" / (cell.sound or "none")
    if cell.untrained:
        return _as_begun(recipe, cell, folder, cache, place)
    if cell.after:
        begin_with(place.out / "training" / f"{cell.after}.{cell.seed}", out, recipe)
    budget: dict[str, Any] = {"steps": place.steps} if place.steps else {"minutes": place.minutes}
    clock = time.process_time if place.of_cpu else time.monotonic
    state = train(recipe, out, data=folder, cache=cache, device=place.device, clock=clock, **budget)
    model = state.model.cpu()
    last = state.rows[-1] if state.rows else None
    told = {
        "steps": state.step,
        "pairs": state.step * recipe.run.batch,
        "minutes": round(state.elapsed_s / 60, 2),
        "loss": None if last is None else round(last.loss, 4),
        "effective_rank": None if last is None else round(last.effective_rank, 1),
        "parameters": sum(p.numel() for p in model.parameters()),
        "threads": torch.get_num_threads(),
        "warnings": state.warnings,
    }
    if folder is not None:
        heard = open_sounds(
            folder, rate_hz=recipe.data.rate_hz, cache=cache, cache_gb=recipe.data.cache_gb
        )
        told["hours"] = round(float(heard.begins[-1]) / heard.rate_hz / 3600, 2)
    return Learnt(_spaces(model, cell, state.heard, place), told, model, state.heard)


def begin_with(before: Path, out: Path, recipe: Recipe) -> None:
    """Begin a training in `out` with the weights of a finished one, its own steps from 0.

    Nothing is done where that training has begun already. Raises InputError for one without weights.
    """
    if (out / "checkpoint.pt").is_file():
        return
    file = before / "checkpoint.pt"
    if not file.is_file():
        raise InputError(
            f"no weights of {before.name} to begin with", "its checkpoint",
            "delete its file in cells/ and run it again",
        )  # fmt: skip
    kept = torch.load(file, map_location="cpu", weights_only=True)
    generator = torch.Generator().manual_seed(recipe.run.seed + 104_729).get_state()
    begun = {"step": 0, "elapsed_s": 0.0, "rows": [], "warnings": []}
    fresh = kept | begun | {"generator": generator, "generators": [generator]}
    out.mkdir(parents=True, exist_ok=True)
    torch.save(fresh, out / "checkpoint.pt.part")
    (out / "checkpoint.pt.part").replace(out / "checkpoint.pt")


def _as_begun(recipe: Recipe, cell: Cell, folder: Path | None, cache: Path, place: Place) -> Learnt:
    """The network of a recipe with random weights, exported as a trained one is."""
    sounds = None
    if recipe.data.source == "folder":
        if folder is None:
            raise InputError(f"recipe {recipe.name!r} without sound", "a folder")
        sounds = open_sounds(
            folder, rate_hz=recipe.data.rate_hz, cache=cache, cache_gb=recipe.data.cache_gb
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.run.seed)
        model = build_model(recipe)
    model.eval()
    heard = draw_views(recipe, sounds, torch.Generator().manual_seed(recipe.run.seed + 1)).a
    told = {"steps": 0, "pairs": 0, "minutes": 0.0,
            "parameters": sum(p.numel() for p in model.parameters())}  # fmt: skip
    return Learnt(_spaces(model, cell, heard, place), told, model, heard)


def _spaces(
    model: PairModel | DecomposeModel, cell: Cell, heard: torch.Tensor, place: Place
) -> dict[str, Space]:
    """Exported and opened again: what is judged is what a user would search by."""
    folder = place.out / "spaces" / cell.name
    if not isinstance(model, DecomposeModel):
        file = export_space(model, folder / f"{cell.setting}.json", windows=heard)
        return {"space": load_space(file)}
    voice = export_space(model, folder / f"{cell.setting}-voice.json", windows=heard, part="voice")
    content = export_space(
        model, folder / f"{cell.setting}-content.json", windows=heard, part="content"
    )
    return {"voice": load_space(voice), "content": load_space(content)}
