"""The error of a finite difference against its step h, and the slopes of both of its sides.

A long step truncates: the error of a central difference grows as h^2, that of a forward one as h.
A short step rounds: the loss is known to one part in 1 / eps, and the difference is divided by h.
The last layer is moved, behind which no relu lies: the loss is smooth there, and no kink bends a
curve. It is a network of its own, with h of the layer before as its image.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mlpcli.checks import reference
from mlpcli.checks.problem import Problem, derived_gradient, loss
from mlpcli.nn import Array
from mlpcli.nn.mlp import Layer

PER_DECADE = 8  # steps h
STEPS: Array = 10.0 ** (-np.arange(12 * PER_DECADE + 1) / PER_DECADE)  # from 1 to 1e-12
DIRECTIONS = 32  # the error is their median; each entry of a direction is drawn from N(0, 1)

# A side is fitted where it stands clear of the lowest error and of where its law ends: a truncation
# error above 1 % has higher terms, and a step may vanish beside a parameter in float32.
CLEAR = 10.0  # times the lowest error
LARGEST_TRUNCATION, LARGEST_ROUNDING = 0.01, 0.1
NEAR = 0.25  # how far a measured slope may be from what theory says


class Slope(NamedTuple):
    """A straight line through one side of a curve, in log-log."""

    measured: float
    expected: float
    points: int  # that it was fitted to

    @property
    def ok(self) -> bool:
        """Whether theory and measurement agree."""
        return abs(self.measured - self.expected) <= NEAR


class Curve(NamedTuple):
    """One way to take differences, in one precision."""

    name: str
    error: Array  # relative to the derived derivative, one for each of STEPS
    best: int  # index of the step with the lowest error
    rounding: Slope
    truncation: Slope

    @property
    def ok(self) -> bool:
        """Whether both sides follow their law."""
        return self.rounding.ok and self.truncation.ok


def sweep(problem: Problem, *, rng: np.random.Generator) -> list[Curve]:
    """Central differences in float32 and float64, and forward differences in float64."""
    return [
        _curve("central, float32", problem, "float32", _central, 2, rng),
        _curve("central, float64", problem, "float64", _central, 2, rng),
        _curve("forward, float64", problem, "float64", _forward, 1, rng),
    ]


def slope(error: Array, *, order: int) -> tuple[int, Slope, Slope]:
    """Index of the best step, and the slopes of the rounding and the truncation side.

    order: the power of h that truncation follows.
    """
    best, index = int(error.argmin()), np.arange(len(error))
    clear = error >= CLEAR * error[best]
    rounding = (index > best) & clear & (error <= LARGEST_ROUNDING)
    truncation = (index < best) & clear & (error <= LARGEST_TRUNCATION)
    return best, _fit(error, rounding, -1), _fit(error, truncation, order)


def _fit(error: Array, side: Array, expected: float) -> Slope:
    """By least squares; nan, which is never ok, where fewer than three points remain."""
    points = int(side.sum())
    if points < 3:
        return Slope(np.nan, expected, points)
    line = np.polynomial.Polynomial.fit(np.log10(STEPS[side]), np.log10(error[side]), 1)
    return Slope(float(line.convert().coef[1]), expected, points)


Difference = Callable[[Callable[[float], float], float], float]


def _central(f: Callable[[float], float], h: float) -> float:
    return (f(h) - f(-h)) / (2 * h)


def _forward(f: Callable[[float], float], h: float) -> float:
    return (f(h) - f(0)) / h


def _curve(
    name: str,
    problem: Problem,
    dtype: str,
    difference: Difference,
    order: int,
    rng: np.random.Generator,
) -> Curve:
    rough = _last_layer(problem, dtype)  # rounded once: the derived gradient is that of its values
    exact = _last_layer(rough, "float64")
    ((grad_W, grad_b),) = derived_gradient(exact)
    ((W, b),) = rough.params
    errors = []
    for _ in range(DIRECTIONS):
        d = Layer(*(rng.standard_normal(a.shape).astype(dtype) for a in (W, b)))
        derived = np.vdot(grad_W, d.W) + np.vdot(grad_b, d.b)

        def f(h: float, d: Layer = d) -> float:
            step = np.dtype(dtype).type(h)
            return float(loss(rough, (Layer(W + step * d.W, b + step * d.b),)))

        errors.append([abs(difference(f, float(h)) - derived) / abs(derived) for h in STEPS])
    error = np.median(errors, axis=0)
    return Curve(name, error, *slope(error, order=order))


def _last_layer(problem: Problem, dtype: str) -> Problem:
    """The last layer as a network of its own, in another precision."""
    W, b = problem.params[-1]
    h = reference.forward(problem).h[len(problem.params) - 1]
    return Problem(
        params=(Layer(W.astype(dtype), b.astype(dtype)),),
        x=h.astype(dtype),
        y=problem.y.astype(dtype),
    )
