"""Where trials run: three calls, behind which one process, several, or a cluster may stand."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from mlpcli.api.sweep_question import Question
from mlpcli.api.sweep_trial import ONE_THREAD, STOP_TIME, Images, Outcome, Task, run


class Workers(Protocol):
    """What the driver needs of them."""

    def submit(self, task: Task) -> None:
        """Take a task; it starts when a worker is free, in the order of submission."""

    def next(self) -> Outcome:
        """Wait for the next task to end."""

    def cancel(self) -> None:
        """Stop all of them, each with its state saved; nothing is left running."""


class ThisProcess:
    """One trial after another, in this process."""

    def __init__(self, perform: Callable[[Task, Images], Outcome] = run) -> None:
        self._tasks: deque[Task] = deque()
        self._images = Images()
        self._perform = perform

    def submit(self, task: Task) -> None:
        """As `Workers`."""
        self._tasks.append(task)

    def next(self) -> Outcome:
        """As `Workers`; raises Interrupted where a signal stopped the trial."""
        return self._perform(self._tasks.popleft(), self._images)

    def cancel(self) -> None:
        """As `Workers`."""
        self._tasks.clear()


class Pool:
    """Processes of this machine, each of which has one trial at a time.

    Each is a program of its own, so that one that is killed takes only its trial with it, and is
    replaced. asked: what each must answer before its first trial.
    """

    def __init__(self, size: int, asked: Question) -> None:
        self._size, self._asked = size, asked
        self._waiting: deque[Task] = deque()
        self._busy: dict[int, Task] = {}  # by the worker's PID
        self._workers: dict[int, subprocess.Popen[str]] = {}
        self._lines: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        self._reasons: dict[int, str] = {}

    def submit(self, task: Task) -> None:
        """As `Workers`."""
        self._waiting.append(task)
        self._assign()

    def next(self) -> Outcome:
        """As `Workers`."""
        while True:
            pid, line = self._lines.get()
            if line:
                outcome = Outcome(**json.loads(line))
                if outcome.address:
                    del self._busy[pid]
                    self._assign()
                    return outcome
                self._reasons[pid] = outcome.reason
                continue
            worker = self._workers.pop(pid)
            worker.wait()
            task = self._busy.pop(pid, None)
            self._assign()
            if task is not None:
                usual = f"its worker ended with status {worker.returncode}"
                return Outcome(task.address, "died", self._reasons.pop(pid, usual))

    def cancel(self) -> None:
        """As `Workers`."""
        self._waiting.clear()
        for worker in self._workers.values():
            with suppress(OSError):
                assert worker.stdin is not None
                worker.stdin.close()
        for worker in self._workers.values():
            try:
                worker.wait(timeout=STOP_TIME)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        self._workers.clear()

    def _assign(self) -> None:
        """Give waiting tasks to free workers, starting some as long as there are too few."""
        while self._waiting:
            free = next((pid for pid in self._workers if pid not in self._busy), None)
            if free is None:
                if len(self._workers) >= self._size:
                    return
                free = self._start()
            self._busy[free] = self._waiting.popleft()
            _send(self._workers[free], self._busy[free])

    def _start(self) -> int:
        worker = subprocess.Popen(
            [sys.executable, "-m", "mlpcli.api.sweep_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | ONE_THREAD,
            encoding="utf-8",
            start_new_session=True,  # what stops the driver stops it, once, by the driver
        )
        self._workers[worker.pid] = worker
        _send(worker, self._asked)
        threading.Thread(target=self._read, args=(worker,), daemon=True).start()
        return worker.pid

    def _read(self, worker: "subprocess.Popen[str]") -> None:
        assert worker.stdout is not None
        with worker.stdout as lines, suppress(ValueError):
            for line in lines:
                self._lines.put((worker.pid, line))
        self._lines.put((worker.pid, ""))


def _send(worker: "subprocess.Popen[str]", message: Question | Task) -> None:
    assert worker.stdin is not None
    with suppress(OSError):  # it has died, which `next` sees
        worker.stdin.write(json.dumps(message._asdict()) + "\n")
        worker.stdin.flush()
