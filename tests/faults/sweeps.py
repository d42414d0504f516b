"""A sweep on this machine, stopped or killed: the same command ends as if undisturbed."""

import atexit
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlpcli.api.sweep_run import RESUME_HINT
from mlpcli.lock import LOCK_FILE
from mlpcli.signals import CAUGHT
from mlpcli.version import __version__
from tests.cli.outcome import Outcome, call
from tests.faults.disk import PAGE, mounted, remount
from tests.faults.processes import ended, mlp, start, whole
from tests.faults.table import Fault, alone
from tests.fingerprint import result

MOMENT = 60  # seconds within which workers notice that the driver has gone
TRIES = 20  # to meet a sweep before its end
BLOCK = 512  # bytes, the unit of `st_blocks`
OTHER_VERSION = """
import sys
if "mlpcli.api.sweep_worker" in sys.orig_argv:
    import mlpcli.version
    mlpcli.version.__version__ = "0.0.1"
"""


class WholeSweep(NamedTuple):
    """A sweep that nothing disturbed."""

    grid: tuple[str, ...]  # of the command, without workers and --out
    trials: dict[str, dict[str, Any]]  # the result of each, by its address
    seconds: float  # from the first trial's folder to the end
    size: int  # bytes on a disk

    @property
    def words(self) -> tuple[str, ...]:
        """The command with two processes."""
        return (*self.grid, "--workers", "2")

    @property
    def again(self) -> tuple[str, ...]:
        """The same in the process that runs it."""
        return (*self.grid, "--workers", "1")


@cache
def undisturbed() -> WholeSweep:
    """Six trials in two processes, saved after each step."""
    place = Path(tempfile.mkdtemp(prefix="mlp-sweep-"))
    atexit.register(shutil.rmtree, place)
    sides = ("optimizer.lr=0.3,0.1,0.03", "network.hidden=[12,8],[10]", "train.batch_size=64")
    more = ("train.epochs=8", "--set", "checkpoint.every_seconds=0")
    grid = ("sweep", str(whole().data), *sides, *more)
    process = start(*grid, "--workers", "2", "--out", str(place / "whole"))
    first = begun(place / "whole", process)
    done = ended(process)
    assert done.status == 0, done.err
    found = {path.parent.name: result(path.parent) for path in records(place / "whole")}
    assert len(found) == 6
    seconds = time.perf_counter() - first
    size = sum(path.stat().st_blocks * BLOCK for path in (place / "whole").rglob("*"))
    return WholeSweep(grid, found, seconds, size)


def records(folder: Path) -> list[Path]:
    """The record of each trial that has one."""
    return sorted(folder.glob("*/run.json"))


def begun(folder: Path, process: Any) -> float:
    """The moment at which the first trial has its folder, or the process has ended."""
    while not records(folder) and process.poll() is None:
        time.sleep(0.001)
    return time.perf_counter()


def in_trials(
    words: Sequence[str], seconds: float, rng: np.random.Generator, own: Path
) -> tuple["subprocess.Popen[str]", Path, str]:
    """A sweep at a random moment of its trials, its folder, and when that is.

    seconds: that all six of them take.
    """
    for attempt in range(TRIES):
        folder = own / f"{attempt}"
        process = start(*words, "--out", str(folder), start_new_session=True)
        begun(folder, process)
        count, moment = int(rng.integers(6)), rng.uniform(0, seconds / 6)
        while sum(map(is_finished, records(folder))) < count and process.poll() is None:
            time.sleep(0.005)
        time.sleep(moment)
        if process.poll() is None:
            return process, folder, f"{moment:.3f} s after trial {count}"
        done = ended(process)
        assert done.status == 0, f"undisturbed: {done}"
    raise AssertionError("no sweep could be met before its end")


def disturbed(rng: np.random.Generator, own: Path, *, number: int, whom: str) -> None:
    """A signal to the "driver", its "group", or a "worker", at a random moment of the trials."""
    expected = undisturbed()
    process, folder, when = in_trials(expected.words, expected.seconds, rng, own)
    told = f"{signal.Signals(number).name} to the {whom} {when}"
    workers = children(process.pid)
    if whom == "driver":
        process.send_signal(number)
    elif whom == "group":
        os.killpg(process.pid, number)
    elif workers:
        kill(int(rng.choice(workers)))
    outcome = ended(process)
    check_gone(workers, told)
    check_printed(outcome, number, told, is_stopped=whom != "worker")
    check_same(folder, expected.again, told)


def damaged(rng: np.random.Generator, own: Path) -> None:
    """A record of a trial is cut or overwritten: the trial is done again, and no other."""
    expected = undisturbed()
    folder = own / "s"
    assert mlp(*expected.words, "--out", str(folder)).status == 0
    path = records(folder)[int(rng.integers(6))]
    content = path.read_bytes()
    path.write_bytes(content[: int(rng.integers(len(content)))])
    check_same(folder, expected.again, f"{path.parent.name}: its record was cut")


def full_disk(rng: np.random.Generator, own: Path) -> None:
    """A small disk: a line says so, and with more room the same command completes the sweep."""
    expected = undisturbed()
    pages = int(rng.integers(1, expected.size // PAGE))
    with mounted(own / "disk", f"size={pages * PAGE}"):
        folder = own / "disk" / "s"
        done = mlp(*expected.words, "--out", str(folder))
        told = f"a disk of {pages} pages"
        if done.status:
            assert done.status in (1, 2), f"{told}: {done}"
            assert "No space left on device" in done.err, f"{told}: {done}"
        check_lines(done, told)
        remount(own / "disk", f"size={10 * expected.size}")
        check_same(folder, expected.again, told)


def other_version(rng: np.random.Generator, own: Path) -> None:
    """The version changes under a sweep that has begun: its workers are refused, in one line."""
    expected = undisturbed()
    (own / "sitecustomize.py").write_text(OTHER_VERSION)
    done = mlp(*expected.words, "--out", str(own / "s"), env=os.environ | {"PYTHONPATH": str(own)})
    reason = f"error: {own / 's'}: a worker has mlp 0.0.1, the sweep {__version__}; {RESUME_HINT}\n"
    lines = f"trials 0/{len(expected.trials)}  2 running\n{reason}"
    assert (done.status, done.err) == (3, lines), f"{done}"
    assert not records(own / "s"), "a trial was begun"
    check_same(own / "s", expected.again, "another version")


def rivals(rng: np.random.Generator, own: Path) -> None:
    """Two drivers on one folder: one runs, the other is refused in one line."""
    expected = undisturbed()
    folder = own / "s"
    first = start(*expected.words, "--out", str(folder))
    begun(folder, first)
    time.sleep(rng.uniform(0, expected.seconds / 2))
    second = mlp(*expected.words, "--out", str(folder))
    done = ended(first)
    assert done.status == 0, f"the first: {done}"
    if second.status:  # else the first had ended before
        told = f"process {first.pid} is running this sweep"
        assert second.status == 2, f"the second: {second}"
        assert told in second.err, f"the second: {second}"
    check_same(folder, expected.again, "two drivers")


def check_printed(done: Outcome, number: int, told: str, *, is_stopped: bool) -> None:
    """Assert that a sweep that got a signal, or its worker, ended with its status and one line."""
    check_lines(done, told)
    if not is_stopped:
        assert done.status == 0, f"{told}: {done}"
    elif number in CAUGHT and done.status and not done.out:  # else it had just ended
        assert done.status == 128 + number, f"{told}: {done}"
        last = done.err.splitlines()[-1]
        trained = "trials 6/6" in done.err and last == "interrupted"
        assert trained or last == f"interrupted: {RESUME_HINT}", f"{told}: {done}"


def check_lines(done: Outcome, told: str) -> None:
    """Assert that a sweep printed its progress, from 0, each trial once, and no traceback."""
    assert "Traceback" not in done.err, f"{told}: {done}"
    progress = re.findall(r"^trials (\d+)/", done.err, re.MULTILINE)
    assert progress == [f"{i}" for i in range(len(progress))], f"{told}: {done}"


def check_same(folder: Path, words: Sequence[str], told: str) -> None:
    """Run the sweep again; assert that it ends as the undisturbed one, and repeats no trial.

    It runs in this process, as any number of workers gives the same bits.
    """
    expected = undisturbed()
    before = {path: path.stat().st_mtime_ns for path in records(folder) if is_finished(path)}
    done = call(*words, "--out", str(folder))
    assert done.status == 0, f"{told}: {done}"
    check_lines(done, told)
    found = {path.parent.name: result(path.parent) for path in records(folder)}
    other = [name for name in expected.trials if found.get(name) != expected.trials[name]]
    assert not other, f"{told}: {', '.join(other)} differ"
    repeated = [path for path, then in before.items() if path.stat().st_mtime_ns != then]
    assert not repeated, f"{told}: {repeated} were finished and trained again"
    left = [path.name for path in folder.glob(".*") if path.name != LOCK_FILE]
    assert not left, f"{told}: {left} left behind"


def is_finished(path: Path) -> bool:
    try:
        return bool(json.loads(path.read_bytes())["status"] == "finished")
    except ValueError:  # it was cut
        return False


def check_gone(pids: list[int], told: str) -> None:
    """Assert that the workers end."""
    deadline = time.monotonic() + MOMENT
    while left := [pid for pid in pids if is_running(pid)]:
        assert time.monotonic() < deadline, f"{told}: {left} stayed behind"
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        fields = stat(path)
        if fields and fields[1] == str(pid) and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def is_running(pid: int) -> bool:
    fields = stat(Path(f"/proc/{pid}/stat"))
    return bool(fields) and fields[0] != "Z"


def stat(path: Path) -> list[str]:
    """State, parent and more of a process; empty where it has gone."""
    try:
        return path.read_text().rpartition(")")[2].split()
    except OSError:
        return []


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _by(number: int, whom: str) -> Any:
    return alone(partial(disturbed, number=number, whom=whom))


FAULTS = (
    Fault("kill -9 of a sweep's worker", _by(signal.SIGKILL, "worker"), few=2, many=100),
    Fault("kill -9 of a sweep's driver", _by(signal.SIGKILL, "driver"), few=2, many=50),
    Fault("SIGINT to a sweep", _by(signal.SIGINT, "driver"), few=1, many=30),
    Fault("SIGINT to a sweep's group", _by(signal.SIGINT, "group"), few=1, many=30),
    Fault("SIGTERM to a sweep's group", _by(signal.SIGTERM, "group"), few=1, many=30),
    Fault("full disk, sweep", alone(full_disk), few=1, many=30),
    Fault("damaged record in a sweep", alone(damaged), few=1, many=30),
    Fault("another version of a sweep's workers", alone(other_version), few=1, many=10),
    Fault("two drivers of a sweep", alone(rivals), few=1, many=30),
)
