"""Update rules, and the other changes of a step to the parameters: flat vectors, in place.

An update rule takes five arguments: the parameters theta (m,), their gradient (m,), its own state
(slots, m), which is zero at the start, the learning rate, and the number t = 1, 2, ... of the step.
It overwrites the gradient, whose memory it uses for the change of theta. It works entry by entry,
so the engine can call it for any part of the vectors, one that fits in the cache. Beside the rules
stand decoupled weight decay, max-norm and the average of the parameters over the steps.
"""

from collections.abc import Callable, Sequence

import numpy as np

from mlpcli.nn import Array

UpdateRule = Callable[[Array, Array, Array, float, int], None]
FLUSH_STEPS = 64  # in which a value that decays by 0.9 a step loses three decimal places
TINY = 1e-30  # far below what can change a parameter, far above the smallest normal number


def sgd(momentum: float, *, nesterov: bool = False) -> UpdateRule:
    """Gradient descent with momentum: velocity = momentum * velocity + grad.

    theta moves by -lr * velocity or, with nesterov, by -lr * (grad + momentum * velocity).
    Source: Sutskever et al. (2013), eqs. 1 to 4, with lr outside the velocity, as in PyTorch;
    nesterov in the form of Bengio et al. (2012), arXiv:1212.0901, eq. 7.
    """

    def update(theta: Array, grad: Array, state: Array, lr: float, t: int) -> None:
        """Mutates theta, (m,), grad, (m,), and state, (1, m)."""
        (velocity,) = state
        if t % FLUSH_STEPS == 0:
            _flush(velocity)
        velocity *= momentum
        velocity += grad
        if nesterov:
            grad *= lr
            theta -= grad
        theta -= np.multiply(velocity, lr * momentum if nesterov else lr, out=grad)

    return update


def adam(beta1: float, beta2: float, eps: float) -> UpdateRule:
    """Adam; the state holds both moments without their factors 1 - beta, which are applied later.

    Source: Kingma and Ba (2015), arXiv:1412.6980, algorithm 1, where m = (1 - beta1) * first and
    v = (1 - beta2) * second.
    """

    def update(theta: Array, grad: Array, state: Array, lr: float, t: int) -> None:
        """Mutates theta, (m,), grad, (m,), and state, (2, m)."""
        first, second = state
        if t % FLUSH_STEPS == 0:
            _flush(first)
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


def _flush(state: Array) -> None:
    """Mutates state: what is tiny becomes zero.

    The state of a parameter that gets no gradient any more decays to a subnormal number and stays
    one. Processors take some hundred cycles for each operation on it.
    """
    state[np.abs(state) < TINY] = 0


def decoupled_weight_decay(weights: Array, share: float) -> None:
    """Mutates weights, of any shape: takes this share of each away, apart from gradient and rule.

    AdamW is `adam` after such a decay by lr * weight_decay.
    Source: Loshchilov and Hutter (2019), arXiv:1711.05101, algorithm 2, with lr for eta, as in
    PyTorch.
    """
    weights *= 1 - share


def clip_max_norm(parts: Sequence[Array], max_norm: float) -> None:
    """Mutates parts: scales columns whose norm exceeds max_norm down to it.

    parts: arrays (k, units) whose rows together are all incoming weights; one column per unit.
    Source: Srivastava et al. (2014), JMLR 15, section 5.1.
    """
    norm = np.sqrt(sum(np.einsum("ij,ij->j", W, W) for W in parts))
    if (norm > max_norm).any():
        factor = max_norm / np.maximum(norm, max_norm)
        for W in parts:
            W *= factor


def ema_update(mean: Array, theta: Array, scratch: Array, decay: float, t: int) -> None:
    """Mutates mean and scratch: from the average after t - 1 steps to that after t; all (m,).

    The average of theta over all steps so far, each with decay times the weight of the next one; so
    after step 1 it is theta, and the initial parameters do not count.
    Source: Polyak and Juditsky (1992); the weights are those of Kingma and Ba (2015), section 3.
    """
    share = (1 - decay) / (1 - decay**t)
    move = np.subtract(theta, mean, out=scratch)
    move *= share
    mean += move


SLOTS = {  # names of the vectors in each rule's state
    "sgd": ("velocity",),
    "adam": ("first", "second"),
    "adamw": ("first", "second"),
}
