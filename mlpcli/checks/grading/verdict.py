"""The evaluation of a learner's own backward pass, step by step in the workbook's order.

Each step is checked given its own inputs, so one mistake is counted once. The place of the 1/n, if
there is one, is the learner's choice and is only named; the same choice must hold in every place.
"""

from typing import NamedTuple

import numpy as np

from mlpcli.checks import diagnosis
from mlpcli.checks.diagnosis import Finding, GroundTruth
from mlpcli.checks.grading import answers
from mlpcli.checks.grading.answers import FUNCTIONS, Answer, Answers, Layout, Notes, ParsedArray
from mlpcli.checks.problem import Problem
from mlpcli.nn import Array
from mlpcli.nn.mlp import Layer


class StepVerdict(NamedTuple):
    """The verdict on one quantity."""

    step: str  # "grad_z3", "backward.grad_z2", ...
    ok: bool
    conventions: Notes  # the learner's choices
    place: str  # the quantity that is wrong, "" if it is right
    kind: str  # a stable name for programs, "" if it is right
    text: str  # for people


class Part(NamedTuple):
    """The steps of the three functions, or of `backward`."""

    name: str  # "functions" or "backward"
    accepts: Notes  # layouts with the same result as the one evaluated
    steps: list[StepVerdict]


class GradeVerdict(NamedTuple):
    """The verdict on a file."""

    parts: list[Part]
    missing: Notes  # functions that the file does not define

    @property
    def steps(self) -> list[StepVerdict]:
        """All steps, in the workbook's order."""
        return [step for part in self.parts for step in part.steps]

    @property
    def right(self) -> int:
        """The number of right steps."""
        return sum(step.ok for step in self.steps)

    @property
    def ok(self) -> bool:
        """Whether there are steps and all are right."""
        return self.right == len(self.steps) > 0


class _Attempt(NamedTuple):
    """The evaluation of a part in one layout."""

    layout: Layout
    shaped: int  # number of results of the right shape
    steps: list[StepVerdict]

    @property
    def right(self) -> int:
        return sum(step.ok for step in self.steps)


def evaluate(problem: Problem, calls: Answers, *, strict: bool = False) -> GradeVerdict:
    """The verdict on the results of a file's functions, called with the inputs of a problem.

    problem: without weight decay and dropout, all layers of different widths; its first image is
    the one of the layouts with a single image. strict: whether `backward` may return nothing else.
    """
    first = problem._replace(x=problem.x[:1], y=problem.y[:1])
    truths = {False: diagnosis.ground_truth(problem), True: diagnosis.ground_truth(first)}
    attempts: dict[str, list[_Attempt]] = {"functions": [], "backward": []}
    with np.errstate(all="ignore"):  # the numbers may be anything
        for layout, results in calls.items():
            truth = truths[layout.single]
            if steps := {name: results[name] for name in results if name != "backward"}:
                attempts["functions"].append(_functions(truth, layout, steps))
            if "backward" in results:
                attempts["backward"].append(_backward(truth, layout, results["backward"], strict))
    defined = {name for results in calls.values() for name in results}
    return GradeVerdict(
        parts=[_best(name, part) for name, part in attempts.items() if part],
        missing=tuple(name for name in FUNCTIONS if name not in defined),
    )


def _best(name: str, attempts: list[_Attempt]) -> Part:
    """The part in the layout that its author probably chose.

    Shapes decide; and a batch comes before a single image, which cannot show a mistake with 1/n.
    """
    best = max(attempts, key=lambda a: (a.shaped, not a.layout.single, a.right))
    score = best.shaped, best.right
    same = (a.layout.text for a in attempts if (a.shaped, a.right) == score)
    return Part(name, tuple(same) if best.shaped else (), best.steps)


def _functions(truth: GroundTruth, layout: Layout, calls: dict[str, Answer]) -> _Attempt:
    """grad_z3, grad_W3 and grad_b3; the last two given the grad_z3 that they were called with."""
    n, right = len(truth.problem.y), truth.grad_z[-1]
    grad_z3, wrong_z = right, False  # the learner's
    undecided: tuple[float, ...] = (1.0, 1 / n)  # the 1/n may still come
    factors = undecided
    steps: list[StepVerdict] = []
    shaped = 0
    for name, answer in calls.items():
        if name == "grad_z3":
            result, factor = _parse(truth, name, layout, answer, right, (1.0, float(n)))
            wrong_z = result.problem is not None
            factors = (1.0,) if factor == 1 < n else undecided
            if result.array is not None and answers.can_be_given(result.array):
                grad_z3 = result.array.astype("float64")
        else:
            argument = grad_z3 if answer.own_grad_z3 else right
            result, factor = _parse(truth, name, layout, answer, argument, factors)
            if result.problem is None and factor is not None:
                factors = (factor,)  # the same for grad_W3 and grad_b3
        shaped += result.array is not None
        condition = ", given your grad_z3" if wrong_z and answer.own_grad_z3 else ""
        steps.append(_step(name, result.notes, result.problem, name + condition))
    return _Attempt(layout, shaped, steps)


def _parse(
    truth: GroundTruth,
    name: str,
    layout: Layout,
    answer: Answer,
    grad_z: Array,
    factors: tuple[float, ...],
) -> tuple[ParsedArray, float | None]:
    """The result of grad_z3, grad_W3 or grad_b3, given grad_z, (n, classes), and its mistake.

    Also the factor that fits best, times the mean over the batch; None if it is unknown.
    """
    h2 = truth.run.h[-2]
    expected = {"grad_z3": grad_z, "grad_W3": h2.T @ grad_z, "grad_b3": grad_z.sum(axis=0)}[name]
    parsed = answers.parse_array(name, layout, answer, expected.shape)
    array, notes, problem = parsed
    if array is None or problem:
        return parsed, None
    for c in factors:
        if answers.agrees(c * expected, array):
            return parsed._replace(notes=notes + _factor_note(name, c, len(grad_z))), c
    findings = [(_diagnose(truth, name, array / c, grad_z), c) for c in factors]
    finding, factor = min(findings, key=lambda pair: _vagueness(pair[0]))
    return parsed._replace(problem=finding), None if _vagueness(finding) else factor


def _diagnose(truth: GroundTruth, name: str, got: Array, grad_z: Array) -> Finding:
    """The mistake in a result of one of the three functions, given grad_z, (n, classes)."""
    if name == "grad_z3":
        return diagnosis.diagnose_last_z(truth, got)
    diagnose = diagnosis.diagnose_W if name == "grad_W3" else diagnosis.diagnose_b
    return diagnose(truth, len(truth.run.z) - 1, got, grad_z)


def _vagueness(finding: Finding) -> int:
    """0 if a finding names a mistake, 1 if it names a factor, 2 if it names neither."""
    if finding.kind == "unknown":
        return 2
    return int(finding.kind == "factor" or ", and it " in finding.text)


def _factor_note(name: str, factor: float, n: int) -> Notes:
    if n == 1:
        return ()
    if name == "grad_z3":
        return ("no 1/n in grad_z3" if factor > 1 else "1/n in grad_z3",)
    return (f"{'mean' if factor < 1 else 'sum'} over the images in {name}",)


def _backward(truth: GroundTruth, layout: Layout, answer: Answer, strict: bool) -> _Attempt:
    """Every grad_z, grad_W and grad_b that follows from the result of `backward`."""
    n, depth = len(truth.problem.y), len(truth.run.z)
    places = [f"grad_{q}{i}" for i in range(depth, 0, -1) for q in "zWb"]
    notes = answers.conventions(layout, answer)
    parsed = answers.parse_gradient(truth, layout, answer)
    params, more_notes, problems, surplus = parsed
    failure = Finding("backward", *answer.failure) if answer.failure else None
    if strict and surplus and not failure:
        text = f"backward returns {len(answer.arrays)} arrays, {surplus} of them no gradient"
        failure = Finding("backward", "surplus", f"{text}; return the gradients alone")
    if failure:
        return _Attempt(layout, 0, [_step(f"backward.{p}", notes, failure, "") for p in places])
    shaped = 2 * depth - sum(f.kind != "non-finite" for f in problems.values())
    readings = []
    for scale in (1, n):
        gradient = tuple(Layer(W / scale, b / scale) for W, b in params)
        findings = {f.place: f for f in diagnosis.diagnose(truth, gradient)} | problems
        readings.append((findings, scale))
    findings, scale = min(readings, key=lambda r: (len(r[0]), sum(map(_vagueness, r[0].values()))))
    for i in range(1, depth + 1):
        pair = [findings.get(f"grad_{q}{i}") for q in "Wb"]
        if all(f and (f.place in problems or f.kind == "unknown") for f in pair):
            text = f"grad_z{i} cannot be determined without grad_W{i} and grad_b{i}"
            findings.setdefault(f"grad_z{i}", Finding(f"grad_z{i}", "unjudged", text))
    if n > 1:
        more_notes += ("sum over the batch" if scale > 1 else "mean over the batch",)
    steps, condition, zero = [], "", ""
    for place in places:
        finding = findings.get(place)
        if zero and not finding:  # zero follows from zero, whatever the formula
            text = f"{place} cannot be determined, since your {zero} is zero"
            finding = Finding(place, "unjudged", text)
        steps.append(_step(f"backward.{place}", notes + more_notes, finding, place + condition))
        if place.startswith("grad_z"):
            zero = zero or (place if finding and finding.kind == "zero" else "")
            condition = f", given your {place}" if finding else ""
    return _Attempt(layout, shaped, steps)


def _step(step: str, notes: Notes, finding: Finding | None, text: str) -> StepVerdict:
    if finding is None:
        return StepVerdict(step, True, notes, "", "", text)
    hint = "; in float64 it might" if finding.kind == "unknown" and "float32" in notes else ""
    return StepVerdict(step, False, notes, finding.place, finding.kind, finding.text + hint)
