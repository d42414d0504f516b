"""A few threads that share the work of a step: matrix products and ufuncs release Python's lock.

The matrix library's own threads wait by spinning, which ruins a step on a machine that does
anything else besides; these sleep. So each of them wants a matrix library of one thread.
"""

from collections.abc import Callable
from threading import Barrier, BrokenBarrierError, Lock, Thread
from types import TracebackType
from typing import Self

Task = Callable[[int], None]  # called with the number of a member, from 0


class Team:
    """Runs a task once for each member, at the same time; its threads end with the context."""

    def __init__(self, size: int = 1) -> None:
        """size: members, the caller included; a team of one needs no context."""
        self.size = size
        self._task: Task | None = None
        self._errors: list[BaseException] = []
        self._barrier = Barrier(size)
        self._begin = [_held_lock() for _ in range(size - 1)]
        self._end = [_held_lock() for _ in range(size - 1)]

    def __call__(self, task: Task) -> None:
        """Return when all members have done the task; raises what one of them raised."""
        self._task = task
        for begin in self._begin:
            begin.release()
        try:
            self._do(task, 0)
        finally:
            for end in self._end:
                end.acquire()
        if self._errors:
            self._barrier.reset()
            first, self._errors = self._errors[0], []
            raise first

    def meet(self) -> None:
        """Wait, in the midst of a task, until every member is here."""
        self._barrier.wait()

    def __enter__(self) -> Self:
        for member in range(1, self.size):
            Thread(target=self._work, args=(member,), name=f"team-{member}", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None
    ) -> None:
        self._task = None
        for begin in self._begin:
            begin.release()

    def _work(self, member: int) -> None:
        while True:
            self._begin[member - 1].acquire()
            task = self._task
            if task is None:
                return
            self._do(task, member)
            self._end[member - 1].release()

    def _do(self, task: Task, member: int) -> None:
        try:
            task(member)
        except BrokenBarrierError:  # somebody else has an error, and cannot come
            pass
        except BaseException as err:  # raised again by the caller
            self._errors.append(err)
            self._barrier.abort()


def _held_lock() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock
