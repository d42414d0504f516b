"""The right derivatives, from the forward pass alone: no line of the derivation is used.

An imaginary step of 1e-30 leaves the value as it is and carries the derivative in the imaginary
part, exact to rounding, since nothing is subtracted.
Source: Squire and Trapp (1998), SIAM Review 40(1), 110-112.
"""

import numpy as np

from mlpcli.checks.problem import Problem
from mlpcli.nn import Array, mlp
from mlpcli.nn.activation import Activation
from mlpcli.nn.mlp import Layer, Masks, Params, ForwardPass

TINY = 1e-30  # its square vanishes beside any number


def forward(problem: Problem) -> ForwardPass:
    """Every z and h of the problem."""
    return mlp.forward(
        problem.params, problem.x, activation=problem.activation, masks=problem.masks
    )


def grad_z(problem: Problem) -> list[Array]:
    """d(mean cross-entropy)/dz, entry by entry, for every layer: (n, units) each."""
    z = forward(problem).z
    return [_grad_z(problem, z[layer], layer) for layer in range(len(z))]


def gradient(problem: Problem) -> Params:
    """The gradient of `problem.loss`, from `grad_z` and what W and b do to z."""
    h = forward(problem).h
    return tuple(
        Layer(W=h[i].T @ g + problem.weight_decay * W, b=g.sum(axis=0))
        for i, (g, (W, _)) in enumerate(zip(grad_z(problem), problem.params, strict=True))
    )


def derivative(activation: Activation, z: Array) -> Array:
    """f'(z), from f alone."""
    return activation.f(z + TINY * 1j).imag / TINY


def _grad_z(problem: Problem, z: Array, layer: int) -> Array:
    rest = problem.params[layer + 1 :]
    rows = []
    for sample, y in enumerate(problem.y):
        moved = z[sample] + TINY * 1j * np.eye(z.shape[1])  # row j moves entry j
        if rest:
            h = problem.activation.f(moved)
            masks = _of_sample(problem.masks, sample, layer + 1)
            moved = mlp.forward(rest, h, activation=problem.activation, masks=masks).z[-1]
        rows.append(-(y * mlp.log_softmax(moved)).sum(axis=1).imag / TINY)
    return np.stack(rows) / len(problem.y)


def _of_sample(masks: Masks | None, sample: int, first: int) -> Masks | None:
    """Masks of one image, from layer first on."""
    if masks is None:
        return None
    return [None if mask is None else mask[sample] for mask in masks[first:]]
