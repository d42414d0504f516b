"""The scripts in `examples/`, each as its user runs it: nothing is lost, all results are there."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from ruamel.yaml import YAML

from mlpcli.runs.folder import LAST, METRICS
from tests.cli.outcome import Outcome
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


@pytest.fixture
def job_env(config: str, env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of the workflow's job on GitHub."""
    github = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path)}
    github["GITHUB_STEP_SUMMARY"] = str(tmp_path / "summary.md")
    return env | github | workflow()["env"] | {"CONFIG": config, "RUN": "run"}


def attempt(env: dict[str, str], *, stop: bool = False) -> list[Outcome]:
    """What each command of the workflow's job does; stop: cancel its training."""
    outcomes: list[Outcome] = []
    for step in workflow()["jobs"]["train"]["steps"]:
        assert ("run" in step) != ("uses" in step)
        failed = any(outcome.status for outcome in outcomes)
        if "run" not in step or (failed and step.get("if") != "always()"):
            continue
        assert "${{" not in step["run"], "a value from outside would be run as code"
        Path("step.sh").write_text(step["run"])
        process = popen(["bash", "-e", "step.sh"], env=env)  # as GitHub runs it
        if stop and "mlp train" in step["run"]:
            appears(Path("run", LAST), process)
            process.send_signal(signal.SIGINT)  # to the shell alone
        done = ended(process)
        assert "Traceback" not in done.err
        outcomes.append(done)
    return outcomes


def statuses(outcomes: list[Outcome]) -> list[int]:
    return [outcome.status for outcome in outcomes]


def test_a_workflow_that_is_canceled_and_run_again_ends_as_if_it_had_not(
    config: str, env: dict[str, str], job_env: dict[str, str]
) -> None:
    subprocess.run(["mlp", "train", "--config", config, "--out", "whole"], env=env, check=True)

    # the installation, the config, the training, the report
    assert statuses(attempt(job_env, stop=True)) == [0, 0, 130, 0]
    assert statuses(attempt(job_env)) == [0] * 6
    assert result(Path("run")) == result(Path("whole"))
    assert Path("run", "report.html").exists()
    assert requeues() == ["pip install ."] * 2


def test_a_workflow_shows_its_results_in_the_summary_and_as_tests(job_env: dict[str, str]) -> None:
    outcomes = attempt(job_env)

    summary = Path("summary.md").read_text(encoding="utf-8")
    headings = [line for line in summary.splitlines() if line.startswith("#")]
    assert statuses(outcomes) == [0] * 6
    assert [heading.split()[:2] for heading in headings] == [["###", "gradient"], ["###", "run"]]
    assert failures("gradcheck") == failures("eval") == []


def test_a_workflow_fails_when_the_accuracy_is_too_low(
    config: str, job_env: dict[str, str]
) -> None:
    shutil.copy(config, "noise.yaml")
    with Path("noise.yaml").open("a", encoding="utf-8") as file:
        file.write("\noptimizer: {lr: 1e-6}\n")

    outcomes = attempt(job_env | {"CONFIG": "noise.yaml", "MIN_ACCURACY": "1"})

    assert statuses(outcomes) == [0, 0, 0, 0, 1, 0]
    (message,) = failures("eval")
    assert f"::error title=mlp eval::run: {message}\n" in outcomes[4].err
    assert "### run (last weights)" in Path("summary.md").read_text(encoding="utf-8")


def test_a_workflow_marks_a_mistake_in_the_config(job_env: dict[str, str]) -> None:
    Path("own.yaml").write_text("train:\n  epoch: 5\n")

    outcomes = attempt(job_env | {"CONFIG": "own.yaml"})

    assert statuses(outcomes)[:2] == [0, 2]
    assert "::error title=mlp config,file=own.yaml,line=2,col=3::own.yaml:2:3: " in outcomes[1].err


def failures(command: str) -> list[str]:
    """What the failed tests of a command's report say."""
    tree = ElementTree.parse(Path("reports", f"{command}.xml"))
    return [each.get("message", "") for each in tree.iter("failure")]


def check_script(env: dict[str, str], *args: str) -> Outcome:
    return ended(popen([str(EXAMPLES / "check.sh"), *args], env=env))


def test_the_script_trains_and_checks_and_prints_the_accuracy(
    env: dict[str, str], dots: str
) -> None:
    words = (dots, "0.9", "--set", "network.hidden=[16, 8]", "--set", "train.batch_size=8")
    done = check_script(env, *words)

    evaluated = json.loads(Path("reports/eval.json").read_text(encoding="utf-8"))
    assert done.status == 0, done
    assert done.out.splitlines()[1:] == [f"accuracy: {evaluated['accuracy']}", "all checks passed"]
    assert [failures(name) for name in ("data", "gradcheck", "eval")] == [[], [], []]


def test_the_script_tries_all_checks_and_fails_if_one_does(env: dict[str, str], dots: str) -> None:
    arrays = dict(np.load(dots))
    arrays["x_test"][:9] = arrays["x_train"][:9]
    np.savez("leak.npz", allow_pickle=False, **arrays)

    done = check_script(env, "leak.npz", "1", "--epochs", "1", "--set", "network.hidden=[8]")

    assert done.status == 1, done
    assert done.out.splitlines()[-1] == "a check failed"
    assert failures("data") == ["test: 9 of its 90 images are also in train"]
    assert failures("gradcheck") == []
    assert len(failures("eval")) == 1


def test_the_script_stops_where_something_cannot_be_done(env: dict[str, str]) -> None:
    done = check_script(env, "mnits")

    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: data set 'mnits': no such name; did you mean 'mnist'?")
    assert list(Path("reports").iterdir()) == []
