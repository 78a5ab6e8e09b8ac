"""`soundkin index`: listen to folders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soundkin.bucket import is_address
from soundkin.cli.app import app
from soundkin.cli.options import (
    AsJson,
    Jobs,
    LibraryPath,
)
from soundkin.cli.printing import print_json
from soundkin.cli.sources import Into, Keep, Sources, gather
from soundkin.cli.waiting import progress_bar, stoppable
from soundkin.errors import InputError

if TYPE_CHECKING:
    import threading

    from soundkin.facade import IndexReport
    from soundkin.library.views import IndexInfo


@app.command("index")
def index_command(
    folders: Annotated[
        list[str] | None,
        typer.Argument(
            help="Folders with sounds, or addresses in a bucket (s3://, gs://, az://).",
            metavar="FOLDER...",
        ),
    ] = None,
    library: LibraryPath = None,
    jobs: Jobs = None,
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
    space: Annotated[
        list[str] | None,
        typer.Option(
            "--space",
            "--spaces",
            help="Listen in these spaces (names or .json files), as in sound,voice; repeatable.",
            show_default="those of the library; of a new one, sound",
        ),
    ] = None,
    tune: Annotated[
        float | None,
        typer.Option(
            "--tune",
            help="Build the cheapest search index with this recall on your sounds, such as 0.95.",
            show_default=False,
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            help="Hear on a Ray cluster: auto (this machine's, else one for this run) or ray://head:10001.",
            metavar="ADDRESS",
            show_default=False,
        ),
    ] = None,
    source: Sources = None,
    keep: Keep = "audio",
    into: Into = None,
    as_json: AsJson = False,
) -> None:
    """Listen to folders and remember their sounds; a second run does only what is new.

    Sounds are found by content: moving, renaming and retagging them costs nothing. Nothing is written
    beside your files. Ctrl-C is safe at any moment; the same command goes on where it stopped.
    """
    from soundkin.facade import Library

    folders = folders or []
    if not folders and not source and tune is None:
        raise InputError("no folder", "at least one FOLDER", "name the folder with your sounds")
    _demand(folders, watch=watch, cluster=cluster is not None, sourced=bool(source))
    named = [name for text in space or [] for name in _names(text)]
    with Library.open(library) as opened, stoppable() as stopped:

        def run(folder: str) -> IndexReport:
            with progress_bar(quiet=as_json) as show:
                return opened.add(
                    folder,
                    spaces=named,
                    jobs=jobs,
                    retry_failed=retry_failed,
                    dry_run=dry_run,
                    timeout_s=timeout_s,
                    on_progress=show,
                    stop=stopped.is_set,
                    cluster=cluster,
                )

        for folder in folders:
            report = run(folder)
            show_report(report, folder, as_json=as_json)
            if report.stopped:
                raise typer.Exit(130)
        gather(
            opened,
            source or [],
            as_json=as_json,
            keep=keep,
            into=into,
            spaces=named,
            jobs=jobs,
            retry_failed=retry_failed,
            dry_run=dry_run,
            timeout_s=timeout_s,
            stop=stopped.is_set,
        )
        if tune is not None:
            for name in opened.sources(named):
                _show_index(name, opened.tune(tune, space=name), as_json=as_json)
        if watch and folders and not dry_run:
            _watch(folders, run, stopped, as_json=as_json)


def _demand(folders: list[str], *, watch: bool, cluster: bool, sourced: bool) -> None:
    """Refuse what cannot be, before a library is made for a word mistyped. Raises `InputError`."""
    from soundkin.library.ingest import demand_folder

    for folder in folders:
        if not is_address(folder):
            demand_folder(folder)
        elif watch:
            raise InputError(
                "--watch with an address in a bucket",
                "folders: a bucket does not tell when something changes",
                "run the command again now and then; what is known costs one list",
            )
    if cluster and (watch or sourced):
        raise InputError(
            f"--cluster with {'--watch' if watch else '--source'}",
            "folders that every machine of the cluster sees, or addresses in a bucket",
            "run the command again now and then; what is known costs one list",
        )


def _names(text: str) -> list[str]:
    """Return the spaces in one --space: a file, or names with commas between them."""
    return [text] if text.endswith(".json") else [name for name in text.split(",") if name]


def _show_index(name: str, index: IndexInfo, *, as_json: bool) -> None:
    """Print how a space is searched from now on."""
    if as_json:
        print_json({"space": name, **asdict(index)})
    else:
        typer.echo(f"{name}: index {index.kind}; {index.why}; {index.said}.")


def _watch(
    folders: Sequence[str],
    run: Callable[[str], IndexReport],
    stopped: threading.Event,
    *,
    as_json: bool,
) -> None:
    """Run again for every folder in which something changed, until Ctrl-C."""
    from watchfiles import watch

    watching = watch(
        *folders,
        stop_event=stopped,
        debounce=2_000,
        rust_timeout=500,
        yield_on_timeout=True,
        raise_interrupt=False,
    )
    for number, changes in enumerate(watching):
        if number == 0:  # what came before the watch stood
            for folder in folders:
                run(folder)
            typer.secho("Watching for changes; Ctrl-C ends it.", err=True)
        paths = [Path(path) for _, path in changes]
        for folder in folders:
            if any(
                path.is_relative_to(Path(folder).resolve()) or path.is_relative_to(folder)
                for path in paths
            ):
                show_report(run(folder), folder, as_json=as_json)


def show_report(report: IndexReport, folder: str | Path, *, as_json: bool) -> None:
    """Print what a run did."""
    if as_json:
        print_json({"folder": str(folder), **asdict(report)})
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
