"""Work that takes a while, in the background of a server: one of a kind at a time."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from soundkin.errors import SoundkinError
from soundkin.serve.models_steer import JobState
from soundkin.serve.problems import problem_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from soundkin.facade import Library

log = logging.getLogger(__name__)

T = TypeVar("T")


class Job(Generic[T]):
    """Runs one piece of work in a thread; `state` and `result` are only ever replaced as a whole."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = JobState()
        self.result: T | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(
        self, work: Callable[[Callable[[int, int], None], Callable[[], bool]], T]
    ) -> JobState:
        """Begin, unless it is running already. work: called with `on_progress` and `stop`."""
        with self._lock:
            if self.state.state != "running":
                self._stop.clear()
                self.state = JobState(state="running")
                self._thread = threading.Thread(
                    target=self._run, args=(work,), name=f"soundkin-{self.name}", daemon=True
                )
                self._thread.start()
        return self.state

    def begin(self, library: Library, work: Callable[..., T], **how: object) -> JobState:
        """Begin `work(library, on_progress=, stop=, **how)`; an unknown space is an answer now, not later."""
        library.look(cast("str | None", how.get("space")))
        return self.start(
            lambda on_progress, stop: work(library, on_progress=on_progress, stop=stop, **how)
        )

    def stop(self, timeout_s: float = 0.0) -> JobState:
        """Ask it to stop, and wait for it up to `timeout_s`."""
        self._stop.set()
        if self._thread is not None and timeout_s > 0:
            self._thread.join(timeout_s)
        return self.state

    def tell(self, result: T) -> None:
        """Take what running work has so far."""
        self.result = result

    def _run(self, work: Callable[[Callable[[int, int], None], Callable[[], bool]], T]) -> None:
        try:
            result = work(self._on_progress, self._stop.is_set)
        except SoundkinError as error:
            self._end("failed", error)
        except Exception as error:  # the thread's last word: the page must learn of it
            log.exception("%s failed", self.name)
            self._end("failed", SoundkinError(f"it failed ({type(error).__name__}: {error})"))
        else:
            self.result = result
            self._end("stopped" if self._stop.is_set() else "finished")

    def _on_progress(self, done: int, total: int) -> None:
        self.state = JobState(state="running", done=done, total=total)

    def _end(self, state: str, error: SoundkinError | None = None) -> None:
        problem = None if error is None else problem_of(error)
        self.state = self.state.model_copy(update={"state": state, "error": problem})
