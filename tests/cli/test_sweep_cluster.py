"""`mlp sweep --scheduler`: a real scheduler and its workers, as processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.outcome import call, facts, refusal
from tests.cli.test_sweep import start
from tests.cluster import FILE, Cluster, cluster
from tests.fingerprint import result

pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="POSIX signals")]


@pytest.fixture
def processes(place: Path) -> Iterator[Cluster]:
    with cluster(place) as started:
        yield started


STEP_AND_SAVE = 10  # seconds, at most, on a busy machine
OTHER_VERSION = "sweep_question.__version__ = '0.0.1'"
TWO_BLAS_THREADS = "threadpoolctl.threadpool_limits(2)"
COUNTED = "open('kills', 'a').write('.')"
PRELOAD = """import os, time, threadpoolctl
from mlpcli.api import sweep_cluster, sweep_question
def run(task, *more, before=sweep_cluster.run):
    {run}
    return before(task, *more)
sweep_cluster.run = run
{start}
"""


def preloaded(*, run: str = "pass", start: str = "") -> tuple[str, str]:
    """Options of a worker that begins each trial with a statement, or itself."""
    path = Path("preload.py").resolve()
    path.write_text(PRELOAD.format(run=run, start=start))
    return "--preload", str(path)


def grid(data: str, *more: str) -> tuple[str, ...]:
    return ("sweep", data, "optimizer.lr=0.3,0.1,0.03", "train.epochs=150", *more)


def done(*words: str) -> tuple[int, str]:
    """The exit status of a process, and what it printed on standard error."""
    process = start(*words)
    _, err = process.communicate(timeout=300)
    return process.returncode, err


def check_whole(data: str, out: str, *, finished: int = 3) -> None:
    """Assert that each finished trial has the bits that a sweep in one process gives."""
    assert call(*grid(data, "--workers", "1", "--out", "whole", "--quiet")).status == 0
    runs = sorted(Path("whole").glob("*/run.json"))
    pairs = [(run.parent, Path(out, run.parent.name)) for run in runs]
    done = [(one, other) for one, other in pairs if (other / "best.safetensors").exists()]
    assert (len(runs), len(done)) == (3, finished)
    assert all(result(one) == result(other) for one, other in done)


def begun(process: "subprocess.Popen[str]") -> None:
    """Wait until a trial has a checkpoint."""
    deadline = time.monotonic() + 120
    while not list(Path().glob("s/*/last.safetensors")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_worker_that_is_killed_costs_nothing(processes: Cluster, dots: str) -> None:
    process = start(*grid(dots, "--scheduler-file", FILE, "--out", "s"))
    begun(process)
    os.killpg(processes.workers[0].pid, signal.SIGKILL)

    out, err = process.communicate(timeout=300)

    assert (process.returncode, "Traceback" in err) == (0, False), err
    assert "best config" in out
    check_whole(dots, "s")


def test_a_lost_scheduler_is_one_line_and_the_same_command_goes_on(
    processes: Cluster, dots: str
) -> None:
    process = start(*grid(dots, "--scheduler-file", FILE, "--out", "s"))
    begun(process)
    os.killpg(processes.scheduler.pid, signal.SIGKILL)

    out, err = process.communicate(timeout=300)

    assert (process.returncode, out) == (3, ""), err
    *progress, last = err.splitlines()
    assert [line for line in progress if not line.startswith("trials ")] == []
    told = "the scheduler was lost; what was done is saved; the same command resumes it"
    assert last == f"error: {FILE}: {told}"
    with cluster(processes.folder):
        status, err = done(*grid(dots, "--scheduler-file", FILE, "--out", "s", "--quiet"))
    assert (status, err) == (0, "")
    check_whole(dots, "s")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_trials_stop_when_the_driver_is_gone(number: int, processes: Cluster, dots: str) -> None:
    slow = ("network.hidden=[2048,2048]", "train.batch_size=1", "train.epochs=100000")
    words = ("sweep", dots, "optimizer.lr=0.3,0.1", *slow, "--set", "checkpoint.every_seconds=1")
    process = start(*words, "--scheduler-file", FILE, "--out", "s")
    begun(process)

    process.send_signal(number)
    _, err = process.communicate(timeout=300)

    assert "Traceback" not in err
    deadline = time.monotonic() + 120
    while any('"running"' in path.read_text() for path in Path("s").glob("*/run.json")):
        assert time.monotonic() < deadline, "a trial goes on without its driver"
        time.sleep(0.1)
    for run in Path("s").glob("*/run.json"):
        lost = run.stat().st_mtime - run.with_name("last.safetensors").stat().st_mtime
        assert lost < 1 + STEP_AND_SAVE


@pytest.mark.parametrize(
    ("options", "line", "reason"),
    [
        ([], OTHER_VERSION, "has mlp 0.0.1, the sweep "),
        (["--no-nanny"], TWO_BLAS_THREADS, "has 2 BLAS threads; start it with OPENBLAS_NUM_"),
        (["--nthreads", "2"], "", "has 2 threads; start it with --nthreads 1"),
    ],
)
def test_workers_that_cannot_be_used_are_refused(
    options: list[str], line: str, reason: str, place: Path, dots: str
) -> None:
    with cluster(place, *preloaded(start=line), *options, workers=1) as started:
        status, err = done(*grid(dots, "--scheduler-file", FILE, "--out", "s"))

    assert status == 3
    first, second = err.splitlines()
    assert first == f"error: {FILE}: these workers cannot be used"
    assert f": {reason}" in second
    assert not list(Path("s").glob("*/run.json"))
    assert "Traceback" not in started.log


def test_a_worker_that_joins_late_is_asked_too(place: Path, dots: str) -> None:
    with cluster(place, *preloaded(run="time.sleep(3)"), workers=1) as started:
        process = start(*grid(dots, "--scheduler-file", FILE, "--out", "s"))
        begun(process)
        started.add(*preloaded(start=OTHER_VERSION))
        _, err = process.communicate(timeout=300)

    assert process.returncode == 0, err
    told = [line for line in err.splitlines() if line.startswith("warning: ")]
    assert len(told) == 1
    assert " cannot be used: it has mlp 0.0.1, the sweep " in told[0]
    check_whole(dots, "s")


def test_a_trial_that_kills_its_workers_is_given_up_after_five(place: Path, dots: str) -> None:
    line = f"if task.config['optimizer']['lr'] == 0.1: {COUNTED}; os.kill(os.getpid(), 9)"
    with cluster(place, *preloaded(run=line)) as started:
        status, err = done(*grid(dots, "--scheduler-file", FILE, "--out", "s"))

    assert status == 1, err
    assert (place / "kills").read_text() == "." * 5
    found = facts(call("sweep", "show", "s", "--json"))["configs"]
    assert [config["status"] for config in found] == ["finished", "finished", "failed"], found
    assert found[-1]["error"] == "given up after 5 deaths of its workers"
    assert "Traceback" not in started.log
    assert not list(Path("s").glob(".*.starts"))
    check_whole(dots, "s", finished=2)


def test_an_error_that_nobody_foresaw_is_a_row_and_no_traceback(place: Path, dots: str) -> None:
    line = "if task.config['optimizer']['lr'] == 0.1: raise KeyError('unforeseen')"
    with cluster(place, *preloaded(run=line)) as started:
        status, err = done(*grid(dots, "--scheduler-file", FILE, "--out", "s"))

    assert status == 1
    (path,) = Path("s").resolve().glob("*-error.txt")
    reason = "internal error: KeyError: 'unforeseen' (preload.py, line 4)"
    assert f"failed: {reason}; the details are in {path}" in err
    assert "Traceback" in path.read_text()
    assert "Traceback" not in started.log + err


def test_two_drivers_on_one_folder_and_a_dry_run_that_counts_workers(
    processes: Cluster, dots: str
) -> None:
    process = start(*grid(dots, "--scheduler-file", FILE, "--out", "s"))
    begun(process)
    process.send_signal(signal.SIGSTOP)
    words = grid(dots, "--scheduler-file", FILE, "--out", "s")

    told = refusal(*words)
    found = facts(call(*words, "--dry-run", "--json"))

    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=300)
    assert f"process {process.pid} is running this sweep" in told
    assert found["workers"] == 2
    assert process.returncode == 0, err


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
