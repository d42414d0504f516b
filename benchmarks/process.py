"""A command run to its end, with the seconds and the memory it took."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.worker import environment

MLP = str(Path(sys.executable).with_name("mlp"))
SAMPLE = 0.02  # seconds between two looks at the memory
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss


class Ended(NamedTuple):
    """A command that has done its work."""

    seconds: float  # from its start to its end
    peak: int  # bytes, its largest resident size
    out: str  # standard output
    cpu: float  # seconds of processor time, those of its children included


def run(*command: str, before: Callable[[], None] | None = None) -> Ended:
    """Run a command; before is called in the new process first.

    The kernel counts the size of this process, which the new one begins as, towards its peak, so
    this process stays small. Raises RuntimeError with what the command said when it fails.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=out, stderr=err, env=environment(), preexec_fn=before
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)}: {process.returncode}: {err.read()}")
        cpu = usage.ru_utime + usage.ru_stime
        return Ended(seconds, usage.ru_maxrss * UNIT, out.read(), cpu)


def peak_memory(*command: str) -> int:
    """Bytes that a command and its children had at most, pages that they share counted once.

    Elsewhere than on Linux, the peak of the command alone. Raises RuntimeError when it fails.
    """
    if not sys.platform.startswith("linux"):
        return run(*command).peak
    null = subprocess.DEVNULL
    peak = 0
    with subprocess.Popen(command, stdout=null, stderr=null, env=environment()) as process:
        while process.poll() is None:
            peak = max(peak, sum(map(_proportional_size, _family(process.pid))))
            time.sleep(SAMPLE)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {process.returncode}")
    return peak


def _family(pid: int) -> list[int]:
    """A process and its descendants, whichever of its threads started them."""
    try:
        threads = Path(f"/proc/{pid}/task").glob("*/children")
        children = [int(child) for thread in threads for child in thread.read_text().split()]
    except OSError:  # it has ended
        return []
    return [pid, *(member for child in children for member in _family(child))]


def _proportional_size(pid: int) -> int:
    """Bytes of a process, of a shared page its share."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def turns(rounds: int, *sides: Callable[[], float]) -> list[list[float]]:
    """What each side returns in each round; the sides take turns."""
    measured = [[side() for side in sides] for _ in range(rounds)]
    return [list(values) for values in zip(*measured, strict=True)]
