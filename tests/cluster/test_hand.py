"""When a group is late, and whose answer counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from soundkin.cluster.hand import GRACE_S, PATIENCE_S, TIMES, Hand
from soundkin.library.outcome import Job


def group(key: int) -> tuple[Job, ...]:
    return (Job(key, b"x"),)


def test_patience_grows_with_what_others_took_and_with_every_copy() -> None:
    hand = Hand()
    hand.give("a", group(1), 0.0)
    assert hand.late(PATIENCE_S - 1) == []
    assert hand.late(PATIENCE_S) == [group(1)]
    hand.give("b", group(1), PATIENCE_S)
    assert hand.late(3 * PATIENCE_S - 1) == []
    assert hand.late(3 * PATIENCE_S) == [group(1)]
    assert hand.answered("b", PATIENCE_S + 100) == ["a"]
    assert (len(hand), hand.tasks, hand.group("a")) == (0, [], None)
    hand.give("c", group(2), 0.0)  # the copy took a hundred seconds
    assert hand.late(TIMES * 100 - 1) == []
    assert hand.late(TIMES * 100) == [group(2)]


def test_a_machine_that_is_gone_makes_late_what_is_out_and_nothing_later() -> None:
    hand = Hand()
    hand.give("a", group(1), 0.0)
    hand.answered("a", 10.0)
    hand.give("b", group(2), 10.0)
    hand.hurry(20.0)
    hand.give("c", group(3), 20.0)
    assert hand.late(20.0 + 10.0 + GRACE_S) == [group(2)]


def test_a_group_is_lost_with_its_last_task() -> None:
    hand = Hand()
    hand.give("a", group(1), 0.0)
    hand.give("b", group(1), 1.0)
    assert not hand.lost("a")
    assert hand.group("b") == group(1)
    assert hand.lost("b")
    assert not hand


@given(
    st.lists(
        st.tuples(st.sampled_from(["give", "answered", "lost", "hurry"]), st.integers(0, 5)),
        max_size=60,
    )
)
def test_every_group_is_answered_or_lost_once(steps: list[tuple[str, int]]) -> None:
    """A plain second account: the sets of tasks that carry each group."""
    hand, account = Hand(), {}  # type: ignore[var-annotated]
    for now, (what, key) in enumerate(steps):
        tasks = account.get(key, set())
        if what == "give":
            hand.give((key, now), group(key), now)
            account.setdefault(key, set()).add((key, now))
        elif what == "hurry":
            hand.hurry(now)
        elif tasks:
            task = min(tasks)
            if what == "answered":
                assert set(hand.answered(task, now)) == tasks - {task}
                del account[key]
            else:
                tasks.discard(task)
                assert hand.lost(task) == (not tasks)
                if not tasks:
                    del account[key]
            assert hand.group(task) is None
        assert len(hand) == len(account)
        assert set(hand.tasks) == {task for tasks in account.values() for task in tasks}
        late_at = now + 1 + max(PATIENCE_S, TIMES * len(steps)) * 2.0 ** len(steps)
        assert {one[0].key for one in hand.late(late_at)} == set(account)
