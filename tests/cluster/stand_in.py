"""A Ray without machines: tasks run when their answers are asked for, and machines die on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class RayError(Exception):
    """A task that Ray gave up: its machine or its process was gone each time."""


class RayTaskError(RayError):
    """A task that raised."""


class Exceptions:
    RayError = RayError
    RayTaskError = RayTaskError


class StandIn:
    """What a driver sees of Ray; also in the place of its module.

    fate: what becomes of a group instead of being heard, None where nothing happens; asked once a task.
    """

    __spec__ = object()  # it is installed
    exceptions = Exceptions

    def __init__(
        self, fate: Callable[[tuple[Any, ...]], Exception | None] = lambda _: None
    ) -> None:
        self.fate = fate
        self.cpus = 2.0
        self.given_back: list[object] = []
        self.options: dict[str, object] = {}
        self.most = 0
        self._open: set[object] = set()

    def is_initialized(self) -> bool:
        return True

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": self.cpus, "memory": 1e9}

    def remote(self, **options: object) -> Callable[[Callable[..., Any]], Any]:
        self.options = options

        class Task:
            def __init__(task, work: Callable[..., Any]) -> None:  # noqa: N805
                task.work = work

            def remote(task, *arguments: object) -> object:  # noqa: N805
                ref = (object(), task.work, arguments)
                self._open.add(ref[0])
                self.most = max(self.most, len(self._open))
                return ref

        return Task

    def wait(
        self, refs: list[Any], *, num_returns: int, timeout: float
    ) -> tuple[list[Any], list[Any]]:
        done = refs[-1:] if num_returns == 1 else refs[1:] or refs
        return done, [ref for ref in refs if ref not in done]

    def get(self, ref: Any) -> Any:
        self._open.discard(ref[0])
        _, work, arguments = ref
        error = self.fate(arguments[1])
        if error is not None:
            raise error
        return work(*arguments)

    def cancel(self, ref: Any) -> None:
        self._open.discard(ref[0])
        self.given_back.append(ref)
