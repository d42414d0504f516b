"""Simulated workers behind the three calls of a sweep's driver, with a clock of their own.

Trials take no time but that of the clock, and their records are written as a worker would. Some
workers die or are slow, some results are false, and the scheduler is lost now and then.
"""

import heapq
import json
import random
import time
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

from mlpcli.api.sweep_trial import Outcome, Task
from mlpcli.errors import ClusterError
from mlpcli.runs.folder import METRICS, RECORD

EPOCHS = 9
TASK_COST = 0.0073  # seconds that Dask takes for a task, one after another (docs/scale.md)
SPREAD = 0.3  # of the logarithm of a task's time
SLOWNESS = 10.0  # times as long as others take


class Trouble(NamedTuple):
    """What goes wrong."""

    deaths: float = 0.02  # of the tasks, in which the worker dies
    stragglers: float = 0.02  # of the tasks, which take ten times as long
    lies: float = 0.001  # of the tasks, which say that they are done, and are not
    losses: int = 3000  # results, on average, after which the scheduler is lost; 0: never


QUIET = Trouble(0, 0, 0, 0)


class Running(NamedTuple):
    """A task on a worker, by the clock of the simulation."""

    task: Task
    status: str  # with which it will end; "false": it says that it is done, and is not
    begin: float
    end: float
    epochs: int  # on the disk before
    reached: int  # and at its end


class Fleet:
    """Simulated workers behind the three calls of the driver."""

    def __init__(
        self, template: Path, *, size: int, epoch: float, trouble: Trouble, seed: int
    ) -> None:
        """template: the folder of a real run; epoch: seconds, on average."""
        self.record = json.loads((template / RECORD).read_text(encoding="utf-8"))
        self.metrics = json.loads((template / METRICS).read_text(encoding="utf-8"))
        self.size, self.epoch, self.trouble = size, epoch, trouble
        self.rng = random.Random(seed)
        self.queue: deque[Task] = deque()
        self.running: list[tuple[float, int, Running]] = []  # by their ends
        self.reached: dict[str, int] = {}
        self.now = self.free = self.worked = self.cpu = 0.0
        self.started = self.deaths = self.repeated = 0

    def submit(self, task: Task) -> None:
        """Take a task; it starts when a worker is free."""
        began = time.process_time()
        self.queue.append(task)
        self.cpu += time.process_time() - began

    def next(self) -> Outcome:
        """The next task that ends, by the clock of the simulation."""
        began = time.process_time()
        try:
            return self._next()
        finally:
            self.cpu += time.process_time() - began

    def cancel(self) -> None:
        """Stop all; the epochs that a trial has done by now are kept."""
        self.queue.clear()
        for _, _, each in self.running:
            length = max(each.end - each.begin, TASK_COST)  # of a repeated one it is 0
            share = max(0.0, (self.now - each.begin) / length)
            self.worked += min(share, 1) * (each.end - each.begin)
            self._keep(each, each.epochs + int(min(share, 1) * (each.reached - each.epochs)))
        self.running.clear()

    def _next(self) -> Outcome:
        if self.trouble.losses and self.rng.random() < 1 / self.trouble.losses:
            raise ClusterError("simulated: the scheduler was lost")
        while self.queue and len(self.running) < self.size:
            self._start(self.queue.popleft())
        self.now, _, ended = heapq.heappop(self.running)
        self.worked += ended.end - ended.begin
        self._keep(ended, ended.reached)
        status: Any = "done" if ended.status == "false" else ended.status
        return Outcome(ended.task.address, status, "simulated")

    def _start(self, task: Task) -> None:
        """Decide how the task will end, and when."""
        self.free = max(self.free, self.now) + TASK_COST
        before, goal = self.reached.get(task.address, 0), task.until or EPOCHS
        self.repeated += before >= goal
        seconds = (goal - before) * self.epoch * self.rng.lognormvariate(0, SPREAD)
        drawn, status, reached = self.rng.random(), "done", goal
        if self.rng.random() < self.trouble.stragglers:
            seconds *= SLOWNESS
        if drawn < self.trouble.deaths + self.trouble.lies:
            status = "died" if drawn < self.trouble.deaths else "false"
            share = self.rng.random()
            seconds, reached = share * seconds, before + int(share * (goal - before))
            self.deaths += 1
        self.started += 1
        end = self.free + seconds
        running = Running(task, status, self.free, end, before, reached)
        heapq.heappush(self.running, (end, self.started, running))

    def _keep(self, ended: Running, reached: int) -> None:
        """Write what the worker would have written: its metrics, then its record."""
        task, folder = ended.task, Path(ended.task.folder)
        folder.mkdir(exist_ok=True)
        self.reached[task.address] = reached
        epochs = [self.metrics | _epoch(task.address, number) for number in range(1, reached + 1)]
        lines = "".join(json.dumps(each) + "\n" for each in epochs)
        (folder / METRICS).write_text(lines, encoding="utf-8")
        best = max(epochs, key=lambda each: each["validation_accuracy"], default=None)
        status = {0: "running", EPOCHS: "finished"}.get(reached, "paused")
        own = {"status": status, "seed": task.config["seed"], "epochs": reached}
        last = epochs[-1] if epochs else None
        record = self.record | own | {"best": best and _inner(best), "last": last and _inner(last)}
        (folder / RECORD).write_text(json.dumps(record), encoding="utf-8")


def _epoch(address: str, number: int) -> dict[str, Any]:
    """The metrics of an epoch, which the trial alone decides: some learn faster, some further."""
    rng = random.Random(address)
    goal, pace = rng.uniform(0.5, 1), rng.uniform(0.5, 1.5)
    return {"epoch": number, "validation_accuracy": goal * (1 - 0.5 / (1 + pace * number))}


def _inner(metrics: dict[str, Any]) -> dict[str, Any]:
    """As the record has them."""
    return {key: value for key, value in metrics.items() if key != "schema"}
