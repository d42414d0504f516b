"""The error of a finite difference against its step h, and the slopes of the curve's two sides.

A long step truncates: the error of a central difference grows as h^2, that of a forward one as h.
A short step rounds: the loss is known to one part in 1 / eps, and the difference is divided by h.
Only the last layer is moved. No relu follows it, so the loss is smooth and no kink bends a curve.
It is a network of its own, with h of the layer before as its image.
"""

from typing import NamedTuple

import numpy as np

from mlpcli.checks import reference
from mlpcli.checks.problem import Problem, derived_gradient, loss
from mlpcli.nn import Array
from mlpcli.nn.mlp import Layer

STEPS_PER_DECADE = 8
STEPS: Array = 10.0 ** (-np.arange(12 * STEPS_PER_DECADE + 1) / STEPS_PER_DECADE)  # from 1 to 1e-12
DIRECTION_COUNT = 32  # the error is their median; each entry of a direction is drawn from N(0, 1)

# A side is fitted only where its law holds: well above the lowest error, where rounding and
# truncation mix, and below the limits. A truncation error above 1% has higher terms, and in float32
# a parameter may absorb a very short step.
MIN_ERROR_RATIO = 10.0  # to the lowest error
MAX_TRUNCATION_ERROR, MAX_ROUNDING_ERROR = 0.01, 0.1
SLOPE_TOLERANCE = 0.25  # absolute distance of a measured slope from the theoretical one


class Slope(NamedTuple):
    """A straight line through one side of a curve, in log-log."""

    measured: float
    expected: float
    points: int  # of the curve that were fitted

    @property
    def ok(self) -> bool:
        """Whether theory and measurement agree."""
        return abs(self.measured - self.expected) <= SLOPE_TOLERANCE


class Curve(NamedTuple):
    """One kind of difference in one precision."""

    name: str
    error: Array  # relative to the hand-derived one, one for each of STEPS, (len(STEPS),)
    best: int  # index of the step with the lowest error
    rounding: Slope
    truncation: Slope

    @property
    def ok(self) -> bool:
        """Whether both slopes agree with theory."""
        return self.rounding.ok and self.truncation.ok


def sweep(problem: Problem, *, rng: np.random.Generator) -> list[Curve]:
    """Central differences in float32 and float64, and forward differences in float64."""
    return [
        _curve("central, float32", problem, "float32", 2, rng),
        _curve("central, float64", problem, "float64", 2, rng),
        _curve("forward, float64", problem, "float64", 1, rng),
    ]


def slope(error: Array, *, order: int) -> tuple[int, Slope, Slope]:
    """Index of the best step, and the slopes of the rounding and the truncation side.

    error: one for each of STEPS; order: the power of h by which the truncation error grows.
    """
    best, index = int(error.argmin()), np.arange(len(error))
    one_sided = error >= MIN_ERROR_RATIO * error[best]
    rounding = (index > best) & one_sided & (error <= MAX_ROUNDING_ERROR)
    truncation = (index < best) & one_sided & (error <= MAX_TRUNCATION_ERROR)
    return best, _fit(error, rounding, -1), _fit(error, truncation, order)


def _fit(error: Array, side: Array, expected: float) -> Slope:
    """The line through one side by least squares; nan, never ok, with fewer than three points.

    error, and side as its bool mask: (len(STEPS),).
    """
    points = int(side.sum())
    if points < 3:
        return Slope(np.nan, expected, points)
    line = np.polynomial.Polynomial.fit(np.log10(STEPS[side]), np.log10(error[side]), 1)
    return Slope(float(line.convert().coef[1]), expected, points)


def _curve(name: str, problem: Problem, dtype: str, order: int, rng: np.random.Generator) -> Curve:
    """Median error over DIRECTION_COUNT random directions.

    order: as in `slope`, 2 for central differences and 1 for forward ones.
    """
    rounded = _last_layer(problem, dtype)  # so the derived gradient belongs to the rounded values
    exact = _last_layer(rounded, "float64")
    ((grad_W, grad_b),) = derived_gradient(exact)
    ((W, b),) = rounded.params
    errors = []
    for _ in range(DIRECTION_COUNT):
        d = Layer(*(rng.standard_normal(a.shape).astype(dtype) for a in (W, b)))
        derived = np.vdot(grad_W, d.W) + np.vdot(grad_b, d.b)

        def f(h: float, d: Layer = d) -> float:
            step = np.dtype(dtype).type(h)
            return float(loss(rounded._replace(params=(Layer(W + step * d.W, b + step * d.b),))))

        numeric = [
            (f(h) - f(-h)) / (2 * h) if order == 2 else (f(h) - f(0)) / h for h in STEPS.tolist()
        ]
        errors.append(abs(np.array(numeric) - derived) / abs(derived))
    error = np.median(errors, axis=0)
    return Curve(name, error, *slope(error, order=order))


def _last_layer(problem: Problem, dtype: str) -> Problem:
    """The last layer as a network of its own, in another precision; x is the h before it."""
    W, b = problem.params[-1]
    h = reference.forward(problem).h[len(problem.params) - 1]
    last = Layer(W.astype(dtype), b.astype(dtype))
    return Problem((last,), h.astype(dtype), problem.y.astype(dtype))
