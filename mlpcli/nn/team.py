"""A few threads that share the work of a step: matrix products and ufuncs release Python's lock.

The matrix library's own threads wait by spinning, which ruins a step on a machine that runs
anything else; these sleep. So each of them needs a matrix library limited to one thread.
"""

from collections.abc import Callable
from threading import Barrier, BrokenBarrierError, Lock, Thread
from typing import Self

Task = Callable[[int], None]  # called with the rank of a thread, from 0


class Team:
    """Runs a task once for each rank, at the same time; its threads end with the context."""

    def __init__(self, size: int = 1) -> None:
        """Size counts the caller, which has rank 0; a team of one needs no context."""
        self.size = size
        self._task: Task | None = None
        self._errors: list[BaseException] = []
        self._barrier = Barrier(size)
        self._begin, self._end = ([Lock() for _ in range(size - 1)] for _ in range(2))
        for lock in (*self._begin, *self._end):
            lock.acquire()

    def __call__(self, task: Task) -> None:
        """Return when all ranks have run the task; raises the first error of any of them."""
        self._task = task
        for begin in self._begin:
            begin.release()
        try:
            self._run(task, 0)
        finally:
            for end in self._end:
                end.acquire()
        if self._errors:
            self._barrier.reset()
            first, self._errors = self._errors[0], []
            raise first

    def barrier(self) -> None:
        """Wait, within a task, until every rank is here."""
        self._barrier.wait()

    def __enter__(self) -> Self:
        for rank in range(1, self.size):
            Thread(target=self._work, args=(rank,), name=f"team-{rank}", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._task = None
        for begin in self._begin:
            begin.release()

    def _work(self, rank: int) -> None:
        while True:
            self._begin[rank - 1].acquire()
            task = self._task
            if task is None:
                return
            self._run(task, rank)
            self._end[rank - 1].release()

    def _run(self, task: Task, rank: int) -> None:
        try:
            task(rank)
        except BrokenBarrierError:  # another rank has an error and will not reach the barrier
            pass
        except BaseException as err:  # raised again by the caller
            self._errors.append(err)
            self._barrier.abort()
