"""The right values of a problem, and the steps of the derivation that follow from any grad_z.

`layer` counts from 0.
"""

from typing import NamedTuple

from mlpcli.checks import reference
from mlpcli.checks.problem import Problem
from mlpcli.nn import Array
from mlpcli.nn.mlp import ForwardPass


class GroundTruth(NamedTuple):
    """The right values of a problem."""

    problem: Problem
    run: ForwardPass
    grad_z: list[Array]  # (n, units) for each layer


def ground_truth(problem: Problem) -> GroundTruth:
    """The right values of a problem, from its forward pass."""
    return GroundTruth(problem, reference.forward(problem), reference.grad_z(problem))


def backpropagate(truth: GroundTruth, layer: int, above: Array) -> Array:
    """The grad_z of a hidden layer, (n, units), that follows from the grad_u above it."""
    return through_activation(truth, layer, above @ truth.problem.params[layer + 1].W.T)


def through_normalization(truth: GroundTruth, layer: int, grad_z: Array) -> Array:
    """The grad_u, of u = h @ W, that follows from grad_z, both (n, units): the same, mostly."""
    return reference.grad_u(truth.problem, truth.run.h[layer], layer, grad_z)


def is_normalized(truth: GroundTruth, layer: int) -> bool:
    """Whether batch normalization stands between u and z of a layer."""
    return layer < len(truth.run.normalized)


def grad_W(truth: GroundTruth, layer: int, grad_u: Array) -> Array:
    """The grad_W, (fan_in, fan_out), that follows from grad_u, (n, fan_out)."""
    problem = truth.problem
    return truth.run.h[layer].T @ grad_u + problem.weight_decay * problem.params[layer].W


def through_activation(truth: GroundTruth, layer: int, grad_h: Array) -> Array:
    """The grad_z of a hidden layer that follows from its grad_h before dropout: (n, units)."""
    slope = reference.derivative(truth.problem.activation, truth.run.z[layer])
    return after_dropout(truth, layer, grad_h) * slope


def after_dropout(truth: GroundTruth, layer: int, grad_h: Array) -> Array:
    """grad_h of a hidden layer, (n, units), after its dropout mask."""
    masks = truth.problem.masks
    mask = None if masks is None else masks[layer + 1]
    return grad_h if mask is None else grad_h * mask
