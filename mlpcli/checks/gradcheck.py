"""The gradient check: one rule for every parameter, and a diagnosis where it fails.

Three gradients are checked: the derivation's (`mlp.backward`), the engine's (`Engine.gradient`) and
the one by which a training step moves the parameters (`Engine.step`). Each is compared with central
differences of every parameter, the complex step and central differences along random directions;
the loss that comes with it is compared with the formula.
"""

import time
from typing import NamedTuple

import numpy as np

from mlpcli.checks import diagnosis, directional, numeric, reference
from mlpcli.checks.directional import DirectionalDerivative
from mlpcli.checks.finding import Finding
from mlpcli.checks.ground_truth import ground_truth
from mlpcli.checks.numeric import CentralDifferences, Perturbations
from mlpcli.checks.problem import Computed, Problem, computed, loss
from mlpcli.nn import Array
from mlpcli.nn.mlp import Layer, Params

# One rule for every parameter: error = |derived - numeric| / max(|derived|, |numeric|, floor),
# where floor is MIN_SCALE times the tensor's largest derivative, so that rounding near 0 does not
# count as an error.
MIN_SCALE = 1e-4
TOLERANCE = 1e-9
COMPLEX_TOLERANCE, CENTRAL_TOLERANCE = 1e-12, 1e-5  # along directions
LOSS_TOLERANCE = 1e-12  # of a loss, relative to its value or 1
FORWARD_TOLERANCE = 1e-13  # of the loss: incremental against plain forward passes, absolute, nats
MIN_INFORMATIVE_SHARE = 0.01  # of a tensor's parameters; they have a derivative other than 0
CROSS_CHECK_COUNT = 300  # parameters whose forward passes are compared
CROSS_CHECK_STEP = 1e-3  # far enough to cross kinks, which both forward passes must survive


class TensorVerdict(NamedTuple):
    """The comparison of one tensor with central differences."""

    name: str  # W1, b1, ...
    parameters: int
    checked: int  # all but those at a kink
    informative: int  # numeric derivative not exactly 0
    zero: int  # numeric derivative exactly 0: a black pixel, a dead unit
    kinks: int
    max_rel_error: float  # by the rule above
    max_abs_error: float
    at: tuple[int, ...]  # index of the largest relative error
    derived: float  # both values there
    numeric: float
    right: bool  # no error above the tolerance
    enough: bool  # at least MIN_INFORMATIVE_SHARE of it is informative


class Kink(NamedTuple):
    """Why a parameter cannot be checked: an activation changes sides between both ends."""

    tensor: str
    at: tuple[int, ...]  # index of the parameter
    layer: int  # of the unit, counted from 1
    unit: int
    sample: int
    z: float
    step: float


class GradientVerdict(NamedTuple):
    """The result of a check of one gradient."""

    name: str  # "derivation", "engine" or "step"
    tensors: list[TensorVerdict]  # empty in a quick check
    complex_step: list[DirectionalDerivative]
    central: list[DirectionalDerivative]  # empty in a quick check
    findings: list[Finding]
    loss: float | None = None  # that comes with it, in nats
    loss_error: float = 0.0  # relative to the formula's value or 1

    @property
    def right(self) -> bool:
        """Whether the gradient and its loss pass every comparison."""
        return self.loss_error <= LOSS_TOLERANCE and (
            all(t.right for t in self.tensors)
            and all(a.error <= COMPLEX_TOLERANCE for a in self.complex_step)
            and not any(a.error > CENTRAL_TOLERANCE for a in self.central)
        )


class Verdict(NamedTuple):
    """The result of a check at one point."""

    point: str  # "initial parameters", "after 25 steps of training" or a run's folder
    gradients: list[GradientVerdict]
    kinks: list[Kink]  # the first few
    forward_error: float | None  # incremental against plain forward passes; None in a quick check
    seconds: float

    @property
    def right(self) -> bool:
        """Whether the gradients pass every comparison."""
        return all(g.right for g in self.gradients) and (
            self.forward_error is None or self.forward_error <= FORWARD_TOLERANCE
        )

    @property
    def enough(self) -> bool:
        """Whether enough derivatives are informative for a verdict."""
        return all(t.enough for g in self.gradients for t in g.tensors)

    @property
    def ok(self) -> bool:
        """Whether the check passes."""
        return self.right and self.enough

    def __repr__(self) -> str:
        verdict = "right" if self.ok else "not informative" if self.right else "wrong"
        details = [f"{g.name}: {finding.text}" for g in self.gradients for finding in g.findings]
        if tensors := self.gradients[0].tensors:
            checked = sum(t.checked for t in tensors)
            parameters = sum(t.parameters for t in tensors)
            worst = max(t.max_rel_error for g in self.gradients for t in g.tensors)
            details.append(f"{checked:,} of {parameters:,} parameters, largest error {worst:.1e}")
        return f"<{self.point}: {'; '.join([verdict, *(details or ['by the complex step'])])}>"


def check(
    problem: Problem,
    *,
    point: str,
    rng: np.random.Generator,
    quick: bool = False,
    cross_checks: int = CROSS_CHECK_COUNT,
    gradients: dict[str, Params] | None = None,
) -> Verdict:
    """Check gradients of a problem, by default with their losses those of `problem.computed`.

    quick: by the complex step alone. cross_checks: number of parameters for which the incremental
    forward pass is compared with a plain one.
    """
    started = time.perf_counter()
    found = {name: Computed(gradient) for name, gradient in (gradients or {}).items()}
    if gradients is None:
        found = computed(problem)
    central = [] if quick else numeric.central(problem)
    return Verdict(
        point=point,
        gradients=[check_gradient(n, problem, g, central, rng) for n, g in found.items()],
        kinks=_kinks(problem, central),
        forward_error=None if quick else _forward_error(problem, cross_checks, rng),
        seconds=time.perf_counter() - started,
    )


def check_gradient(
    name: str,
    problem: Problem,
    claim: Computed,
    central: list[CentralDifferences],
    rng: np.random.Generator,
) -> GradientVerdict:
    """The verdict on one gradient; central: one for each tensor, or none in a quick check."""
    gradient, claimed_loss = claim
    right_loss = reference.loss(problem)
    distance = 0.0 if claimed_loss is None else abs(claimed_loss - right_loss)
    pairs = zip(directional.tensors(gradient), central, strict=bool(central))
    tensors = [
        check_tensor(f"{field}{i + 1}", derived, differences)
        for ((i, field), derived), differences in pairs
    ]
    verdict = GradientVerdict(
        name,
        tensors,
        directional.complex_step(problem, gradient, rng=rng),
        directional.central(problem, gradient, rng=rng) if central else [],
        [],
        claimed_loss,
        distance / max(1.0, abs(right_loss)) if np.isfinite(distance) else np.inf,
    )
    if verdict.right:
        return verdict
    findings = diagnosis.diagnose(ground_truth(problem), gradient)
    if not findings:
        text = "the gradient is right for CE + weight_decay / 2 * sum(W**2)"
        other = f"which is {right_loss:.10g}; the loss is another"
        if claimed_loss is not None and verdict.loss_error > LOSS_TOLERANCE:
            other = f"which is {right_loss:.10g}; its loss is {claimed_loss:.10g}"
        findings = [Finding("loss", "loss", f"{text}, {other}")]
    return verdict._replace(findings=findings)


def check_tensor(name: str, derived: Array, central: CentralDifferences) -> TensorVerdict:
    """The comparison of a tensor of a gradient, as W or b, with its central differences."""
    n, kink = central.derivative, central.kink
    difference = np.abs(derived - n)
    scale = np.maximum(np.maximum(np.abs(derived), np.abs(n)), MIN_SCALE * np.abs(n).max())
    error = np.divide(difference, scale, out=np.zeros_like(n), where=scale > 0)
    error[~np.isfinite(derived)] = np.inf
    error[kink] = 0
    worst = np.unravel_index(error.argmax(), error.shape)
    informative = int(np.count_nonzero((n != 0) & ~kink))
    return TensorVerdict(
        name=name,
        parameters=n.size,
        checked=n.size - int(kink.sum()),
        informative=informative,
        zero=int(np.count_nonzero((n == 0) & ~kink)),
        kinks=int(kink.sum()),
        max_rel_error=float(error[worst]),
        max_abs_error=float(np.where(kink, 0, difference).max()),
        at=tuple(int(i) for i in worst),
        derived=float(derived[worst]),
        numeric=float(n[worst]),
        right=bool(error[worst] <= TOLERANCE),
        enough=informative >= max(1, MIN_INFORMATIVE_SHARE * n.size),
    )


def _kinks(problem: Problem, central: list[CentralDifferences], limit: int = 5) -> list[Kink]:
    """Where activations change sides, for the first few parameters that cannot be checked."""
    kinks: list[Kink] = []
    tensors = directional.tensors(problem.params)
    for ((i, field), _), differences in zip(tensors, central, strict=bool(central)):
        for index in np.argwhere(differences.kink)[: limit - len(kinks)].tolist():
            kinks.append(_kink(problem, i, field, tuple(index)))
    return kinks


def _kink(problem: Problem, i: int, field: str, index: tuple[int, ...]) -> Kink:
    """The unit that changes sides when this entry of params[i] moves by the smallest step."""
    step, z = numeric.first_step(problem) / 2**numeric.MAX_HALVINGS, reference.forward(problem).z
    move = np.zeros(getattr(problem.params[i], field).shape)
    move[index] = step
    ends = (directional.shifted(problem, {(i, field): move}, sign) for sign in (1, -1))
    hidden = (reference.forward(end).z[:-1] for end in ends)
    for layer, (up, down) in enumerate(zip(*hidden, strict=True)):
        if len(across := np.argwhere((up > 0) != (down > 0))):
            sample, unit = across[0].tolist()
            at = float(z[layer][sample, unit])
            return Kink(f"{field}{i + 1}", index, layer + 1, unit, sample, at, step)
    raise AssertionError("a kink has a unit that changes sides")


def _forward_error(problem: Problem, count: int, rng: np.random.Generator) -> float:
    """The largest difference between incremental and plain forward passes, in nats."""
    run, remaining = reference.forward(problem), count
    params = tuple(Layer(W.copy(), b.copy()) for W, b in problem.params)
    moved = problem._replace(params=params, weight_decay=0.0)
    worst = 0.0
    for layer, (W, b) in enumerate(params):
        share = remaining // (len(params) - layer)
        remaining -= share
        active = np.append(np.flatnonzero(run.h[layer].any(axis=0)), len(W))
        moves = Perturbations(layer, rng.choice(active, share), rng.integers(0, len(b), share))
        ends = [
            numeric.rises(problem, run, sample, moves, step=CROSS_CHECK_STEP)[:2]
            for sample in numeric.samples(problem)
        ]
        rise = np.sum([up - down for up, down in ends], axis=0) / len(problem.x)
        for i, j, expected in zip(moves.i, moves.j, rise, strict=True):
            tensor, at = (W, (i, j)) if i < len(W) else (b, (j,))
            original, losses = tensor[at], []
            for sign in (1, -1):
                tensor[at] = original + sign * CROSS_CHECK_STEP
                losses.append(float(loss(moved)))
            tensor[at] = original
            worst = max(worst, abs(losses[0] - losses[1] - float(expected)))
    return worst
