"""The loop: every recipe takes steps and learns, a killed training goes on exactly, errors say what."""

# ruff: noqa: E402
from __future__ import annotations

import csv
import json
import math
import shutil
import sys
import types
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from soundkin.errors import InputError
from soundkin.recipe.assemble import PairModel, build_model, without_voice
from soundkin.recipe.load import load_recipe, recipe_names
from soundkin.recipe.monitor import knn_accuracy
from soundkin.recipe.settings import Optimiser
from soundkin.recipe.sounds import open_sounds
from soundkin.recipe.views import Views, draw_views
from soundkin.train import _average, embed_all, rate_factor, train
from tests.recipe.folders import labelled_folder, write_wav

TINY = {
    "doppelganger": ["encoder.width=8", "encoder.dim=16", "run.batch=8", "optimiser.lr=0.02"],
    "doppelganger-fast": ["encoder.widths=[4, 8, 8, 8]", "encoder.projection=8", "run.batch=8"],
    "sound": ["encoder.widths=[4, 4, 8, 8, 8]", "encoder.projection=8", "run.batch=6"],
    "cochlea": [
        "encoder.width=8", "encoder.dim=8", "frontend.hop=32", "frontend.pool=16", "run.batch=6",
        "optimiser.lr=0.003",
    ],
    "music": ["encoder.widths=[4, 8, 8, 8]", "data.window=16000", "run.batch=6"],
    "autodecompose": ["encoder.size=dense", "encoder.dim=8", "run.batch=6"],
    "voice": ["encoder.widths=[4, 4, 8, 8, 8]", "encoder.projection=8", "run.batch=8"],
    "content": ["encoder.widths=[4, 4, 8, 8, 8]", "encoder.projection=8", "run.batch=8"],
}  # fmt: skip


def tiny(name, *changes):
    base = name if name in TINY else "music"
    return load_recipe(name, [*TINY[base], "run.log_steps=1", *changes])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return labelled_folder(tmp_path_factory.mktemp("sound"), each=3)


@pytest.mark.parametrize("name", recipe_names())
def test_twenty_steps_of_every_recipe_lower_the_loss_of_a_batch(name, folder, tmp_path):
    recipe = tiny(name)
    sounds = None
    if recipe.data.source == "folder":
        sounds = open_sounds(folder, rate_hz=recipe.data.rate_hz, cache=tmp_path / "cache")
    views = draw_views(recipe, sounds, torch.Generator().manual_seed(0))
    before = [p.detach().clone() for p in build_model(recipe).parameters()]
    state = train(recipe, tmp_path / "out", steps=20, draw=lambda _: views)
    assert [row.step for row in state.rows] == list(range(1, 21))
    losses = [row.loss for row in state.rows]
    assert all(math.isfinite(loss) for loss in losses)
    assert sum(losses[-4:]) < sum(losses[:4])
    pairs = zip(state.model.parameters(), before, strict=True)
    moved = [not p.equal(q) for p, q in pairs if p.requires_grad]
    assert sum(moved) > 0.9 * len(moved)


@pytest.mark.parametrize(
    "name",
    [
        "doppelganger-fast",
        "music-pitch",
        "autodecompose",
        pytest.param("cochlea", marks=pytest.mark.slow),
    ],
)
def test_a_killed_training_goes_on_exactly(name, folder, tmp_path):
    recipe = tiny(name, "run.checkpoint_minutes=0.0", "optimiser.schedule=cosine")

    def stop(row, share):
        if row.step == 4:
            raise KeyboardInterrupt

    how = {"data": None if name.startswith("dop") else folder, "steps": 7}
    how["cache"] = tmp_path / "cache"
    whole = train(recipe, tmp_path / "whole", **how)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "killed", listen=stop, **how)
    resumed = train(recipe, tmp_path / "killed", **how)
    assert [row.loss for row in resumed.rows] == [row.loss for row in whole.rows]
    assert [row.lr for row in resumed.rows] == [row.lr for row in whole.rows]
    for one, other in zip(
        resumed.model.state_dict().values(), whole.model.state_dict().values(), strict=True
    ):
        assert one.equal(other)
    logs = []
    for run in ("whole", "killed"):
        with (tmp_path / run / "log.csv").open(newline="") as log:
            logs.append([row["loss"] for row in csv.DictReader(log)])
    assert logs[0] == logs[1]
    assert len(logs[0]) == 7


def test_the_same_seed_gives_the_same_training_and_another_seed_another(tmp_path):
    losses = []
    for k, seed in enumerate((0, 0, 1)):
        recipe = tiny("doppelganger-fast", f"run.seed={seed}")
        torch.manual_seed(k)  # what others drew before is no matter
        state = train(recipe, tmp_path / str(k), steps=3)
        losses.append([row.loss for row in state.rows])
    assert losses[0] == losses[1] != losses[2]


def test_minutes_end_it_and_the_log_says_what_was_measured(folder, tmp_path):
    heard = []
    state = train(
        tiny("doppelganger-fast"), tmp_path, minutes=0.03, labelled=folder,
        listen=lambda row, share: heard.append((row, share)),
    )  # fmt: skip
    assert 1.8 <= state.elapsed_s < 60
    assert [row for row, _ in heard] == state.rows
    assert 0 <= heard[0][1] < heard[-1][1] < 1
    for row in state.rows:
        assert 0 <= row.knn <= 1
        assert 1 <= row.effective_rank <= 16
        assert row.pairs_per_s > 0
    assert json.loads((tmp_path / "recipe.json").read_text())["name"] == "doppelganger-fast"
    assert not list(tmp_path.glob("*.part"))
    assert not state.model.training


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Optimiser(schedule="constant"), {0: 1, 0.5: 1, 0.99: 1}),
        (Optimiser(schedule="cosine"), {0: 1, 1 / 3: 0.75, 0.5: 0.5, 2 / 3: 0.25, 1: 0}),
        (
            Optimiser(schedule="step", milestones=(0.775, 0.85, 0.925)),
            {0: 1, 0.774: 1, 0.775: 0.1, 0.86: 0.01, 0.93: 0.001},
        ),
        (
            Optimiser(schedule="cosine", warmup=0.2),
            {0.05: 0.25 * 1, 0.1: 0.5, 0.2: 1, 0.6: 0.5, 1: 0},
        ),
    ],
)
def test_schedules(how, expected):
    for share, factor in expected.items():
        assert rate_factor(share, how) == pytest.approx(factor, abs=1e-6)


def test_the_averaged_weights_trail_behind_and_are_what_is_kept(tmp_path):
    recipe = tiny("doppelganger-fast", "optimiser.ema=0.9", "optimiser.lr=0.05")
    plain = train(tiny("doppelganger-fast", "optimiser.lr=0.05"), tmp_path / "a", steps=4)
    state = train(recipe, tmp_path / "b", steps=4)
    with torch.random.fork_rng():
        torch.manual_seed(recipe.run.seed)
        start = build_model(recipe)
    with torch.no_grad():
        far = sum(
            (p - q).norm()
            for p, q in zip(plain.model.parameters(), start.parameters(), strict=False)
        )
        near = sum(
            (p - q).norm()
            for p, q in zip(state.model.parameters(), start.parameters(), strict=False)
        )
    assert 0.5 * far < near < far  # in the first steps it follows closely
    assert [row.loss for row in plain.rows] == [row.loss for row in state.rows]


def test_the_average_by_hand():
    model = torch.nn.BatchNorm1d(2)
    state = type("State", (), {"model": model, "averaged": {}, "step": 1000})()
    _average(state, 0.9)
    assert state.averaged == {}
    state.averaged = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        model.weight.copy_(torch.tensor([2.0, 3.0]))
        model.num_batches_tracked.fill_(5)
    _average(state, 0.9)
    torch.testing.assert_close(state.averaged["weight"], torch.tensor([1.1, 1.2]))
    assert state.averaged["num_batches_tracked"] == 5
    state.step = 0  # a tenth of the beginning is left after the first step
    state.averaged["weight"] = torch.tensor([1.0, 1.0])
    _average(state, 0.9)
    torch.testing.assert_close(state.averaged["weight"], torch.tensor([1.9, 2.8]))


def test_a_collapse_is_warned_of_once(tmp_path):
    one = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0)).expand(8, -1)
    views = Views(one, one, torch.full((8,), -1))
    heard = []
    how = {"steps": 3, "draw": lambda _: views, "tell": heard.append}
    state = train(tiny("doppelganger-fast"), tmp_path, **how)
    assert len(state.warnings) == 1
    assert "the embeddings are collapsing: effective rank" in state.warnings[0]
    assert heard == state.warnings


def test_a_checkpoint_of_another_recipe_is_refused_and_left_alone(tmp_path):
    train(tiny("doppelganger-fast"), tmp_path, steps=2)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(InputError, match=r"of another recipe \(data\.delta was 0\.25, is 0\.1\)"):
        train(tiny("doppelganger-fast", "data.delta=0.1"), tmp_path, steps=3)
    with pytest.raises(InputError, match=r"name was 'doppelganger-fast', is 'doppelganger'"):
        train(tiny("doppelganger"), tmp_path, steps=3)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    longer = train(tiny("doppelganger-fast", "run.log_steps=2"), tmp_path, steps=4)
    assert longer.step == 4
    # one from before a setting was there had it at what it is without being named
    older = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    del older["recipe"]["data"]["shorten"]
    torch.save(older, tmp_path / "checkpoint.pt")
    assert train(tiny("doppelganger-fast"), tmp_path, steps=5).step == 5
    with pytest.raises(InputError, match=r"\(data\.shorten was 0\.0, is 0\.5\)"):
        train(tiny("doppelganger-fast", "data.shorten=0.5"), tmp_path, steps=6)


def test_a_folder_that_is_wanting_and_a_loss_that_is_no_number(tmp_path):
    with pytest.raises(InputError, match=r"recipe 'music' without sound; .*give --data FOLDER"):
        train(tiny("music"), tmp_path / "a", steps=1)
    broken = torch.full((8, 16_000), float("nan"))
    views = Views(broken, broken, torch.full((8,), -1))
    with pytest.raises(InputError, match=r"the loss is nan at step 0; expected a number; lower op"):
        train(tiny("doppelganger"), tmp_path / "b", steps=2, draw=lambda _: views)


def too_large(above, fail):
    """A loss that fails where there are more pairs than `above`."""
    loss = PairModel.loss

    def limited(model, views, generator):
        if len(views.a) > above:
            fail()
        return loss(model, views, generator)

    return limited


def full_gpu():
    raise torch.OutOfMemoryError("CUDA out of memory")


@pytest.mark.parametrize("fail", [full_gpu, lambda: torch.empty(1 << 50)], ids=["cuda", "cpu"])
def test_a_batch_that_does_not_fit_names_one_that_does_and_nothing_is_lost(
    fail, tmp_path, monkeypatch
):
    train(tiny("doppelganger-fast"), tmp_path, steps=1)
    kept = (tmp_path / "checkpoint.pt").read_bytes()
    monkeypatch.setattr(PairModel, "loss", too_large(3, fail))
    said = r"a batch of 8 does not fit the memory of cpu; .*: 2 was tried and fits; set run\.batch=2\.$"
    with pytest.raises(InputError, match=said):
        train(tiny("doppelganger-fast"), tmp_path, steps=2)
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept
    state = train(tiny("doppelganger-fast", "run.batch=2"), tmp_path / "small", steps=1)
    assert state.step == 1
    monkeypatch.setattr(PairModel, "loss", too_large(1, fail))
    with pytest.raises(InputError, match=r"more memory: 2 do not fit either; choose a smaller"):
        train(tiny("doppelganger-fast"), tmp_path, steps=2)


@pytest.mark.parametrize("length", [{"steps": 0}, {"steps": -3}, {"minutes": 0.0}])
def test_no_time_is_no_training(length, tmp_path):
    with pytest.raises(InputError, match=r"(steps|minutes) = \S+; expected more than 0"):
        train(tiny("doppelganger-fast"), tmp_path / "out", **length)
    assert not (tmp_path / "out").exists()


def test_other_errors_of_a_step_are_no_full_memory(tmp_path, monkeypatch):
    def wrong(*_):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(PairModel, "loss", wrong)
    with pytest.raises(RuntimeError, match="shapes differ"):
        train(tiny("doppelganger-fast"), tmp_path, steps=1)


def test_what_a_folder_lacks_is_told_at_once_and_kept_for_the_card(folder, tmp_path):
    mixed = shutil.copytree(folder, tmp_path / "sound")
    (mixed / "no.wav").write_bytes(b"")
    write_wav(mixed / "short.wav", np.sin(np.arange(8000) / 3))
    heard = []
    how = {"data": mixed, "steps": 1, "tell": heard.append}
    state = train(tiny("music"), tmp_path / "a", **how)
    assert heard == state.warnings
    assert heard == [
        "1 of the files gave no usable sound and are passed over",
        "1 of 13 sounds are shorter than the window of 1 s: silence fills it",
    ]
    recipe = tiny("music", "data.window=48000")
    with pytest.raises(
        InputError, match=r"none of the 13 sounds is as long as the window of 3 s; "
    ):
        train(recipe, tmp_path / "b", **how)


def test_tensorboard_hears_every_row_and_is_missed_in_one_sentence(tmp_path, monkeypatch):
    written = {}

    class SummaryWriter:
        def __init__(self, folder):
            written["folder"] = folder

        def add_scalar(self, name, value, step):
            written[name, step] = value

        def flush(self):
            pass

    fake = types.ModuleType("torch.utils.tensorboard")
    fake.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    state = train(tiny("doppelganger-fast"), tmp_path, steps=2, tensorboard=True)
    assert written["folder"] == str(tmp_path / "tensorboard")
    assert [written["loss", row.step] for row in state.rows] == [row.loss for row in state.rows]
    assert ("knn", 1) not in written
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"not installed; .*run `pip install tensorboard`"):
        train(tiny("doppelganger-fast"), tmp_path / "b", steps=1, tensorboard=True)


CONVNET = ["encoder.widths=[8, 16, 32, 64]", "encoder.projection=64"]
MUSIC = ["run.batch=24", "data.window=32000", "run.steps=40"]
REAL = {
    "doppelganger": [
        "encoder.width=8", "encoder.dim=64", "run.batch=96", "data.delta=0.1", "optimiser.lr=0.2",
        "run.steps=60",
    ],
    "doppelganger-fast": [*CONVNET, "run.batch=128", "data.delta=0.1", "run.steps=150"],
    "sound": [*CONVNET, "run.batch=96", "data.deltas=[0.05, 0.15]", "run.steps=150"],
    "timbre": [*CONVNET, "run.batch=96", "data.deltas=[0.05, 0.15]", "run.steps=150"],
    "cochlea": ["encoder.width=24", "run.batch=12", "optimiser.lr=0.001", "run.steps=120"],
    "music": MUSIC,
    "music-pitch": MUSIC,
    "music-tempo": MUSIC,
    "music-equaliser": MUSIC,
    "autodecompose": [
        "encoder.size=small", "encoder.dim=8", "run.batch=16", "optimiser.lr=0.002",
        "optimiser.schedule=cosine", "run.steps=400",
    ],
    "voice": [*CONVNET, "run.batch=64", "run.steps=150"],
    "content": [*CONVNET, "run.batch=64", "run.steps=150"],
}  # fmt: skip
"""Small networks and as many steps as take a free core less than two minutes."""


def task(name, data_dir, cache):
    """A folder to train on, and a measure in which the recipe should beat its random beginning.

    Which of 200 sounds it is, by one fresh pair of each: for doppelgängers pairs at a delta of 0.05,
    half of that trained with, as those of random weights at larger ones cannot be found; for
    Autodecompose a crop of speech and the same with its voice altered, by the codes of its content,
    frame after frame. (Who speaks is no such measure: random weights know the voice by its mean
    spectrum, and minutes do not teach more.)
    """
    recipe = load_recipe(name, [*REAL[name], "run.batch=200", "deform.one_a_batch=false"])
    labels, folder, sounds = np.tile(np.arange(200), 2), None, None
    if recipe.data.source == "synth":
        recipe = replace(recipe, data=replace(recipe.data, delta=0.05, deltas=(0.0, 0.0)))
    else:
        speech = "librispeech" if recipe.data.kin else "esc10"
        folder = data_dir / ("speechocean" if name == "autodecompose" else speech)
        sounds = open_sounds(folder, rate_hz=recipe.data.rate_hz, cache=cache)
    views = draw_views(recipe, sounds, torch.Generator().manual_seed(99))

    @torch.no_grad()
    def accuracy(model):
        if name != "autodecompose":
            return knn_accuracy(embed_all(model, torch.cat([views.a, views.b])), labels)
        model.eval()
        frames = model.frames(views.a)
        altered = without_voice(frames, recipe.scramble, torch.Generator().manual_seed(5))
        codes = torch.cat([model.content(frames), model.content(altered)])
        return knn_accuracy(codes.flatten(1), labels)

    return folder, accuracy


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("name", recipe_names())
def test_two_minutes_lower_the_loss_and_raise_knn_accuracy(name, data_dir, tmp_path):
    recipe = load_recipe(name, [*REAL[name], "run.log_steps=5"])
    folder, accuracy = task(name, data_dir, tmp_path / "cache")
    with torch.random.fork_rng():
        torch.manual_seed(recipe.run.seed)
        start = build_model(recipe)
    before = accuracy(start)
    state = train(recipe, tmp_path, data=folder, cache=tmp_path / "cache")
    losses = [row.loss for row in state.rows]
    tenth = max(1, len(losses) // 10)
    after = accuracy(state.model)
    first, last = sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth
    told = f"{name}: steps {state.step}, loss {first:.3f} -> {last:.3f}"
    print(f"{told}, 1-NN {before:.3f} -> {after:.3f}")  # noqa: T201 - what was found
    assert last < first
    assert after > before
