"""Central differences of the loss for every parameter, one by one.

`central` moves each parameter by -step and +step. One weight moves one column of z, so the loss of
all the moved copies follows from the pass of the original: the move of z is carried forward layer
by layer, and the rise of the loss is log(sum of p * exp(D)) - y . D for a move D of the logits.
Kept as log1p and expm1, the rise has no cancellation: a step can be so small that its truncation
error vanishes, where a difference of two losses would have drowned in rounding.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from mlpcli.checks import reference
from mlpcli.checks.problem import Problem
from mlpcli.nn import Array
from mlpcli.nn.mlp import ForwardPass

STEP = 1e-7  # of a parameter
HALVINGS = 10  # of the step, before a parameter counts as standing at a kink
ROWS = 1024  # moved copies in work at once: their z of 256 units fit the second-level cache


class Central(NamedTuple):
    """Central differences of one tensor."""

    derivative: Array  # in the tensor's shape
    kink: Array  # bool: the two ends have other active units at every step tried, no derivative


class Moves(NamedTuple):
    """Parameters to be moved, each at one entry of one layer's W, or of b where i is fan_in."""

    layer: int
    i: Array  # rows
    j: Array  # columns


def central(problem: Problem, *, step: float = STEP, threads: int = 2) -> list[Central]:
    """Derivatives of the loss with respect to every parameter: W1, b1, W2, b2, ...

    Where relu or its like changes sides between the two ends, the step is halved.
    """
    run = reference.forward(problem)
    found = []
    with ThreadPoolExecutor(threads) as pool:
        for layer, (W, b) in enumerate(problem.params):
            slope = np.zeros((len(W) + 1, len(b)))  # the last row is b's
            kink = np.zeros(slope.shape, bool)
            work = list(_portions(problem, run, layer))
            shares = pool.map(lambda part: slopes(problem, run, *part, step=step), work)
            for (_, moves), (share, crossed) in zip(work, shares, strict=True):
                slope[moves.i, moves.j] += share / len(problem.x)
                kink[moves.i, moves.j] |= crossed
            _halve(problem, run, layer, slope, kink, step)
            found += [
                Central(slope[:-1] + problem.weight_decay * W, kink[:-1]),
                Central(slope[-1], kink[-1]),
            ]
    return found


def _portions(problem: Problem, run: ForwardPass, layer: int) -> Iterator[tuple[int, Moves]]:
    """Every parameter that moves z at all, image by image, in portions."""
    units = len(problem.params[layer].b)
    for sample in range(len(problem.x)):
        lit = np.append(np.flatnonzero(run.h[layer][sample]), len(problem.params[layer].W))
        many = max(1, ROWS * 8 // units)
        for first in range(0, len(lit), many):
            i, j = np.meshgrid(lit[first : first + many], np.arange(units), indexing="ij")
            yield sample, Moves(layer, i.ravel(), j.ravel())


def slopes(
    problem: Problem, run: ForwardPass, sample: int, moves: Moves, *, step: float
) -> tuple[Array, Array]:
    """Central difference of one image's loss for each move; and whether it crosses a kink."""
    up, down, crossed = rises(problem, run, sample, moves, step=step)
    return (up - down) / (2 * step), crossed


def rises(
    problem: Problem, run: ForwardPass, sample: int, moves: Moves, *, step: float
) -> tuple[Array, Array, Array]:
    """Rises of one image's loss for moves by +step and -step, and whether a kink lies between."""
    layer, i, j = moves
    h = np.append(run.h[layer][sample], 1.0)  # b is the weight of an input that is always 1
    up, down = step * h[i], -step * h[i]  # of z[layer][j]
    z = run.z[layer][sample]
    crossed = np.zeros(len(i), bool)
    if layer == len(problem.params) - 1:
        y, p = problem.y[sample][j], run.h[-1][sample][j]
        return *(np.log1p(p * np.expm1(D)) - y * D for D in (up, down)), crossed
    f = problem.activation
    if f.kinked:
        crossed |= (up > -z[j]) != (down > -z[j])
    up, down = f.increment(z[j], up), f.increment(z[j], down)
    if problem.masks is not None and (mask := problem.masks[layer + 1]) is not None:
        up, down = up * mask[sample, j], down * mask[sample, j]
    risen = np.zeros((2, len(i)))
    live = np.flatnonzero((up != 0) | (down != 0))
    for first in range(0, len(live), ROWS):
        rows = live[first : first + ROWS]
        W = problem.params[layer + 1].W[j[rows]]
        ends = up[rows, None] * W, down[rows, None] * W
        *risen[:, rows], across = _carry(problem, run, sample, layer + 1, *ends)
        crossed[rows] |= across
    return risen[0], risen[1], crossed


def _carry(
    problem: Problem, run: ForwardPass, sample: int, layer: int, up: Array, down: Array
) -> tuple[Array, Array, Array]:
    """Rises of the loss for moves (m, units) of z[layer], and whether a kink lies between them."""
    f, masks = problem.activation, problem.masks
    crossed = np.zeros(len(up), bool)
    for k in range(layer, len(problem.params) - 1):
        z = run.z[k][sample]
        if f.kinked:
            crossed |= ((up > -z) != (down > -z)).any(axis=1)
        up, down = f.increment(z, up), f.increment(z, down)
        if masks is not None and (mask := masks[k + 1]) is not None:
            up, down = up * mask[sample], down * mask[sample]
        up, down = up @ problem.params[k + 1].W, down @ problem.params[k + 1].W
    y, p = problem.y[sample], run.h[-1][sample]
    return np.log1p(np.expm1(up) @ p) - up @ y, np.log1p(np.expm1(down) @ p) - down @ y, crossed


def _halve(
    problem: Problem, run: ForwardPass, layer: int, slope: Array, kink: Array, step: float
) -> None:
    """Mutates slope and kink: derivatives at smaller steps, where a step crossed a kink."""
    for _ in range(HALVINGS):
        if not kink.any():
            return
        step /= 2
        moves = Moves(layer, *np.nonzero(kink))
        shares = [
            slopes(problem, run, sample, moves, step=step) for sample in range(len(problem.x))
        ]
        slope[moves.i, moves.j] = np.mean([share for share, _ in shares], axis=0)
        kink[moves.i, moves.j] = np.any([crossed for _, crossed in shares], axis=0)
