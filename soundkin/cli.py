"""The command line: one command for each thing a person does, `--json` on all of them.

Exit codes: 0 done, 2 wrong arguments, 3 a file that is no sound, 4 a space that is not there, 5 the library
cannot do it, 6 somebody else is indexing, 7 the disk, 130 stopped by Ctrl-C (the library stays usable).
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soundkin.errors import InputError, SoundkinError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from soundkin.facade import IndexReport, Library, Progress, Scope, SearchResult

app = typer.Typer(
    name="soundkin",
    help="Find sounds by how they sound.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
tags_app = typer.Typer(
    help="List tags, put them on sounds, take them off.", invoke_without_command=True
)
roots_app = typer.Typer(
    help="List the indexed folders; tell where one is now.", invoke_without_command=True
)
app.add_typer(tags_app, name="tags")
app.add_typer(roots_app, name="roots")

LibraryPath = Annotated[
    Path | None,
    typer.Option(
        "--library",
        "-l",
        envvar="SOUNDKIN_LIBRARY",
        show_default="your data folder",
        help="The library's folder.",
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
Text = Annotated[str, typer.Option("--text", help="Words in path or tags; -word must not occur.")]
Count = Annotated[int, typer.Option("-k", "--count", help="How many sounds to show.")]
SpaceName = Annotated[str | None, typer.Option("--space", help="The notion of similar to use.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; print a user's error as one sentence and leave with its exit code."""
    try:
        app(args=None if arguments is None else list(arguments))
    except SoundkinError as error:
        wants_json = "--json" in (sys.argv if arguments is None else arguments)
        if wants_json:
            _print_json({"error": {"code": error.code, "message": str(error)}})
        typer.secho(f"soundkin: {error}", fg="red", err=True)
        sys.exit(error.exit_code)


def _version(wanted: bool) -> None:
    if wanted:
        from soundkin import __version__

        typer.echo(f"soundkin {__version__}")
        raise typer.Exit


@app.callback()
def _soundkin(
    _version_: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Find sounds by how they sound."""


# -- growing ----------------------------------------------------------------------------------------


@app.command("index")
def index_command(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders with sounds.", metavar="FOLDER...")
    ],
    library: LibraryPath = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", help="Processes that decode.", show_default="one a core"),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on watching for changes.")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try the failed files again.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    timeout_s: Annotated[
        float,
        typer.Option("--timeout-s", help="Seconds without progress before a file is given up."),
    ] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Listen to folders and remember their sounds; a second run does only what is new.

    Sounds are found by content: moving, renaming and retagging them costs nothing. Nothing is written
    beside your files. Ctrl-C is safe at any moment; the same command goes on where it stopped.
    """
    from soundkin.facade import Library

    with Library.open(library) as opened, _stoppable() as stopped:

        def run(folder: Path) -> IndexReport:
            with _progress(quiet=as_json) as show:
                return opened.add(
                    folder,
                    jobs=jobs,
                    retry_failed=retry_failed,
                    dry_run=dry_run,
                    timeout_s=timeout_s,
                    on_progress=show,
                    stop=stopped.is_set,
                )

        for folder in folders:
            report = run(folder)
            _show_report(report, folder, as_json=as_json)
            if report.stopped:
                raise typer.Exit(130)
        if watch and not dry_run:
            _watch(folders, run, stopped, as_json=as_json)


def _watch(
    folders: Sequence[Path],
    run: Callable[[Path], IndexReport],
    stopped: threading.Event,
    *,
    as_json: bool,
) -> None:
    """Run again for every folder in which something changed, until Ctrl-C."""
    from watchfiles import watch

    typer.secho("Watching for changes; Ctrl-C ends it.", err=True)
    for changes in watch(*folders, stop_event=stopped, debounce=2_000, raise_interrupt=False):
        paths = [Path(path) for _, path in changes]
        for folder in folders:
            if any(
                path.is_relative_to(folder.resolve()) or path.is_relative_to(folder)
                for path in paths
            ):
                _show_report(run(folder), folder, as_json=as_json)


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into a request to stop cleanly; a second one stops at once."""
    stopped = threading.Event()

    def ask(_signal: int, _frame: FrameType | None) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Show a line with files done, rate, time left and failures on the error stream."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]}"),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("scan", total=None, rate="", failed="")

        def show(progress: Progress) -> None:
            elapsed_s = max(progress.elapsed_s, 1e-9)
            rate = f"{progress.done / elapsed_s:.0f} files/s, {progress.seconds_of_sound / elapsed_s:.0f}x"
            bar.update(
                task,
                description=progress.phase,
                completed=progress.done,
                total=progress.total,
                rate=rate,
                failed=f"[red]{progress.failed} failed[/red]" if progress.failed else "",
            )

        yield show


def _show_report(report: IndexReport, folder: Path, *, as_json: bool) -> None:
    """Print what a run did."""
    if as_json:
        _print_json({"folder": str(folder), **asdict(report)})
        return
    if report.dry_run:
        typer.echo(
            f"{folder}: {report.found} sounds found; would decode {report.decoded}, "
            f"{report.unchanged} unchanged, {report.moved} moved, {report.gone} gone. Nothing was written."
        )
        return
    rate = report.seconds_of_sound / report.elapsed_s if report.elapsed_s else 0.0
    typer.echo(
        f"{folder}: {report.found} sounds found, {report.embedded} new ({report.segments} segments, "
        f"{report.silent} silent windows left out), {report.unchanged} unchanged, {report.moved} moved, "
        f"{report.copied} copies, {report.gone} gone, {report.failed} failed."
    )
    if report.decoded:
        typer.echo(
            f"{report.seconds_of_sound / 60:.1f} minutes of sound in {report.elapsed_s:.1f} s: "
            f"{rate:.0f}x real time, {report.decoded / max(report.elapsed_s, 1e-9):.0f} files/s."
        )
    if report.failed:
        typer.echo("`soundkin failures` says which files failed and why.")
    if report.stopped:
        typer.echo(
            "Stopped. Everything up to here is searchable; the same command goes on from here."
        )


# -- searching --------------------------------------------------------------------------------------


@app.command()
def search(
    queries: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, file@start-end (seconds), sound ids or segment ids.", metavar="[QUERY]..."
        ),
    ] = None,
    unlike: Annotated[
        list[str] | None, typer.Option("--unlike", help="Not like this; repeatable.")
    ] = None,
    weights: Annotated[
        str, typer.Option("--weights", help="One number a QUERY, as in 1,0.5,-1.")
    ] = "",
    library: LibraryPath = None,
    space: SpaceName = None,
    k: Count = 10,
    text: Text = "",
    in_folder: InFolder = None,
    not_folder: NotInFolder = None,
    tag: WithTag = None,
    not_tag: WithoutTag = None,
    min_s: MinSeconds = None,
    max_s: MaxSeconds = None,
    after: After = None,
    before: Before = None,
    min_closeness: Annotated[
        float | None, typer.Option("--min-closeness", help="Least cosine similarity, -1 to 1.")
    ] = None,
    most_different: Annotated[
        bool, typer.Option("--most-different", help="Farthest first.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find sounds like the QUERY sounds; with several, like all of them; without one, by words alone.

    soundkin search kick.wav
    soundkin search take.wav@1.2-1.8 --in Drums --not Loops -k 20
    soundkin search piano.wav violin.wav --unlike hiss.wav
    soundkin search --text "vinyl -loop"
    """
    from soundkin.facade import Library, QueryItem

    scope = _scope(text, in_folder, not_folder, tag, not_tag, min_s, max_s, after, before)
    with Library.open(library, create=False) as opened:
        if not queries:
            if unlike or weights:
                raise InputError(
                    "only what the sounds should be unlike",
                    "at least one QUERY to be like",
                    "add one",
                )
            _list_sounds(opened, scope, k, as_json=as_json)
            return
        items = [
            QueryItem(query, weight=weight)
            for query, weight in zip(queries, _weights(weights, len(queries)), strict=True)
        ]
        items += [QueryItem(query, weight=-0.5) for query in unlike or []]
        result = opened.search(
            items,
            space=space,
            k=k,
            scope=scope,
            min_closeness=min_closeness,
            most_different=most_different,
        )
        _show_hits(result, as_json=as_json)


@app.command()
def similar(
    what: Annotated[
        str, typer.Argument(help="A sound of the library: path, id, or words of its name.")
    ],
    library: LibraryPath = None,
    space: SpaceName = None,
    k: Count = 10,
    as_json: AsJson = False,
) -> None:
    """Show the neighbours of one sound of the library."""
    from soundkin.facade import Library, Scope
    from soundkin.listen import SEGMENT_ID, SOUND_ID

    with Library.open(library, create=False) as opened:
        query = what
        if not (
            SEGMENT_ID.fullmatch(what)
            or SOUND_ID.fullmatch(what)
            or Path(what.rpartition("@")[0] or what).exists()
        ):
            found, total = opened.sounds(Scope(text=what), limit=5)
            if total != 1:
                names = ", ".join(sound.path for sound in found)
                raise InputError(
                    f"'{what}' is no file or id, and {total} sounds go by these words",
                    "exactly one",
                    f"be more precise: {names}" if names else "try `soundkin search --text ...`",
                )
            query = found[0].sound_id
        _show_hits(opened.search(query, space=space, k=k), as_json=as_json)


def _weights(text: str, n: int) -> list[float]:
    """Parse --weights: one number a query, all 1 when left out."""
    if not text:
        return [1.0] * n
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(
            f"--weights {text!r}", "numbers with commas between them", "for example 1,0.5,-1"
        ) from error
    if len(values) != n:
        raise InputError(f"{len(values)} weights for {n} queries", "one weight a QUERY", "")
    return values


def _scope(
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
    """Return the options of a scope as one; an existing folder is meant by its whole path."""
    from soundkin.facade import Scope

    def whole(folder: str) -> str:
        path = Path(folder).expanduser()
        return str(path.resolve()) if path.is_dir() else folder

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


def _show_hits(result: SearchResult, *, as_json: bool) -> None:
    """Print hits, best first."""
    if as_json:
        _print_json(asdict(result))
        return
    if result.nothing_close and result.hits:
        typer.secho("Nothing close here; these are the least far:", fg="yellow")
    if not result.hits:
        typer.echo("No sound in this scope.")
    table = _table("", "distance", "band", "range", "sound")
    for hit in result.hits:
        more = f"  (+{len(hit.further)} more here)" if hit.further else ""
        state = "" if hit.state == "present" else f"  [{hit.state}]"
        table.add_row(
            str(hit.rank),
            f"{hit.distance:.3f}",
            hit.band,
            f"{hit.start_s:.2f}-{hit.end_s:.2f} s",
            _printable(hit.path) + more + state,
        )
    _print_table(table)


def _list_sounds(library: Library, scope: Scope, k: int, *, as_json: bool) -> None:
    """Print the sounds of a scope, by name."""
    sounds, total = library.sounds(scope, limit=k)
    if as_json:
        _print_json(
            {
                "query": {"text": scope.text},
                "total": total,
                "hits": [asdict(sound) for sound in sounds],
            }
        )
        return
    table = _table("id", "length", "tags", "sound")
    for sound in sounds:
        table.add_row(
            sound.sound_id,
            f"{sound.duration_s:.2f} s",
            ", ".join(sound.tags),
            _printable(sound.path),
        )
    _print_table(table)
    typer.echo(f"{len(sounds)} of {total} sounds." if total else "No sound in this scope.")


# -- looking ----------------------------------------------------------------------------------------


@app.command()
def info(library: LibraryPath = None, as_json: AsJson = False) -> None:
    """Say what the library holds: sounds, folders, spaces, disk use."""
    from soundkin.facade import Library

    with Library.open(library, create=False) as opened:
        held = opened.info()
    if as_json:
        _print_json(asdict(held))
        return
    typer.echo(f"library    {held.path} (format {held.format}, {held.disk_bytes / 1e6:.1f} MB)")
    typer.echo(
        f"sounds     {held.sounds} in {held.places} places, "
        f"{held.seconds_of_sound / 3600:.2f} hours, {held.gone} gone"
    )
    typer.echo(f"segments   {held.segments}; {held.silent} silent windows left out")
    typer.echo(f"failures   {held.failures}")
    for space in held.spaces:
        how = "measured here" if space.calibrated else "the space's own"
        borders = " / ".join(f"{border:.3f}" for border in space.borders)
        typer.echo(
            f"space      {space.space_id}: {space.vectors} vectors of {space.dim}, index {space.index}; "
            f"near-identical / close / related up to {borders} ({how})"
        )
    for root in held.roots:
        typer.echo(f"folder     {_printable(root.path)}: {root.n_sounds} sounds, {root.state}")
    if held.indexing:
        typer.echo("indexing   now, by another process")


@app.command()
def failures(library: LibraryPath = None, as_json: AsJson = False) -> None:
    """List the files that could not be heard, each with its reason."""
    from soundkin.facade import Library

    with Library.open(library, create=False) as opened:
        found = opened.failures()
    if as_json:
        _print_json([asdict(failure) for failure in found])
        return
    for failure in found:
        typer.echo(f"{failure.reason:15} {_printable(failure.path)}\n{'':15} {failure.message}")
    typer.echo(
        f"{len(found)} failed files. `soundkin index FOLDER --retry-failed` tries them again."
    )


@app.command()
def forget(
    what: Annotated[str, typer.Argument(help="A folder, a sound id, or the word 'gone'.")],
    library: LibraryPath = None,
    as_json: AsJson = False,
) -> None:
    """Remove sounds from the library for good. Your files are never touched."""
    from soundkin.facade import Library

    with Library.open(library, create=False) as opened:
        count = opened.forget(what)
    if as_json:
        _print_json({"forgotten": count})
    else:
        typer.echo(f"{count} sounds forgotten; no file was touched.")


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="What to write: .csv, .json, .parquet or .m3u.")],
    fmt: Annotated[str | None, typer.Option("--format", help="csv, json, parquet or m3u.")] = None,
    library: LibraryPath = None,
    text: Text = "",
    in_folder: InFolder = None,
    not_folder: NotInFolder = None,
    tag: WithTag = None,
    not_tag: WithoutTag = None,
    min_s: MinSeconds = None,
    max_s: MaxSeconds = None,
    as_json: AsJson = False,
) -> None:
    """Write the list of sounds, or of a part of them, to a file."""
    from soundkin.facade import Library

    scope = _scope(text, in_folder, not_folder, tag, not_tag, min_s, max_s, None, None)
    with Library.open(library, create=False) as opened:
        count = opened.export(file, fmt, scope=scope)
    if as_json:
        _print_json({"exported": count, "file": str(file)})
    else:
        typer.echo(f"{count} sounds written to {file}.")


# -- tags and roots ---------------------------------------------------------------------------------


@tags_app.callback()
def tags_list(context: typer.Context, library: LibraryPath = None, as_json: AsJson = False) -> None:
    """List the tags in use, most used first; with a command, put them on or take them off."""
    from soundkin.facade import Library

    if context.invoked_subcommand:
        return
    with Library.open(library, create=False) as opened:
        counts = opened.tag_counts()
    if as_json:
        _print_json(counts)
        return
    for tag, count in counts.items():
        typer.echo(f"{count:6}  {tag}")
    if not counts:
        typer.echo(
            "No tags yet: `soundkin tags add TAG --text kick` puts one on every sound with that word."
        )


Chosen = Annotated[list[str] | None, typer.Argument(help="Sound ids; or choose by the options.")]


@tags_app.command("add")
def tags_add(
    tag: Annotated[str, typer.Argument(help="The tag; 'favourite' marks favourites.")],
    sounds: Chosen = None,
    text: Text = "",
    in_folder: InFolder = None,
    library: LibraryPath = None,
    as_json: AsJson = False,
) -> None:
    """Put a tag on sounds, by id or all those with some words or in a folder."""
    _change_tags("tag", tag, sounds, text, in_folder, library, as_json=as_json)


@tags_app.command("remove")
def tags_remove(
    tag: Annotated[str, typer.Argument(help="The tag.")],
    sounds: Chosen = None,
    text: Text = "",
    in_folder: InFolder = None,
    library: LibraryPath = None,
    as_json: AsJson = False,
) -> None:
    """Take a tag off sounds."""
    _change_tags("untag", tag, sounds, text, in_folder, library, as_json=as_json)


def _change_tags(
    how: str,
    tag: str,
    ids: list[str] | None,
    text: str,
    in_folder: list[str] | None,
    library: Path | None,
    *,
    as_json: bool,
) -> None:
    """Tag or untag the chosen sounds."""
    from soundkin.facade import Library

    if not ids and not text and not in_folder:
        raise InputError("no sounds", "sound ids, --text or --in", "say which sounds are meant")
    with Library.open(library, create=False) as opened:
        if not ids:
            scope = _scope(text, in_folder, None, None, None, None, None, None, None)
            ids = [sound.sound_id for sound in opened.sounds(scope, limit=2**62)[0]]
        getattr(opened, how)(ids, [tag])
    if as_json:
        _print_json({"tag": tag, "sounds": len(ids)})
    else:
        typer.echo(f"{'Tagged' if how == 'tag' else 'Untagged'} {len(ids)} sounds: {tag}.")


@roots_app.callback()
def roots_list(
    context: typer.Context, library: LibraryPath = None, as_json: AsJson = False
) -> None:
    """List the indexed folders, whether they are there, and how many sounds they hold; or move one."""
    from soundkin.facade import Library

    if context.invoked_subcommand:
        return
    with Library.open(library, create=False) as opened:
        roots = opened.roots()
    if as_json:
        _print_json([asdict(root) for root in roots])
        return
    table = _table("folder", "state", "sounds", "gone")
    for root in roots:
        table.add_row(_printable(root.path), root.state, str(root.n_sounds), str(root.n_gone))
    _print_table(table)


@roots_app.command("move")
def roots_move(
    old: Annotated[str, typer.Argument(help="Where the library thinks the folder is.")],
    new: Annotated[Path, typer.Argument(help="Where it is now.")],
    library: LibraryPath = None,
    as_json: AsJson = False,
) -> None:
    """Tell where an indexed folder is now: another mount point, another machine."""
    from soundkin.facade import Library

    with Library.open(library, create=False) as opened:
        root = opened.repoint(old, new)
    if as_json:
        _print_json(asdict(root))
    else:
        typer.echo(f"{root.n_sounds} sounds are now in {_printable(root.path)}.")


# -- serving and checking ---------------------------------------------------------------------------


@app.command()
def serve(
    library: LibraryPath = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; wider than loopback needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8765,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="SOUNDKIN_TOKEN", help="What a browser must know when --host is wider."
        ),
    ] = None,
    cert: Annotated[Path | None, typer.Option(help="TLS certificate (PEM).")] = None,
    key: Annotated[Path | None, typer.Option(help="TLS key (PEM).")] = None,
) -> None:
    """Open the library in the browser."""
    from soundkin.facade import Library
    from soundkin.serve import run

    with Library.open(library) as opened:
        run(opened, host=host, port=port, token=token, cert=cert, key=key)


@app.command()
def doctor(library: LibraryPath = None, as_json: AsJson = False) -> None:
    """Check the installation, the codecs, the spaces and the library; say what is wrong and what to do."""
    from soundkin.doctor import examine

    checks = examine(library)
    if as_json:
        _print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            typer.secho(
                f"{'ok  ' if check.ok else 'FAIL'} {check.name:12} {check.found}",
                fg=None if check.ok else "red",
            )
            if not check.ok:
                typer.echo(f"{'':17} {check.todo}")
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


@app.command("demo")
def demo_command(
    folder: Annotated[Path, typer.Argument(help="Where to write the sounds.")],
    n: Annotated[int, typer.Option("-n", help="How many sounds.")] = 300,
    seed: Annotated[int, typer.Option(help="Same seed, same sounds.")] = 0,
) -> None:
    """Render a small library of varied sounds to try things on."""
    from soundkin.demo import render_demo

    paths = render_demo(folder, n=n, seed=seed)
    typer.echo(f"{len(paths)} sounds written to {folder}.")


# -- printing ---------------------------------------------------------------------------------------


def _print_json(value: object) -> None:
    """Print one JSON value on one line; times as ISO 8601."""
    typer.echo(json.dumps(value, default=_plain, ensure_ascii=True))


def _plain(value: object) -> Any:
    """Return what JSON has no word for as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _printable(text: str) -> str:
    """Return text without characters that would move the cursor or break the line."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _table(*columns: str) -> Any:
    """Return an empty table without lines."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column not in {"sound", "folder", "tags"})
    return table


def _print_table(table: Any) -> None:
    """Print a table; whole lines when the output is no terminal."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    if table.row_count:
        console.print(table, markup=False, highlight=False)


if __name__ == "__main__":
    main()
