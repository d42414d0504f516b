"""`mlp grade`: a learner's file, run in its own process with limits of time and memory.

The limits guard against accidents; the file still runs with the rights of its user. Nothing that
comes back is unpickled: JSON lines and plain arrays.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlpcli.api import grade_worker
from mlpcli.api.gradcheck import points_of_config
from mlpcli.checks import reference
from mlpcli.checks.grading.answers import FUNCTIONS, LAYOUTS, Answer, Answers
from mlpcli.checks.grading.verdict import GradeVerdict, evaluate
from mlpcli.checks.problem import Problem
from mlpcli.config.load import load_config
from mlpcli.errors import SubmissionError, nearest
from mlpcli.nn import Array
from mlpcli.runs.checkpoint import tensors

MAX_MEMORY = 2 << 30  # bytes of address space
GRACE_PERIOD = 2  # seconds for the process to start, and to report its time limit
# the workbook's network and loss, and no other term; the same everywhere
PLAIN_SETTINGS = ["data.name=synth", "data.images=100", "network.hidden=[512, 256]"]
PLAIN_SETTINGS += ["network.activation=relu", "optimizer.weight_decay=0", "train.label_smoothing=0"]


def template() -> str:
    """The text of a file to start from."""
    return (resources.files("mlpcli.api") / "grade_template.txt").read_text(encoding="utf-8")


class Grade(NamedTuple):
    """The verdict on a learner's file."""

    file: str
    problem: Problem  # the arguments of its functions
    verdict: GradeVerdict

    @property
    def ok(self) -> bool:
        """Whether every step is right."""
        return self.verdict.ok


def grade(file: Path, *, timeout: int) -> Grade:
    """The verdict on a file's functions, by the workbook's network and a few drawn images.

    timeout: seconds for all of it. Raises SubmissionError.
    """
    problem = next(points_of_config(load_config(None, PLAIN_SETTINGS))).problem
    return Grade(str(file), problem, evaluate(problem, run(file, problem, timeout=timeout)))


def run(file: Path, problem: Problem, *, timeout: int) -> Answers:
    """What the functions of a file return, for the inputs in every form.

    timeout: seconds for all of it. Raises SubmissionError.
    """
    if not file.is_file():
        raise SubmissionError(f"{file}: {'not a file' if file.exists() else 'no such file'}")
    if file.suffix == ".ipynb":
        raise SubmissionError(f"{file}: is a notebook; save its functions in a .py file")
    with tempfile.TemporaryDirectory(prefix="mlp-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _write(folder, file, problem, timeout)
        status = _wait(folder, timeout)
        return _read(folder, file, status, timeout)


def _write(folder: Path, file: Path, problem: Problem, timeout: int) -> None:
    arrays = {f"h{i}": h for i, h in enumerate(reference.forward(problem).h)} | {"y": problem.y}
    arrays |= tensors(problem.params)
    np.savez(folder / "inputs.npz", allow_pickle=False, **arrays)
    job = {
        "file": str(file),
        "functions": FUNCTIONS,
        "forms": [form._asdict() for form in LAYOUTS],
        "memory": MAX_MEMORY,
        "timeout": timeout,
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")


def _wait(folder: Path, timeout: int) -> int | None:
    """Exit status of the process; None when it had to be stopped."""
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # each takes address space
    process = subprocess.Popen(
        [sys.executable, "-P", "-B", grade_worker.__file__, str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=2,  # what it prints is not a result
        env=os.environ | threads,
        start_new_session=True,  # so that its children end with it
    )
    try:
        return process.wait(timeout + GRACE_PERIOD)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def _read(folder: Path, file: Path, status: int | None, timeout: int) -> Answers:
    try:
        text = (folder / "outcome.jsonl").read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.splitlines()]
        defined = [line for line in lines if line["event"] == "defined"]
        answers = _answers(folder, [line for line in lines if line["event"] == "answer"])
        stopped = [str(line["text"]) for line in lines if line["event"] == "stopped"]
        doing = [f"in {line['step']}" for line in lines if line["event"] == "calling"]
        names, others = ([*defined[0]["names"]], [*defined[0]["others"]]) if defined else ([], [])
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile) as err:
        raise SubmissionError(f"{file}: its answers cannot be read; does it write files?") from err
    if defined and not names:
        raise SubmissionError(f"{file}: {_none(others)}")
    first = answers.get(LAYOUTS[0], {})
    done = any(line["event"] == "end" for line in lines)
    if done or (names and all(name in first and not first[name].failure for name in names)):
        return answers  # one form that works is enough, even when a later one took too long
    place = doing[-1] if doing else "while it was read"
    raise SubmissionError(stopped[0] if stopped else f"{file}: {_ended(status, timeout)} {place}")


def _answers(folder: Path, lines: list[dict[str, Any]]) -> Answers:
    answers: Answers = {}
    for line in lines:
        failure = (str(line["failure"][0]), str(line["failure"][1])) if line["failure"] else None
        path = folder / f"{int(line['form'])}-{line['step']}.npz"
        answers.setdefault(LAYOUTS[line["form"]], {})[line["step"]] = Answer(
            arrays=[] if failure else _arrays(path),
            failure=failure,
            changed=tuple(map(str, line["changed"])),
            own_grad_z3=line["given"] == "yours",
        )
    return answers


def _arrays(path: Path) -> list[Array]:
    with np.load(path, allow_pickle=False) as arrays:
        return [arrays[f"arr_{i}"] for i in range(len(arrays))]


def _none(others: list[str]) -> str:
    near = [(o, n) for o in others if (n := nearest(o, FUNCTIONS, cutoff=0.7))]
    hint = f"; rename {near[0][0]!r} to {near[0][1]!r}?" if near else "; see `--template`"
    return f"defines none of {', '.join(FUNCTIONS)}{hint}"


def _ended(status: int | None, timeout: int) -> str:
    if status is None:
        return f"did not end within {timeout} s,"
    if status < 0:
        return f"ended by signal {signal.Signals(-status).name}"
    return f"ended its process with status {status}"
