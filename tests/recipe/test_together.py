"""Several processes train one network: the same steps as one process with their batches together."""

# ruff: noqa: E402
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from soundkin.errors import InputError
from soundkin.recipe.load import load_recipe
from soundkin.recipe.together import Together, together
from soundkin.recipe.views import Views
from soundkin.train import train

ROOT = Path(__file__).parents[2]
CHANGES = [
    "encoder.size=dense", "encoder.dim=4", "run.batch=4", "run.log_steps=1", "optimiser.kind=sgd",
    "optimiser.lr=0.5", "scramble.pivots=[0, 0]", "scramble.time_masks=0",
    "scramble.band_stretch=[0.0, 0.0]", "scramble.band_masks=0",
]  # fmt: skip
PROGRAM = """
import os, sys
from pathlib import Path
import torch
from tests.recipe.test_together import drawn, recipe
from soundkin.recipe.load import load_recipe
from soundkin.train import train
torch.set_num_threads(1)
folder, steps, minutes = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
rank = int(os.environ["RANK"])
heard = []
state = train(
    recipe(minutes), folder, steps=steps, draw=drawn(rank, 2), listen=lambda row, _: heard.append(row)
)
assert state.first == (rank == 0)
assert bool(heard) == (rank == 0)
torch.save(state.model.state_dict(), folder / f"weights-{rank}.pt")
"""


def recipe(minutes=5.0):
    return load_recipe("autodecompose", [*CHANGES, f"run.checkpoint_minutes={minutes}"])


def drawn(rank, world):
    """The share of a batch of 8 that a process sees; the batch is another at every draw."""

    def draw(generator):
        # each process draws from its own generator: only how often it drew counts
        generator.get_state()
        draw.count += 1
        whole = torch.Generator().manual_seed(draw.count)
        a = torch.randn(8, 16_384, generator=whole).mul_(0.1)[rank::world]
        return Views(a, a, torch.full((len(a),), -1))

    draw.count = 0
    return draw


def test_one_process_is_left_alone():
    with together("cpu") as (group, device):
        assert group == Together()
        assert group.first
        assert device.type == "cpu"
        assert group.agree(True, False) == (True, False)
        assert group.one_first(lambda: 3) == 3
        generator = torch.Generator().manual_seed(3)
        [state] = group.states(generator)
        assert state.equal(generator.get_state())
    model = torch.nn.Linear(2, 1)
    model(torch.ones(1, 2)).sum().backward()
    before = model.weight.grad.clone()
    group.average_gradients(model)
    assert model.weight.grad.equal(before)


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there(device, tmp_path):
    with pytest.raises(InputError, match=rf"no device '{device}' here; expected cpu, or cuda"):
        train(recipe(), tmp_path / "out", device=device, draw=drawn(0, 1))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_take_the_steps_of_one_with_both_batches(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)

    def run(folder, steps, minutes=5.0):
        order = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        order += ["--nproc-per-node", "2", str(script), str(folder), str(steps), str(minutes)]
        done = subprocess.run(
            order, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return [torch.load(folder / f"weights-{rank}.pt") for rank in (0, 1)]

    ours = run(tmp_path / "two", 5)
    alone = train(recipe(), tmp_path / "one", steps=5, draw=drawn(0, 1)).model.state_dict()
    start = train(recipe(), tmp_path / "none", steps=1, draw=drawn(0, 1)).model.state_dict()
    for name, value in alone.items():
        assert ours[0][name].equal(ours[1][name])
        torch.testing.assert_close(ours[0][name], value, atol=2e-5, rtol=1e-4)
    moved = max((alone[n] - start[n]).abs().max() for n in alone if "weight" in n)
    assert moved > 1e-3
    kept = torch.load(tmp_path / "two" / "checkpoint.pt", weights_only=True)
    assert len(kept["generators"]) == 2
    assert not kept["generators"][0].equal(kept["generators"][1])
    # stopped and gone on: a checkpoint after every step
    again = run(tmp_path / "two", 6, 0.0)
    assert again[0]["voice.net.last.weight"].equal(again[1]["voice.net.last.weight"])
