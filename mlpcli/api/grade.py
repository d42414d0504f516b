"""`mlp grade`: a learner's file, run in its own process with limits, and the verdict on it.

The limits guard against accidents; the file still runs with the rights of its user.
"""

import json
import signal
import tempfile
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlpcli.api import grade_process, grade_results, grade_worker
from mlpcli.api.gradcheck import points_of_config
from mlpcli.api.grade_process import Outcome
from mlpcli.api.grade_results import GarbledError
from mlpcli.checks import reference
from mlpcli.checks.grading.answers import FUNCTIONS, LAYOUTS, Answers
from mlpcli.checks.grading.verdict import GradeVerdict, evaluate
from mlpcli.checks.problem import Problem
from mlpcli.config.load import load_config
from mlpcli.errors import SubmissionError, nearest
from mlpcli.runs.checkpoint import tensors

MAX_MEMORY = 2 << 30  # bytes of address space
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
    """What the functions of a file return, for the inputs in every layout.

    timeout: seconds for all of it. Raises SubmissionError.
    """
    if not file.is_file():
        raise SubmissionError(f"{file}: {'not a file' if file.exists() else 'no such file'}")
    if file.suffix == ".ipynb":
        raise SubmissionError(f"{file}: is a notebook; save its functions in a .py file")
    packages = str(Path(np.__file__).parents[1])
    with tempfile.TemporaryDirectory(prefix="mlp-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _write(folder, file, problem, packages, timeout)
        outcome = grade_process.run(
            grade_worker.__file__, folder, packages=packages, timeout=timeout
        )
    return _answers(str(file), outcome, timeout)


def _write(folder: Path, file: Path, problem: Problem, packages: str, timeout: int) -> None:
    arrays = {f"h{i}": h for i, h in enumerate(reference.forward(problem).h)} | {"y": problem.y}
    arrays |= tensors(problem.params)
    np.savez(folder / "inputs.npz", allow_pickle=False, **arrays)
    job = {
        "file": str(file),
        "path": str(file.absolute()),
        "package": str(Path(grade_worker.__file__).resolve().parents[1]),
        "packages": packages,
        "functions": FUNCTIONS,
        "layouts": [layout._asdict() for layout in LAYOUTS],
        "memory": MAX_MEMORY,
        "timeout": timeout,
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")


def _answers(file: str, outcome: Outcome, timeout: int) -> Answers:
    """The answers, if there are enough to be judged. Raises SubmissionError."""
    headers = [message.header for message in outcome.messages]
    try:
        if outcome.garbled:
            raise GarbledError
        answers = grade_results.answers(outcome.messages, file)
    except GarbledError as err:
        text = "its results cannot be read; its functions must return them, and write nothing"
        raise SubmissionError(f"{file}: {text}") from err
    defined = next((header for header in headers if header.event == "defined"), None)
    if defined and not defined.names:
        raise SubmissionError(f"{file}: {_none(defined.others)}")
    first = answers.get(LAYOUTS[0], {})
    if defined and all(name in first for name in defined.names):
        done = any(header.event == "end" for header in headers)
        if done or not any(answer.failure for answer in first.values()):
            return answers  # one layout is enough, even when a later one took too long
    calls = [f"in {header.step}" for header in headers if header.event == "calling"]
    place = calls[-1] if calls else "while it was read"
    for header in headers:
        if header.event == "stopped":
            late = f", {place}; see --timeout" if header.text.startswith("still running") else ""
            raise SubmissionError(grade_results.located(file, header) + late)
    raise SubmissionError(f"{file}: {_ended(outcome.status, timeout)} {place}")


def _none(others: list[str]) -> str:
    near = [(o, n) for o in others if (n := nearest(o, FUNCTIONS, cutoff=0.7))]
    hint = f"; rename {near[0][0]!r} to {near[0][1]!r}?" if near else "; see `--template`"
    return f"defines none of {', '.join(FUNCTIONS)}{hint}"


def _ended(status: int | None, timeout: int) -> str:
    if status is None:
        return f"did not end within {timeout} s,"
    if status < 0:
        known = -status in {*signal.Signals}  # not so the real-time signals
        return f"ended by signal {signal.Signals(-status).name if known else -status}"
    return f"ended its process with status {status}"
