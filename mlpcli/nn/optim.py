"""Update rules: one function each, on flat vectors, in place.

A rule gets the parameters theta, their gradient, its own state (one row per vector it remembers,
zero at the start), the learning rate and the number t = 1, 2, ... of the step.
"""

from collections.abc import Callable

import numpy as np

from mlpcli.nn import Array

Rule = Callable[[Array, Array, Array, float, int], None]

BLOCK = 1 << 14  # entries updated at once: 64 kB of float32 in each operand stay in the first cache


def sgd(momentum: float) -> Rule:
    """Gradient descent with heavy-ball momentum: velocity = momentum * velocity + grad.

    Source: Sutskever et al. (2013), eqs. 1 and 2, with lr outside the velocity, as in PyTorch.
    """

    def update(theta: Array, grad: Array, state: Array, lr: float, t: int) -> None:
        """Mutates theta and state."""
        (velocity,) = state
        velocity *= momentum
        velocity += grad
        theta -= lr * velocity

    return blocked(update)


def adam(beta1: float, beta2: float, eps: float) -> Rule:
    """Adam, with the bias corrections folded into two scalars.

    Source: Kingma and Ba (2015), arXiv:1412.6980, algorithm 1.
    """

    def update(theta: Array, grad: Array, state: Array, lr: float, t: int) -> None:
        """Mutates theta and state."""
        m, v = state
        m += (1 - beta1) * (grad - m)
        v += (1 - beta2) * (grad * grad - v)
        step = lr / (1 - beta1**t)
        theta -= step * m / (np.sqrt(v) * (1 - beta2**t) ** -0.5 + eps)

    return blocked(update)


def blocked(rule: Rule) -> Rule:
    """The same rule, block after block, so that its intermediate values never leave the cache."""

    def update(theta: Array, grad: Array, state: Array, lr: float, t: int) -> None:
        """Mutates theta and state."""
        for start in range(0, len(theta), BLOCK):
            part = slice(start, start + BLOCK)
            rule(theta[part], grad[part], state[:, part], lr, t)

    return update


SLOTS = {"sgd": 1, "adam": 2}  # rows of state that each rule remembers
