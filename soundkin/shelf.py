"""Where spaces stand: those that came with the installation, and the user's own.

A space is NAME.json with the files that it names beside it. A user's own stand in folders of their
names, below the variable SOUNDKIN_SPACES, else below `spaces` in the user's data folder. What came
along keeps its name.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from soundkin.errors import InputError, SpaceError, StorageError, UnknownSpace

SHIPPED = Path(__file__).parent / "shipped"


def spaces_folder() -> Path:
    """The folder of the user's own spaces; it need not be there.

    Examples
    --------
    >>> spaces_folder().is_absolute()
    True
    """
    named = os.environ.get("SOUNDKIN_SPACES")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_data_path  # noqa: PLC0415 - only where nothing is named

    return user_data_path("soundkin", appauthor=False) / "spaces"


def installed_spaces() -> list[str]:
    """Names of the spaces that can be opened by name, those that came along first.

    Examples
    --------
    >>> "mfcc" in installed_spaces()
    True
    """
    shipped = sorted(path.stem for path in SHIPPED.glob("*.json"))
    own = sorted(path.stem for path in spaces_folder().glob("*/*.json") if _at_home(path))
    return [*shipped, *(name for name in own if name not in shipped)]


def find_space(name: str | Path) -> Path:
    """The settings file of a space by its name, or by its path (ending in .json).

    Raises UnknownSpace, which lists the names there are.

    Examples
    --------
    >>> find_space("mfcc").name
    'mfcc.json'
    """
    names = installed_spaces()
    if str(name) in names:
        shipped = SHIPPED / f"{name}.json"
        return shipped if shipped.is_file() else place(str(name), ".json")
    path = Path(name)
    if path.suffix != ".json" or not path.is_file():
        raise UnknownSpace(
            f"no space {str(name)!r}",
            f"one of {', '.join(names)}, or the path of a .json file",
            "make one with `soundkin train`, or add one with `soundkin spaces add FILE`",
        )
    return path


def place(name: str, suffix: str) -> Path:
    """Where the user's own thing of that name and kind stands, or would stand."""
    return spaces_folder() / name / f"{name}{suffix}"


def install(settings_file: str | Path) -> Path:
    """Copy a space and the files that it names into the user's folder: its settings file there.

    One of the same name is replaced. The settings of what `soundkin swap` speaks with (ending in
    .swap) are taken as well. Raises InputError for a name that came with the installation or that
    is no plain name, SpaceError for a file that is no space or lacks what it names, StorageError
    when the folder cannot be written.
    """
    file = Path(settings_file)
    name, parts = _contents(file)
    if (SHIPPED / f"{name}.json").is_file():
        raise InputError(
            f"the space {name!r} came with Soundkin", "another name", "rename file and `name`"
        )
    home = place(name, file.suffix)
    if home.resolve() == file.resolve():
        return home
    try:
        _put(home, file, parts)
    except OSError as error:
        found = f"{spaces_folder()} cannot be written ({error.strerror})"
        raise StorageError(found, "room for a space", "set SOUNDKIN_SPACES") from error
    return home


def remove(name: str) -> None:
    """Take one of the user's own spaces away; libraries keep the vectors they have.

    Raises InputError for one that came with the installation, UnknownSpace for one not there.
    """
    if (SHIPPED / f"{name}.json").is_file():
        raise InputError(f"the space {name!r} came with Soundkin", "one of your own", "leave it")
    own = [one for one in installed_spaces() if not (SHIPPED / f"{one}.json").is_file()]
    if name not in own:
        there = f"one of {', '.join(own)}" if own else "one that was added; there is none"
        raise UnknownSpace(f"no space {name!r} of your own", there)
    shutil.rmtree(place(name, ".json").parent)


def _at_home(path: Path) -> bool:
    """Whether settings stand in the folder of their name."""
    return path.stem == path.parent.name and not path.stem.startswith(".")


def _contents(file: Path) -> tuple[str, list[Path]]:
    """The name in a settings file, and the files beside it that it names; all are there."""
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
        name = str(settings["name"])
        heads = settings["graphs"].values() if "graphs" in settings else [settings["head"]]
        parts = [file.parent / Path(head["file"]).name for head in heads if "file" in head]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpaceError(
            f"{file} does not describe a space ({error})", "the .json file of a space"
        ) from error
    for part in parts:
        if not part.is_file():
            raise SpaceError(f"no {part.name} beside {file}", "the graph with its settings")
    if not name or name.startswith(".") or set(name) & set("/\\:"):
        raise InputError(f"a space named {name!r}", "a plain name, as of a file", "rename it")
    return name, parts


def _put(home: Path, file: Path, parts: list[Path]) -> None:
    """Copy into a folder beside, then in the place of the one before."""
    folder = home.parent
    beside, old = (folder.with_name(f".{folder.name}.{word}") for word in ("new", "old"))
    for left in (beside, old):
        shutil.rmtree(left, ignore_errors=True)
    beside.mkdir(parents=True)
    for part in parts:
        shutil.copyfile(part, beside / part.name)
    shutil.copyfile(file, beside / home.name)
    if folder.exists():
        folder.rename(old)
    beside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
