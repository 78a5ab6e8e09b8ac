"""A Ray without machines: tasks run when their answers are asked for, and machines die on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class RayError(Exception):
    """A task that Ray gave up: its machine or its process was gone each time."""


class RayTaskError(RayError):
    """A task that raised."""


class GetTimeoutError(RayError):
    """An answer that did not come."""


NEVER = GetTimeoutError("out for ever, as on a machine whose cable is cut")
"""The fate of a group whose task never ends."""


class Exceptions:
    RayError = RayError
    RayTaskError = RayTaskError


class StandIn:
    """What a driver sees of Ray; also in the place of its module.

    fate: what becomes of a group instead of being heard, None where nothing happens; asked once a task.
    machines: the processors of each.
    """

    __spec__ = object()  # it is installed
    exceptions = Exceptions

    def __init__(
        self, fate: Callable[[tuple[Any, ...]], Exception | None] = lambda _: None
    ) -> None:
        self.fate = fate
        self.machines = {"one": 1.0, "two": 1.0}
        self.given_back: list[object] = []
        self.options: dict[str, object] = {}
        self.most = 0
        self._open: set[object] = set()

    def is_initialized(self) -> bool:
        return True

    def nodes(self) -> list[dict[str, Any]]:
        gone = {"NodeID": "gone", "Alive": False, "Resources": {}}
        return [gone] + [
            {"NodeID": name, "Alive": True, "Resources": {"CPU": cpus, "memory": 1e9}}
            for name, cpus in self.machines.items()
        ]

    def remote(self, **options: object) -> Callable[[Callable[..., Any]], Any]:
        self.options = options

        class Task:
            def __init__(task, work: Callable[..., Any]) -> None:  # noqa: N805
                task.work = work

            def remote(task, *arguments: object) -> object:  # noqa: N805
                ref = (object(), task.work, arguments, self.fate(arguments[1]))
                self._open.add(ref[0])
                self.most = max(self.most, len(self._open))
                return ref

        return Task

    def wait(
        self, refs: list[Any], *, num_returns: int, timeout: float
    ) -> tuple[list[Any], list[Any]]:
        able = [ref for ref in refs if ref[3] is not NEVER]
        done = able[-1:] if num_returns == 1 else able[1:] or able
        return done, [ref for ref in refs if ref not in done]

    def get(self, ref: Any, *, timeout: float) -> Any:
        self._open.discard(ref[0])
        _, work, arguments, error = ref
        if error is not None:
            raise error
        return work(*arguments)

    def cancel(self, ref: Any) -> None:
        self._open.discard(ref[0])
        self.given_back.append(ref)
