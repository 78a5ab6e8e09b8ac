"""How many windows a second become vectors: `python bench/embed.py [--rounds N] [--smoke]`

Whole windows of one second through `load_space(NAME).embed`, front-end and vector included, on one
core and on two (a process that may use no others); and the windows of one long sound, a window every
half second, as a library is indexed: they share their frames, and every core has a process of its own.
Beside the shipped spaces stands the small convnet
of the recipe doppelganger-fast with random weights, in 32 and in 8 bits, where PyTorch is there to
make it. Medians of interleaved rounds; windows per CPU second tell what a busy machine hides.
Writes its section of RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np

SHIPPED = ("sound", "mfcc")
WINDOWS = 1024
LONG = "long sound, "


def main(rounds: int, windows: int) -> None:
    from results import machine, table, write_section

    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        spaces = [*SHIPPED, *(str(file) for file in small_convnets(Path(folder)))]
        found = {
            n: measured(spaces, cores[-n:], rounds, windows) for n in (1, 2) if n <= len(cores)
        }
        beside = side_by_side(spaces, cores[-2:], rounds, windows)
    rows = []
    for space in spaces:
        row: list[object] = [Path(space).stem]
        for one in found.values():
            row += [f"{value:,.0f}" for value in one[space]]
        row += [f"{found[1][LONG + space][1]:,.0f}", f"{beside[space]:,.0f}"]
        rows.append(row)
    names = {1: "one core", 2: "two cores"}
    head = [f"{names[n]}: windows a {s}" for n in found for s in ("second", "CPU second")]
    head += ["of one long sound: windows a CPU second", "on two cores: a second"]
    body = [machine(os.cpu_count() or 1), "", (__doc__ or "").split("\n\n")[1], ""]
    body.append(table(["space", *head], rows))
    write_section("Embedding speed", "\n".join(body))


def small_convnets(folder: Path) -> list[Path]:
    """The small convnet with random weights as two spaces, in 32 and in 8 bits; none without PyTorch."""
    if not all(find_spec(name) for name in ("torch", "onnx", "onnxscript")):
        return []
    import torch

    from soundkin.recipe.assemble import build_model
    from soundkin.recipe.export import export_space
    from soundkin.recipe.load import load_recipe
    from soundkin.recipe.views import draw_views

    recipe = load_recipe("doppelganger-fast", ["run.batch=128"])
    torch.manual_seed(recipe.run.seed)
    heard = draw_views(recipe, None, torch.Generator().manual_seed(1)).a
    model = build_model(recipe)
    model.train()
    with torch.no_grad():
        for _ in range(30):  # norms that have heard sound, as after a training
            model.embed(heard)
    files = {"convnet, 32 bits": False, "convnet, 8 bits": True}
    return [
        export_space(model, folder / f"{name}.json", windows=heard, int8=int8)
        for name, int8 in files.items()
    ]


def side_by_side(
    spaces: list[str], cores: list[int], rounds: int, windows: int
) -> dict[str, float]:
    """Windows a second of one long sound, of processes with a core each at the same time: their sum."""
    with ThreadPoolExecutor(len(cores)) as pool:
        found = pool.map(lambda core: measured(spaces, [core], rounds, windows), cores)
        parts = list(found)
    return {space: sum(part[LONG + space][0] for part in parts) for space in spaces}


def measured(
    spaces: list[str], cores: list[int], rounds: int, windows: int
) -> dict[str, list[float]]:
    """Windows a second and a CPU second of each space, in a process of its own on these cores."""
    asked = json.dumps({"spaces": spaces, "cores": cores, "rounds": rounds, "windows": windows})
    command = [sys.executable, __file__, "--child", asked]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(told)


def child(spaces: list[str], cores: list[int], rounds: int, windows: int) -> None:
    """Measure and tell."""
    os.sched_setaffinity(0, cores)
    from soundkin.space import load_space

    rng = np.random.default_rng(0)
    sound = rng.standard_normal((windows, 16_000)).astype(np.float32)
    sound *= np.exp(-rng.uniform(0, 8, (windows, 1)) * np.linspace(0, 1, 16_000)).astype(np.float32)
    opened = {name: load_space(name) for name in spaces}
    for space in opened.values():
        space.embed(sound[:128])
    flat = sound.reshape(-1)
    starts, valid = 8000 * np.arange(windows), np.full(windows, 16_000)
    ways = {name: lambda space=space: space.embed(sound) for name, space in opened.items()}
    if len(cores) == 1:
        for name, space in opened.items():
            ways[LONG + name] = lambda space=space: space.embed_at(flat, starts, valid)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            way()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    medians = {
        name: [windows / statistics.median(column) for column in zip(*pairs, strict=True)]
        for name, pairs in times.items()
    }
    print(json.dumps(medians))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--smoke", action="store_true", help="a round of few windows")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(**json.loads(given.child))
    else:
        main(1 if given.smoke else given.rounds, 128 if given.smoke else WINDOWS)
