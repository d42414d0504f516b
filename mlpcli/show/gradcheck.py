"""Gradient checks as text and JSON."""

import math
from collections.abc import Iterator
from typing import Any

from mlpcli.api.gradcheck import GradientCheck, SelfTest
from mlpcli.checks import gradcheck
from mlpcli.checks.gradcheck import GradientVerdict, TensorVerdict, Verdict
from mlpcli.checks.problem import Problem
from mlpcli.checks.selftest import Trial
from mlpcli.nn.mlp import layer_sizes, parameter_count
from mlpcli.show import selection
from mlpcli.show.format import Block, counted, json_object, pick, table
from mlpcli.show.junit import Case
from mlpcli.show.markdown import check_blocks

RULE = (
    "rule: error = |derived - numeric| / max(|derived|, |numeric|, "
    f"{gradcheck.MIN_SCALE:g} of the tensor's largest) is at most {gradcheck.TOLERANCE:g} "
    f"for every parameter,\n      and at least {gradcheck.MIN_INFORMATIVE_SHARE:.0%} of each "
    "tensor has a derivative other than 0"
)
DIRECTIONAL = {  # by the field of a gradient's verdict: what it is, and its tolerance
    "complex_step": ("complex step", gradcheck.COMPLEX_TOLERANCE),
    "central": (
        "central differences of plain losses, beyond rounding",
        gradcheck.CENTRAL_TOLERANCE,
    ),
}


def as_text(result: GradientCheck) -> str:
    """What is checked, the rule, a table for each point, and the verdict."""
    first = result.points[0]
    lines = [heading(first.problem, first.data), RULE, *map(_verdict, result.verdicts)]
    return "\n".join([*lines, "", summary(result)])


def as_json(result: GradientCheck) -> str:
    """Everything, as one JSON object."""
    tensors = [t for v in result.verdicts for g in v.gradients for t in g.tensors]
    worst: dict[str, TensorVerdict] = {}
    for t in tensors:
        if t.name not in worst or t.max_rel_error > worst[t.name].max_rel_error:
            worst[t.name] = t
    errors = [t.max_rel_error for t in tensors] or [
        a.error for v in result.verdicts for g in v.gradients for a in g.complex_step
    ]
    return json_object(
        {
            "ok": result.ok,
            "parameters": _parameters(result.points[-1].problem),
            "checked": _checked(result),
            "max_rel_error": max(errors),
            "tolerance": gradcheck.TOLERANCE if tensors else gradcheck.COMPLEX_TOLERANCE,
            "tensors": [_tensor(t) for t in worst.values()],
            "points": [_point(v) for v in result.verdicts],
            "selection": selection.as_json(result.selection),
        }
    )


def as_blocks(result: GradientCheck) -> list[Block]:
    """The verdict of each comparison."""
    first = result.points[0]
    return check_blocks(heading(first.problem, first.data), summary(result), cases(result))


def cases(result: GradientCheck) -> list[Case]:
    """A case for each comparison of each gradient at each point."""
    limit = gradcheck.FORWARD_TOLERANCE
    return [
        Case(verdict.point, name, failure, details="\n".join(f.text for f in gradient.findings))
        for verdict in result.verdicts
        for gradient in verdict.gradients
        for name, failure in _comparisons(gradient)
    ] + [
        Case(verdict.point, "forward passes", _above(verdict.forward_error, limit))
        for verdict in result.verdicts
        if verdict.forward_error is not None
    ]


def _comparisons(gradient: GradientVerdict) -> Iterator[tuple[str, str]]:
    """The name of each comparison of a gradient, and why it failed, or an empty text."""
    for t in gradient.tensors:
        failure = "" if t.enough else "too few derivatives are other than 0"
        if not t.right:
            at = f"{t.name}{list(t.at)}: derived {t.derived:.6g}, numeric {t.numeric:.6g}"
            failure = f"{_above(t.max_rel_error, gradcheck.TOLERANCE)} at {at}"
        yield f"{gradient.name}: {t.name}", failure
    for kind, (name, limit) in DIRECTIONAL.items():
        errors = [a.error for a in getattr(gradient, kind)]
        if kind == "central":  # where every step met a kink, there is no error
            errors = [error for error in errors if not math.isnan(error)]
        failures = [failure for error in errors if (failure := _above(error, limit))]
        if errors:
            yield f"{gradient.name}: {name.partition(' of ')[0]}", failures[0] if failures else ""
    if gradient.loss is not None:
        yield f"{gradient.name}: loss", _above(gradient.loss_error, gradcheck.LOSS_TOLERANCE)


def _above(error: float, limit: float) -> str:
    return "" if error <= limit else f"error {error:.1e}, must be at most {limit:g}"


def summary(result: GradientCheck) -> str:
    """The last line."""
    verdicts = result.verdicts
    seconds = sum(v.seconds for v in verdicts)
    if not all(v.right for v in verdicts):
        return f"FAIL in {seconds:.1f} s"
    if not all(v.enough for v in verdicts):
        return f"NO VERDICT in {seconds:.1f} s: too few derivatives are other than 0"
    count, total = _checked(result), _parameters(result.points[-1].problem)
    checked = f"{count:,} of {total:,} parameters checked" if count else "complex step alone"
    return f"PASS in {seconds:.1f} s: {checked}"


def heading(problem: Problem, data: str) -> str:
    """What is checked, on which images."""
    sizes = layer_sizes(problem.params)
    return (
        f"gradient of {'-'.join(map(str, sizes))}: {parameter_count(sizes):,} parameters, "
        f"{counted(len(problem.x), 'image')} of {data}, float64"
    )


def self_test_as_text(result: SelfTest) -> str:
    """A line for each mutant, then the share killed and diagnosed, and the false alarms."""
    trials = result.trials
    killed, named = sum(t.killed for t in trials), sum(t.diagnosed for t in trials)
    return "\n".join(
        [
            *map(_trial, trials),
            "",
            f"killed: {killed} of {len(trials)} mutants ({killed / len(trials):.0%})",
            f"diagnosed: {named} of {len(trials)} ({named / len(trials):.0%})",
            f"false alarms: {len(result.false_alarms)} on {result.networks:,} correct networks",
            *result.false_alarms,
        ]
    )


def self_test_as_json(result: SelfTest) -> str:
    """The same as one JSON object."""
    return json_object(
        {
            "ok": result.ok,
            "faults": len(result.trials),
            "killed": sum(t.killed for t in result.trials),
            "diagnosed": sum(t.diagnosed for t in result.trials),
            **pick(result, "networks", "false_alarms"),
            "trials": [
                {"fault": t.mutant.name, **pick(t, "killed", "diagnosed", "place", "kind", "text")}
                for t in result.trials
            ],
        }
    )


def self_test_cases(result: SelfTest) -> list[Case]:
    """A case for each mutant, and one for the false alarms."""
    alarms = "\n".join(result.false_alarms)
    return [
        Case("mutants", t.mutant.name, "" if t.killed and t.diagnosed else _trial(t))
        for t in result.trials
    ] + [Case("correct networks", "false alarms", alarms.partition("\n")[0], details=alarms)]


def self_test_as_blocks(result: SelfTest) -> list[Block]:
    """The verdict on each mutant."""
    killed = f"{sum(t.killed for t in result.trials)} of {len(result.trials)} mutants killed"
    return check_blocks("self-test of the gradient check", killed, self_test_cases(result))


def _verdict(result: Verdict) -> str:
    """One point: a table for the first gradient, and for the others unless the check passed."""
    lines = ["", f"{result.point}:"]
    for i, gradient in enumerate(result.gradients):
        if gradient.tensors and result.ok and i > 0:
            worst = max(t.max_rel_error for t in gradient.tensors)
            lines.append(f"{gradient.name}: largest error {worst:.1e}")
        elif gradient.tensors:
            lines += [f"{gradient.name} against central differences", *_tensors(gradient.tensors)]
    for kind, (name, limit) in DIRECTIONAL.items():
        errors = [a.error for g in result.gradients for a in getattr(g, kind) if a.error == a.error]
        if errors:
            largest = f"largest error {max(errors):.1e} (at most {limit:g})"
            lines.append(f"{name}: {len(errors)} random directions, {largest}")
    losses = {g.name: g.loss for g in result.gradients if g.loss is not None}
    if losses:
        value = next(iter(losses.values()))
        worst_loss = max(g.loss_error for g in result.gradients)
        error = f"largest error {worst_loss:.1e} (at most {gradcheck.LOSS_TOLERANCE:g})"
        lines.append(f"loss of {', '.join(losses)}: {value:.6g} nats, {error}")
    if result.forward_error is not None:
        lines.append(
            f"incremental against plain forward passes: {gradcheck.CROSS_CHECK_COUNT} parameters, "
            f"largest difference {result.forward_error:.1e} nats "
            f"(at most {gradcheck.FORWARD_TOLERANCE:g})"
        )
    lines += [
        f"kink: {k.tensor}{list(k.at)} moves unit {k.unit} of layer {k.layer} across 0 on image "
        f"{k.sample}: z = {k.z:.3g} at a step of {k.step:.1e}"
        for k in result.kinks
    ]
    lines += [f"wrong in the {g.name}: {f.text}" for g in result.gradients for f in g.findings]
    return "\n".join(lines)


def _trial(trial: Trial) -> str:
    caught = "killed" if trial.killed else "SURVIVED"
    named = "diagnosed" if trial.diagnosed else "MISNAMED"
    return f"{caught}, {named}: {trial.mutant.name}: {trial.text}"


def _parameters(problem: Problem) -> int:
    return parameter_count(layer_sizes(problem.params))


def _checked(result: GradientCheck) -> int:
    """Parameters checked one by one, at the point with the fewest."""
    return min(sum(t.checked for t in g.tensors) for v in result.verdicts for g in v.gradients)


def _tensors(tensors: list[TensorVerdict]) -> list[str]:
    head = ["tensor", "parameters", "checked", "informative", "zero", "at a kink"]
    rows = [[*head, "largest error", "absolute", "at", "derived", "numeric", "ratio"]]
    for t in tensors:
        counts = (t.parameters, t.checked, t.informative, t.zero, t.kinks)
        at = f"[{', '.join(map(str, t.at))}]"
        ratio = f"{t.derived / t.numeric:.6g}" if t.numeric else "-"
        errors = [f"{t.max_rel_error:.1e}", f"{t.max_abs_error:.1e}"]
        values = [f"{t.derived:.6g}", f"{t.numeric:.6g}", ratio]
        rows.append([t.name, *(f"{n:,}" for n in counts), *errors, at, *values])
    return table(rows)


def _tensor(t: TensorVerdict) -> dict[str, Any]:
    facts = t._asdict()
    return facts | {"index": facts.pop("at")}


def _point(result: Verdict) -> dict[str, Any]:
    return {
        "point": result.point,
        "ok": result.ok,
        "seconds": round(result.seconds, 3),
        "forward_error": result.forward_error,
        "kinks": result.kinks,
        "gradients": [
            {**g._asdict(), "tensors": [_tensor(t) for t in g.tensors]} for g in result.gradients
        ],
    }
