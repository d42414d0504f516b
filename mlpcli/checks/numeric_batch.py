"""What `numeric.py` does, for a network whose images move each other by batch normalization.

One weight moves its unit's u for every image, and so mean and sigma; from there on, all units of
all images are carried forward together.
"""

import numpy as np

from mlpcli.checks.problem import Problem, row_weights
from mlpcli.nn import Array, batch_norm
from mlpcli.nn.batch_norm import Normalized
from mlpcli.nn.mlp import ForwardPass

CHUNK_SIZE = 256  # moved copies at once, each of all images


def rises(
    problem: Problem, run: ForwardPass, layer: int, i: Array, j: Array, *, step: float
) -> tuple[Array, Array, Array]:
    """Rises of the images' summed losses for moves by +step and -step, and whether a kink is there.

    layer, i, j: as in `numeric.Perturbations`. Each (m,), in nats; the last is bool.
    """
    chunks = [slice(first, first + CHUNK_SIZE) for first in range(0, len(i), CHUNK_SIZE)]
    parts = [_rises(problem, run, layer, i[chunk], j[chunk], step) for chunk in chunks]
    up, down, crossed = (np.concatenate(part) for part in zip(*parts, strict=True))
    return up, down, crossed


def _rises(
    problem: Problem, run: ForwardPass, layer: int, i: Array, j: Array, step: float
) -> tuple[Array, Array, Array]:
    h = np.append(run.h[layer], np.ones((len(problem.x), 1)), axis=1)  # b's input is always 1
    ends = [sign * step * h[:, i].T[:, :, None] for sign in (1, -1)]  # of u[:, j], (m, n, 1)
    if layer < len(problem.params) - 1:
        u_hat, sigma = run.normalized[layer]
        of_units = Normalized(u_hat[:, j].T[:, :, None], sigma[j, None, None])
        is_b = (i == len(problem.params[layer].W))[:, None, None]  # b is added behind
        ends = [np.where(is_b, D, batch_norm.increment(of_units, D)) for D in ends]
    # only the units j move yet: W is that of the moved unit's outputs
    columns, crossed = j, np.zeros(len(i), bool)
    for k in range(layer, len(problem.params) - 1):
        first = k == layer
        z = run.z[k][:, columns].T[:, :, None] if first else run.z[k]
        crossed |= _crosses(problem, z, *ends)
        ends = [problem.activation.increment(z, D) for D in ends]
        if problem.masks is not None and (mask := problem.masks[k + 1]) is not None:
            mask = mask[:, columns].T[:, :, None] if first else mask
            ends = [D * mask for D in ends]
        W = problem.params[k + 1].W
        ends = [D * W[columns][:, None, :] if first else D @ W for D in ends]
        if k + 1 < len(problem.params) - 1:
            ends = [batch_norm.increment(run.normalized[k + 1], D) for D in ends]
    y, p = problem.y, run.h[-1]
    if layer == len(problem.params) - 1:
        y, p = (a[:, j].T[:, :, None] for a in (y, p))
    weights = row_weights(problem)[:, 0]
    up, down = ((np.log1p((np.expm1(D) * p).sum(axis=2)) - (D * y).sum(axis=2)) for D in ends)
    return up @ weights, down @ weights, crossed


def _crosses(problem: Problem, z: Array, up: Array, down: Array) -> Array:
    """Whether any unit changes sides between the two ends, for each of the m moves: bool, (m,)."""
    if not problem.activation.kinked:
        return np.zeros(len(up), bool)
    crossed: Array = ((up > -z) != (down > -z)).any(axis=(1, 2))
    return crossed
