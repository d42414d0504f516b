"""The subject of every check: a network at one point, a batch, and the gradients there."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.nn import Array, batch_norm, mlp
from mlpcli.nn.activation import RELU, Activation
from mlpcli.nn.engine import Engine
from mlpcli.nn.mlp import Masks, Normalize, Params
from mlpcli.nn.optim import UpdateRule
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
    batch_norm: bool = False


class Computed(NamedTuple):
    """A gradient, in the shape of the params, and the loss that comes with it."""

    gradient: Params
    loss: float | None = None  # nats


def row_weights(problem: Problem) -> Array:
    """The weight of each row in the loss, (n, 1)."""
    return np.ones((len(problem.y), 1)) if problem.weights is None else problem.weights


def loss(problem: Problem) -> Array:
    """The loss of the problem: a scalar, in nats."""
    options = _options(problem) | {"normalize": normalize(problem)}
    return mlp.loss(problem.params, problem.x, problem.y, **options)


def normalize(problem: Problem) -> Normalize | None:
    """How `mlp.forward` normalizes the problem's hidden layers."""
    return batch_norm.normalize if problem.batch_norm else None


def derived_gradient(problem: Problem, backward: Callable[..., Params] | None = None) -> Params:
    """The gradient from `backward`, by default the derivation's, in the shape of the params."""
    params, x, y, activation, masks, *_ = problem
    by = normalize(problem)
    run = mlp.forward(params, x, activation=activation, masks=masks, normalize=by)
    return (backward or mlp.backward)(params, run, y, **_options(problem))


def computed(problem: Problem) -> dict[str, Computed]:
    """The gradient and the loss as the derivation, the engine and a training step have them."""
    engine = _engine(problem)
    loss_of_engine = engine.gradient(*_batch(problem), **_randomness(problem))
    step = _engine(problem, rule=_record, slots=1)
    loss_of_step = step.step(*_batch(problem), lr=1.0, **_randomness(problem))
    return {
        "derivation": Computed(derived_gradient(problem), float(loss(problem))),
        "engine": Computed(engine.grads, loss_of_engine),
        "step": Computed(step.optimizer_state[0], loss_of_step),
    }


def engine_gradient(problem: Problem) -> Params:
    """The gradient as training computes it, `Engine.gradient`, in the shape of the params."""
    engine = _engine(problem)
    engine.gradient(*_batch(problem), **_randomness(problem))
    return engine.grads


def _record(theta: Array, grad: Array, state: Array, lr: float, t: int) -> None:
    """Mutates state, (1, m): an update rule that keeps the gradient it is given, and no more."""
    state[0] = grad


def _engine(problem: Problem, *, rule: UpdateRule | None = None, slots: int = 0) -> Engine:
    """As in training, inputs that are zero in all images are left out, and two share the work."""
    return Engine(
        problem.params,
        batch_size=len(problem.x),
        rule=rule,
        slots=slots,
        active_inputs=_active(problem),
        activation=problem.activation,
        weight_decay=problem.weight_decay,
        batch_norm=problem.batch_norm,
        team=Team(2),
    )


def _active(problem: Problem) -> NDArray[np.intp]:
    return np.flatnonzero(problem.x.any(axis=0))


def _batch(problem: Problem) -> tuple[Array, Array]:
    return problem.x[:, _active(problem)], problem.y


def _randomness(problem: Problem) -> dict[str, Any]:
    masks = problem.masks
    if masks and masks[0] is not None:
        masks = [masks[0][:, _active(problem)], *masks[1:]]
    return {"masks": masks, "weights": problem.weights}


def _options(problem: Problem) -> dict[str, Any]:
    """What the loss depends on beside parameters, images and targets."""
    return {
        "activation": problem.activation,
        "masks": problem.masks,
        "weights": row_weights(problem),
        "weight_decay": problem.weight_decay,
    }
