"""One indexing run in the background of a server: start, stop, and how far it is."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from soundkin.errors import InputError, LibraryBusy, NotFound, SoundkinError
from soundkin.serve.models import IndexState
from soundkin.serve.problems import problem_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from soundkin.facade import IndexReport, Library, Progress

log = logging.getLogger(__name__)


def folder_to_index(folder: str) -> Path:
    """Return an absolute, existing folder; raises `InputError` or `NotFound` with what to do."""
    path = Path(folder).expanduser()
    if not path.is_absolute():
        raise InputError(
            f"{folder!r} is a relative path", "an absolute path", "give the whole path"
        )
    if not path.is_dir():
        raise NotFound(
            f"there is no folder '{path}'", "a folder on the server's machine", "check the path"
        )
    return path


def _ended(state: IndexState, report: IndexReport) -> IndexState:
    """Return the last state of a run that was not cut short by an error."""
    last = {"state": "stopped" if report.stopped else "finished", "failed": report.failed}
    if not report.stopped:
        last |= {"done": report.found, "total": report.found}
    return state.model_copy(update=last)


class Indexer:
    """Runs `library.add` in a thread, one at a time; `state` is only ever replaced as a whole."""

    def __init__(self, library: Library, on_end: Callable[[], None] = lambda: None) -> None:
        self.library = library
        self._on_end = on_end
        self.state = IndexState()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self, folder: str, *, retry_failed: bool = False) -> IndexState:
        """Begin to index a folder; raises `LibraryBusy` while another run of this server goes on."""
        path = folder_to_index(folder)
        with self._lock:
            if self.state.state == "running":
                raise LibraryBusy(
                    f"'{self.state.folder}' is being indexed",
                    "one folder at a time",
                    "wait, or stop it first",
                )
            self._stop.clear()
            self.state = IndexState(state="running", folder=str(path), phase="scan")
            self._thread = threading.Thread(
                target=self._run, args=(path, retry_failed), name="soundkin-index", daemon=True
            )
            self._thread.start()
        return self.state

    def stop(self, timeout_s: float = 0.0) -> IndexState:
        """Ask the run to stop after its current commit, and wait for it up to `timeout_s`."""
        self._stop.set()
        if self._thread is not None and timeout_s > 0:
            self._thread.join(timeout_s)
        return self.state

    def _run(self, path: Path, retry_failed: bool) -> None:
        try:
            report = self.library.add(
                path,
                retry_failed=retry_failed,
                on_progress=self._on_progress,
                stop=self._stop.is_set,
            )
        except SoundkinError as error:
            self.state = self.state.model_copy(
                update={"state": "failed", "error": problem_of(error)}
            )
        except Exception as error:  # the thread's last word: the page must learn of it
            log.exception("indexing '%s' failed", path)
            known = SoundkinError(
                f"indexing failed ({type(error).__name__}: {error})", "", "see the server's log"
            )
            self.state = self.state.model_copy(
                update={"state": "failed", "error": problem_of(known)}
            )
        else:
            self.state = _ended(self.state, report)
        self._on_end()

    def _on_progress(self, progress: Progress) -> None:
        fresh = IndexState.model_validate(progress).model_copy(
            update={"state": "running", "folder": self.state.folder}
        )
        self.state = fresh
