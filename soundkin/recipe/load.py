"""TOML -> a recipe, changed by `key=value`.

Unknown keys, wrong types and values out of range are refused with the names of what there is.
"""

# ruff: noqa: ANN401 - what a file holds can be anything
from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from soundkin.errors import InputError, NotFound
from soundkin.recipe.settings import Recipe

HERE = Path(__file__).parent
Section = TypeVar("Section")


def recipe_names() -> list[str]:
    """Names of the recipes there are.

    Examples
    --------
    >>> "doppelganger" in recipe_names()
    True
    """
    return sorted(path.stem for path in HERE.glob("*.toml"))


def load_recipe(name: str | Path, changes: tuple[str, ...] | list[str] = ()) -> Recipe:
    """A recipe by its name or the path of a .toml file, with `key=value` changes.

    A recipe may extend another: what it does not say is said there. Raises NotFound, which lists
    the recipes, and InputError for unknown keys, wrong types and values out of range.

    Examples
    --------
    >>> load_recipe("doppelganger", ["data.delta=0.1"]).data.delta
    0.1
    """
    tables = _read(name)
    for change in changes:
        _change(tables, change)
    return recipe_from(tables)


def recipe_from(tables: dict[str, Any]) -> Recipe:
    """Nested tables -> a recipe, checked."""
    recipe = _section(Recipe, tables, "")
    _check(recipe)
    return recipe


def as_tables(recipe: Recipe) -> dict[str, Any]:
    """A recipe as nested tables that :func:`recipe_from` and JSON take."""
    return dataclasses.asdict(recipe)


def _read(name: str | Path) -> dict[str, Any]:
    """The tables of a recipe, over those that it extends."""
    path = Path(name) if str(name).endswith(".toml") else HERE / f"{name}.toml"
    if not path.is_file():
        raise NotFound(
            f"no recipe {str(name)!r}", f"one of {', '.join(recipe_names())}, or a .toml file"
        )
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is no TOML ({error})", "a recipe", "mend that line") from error
    base = tables.pop("extends", None)
    if base is None:
        return {"name": path.stem, **tables}
    under = _read(base)
    for key, value in tables.items():
        both = isinstance(value, dict) and isinstance(under.get(key), dict)
        under[key] = {**under[key], **value} if both else value
    return {**under, "name": tables.get("name", path.stem)}


def _change(tables: dict[str, Any], change: str) -> None:
    """Apply one `section.key=value`; the value is read as TOML, or else as text."""
    key, equals, text = change.partition("=")
    section, dot, name = key.strip().partition(".")
    if not (equals and dot):
        raise InputError(f"{change!r}", "section.key=value, for instance data.delta=0.1")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    inner = tables.setdefault(section, {})
    if not isinstance(inner, dict):
        raise InputError(f"{section!r} is no section of settings", "section.key=value")
    inner[name] = value


def _section(kind: type[Section], table: Any, where: str) -> Section:
    """A table -> a section; nested sections too."""
    hints = get_type_hints(kind)
    if not isinstance(table, dict):
        raise InputError(f"{where} = {table!r}", f"a section with {', '.join(hints)}")
    prefix = f"{where}." if where else ""
    for key in table:
        if key not in hints:
            names = ", ".join(prefix + hint for hint in hints)
            raise InputError(f"key {prefix + key!r} is unknown", f"one of {names}")
    return kind(**{key: _value(hints[key], table[key], prefix + key) for key in table})


def _value(hint: Any, value: Any, where: str) -> Any:
    """A value in the type that the hint asks for."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _section(hint, value, where)
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise InputError(f"{where} = {value!r}", f"one of {', '.join(get_args(hint))}")
        return value
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), value, where)
    fits = (int, float) if hint is float else hint
    if not isinstance(value, fits) or (isinstance(value, bool) and hint is not bool):
        raise InputError(f"{where} = {value!r}", _NAMES[hint])
    return float(value) if hint is float else value


_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def _tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    """A list -> a tuple of the kinds; `...` for any length."""
    if kinds[-1] is ...:
        kinds = kinds[:1] * (len(value) if isinstance(value, list | tuple) else 0)
    if not isinstance(value, list | tuple) or len(value) != len(kinds):
        raise InputError(f"{where} = {value!r}", f"a list of {len(kinds)} numbers")
    return tuple(_value(kind, one, where) for kind, one in zip(kinds, value, strict=True))


def _check(recipe: Recipe) -> None:
    """Raise InputError for a value out of its range."""
    data, deform, run, optimiser = recipe.data, recipe.deform, recipe.run, recipe.optimiser
    _within("data.delta", data.delta, 0, 1)
    _within("data.deltas", data.deltas[0], min(1e-3, data.deltas[1]), data.deltas[1])
    _within("data.deltas", data.deltas[1], data.deltas[0], 1)
    for share in data.shares:
        _within("data.shares", share, 0, 100)
    _within("data.spare_s", data.spare_s, 0, 10)
    _within("data.layers", data.layers, 0, 1)
    _within("data.shorten", data.shorten, 0, 1)
    _within("data.instruments", data.instruments, 0, 1)
    _within("data.moments", data.moments, 1, run.batch)
    _within("data.speeds", data.speeds[0], 0.5, data.speeds[1])
    _within("data.speeds", data.speeds[1], data.speeds[0], 2)
    _within("data.drawn", data.drawn, 0, 1)
    _within("scramble.share", recipe.scramble.share, 0, 1)
    _within("vector.dims", recipe.vector.dims, 0, 4096)
    _within("vector.ridge", recipe.vector.ridge, 1e-6, 1e6)
    _within("data.rate_hz", data.rate_hz, 1000, 192_000)
    _within("data.window", data.window, 400, 1e7)
    _within("deform.probability", deform.probability, 0, 1)
    _within("deform.speed_semitones", deform.speed_semitones[0], -24, deform.speed_semitones[1])
    _within("deform.speed_semitones", deform.speed_semitones[1], deform.speed_semitones[0], 24)
    _within("deform.stretch", deform.stretch[0], 0.2, deform.stretch[1])
    _within("deform.stretch", deform.stretch[1], deform.stretch[0], 5)
    for tap in recipe.encoder.taps:
        _within("encoder.taps", tap, -len(recipe.encoder.widths), len(recipe.encoder.widths) - 1)
    _within("run.batch", run.batch, 2, 1e6)
    _within("run.steps", run.steps, 1, 1e9)
    _within("run.log_steps", run.log_steps, 1, 1e9)
    _within("optimiser.lr", optimiser.lr, 0, 1e3)
    _within("optimiser.ema", optimiser.ema, 0, 0.999999)
    source = data.source if recipe.vector.fit == "principal" else "synth"
    if recipe.vector.dims and (source, recipe.encoder.kind) != ("synth", "convnet"):
        found = f"vector.dims with data.source {data.source!r}, encoder {recipe.encoder.kind!r}"
        raise InputError(found, "'synth' and 'convnet'", "set vector.dims=0")
    sequence = recipe.encoder.kind == "sequence"
    if sequence != (recipe.objective.kind == "autodecompose"):
        found = f"encoder {recipe.encoder.kind!r} with objective {recipe.objective.kind!r}"
        raise InputError(found, "the encoder 'sequence' and the objective 'autodecompose' together")


def _within(where: str, value: float, low: float, high: float) -> None:
    """Raise unless low <= value <= high."""
    if not low <= value <= high:
        raise InputError(f"{where} = {value:g}", f"{low:g} to {high:g}")
