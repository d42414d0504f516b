"""The training step of `mlp.py` for speed: the same arithmetic on arrays that are allocated once.

All parameters lie in one flat vector, weights first and biases after them, and so do their
gradients: an update rule sees two vectors, and weight decay is a matter of the first `weights`
entries. The tests hold the engine to `mlp.backward`, and the gradient check runs on it.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcli.nn import Array
from mlpcli.nn.activation import RELU, Activation
from mlpcli.nn.mlp import Layer, Masks, Params
from mlpcli.nn.optim import Rule


class Engine:
    """Parameters, their gradient and all intermediate arrays of a step; its methods mutate them."""

    def __init__(
        self,
        params: Params,
        *,
        batch_size: int,
        activation: Activation = RELU,
        weight_decay: float = 0.0,
        slots: int = 0,
    ) -> None:
        """Copies params; slots is how many vectors the update rule remembers (`optim.SLOTS`)."""
        dtype = params[0].W.dtype
        sizes = [len(params[0].W), *(len(b) for _, b in params)]
        self.weights = sum(W.size for W, _ in params)
        self.theta: Array = np.empty(self.weights + sum(sizes[1:]), dtype)
        self.grad: Array = np.zeros_like(self.theta)
        self.state: Array = np.zeros((slots, len(self.theta)), dtype)
        self.params = layers(self.theta, sizes)
        self.grads = layers(self.grad, sizes)
        for mine, given in zip(self.params, params, strict=True):
            mine.W[:], mine.b[:] = given
        self.activation = activation
        self.weight_decay = weight_decay
        self.steps = 0
        self._z: list[Array] = [np.empty((batch_size, size), dtype) for size in sizes[1:]]
        # relu can work in place, since its derivative can be read off h; the others need z again
        self._h = self._z if activation is RELU else [np.empty_like(z) for z in self._z]
        self._grad_z: list[Array] = [np.empty_like(z) for z in self._z]

    def gradient(self, x: Array, y: Array, *, masks: Masks | None = None) -> float:
        """Mutates grads: the gradient of `mlp.loss` for images x and targets y; returns that loss.

        x: (n, inputs), y: (n, classes), with n at most batch_size, in the dtype of the parameters.
        The loss is in nats.
        """
        if masks and masks[0] is not None:
            x = x * masks[0]
        n, last = len(x), len(self.params) - 1
        z, h, grad_z = ([array[:n] for array in b] for b in (self._z, self._h, self._grad_z))
        for i, (W, b) in enumerate(self.params):
            np.matmul(h[i - 1] if i else x, W, out=z[i])
            z[i] += b
            if i < last:
                self._activate(z[i], h[i])
                if masks and (mask := masks[i + 1]) is not None:
                    h[i] *= mask
        value = _fused_cross_entropy(z[last], y, grad_z[last])
        for i in reversed(range(last + 1)):
            np.matmul((h[i - 1] if i else x).T, grad_z[i], out=self.grads[i].W)
            grad_z[i].sum(axis=0, out=self.grads[i].b)
            if i > 0:
                np.matmul(grad_z[i], self.params[i].W.T, out=grad_z[i - 1])
                if masks and (mask := masks[i]) is not None:
                    grad_z[i - 1] *= mask
                self._multiply_by_derivative(grad_z[i - 1], z[i - 1])
        return value + self._decay()

    def step(
        self, x: Array, y: Array, rule: Rule, *, lr: float, masks: Masks | None = None
    ) -> float:
        """Mutates params by one update; returns the loss before it, in nats.

        When the loss is not finite, the parameters are left as they were.
        """
        with np.errstate(all="ignore"):  # what overflows shows in the loss
            value = self.gradient(x, y, masks=masks)
        if np.isfinite(value):
            self.steps += 1
            rule(self.theta, self.grad, self.state, lr, self.steps)
        return value

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

    def _decay(self) -> float:
        if not self.weight_decay:
            return 0.0
        W = self.theta[: self.weights]
        self.grad[: self.weights] += self.weight_decay * W
        return self.weight_decay / 2 * float(W @ W)


def layers(flat: Array, sizes: Sequence[int]) -> Params:
    """Views into a flat vector: all W first, then all b, in the order of the network.

    sizes: width of every layer, input first.
    """
    shapes: list[tuple[int, ...]] = list(itertools.pairwise(sizes))
    shapes += [(size,) for size in sizes[1:]]
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    views: list[Any] = [
        part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)
    ]
    count = len(sizes) - 1
    return tuple(Layer(W, b) for W, b in zip(views[:count], views[count:], strict=True))


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
