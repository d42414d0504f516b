import threading

import numpy as np
import pytest

from mlpcli.nn.team import Team


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_team_calls_each_member_once_for_every_task(size: int) -> None:
    count = np.zeros(size, int)

    def task(member: int) -> None:
        count[member] += 1

    with Team(size) as team:
        for _ in range(100):
            team(task)

    assert count.tolist() == [100] * size


def test_the_members_work_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=30)

    with Team(3) as team:
        team(lambda _: (meeting.wait(), None)[1])


@pytest.mark.parametrize("culprit", [0, 1])
def test_an_exception_in_a_member_reaches_the_caller_and_the_team_stays_usable(
    culprit: int,
) -> None:
    def task(member: int) -> None:
        if member == culprit:
            raise KeyError(member)

    with Team(2) as team:
        with pytest.raises(KeyError, match=str(culprit)):
            team(task)
        team(lambda member: None)


def test_a_team_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    with Team(4) as team:
        team(lambda member: None)
        members = set(threading.enumerate()) - before
        assert len(members) == 3

    for thread in members:
        thread.join(timeout=30)
        assert not thread.is_alive()


def test_a_member_that_fails_does_not_keep_the_others_waiting() -> None:
    with Team(3) as team:

        def task(member: int) -> None:
            if member == 1:
                raise KeyError("one")
            team.meet()

        for _ in range(3):
            with pytest.raises(KeyError, match="one"):
                team(task)
        team(lambda _: team.meet())


def test_nobody_passes_a_meeting_before_all_are_there() -> None:
    arrived = np.zeros(4, int)
    seen = np.zeros(4, int)

    with Team(4) as team:

        def task(member: int) -> None:
            arrived[member] += 1
            team.meet()
            seen[member] = arrived.sum()
            team.meet()

        for turn in range(1, 51):
            team(task)
            assert seen.tolist() == [4 * turn] * 4
