"""How fast a training goes, and what it leaves: `python bench/train.py [--synthax-python PYTHON]`

- a step of ResNet-18 as published (both views synthesized, log-mel, forward, backward, update), by
  `soundkin train doppelganger` and by SynthAX and torch put together as the paper's code does it:
  SynthAX renders both views, torch makes the log-mel, the same network as torchvision lays it in
  memory, loss and SGD follow. "peak" is how fast this machine multiplies large matrices, and "bound"
  the seconds that the multiplications of the network's convolutions take at that pace.
  SynthAX runs in a process of its own (`--synthax-python`, bench/synth.py); the way of its sound to
  torch costs it nothing here. Without it that part is left out.
- a step of the small network by `soundkin train sound`
- windows a second of the space that comes out, frames included, in 32 and in 8 bits

Parts are timed by the wall clock, rounds in turn, the best counts. `--batch 64` takes a quarter of
the time; `--smoke` writes nothing. Some four minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from results import machine, table, write_section
from synth import SUBJECTS, Runner
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from soundkin.frontend.layers import MelFrames
from soundkin.objective.align_uniform import align_uniform_loss
from soundkin.recipe.assemble import PairModel, build_model
from soundkin.recipe.export import export_space
from soundkin.recipe.load import load_recipe
from soundkin.recipe.memory import kept_memory
from soundkin.recipe.settings import Recipe
from soundkin.recipe.views import Views, draw_views
from soundkin.space import Space, load_space

PARTS = ("synthesis", "log-mel", "network")
Seconds = dict[str, float]


def timed(parts: Seconds, name: str, began: float) -> float:
    """Note the seconds since `began`, and give the time now."""
    now = time.perf_counter()
    parts[name] = now - began
    return now


def step(model: PairModel, recipe: Recipe, seed: int) -> Seconds:
    """One step by our own parts: seconds of each."""
    parts: Seconds = {}
    generator = torch.Generator().manual_seed(seed)
    began = time.perf_counter()
    views = draw_views(recipe, None, generator)
    began = timed(parts, "synthesis", began)
    with torch.no_grad():
        model.frames(torch.cat([views.a, views.b]))
    again = timed(parts, "log-mel", began)
    optimiser = torch.optim.SGD(model.parameters(), 0.01)
    loss, _, _ = model.loss(views, generator)  # makes the frames once more
    loss.backward()
    optimiser.step()
    timed(parts, "network", again)
    parts["network"] -= parts["log-mel"]
    return parts


def peer_step(encoder: nn.Module, views: Views) -> Seconds:
    """The published step but for its synthesis: log-mel by torch.stft, network, loss, SGD."""
    parts: Seconds = {}
    began = time.perf_counter()
    frames = stft_mel(torch.cat([views.a, views.b]))
    began = timed(parts, "log-mel", began)
    optimiser = torch.optim.SGD(encoder.parameters(), 0.01)
    x, y = encoder(frames).chunk(2)
    align_uniform_loss(x, y).backward()
    optimiser.step()
    timed(parts, "network", began)
    return parts


def stft_mel(samples: Tensor) -> Tensor:
    """Log-mel as published: 25 ms Hann, 10 ms, FFT 512, magnitudes, 64 bands, 96 frames."""
    window = torch.hann_window(400, periodic=True)
    spectrum = torch.stft(samples, 512, 160, 400, window, center=False, return_complex=True).abs()
    matrix = MelFrames("vggish").matrix
    return torch.log(matrix.T @ spectrum + 0.01)[:, :, :96]


def steps_of_resnet(batch: int, rounds: int, cores: list[int], synthax: str) -> list[list[object]]:
    """Rows: seconds of each part, ours and the peer's."""
    recipe = load_recipe("doppelganger", [f"run.batch={batch}"])
    ours, theirs = build_model(recipe), build_model(recipe)
    assert isinstance(ours, PairModel)
    assert isinstance(theirs, PairModel)
    views = draw_views(recipe, None, torch.Generator().manual_seed(0))
    jax = Runner(synthax, SUBJECTS[2], 2 * batch, cores, "voice")
    plain = theirs.encoder.to(memory_format=torch.contiguous_format)
    found: dict[str, list[Seconds]] = {"soundkin": [], "SynthAX + torch": []}
    for turn in range(rounds):
        with kept_memory():  # the second of each finds what the first left, as in a training
            found["soundkin"] += [step(ours, recipe, turn) for _ in range(2)]
        if jax.ready:
            jax.round()
            both = [peer_step(plain, views) for _ in range(2)]
            found["SynthAX + torch"] += [{"synthesis": jax.best[0], **parts} for parts in both]
    jax.stop()
    return [line(name, batch, parts) for name, parts in found.items() if parts]


def bound(batch: int) -> tuple[float, float]:
    """GFLOP/s of large matrix products here, and the seconds that ResNet's step needs at that pace."""
    n, best = 2048, float("inf")
    x, y = torch.randn(n, n), torch.randn(n, n)
    for _ in range(10):
        began = time.perf_counter()
        x @ y
        best = min(best, time.perf_counter() - began)
    net, sound = build_model(load_recipe("doppelganger")).encoder, torch.randn(4, 64, 96)
    with FlopCounterMode(display=False) as counter:
        net(sound).sum().backward()
    pace = 2 * n**3 / best
    return pace / 1e9, counter.get_total_flops() / 4 * 2 * batch / pace


def steps_of_sound(batch: int, rounds: int) -> list[list[object]]:
    """One row: the small network's parts."""
    recipe = load_recipe("sound", [f"run.batch={batch}"])
    model = build_model(recipe)
    assert isinstance(model, PairModel)
    with kept_memory():
        return [line("sound", batch, [step(model, recipe, turn) for turn in range(rounds)])]


def line(name: str, batch: int, rounds: list[Seconds]) -> list[object]:
    """One row: the best of each part, the whole, its share that is not the network, pairs a second."""
    best = [min(parts[part] for parts in rounds) for part in PARTS]
    whole = sum(best)
    return [name, batch, *(f"{s:.2f}" for s in best), f"{whole:.2f}",
            f"{(best[0] + best[1]) / whole:.0%}", f"{batch / whole:.0f}"]  # fmt: skip


def spaces(folder: Path) -> dict[str, Space]:
    """The space of `sound` with random weights, as fast as any others, in 32 and in 8 bits."""
    recipe = load_recipe("sound", ["run.batch=128"])
    heard = draw_views(recipe, None, torch.Generator().manual_seed(1)).a
    model = build_model(recipe)
    made = {}
    for name, int8 in (("32 bits", False), ("8 bits", True)):
        file = export_space(model, folder / name[0] / "sound.json", windows=heard, int8=int8)
        made[name] = load_space(file)
    return made


def windows_a_second(space: Space, threads: int, rounds: int) -> float:
    """Windows of random sound embedded a second, each thread its own share."""
    sound = np.random.default_rng(0).standard_normal((256, space.window_samples), np.float32)
    shares = np.array_split(sound, threads)
    space.embed(sound[:16])
    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(rounds):
            began = time.perf_counter()
            list(pool.map(space.embed, shares))
            best = min(best, time.perf_counter() - began)
    return len(sound) / best


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--synthax-python", default=sys.executable)
    asked.add_argument("--rounds", type=int, default=2)
    asked.add_argument("--batch", type=int, default=256)
    asked.add_argument("--smoke", action="store_true")
    a = asked.parse_args()
    if a.smoke:
        a.rounds, a.batch = 1, 4
    cores = sorted(os.sched_getaffinity(0))[:2]
    torch.set_num_threads(len(cores))
    steps = steps_of_resnet(a.batch, a.rounds, cores, a.synthax_python)
    told = "" if len(steps) > 1 else " SynthAX was not installed and is left out."
    if len(steps) > 1:
        told = f" The published way takes {float(steps[1][5]) / float(steps[0][5]):.2f} times ours."
    pace, least = bound(a.batch)
    told += f" Peak {pace:.0f} GFLOP/s, bound {least:.2f} s."
    steps += steps_of_sound(a.batch, a.rounds + 1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, space in spaces(Path(folder)).items():
            for threads in range(1, len(cores) + 1):
                pace = windows_a_second(space, threads, a.rounds + 2)
                rows.append([name, threads, f"{pace:,.0f}"])
    head = [
        "step",
        "pairs",
        *(f"{part}, s" for part in PARTS),
        "whole, s",
        "not network",
        "pairs/s",
    ]
    run = f"Best of {a.rounds} rounds in turn, {len(cores)} threads.{told}"
    body = "\n\n".join([
        f"`python bench/train.py`: {machine(len(cores))} {run}",
        table(head, steps),
        "Windows of one second embedded, frames included, through ONNX Runtime:",
        table(["graph of `sound`", "threads", "windows/s"], rows),
    ])  # fmt: skip
    if a.smoke:
        print(body)
    else:
        write_section("Training", body)


if __name__ == "__main__":
    main()
