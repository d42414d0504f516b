"""The members that share a step, each with its own rows of the batch and its own parts of W.

Members of kind "process" are forked from the caller, on memory that they share and that has no
name: each has an interpreter and a lock of its own. They meet at counters in that memory, where a
member that waits spins, then yields its core, then sleeps. They end with the caller, whatever ends
it. "thread" is for systems and builds of Python where that does not work or is not needed. With
"turns" the caller does the work of one rank after another: the same arithmetic, and the same bits.
"""

import gc
import mmap
import os
import signal
import sys
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain, repeat, zip_longest
from threading import Condition, Lock, Thread
from time import sleep
from typing import Literal, NoReturn, Self

import numpy as np

from mlpcli.nn import Array

# Called with a rank, from 0 (the caller), and whole numbers. Each yield is a barrier: no member
# continues before all are there, so all ranks yield equally often.
Work = Callable[..., Iterator[None]]
Kind = Literal["process", "thread", "turns"]

SPINS = 4000  # looks at a counter, some 0.2 ms in all, before a member yields its core
YIELDS = 200  # looks after each of which it does, before it sleeps
NAPS = (50e-6, 100e-6, 200e-6, 500e-6)  # seconds of its first sleeps
LONG_NAP = 1e-3  # and of all further ones
MAX_NUMBERS = 6  # that a job is given
# which a terminal, a supervisor or a scheduler may send to all processes; the caller answers them
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
SIGNALS = tuple(each for each in signal.Signals if each.name in NAMES)
NO_ITEM = (1 << 16) - 1  # ends the items of a member
ITEMS = 3  # the descriptor at which a process reads its items
NO_MEMORY = 2  # how a process ends that gets none
STRIDE = 8  # counters of 8 bytes lie in cache lines of their own


class MemberError(Exception):
    """A process that shares the steps was killed, or cannot be started; the text says which."""


class _ClosedError(Exception):
    """The team of a thread is closed."""


class Team:
    """As many members as `size` says, the caller included; they do each job at the same time."""

    def __init__(self, size: int = 1, *, kind: Kind = "turns") -> None:
        """Other kinds than "turns" need the context, with whose end the members end."""
        self.size = size
        self.kind: Kind = kind if size > 1 else "turns"
        self._jobs: list[Work] = []
        self._members: list[_Process | Thread] = []  # all but the caller, from the first job on
        self._arrivals = self.zeros(size * STRIDE, "int64").data  # of each rank, counted
        self._task = self.zeros(2 + MAX_NUMBERS, "int64").data  # job, count of numbers, numbers
        self._items: deque[int] = deque()
        self._reader = self._writer = -1  # of the pipe from which processes read their items
        if self.kind == "process":
            with _refusals():
                self._reader, self._writer = os.pipe()
        self._fences = [Lock() for _ in range(size)]
        for fence in self._fences:
            fence.acquire()
        # threads that hold one lock in turn can only sleep
        self._condition = Condition() if self.kind == "thread" and has_lock() else None
        self._check = self._check_members  # what is done now and then in a long wait
        self._error: BaseException | None = None  # of a thread
        self._closed = False

    def zeros(self, shape: int | tuple[int, ...], dtype: str = "float32") -> Array:
        """Zeros that all members see and change; made before the first job runs."""
        count = int(np.prod(shape))
        if self.kind != "process" or not count:
            return np.zeros(shape, dtype)
        with _refusals():
            memory = mmap.mmap(-1, count * np.dtype(dtype).itemsize)
        return np.frombuffer(memory, dtype, count).reshape(shape)

    def job(self, work: Work) -> Callable[..., None]:
        """A function of whole numbers for the caller: every rank does `work(rank, *numbers)`.

        It is made before the first job runs, and returns when all are done. It raises MemberError
        when a process was killed, and RuntimeError with the traceback of one that failed.
        """
        assert not self._members, "members know the jobs that were there when they started"
        self._jobs.append(work)
        return partial(self._run, len(self._jobs) - 1)

    def offer(self, rank: int, count: int) -> None:
        """Before a barrier, behind which each of so many items is for one member to take."""
        if rank == 0 and self.kind == "process":
            items = [*range(count), *[NO_ITEM] * self.size]
            os.write(self._writer, np.array(items, np.uint16).tobytes())
        elif rank == 0:
            self._items.extend(range(count))

    def take(self) -> Iterator[int]:
        """The items, from 0, that this member gets; a faster one gets more."""
        if self.kind == "process":
            while (item := int.from_bytes(os.read(self._reader, 2), sys.byteorder)) != NO_ITEM:
                yield item
        with suppress(IndexError):
            while True:
                yield self._items.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._closed = True
        for member in self._members:
            if isinstance(member, _Process):
                member.end()
        if self.kind == "process":
            os.close(self._reader)
            os.close(self._writer)
        self._notify()

    def _run(self, job: int, *numbers: int) -> None:
        work = self._jobs[job]
        if self.kind == "turns":
            for _ in zip_longest(*(work(rank, *numbers) for rank in range(self.size))):
                pass  # each has come to its next barrier
            return
        if not self._members:
            start = self._fork if self.kind == "process" else self._start_thread
            with _refusals():
                for rank in range(1, self.size):
                    self._members.append(start(rank))
        for i, number in enumerate((job, len(numbers), *numbers)):
            self._task[i] = number
        self._arrive(0)  # for which the others wait
        self._go_through(work(0, *numbers), 0)
        self._wait(0, ahead=1)  # until they wait again

    def _serve(self, rank: int) -> NoReturn:
        """The life of a member."""
        while True:
            self._arrive(rank)
            self._wait(rank)
            job, count, *numbers = self._task.tolist()
            self._go_through(self._jobs[job](rank, *numbers[:count]), rank)

    def _go_through(self, barriers: Iterator[None], rank: int) -> None:
        for _ in barriers:
            self._arrive(rank)
            self._wait(rank)

    def _arrive(self, rank: int) -> None:
        self._order_memory(rank)
        self._arrivals[rank * STRIDE] += 1
        self._notify()

    def _wait(self, rank: int, *, ahead: int = 0) -> None:
        """Until every other rank has arrived as often as this one, or `ahead` times more."""
        n = self._arrivals[rank * STRIDE] + ahead
        for other in range(self.size):
            if other != rank:
                self._wait_for(other * STRIDE, n)
        self._order_memory(rank)

    def _wait_for(self, counter: int, n: int) -> None:
        arrivals = self._arrivals
        if self._condition:
            with self._condition:
                while arrivals[counter] < n:
                    self._check()
                    self._condition.wait()
            return
        for _ in range(SPINS):
            if arrivals[counter] >= n:
                return
        for nap in chain(repeat(0.0, YIELDS), NAPS, repeat(LONG_NAP)):
            if arrivals[counter] >= n:
                return
            if nap:
                self._check()
            sleep(nap)  # a nap of no time yields the core

    def _notify(self) -> None:
        if self._condition:
            with self._condition:
                self._condition.notify_all()

    def _order_memory(self, rank: int) -> None:
        """What this rank wrote before is seen before what it writes next, on any processor."""
        self._fences[rank].release()
        self._fences[rank].acquire()

    def _check_members(self) -> None:
        """Raise what ended a member; end the thread of a team that is closed."""
        if self._error:
            raise self._error
        if self._closed:
            raise _ClosedError
        for member in self._members:
            if isinstance(member, _Process):
                member.check()

    def _start_thread(self, rank: int) -> Thread:
        def serve() -> None:
            try:
                self._serve(rank)
            except _ClosedError:
                pass
            except Exception as err:  # raised again by the caller
                self._error = err
                self._notify()

        thread = Thread(target=serve, name=f"member-{rank}", daemon=True)
        thread.start()
        return thread

    def _fork(self, rank: int) -> "_Process":
        caller, (errors, stderr) = os.getpid(), os.pipe()
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until the member is set up
        pid = -1
        try:
            with warnings.catch_warnings():  # that other threads are not copied, which suits us
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
        finally:
            if pid:
                signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
                os.close(stderr)
        if pid:
            return _Process(pid, errors)
        try:
            _leave_to_caller(stderr, self._reader)
            self._reader = ITEMS
            self._check = partial(_end_with, caller)
            self._serve(rank)
        except MemoryError:
            os._exit(NO_MEMORY)
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(1)


@contextmanager
def _refusals() -> Iterator[None]:
    """What the system refuses here becomes a MemberError."""
    try:
        yield
    except OSError as err:
        text = f"cannot start a process that shares the steps: {err.strerror}"
        raise MemberError(f"{text}; --threads 1 needs none") from err


class _Process:
    """A member that was forked; errors is the descriptor at which its last words can be read."""

    def __init__(self, pid: int, errors: int) -> None:
        self.pid, self._errors = pid, errors

    def check(self) -> None:
        """Raise MemberError if it was killed, MemoryError, or RuntimeError if it failed."""
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:  # other code has waited for it
            pid, status = self.pid, 0
        if not pid:
            return
        self.pid = 0
        text = os.read(self._errors, 1 << 16).decode(errors="replace")
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            raise MemberError(f"a process of the training was killed by signal {number}")
        if os.WEXITSTATUS(status) == NO_MEMORY:
            raise MemoryError
        raise RuntimeError(f"a process of the training failed\n{text}")

    def end(self) -> None:
        """Kill it; nothing is lost, since what it writes is the caller's memory."""
        os.close(self._errors)
        if self.pid:
            try:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass


def _leave_to_caller(stderr: int, items: int) -> None:
    """In a new member: files, locks and pipes are the caller's, and so are signals."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    os.dup2(stderr, 2)
    os.dup2(items, ITEMS)
    os.dup2(stderr, 0)
    os.dup2(stderr, 1)
    os.closerange(ITEMS + 1, os.sysconf("SC_OPEN_MAX"))
    gc.freeze()  # a collection would touch, and so copy, each page of the caller's objects


def _end_with(caller: int) -> None:
    """End this member if its caller has ended, whatever ended it."""
    if os.getppid() != caller:
        os._exit(0)


def share(n: int, rank: int, size: int) -> slice:
    """The part of n items that belongs to a rank of a team of this size."""
    return slice(n * rank // size, n * (rank + 1) // size)


def has_lock() -> bool:
    """Whether Python's threads take turns, for they hold one lock."""
    return getattr(sys, "_is_gil_enabled", lambda: True)()
