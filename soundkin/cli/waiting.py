"""While a command works: how far it is, on the error stream, and Ctrl-C that ends it cleanly."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from soundkin.facade import Progress


@contextmanager
def stoppable() -> Iterator[threading.Event]:
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
def progress_bar(*, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Show a line with files done, rate, time left and failures."""
    with _bar("scan", quiet=quiet) as update:

        def show(progress: Progress) -> None:
            elapsed_s = max(progress.elapsed_s, 1e-9)
            update(
                description=progress.phase,
                completed=progress.done,
                total=progress.total,
                rate=f"{progress.done / elapsed_s:.0f} files/s, {progress.seconds_of_sound / elapsed_s:.0f}x",
                failed=f"[red]{progress.failed} failed[/red]" if progress.failed else "",
            )

        yield show


@contextmanager
def counting_bar(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a line with how many are done of how many, and the time left."""
    with _bar(what, quiet=quiet) as update:
        yield lambda done, total: update(completed=done, total=total)


@contextmanager
def _bar(what: str, *, quiet: bool) -> Iterator[Callable[..., None]]:
    """Draw a line that goes away when all is done; nothing where nobody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda **_: None
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
        task = bar.add_task(what, total=None, rate="", failed="")
        yield lambda **fields: bar.update(task, **fields)
