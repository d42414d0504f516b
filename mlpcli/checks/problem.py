"""The subject of every check: a network at one point, a batch, and the two gradients there."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mlpcli.nn import Array, mlp
from mlpcli.nn.activation import RELU, Activation
from mlpcli.nn.engine import Engine
from mlpcli.nn.mlp import Masks, Params
from mlpcli.nn.team import Team


class Problem(NamedTuple):
    """Parameters, images and targets in float64, with every option the loss depends on."""

    params: Params
    x: Array  # (n, inputs)
    y: Array  # (n, classes), rows sum to 1
    activation: Activation = RELU
    masks: Masks | None = None  # dropout masks, fixed for the check; masks[i] as h[i], (n, units)
    weight_decay: float = 0.0
    weights: Array | None = None  # of the rows in the loss, (n, 1); default: all 1


def row_weights(problem: Problem) -> Array:
    """The weight of each row in the loss, (n, 1)."""
    return np.ones((len(problem.y), 1)) if problem.weights is None else problem.weights


def loss(problem: Problem) -> Array:
    """The loss of the problem: a scalar, in nats."""
    return mlp.loss(problem.params, problem.x, problem.y, **_options(problem))


def derived_gradient(problem: Problem, backward: Callable[..., Params] | None = None) -> Params:
    """The gradient from `backward`, by default the derivation's, in the shape of the params."""
    params, x, y, activation, masks, *_ = problem
    run = mlp.forward(params, x, activation=activation, masks=masks)
    return (backward or mlp.backward)(params, run, y, **_options(problem))


def engine_gradient(problem: Problem) -> Params:
    """The gradient as training computes it, `Engine.gradient`, in the shape of the params.

    As in training, inputs that are zero in all images are left out, and two members share the work.
    """
    params, x, y, activation, masks, weight_decay, weights = problem
    active = np.flatnonzero(x.any(axis=0))
    if masks and masks[0] is not None:
        masks = [masks[0][:, active], *masks[1:]]
    engine = Engine(
        params,
        batch_size=len(x),
        active_inputs=active,
        activation=activation,
        weight_decay=weight_decay,
        team=Team(2),
    )
    engine.gradient(x[:, active], y, masks=masks, weights=weights)
    return engine.grads


def _options(problem: Problem) -> dict[str, Any]:
    """What the loss depends on beside parameters, images and targets."""
    return {
        "activation": problem.activation,
        "masks": problem.masks,
        "weights": row_weights(problem),
        "weight_decay": problem.weight_decay,
    }
