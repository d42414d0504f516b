import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import pytest

from mlpcli.nn import Array
from mlpcli.nn import team as module
from mlpcli.nn.team import SIGNALS, Kind, MemberError, Team

PATIENCE = 30  # seconds until a test gives up on a member
KINDS: list[Kind] = ["turns", "thread"]
if sys.platform == "linux":
    KINDS.append("process")
every_kind = pytest.mark.parametrize("kind", KINDS)
processes = pytest.mark.skipif(sys.platform != "linux", reason="members are threads here")


@every_kind
@pytest.mark.parametrize("size", [1, 2, 5])
def test_every_rank_does_each_job_once_with_its_numbers(size: int, kind: Kind) -> None:
    with Team(size, kind=kind) as team:
        sums = team.zeros(size, "int64")

        def add(rank: int, *numbers: int) -> Iterator[None]:
            sums[rank] += sum(numbers)
            yield

        def subtract(rank: int) -> Iterator[None]:
            sums[rank] -= rank
            yield

        first, second = team.job(add), team.job(subtract)
        for _ in range(100):
            first(1, 2, 3)
            second()
            first()

    assert sums.tolist() == [600 - 100 * rank for rank in range(size)]


@every_kind
def test_no_rank_passes_a_barrier_before_all_reach_it(kind: Kind) -> None:
    with Team(4, kind=kind) as team:
        arrived, seen = team.zeros(4, "int64"), team.zeros((4, 2), "int64")

        def work(rank: int) -> Iterator[None]:
            for turn in range(2):
                arrived[rank] += 1
                yield
                seen[rank, turn] = arrived.sum()
                yield

        job = team.job(work)
        for turn in range(1, 51):
            job()
            assert seen.tolist() == [[8 * turn - 4, 8 * turn]] * 4


@every_kind
def test_what_a_rank_reads_behind_a_barrier_is_what_the_others_wrote(kind: Kind) -> None:
    """A large array goes from hand to hand, and each hand adds one to all of it."""
    size, n = 3, 100_000
    with Team(size, kind=kind) as team:
        numbers = team.zeros(n, "int64")

        def work(rank: int) -> Iterator[None]:
            for turn in range(size):
                if rank == turn:
                    np.add(numbers, 1, out=numbers)
                yield

        job = team.job(work)
        for _ in range(30):
            job()

    assert (numbers == 30 * size).all()


@every_kind
def test_each_item_that_is_offered_is_taken_once_a_job(kind: Kind) -> None:
    with Team(3, kind=kind) as team:
        taken = team.zeros((3, 40), "int64")

        def work(rank: int) -> Iterator[None]:
            team.offer(rank, 40)
            yield
            for item in team.take():
                taken[rank, item] += 1
                time.sleep(0)

        job = team.job(work)
        for _ in range(50):
            job()

    assert taken.sum(axis=0).tolist() == [50] * 40


@every_kind
def test_an_error_of_the_caller_is_raised_and_no_member_stays(kind: Kind) -> None:
    def work(rank: int) -> Iterator[None]:
        yield
        if rank == 0:
            raise KeyError("caller")
        pids[rank] = os.getpid()
        yield

    with Team(3, kind=kind) as team:
        pids, job = team.zeros(3, "int64"), team.job(work)
        with pytest.raises(KeyError, match="caller"):
            job()

    assert kind != "process" or not alive(pids)
    assert left_of(threading.enumerate) == []


@pytest.mark.parametrize(
    ("kind", "error"),
    [("thread", KeyError), pytest.param("process", RuntimeError, marks=processes)],
)
def test_an_error_of_another_member_reaches_the_caller(kind: Kind, error: type[Exception]) -> None:
    def work(rank: int) -> Iterator[None]:
        if rank == 1:
            raise KeyError("the second")
        yield

    with Team(3, kind=kind) as team:
        job = team.job(work)
        with pytest.raises(error, match="the second"):
            job()

    assert left_of(threading.enumerate) == []


@every_kind
def test_a_member_without_memory_raises_what_the_caller_would(kind: Kind) -> None:
    def work(rank: int) -> Iterator[None]:
        if rank == 1:
            raise MemoryError
        yield

    with Team(3, kind=kind) as team, pytest.raises(MemoryError):
        team.job(work)()


@processes
@pytest.mark.parametrize("moment", ["at work", "waiting"])
def test_a_member_that_is_killed_ends_the_job_and_the_others(moment: str) -> None:
    with Team(3, kind="process") as team:
        pids, begin = team.zeros(3, "int64"), team.zeros(1, "int64")

        def work(rank: int) -> Iterator[None]:
            pids[rank] = os.getpid()
            yield
            while rank and begin[0] and moment == "at work":
                time.sleep(0.01)
            yield

        job = team.job(work)
        job()
        begin[0] = 1
        threading.Timer(0.05, os.kill, (int(pids[1]), signal.SIGKILL)).start()
        if moment == "waiting":
            time.sleep(0.1)
        with pytest.raises(MemberError, match="signal 9"):
            job()

    assert not alive(pids[1:])


@processes
def test_a_process_that_the_system_refuses_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", refuse)
    with Team(2, kind="process") as team:
        job = team.job(lambda rank: iter(()))
        with pytest.raises(MemberError, match="temporarily unavailable; --threads 1 needs none"):
            job()

    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(SIGNALS)


@processes
def test_members_ignore_the_signals_that_their_caller_answers() -> None:
    with Team(2, kind="process") as team:
        pids = team.zeros(2, "int64")

        def work(rank: int) -> Iterator[None]:
            pids[rank] = os.getpid()
            yield

        job = team.job(work)
        job()
        for number in SIGNALS:
            os.kill(int(pids[1]), number)
        job()

    assert not alive(pids[1:])


@processes
def test_members_end_with_a_caller_that_is_killed_and_hold_none_of_its_files() -> None:
    readable, writable = os.pipe()
    caller = os.fork()
    if not caller:
        with suppress(BaseException), Team(3, kind="process") as team:
            pids = team.zeros(3, "int64")

            def work(rank: int) -> Iterator[None]:
                pids[rank] = os.getpid()
                yield

            team.job(work)()
            os.write(writable, pids.tobytes())
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)
    os.close(writable)
    pids = np.frombuffer(os.read(readable, 24), "int64")

    assert os.read(readable, 1) == b""  # end of file: nobody has the other end
    assert os.waitstatus_to_exitcode(os.waitpid(caller, 0)[1]) == -signal.SIGKILL
    assert eventually(lambda: not alive(pids[1:]))


@processes
def test_a_long_wait_costs_hardly_any_processor_time() -> None:
    with Team(2, kind="process") as team:
        used = team.zeros((2, 2), "float64")

        def work(rank: int, turn: int) -> Iterator[None]:
            used[turn, rank] = time.process_time()
            yield

        job = team.job(work)
        job(0)
        time.sleep(1)  # while the member waits for the next job
        job(1)

    assert used[1, 1] - used[0, 1] < 0.3


def test_threads_that_hold_no_common_lock_meet_at_the_counters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a free-threaded Python."""
    monkeypatch.setattr(module, "has_lock", lambda: False)
    monkeypatch.setattr(module, "SPINS", 10)
    monkeypatch.setattr(module, "YIELDS", 10)
    test_no_rank_passes_a_barrier_before_all_reach_it("thread")
    assert left_of(threading.enumerate) == []


def alive(pids: Array) -> list[int]:
    """Those that are neither gone nor waited for by this process."""
    return [pid for pid in map(int, pids) if pid > 0 and os.path.exists(f"/proc/{pid}/exe")]


def left_of(threads: Callable[[], list[threading.Thread]]) -> list[threading.Thread]:
    """The threads of teams, after a moment in which they may end."""

    def members() -> list[threading.Thread]:
        return [thread for thread in threads() if thread.name.startswith("member-")]

    eventually(lambda: not members())
    return members()


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true while we have patience."""
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()
