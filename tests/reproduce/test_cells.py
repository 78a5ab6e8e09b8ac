"""Cells of a study that trains nothing: what is done stays, budgets do not mix, errors are one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

from soundkin.errors import InputError
from soundkin.reproduce import cells, learn, page, run, sound
from soundkin.reproduce.cells import Cell, Place, claim, run_cells, state_of
from soundkin.reproduce.learn import Learnt
from soundkin.reproduce.page import Page


def made_study(log, broken=()):
    """Two settings of two seeds, the second begins with the first; `log` hears of each training."""

    def measure(cell, learnt, place):
        if cell.name in broken:
            raise KeyboardInterrupt
        values = [0.5 + cell.seed, 1.0, float("nan")]
        return {"tasks": {"toy": {"groups": ["a", "b", "c"], "linear": values}}}

    def all_cells(seeds):
        plain = [Cell("plain", seed, "toy") for seed in range(seeds)]
        return [*plain, *(Cell("tuned", seed, "toy", after="plain") for seed in range(seeds))]

    return SimpleNamespace(
        TITLE="A toy", MAIN=("plain", "tuned"), cells=all_cells, measure=measure,
        sound=lambda cell, place: None,
        page=lambda results, place: Page(f"{len(results)} cells\n", {"a.svg": "<svg/>"}),
    )  # fmt: skip


@pytest.fixture
def place(tmp_path):
    return Place(out=tmp_path / "out", data=None, cache=tmp_path / "cache", minutes=1.0, seeds=2)


@pytest.fixture
def log(monkeypatch):
    """What was trained, in order."""
    heard = []

    def learnt(cell, folder, place):
        heard.append(cell.name)
        training = place.out / "training" / cell.name
        training.mkdir(parents=True, exist_ok=True)
        (training / "checkpoint.pt").write_bytes(b"x")
        return Learnt({}, {"steps": 3, "pairs": 12, "minutes": 0.1, "warnings": []})

    monkeypatch.setattr(cells, "learn", learnt)
    return heard


def test_a_killed_run_goes_on_and_what_is_done_stays(place, log):
    with pytest.raises(KeyboardInterrupt):
        run_cells(made_study(log, broken=["tuned.0"]), "toy", place)
    assert log == ["plain.0", "plain.1", "tuned.0"]
    found = sorted(path.name for path in (place.out / "cells").iterdir())
    assert found == ["plain.0.json", "plain.1.json"]
    before = {path: path.stat().st_mtime_ns for path in (place.out / "cells").iterdir()}
    state = run_cells(made_study(log), "toy", place)
    assert log[3:] == ["tuned.0", "tuned.1"]
    assert (len(state.done), state.todo, state.left_s) == (4, (), 0)
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    # what others begin with is kept, all else gives its checkpoint back
    kept = sorted(path.parent.name for path in place.out.rglob("checkpoint.pt"))
    assert kept == ["plain.0", "plain.1"]
    kept = json.loads((place.out / "cells" / "tuned.1.json").read_text())
    assert kept["budget"] == "1 minutes"
    assert kept["cell"]["after"] == "plain"


def test_only_some_cells_and_what_they_begin_with(place, log):
    study = made_study(log)
    heard = []
    run_cells(study, "toy", place, only=["tuned.1"], on_cell=lambda *x: heard.append(x))
    assert log == ["plain.1", "tuned.1"]
    assert [name for name, _ in heard] == log
    assert heard[0][1].left_s == 120  # two cells of a minute
    state = state_of(study.cells(2), place)
    assert state.todo == ("plain.0", "tuned.0")
    with pytest.raises(InputError, match=r"no cell 'tund'; expected one of plain, tuned, or one"):
        run_cells(study, "toy", place, only=["tund"])


def test_a_folder_has_one_budget_and_one_study(place, log):
    run_cells(made_study(log), "toy", replace(place, seeds=1))
    longer = Place(out=place.out, data=None, cache=place.cache, minutes=5.0)
    message = r"holds cells with budget '1 minutes', not '5 minutes'; .*; choose another --out"
    with pytest.raises(InputError, match=message):
        claim("toy", longer)
    with pytest.raises(InputError, match="with study 'toy', not 'other'"):
        claim("other", place)
    (place.out / "cells" / "plain.0.json").write_text("{")
    with pytest.raises(InputError, match=r"plain.0.json' is damaged .* delete it and run again"):
        cells.results(made_study(log).cells(1), place)


def test_the_page_is_made_of_what_is_done(place, log, monkeypatch):
    monkeypatch.setattr(run, "study_named", lambda name: made_study(log, broken=["tuned.0"]))
    with pytest.raises(KeyboardInterrupt):
        run.reproduce("toy", place)
    assert (place.out / "table.md").read_text() == "2 cells\n"
    rows, left_s = run.listed("toy", place)
    assert rows == [("plain.0", True), ("plain.1", True), ("tuned.0", False), ("tuned.1", False)]
    assert left_s >= 0
    monkeypatch.setattr(run, "study_named", lambda name: made_study(log))
    assert run.reproduce("toy", place).read_text() == "4 cells\n"
    with pytest.raises(InputError, match="0 seeds"):
        run.place_for("locality", seeds=0)


def test_what_is_not_the_main_comparison_has_fewer_seeds(tmp_path, log):
    study = made_study(log)
    study.MAIN = ("plain",)
    place = Place(out=tmp_path / "out", data=None, cache=tmp_path, minutes=1.0, seeds=3)
    run_cells(study, "toy", place)
    assert log == ["plain.0", "plain.1", "plain.2", "tuned.0"]
    run_cells(study, "toy", replace(place, others=2))
    assert log[4:] == ["tuned.1"]
    study.MAIN = ()  # more seeds of the others than of the main comparison
    run_cells(study, "toy", replace(place, out=tmp_path / "most", seeds=1, others=2))
    kept = sorted(path.parent.name for path in (tmp_path / "most").rglob("checkpoint.pt"))
    assert kept == ["plain.0", "plain.1"]


def test_budgets_are_kept_by_the_folder(tmp_path):
    first = run.place_for("locality", out=tmp_path, steps=20)
    assert first.budget == "20 steps"
    claim("locality", first)
    assert run.place_for("locality", out=tmp_path).steps == 20
    assert run.place_for("locality", out=tmp_path / "new").budget == "5 minutes"
    busy = run.place_for("locality", out=tmp_path / "busy", cpu_minutes=2)
    assert (busy.budget, busy.of_cpu, busy.steps) == ("2 CPU-minutes", True, None)
    claim("locality", busy)
    assert run.place_for("locality", out=tmp_path / "busy") == busy
    with pytest.raises(InputError, match="one of them"):
        run.place_for("locality", minutes=1, steps=2)
    with pytest.raises(InputError, match="more than nothing"):
        run.place_for("locality", minutes=0)
    with pytest.raises(InputError, match=r"no study 'localty'; expected one of doppelganger, loc"):
        run.place_for("localty")


def test_cells_answers_become_intervals(place, log):
    run_cells(made_study(log), "toy", place)
    done = page.by_setting(cells.results(made_study(log).cells(2), place))
    found = page.measured(done["plain"], "toy", "linear")
    assert found.value == pytest.approx((0.5 + 1 + 1.5 + 1) / 4)
    assert found.low < found.value < found.high
    assert page.measured(done["plain"], "other", "linear") is None
    table = page.table_of(done, {"toy": page.by_task("toy", "linear")})
    assert table[0] == "| setting | seeds | toy |"
    assert len(table) == 4


def test_what_must_be_there_is_asked_for(place, tmp_path):
    with pytest.raises(InputError, match=r"give --data FOLDER or set SOUNDKIN_DATA"):
        place.sets()
    gone = Place(out=tmp_path, data=tmp_path / "gone", cache=tmp_path)
    with pytest.raises(InputError, match="no folder"):
        sound.sets_in(gone)


@pytest.mark.parametrize("name", run.NAMES)
def test_cells_of_every_study_have_names_of_their_own(name):
    found = run.study_named(name).cells(2)
    names = [cell.name for cell in found]
    assert len(set(names)) == len(names)
    assert not [cell for cell in names if set(cell) & set(" ,/")]
    settings = {cell.setting for cell in found}
    assert {"mfcc", "log-mel", "random-weights"} <= settings
    assert all(not cell.after or cell.after in settings for cell in found)
    # every recipe with its changes can be read
    for cell in found:
        if cell.recipe:
            learn.load_recipe(cell.recipe, [*cell.changes])
