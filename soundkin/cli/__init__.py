"""The command line: one command for each thing a person does, `--json` on all of them.

Exit codes: 0 done, 2 wrong arguments, 3 a file that is no sound, 4 a space that is not there, 5 the library
cannot do it, 6 somebody else is indexing, 7 the disk, 130 stopped by Ctrl-C (the library stays usable).
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

import typer

from soundkin.cli import (  # noqa: F401 - each adds its commands
    adapt,
    atlas,
    duplicates,
    evaluate,
    index,
    learn,
    look,
    notes,
    report,
    reproduce,
    search,
    sources,
    spaces,
    suggest,
    tags,
)
from soundkin.cli.app import app
from soundkin.cli.printing import print_json
from soundkin.errors import SoundkinError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["app", "main"]


@cache
def _command() -> Callable[..., object]:
    """The commands as they are parsed: a tenth of a second to make, so made once."""
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; print a user's error as one sentence and leave with its exit code."""
    try:
        _command()(args=None if arguments is None else list(arguments))
    except SoundkinError as error:
        wants_json = "--json" in (sys.argv if arguments is None else arguments)
        if wants_json:
            print_json({"error": {"code": error.code, "message": str(error)}})
        typer.secho(f"soundkin: {error}", fg="red", err=True)
        sys.exit(error.exit_code)
