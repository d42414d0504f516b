"""The subject of every check: a network at one point, a batch, and the two gradients there."""

from collections.abc import Callable
from typing import NamedTuple

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


def loss(problem: Problem) -> Array:
    """The loss of the problem: a scalar, in nats."""
    params, x, y, activation, masks, weight_decay = problem
    return mlp.loss(params, x, y, activation=activation, masks=masks, weight_decay=weight_decay)


def derived_gradient(problem: Problem, backward: Callable[..., Params] | None = None) -> Params:
    """The gradient from `backward`, by default the derivation's, in the shape of the params."""
    params, x, y, activation, masks, weight_decay = problem
    run = mlp.forward(params, x, activation=activation, masks=masks)
    return (backward or mlp.backward)(
        params, run, y, activation=activation, masks=masks, weight_decay=weight_decay
    )


def engine_gradient(problem: Problem) -> Params:
    """The gradient as training computes it, `Engine.gradient`, in the shape of the params.

    As in training, inputs that are zero in all images are left out, and two members share the work.
    """
    params, x, y, activation, masks, weight_decay = problem
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
    engine.gradient(x[:, active], y, masks=masks)
    return engine.grads
