"""A sweep on the workers of Dask, one of whose processes is killed or cannot be used."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from mlpcli.api.sweep_run import RESUME_HINT
from mlpcli.version import __version__
from tests.cluster import Cluster, cluster
from tests.faults.processes import ended, mlp, start
from tests.faults.sweeps import (
    MOMENT,
    begun,
    check_gone,
    check_lines,
    check_printed,
    check_same,
    children,
    in_trials,
    kill,
    records,
    undisturbed,
)
from tests.faults.table import Fault, Impossible, Trials, alone

NANNY_TRACEBACK = """ - distributed.nanny - ERROR - Worker process died unexpectedly
Traceback (most recent call last):
"""
OTHER_VERSION = "from mlpcli.api import sweep_question\nsweep_question.__version__ = '0.0.1'\n"


class Machines:
    """A cluster that lasts from trial to trial, unless a trial replaces it, and a sweep on it."""

    def __init__(self, place: Path, stack: ExitStack) -> None:
        self._place, self._stack = place, stack
        self.words: tuple[str, ...] = ()  # of the sweep, without --out
        self.seconds = 0.0  # that its trials take
        self.now = self.replace()

    def replace(self) -> Cluster:
        """End all processes, and start others that are found by the same file."""
        self._stack.close()
        self.now = self._stack.enter_context(cluster(self._place))
        self.words = (*undisturbed().grid, "--scheduler-file", self.now.file)
        return self.now

    def workers(self) -> list[int]:
        """The processes in which trials run; each is the child of one that starts another."""
        parents = [worker.pid for worker in self.now.workers]
        found = [pid for parent in parents for pid in children(parent)]
        return [pid for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def measure(self, folder: Path) -> None:
        """Run the sweep once; its workers have imported all that they need afterwards."""
        process = start(*self.words, "--out", str(folder))
        first = begun(folder, process)
        done = ended(process)
        assert done.status == 0, f"undisturbed: {done}"
        self.seconds = time.perf_counter() - first


def on_machines(trial: Callable[[Machines, np.random.Generator, Path], None]) -> Trials:
    """Trials that share a cluster."""

    def trials(n: int, rng: np.random.Generator, place: Path) -> Iterator[str]:
        if not find_spec("distributed"):
            raise Impossible("needs the extra cluster")

        def with_scheduler(rng: np.random.Generator, own: Path) -> None:
            if machines.now.scheduler.poll() is not None:  # the trial before was lost
                machines.replace()
            trial(machines, rng, own)

        with ExitStack() as stack:
            machines = Machines(place, stack)
            machines.measure(place / "whole")
            yield from alone(with_scheduler)(n, rng, place)

    return trials


def worker_killed(machines: Machines, rng: np.random.Generator, own: Path) -> None:
    """A worker is killed at a random moment; Dask starts another, and nobody notices."""
    process, folder, when = in_trials(machines.words, machines.seconds, rng, own)
    if workers := machines.workers():
        kill(int(rng.choice(workers)))
    done = ended(process)
    check_printed(done, signal.SIGKILL, f"killed {when}", is_stopped=False)
    check_quiet(machines.now)
    check_same(folder, machines.words, f"killed {when}")


def scheduler_killed(machines: Machines, rng: np.random.Generator, own: Path) -> None:
    """The scheduler is killed: one line and status 3; with another one, the same command goes on.

    Its workers end with it.
    """
    process, folder, when = in_trials(machines.words, machines.seconds, rng, own)
    workers = machines.workers()
    machines.now.scheduler.kill()
    done, told = ended(process), f"killed {when}"
    check_lines(done, told)
    if done.status:  # else it had just ended
        last = f"error: {machines.now.file}: the scheduler was lost; {RESUME_HINT}"
        assert done.status == 3, f"{told}: {done}"
        assert done.err.splitlines()[-1] == last, f"{told}: {done}"
    for worker in machines.now.workers:
        worker.wait(MOMENT)
    check_gone(workers, told)
    check_quiet(machines.now)
    machines.replace()
    check_same(folder, machines.words, told)


def driver_stopped(machines: Machines, rng: np.random.Generator, own: Path, *, number: int) -> None:
    """The driver's group gets a signal: its trials stop, and the workers are free again."""
    process, folder, when = in_trials(machines.words, machines.seconds, rng, own)
    told = f"{signal.Signals(number).name} {when}"
    os.killpg(process.pid, number)
    check_printed(ended(process), number, told, is_stopped=True)
    check_quiet(machines.now)
    check_same(folder, machines.words, told)


def other_version(rng: np.random.Generator, own: Path) -> None:
    """A worker of another version is refused in one line, before the first trial."""
    if not find_spec("distributed"):
        raise Impossible("needs the extra cluster")
    (own / "other.py").write_text(OTHER_VERSION)
    words = undisturbed().grid
    with cluster(own, workers=1) as machines:
        machines.add("--preload", str(own / "other.py"))
        done = mlp(*words, "--scheduler-file", machines.file, "--out", str(own / "s"))
        check_quiet(machines)
    first, second = done.err.splitlines()
    assert done.status == 3, f"{done}"
    assert first == f"error: {machines.file}: these workers cannot be used", f"{done}"
    assert second.endswith(f": has mlp 0.0.1, the sweep {__version__}"), f"{done}"
    assert not records(own / "s"), "a trial was begun"


def check_quiet(machines: Cluster) -> None:
    """Assert that no worker has printed a traceback, apart from Dask's own as a process ends."""
    log = machines.log.replace(NANNY_TRACEBACK, "")
    assert "Traceback" not in log, log[log.index("Traceback") - 1000 :][:4000]


def _stopped(number: int) -> Trials:
    return on_machines(partial(driver_stopped, number=number))


FAULTS = (
    Fault("kill -9 of a cluster's worker", on_machines(worker_killed), few=1, many=100),
    Fault("kill -9 of a cluster's scheduler", on_machines(scheduler_killed), few=1, many=30),
    Fault("kill -9 of a cluster's driver", _stopped(signal.SIGKILL), few=1, many=20),
    Fault("SIGINT to a cluster's driver", _stopped(signal.SIGINT), few=1, many=20),
    Fault("SIGTERM to a cluster's driver", _stopped(signal.SIGTERM), few=1, many=20),
    Fault("another version of a cluster's worker", alone(other_version), few=1, many=10),
)
