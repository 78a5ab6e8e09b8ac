"""The training loop, top to bottom: batch, loss, step, schedule, log, checkpoint.

``train(recipe, out)`` fills the folder `out`:

- ``recipe.json``     the settings
- ``log.csv``         a row every few steps: loss, rate, pairs a second, health, k-NN accuracy
- ``checkpoint.pt``   weights, optimiser, draws: what a training goes on from, step for step

A training with a number of steps is exact: killed and resumed it logs the same losses, on the same
machine with the same number of threads. With a number of minutes the schedule follows the clock.
Started by torchrun, several processes train one network, each on batches of its own; then `batch`
is that of one process (:mod:`soundkin.recipe.together`).
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Generator, Tensor

from soundkin.errors import InputError
from soundkin.recipe.load import as_tables
from soundkin.recipe.memory import is_full, kept_memory, that_fits
from soundkin.recipe.monitor import health, knn_accuracy, labelled_windows
from soundkin.recipe.sounds import open_sounds, wanting
from soundkin.recipe.state import COLUMNS, Row, Training, begin, save_checkpoint
from soundkin.recipe.together import Together, together
from soundkin.recipe.views import Views, draw_views

if TYPE_CHECKING:
    from collections.abc import Callable

    from soundkin.recipe.settings import Optimiser, Recipe
    from soundkin.recipe.state import Model


class Listener(Protocol):
    """Hears how it goes."""

    def __call__(self, row: Row, share: float) -> None:
        """A logged row, and the share of the training that is done, 0 to 1."""


def train(
    recipe: Recipe,
    out: str | Path,
    *,
    data: str | Path | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    labelled: str | Path | None = None,
    cache: str | Path | None = None,
    device: str | torch.device = "cpu",
    listen: Listener | None = None,
    tensorboard: bool = False,
    draw: Callable[[Generator], Views] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Training:
    """Train a recipe until `steps` (the recipe's) or `minutes` are over, and give the result.

    `clock`: what minutes are counted by, in seconds; `time.process_time` where other work goes on
    beside. `out`: the folder of this training; one that is there already is resumed. `data`: the folder of
    sound, for recipes that need one, decoded into `cache` (default: within `out`). `labelled`: a
    folder with labels.csv whose k-NN accuracy is watched. `tensorboard`: its log beside the CSV.
    `draw` makes batches instead of the recipe's own data. `tell` hears warnings as they come up:
    what the folder lacks, a collapse. Raises InputError for no time, a recipe without its data, a folder
    without sound or with too short a sound, a checkpoint of another recipe, a loss that is no number,
    a batch that does not fit the memory (it names one that does), and a TensorBoard that is not
    installed.
    """
    for name, length in (("steps", steps), ("minutes", minutes)):
        if length is not None and not length > 0:
            raise InputError(f"{name} = {length}", "more than 0", f"give more {name}, or none")
    tell, lacking = tell or (lambda _: None), list[str]()
    listeners = [one for one in (listen, _board(Path(out)) if tensorboard else None) if one]
    with kept_memory(), together(device) as (group, where):
        out = Path(out)
        out.mkdir(parents=True, exist_ok=True)
        kept = cache or out / "cache"
        given = draw or group.one_first(lambda: _source(recipe, data, kept, lacking))
        state = begin(recipe, out, where, group)
        for sentence in lacking:
            _warn(state, sentence, tell)
        _run(
            state, recipe, out, given, _watched(recipe, labelled), steps, minutes, clock, listeners,
            group, tell,
        )  # fmt: skip
    if state.averaged:
        state.model.load_state_dict(state.averaged)
    state.model.eval()
    return state


def _run(
    state: Training,
    recipe: Recipe,
    out: Path,
    draw: Callable[[Generator], Views],
    watched: tuple[Tensor, Any] | None,
    steps: int | None,
    minutes: float | None,
    clock: Callable[[], float],
    listeners: list[Listener],
    group: Together,
    tell: Callable[[str], None],
) -> None:
    """Step after step until the end, logged and saved on the way."""
    end = steps or recipe.run.steps
    if group.first:
        (out / "recipe.json").write_text(json.dumps(as_tables(recipe), indent=1), encoding="utf-8")
    before, saved = clock() - state.elapsed_s, time.monotonic()
    logged = (state.step, state.elapsed_s)
    while True:
        state.elapsed_s = clock() - before
        share = state.elapsed_s / (60 * minutes) if minutes else state.step / end
        due = time.monotonic() - saved > 60 * recipe.run.checkpoint_minutes
        over, due = group.agree(share >= 1, due)
        if due and state.step:
            save_checkpoint(state, recipe, out, group)
            saved = time.monotonic()
        if over:
            break
        rate = recipe.optimiser.lr * rate_factor(share, recipe.optimiser)
        loss, x, y = _next(state, recipe, draw, rate, group)

        state.step += 1
        last = not minutes and state.step == end
        if state.step % recipe.run.log_steps == 0 or last:
            state.elapsed_s = clock() - before
            made = recipe.run.batch * group.world * (state.step - logged[0])
            pace = made / (state.elapsed_s - logged[1])
            logged = (state.step, state.elapsed_s)
            row = _row(state, loss, rate, pace, x, y, watched if group.first else None, tell)
            state.rows.append(row)
            for listen in listeners if group.first else ():
                listen(row, share)

    save_checkpoint(state, recipe, out, group)
    if not len(state.heard):  # it was finished already
        state.heard = draw(Generator().manual_seed(recipe.run.seed)).a


def rate_factor(share: float, how: Optimiser) -> float:
    """Factor of the learning rate when `share` (0 to 1) of the training is done.

    Examples
    --------
    >>> from soundkin.recipe.settings import Optimiser
    >>> rate_factor(0.5, Optimiser(schedule="cosine"))
    0.5
    """
    rise = min(1.0, (share + 1e-9) / how.warmup) if how.warmup else 1.0
    if how.schedule == "cosine":
        after = max(0.0, share - how.warmup) / (1 - how.warmup)
        return rise * (1 + math.cos(math.pi * after)) / 2
    if how.schedule == "step":
        return float(rise * how.decay ** sum(share >= place for place in how.milestones))
    return rise


def _next(
    state: Training,
    recipe: Recipe,
    draw: Callable[[Generator], Views],
    rate: float,
    group: Together,
) -> tuple[float, Tensor, Tensor]:
    """A batch drawn and a step taken: what :func:`_step` gives.

    Raises InputError for a batch that does not fit the memory; the last checkpoint stays.
    """
    try:
        views = draw(state.generator)
        state.heard = views.a
        return _step(state, recipe, views, rate, group)
    except (RuntimeError, MemoryError) as error:
        if not is_full(error):
            raise

    # only here, when the error no longer holds the tensors of the step
    def attempt(n: int) -> None:
        sound = torch.randn(n, recipe.data.window, generator=Generator())
        _step(state, recipe, Views(sound, sound.flip(1), torch.full((n,), -1)), 0.0, Together())

    batch, device = recipe.run.batch, next(state.model.parameters()).device
    found = f"a batch of {batch} does not fit the memory of {device}"
    fits = that_fits(attempt, batch)
    if not fits:
        raise InputError(found, "more memory: 2 do not fit either", "choose a smaller network")
    raise InputError(found, f"a smaller one: {fits} was tried and fits", f"set run.batch={fits}")


def _step(
    state: Training, recipe: Recipe, views: Views, rate: float, group: Together
) -> tuple[float, Tensor, Tensor]:
    """Forward, backward, update: this process's loss, and the embeddings of both views."""
    model, how = state.model, recipe.optimiser
    device = next(model.parameters()).device
    model.train()
    for weights in state.optimiser.param_groups:
        weights["lr"] = rate
    moved = Views(*(x.to(device) for x in (views.a, views.b, views.mixed)))
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        loss, x, y = model.loss(moved, state.generator)
    if not bool(torch.isfinite(loss)):
        raise InputError(
            f"the loss is {loss.item()} at step {state.step}", "a number", "lower optimiser.lr"
        )
    state.optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    group.average_gradients(model)
    if how.clip:
        torch.nn.utils.clip_grad_norm_(model.parameters(), how.clip)
    state.optimiser.step()
    _average(state, how.ema)
    return float(loss.detach()), x, y


@torch.no_grad()
def _average(state: Training, share: float) -> None:
    """Move the averaged weights a little towards the present ones; in the first steps, far.

    So nothing is left of the beginning: a share of norms that saw no sound is a network gone flat.
    """
    share = min(share, (state.step + 1) / (state.step + 10))
    for name, value in state.model.state_dict().items() if state.averaged else ():
        if value.dtype.is_floating_point:
            state.averaged[name].lerp_(value, 1 - share)
        else:
            state.averaged[name].copy_(value)


def _row(
    state: Training,
    loss: float,
    rate: float,
    pace: float,
    x: Tensor,
    y: Tensor,
    watched: tuple[Tensor, Any] | None,
    tell: Callable[[str], None],
) -> Row:
    """Measure; warn of a collapse once."""
    found = health(x, y)
    if found.warning and not any(w.startswith("the embeddings") for w in state.warnings):
        _warn(state, f"{found.warning} (step {state.step})", tell)
    accuracy = math.nan
    if watched is not None:
        accuracy = knn_accuracy(embed_all(state.model, watched[0]), watched[1])
    return Row(
        state.step, state.elapsed_s, loss, rate, pace, found.effective_rank, found.alignment,
        found.uniformity, accuracy,
    )  # fmt: skip


def _warn(state: Training, sentence: str, tell: Callable[[str], None]) -> None:
    """Tell it, and keep it for the card."""
    if sentence not in state.warnings:
        state.warnings.append(sentence)
    if state.first:
        tell(sentence)


@torch.no_grad()
def embed_all(model: Model, windows: Tensor, *, batch: int = 64) -> Tensor:
    """Embeddings of many windows (n, window) as used after training: (n, dim) on the CPU."""
    device = next(model.parameters()).device
    was = model.training
    model.eval()
    parts = [model.embed(part.to(device)).cpu() for part in torch.split(windows, batch)]
    model.train(was)
    return torch.cat(parts)


def _board(out: Path) -> Listener:
    """A listener that writes for TensorBoard, below `out`/tensorboard."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - need not be there
    except ImportError as error:
        raise InputError(
            "TensorBoard is not installed", "the package", "run `pip install tensorboard`"
        ) from error
    writer = SummaryWriter(str(out / "tensorboard"))

    def listen(row: Row, share: float) -> None:  # noqa: ARG001 - every listener is called alike
        for name in COLUMNS[2:]:
            value = getattr(row, name)
            if not math.isnan(value):
                writer.add_scalar(name, value, row.step)
        writer.flush()

    return listen


def _source(
    recipe: Recipe, data: str | Path | None, cache: str | Path, lacking: list[str]
) -> Callable[[Generator], Views]:
    """What draws batches: the synthesizer, or the folder; what that lacks goes to `lacking`."""
    if recipe.data.source != "folder":
        return lambda generator: draw_views(recipe, None, generator)
    if data is None:
        raise InputError(f"recipe {recipe.name!r} without sound", "a folder", "give --data FOLDER")
    sounds = open_sounds(
        data, rate_hz=recipe.data.rate_hz, cache=cache, cache_gb=recipe.data.cache_gb
    )
    lacking += wanting(sounds, recipe.data.window)
    return lambda generator: draw_views(recipe, sounds, generator)


def _watched(recipe: Recipe, labelled: str | Path | None) -> tuple[Tensor, Any] | None:
    """Labelled windows on the recipe's rate."""
    if labelled is None:
        return None
    windows, labels = labelled_windows(
        labelled, rate_hz=recipe.data.rate_hz, window=recipe.data.window
    )
    return torch.from_numpy(windows), labels
