"""Derivatives of the loss along random directions, against what a gradient says they are.

Two independent opinions: the complex step, exact to rounding, on the loss as it is computed, and
central differences of two plain losses.
Source: Squire and Trapp (1998), SIAM Review 40(1), 110-112; Griewank and Walther (2008), section 3.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mlpcli.checks import reference
from mlpcli.checks.problem import Problem, loss
from mlpcli.nn import Array
from mlpcli.nn.mlp import Layer, Params

STEP = 1e-5  # length of a central difference's way to either side
HALVINGS = 12  # of it, while the ends have other active units


Place = tuple[int, str]  # params[i], "W" or "b"
Direction = dict[Place, Array]  # of length 1; what is not in it stays where it is


class Along(NamedTuple):
    """A derivative along one direction of length 1."""

    tensor: str  # what the direction moves: "W1", ... or "all"
    numeric: float
    derived: float  # the gradient's inner product with the direction
    error: float  # relative to the size a random derivative has; nan: every step met a kink


def complex_step(
    problem: Problem, gradient: Params, *, rng: np.random.Generator, count: int = 2
) -> list[Along]:
    """Derivatives along `count` random directions in each tensor, by an imaginary step."""
    found = []
    for name, direction in _directions(problem, rng, count):
        moved = _shifted(problem.params, direction, reference.TINY * 1j)
        numeric = float(loss(problem, moved).imag / reference.TINY)
        found.append(_along(name, numeric, gradient, direction))
    return found


def central(problem: Problem, gradient: Params, *, rng: np.random.Generator) -> list[Along]:
    """Derivatives along one random direction in each tensor and one in all, by two plain losses."""
    directions = _directions(problem, rng, 1)
    everything = _scaled({place: _normal(a, rng) for place, a in _tensors(problem.params)})
    found = []
    for name, direction in [*directions, ("all", everything)]:
        step = STEP
        for _ in range(HALVINGS):
            ends = [_shifted(problem.params, direction, sign * step) for sign in (1, -1)]
            if _same_side(problem, ends):
                break
            step /= 2
        else:
            found.append(Along(name, np.nan, np.nan, np.nan))
            continue
        up, down = (float(loss(problem, end)) for end in ends)
        noise = 8 * np.finfo(float).eps * max(1.0, abs(up)) / step
        found.append(_along(name, (up - down) / (2 * step), gradient, direction, noise=noise))
    return found


def _directions(
    problem: Problem, rng: np.random.Generator, count: int
) -> Iterator[tuple[str, Direction]]:
    for place, tensor in _tensors(problem.params):
        for _ in range(count):
            yield f"{place[1]}{place[0] + 1}", _scaled({place: _normal(tensor, rng)})


def _tensors(params: Params) -> list[tuple[Place, Array]]:
    return [((i, name), a) for i, layer in enumerate(params) for name, a in layer._asdict().items()]


def _normal(like: Array, rng: np.random.Generator) -> Array:
    return rng.standard_normal(like.shape)


def _scaled(direction: Direction) -> Direction:
    length = np.sqrt(sum((a**2).sum() for a in direction.values()))
    return {place: a / length for place, a in direction.items()}


def _shifted(params: Params, direction: Direction, by: complex) -> Params:
    moved = [layer._asdict() for layer in params]
    for (i, name), a in direction.items():
        moved[i][name] = moved[i][name] + by * a
    return tuple(Layer(**layer) for layer in moved)


def _same_side(problem: Problem, ends: list[Params]) -> bool:
    """Whether the same units are active at both ends, for an activation with a kink."""
    if not problem.activation.kinked:
        return True
    up, down = (reference.forward(problem._replace(params=end)).z[:-1] for end in ends)
    return all(((a > 0) == (b > 0)).all() for a, b in zip(up, down, strict=True))


def _along(
    name: str, numeric: float, gradient: Params, direction: Direction, *, noise: float = 0.0
) -> Along:
    """noise: how much of the difference the rounding of the losses can explain."""
    tensors = dict(_tensors(gradient))
    pairs = [(tensors[place], a) for place, a in direction.items()]
    derived = float(sum(np.vdot(g, d) for g, d in pairs))
    norm = float(np.sqrt(sum((g**2).sum() for g, _ in pairs)))
    count = sum(g.size for g, _ in pairs)
    typical = max(norm / np.sqrt(count), abs(numeric))  # |g . d| of a random d has this size
    excess = max(0.0, abs(numeric - derived) - noise)
    error = float(excess / typical) if typical else 0.0
    return Along(name, numeric, derived, error)
