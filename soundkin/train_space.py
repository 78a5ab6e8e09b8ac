"""A recipe -> spaces on disk, with a line that says how it goes: what `soundkin train` calls."""

from __future__ import annotations

import json
import math
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from soundkin.errors import SoundkinError
from soundkin.recipe.assemble import DecomposeModel
from soundkin.recipe.export import export_space
from soundkin.recipe.export_swap import export_swap
from soundkin.recipe.load import load_recipe
from soundkin.recipe.sounds import open_sounds
from soundkin.recipe.views import draw_views
from soundkin.shelf import install
from soundkin.train import train

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soundkin.recipe.settings import Recipe
    from soundkin.recipe.state import Row, Training
    from soundkin.recipe.vector import Draw
    from soundkin.train import Listener


def train_space(
    recipe: str | Path,
    out: str | Path,
    *,
    changes: tuple[str, ...] | list[str] = (),
    data: str | Path | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    labelled: str | Path | None = None,
    device: str = "cpu",
    int8: bool = False,
    tensorboard: bool = False,
    console: Console | None = None,
) -> list[Path]:
    """Train a recipe and write what it learnt as spaces: the paths of their settings files in `out`.

    Each is installed too (:func:`soundkin.shelf.install`), so that its name opens it. `recipe`: a
    name or a .toml file; `changes`: `section.key=value`; `int8`: the network in 8 bits, where that
    leaves its vectors as they are; the rest as :func:`soundkin.train.train`. Autodecompose gives
    two spaces, its voice and its content, and what `soundkin swap` speaks with.
    """
    chosen, out = load_recipe(recipe, changes), Path(out)
    # of several processes (torchrun) only the first speaks
    console = console or Console(stderr=True, quiet=os.environ.get("RANK", "0") != "0")
    with progress_line(chosen, console) as listen:
        state = train(
            chosen,
            out,
            data=data,
            steps=steps,
            minutes=minutes,
            labelled=labelled,
            device=device,
            listen=listen,
            tensorboard=tensorboard,
            tell=lambda sentence: console.print(sentence, style="yellow", markup=False),
        )
    if not state.first:
        return []
    files = write_spaces(state, chosen, out, data=data, int8=int8)
    for file in files:
        if int8:
            told = json.loads(file.read_text(encoding="utf-8"))["card"]["int8"]
            console.print(f"{file.stem}, 8 bits: {told}.", markup=False)
        _shelve(file, console)
    if isinstance(state.model, DecomposeModel):
        _shelve(export_swap(state.model, out / f"{chosen.name}.swap", windows=state.heard), console)
    return files


def write_spaces(
    state: Training,
    recipe: Recipe,
    out: Path,
    *,
    data: str | Path | None = None,
    int8: bool = False,
) -> list[Path]:
    """The spaces of a finished training, in its folder: the paths of their settings files."""
    how: dict[str, Any] = {"windows": state.heard, "card": _card(state, recipe, data), "int8": int8}
    if recipe.objective.kind != "autodecompose":
        file = out / f"{recipe.name}.json"
        return [export_space(state.model, file, draw=batches(recipe, out, data), **how)]
    return [
        export_space(state.model, out / f"{recipe.name}-voice.json", part="voice", **how),
        export_space(state.model, out / f"{recipe.name}-content.json", part="content", **how),
    ]


def batches(recipe: Recipe, out: Path, data: str | Path | None) -> Draw | None:
    """What drew the batches of a training in `out`; None for those without a folder of sound."""
    if recipe.data.source != "folder" or data is None:
        return None
    how = recipe.data
    kept = out / "cache"
    sounds = open_sounds(data, rate_hz=how.rate_hz, cache=kept, cache_gb=how.cache_gb)
    return lambda generator: draw_views(recipe, sounds, generator)


def _shelve(file: Path, console: Console) -> None:
    """Install a space; say so when it cannot be, and leave it where it is."""
    try:
        install(file)
    except SoundkinError as error:
        console.print(f"Not installed: {error} Its file opens it: {file}", markup=False)


@contextmanager
def progress_line(recipe: Recipe, console: Console) -> Iterator[Listener]:
    """One line: how far, loss, pairs a second, effective rank, k-NN accuracy, time left."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    with progress:
        task = progress.add_task(recipe.name, total=1.0, said="")

        def listen(row: Row, share: float) -> None:
            progress.update(task, completed=share, said=said(row))

        yield listen
        progress.update(task, completed=1.0)


def said(row: Row) -> str:
    """A row in words.

    Examples
    --------
    >>> from soundkin.recipe.state import Row
    >>> said(Row(30, 9.0, -1.5, 1e-3, 71.4, 80.2, 0.2, -2.0, 0.5))
    'step 30, loss -1.5000, 71 pairs/s, rank 80, k-NN 0.500'
    """
    parts = [f"step {row.step}", f"loss {row.loss:.4f}", f"{row.pairs_per_s:.0f} pairs/s"]
    parts.append(f"rank {row.effective_rank:.0f}")
    if not math.isnan(row.knn):
        parts.append(f"k-NN {row.knn:.3f}")
    return ", ".join(parts)


def _card(state: Training, recipe: Recipe, data: str | Path | None) -> dict[str, Any]:
    """What to tell of a space: what it was trained on, for how long, and how that went."""
    sound = (
        f"{recipe.data.patch} synthesizer, delta {recipe.data.delta:g}"
        if recipe.data.source == "synth"
        else f"the folder {Path(data).name!r}"
        if data
        else "sound of its own"
    )
    last = state.rows[-1] if state.rows else None
    return {
        "trained_on": sound,
        "pairs": state.step * recipe.run.batch,
        "steps": state.step,
        "minutes": round(state.elapsed_s / 60, 1),
        "loss": None if last is None else round(last.loss, 4),
        "effective_rank": None if last is None else round(last.effective_rank, 1),
        "warnings": state.warnings,
    }
