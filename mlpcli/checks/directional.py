"""Derivatives of the loss along random directions, compared with those of a gradient.

Two independent methods: the complex step on the loss itself, exact to rounding, and central
differences of two plain losses.
Source: Squire and Trapp (1998), SIAM Review 40(1), 110-112; Griewank and Walther (2008), section 3.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mlpcli.checks import reference
from mlpcli.checks.problem import Problem, loss
from mlpcli.checks.reference import COMPLEX_STEP
from mlpcli.nn import Array
from mlpcli.nn.mlp import Layer, Params

STEP = 1e-5  # of a central difference, to either side
EXACT_GAP = 2e-3  # between h and y; below it, rounding shows in the 12th digit of a derivative
MIN_GAP = 1e-12  # a smaller one is noise
MAX_HALVINGS = 12  # of the step, while the two ends have different active units

Place = tuple[int, str]  # params[i], "W" or "b"
Direction = dict[Place, Array]  # of length 1, each in its tensor's shape; other tensors stay


class DirectionalDerivative(NamedTuple):
    """A derivative along one direction of length 1."""

    tensor: str  # the tensor that the direction moves: "W1", ... or "all"
    numeric: float
    derived: float  # the gradient's inner product with the direction
    error: float  # relative to that of a random derivative; nan: only kinks; inf: not finite


def complex_step(
    problem: Problem, gradient: Params, *, rng: np.random.Generator, count: int = 2
) -> list[DirectionalDerivative]:
    """Derivatives along `count` random directions in each tensor, by an imaginary step.

    Where the network is right and all but certain, `h - y` cancels, and an error counts for less.
    """
    derivatives = []
    gap = float(np.abs(reference.forward(problem).h[-1] - problem.y).max())
    rounding = max(1.0, EXACT_GAP / max(gap, MIN_GAP))
    for name, direction in _directions(problem, rng, count):
        end = shifted(problem, direction, COMPLEX_STEP * 1j)
        numeric = float(loss(end).imag / COMPLEX_STEP)
        derivative = _compare(name, numeric, gradient, direction)
        derivatives.append(derivative._replace(error=derivative.error / rounding))
    return derivatives


def central(
    problem: Problem, gradient: Params, *, rng: np.random.Generator
) -> list[DirectionalDerivative]:
    """Derivatives along one random direction in each tensor and one in all, by two plain losses."""
    directions = _directions(problem, rng, 1)
    in_all = _direction(tensors(problem.params), rng)
    derivatives = []
    for name, direction in [*directions, ("all", in_all)]:
        step = STEP
        for _ in range(MAX_HALVINGS):
            ends = [shifted(problem, direction, sign * step) for sign in (1, -1)]
            if _same_active_units(*ends):
                break
            step /= 2
        else:
            derivatives.append(DirectionalDerivative(name, np.nan, np.nan, np.nan))
            continue
        up, down = (float(loss(end)) for end in ends)
        noise = 8 * np.finfo(float).eps * max(1.0, abs(up)) / step
        numeric = (up - down) / (2 * step)
        derivatives.append(_compare(name, numeric, gradient, direction, noise=noise))
    return derivatives


def tensors(params: Params) -> list[tuple[Place, Array]]:
    """Every W, (fan_in, fan_out), and b, (fan_out,), with its place."""
    return [((i, name), a) for i, layer in enumerate(params) for name, a in layer._asdict().items()]


def _directions(
    problem: Problem, rng: np.random.Generator, count: int
) -> Iterator[tuple[str, Direction]]:
    """Names of tensors, each with a random direction in it; `count` for each tensor."""
    for place, tensor in tensors(problem.params):
        for _ in range(count):
            yield f"{place[1]}{place[0] + 1}", _direction([(place, tensor)], rng)


def _direction(tensors: list[tuple[Place, Array]], rng: np.random.Generator) -> Direction:
    """A random direction of length 1 in these tensors together."""
    normal = {place: rng.standard_normal(tensor.shape) for place, tensor in tensors}
    length = np.sqrt(sum((a**2).sum() for a in normal.values()))
    return {place: a / length for place, a in normal.items()}


def shifted(problem: Problem, direction: Direction, step: complex) -> Problem:
    """The problem with params + step * direction."""
    layers = [layer._asdict() for layer in problem.params]
    for (i, name), a in direction.items():
        layers[i][name] = layers[i][name] + step * a
    return problem._replace(params=tuple(Layer(**layer) for layer in layers))


def _same_active_units(up: Problem, down: Problem) -> bool:
    """Whether the same units are active at both ends, for an activation with a kink."""
    ends = zip(reference.forward(up).z[:-1], reference.forward(down).z[:-1], strict=True)
    return not up.activation.kinked or all(((a > 0) == (b > 0)).all() for a, b in ends)


def _compare(
    name: str, numeric: float, gradient: Params, direction: Direction, *, noise: float = 0.0
) -> DirectionalDerivative:
    """A numeric derivative and the gradient's; noise: the effect of the losses' rounding on it."""
    by_place = dict(tensors(gradient))
    pairs = [(by_place[place], a) for place, a in direction.items()]
    derived = float(sum(np.vdot(g, d) for g, d in pairs))
    with np.errstate(over="ignore"):  # then inf
        norm = float(np.sqrt(sum((g**2).sum() for g, _ in pairs)))
    count = sum(g.size for g, _ in pairs)
    typical = max(norm / np.sqrt(count), abs(numeric))  # |g . d| of a random d has this size
    if not np.isfinite([numeric - derived, typical]).all():
        return DirectionalDerivative(name, numeric, derived, np.inf)
    error = float(max(0.0, abs(numeric - derived) - noise) / typical) if typical else 0.0
    return DirectionalDerivative(name, numeric, derived, error)
