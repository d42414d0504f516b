"""The job scripts in `examples/`: a scheduler that stops and restarts them loses nothing."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from mlpcli.runs.folder import LAST, METRICS
from tests.faults.processes import appears, ended, popen
from tests.fingerprint import result

if os.name == "nt":
    pytest.skip("needs a POSIX shell and signals", allow_module_level=True)
if not shutil.which("bash"):
    pytest.skip("needs bash", allow_module_level=True)

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parent.parent / "examples"
SBATCH = EXAMPLES / "slurm" / "train.sbatch"
WORKFLOW = EXAMPLES / "github-actions" / "train.yml"
EPOCHS = 40


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment whose `mlp` is this one, and whose other commands only write what they get."""
    monkeypatch.chdir(tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    scripts = {"mlp": f'exec "{sys.executable}" -m mlpcli "$@"'}
    scripts |= {name: f'echo {name} "$@" >> "{tmp_path}/log"' for name in ("scontrol", "pip")}
    for name, line in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    return os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "CI": "true"}


@pytest.fixture
def config(tmp_path: Path, dots: str) -> str:
    """A config that trains for a moment on small data."""
    path = tmp_path / "small.yaml"
    sections = ("network: {hidden: [16, 8]}", f"train: {{batch_size: 8, epochs: {EPOCHS}}}")
    path.write_text("\n".join([f"data: {{name: {dots}}}", *sections]), encoding="utf-8")
    return str(path)


@pytest.fixture
def whole(config: str, env: dict[str, str]) -> dict[str, Any]:
    """The result of a training that nothing stopped."""
    words = ["mlp", "train", "--config", config, "--out", "whole", "--threads", "2"]
    subprocess.run(words, env=env, check=True, capture_output=True)
    return result(Path("whole"))


def job(config: str, env: dict[str, str]) -> subprocess.Popen[str]:
    """The SLURM script, in a group of processes of its own."""
    words = ["bash", str(SBATCH), "--config", config, "--out", "run"]
    slurm = {"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "2"}
    return popen(words, env=env | slurm, start_new_session=True)


def requeues() -> list[str]:
    """The job's calls of scontrol."""
    return Path("log").read_text().splitlines() if Path("log").exists() else []


def test_a_slurm_job_saves_at_its_warning_and_ends_as_if_it_had_not(
    config: str, env: dict[str, str], whole: dict[str, Any]
) -> None:
    process = job(config, env)
    appears(Path("run", LAST), process)
    process.send_signal(signal.SIGUSR1)  # to the script alone
    stopped = ended(process)
    epochs = len(Path("run", METRICS).read_text().splitlines())
    again = ended(job(config, env))

    assert (stopped.status, requeues()) == (138, ["scontrol requeue 7"]), stopped
    assert stopped.err.splitlines()[-1].startswith("interrupted: after")
    assert 1 <= epochs < EPOCHS
    assert again.status == 0, again
    assert result(Path("run")) == whole


def test_a_slurm_job_that_is_terminated_is_saved_too(
    config: str, env: dict[str, str], whole: dict[str, Any]
) -> None:
    process = job(config, env)
    appears(Path("run", LAST), process)
    os.killpg(process.pid, signal.SIGTERM)  # to all processes of the job
    stopped = ended(process)
    again = ended(job(config, env))

    assert (stopped.status, requeues()) == (143, []), stopped
    assert stopped.err.splitlines()[-1].startswith("interrupted: after")
    assert again.status == 0, again
    assert result(Path("run")) == whole


def test_the_options_of_the_slurm_job_stand_before_its_first_command() -> None:
    head, _, rest = SBATCH.read_text(encoding="utf-8").partition("\nmlp train")
    options = re.findall(r"^#SBATCH (\S+)", head, re.MULTILINE)

    assert "--signal=B:USR1@60" in options
    assert {"--requeue", "--open-mode=append"} <= set(options)
    assert "#SBATCH" not in rest


def workflow() -> Mapping[str, Any]:
    """The workflow; its key "on" is text, as YAML 1.2 has it."""
    loaded = YAML(typ="safe").load(WORKFLOW.read_text(encoding="utf-8"))
    assert {"name", "on", "permissions", "env", "jobs"} == set(loaded)
    return dict(loaded)


def attempt(env: dict[str, str], *, stop: bool = False) -> list[int]:
    """The status of each command of the workflow's job; stop: cancel its training."""
    statuses: list[int] = []
    for step in workflow()["jobs"]["train"]["steps"]:
        assert ("run" in step) != ("uses" in step)
        if "run" not in step or (any(statuses) and step.get("if") != "always()"):
            continue
        Path("step.sh").write_text(step["run"])
        process = popen(["bash", "-e", "step.sh"], env=env)  # as GitHub runs it
        if stop and "mlp train" in step["run"]:
            appears(Path("run", LAST), process)
            process.send_signal(signal.SIGINT)  # to the shell alone
        done = ended(process)
        assert "Traceback" not in done.err
        statuses.append(done.status)
    return statuses


def test_a_workflow_that_is_canceled_and_run_again_ends_as_if_it_had_not(
    config: str, env: dict[str, str]
) -> None:
    subprocess.run(["mlp", "train", "--config", config, "--out", "whole"], env=env, check=True)
    env |= {**workflow()["env"], "CONFIG": config, "RUN": "run"}

    assert attempt(env, stop=True) == [0, 130, 0]  # the installation, the training, the report
    assert attempt(env) == [0, 0, 0, 0]
    assert result(Path("run")) == result(Path("whole"))
    assert Path("run", "report.html").exists()
    assert requeues() == ["pip install ."] * 2


def test_a_workflow_fails_when_the_accuracy_is_too_low(config: str, env: dict[str, str]) -> None:
    env |= {**workflow()["env"], "CONFIG": config, "RUN": "run", "MIN_ACCURACY": "1"}
    shutil.copy(config, "noise.yaml")
    with Path("noise.yaml").open("a", encoding="utf-8") as file:
        file.write("\noptimizer: {lr: 1e-6}\n")

    assert attempt(env | {"CONFIG": "noise.yaml"}) == [0, 0, 1, 0]
