"""Update rules: one function each, on flat vectors, in place.

A rule gets the parameters theta, their gradient, its own state (one row per vector it remembers,
zero at the start), the learning rate and the number t = 1, 2, ... of the step. It uses the gradient
up: the memory serves for what is subtracted from theta. It works entry by entry, on any part of the
vectors, so that the engine can hand it what is in the cache.
"""

from collections.abc import Callable

import numpy as np

from mlpcli.nn import Array

Rule = Callable[[Array, Array, Array, float, int], None]


def sgd(momentum: float) -> Rule:
    """Gradient descent with heavy-ball momentum: velocity = momentum * velocity + grad.

    Source: Sutskever et al. (2013), eqs. 1 and 2, with lr outside the velocity, as in PyTorch.
    """

    def update(theta: Array, grad: Array, state: Array, lr: float, t: int) -> None:
        """Mutates theta, grad and state."""
        (velocity,) = state
        velocity *= momentum
        velocity += grad
        theta -= np.multiply(velocity, lr, out=grad)

    return update


def adam(beta1: float, beta2: float, eps: float) -> Rule:
    """Adam; the state holds both moments without their factors 1 - beta, which cost nothing later.

    Source: Kingma and Ba (2015), arXiv:1412.6980, algorithm 1, where m = (1 - beta1) * first and
    v = (1 - beta2) * second.
    """

    def update(theta: Array, grad: Array, state: Array, lr: float, t: int) -> None:
        """Mutates theta, grad and state."""
        first, second = state
        first *= beta1
        first += grad
        second *= beta2
        second += np.square(grad, out=grad)
        m_hat = (1 - beta1) / (1 - beta1**t)  # times first; bias correction included
        v_hat = (1 - beta2) / (1 - beta2**t)  # times second
        root = np.sqrt(second, out=grad)
        root += eps * v_hat**-0.5
        move = np.divide(first, root, out=grad)
        move *= lr * m_hat * v_hat**-0.5
        theta -= move

    return update


SLOTS = {"sgd": ("velocity",), "adam": ("first", "second")}  # names of each rule's rows of state
