"""The training step of `mlp.py` for speed: the same arithmetic on arrays that are allocated once.

All parameters lie in one flat vector, and so do their gradients, in the order of `layout.py`: an
update rule sees two vectors. Inputs that are dark in every training image are left out: their
products are zero, so their rows of W1 change by weight decay alone. The tests hold the engine to
`mlp.backward`, and the gradient check runs on it. What each part costs: docs/performance.md.
"""

import numpy as np
from numpy.typing import NDArray

from mlpcli.nn import Array
from mlpcli.nn.activation import RELU, Activation
from mlpcli.nn.layout import Layout
from mlpcli.nn.mlp import Masks, Params
from mlpcli.nn.optim import Rule, blocks


class Engine:
    """Parameters, their gradient and all intermediate arrays of a step; its methods mutate them."""

    def __init__(
        self,
        params: Params,
        *,
        batch_size: int,
        lit: NDArray[np.intp] | None = None,
        activation: Activation = RELU,
        weight_decay: float = 0.0,
        slots: int = 0,
    ) -> None:
        """Copies params; slots is how many vectors the update rule remembers (`optim.SLOTS`).

        lit: the inputs in use, in the order of the columns of x; all of them without it.
        """
        dtype = params[0].W.dtype
        sizes = [len(params[0].W), *(len(b) for _, b in params)]
        self.layout = Layout(sizes, np.arange(sizes[0]) if lit is None else lit)
        self.theta: Array = np.empty(self.layout.length, dtype)
        self.grad: Array = np.zeros_like(self.theta)
        self.state: Array = np.zeros((slots, self.layout.length), dtype)
        self.layout.write(params, self.theta)
        self.activation = activation
        self.weight_decay = weight_decay
        self.steps = 0
        self._params = self.layout.views(self.theta)
        self._grads = self.layout.views(self.grad)
        self._z: list[Array] = [np.empty((batch_size, size), dtype) for size in sizes[1:]]
        # relu can work in place, since its derivative can be read off h; the others need z again
        self._h = self._z if activation is RELU else [np.empty_like(z) for z in self._z]
        self._grad_z: list[Array] = [np.empty_like(z) for z in self._z]
        self._ones = np.ones(batch_size, dtype)

    @property
    def params(self) -> Params:
        """A copy of the parameters as they are now, W1 with all its rows."""
        return self.layout.read(self.theta)

    @property
    def grads(self) -> Params:
        """A copy of what `gradient` found, in the shape of params; an update uses it up."""
        return self.layout.read(self.grad)

    @property
    def memory(self) -> tuple[Params, ...]:
        """A copy of what the update rule remembers, each vector in the shape of params."""
        return tuple(self.layout.read(vector) for vector in self.state)

    def restore(self, params: Params, memory: tuple[Params, ...], *, steps: int) -> None:
        """Mutates theta and state: goes on from what `params` and `memory` gave after `steps`."""
        self.layout.write(params, self.theta)
        for vector, given in zip(self.state, memory, strict=True):
            self.layout.write(given, vector)
        self.steps = steps

    def gradient(self, x: Array, y: Array, *, masks: Masks | None = None) -> float:
        """Mutates grad: the gradient of `mlp.loss` for images x and targets y; returns that loss.

        x: (n, k), the first k lit inputs of images that are black in all others; y: (n, classes);
        with n at most batch_size, in the dtype of the parameters. The loss is in nats.
        """
        n, k = x.shape
        last = len(self._params) - 1
        W = [self._params[0].W[:k], *(W for W, _ in self._params[1:])]
        z, grad_z = ([array[:n] for array in arrays] for arrays in (self._z, self._grad_z))
        h = [
            x * masks[0] if masks and masks[0] is not None else x,
            *(array[:n] for array in self._h),
        ]  # h[i + 1] = f(z[i])
        for i in range(last + 1):
            np.matmul(h[i], W[i], out=z[i])
            z[i] += self._params[i].b
            if i < last:
                self._activate(z[i], h[i + 1])
                self._mask(h[i + 1], masks, i + 1)
        value = _fused_cross_entropy(z[last], y, grad_z[last])
        for i in reversed(range(last + 1)):
            grad_W, grad_b = self._grads[i]
            np.matmul(h[i].T, grad_z[i], out=grad_W[: len(W[i])])
            np.matmul(self._ones[:n], grad_z[i], out=grad_b)  # the sum over rows
            if i > 0:
                np.matmul(grad_z[i], W[i].T, out=grad_z[i - 1])
                self._mask(grad_z[i - 1], masks, i)
                self._multiply_by_derivative(grad_z[i - 1], z[i - 1])
        self._grads[0].W[k:] = 0
        return value + self._decay()

    def step(
        self, x: Array, y: Array, rule: Rule, *, lr: float, masks: Masks | None = None
    ) -> float:
        """Mutates theta by one update; returns the loss before it, in nats.

        Raises FloatingPointError, whose text names the first quantity that is not finite, with the
        parameters left as they were.
        """
        # without decay, no rule moves a parameter whose gradient is and was zero
        part = slice(None) if self.weight_decay else self.layout.live
        grad = self.grad[part]
        with np.errstate(all="ignore"):  # what overflows is found here
            value = self.gradient(x, y, masks=masks)
            if not (np.isfinite(value) and np.isfinite(grad @ grad)):
                self._refuse_non_finite(len(x), value)
        self.steps += 1
        rule(self.theta[part], grad, self.state[:, part], lr, self.steps)
        return value

    def _refuse_non_finite(self, n: int, value: float) -> None:
        """Raise FloatingPointError unless only the square of the gradient was too large."""
        last = len(self._z)
        made: list[tuple[str, Array | float]] = []  # in the order of the computation
        made += [(f"z{i}", z[:n]) for i, z in enumerate(self._z, 1)]
        made += [("loss", value)]
        for i, (grad_W, grad_b) in zip(range(last, 0, -1), reversed(self._grads), strict=True):
            made += [(f"grad_b{i}", grad_b), (f"grad_W{i}", grad_W)]
        for name, array in made:
            if not np.isfinite(array).all():
                raise FloatingPointError(name)

    def _activate(self, z: Array, h: Array) -> None:
        if self.activation is RELU:
            np.maximum(z, 0, out=h)
        else:
            h[:] = self.activation.f(z)

    def _multiply_by_derivative(self, grad_h: Array, z: Array) -> None:
        if self.activation is RELU:
            grad_h *= z > 0  # z holds h by now, and h > 0 exactly where z was
        else:
            grad_h *= self.activation.derivative(z)

    def _mask(self, h: Array, masks: Masks | None, i: int) -> None:
        if masks and (mask := masks[i]) is not None:
            h *= mask

    def _decay(self) -> float:
        if not self.weight_decay:
            return 0.0
        self.grad[self.layout.dark] = 0
        W, grad_W = self.theta[self.layout.weights], self.grad[self.layout.weights]
        for part in blocks(len(W)):
            grad_W[part] += self.weight_decay * W[part]
        return self.weight_decay / 2 * float(W @ W)


def _fused_cross_entropy(z: Array, y: Array, grad_z: Array) -> float:
    """Mutates z and grad_z = (softmax(z) - y) / n; returns the mean cross-entropy, in nats."""
    z -= z.max(axis=1, keepdims=True)  # exp of a large logit would overflow
    np.exp(z, out=grad_z)
    total = grad_z.sum(axis=1, keepdims=True)
    value = (np.log(total).sum() - np.vdot(y, z)) / len(y)  # rows of y sum to 1
    grad_z /= total
    grad_z -= y
    grad_z /= len(y)  # the only 1/n
    return float(value)
