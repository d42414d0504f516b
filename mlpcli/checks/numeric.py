"""Central differences of the loss for every parameter, one by one.

`central` moves each parameter by -step and +step. One weight moves one column of z, so the loss of
all the moved copies follows from the pass of the original: the move of z is carried forward layer
by layer, and the rise of the loss is log(sum of p * exp(D)) - y . D for a move D of the logits,
times the weight of the image.
Kept as log1p and expm1, the rise has no cancellation: a step can be so small that its truncation
error vanishes, where a difference of two losses would have drowned in rounding.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from mlpcli.checks import numeric_batch, reference
from mlpcli.checks.problem import Problem, row_weights
from mlpcli.nn import Array
from mlpcli.nn.mlp import ForwardPass

STEP = 1e-7  # of a parameter
BATCH_NORM_STEP = 1e-9  # few images may have a small sigma; the error grows with 1 / sigma**2
MAX_HALVINGS = 10  # of the step, before a parameter counts as being at a kink
ALL = -1  # in place of an image
CHUNK_SIZE = 1024  # moved copies at once: their z of 256 units fits into the second-level cache


class CentralDifferences(NamedTuple):
    """Central differences of one tensor."""

    derivative: Array  # in the tensor's shape
    kink: Array  # bool, as derivative: at every step tried, other units are active at the two ends


class Perturbations(NamedTuple):
    """The m parameters to be moved, each at one entry of a layer's W, or of b where i is fan_in."""

    layer: int
    i: Array  # rows, (m,)
    j: Array  # columns, (m,)


def central(
    problem: Problem, *, step: float | None = None, threads: int = 2
) -> list[CentralDifferences]:
    """Derivatives of the loss with respect to every parameter: W1, b1, W2, b2, ...

    Where an activation with a kink changes sides between the two ends, the step is halved.
    step: default: `first_step`.
    """
    run, step = reference.forward(problem), step or first_step(problem)
    differences = []
    with ThreadPoolExecutor(threads) as pool:
        for layer, (W, b) in enumerate(problem.params):
            slope = np.zeros((len(W) + 1, len(b)))  # the last row is b's
            kink = np.zeros(slope.shape, bool)
            chunks = list(_chunks(problem, run, layer))
            results = pool.map(lambda chunk: slopes(problem, run, *chunk, step=step), chunks)
            for (_, moves), (part, crossed) in zip(chunks, results, strict=True):
                slope[moves.i, moves.j] += part / len(problem.x)
                kink[moves.i, moves.j] |= crossed
            _halve_step_at_kinks(problem, run, layer, slope, kink, step)
            differences += [
                CentralDifferences(slope[:-1] + problem.weight_decay * W, kink[:-1]),
                CentralDifferences(slope[-1], kink[-1]),
            ]
    return differences


def first_step(problem: Problem) -> float:
    """The step of a parameter, before it is halved anywhere."""
    return BATCH_NORM_STEP if problem.batch_norm else STEP


def samples(problem: Problem) -> Sequence[int]:
    """The images, whose losses rise apart; ALL where batch normalization couples them."""
    return (ALL,) if problem.batch_norm else range(len(problem.x))


def _chunks(problem: Problem, run: ForwardPass, layer: int) -> Iterator[tuple[int, Perturbations]]:
    """Every parameter that moves z at all, image by image, in chunks."""
    units = len(problem.params[layer].b)
    for sample in samples(problem):
        active = run.h[layer] != 0
        active = active.any(axis=0) if sample == ALL else active[sample]
        active = np.append(np.flatnonzero(active), len(problem.params[layer].W))
        rows = max(1, CHUNK_SIZE * 8 // units)
        for first in range(0, len(active), rows):
            i, j = np.meshgrid(active[first : first + rows], np.arange(units), indexing="ij")
            yield sample, Perturbations(layer, i.ravel(), j.ravel())


def slopes(
    problem: Problem, run: ForwardPass, sample: int, moves: Perturbations, *, step: float
) -> tuple[Array, Array]:
    """Central difference of one image's loss for each move, and whether it crosses a kink: (m,)."""
    up, down, crossed = rises(problem, run, sample, moves, step=step)
    return (up - down) / (2 * step), crossed


def rises(
    problem: Problem, run: ForwardPass, sample: int, moves: Perturbations, *, step: float
) -> tuple[Array, Array, Array]:
    """Rises of one image's loss for moves by +step and by -step, and whether a kink is crossed.

    sample: the image, or ALL for the sum over all. Each (m,), in nats; the last is bool.
    """
    layer, i, j = moves
    if sample == ALL:
        return numeric_batch.rises(problem, run, layer, i, j, step=step)
    h = np.append(run.h[layer][sample], 1.0)  # b is the weight of an input that is always 1
    up, down = step * h[i], -step * h[i]  # of z[layer][j]
    z = run.z[layer][sample]
    crossed = np.zeros(len(i), bool)
    weight = row_weights(problem)[sample]
    if layer == len(problem.params) - 1:
        y, p = problem.y[sample][j], run.h[-1][sample][j]
        return *(weight * (np.log1p(p * np.expm1(D)) - y * D) for D in (up, down)), crossed
    f = problem.activation
    if f.kinked:
        crossed |= (up > -z[j]) != (down > -z[j])
    up, down = f.increment(z[j], up), f.increment(z[j], down)
    if problem.masks is not None and (mask := problem.masks[layer + 1]) is not None:
        up, down = up * mask[sample, j], down * mask[sample, j]
    result = np.zeros((2, len(i)))
    moving = np.flatnonzero((up != 0) | (down != 0))
    for first in range(0, len(moving), CHUNK_SIZE):
        rows = moving[first : first + CHUNK_SIZE]
        W = problem.params[layer + 1].W[j[rows]]
        ends = up[rows, None] * W, down[rows, None] * W
        *result[:, rows], crossed_later = _carry(problem, run, sample, layer + 1, *ends)
        crossed[rows] |= crossed_later
    return weight * result[0], weight * result[1], crossed


def _carry(
    problem: Problem, run: ForwardPass, sample: int, layer: int, up: Array, down: Array
) -> tuple[Array, Array, Array]:
    """Unweighted rises for moves of z[layer] by up and by down, and whether a kink is crossed.

    up, down: (m, units). Returns (m,) each, rises in nats.
    """
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


def _halve_step_at_kinks(
    problem: Problem, run: ForwardPass, layer: int, slope: Array, kink: Array, step: float
) -> None:
    """Mutates slope and kink, (fan_in + 1, fan_out): smaller steps where a kink was crossed."""
    for _ in range(MAX_HALVINGS):
        if not kink.any():
            return
        step /= 2
        moves = Perturbations(layer, *np.nonzero(kink))
        results = [slopes(problem, run, k, moves, step=step) for k in samples(problem)]
        slope[moves.i, moves.j] = np.sum([part for part, _ in results], axis=0) / len(problem.x)
        kink[moves.i, moves.j] = np.any([crossed for _, crossed in results], axis=0)
