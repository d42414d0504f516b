"""A sweep that is stopped or killed at a random moment: the same command ends as if undisturbed."""

import atexit
import json
import os
import shutil
import signal
import tempfile
import time
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.cli.outcome import Outcome
from tests.faults.processes import ended, mlp, start, whole
from tests.faults.table import Fault, alone
from tests.fingerprint import result

MOMENT = 20  # seconds within which workers notice that the driver has gone
STATUSES = {signal.SIGINT: 130, signal.SIGTERM: 143}


class WholeSweep(NamedTuple):
    """A sweep that nothing disturbed."""

    words: tuple[str, ...]  # of the command, without --out
    trials: dict[str, dict[str, Any]]  # the result of each, by its address
    seconds: float  # from the first trial's folder to the end


@cache
def undisturbed() -> WholeSweep:
    """Six trials in two processes, saved after each step."""
    place = Path(tempfile.mkdtemp(prefix="mlp-sweep-"))
    atexit.register(shutil.rmtree, place)
    grid = ("optimizer.lr=0.3,0.1,0.03", "network.hidden=[12,8],[10]", "train.batch_size=64")
    options = ("--workers", "2", "--set", "checkpoint.every_seconds=0")
    words = ("sweep", str(whole().data), *grid, "train.epochs=8", *options)
    process = start(*words, "--out", str(place / "whole"))
    first = begun(place / "whole", process)
    done = ended(process)
    assert done.status == 0, done.err
    found = {path.parent.name: result(path.parent) for path in records(place / "whole")}
    assert len(found) == 6
    return WholeSweep(words, found, time.perf_counter() - first)


def records(folder: Path) -> list[Path]:
    """The record of each trial that has one."""
    return sorted(folder.glob("*/run.json"))


def begun(folder: Path, process: Any) -> float:
    """The moment at which the first trial has its folder, or the process has ended."""
    while not records(folder) and process.poll() is None:
        time.sleep(0.001)
    return time.perf_counter()


def disturbed(rng: np.random.Generator, own: Path, *, number: int, whom: str) -> None:
    """A signal to the "driver", its "group", or a "worker", at a random moment of the trials."""
    expected = undisturbed()
    folder = own / "s"
    process = start(*expected.words, "--out", str(folder), start_new_session=True)
    begun(folder, process)
    moment = rng.uniform(0, expected.seconds)
    told = f"{signal.Signals(number).name} to the {whom} after {moment:.3f} s"
    time.sleep(moment)
    workers = children(process.pid)
    if whom == "driver":
        process.send_signal(number)
    elif whom == "group":
        os.killpg(process.pid, number)
    elif workers:
        kill(int(rng.choice(workers)))
    outcome = ended(process)
    check_gone(workers, told)
    assert "Traceback" not in outcome.err, f"{told}: {outcome}"
    if whom == "worker":
        assert outcome.status == 0, f"{told}: {outcome}"
    elif number in STATUSES:
        assert outcome.status in (0, STATUSES[signal.Signals(number)]), f"{told}: {outcome}"
    check_same(folder, told)


def damaged(rng: np.random.Generator, own: Path) -> None:
    """A record of a trial is cut or overwritten: the trial is done again, and no other."""
    expected = undisturbed()
    folder = own / "s"
    assert mlp(*expected.words, "--out", str(folder)).status == 0
    path = records(folder)[int(rng.integers(6))]
    content = path.read_bytes()
    path.write_bytes(content[: int(rng.integers(len(content)))])
    check_same(folder, f"{path.parent.name}: its record was cut")


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
    check_same(folder, "two drivers")


def check_same(folder: Path, told: str) -> None:
    """Run the sweep again; assert that it ends as the undisturbed one, and repeats no trial."""
    expected = undisturbed()
    before = {path: path.stat().st_mtime_ns for path in records(folder) if is_finished(path)}
    done: Outcome = mlp(*expected.words, "--out", str(folder))
    assert done.status == 0, f"{told}: {done}"
    found = {path.parent.name: result(path.parent) for path in records(folder)}
    other = [name for name in expected.trials if found.get(name) != expected.trials[name]]
    assert not other, f"{told}: {', '.join(other)} differ"
    repeated = [path for path, then in before.items() if path.stat().st_mtime_ns != then]
    assert not repeated, f"{told}: {repeated} were finished and trained again"


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
    Fault("damaged record in a sweep", alone(damaged), few=1, many=30),
    Fault("two drivers of a sweep", alone(rivals), few=1, many=30),
)
