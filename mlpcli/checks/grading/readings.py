"""What is wrong in a learner's whole gradient, and which of its steps can be judged."""

from typing import NamedTuple

import numpy as np

from mlpcli.checks import diagnosis
from mlpcli.checks.finding import Finding
from mlpcli.checks.grading.answers import LEARNING_RATE
from mlpcli.checks.grading.gradients import ParsedGradient
from mlpcli.checks.ground_truth import GroundTruth
from mlpcli.checks.matching import ratio
from mlpcli.nn.mlp import Layer, Params

# kinds of a mistake in grad_W from which nothing follows for the grad_z of each image
HIDING_KINDS = {
    "unknown",
    "other-h",
    "zero",
    "unchanged",
    "shape",
    "params-for-gradient",
    "non-finite",
}
HIDING_KINDS |= {"signs-only", "batch-averaged", "h-left-out"}


class Reading(NamedTuple):
    """The mistakes in a gradient, read as the mean or the sum over the batch."""

    findings: dict[str, Finding]  # by the quantity that is wrong
    summed: bool


def read(truth: GroundTruth, parsed: ParsedGradient, *, updated: bool) -> Reading:
    """The reading of a gradient with the fewest mistakes; updated: it is from an update."""
    n = len(truth.problem.y)
    readings = []
    for scale in (1, n):
        found = diagnosis.diagnose(truth, _times(parsed.params, 1 / scale), scale=scale)
        readings.append(Reading({f.place: f for f in found} | parsed.problems, scale > 1))
    best = min(readings, key=lambda r: (len(r.findings), sum(map(vagueness, r.findings.values()))))
    if best.findings and not parsed.problems:
        mistake = _updates(truth, parsed) if updated else _parameters(truth, parsed)
        if mistake:
            depth = len(truth.run.z)
            places = [f"grad_{q}{i}" for i in range(depth, 0, -1) for q in "Wb"]
            best = Reading({p: Finding(p, *mistake) for p in places}, best.summed)
    for place, finding in best.findings.items():
        if updated and finding.kind == "sign":
            text = f"{place} has the wrong sign: an update must subtract the gradient"
            best.findings[place] = finding._replace(text=text)
    return best._replace(findings=best.findings | _unjudged(truth, best.findings, parsed))


def vagueness(finding: Finding) -> int:
    """0 if a finding names a mistake, 1 if it names a factor, 2 if it names neither."""
    if finding.kind in ("unknown", "other-h"):
        return 2
    return int(finding.kind == "factor" or ", and it " in finding.text)


def _unjudged(
    truth: GroundTruth, findings: dict[str, Finding], parsed: ParsedGradient
) -> dict[str, Finding]:
    """The findings for each grad_z that neither grad_W nor grad_b determines."""
    unjudged = {}
    for i in range(1, len(truth.run.z) + 1):
        W, b = findings.get(f"grad_W{i}"), findings.get(f"grad_b{i}")
        is_shown = W is None or not (W.place in parsed.problems or W.kind in HIDING_KINDS)
        is_shown |= b is None and len(truth.problem.y) == 1  # a sum says nothing of each image
        place = f"grad_z{i}"
        if not is_shown and place not in findings:
            text = f"{place} cannot be determined: neither grad_W{i} nor grad_b{i} shows it"
            unjudged[place] = Finding(place, "unjudged", text)
    return unjudged


def _parameters(truth: GroundTruth, parsed: ParsedGradient) -> tuple[str, str] | None:
    """Kind and text if params - lr * gradient was returned in place of the gradient."""
    moved = _minus(truth.problem.params, parsed.params)
    right = truth.run.h[-2].T @ truth.grad_z[-1]
    lr = ratio(right, moved[-1].W)
    if lr and not diagnosis.diagnose(truth, _times(moved, 1 / lr)):
        text = f"your result is W - {lr:.6g} * grad_W: updated parameters, not gradients"
        return "updated-params", text
    return None


def _updates(truth: GroundTruth, parsed: ParsedGradient) -> tuple[str, str] | None:
    """Kind and text of a mistake in the update itself."""
    lr, params = LEARNING_RATE, parsed.params
    if not any(np.any(array) for layer in params for array in layer):
        text = "the parameters are unchanged; return new ones, or change them in place"
        return "unchanged", text
    returned = _minus(truth.problem.params, _times(params, lr))
    mistakes = (
        ("learning-rate", "the learning rate is left out", _times(params, lr)),
        ("learning-rate", "the learning rate counts twice", _times(params, 1 / lr)),
        ("gradients", "gradients were returned, not updated parameters", returned),
    )
    for kind, text, gradient in mistakes:
        for scale in (1, len(truth.problem.y)):
            if not diagnosis.diagnose(truth, _times(gradient, 1 / scale)):
                return kind, text
    return None


def _times(params: Params, c: float) -> Params:
    return tuple(Layer(W * c, b * c) for W, b in params)


def _minus(params: Params, others: Params) -> Params:
    pairs = zip(params, others, strict=True)
    if any(
        a.W.shape != b.W.shape or a.b.shape != b.b.shape
        for a, b in zip(params, others, strict=True)
    ):
        return others
    return tuple(Layer(a.W - b.W, a.b - b.b) for a, b in pairs)
