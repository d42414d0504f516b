"""`mlp sweep --scheduler`: a real scheduler and its workers, as processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from mlpcli.api.sweep_trial import ONE_THREAD
from tests.cli.outcome import call, refusal
from tests.cli.test_sweep import start
from tests.fingerprint import result

pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="POSIX signals")]
FILE = "scheduler.json"


class Processes(NamedTuple):
    """A scheduler and its workers."""

    scheduler: "subprocess.Popen[bytes]"
    workers: "list[subprocess.Popen[bytes]]"


def dask(*words: str) -> "subprocess.Popen[bytes]":
    """A process of Dask, in a group of its own, which ends with it."""
    command = [sys.executable, "-m", "dask", *words, "--scheduler-file", FILE, "--no-dashboard"]
    env = os.environ | ONE_THREAD
    with Path(f"{words[0]}.log").open("ab") as log:
        return subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)


def cluster(*, threads: int = 1, workers: int = 2) -> Processes:
    """A scheduler and its workers, once they have found each other."""
    scheduler = dask("scheduler", "--host", "127.0.0.1", "--port", "0")
    words = ("worker", "--nthreads", f"{threads}")
    started = [dask(*words) for _ in range(workers)]
    deadline = time.monotonic() + 60
    while Path("worker.log").read_text().count("Registered to") < workers:
        assert time.monotonic() < deadline, Path("worker.log").read_text()
        time.sleep(0.1)
    return Processes(scheduler, started)


def end(processes: Processes) -> None:
    for process in (*processes.workers, processes.scheduler):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for name in (FILE, "worker.log", "scheduler.log"):
        Path(name).unlink(missing_ok=True)


@pytest.fixture
def processes(place: Path) -> Iterator[Processes]:
    started = cluster()
    yield started
    end(started)


def grid(data: str, *more: str) -> tuple[str, ...]:
    return ("sweep", data, "optimizer.lr=0.3,0.1,0.03", "train.epochs=150", *more)


def done(*words: str) -> tuple[int, str]:
    """The exit status of a process, and what it printed on standard error."""
    process = start(*words)
    _, err = process.communicate(timeout=120)
    return process.returncode, err


def check_whole(data: str, out: str) -> None:
    """Assert that each trial has the bits that a sweep in one process gives."""
    assert call(*grid(data, "--workers", "1", "--out", "whole", "--quiet")).status == 0
    runs = sorted(Path("whole").glob("*/run.json"))
    assert len(runs) == 3
    for run in runs:
        assert result(run.parent) == result(Path(out, run.parent.name))


def begun(process: "subprocess.Popen[str]") -> None:
    """Wait until a trial has a checkpoint."""
    deadline = time.monotonic() + 60
    while not list(Path().glob("s/*/last.safetensors")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_worker_that_is_killed_costs_nothing(processes: Processes, dots: str) -> None:
    process = start(*grid(dots, "--scheduler-file", FILE, "--out", "s"))
    begun(process)
    os.killpg(processes.workers[0].pid, signal.SIGKILL)

    out, err = process.communicate(timeout=120)

    assert (process.returncode, "Traceback" in err) == (0, False), err
    assert "best config" in out
    check_whole(dots, "s")


def test_a_lost_scheduler_is_one_line_and_the_same_command_goes_on(
    processes: Processes, dots: str
) -> None:
    process = start(*grid(dots, "--scheduler-file", FILE, "--out", "s"))
    begun(process)
    os.killpg(processes.scheduler.pid, signal.SIGKILL)

    out, err = process.communicate(timeout=120)

    assert (process.returncode, out) == (3, ""), err
    *progress, last = err.splitlines()
    assert [line for line in progress if not line.startswith("trials ")] == []
    told = "the scheduler was lost; what was done is saved; the same command resumes it"
    assert last == f"error: {FILE}: {told}"
    end(processes)
    again = cluster()
    status, err = done(*grid(dots, "--scheduler-file", FILE, "--out", "s", "--quiet"))
    end(again)
    assert (status, err) == (0, "")
    check_whole(dots, "s")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_trials_stop_when_the_driver_is_gone(number: int, processes: Processes, dots: str) -> None:
    words = ("sweep", dots, "optimizer.lr=0.3,0.1", "train.epochs=100000")
    process = start(*words, "--scheduler-file", FILE, "--out", "s")
    begun(process)

    process.send_signal(number)
    _, err = process.communicate(timeout=60)

    assert "Traceback" not in err
    deadline = time.monotonic() + 60
    while any('"running"' in path.read_text() for path in Path("s").glob("*/run.json")):
        assert time.monotonic() < deadline, "a trial goes on without its driver"
        time.sleep(0.1)


def test_workers_that_cannot_be_used_are_refused(place: Path, dots: str) -> None:
    started = cluster(threads=2, workers=1)
    status, err = done(*grid(dots, "--scheduler-file", FILE, "--out", "s"))
    end(started)

    assert status == 3
    first, second = err.splitlines()
    assert first == f"error: {FILE}: these workers cannot be used"
    assert second.endswith(": has 2 threads; start it with --nthreads 1")


def test_no_scheduler_is_one_line(dots: str) -> None:
    status, out, err = call(*grid(dots, "--scheduler-file", "none.json", "--out", "s"))

    assert (status, out) == (3, "")
    assert err == "error: none.json: no such file; `dask scheduler` writes it\n"
    words = grid(dots, "--scheduler", "tcp://127.0.0.1:1", "--workers", "2", "--out", "s")
    assert refusal(*words) == "--workers, --scheduler and --scheduler-file: give one of them"


def test_the_job_script_runs_a_sweep_and_leaves_nothing_behind(place: Path, dots: str) -> None:
    script = Path(__file__).parents[2] / "examples" / "slurm-sweep.sh"
    programs = place / "bin"
    programs.mkdir()
    stands_in = {
        "srun": 'shift\nexec "$@"',  # one task, on this machine
        "dask": f'exec {sys.executable} -m dask "$@"',
        "mlp": f'exec {sys.executable} -m mlpcli "$@"',
    }
    for name, line in stands_in.items():
        (programs / name).write_text(f"#!/bin/bash\n{line}\n")
        (programs / name).chmod(0o755)
    text = f"parameters: {{data.name: {{value: {dots}}}, optimizer.lr: {{values: [0.3, 0.1]}}}}"
    Path("lr.yaml").write_text(text)
    env = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}

    process = subprocess.run(
        ["bash", str(script), "lr.yaml", "--out", "s"],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("s: 2 configs\n")
    assert len(list(Path("s").glob("*/best.safetensors"))) == 2
    assert list(Path().glob(".dask-*")) == []
