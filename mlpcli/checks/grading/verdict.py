"""A learner's own backward pass, judged step by step in the workbook's order.

Each step is judged by what it was given, so one mistake costs one step. Where the 1/n stands, if
anywhere, is a choice: it is named, not judged. That it stands in one place and not in another is a
mistake.
"""

from typing import NamedTuple

import numpy as np

from mlpcli.checks import diagnosis
from mlpcli.checks.diagnosis import Facts, Finding
from mlpcli.checks.grading import answers
from mlpcli.checks.grading.answers import FUNCTIONS, Answer, Answers, Form, Notes
from mlpcli.checks.problem import Problem
from mlpcli.nn import Array
from mlpcli.nn.mlp import Layer


class Step(NamedTuple):
    """The verdict on one quantity."""

    step: str  # "grad_z3", "backward.grad_z2", ...
    ok: bool
    conventions: Notes  # what the learner chose
    place: str  # the quantity that is wrong, "" when it is right
    kind: str  # a stable name for programs, "" when it is right
    text: str  # for people


class Part(NamedTuple):
    """The steps of the three functions, or of `backward`."""

    name: str  # "functions" or "backward"
    accepts: Notes  # forms in which it does as well as in the one it is judged in
    steps: list[Step]


class Verdict(NamedTuple):
    """The result of judging a file."""

    parts: list[Part]
    missing: Notes  # functions that the file does not define

    @property
    def steps(self) -> list[Step]:
        """All steps, in the workbook's order."""
        return [step for part in self.parts for step in part.steps]

    @property
    def right(self) -> int:
        """How many steps are right."""
        return sum(step.ok for step in self.steps)

    @property
    def ok(self) -> bool:
        """Whether all are."""
        return self.right == len(self.steps) > 0


class _Tried(NamedTuple):
    """A part, judged in one form."""

    form: Form
    shaped: int  # results of the right shape
    steps: list[Step]

    @property
    def right(self) -> int:
        return sum(step.ok for step in self.steps)


class _Reading(NamedTuple):
    """What a result is, with its 1/n where it fits best."""

    array: Array | None
    notes: Notes
    finding: Finding | None
    factor: float | None  # times the mean of the batch; None where it cannot be told


def judge(problem: Problem, given: Answers) -> Verdict:
    """The verdict on what a file's functions return, called with the inputs of a problem.

    problem: without weight decay and dropout, all layers of different widths; its first image is
    that of the forms with one image.
    """
    one = problem._replace(x=problem.x[:1], y=problem.y[:1])
    known = {False: diagnosis.facts(problem), True: diagnosis.facts(one)}
    parts: dict[str, list[_Tried]] = {"functions": [], "backward": []}
    with np.errstate(all="ignore"):  # the numbers may be anything
        for form, calls in given.items():
            if steps := {name: calls[name] for name in calls if name != "backward"}:
                parts["functions"].append(_functions(known[form.one], form, steps))
            if "backward" in calls:
                parts["backward"].append(_backward(known[form.one], form, calls["backward"]))
    defined = {name for calls in given.values() for name in calls}
    return Verdict(
        parts=[_best(name, tried) for name, tried in parts.items() if tried],
        missing=tuple(name for name in FUNCTIONS if name not in defined),
    )


def _best(name: str, tried: list[_Tried]) -> Part:
    """The part in the form that its author had in mind.

    Shapes decide; and a batch comes before one image, on which no mistake with 1/n would show.
    """
    best = max(tried, key=lambda t: (t.shaped, not t.form.one, t.right))
    same = (t.form.text for t in tried if (t.shaped, t.right) == (best.shaped, best.right))
    return Part(name, tuple(same) if best.shaped else (), best.steps)


def _functions(known: Facts, form: Form, calls: dict[str, Answer]) -> _Tried:
    """grad_z3, grad_W3 and grad_b3, the later two by the grad_z3 that they were given."""
    n, right = len(known.problem.y), known.grad_z[-1]
    held, wrong_z = right, False
    free: tuple[float, ...] = (1.0, 1 / n)  # the 1/n may still come
    factors = free
    steps: list[Step] = []
    shaped = 0
    for name, answer in calls.items():
        if name == "grad_z3":
            reading = _read(known, name, form, answer, right, (1.0, float(n)))
            wrong_z = reading.finding is not None
            factors = (1.0,) if reading.factor == 1 < n else free
            if reading.array is not None and np.isfinite(reading.array).all():
                held = reading.array.astype("float64")
        else:
            reading = _read(known, name, form, answer, held if answer.given else right, factors)
            if reading.finding is None and reading.factor is not None:
                factors = (reading.factor,)  # the same for grad_W3 and grad_b3
        shaped += reading.array is not None
        after = ", given your grad_z3" if wrong_z and answer.given else ""
        steps.append(_step(name, reading.notes, reading.finding, name + after))
    return _Tried(form, shaped, steps)


def _read(
    known: Facts,
    name: str,
    form: Form,
    answer: Answer,
    grad_z: Array,
    factors: tuple[float, ...],
) -> _Reading:
    h2 = known.run.h[-2]
    due = {"grad_z3": grad_z, "grad_W3": h2.T @ grad_z, "grad_b3": grad_z.sum(axis=0)}[name]
    array, notes, finding = answers.one(name, form, answer, due.shape)
    if array is None or finding:
        return _Reading(array, notes, finding, None)
    for c in factors:
        if answers.agrees(c * due, array):
            return _Reading(array, notes + _mean(name, c, len(grad_z)), None, c)
    found = [(_explained(known, name, array / c, grad_z), c) for c in factors]
    finding, factor = min(found, key=lambda pair: _vague(pair[0]))
    return _Reading(array, notes, finding, None if _vague(finding) else factor)


def _explained(known: Facts, name: str, got: Array, grad_z: Array) -> Finding:
    if name == "grad_z3":
        return diagnosis.last_grad_z(known, got)
    wrong = diagnosis.wrong_W if name == "grad_W3" else diagnosis.wrong_b
    return wrong(known, len(known.run.z) - 1, got, grad_z)


def _vague(finding: Finding) -> int:
    """How little a finding says: 0 where a mistake is named."""
    if finding.kind == "unknown":
        return 2
    return int(finding.kind == "factor" or ", and it " in finding.text)


def _mean(name: str, factor: float, n: int) -> Notes:
    if n == 1:
        return ()
    if name == "grad_z3":
        return ("no 1/n in grad_z3" if factor > 1 else "1/n in grad_z3",)
    return (f"{'mean' if factor < 1 else 'sum'} over the images in {name}",)


def _backward(known: Facts, form: Form, answer: Answer) -> _Tried:
    """Every grad_z, grad_W and grad_b that the result of `backward` tells of."""
    n, depth = len(known.problem.y), len(known.run.z)
    places = [f"grad_{q}{i}" for i in range(depth, 0, -1) for q in "zWb"]
    notes = answers.chosen(form, answer)
    if answer.failure:
        failed = Finding("backward", *answer.failure)
        return _Tried(form, 0, [_step(f"backward.{p}", notes, failed, "") for p in places])
    params, more, amiss = answers.whole(known, form, answer.arrays)
    shaped = 2 * depth - sum(f.kind != "non-finite" for f in amiss.values())
    for i in range(1, depth + 1):
        if {f"grad_W{i}", f"grad_b{i}"} <= amiss.keys():
            text = f"grad_z{i} cannot be told without grad_W{i} and grad_b{i}"
            amiss[f"grad_z{i}"] = Finding(f"grad_z{i}", "unjudged", text)
    readings = []
    for scale in (1, n):
        scaled = tuple(Layer(W / scale, b / scale) for W, b in params)
        found = {f.place: f for f in diagnosis.diagnose(known, scaled)} | amiss
        readings.append((found, scale))
    found, scale = min(readings, key=lambda r: (len(r[0]), sum(map(_vague, r[0].values()))))
    if n > 1:
        more += ("sum over the batch" if scale > 1 else "mean over the batch",)
    steps, given = [], ""
    for place in places:
        steps.append(_step(f"backward.{place}", notes + more, found.get(place), place + given))
        if place.startswith("grad_z"):
            given = f", given your {place}" if place in found else ""
    return _Tried(form, shaped, steps)


def _step(step: str, notes: Notes, finding: Finding | None, text: str) -> Step:
    if finding is None:
        return Step(step, True, notes, "", "", text)
    hint = "; in float64 it might" if finding.kind == "unknown" and "float32" in notes else ""
    return Step(step, False, notes, finding.place, finding.kind, finding.text + hint)
