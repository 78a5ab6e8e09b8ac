"""What the library holds, and what to do with it: info, failures, forget, export, serve, doctor, demo."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from soundkin.cli.app import app
from soundkin.cli.options import (
    AsJson,
    InFolder,
    LibraryPath,
    MaxSeconds,
    MinSeconds,
    NotInFolder,
    Text,
    WithoutTag,
    WithTag,
    scope_of,
)
from soundkin.cli.printing import print_json, printable


@app.command()
def info(library: LibraryPath = None, as_json: AsJson = False) -> None:
    """Say what the library holds: sounds, folders, spaces, disk use."""
    from soundkin.facade import Library

    with Library.open(library, create=False) as opened:
        held = opened.info()
    if as_json:
        print_json(asdict(held))
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
            + ("; searched in first" if space.default else "")
        )
        typer.echo(f"index      {space.indexed.kind}: {space.indexed.why}; {space.indexed.said}")
    for root in held.roots:
        typer.echo(f"folder     {printable(root.path)}: {root.n_sounds} sounds, {root.state}")
    if held.indexing:
        typer.echo("indexing   now, by another process")


@app.command()
def failures(library: LibraryPath = None, as_json: AsJson = False) -> None:
    """List the files that could not be heard, each with its reason."""
    from soundkin.facade import Library

    with Library.open(library, create=False) as opened:
        found = opened.failures()
    if as_json:
        print_json([asdict(failure) for failure in found])
        return
    for failure in found:
        typer.echo(f"{failure.reason:15} {printable(failure.path)}\n{'':15} {failure.message}")
    typer.echo(
        f"{len(found)} failed files. `soundkin index FOLDER --retry-failed` tries them again."
    )


@app.command()
def forget(
    what: Annotated[str, typer.Argument(help="A folder, a sound id, or the word 'gone'.")],
    library: LibraryPath = None,
    as_json: AsJson = False,
) -> None:
    """Remove sounds from the library for good, with their tags and notes. Your files are never touched.

    `soundkin notes export FILE` keeps the notes.
    """
    from soundkin.facade import Library

    with Library.open(library, create=False) as opened:
        count = opened.forget(what)
    if as_json:
        print_json({"forgotten": count})
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

    scope = scope_of(text, in_folder, not_folder, tag, not_tag, min_s, max_s, None, None)
    with Library.open(library, create=False) as opened:
        count = opened.export(file, fmt, scope=scope)
    if as_json:
        print_json({"exported": count, "file": str(file)})
    else:
        typer.echo(f"{count} sounds written to {file}.")


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
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", help="A name by which browsers may call this server; repeatable."
        ),
    ] = None,
    cache_size: Annotated[
        str,
        typer.Option(
            envvar="SOUNDKIN_CACHE_SIZE",
            help="What this machine keeps of libraries in buckets at most.",
        ),
    ] = "20GB",
) -> None:
    """Open the library in the browser."""
    from soundkin.facade import Library
    from soundkin.library.room import size_in_bytes
    from soundkin.serve import run

    with Library.open(library, cache_bytes=size_in_bytes(cache_size)) as opened:
        run(
            opened,
            host=host,
            port=port,
            token=token,
            cert=cert,
            key=key,
            allowed_hosts=allow_host or (),
            on_ready=lambda address: typer.echo(f"Soundkin is at {address} - Ctrl-C ends it."),
        )


@app.command()
def doctor(library: LibraryPath = None, as_json: AsJson = False) -> None:
    """Check the installation, the codecs, the spaces and the library; say what is wrong and what to do."""
    from soundkin.doctor import examine

    checks = examine(library)
    if as_json:
        print_json([asdict(check) for check in checks])
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
