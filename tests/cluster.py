"""A Dask scheduler and its workers on this machine, as processes that find each other by a file."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from mlpcli.api.sweep_trial import ONE_THREAD

FILE = "scheduler.json"  # written by the scheduler
PATIENCE = 120  # seconds for a process to be there


class Cluster(NamedTuple):
    """A scheduler and its workers, which log into the same folder."""

    folder: Path
    scheduler: "subprocess.Popen[bytes]"
    workers: "list[subprocess.Popen[bytes]]"

    @property
    def file(self) -> str:
        """What `--scheduler-file` takes."""
        return str(self.folder / FILE)

    @property
    def log(self) -> str:
        """All that the workers have printed."""
        return (self.folder / "worker.log").read_text()

    def add(self, *words: str) -> None:
        """Start a worker, and wait until the scheduler knows it."""
        known = self.log.count("Registered to")
        self.workers.append(_dask(self.folder, "worker", "--nthreads", "1", *words))
        self._await(known + 1)

    def _await(self, registered: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.log.count("Registered to") < registered:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)


@contextmanager
def cluster(folder: Path, *words: str, workers: int = 2) -> Iterator[Cluster]:
    """A scheduler with so many workers, which have the words as options; killed at the end."""
    for name in (FILE, "worker.log", "scheduler.log"):
        (folder / name).unlink(missing_ok=True)
    scheduler = _dask(folder, "scheduler", "--host", "127.0.0.1", "--port", "0")
    words = ("worker", "--nthreads", "1", *words)
    started = Cluster(folder, scheduler, [_dask(folder, *words) for _ in range(workers)])
    try:
        started._await(workers)
        yield started
    finally:
        for process in (*started.workers, scheduler):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _dask(folder: Path, *words: str) -> "subprocess.Popen[bytes]":
    """A process of Dask, in a group of its own, which ends with it."""
    command = [sys.executable, "-m", "dask", *words, "--scheduler-file", FILE, "--no-dashboard"]
    with (folder / f"{words[0]}.log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | ONE_THREAD,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
