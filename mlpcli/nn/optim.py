"""Update rules, and what else an update does to the parameters: flat vectors, in place.

A rule gets the parameters theta, their gradient, its own state (one row per vector it remembers,
zero at the start), the learning rate and the number t = 1, 2, ... of the step. It uses the gradient
up: the memory serves for what is subtracted from theta. It works entry by entry, on any part of the
vectors, so that the engine can hand it what is in the cache. What an update does beside the rule
stands below: decay of the weights alone, a bound on each unit's weights, the mean over the steps.
"""

from collections.abc import Callable, Sequence

import numpy as np

from mlpcli.nn import Array

Rule = Callable[[Array, Array, Array, float, int], None]


def sgd(momentum: float, *, nesterov: bool = False) -> Rule:
    """Gradient descent with momentum: velocity = momentum * velocity + grad.

    theta moves by -lr * velocity or, with nesterov, by -lr * (grad + momentum * velocity).
    Source: Sutskever et al. (2013), eqs. 1 to 4, with lr outside the velocity, as in PyTorch;
    nesterov in the form of Bengio et al. (2012), arXiv:1212.0901, eq. 7.
    """

    def update(theta: Array, grad: Array, state: Array, lr: float, t: int) -> None:
        """Mutates theta, grad and state."""
        (velocity,) = state
        velocity *= momentum
        velocity += grad
        if nesterov:
            grad *= lr
            theta -= grad
        theta -= np.multiply(velocity, lr * momentum if nesterov else lr, out=grad)

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


def decay(weights: Array, share: float) -> None:
    """Mutates weights: takes this share of each away, apart from the gradient and the rule.

    AdamW is `adam` after such a decay by lr * weight_decay.
    Source: Loshchilov and Hutter (2019), arXiv:1711.05101, algorithm 2, with lr for eta, as in
    PyTorch.
    """
    weights *= 1 - share


def bound(parts: Sequence[Array], longest: float) -> None:
    """Mutates parts: shortens columns that are longer to that length.

    parts: arrays (k, units) whose rows together are all incoming weights; one column per unit.
    Source: Srivastava et al. (2014), JMLR 15, section 5.1, where it is called max-norm.
    """
    length = np.sqrt(sum(np.einsum("ij,ij->j", W, W) for W in parts))
    if (length > longest).any():
        factor = longest / np.maximum(length, longest)
        for W in parts:
            W *= factor


def average(mean: Array, theta: Array, scratch: Array, decay: float, t: int) -> None:
    """Mutates mean and scratch: from the mean after t - 1 steps to that after t.

    The mean of theta over all steps so far, where each counts decay times the step after it; so
    that after step 1 it is theta, and nothing is left of the initial parameters.
    Source: Polyak and Juditsky (1992); the weights are those of Kingma and Ba (2015), section 3.
    """
    share = (1 - decay) / (1 - decay**t)
    move = np.subtract(theta, mean, out=scratch)
    move *= share
    mean += move


SLOTS = {  # names of each rule's rows of state
    "sgd": ("velocity",),
    "adam": ("first", "second"),
    "adamw": ("first", "second"),
}
