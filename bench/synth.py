"""How fast sounds are made: ours, compiled and plain, against SynthAX and torchsynth, in one run.

    python bench/synth.py [--synthax-python PYTHON] [--torchsynth FOLDER] [--rounds 7] [--batch 256]
    python bench/synth.py --smoke        a small run that writes nothing

Voice, 1 s at 16 kHz, on the CPU. The peer is PyPI's `synthax` on jax, jitted and warm; it runs in
a process of its own, with an interpreter that has it (`--synthax-python`; without one it is left
out). Rounds take turns, so that a busy machine is busy for all; the best round counts. Every
process is bound to the cores of its column. SynthAX renders given parameters and plays the same
stretch of noise in every sound; ours counts the way from u to human values, fresh noise and levels.
torchsynth 1.0.2 (`pip install --no-deps --target FOLDER torchsynth`) runs in this interpreter's
torch; two modules that are gone today and that it hardly uses, pytorch_lightning's base class and
pkg_resources, are stood in for. It draws its parameters anew in each batch, as ours does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

SECONDS, RATE_HZ, CONTROL_HZ = 1.0, 16_000, 480
SUBJECTS = ("soundkin, compiled", "soundkin, plain torch", "synthax, jitted", "torchsynth")
OTHERS = ("voice-fm", "parametric", "world")


def subject(name: str, batch: int, cores: list[int], patch: str):
    """A function of no arguments that renders one batch, in this process, on these cores."""
    os.sched_setaffinity(0, cores)
    if name.startswith("synthax"):
        import jax
        from synthax.config import SynthConfig
        from synthax.synth import Voice

        config = SynthConfig(
            batch_size=batch,
            sample_rate=RATE_HZ,
            buffer_size_seconds=SECONDS,
            control_rate=CONTROL_HZ,
        )
        synth = Voice(config)
        given = synth.init(jax.random.PRNGKey(0))
        render = jax.jit(synth.apply)
        return lambda: render(given).block_until_ready()
    import torch

    if name == "torchsynth":
        torch.set_num_threads(len(cores))
        return torchsynth(batch)

    sys.path.insert(0, str(Path(__file__).parent.parent))
    from soundkin.synth.doppelganger import draw, seeds
    from soundkin.synth.patches import make_patch

    torch.set_num_threads(len(cores))
    made, generator = make_patch(patch), torch.Generator().manual_seed(0)
    u = draw(made, batch, prior="uniform-human", generator=generator)
    noise = seeds(batch, generator=generator)
    if "plain" in name:
        return lambda: made.render(u, noise, plain=True)
    return lambda: made.render(u, noise)


def torchsynth(batch: int):
    """torchsynth's Voice, over stand-ins for what it needs and is gone."""
    import importlib.resources
    import types

    import torch

    class Module(torch.nn.Module):
        device = torch.device("cpu")

    names = "pytorch_lightning", "pytorch_lightning.core", "pytorch_lightning.core.lightning"
    gone = {name: types.ModuleType(name) for name in (*names, "pkg_resources")}
    gone[names[2]].LightningModule = Module
    gone["pkg_resources"].resource_string = lambda module, path: (
        importlib.resources.files(module.rpartition(".")[0]) / path
    ).read_bytes()
    sys.modules.update(gone)
    sys.path.insert(0, os.environ.get("TORCHSYNTH", ""))
    from torchsynth.config import SynthConfig
    from torchsynth.synth import Voice

    synth = Voice(
        SynthConfig(
            batch_size=batch, sample_rate=RATE_HZ, buffer_size_seconds=SECONDS,
            control_rate=CONTROL_HZ, reproducible=False,
        )
    )  # fmt: skip
    numbers = iter(range(1_000_000))

    def render():
        with torch.no_grad():
            return synth(next(numbers))

    return render


def serve(name: str, batch: int, cores: list[int], patch: str) -> None:
    """Answer each line with the wall and CPU seconds of one batch."""
    render = subject(name, batch, cores, patch)
    render()
    render()
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        render()
        print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)


class Runner:
    """One subject in its own process, warm and waiting."""

    def __init__(self, python: str, name: str, batch: int, cores: list[int], patch: str) -> None:
        order = [python, __file__, "--serve", name, "--batch", str(batch), "--patch", patch]
        order += ["--cores", *map(str, cores)]
        self.process = subprocess.Popen(
            order,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.ready = self.process.stdout.readline().strip() == "ready"
        self.best = [float("inf"), float("inf")]

    def round(self) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        taken = [float(part) for part in self.process.stdout.readline().split()]
        self.best = [min(pair) for pair in zip(self.best, taken, strict=True)]

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def measure(
    subjects: list[tuple[str, str, str]], batch: int, cores: list[int], rounds: int
) -> dict[tuple[str, str], tuple[float, float]]:
    """Sounds a second and sounds a CPU-second of each (name, python, patch), rounds taking turns."""
    runners = {(n, patch): Runner(py, n, batch, cores, patch) for n, py, patch in subjects}
    running = {key: runner for key, runner in runners.items() if runner.ready}
    for _ in range(rounds):
        for runner in running.values():
            runner.round()
    for runner in runners.values():
        runner.stop()
    return {key: tuple(batch / s for s in runner.best) for key, runner in running.items()}


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--synthax-python", default=sys.executable)
    asked.add_argument("--torchsynth", default="", help="folder with torchsynth in it")
    asked.add_argument("--rounds", type=int, default=7)
    asked.add_argument("--batch", type=int, default=256)
    asked.add_argument("--smoke", action="store_true")
    asked.add_argument("--serve", choices=SUBJECTS)
    asked.add_argument("--patch", default="voice")
    asked.add_argument("--cores", type=int, nargs="*")
    a = asked.parse_args()
    if a.serve:
        serve(a.serve, a.batch, a.cores, a.patch)
        return
    if a.smoke:
        a.rounds, a.batch = 1, 8
    from results import machine, table, write_section

    everywhere = sorted(os.sched_getaffinity(0))
    python = dict.fromkeys(SUBJECTS, sys.executable) | {SUBJECTS[2]: a.synthax_python}
    os.environ["TORCHSYNTH"] = str(Path(a.torchsynth).absolute()) if a.torchsynth else ""
    voices = [
        (name, python[name], "voice") for name in SUBJECTS if name != "torchsynth" or a.torchsynth
    ]
    rows, peer_by_cores = [], {}
    for cores in (everywhere[:1], everywhere[:2]):
        measured = measure(voices, a.batch, cores, a.rounds)
        peer = measured.get((SUBJECTS[2], "voice"))
        peer_by_cores[len(cores)] = peer
        for (name, _), (wall, cpu) in measured.items():
            times = f"{wall / peer[0]:.1f}" if peer else "-"
            of_cpu = f"{cpu / peer[1]:.1f}" if peer else "-"
            cells = [f"{wall:,.0f}", f"{wall * SECONDS:,.0f}", times, f"{cpu:,.0f}", of_cpu]
            rows.append([name, len(cores), *cells])
    others = measure(
        [(SUBJECTS[0], sys.executable, patch) for patch in OTHERS],
        a.batch,
        everywhere[:1],
        a.rounds,
    )
    rest = [[patch, f"{wall:,.0f}", f"{cpu:,.0f}"] for (_, patch), (wall, cpu) in others.items()]
    missing = [] if peer_by_cores[1] else ["SynthAX"]
    missing += [] if any(row[0] == "torchsynth" for row in rows) else ["torchsynth"]
    left_out = f" Not installed and left out: {', '.join(missing)}." if missing else ""
    head = (
        f"`python bench/synth.py`: {machine(len(everywhere))} Voice, {SECONDS:g} s at {RATE_HZ} Hz, "
        f"batch {a.batch}, best of {a.rounds} rounds in turn.{left_out}"
    )
    body = "\n\n".join(
        [
            head,
            table(
                [
                    "Voice",
                    "cores",
                    "sounds/s",
                    "x real time",
                    "x SynthAX",
                    "sounds/CPU-s",
                    "x SynthAX",
                ],
                rows,
            ),
            "The other patches, compiled, one core (their noise, levels and rooms included):",
            table(["patch", "sounds/s", "sounds/CPU-s"], rest),
        ]
    )
    if a.smoke:
        print(body)
    else:
        write_section("Synthesizer", body)


if __name__ == "__main__":
    main()
