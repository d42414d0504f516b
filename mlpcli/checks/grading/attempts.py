"""The evaluation of a learner's functions in one layout, step by step in the workbook's order.

Each step is checked given its own inputs, so one mistake is counted once. The place of the 1/n, if
there is one, is the learner's choice and is only named; the same choice must hold in every place.
"""

from typing import NamedTuple

from mlpcli.checks import diagnosis
from mlpcli.checks.finding import Finding
from mlpcli.checks.grading import answers, gradients, readings
from mlpcli.checks.grading.answers import Answer, Bias, Layout, Notes, ParsedArray
from mlpcli.checks.grading.readings import vagueness
from mlpcli.checks.ground_truth import GroundTruth
from mlpcli.nn import Array


class StepVerdict(NamedTuple):
    """The verdict on one quantity."""

    step: str  # "grad_z3", "backward.grad_z2", ...
    ok: bool
    conventions: Notes  # the learner's choices
    place: str  # the quantity that is wrong, "" if it is right
    kind: str  # a stable name for programs, "" if it is right to all digits
    text: str  # for people


class Attempt(NamedTuple):
    """The evaluation of a part in one layout."""

    layout: Layout
    shaped: int  # number of results of the right shape
    steps: list[StepVerdict]
    line: int = 0  # of the learner's file, the last one reached by a call that failed

    @property
    def right(self) -> int:
        return sum(step.ok for step in self.steps)

    @property
    def ok(self) -> bool:
        return self.right == len(self.steps)

    @property
    def progress(self) -> tuple[int, int, bool, int]:
        """How far it came: shapes decide, then the line of a failure; a batch comes first."""
        return self.shaped, 0 if self.shaped else self.line, not self.layout.single, self.right


def functions(
    truth: GroundTruth, layout: Layout, calls: dict[str, Answer], *, strict: bool
) -> Attempt:
    """grad_z3, grad_W3 and grad_b3; the last two given the grad_z3 that they were called with."""
    n, right = len(truth.problem.y), truth.grad_z[-1]
    grad_z3, wrong_z, last = right, False, f"grad_z{len(truth.run.z)}"  # the learner's
    undecided: tuple[float, ...] = (1.0, 1 / n)  # the 1/n may still come
    factors = undecided
    steps: list[StepVerdict] = []
    shaped = line = 0
    for name, answer in calls.items():
        if name == last:
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
        line = max(line, answer.line)
        condition = f", given your {last}" if wrong_z and answer.own_grad_z3 else ""
        step = _step(name, result.notes, result.problem, name + condition)
        steps.append(_with_precision(step, result.digits, strict=strict))
    return Attempt(layout, shaped, steps, line)


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
    h2, field = truth.run.h[-2], name[5]
    expected = {"z": grad_z, "W": h2.T @ grad_z, "b": grad_z.sum(axis=0)}[field]
    parsed = answers.parse_array(name, layout, answer, expected.shape)
    array, notes, problem, _ = parsed
    if array is None or problem:
        return parsed, None
    for c in factors:
        digits = answers.digits(c * expected, array)
        if digits is not None or answers.agrees(c * expected, array):
            notes += _factor_note(name, c, len(grad_z))
            return parsed._replace(notes=notes, digits=digits), c
    findings = [(_diagnose(truth, field, array / c, grad_z), c) for c in factors]
    finding, factor = min(findings, key=lambda pair: vagueness(pair[0]))
    return parsed._replace(problem=finding), None if vagueness(finding) else factor


def _diagnose(truth: GroundTruth, field: str, got: Array, grad_z: Array) -> Finding:
    """The mistake in a result of one of the three functions, given grad_z, (n, classes)."""
    if field == "z":
        return diagnosis.diagnose_last_z(truth, got)
    diagnose = diagnosis.diagnose_W if field == "W" else diagnosis.diagnose_b
    return diagnose(truth, len(truth.run.z) - 1, got, grad_z)


def _factor_note(name: str, factor: float, n: int) -> Notes:
    if n == 1:
        return ()
    if name.startswith("grad_z"):
        return (f"no 1/n in {name}" if factor > 1 else f"1/n in {name}",)
    return (f"{'mean' if factor < 1 else 'sum'} over the images in {name}",)


def whole(
    truth: GroundTruth,
    name: str,
    layout: Layout,
    answer: Answer,
    *,
    strict: bool,
    bias: Bias | None,
) -> Attempt:
    """Every grad_z, grad_W and grad_b that follows from the result of `backward` or `update`."""
    n, depth = len(truth.problem.y), len(truth.run.z)
    places = [f"grad_{q}{i}" for i in range(depth, 0, -1) for q in "zWb"]
    notes, updated = answers.conventions(layout, answer, given=name == "update"), name == "update"
    parsed = gradients.parse(truth, layout, answer, updated=updated, bias=bias)
    shaped = 2 * depth - sum(f.kind != "non-finite" for f in parsed.problems.values())
    failure = Finding(name, *answer.failure) if answer.failure else None
    if strict and parsed.surplus and not failure:
        text = f"{name} returns {len(answer.arrays)} arrays, {parsed.surplus} of them no gradient"
        failure = Finding(name, "surplus", f"{text}; return the gradients alone")
    if failure:
        steps = [_step(f"{name}.{p}", notes, failure, "") for p in places]
        return Attempt(layout, 0 if answer.failure else shaped, steps, answer.line)
    findings, summed = readings.read(truth, parsed, updated=updated)
    notes += parsed.notes
    if n > 1 and any(place not in findings for place in places):
        notes += ("sum over the batch" if summed else "mean over the batch",)
    steps, condition, zero = [], "", ""
    for place in places:
        finding = findings.get(place)
        if zero and not finding:  # zero follows from zero, whatever the formula
            text = f"{place} cannot be determined, since your {zero} is zero"
            finding = Finding(place, "unjudged", text)
        step = _step(f"{name}.{place}", notes, finding, place + condition)
        steps.append(_with_precision(step, parsed.digits.get(place), strict=strict))
        if place.startswith("grad_z"):
            zero = zero or (place if finding and finding.kind == "zero" else "")
            judged = finding and finding.kind != "unjudged"
            condition = f", given {'your' if judged else 'the right'} {place}" if finding else ""
    return Attempt(layout, shaped, steps)


def _step(step: str, notes: Notes, finding: Finding | None, text: str) -> StepVerdict:
    if finding is None:
        return StepVerdict(step, True, notes, "", "", text)
    hint = "; in float64 it might" if finding.kind == "unknown" and "float32" in notes else ""
    return StepVerdict(step, False, notes, finding.place, finding.kind, finding.text + hint)


def _with_precision(step: StepVerdict, digits: int | None, *, strict: bool) -> StepVerdict:
    """A right step that agrees to a few digits alone; strict: it is wrong then."""
    if digits is None or not step.ok:
        return step
    place = step.step.rpartition(".")[2]
    text = f"{step.text} agrees to {digits} digits; is there float32 or a 1e-8 in it?"
    return step._replace(ok=not strict, place=place, kind="precision", text=text)
