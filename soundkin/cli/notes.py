"""`soundkin notes`: what people write about sounds and ranges of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soundkin.cli.app import notes_app
from soundkin.cli.options import AsJson, LibraryPath, Text, scope_of
from soundkin.cli.printing import plain_table, print_json, print_table, printable

if TYPE_CHECKING:
    from soundkin.noting import Note

Form = Annotated[
    str | None,
    typer.Option("--format", help="csv, json, audacity or raven; else by the file's name."),
]
Author = Annotated[
    str | None,
    typer.Option("--author", envvar="SOUNDKIN_AUTHOR", help="Who writes.", show_default="you"),
]
Sound = Annotated[
    str, typer.Argument(help="A sound or segment id, or a path, or path@start-end in seconds.")
]


@notes_app.callback()
def notes(context: typer.Context, library: LibraryPath = None, as_json: AsJson = False) -> None:
    """List all notes; with a command, write one, take one away, import and export."""
    if not context.invoked_subcommand:
        notes_list(library=library, as_json=as_json)


@notes_app.command("list")
def notes_list(
    sound: Annotated[
        str | None, typer.Argument(help="Only notes on this sound: id, path or path@start-end.")
    ] = None,
    saying: Annotated[str, typer.Option("--saying", help="Only notes with this in them.")] = "",
    author: Annotated[str, typer.Option("--author", help="Only notes of this author.")] = "",
    after: Annotated[str, typer.Option("--after", help="Only notes behind this note's id.")] = "",
    limit: Annotated[int, typer.Option("-k", "--count", help="How many notes to show.")] = 100,
    library: LibraryPath = None,
    as_json: AsJson = False,
) -> None:
    """List notes, the oldest first."""
    from soundkin.facade import Library

    with Library.open(library, create=False) as opened:
        found = opened.annotations(sound, after=after, limit=limit, author=author, saying=saying)
        names = {note.sound_id: "" for note in found}
        if not as_json:
            names = {sound_id: opened.sound(sound_id).path for sound_id in names}
    if as_json:
        print_json([asdict(note) for note in found])
        return
    table = plain_table("id", "range", "author", "tags", "note", "sound")
    for note in found:
        said = printable(note.text.replace("\n", " / "))
        tags = printable(", ".join(note.tags))
        path = printable(names[note.sound_id])
        table.add_row(note.note_id, _range(note), printable(note.author), tags, said, path)
    print_table(table)
    if len(found) == limit:
        typer.echo(f"More may follow: --after {found[-1].note_id}" if found else "")
    elif not found:
        typer.echo("No notes: `soundkin notes add SOUND TEXT` writes one.")


@notes_app.command("add")
def notes_add(
    sound: Sound,
    text: Annotated[str, typer.Argument(help="What is to be said.")] = "",
    start_s: Annotated[float | None, typer.Option("--start", help="Seconds.")] = None,
    end_s: Annotated[float | None, typer.Option("--end", help="Seconds.")] = None,
    low_hz: Annotated[float | None, typer.Option("--low", help="Hz.")] = None,
    high_hz: Annotated[float | None, typer.Option("--high", help="Hz.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A tag; repeatable.")] = None,
    author: Author = None,
    library: LibraryPath = None,
    as_json: AsJson = False,
) -> None:
    """Write a note on a sound, or on a range of it.

    soundkin notes add take.wav@1.2-1.8 "a wren" --tag bird
    """
    from soundkin.facade import Library

    with Library.open(library, create=False) as opened:
        note = opened.annotate(
            sound,
            text,
            start_s=start_s,
            end_s=end_s,
            tags=tag or [],
            author=_writer(author),
            low_hz=low_hz,
            high_hz=high_hz,
        )
    if as_json:
        print_json(asdict(note))
    else:
        typer.echo(f"Noted: {note.note_id}.")


@notes_app.command("remove")
def notes_remove(
    note_ids: Annotated[list[str], typer.Argument(help="Ids of notes.", metavar="NOTE...")],
    library: LibraryPath = None,
    as_json: AsJson = False,
) -> None:
    """Take notes away."""
    from soundkin.facade import Library

    with Library.open(library, create=False) as opened:
        gone = opened.unannotate(note_ids)
    if as_json:
        print_json([asdict(note) for note in gone])
    else:
        typer.echo(f"{len(gone)} notes removed.")


@notes_app.command("export")
def notes_export(
    file: Annotated[Path, typer.Argument(help="What to write: .csv, .json, .txt (labels), .tsv.")],
    form: Form = None,
    text: Text = "",
    library: LibraryPath = None,
    as_json: AsJson = False,
) -> None:
    """Write notes to a file: all, or those on the sounds that meet --text."""
    from soundkin.facade import Library

    scope = scope_of(text, None, None, None, None, None, None, None, None) if text else None
    with Library.open(library, create=False) as opened:
        count = opened.export_notes(file, form, scope=scope)
    if as_json:
        print_json({"exported": count, "file": str(file)})
    else:
        typer.echo(f"{count} notes written to {file}.")


@notes_app.command("import")
def notes_import(
    file: Annotated[Path, typer.Argument(help="Notes: CSV, JSON, labels or a selection table.")],
    form: Form = None,
    sound: Annotated[
        str | None, typer.Option("--sound", help="The sound they are on: path or id.")
    ] = None,
    author: Author = None,
    library: LibraryPath = None,
    as_json: AsJson = False,
) -> None:
    """Take in the notes of a file; a second time nothing is added."""
    from soundkin.facade import Library

    with Library.open(library, create=False) as opened:
        done = opened.import_notes(file, form, sound=sound, author=_writer(author))
    if as_json:
        print_json(asdict(done))
        return
    typer.echo(f"{done.added} notes added, {done.known} were there already.")
    if done.unknown:
        typer.echo(f"{len(done.unknown)} sounds are not in the library; their notes were left out:")
        for name in done.unknown[:20]:
            typer.echo(f"  {printable(name)}")


def _writer(author: str | None) -> str:
    """Return who writes: the one named, else who is logged in."""
    if author is not None:
        return author
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # nobody has a name here
        return ""


def _range(note: Note) -> str:
    """Return a note's range as a person reads it."""
    if note.start_s is None or note.end_s is None:
        return "all"
    return f"{note.start_s:.2f}-{note.end_s:.2f} s"
