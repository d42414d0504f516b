import threading

import numpy as np
import pytest

from mlpcli.nn.team import Team


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_team_calls_each_rank_once_for_every_task(size: int) -> None:
    count = np.zeros(size, int)

    def task(rank: int) -> None:
        count[rank] += 1

    with Team(size) as team:
        for _ in range(100):
            team(task)

    assert count.tolist() == [100] * size


def test_all_ranks_run_at_the_same_time() -> None:
    barrier = threading.Barrier(3, timeout=30)

    with Team(3) as team:
        team(lambda _: (barrier.wait(), None)[1])


@pytest.mark.parametrize("culprit", [0, 1])
def test_an_error_in_a_rank_reaches_the_caller_and_the_team_still_works(culprit: int) -> None:
    def task(rank: int) -> None:
        if rank == culprit:
            raise KeyError(rank)

    with Team(2) as team:
        with pytest.raises(KeyError, match=str(culprit)):
            team(task)
        team(lambda rank: None)


def test_a_team_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    with Team(4) as team:
        team(lambda rank: None)
        threads = set(threading.enumerate()) - before
        assert len(threads) == 3

    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()


def test_a_rank_that_fails_does_not_keep_the_others_waiting() -> None:
    with Team(3) as team:

        def task(rank: int) -> None:
            if rank == 1:
                raise KeyError("one")
            team.barrier()

        for _ in range(3):
            with pytest.raises(KeyError, match="one"):
                team(task)
        team(lambda _: team.barrier())


def test_no_rank_passes_a_barrier_before_all_reach_it() -> None:
    arrived = np.zeros(4, int)
    seen = np.zeros(4, int)

    with Team(4) as team:

        def task(rank: int) -> None:
            arrived[rank] += 1
            team.barrier()
            seen[rank] = arrived.sum()
            team.barrier()

        for turn in range(1, 51):
            team(task)
            assert seen.tolist() == [4 * turn] * 4
