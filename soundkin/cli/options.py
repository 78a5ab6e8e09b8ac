"""The options that several commands share, and the scope they add up to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from soundkin.facade import Scope


LibraryPath = Annotated[
    str | None,
    typer.Option(
        "--library",
        "-l",
        envvar="SOUNDKIN_LIBRARY",
        show_default="your data folder",
        help="The library's folder, or its address in a bucket (s3://, gs://, az://).",
        metavar="PATH",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]
InFolder = Annotated[
    list[str] | None,
    typer.Option("--in", help="Only sounds in this folder (path or name); repeatable."),
]
NotInFolder = Annotated[
    list[str] | None, typer.Option("--not", help="No sounds of this folder; repeatable.")
]
WithTag = Annotated[
    list[str] | None, typer.Option("--tag", help="Only sounds with this tag; repeatable.")
]
WithoutTag = Annotated[
    list[str] | None, typer.Option("--not-tag", help="No sounds with this tag; repeatable.")
]
MinSeconds = Annotated[float | None, typer.Option("--min-s", help="Shortest sound, in seconds.")]
MaxSeconds = Annotated[float | None, typer.Option("--max-s", help="Longest sound, in seconds.")]
After = Annotated[
    datetime | None, typer.Option("--after", help="Only sounds added since this day.")
]
Before = Annotated[
    datetime | None, typer.Option("--before", help="Only sounds added before this day.")
]
Text = Annotated[
    str, typer.Option("--text", help='Words, tags and lengths, as in "kick -808 tag:vinyl dur<1".')
]
Count = Annotated[int, typer.Option("-k", "--count", help="How many sounds to show.")]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", help="Processes that decode.", show_default="one a core"),
]
SpaceName = Annotated[str | None, typer.Option("--space", help="The notion of similar to use.")]


def scope_of(
    text: str,
    in_folder: list[str] | None,
    not_folder: list[str] | None,
    tag: list[str] | None,
    not_tag: list[str] | None,
    min_s: float | None,
    max_s: float | None,
    after: datetime | None,
    before: datetime | None,
) -> Scope:
    """Return the options of a scope as one; a folder that exists, or ./one, is meant by its whole path."""
    from soundkin.bucket import is_address
    from soundkin.facade import Scope

    def whole(folder: str) -> str:
        if is_address(folder):
            return folder
        path = Path(folder).expanduser()
        meant = path.is_dir() or folder.startswith(("./", "../", "~")) or folder in {".", ".."}
        return str(path.absolute()) if meant else folder

    return Scope(
        folders=[whole(folder) for folder in in_folder or []],
        not_folders=[whole(folder) for folder in not_folder or []],
        tags=tag or [],
        not_tags=not_tag or [],
        min_duration_s=min_s,
        max_duration_s=max_s,
        added_after=after.astimezone(UTC) if after else None,
        added_before=before.astimezone(UTC) if before else None,
        text=text,
    )
