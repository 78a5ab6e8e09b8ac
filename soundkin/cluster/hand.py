"""The groups of files that are out on a cluster, and which of them are late.

A task whose machine was cut off is neither done nor lost: Ray knows that the machine is dead after a minute
or so, its connection to it may stay open for many. So a group that is out for much longer than any other
took is given out once more, beside the task that may still come; whichever answers first counts (the
"backup tasks" of Dean & Ghemawat, "MapReduce", 2004, section 3.6). Hearing a file twice does no harm: an
answer is taken once, and a sound is itself by its samples.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundkin.library.outcome import Job

    Group = tuple[Job, ...]

PATIENCE_S, TIMES = 120.0, 4.0
"""A group is late after so many seconds and so many times the longest that any took, whichever is more."""

GRACE_S = 5.0
"""When a machine is gone: what is out is late after the longest that any took, and this."""


@dataclass(slots=True)
class _Out:
    """One group, when each task that carries it was given it, and when it is late."""

    group: Group
    due_at: float = 0.0
    given_at: dict[Any, float] = field(default_factory=dict)


class Hand:
    """What is out. Times are seconds of one clock.

    >>> hand = Hand()
    >>> hand.give("a task", (), 0.0)
    >>> hand.late(100.0), len(hand.late(121.0))
    ([], 1)
    >>> hand.give("a copy", (), 121.0)  # now two carry it
    >>> hand.answered("a copy", 130.0), len(hand)
    (['a task'], 0)
    """

    def __init__(self) -> None:
        self._out: dict[Group, _Out] = {}
        self._of: dict[Any, _Out] = {}
        self._longest_s = 0.0

    def __len__(self) -> int:
        """How many groups are out, each once."""
        return len(self._out)

    @property
    def tasks(self) -> list[Any]:
        """Every task that may still answer."""
        return list(self._of)

    def give(self, task: Any, group: Group, now: float) -> None:
        """Note that a task has a group; one that is out already has one more task now."""
        out = self._out.get(group)
        if out is None:
            out = self._out[group] = _Out(group)
        patience_s = max(PATIENCE_S, TIMES * self._longest_s)
        out.due_at = now + patience_s * 2 ** len(out.given_at)
        out.given_at[task] = now
        self._of[task] = out

    def late(self, now: float) -> list[Group]:
        """Return the groups that should be given out once more."""
        return [out.group for out in self._out.values() if out.due_at <= now]

    def hurry(self, now: float) -> None:
        """A machine is gone: whatever it had is out for nothing."""
        for out in self._out.values():
            out.due_at = min(out.due_at, now + self._longest_s + GRACE_S)

    def group(self, task: Any) -> Group | None:
        """Return what a task carries; None when another task has answered for it."""
        out = self._of.get(task)
        return None if out is None else out.group

    def answered(self, task: Any, now: float) -> list[Any]:
        """Take a group off; return the other tasks that carry it, in vain now."""
        out = self._of[task]
        self._longest_s = max(self._longest_s, now - out.given_at.pop(task))
        del self._out[out.group], self._of[task]
        for one in out.given_at:
            del self._of[one]
        return list(out.given_at)

    def lost(self, task: Any) -> bool:
        """Take a task off that will not answer; say whether nobody has its group now."""
        out = self._of.pop(task)
        del out.given_at[task]
        if not out.given_at:
            del self._out[out.group]
        return not out.given_at
