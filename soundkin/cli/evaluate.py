"""`soundkin evaluate`: judge spaces by labelled sound."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from soundkin.cli.app import app
from soundkin.cli.options import AsJson
from soundkin.cli.printing import print_json


@app.command()
def evaluate(
    folder: Annotated[
        Path, typer.Argument(help="Labelled sound: a set, or a folder of sets.", metavar="FOLDER")
    ],
    space: Annotated[
        list[str] | None,
        typer.Option("--space", help="A space by name or .json file; repeatable."),
    ] = None,
    all_spaces: Annotated[
        bool, typer.Option("--all-spaces", help="Every space that is installed.")
    ] = False,
    hear: Annotated[
        list[str] | None,
        typer.Option("--hear", help="A module with the HEAR API, MODULE[:WEIGHTS]; repeatable."),
    ] = None,
    onnx: Annotated[
        list[str] | None,
        typer.Option(
            "--onnx", help="A graph, FILE.onnx:samples[@RATE] or FILE.onnx:PRESET; repeatable."
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option("--task", help="LABEL[:GROUP], columns of a single set; repeatable."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the table there too, as Markdown.")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", help="Folder for the curves of locality, as SVG."),
    ] = None,
    mlp: Annotated[
        bool, typer.Option("--mlp", help="Ask HEAR's probe with hidden layers too; slow.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", help="Processes.", show_default="one a core")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Remember nothing, use nothing remembered.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Judge spaces by labelled sound: 1-NN, mAP, linear probe, geometry, with intervals.

    FOLDER holds labels.csv (a column path, then labels), or is laid out as ESC-50, UrbanSound8K,
    NSynth, a HEAR task, LibriSpeech, VIVAE, CREMA-D, FSD50K, the Vocal Imitation Set or LibriCount; or
    holds such folders. Three baselines always stand beside:
    mfcc, log-mel statistics, and each network with random weights.
    """
    from platformdirs import user_cache_path

    from soundkin.evaluate.datasets import read_datasets, with_tasks
    from soundkin.evaluate.show import as_markdown, locality_pictures
    from soundkin.evaluate.subjects import subjects_of
    from soundkin.evaluate.table import evaluate as measure
    from soundkin.shelf import installed_spaces

    if hear and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # a module beside the reader is meant, as in Python
    sets = read_datasets(folder)
    if task:
        sets = [with_tasks(clips, task) for clips in sets]
    cache = user_cache_path("soundkin", appauthor=False) / "evaluate"
    names = [*(installed_spaces() if all_spaces else []), *(space or [])]
    subjects = subjects_of(names, hear=hear or [], onnx=onnx or [], twins=cache / "random")
    with _progress(quiet=as_json) as show:
        table = measure(
            sets, subjects, cache=None if fresh else cache, jobs=jobs, mlp=mlp, on_progress=show
        )
    text = as_markdown(table)
    if out is not None:
        out.write_text(text, encoding="utf-8")
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        for name, svg in locality_pictures(table).items():
            (pictures / name).write_text(svg, encoding="utf-8")
    if as_json:
        print_json(table.as_json())
    else:
        typer.echo(text)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show how many clips were heard, on the error stream of a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda *_: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        line = bar.add_task("hear", total=None)
        yield lambda name, done, total: bar.update(
            line, description=name, completed=done, total=total
        )
