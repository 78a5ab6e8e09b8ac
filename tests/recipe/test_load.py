"""Recipes: the published numbers, and what the loader refuses."""

from __future__ import annotations

import json

import pytest

from soundkin.errors import InputError, NotFound
from soundkin.recipe.load import as_tables, load_recipe, recipe_from, recipe_names

NAMES = {
    "autodecompose",
    "cochlea",
    "content",
    "doppelganger",
    "doppelganger-fast",
    "music",
    "music-equaliser",
    "music-pitch",
    "music-tempo",
    "sound",
    "timbre",
    "voice",
}


def test_every_recipe_loads_and_survives_json():
    assert set(recipe_names()) == NAMES
    for name in recipe_names():
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.title
        assert recipe.paper
        assert recipe_from(json.loads(json.dumps(as_tables(recipe)))) == recipe


def test_doppelganger_as_published():
    recipe = load_recipe("doppelganger")
    assert (recipe.data.patch, recipe.data.delta, recipe.data.rate_hz) == ("voice", 0.25, 16_000)
    assert recipe.run.batch * recipe.run.steps == pytest.approx(200 * 100_000, rel=1e-4)
    assert (recipe.optimiser.kind, recipe.optimiser.lr) == ("sgd", 0.12 * (768 // 256))
    assert recipe.optimiser.milestones == (0.775, 0.85, 0.925)
    assert (recipe.optimiser.weight_decay, recipe.optimiser.momentum) == (1e-6, 0)
    assert (recipe.frontend.preset, recipe.frontend.frames) == ("vggish", 96)
    assert (recipe.encoder.kind, recipe.encoder.dim, recipe.encoder.projection) == (
        "resnet",
        512,
        0,
    )


def test_cochlea_and_autodecompose_as_published():
    cochlea = load_recipe("cochlea")
    assert (cochlea.data.rate_hz, cochlea.data.window) == (11_025, 8192)
    assert (cochlea.objective.margin, cochlea.objective.mining) == (0.25, True)
    assert cochlea.deform.pitch_semitones == (-10, 9)
    assert (cochlea.optimiser.kind, cochlea.optimiser.lr) == ("adam", 1e-4)
    parts = load_recipe("autodecompose")
    assert parts.data.window == 64 * 256
    assert (parts.scramble.pivots, parts.scramble.band_lowest) == ((5, 20), 10)
    assert (parts.encoder.size, parts.run.batch) == ("large", 32)


def test_the_four_kinds_of_music_differ_in_their_invariance_alone():
    plain = as_tables(load_recipe("music"))
    changed = {}
    for name in ("music-pitch", "music-tempo", "music-equaliser"):
        tables = as_tables(load_recipe(name))
        assert {k: v for k, v in tables.items() if k not in {"name", "title", "deform"}} == {
            k: v for k, v in plain.items() if k not in {"name", "title", "deform"}
        }
        changed[name] = {k for k, v in tables["deform"].items() if v != plain["deform"][k]}
    assert changed == {
        "music-pitch": {"pitch_semitones", "probability"},
        "music-tempo": {"stretch", "probability"},
        "music-equaliser": {"equaliser_db", "probability"},
    }


def test_changes_are_read_as_toml_or_else_as_text():
    recipe = load_recipe(
        "doppelganger",
        ["data.delta=0.1", "data.patch=voice-fm", "optimiser.milestones=[0.5]", "run.batch = 32"],
    )
    assert (recipe.data.delta, recipe.data.patch) == (0.1, "voice-fm")
    assert (recipe.optimiser.milestones, recipe.run.batch) == ((0.5,), 32)
    assert recipe.optimiser.lr == 0.36


def test_a_recipe_of_ones_own_may_extend_another(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('extends = "doppelganger"\n[data]\ndelta = 0.5\n', encoding="utf-8")
    mine = load_recipe(file)
    assert (mine.name, mine.data.delta, mine.run.batch) == ("mine", 0.5, 768)
    file.write_text("[data\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"mine\.toml is no TOML"):
        load_recipe(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "data.detla=0.1",
            r"key 'data\.detla' is unknown; expected one of data\.source, data\.rat",
        ),
        ("dta.delta=0.1", r"key 'dta' is unknown; expected one of name, title, paper, data"),
        ("data.delta=1.5", r"data\.delta = 1\.5; expected 0 to 1"),
        ("data.delta=-0.1", r"data\.delta = -0\.1; expected 0 to 1"),
        ("data.delta=true", r"data\.delta = True; expected a number"),
        ("data.delta=much", r"data\.delta = 'much'; expected a number"),
        ("data.patch=organ", r"data\.patch = 'organ'; expected one of voice, voice-fm"),
        ("run.batch=1.5", r"run\.batch = 1\.5; expected a whole number"),
        ("run.batch=1", r"run\.batch = 1; expected 2 to"),
        ("deform.stretch=[0.5]", r"deform\.stretch = \[0\.5\]; expected a list of 2 numbers"),
        ("deform.stretch=[0.0, 1.0]", r"deform\.stretch = 0; expected 0\.2 to 1"),
        ("deform.one_a_batch=1", r"deform\.one_a_batch = 1; expected true or false"),
        ("frontend.preset=3", r"frontend\.preset = 3; expected text"),
        ("encoder.kind=sequence", "the encoder 'sequence' and the objective 'autodecompose' toge"),
        ("delta=0.1", r"'delta=0\.1'; expected section\.key=value"),
        ("data.delta", r"'data\.delta'; expected section\.key=value"),
        ("name.x=1", "'name' is no section of settings; expected section.key=value"),
    ],
)
def test_a_wrong_change_is_refused_in_one_sentence(change, message):
    with pytest.raises(InputError, match=message):
        load_recipe("doppelganger", [change])


def test_an_unknown_recipe_names_the_recipes():
    with pytest.raises(NotFound, match="no recipe 'dopelganger'; expected one of autodecompose"):
        load_recipe("dopelganger")
