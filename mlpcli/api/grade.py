"""`mlp grade`: a learner's file, run in its own process with limits, and the verdict on it.

The limits guard against accidents; the file still runs with the rights of its user.
"""

import json
import signal
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from mlpcli.api import grade_constants, grade_process, grade_results, grade_worker
from mlpcli.api import rubric as rubrics
from mlpcli.api.gradcheck import points_of_config
from mlpcli.api.grade_constants import MAX_LAYERS, Constants
from mlpcli.api.grade_process import Outcome
from mlpcli.api.grade_results import GarbledError
from mlpcli.checks import reference
from mlpcli.checks.grading.answers import LAYOUTS, LEARNING_RATE, WHOLE, Answers, Layout, functions
from mlpcli.checks.grading.verdict import GradeVerdict, evaluate
from mlpcli.checks.problem import Problem
from mlpcli.config.load import load_config
from mlpcli.data.preprocessing import INPUTS
from mlpcli.errors import SubmissionError, nearest
from mlpcli.nn import Array, mlp
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.mlp import Layer
from mlpcli.runs.checkpoint import tensors

Style = Literal["functions", "dict", "class"]

CLASSES = 10
MAX_DRAWS = 100  # of weights
MAX_MEMORY = 2 << 30  # bytes of address space
STEPS = [f"grad_{q}{i}" for i in range(1, MAX_LAYERS + 1) for q in "zWb"]  # that may have points
STEPS += [
    f"{whole}.grad_{q}{i}" for whole in WHOLE for i in range(1, MAX_LAYERS + 1) for q in "zWb"
]
# the workbook's network and loss, and no other term; the same everywhere
PLAIN_SETTINGS = ["data.name=synth", "data.images=100", "network.hidden=[512, 256]"]
PLAIN_SETTINGS += ["network.activation=relu", "optimizer.weight_decay=0", "train.label_smoothing=0"]


def template(style: Style) -> str:
    """The text of a file to start from."""
    file = resources.files("mlpcli.api") / f"grade_template_{style}.txt"
    return file.read_text(encoding="utf-8")


class Grade(NamedTuple):
    """The verdict on a learner's file."""

    file: str
    problem: Problem  # the arguments of its functions
    verdict: GradeVerdict
    constants: Constants  # what the file says of its network and its conventions
    rubric: dict[str, float] | None = None  # points of the steps

    @property
    def ok(self) -> bool:
        """Whether every step is right, and every step that has points is there."""
        return self.verdict.ok and self.points == self.max_points

    @property
    def points(self) -> float:
        """The points of the right steps; without a rubric, each has one."""
        return sum(self.points_of(step.step) for step in self.verdict.steps if step.ok)

    @property
    def max_points(self) -> float:
        """The points of all steps."""
        if self.rubric is None:
            return len(self.verdict.steps)
        return sum(self.rubric.values())

    def points_of(self, step: str) -> float:
        """The points that a right step has."""
        return 1 if self.rubric is None else self.rubric.get(step, 0)


def grade(
    file: Path,
    *,
    timeout: int,
    seed: int | None = None,
    strict: bool = False,
    rubric: Path | None = None,
) -> Grade:
    """The verdict on a file's functions, by the workbook's network and a few drawn images.

    timeout: seconds for all of it. seed: draws other inputs, another number of images and other
    widths. strict: whether gradients alone may be returned, right to all digits. rubric: a YAML
    file of points by step. Raises SubmissionError, and ConfigError for a wrong rubric.
    """
    points = rubrics.read(rubric, STEPS) if rubric else None
    constants = grade_constants.read(file)
    if seed is None and constants.sizes is None:
        problem = next(points_of_config(load_config(None, PLAIN_SETTINGS))).problem
    else:
        problem = drawn_problem(np.random.default_rng(seed or 0), constants.sizes)
    problem = problem._replace(activation=ACTIVATIONS[constants.activation])
    calls = run(file, problem, constants, timeout=timeout)
    verdict = evaluate(problem, calls, strict=strict, bias=constants.bias)
    return Grade(str(file), problem, verdict, constants, points)


def drawn_problem(rng: np.random.Generator, sizes: Sequence[int] | None = None) -> Problem:
    """A problem of which nothing can be known before: 3 to 8 images, but not 4.

    sizes: width of every layer, input first; default: new hidden widths. There are at most as many
    images as inputs of any layer: with more, any numbers would be the gradient of something.
    """
    images = int(rng.choice([3, 5, 6, 7, 8]))
    hidden = int(rng.integers(300, 500)), int(rng.integers(100, 250))
    sizes = sizes or (INPUTS, *hidden, CLASSES)
    images = min(images, *sizes[:-1])
    images -= images == 4
    lit = rng.random((images, sizes[0])) < 0.3  # most pixels are dark, as in digits
    x = rng.random((images, sizes[0])) * lit
    x[:, 0] = rng.random(images)  # no image is black
    for _ in range(MAX_DRAWS):
        params = mlp.init(sizes, rng=rng, dtype="float64")
        params = tuple(Layer(W, 0.1 * rng.standard_normal(b.shape)) for W, b in params)
        if all((h > 0).any(axis=1).all() for h in mlp.forward(params, x).h):
            break  # in no layer are all units off
    labels = np.resize(rng.permutation(sizes[-1]), images)
    return Problem(params, x, mlp.one_hot(labels, sizes[-1]))


def run(file: Path, problem: Problem, constants: Constants, *, timeout: int) -> Answers:
    """What the functions of a file return, for the inputs in every layout that it may use.

    timeout: seconds for all of it. Raises SubmissionError.
    """
    layouts = [layout for layout in LAYOUTS if constants.form in (None, layout.form)]
    script, packages = grade_worker.__file__, str(Path(np.__file__).parents[1])
    try:
        with tempfile.TemporaryDirectory(prefix="mlp-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            _write(folder, file, problem, layouts, constants, packages, timeout)
            outcome = grade_process.run(script, folder, packages=packages, timeout=timeout)
    except OSError as err:
        text = f"cannot be run in a temporary folder: {err.strerror}"
        raise SubmissionError(f"{file}: {text}; check TMPDIR and the space there") from err
    plain = next(layout for layout in layouts if not layout.transposed)  # of every function
    return _answers(str(file), outcome, plain, len(problem.params), timeout)


def _write(
    folder: Path,
    file: Path,
    problem: Problem,
    layouts: list[Layout],
    constants: Constants,
    packages: str,
    timeout: int,
) -> None:
    np.savez(folder / "inputs.npz", allow_pickle=False, **inputs(problem))
    job = job_of(problem, layouts, constants) | {
        "file": str(file),
        "path": str(file.absolute()),
        "package": str(Path(grade_worker.__file__).resolve().parents[1]),
        "packages": packages,
        "memory": MAX_MEMORY,
        "timeout": timeout,
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")


def inputs(problem: Problem) -> dict[str, Array]:
    """All that the functions of a file may be given, as the worker reads it."""
    z, h, *_ = reference.forward(problem)
    arrays = {f"h{i}": array for i, array in enumerate(h)} | {"y": problem.y}
    arrays |= {f"z{i}": array for i, array in enumerate(z, start=1)}
    return arrays | tensors(problem.params)


def job_of(problem: Problem, layouts: list[Layout], constants: Constants) -> dict[str, Any]:
    """What the worker is to do with the inputs."""
    return {
        "functions": functions(len(problem.params)),
        "layouts": [layout._asdict() | {"number": LAYOUTS.index(layout)} for layout in layouts],
        "bias": constants.bias,
        "lr": LEARNING_RATE,
    }


def _answers(file: str, outcome: Outcome, layout: Layout, depth: int, timeout: int) -> Answers:
    """The answers, if there are enough to be judged. Raises SubmissionError."""
    headers = [message.header for message in outcome.messages]
    try:
        if outcome.garbled:
            raise GarbledError
        answers = grade_results.answers(outcome.messages, file, functions(depth))
    except GarbledError as err:
        text = "its results cannot be read; its functions must return them, and write nothing"
        raise SubmissionError(f"{file}: {text}") from err
    defined = next((header for header in headers if header.event == "defined"), None)
    if defined and not defined.names:
        raise SubmissionError(f"{file}: {_none(defined.others, depth)}")
    first = answers.get(layout, {})
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


def _none(others: list[str], depth: int) -> str:
    expected = functions(depth)
    near = [(o, n) for o in others if (n := nearest(o, expected, cutoff=0.7))]
    hint = f"; rename {near[0][0]!r} to {near[0][1]!r}?" if near else "; see `--template`"
    return f"defines none of {', '.join(expected)}{hint}"


def _ended(status: int | None, timeout: int) -> str:
    if status is None:
        return f"did not end within {timeout} s,"
    if status < 0:
        known = -status in {*signal.Signals}  # not so the real-time signals
        return f"ended by signal {signal.Signals(-status).name if known else -status}"
    return f"ended its process with status {status}"
