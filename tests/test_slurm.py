"""The SLURM scripts in `examples/` on a real SLURM: run, stopped before the limit, queued again."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlpcli.runs.folder import RunFolder
from tests import slurm
from tests.fingerprint import result

pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing())]
EXAMPLES = Path(__file__).parent.parent / "examples"
PATIENCE = 300  # seconds
SWEEP = """\
parameters:
  data.name: {{value: {dots}}}
  optimizer.lr: {{values: [0.3, 0.1]}}
  network.hidden: {{value: [16, 8]}}
  train.epochs: {{value: {epochs}}}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to submit from; in jobs, `mlp` and `dask` are those of the tests."""
    monkeypatch.chdir(tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, module in {"mlp": "mlpcli", "dask": "dask"}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    with slurm.cluster(tmp_path / "slurm"):
        yield tmp_path


def submitted(*words: str) -> str:
    """The number of the job that these words of sbatch submit; its output goes to job.out."""
    job = slurm.said("sbatch", "--parsable", "--output=job.out", "--mem=500M", *words)
    assert job.isdecimal(), "sbatch refused it"
    return job


def until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < deadline, Path("job.out").read_text()
        time.sleep(0.1)


def start_soon(job: str) -> None:
    """Instead of after two minutes; at once, it would be refused as the one that was stopped."""
    slurm.said("scontrol", "update", f"JobId={job}", "StartTime=now+5seconds")


def completed(job: str) -> None:
    """Wait until the job has ended, well."""
    until(lambda: slurm.state(job) not in ("PENDING", "RUNNING", "COMPLETING"))
    assert slurm.state(job) == "COMPLETED", Path("job.out").read_text()


def alone(*words: str) -> None:
    """The same by a command without SLURM."""
    subprocess.run(["mlp", *words, "--quiet"], check=True, capture_output=True)


def results(folder: str) -> dict[str, object]:
    """The result of each trial, by its address."""
    return {path.parent.name: result(path.parent) for path in Path(folder).glob("*/run.json")}


def test_a_job_trains_a_sweep_and_leaves_nothing_behind(place: Path, dots: str) -> None:
    Path("lr.yaml").write_text(SWEEP.format(dots=dots, epochs=3))
    words = (str(EXAMPLES / "slurm-sweep.sh"), "lr.yaml", "--out", "s")

    completed(submitted("--ntasks=2", *words))
    alone("sweep", "lr.yaml", "--out", "alone")

    assert "s: 2 configs" in Path("job.out").read_text()
    assert len(results("s")) == 2
    assert results("s") == results("alone")
    assert list(place.glob(".dask-*")) == []


def test_a_sweep_is_saved_before_the_limit_and_goes_on_in_the_next_job(
    place: Path, dots: str
) -> None:
    Path("lr.yaml").write_text(SWEEP.format(dots=dots, epochs=400))
    words = (str(EXAMPLES / "slurm-sweep.sh"), "lr.yaml", "--out", "s")
    job = submitted("--ntasks=2", *words)
    until(lambda: bool(list(Path("s").glob("*/last.safetensors"))))

    slurm.said("scancel", "--batch", "--signal=USR1", job)  # as SLURM does before the limit
    until(lambda: slurm.state(job) == "PENDING")

    stopped = [RunFolder(path.parent).load_record() for path in Path("s").glob("*/run.json")]
    # one is still "running" where a busy machine ended its worker first; it has its last checkpoint
    assert "interrupted" in {record.status for record in stopped}
    assert "interrupted: what was done is saved" in Path("job.out").read_text()
    assert list(place.glob(".dask-*")) == []
    start_soon(job)
    completed(job)
    alone("sweep", "lr.yaml", "--out", "alone")
    assert results("s") == results("alone")


def test_a_job_without_workers_ends_and_says_so(place: Path, dots: str) -> None:
    Path("lr.yaml").write_text(SWEEP.format(dots=dots, epochs=3))
    (place / "bin" / "srun").write_text("#!/bin/sh\nexit 1\n")
    (place / "bin" / "srun").chmod(0o755)

    job = submitted("--ntasks=2", str(EXAMPLES / "slurm-sweep.sh"), "lr.yaml", "--out", "s")
    until(lambda: slurm.state(job) == "FAILED")

    assert "error: the workers or the scheduler have ended" in Path("job.out").read_text()
    assert list(place.glob(".dask-*")) == []


def test_a_training_is_saved_before_the_limit_and_goes_on_in_the_next_job(
    place: Path, dots: str
) -> None:
    words = ("--data", dots, "--set", "network.hidden=[16, 8]", "--epochs", "400")
    job = submitted(
        "--cpus-per-task=1", str(EXAMPLES / "slurm" / "train.sbatch"), *words, "--out", "r"
    )
    until((place / "r" / "last.safetensors").exists)

    slurm.said("scancel", "--batch", "--signal=USR1", job)
    until(lambda: slurm.state(job) == "PENDING")
    assert RunFolder(Path("r")).load_record().status == "interrupted"
    start_soon(job)
    completed(job)

    alone("train", *words, "--threads", "1", "--out", "alone")
    assert result(Path("r")) == result(Path("alone"))
