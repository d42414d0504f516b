"""The training step of `mlp.py` for speed: the same arithmetic on arrays that are allocated once.

All parameters lie in one flat vector, and so do their gradients, in the order of `layout.py`. A
team of threads shares a step: first by rows of the batch, up to the gradient at every z, then by
blocks of the parameters, each updated as soon as its gradient is known, while both are in the
cache. Inputs that are dark in every training image are left out: their products are zero, so their
rows of W1 change by weight decay alone. The tests hold the engine to `mlp.backward`, and the
gradient check runs on it. What each part costs: docs/performance.md.
"""

import numpy as np
from numpy.typing import NDArray

from mlpcli.nn import Array
from mlpcli.nn.activation import RELU, Activation
from mlpcli.nn.flat_params import Block, Layout
from mlpcli.nn.mlp import Masks, Params
from mlpcli.nn.optim import Rule, average, bound, decay
from mlpcli.nn.team import Team

KEPT = 1 << 24  # bytes of freed memory that stay with the process


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
        decoupled_decay: float = 0.0,
        max_norm: float | None = None,
        ema: float | None = None,
        team: Team | None = None,
    ) -> None:
        """Copies params; slots is how many vectors the update rule remembers (`optim.SLOTS`).

        lit: the inputs in use, in the order of the columns of x; all of them without it.
        weight_decay: factor in the loss; decoupled_decay: in the update, times lr (`optim.decay`);
        max_norm: of a hidden unit's incoming weights (`optim.bound`); ema: decay of the mean over
        the steps, which then stands for the parameters (`optim.average`).
        team: the threads of a step; the caller's alone without it.
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
        self.decoupled_decay = decoupled_decay
        self.max_norm = max_norm
        self.ema = ema
        self.mean: Array = self.theta if ema is None else self.theta.copy()
        self.steps = 0
        self._team = team or Team()
        self._params = self.layout.views(self.theta)
        self._grads = self.layout.views(self.grad)
        self._z: list[Array] = [np.empty((batch_size, size), dtype) for size in sizes[1:]]
        # relu can work in place, since its derivative can be read off h; the others need z again
        self._h = self._z if activation is RELU else [np.empty_like(z) for z in self._z]
        self._grad_z: list[Array] = [np.empty_like(z) for z in self._z]
        self._above = [np.empty(z.shape, bool) for z in self._z]  # where z > 0
        self._ones = np.ones(batch_size, dtype)
        self._loss = np.zeros(self._team.size)  # each member's part
        self._squares = np.zeros((2, self._team.size, len(self._z)))  # of norms of h and of grad_z
        # without decay or bound, nothing moves a parameter whose gradient is and was zero
        dark = bool(weight_decay or decoupled_decay or max_norm)
        self._blocks = list(self.layout.blocks(dark=dark))
        _keep_freed_memory()

    @property
    def params(self) -> Params:
        """A copy of the parameters as they are now or, with ema, their mean; W1 has all rows."""
        return self.layout.read(self.mean)

    @property
    def grads(self) -> Params:
        """A copy of what `gradient` found, in the shape of params; an update uses it up."""
        return self.layout.read(self.grad)

    @property
    def optimizer_state(self) -> tuple[Params, ...]:
        """A copy of what training resumes from besides params, each vector in their shape.

        What the update rule remembers and, with ema, the parameters that the updates change.
        """
        raw = [] if self.ema is None else [self.theta]
        return tuple(self.layout.read(vector) for vector in (*self.state, *raw))

    def restore(self, params: Params, optimizer_state: tuple[Params, ...], *, steps: int) -> None:
        """Mutates theta and state: to what `params` and `optimizer_state` were after `steps`."""
        raw = [] if self.ema is None else [self.theta]
        vectors = (self.mean, *self.state, *raw)
        for vector, given in zip(vectors, (params, *optimizer_state), strict=True):
            self.layout.write(given, vector)
        self.steps = steps

    def gradient(self, x: Array, y: Array, *, masks: Masks | None = None) -> float:
        """Mutates grad: the gradient of `mlp.loss` for images x and targets y; returns that loss.

        x: (n, k), the first k lit inputs of images that are black in all others; y: (n, classes);
        with n at most batch_size, in the dtype of the parameters. The loss is in nats.
        """
        h0 = _masked_input(x, masks)
        rest = iter(self._blocks)

        def part(member: int) -> None:
            self._propagate(member, h0, y, masks)
            self._team.meet()
            for block in rest:  # whoever is free takes the next; nothing depends on who
                self._find(block, h0)

        self._team(part)
        return float(self._loss.sum())

    def step(
        self, x: Array, y: Array, rule: Rule, *, lr: float, masks: Masks | None = None
    ) -> float:
        """Mutates theta by one update; returns the loss before it, in nats.

        Raises FloatingPointError, whose text names the first quantity that is not finite, with the
        parameters left as they were.
        """
        h0 = _masked_input(x, masks)
        rest = iter(self._blocks)
        t = self.steps + 1

        def update(_: int) -> None:
            for block in rest:
                self._find(block, h0)
                self._update(block, rule, lr, t)

        def part(member: int) -> None:
            self._propagate(member, h0, y, masks)
            self._team.meet()
            if self._is_finite(len(h0)):
                update(member)

        self._team(part)
        value = float(self._loss.sum())
        if not self._is_finite(len(h0)):
            self._refuse_non_finite(h0, value)
            self._team(update)
        if (longest := self.max_norm) is not None:
            self._team(lambda member: self._bound(member, longest, t))
        self.steps = t
        return value

    def _propagate(self, member: int, h0: Array, y: Array, masks: Masks | None) -> None:
        """Mutates a member's rows of every z, h and grad_z, and its part of the loss."""
        n = len(h0)
        rows = _share(n, member, self._team.size)
        with np.errstate(all="ignore"):  # what overflows shows in the loss or the norms
            h = self._forward(h0[rows], rows, masks)
            loss = _fused_cross_entropy(h[-1], y[rows], self._grad_z[-1][rows], n)
            self._backward(rows, masks)
            self._loss[member] = loss + self._decay(member)
            for i, grad_z in enumerate(self._grad_z):
                self._squares[:, member, i] = _square(h[i]), _square(grad_z[rows])

    def _is_finite(self, n: int) -> bool:
        """Whether loss and gradient are finite for certain, told before the latter is formed."""
        h_squared, grad_z_squared = self._squares.sum(axis=1)
        # Cauchy and Schwarz: no entry of h.T @ grad_z exceeds the product of both norms
        largest = np.sqrt((h_squared + n) * grad_z_squared).max()
        return bool(np.isfinite(self._loss.sum()) and largest < np.finfo(self.theta.dtype).max / 4)

    def _forward(self, h0: Array, rows: slice, masks: Masks | None) -> list[Array]:
        """Mutates rows of z and h; returns h[0], ..., h[last] and, in its place, the last z."""
        h, last = [h0], len(self._params) - 1
        for i, (W, b) in enumerate(self._params):
            z = self._z[i][rows]
            np.matmul(h[i], W[: h0.shape[1]] if i == 0 else W, out=z)
            z += b
            h.append(z if i == last else self._h[i][rows])
            if i < last:
                self._activate(z, h[i + 1])
                _mask(h[i + 1], masks, i + 1, rows)
        return h

    def _backward(self, rows: slice, masks: Masks | None) -> None:
        """Mutates rows of grad_z, of which the last is known."""
        for i in reversed(range(1, len(self._params))):
            grad_z = self._grad_z[i - 1][rows]
            np.matmul(self._grad_z[i][rows], self._params[i].W.T, out=grad_z)
            _mask(grad_z, masks, i, rows)
            self._multiply_by_derivative(grad_z, i - 1, rows)

    def _find(self, block: Block, h0: Array) -> None:
        """Mutates grad where the block lies: the gradient of its parameters."""
        n = len(h0)
        i, rows, flat = block
        if i is None:
            for grad_z, (_, grad_b) in zip(self._grad_z, self._grads, strict=True):
                np.matmul(self._ones[:n], grad_z[:n], out=grad_b)  # the sum over rows
            return
        h = h0 if i == 0 else self._h[i - 1][:n]
        grad_W = self.grad[flat].reshape(-1, self._grad_z[i].shape[1])
        used = h[:, rows].shape[1]  # an input that is black in the whole batch has no gradient
        np.matmul(h[:, rows].T, self._grad_z[i][:n], out=grad_W[:used])
        grad_W[used:] = 0
        if self.weight_decay:
            self.grad[flat] += self.weight_decay * self.theta[flat]

    def _update(self, block: Block, rule: Rule, lr: float, t: int) -> None:
        """Mutates theta and state where the block lies, and uses up grad there."""
        theta, grad = self.theta[block.flat], self.grad[block.flat]
        if self.decoupled_decay and block.layer is not None:  # biases do not decay
            decay(theta, lr * self.decoupled_decay)
        rule(theta, grad, self.state[:, block.flat], lr, t)
        if self.max_norm is None:
            self._average(block, t)

    def _bound(self, member: int, longest: float, t: int) -> None:
        """Mutates theta: some of the hidden units of each layer; then the mean, which waited."""
        dark = self.theta[self.layout.dark].reshape(-1, self.layout.sizes[1])
        for i, (W, b) in enumerate(self._params[:-1]):
            units = _share(len(b), member, self._team.size)
            rows = [W, dark] if i == 0 else [W]
            bound([array[:, units] for array in rows], longest)
        self._team.meet()
        for block in self._blocks[member :: self._team.size]:
            self._average(block, t)

    def _average(self, block: Block, t: int) -> None:
        """Mutates the mean, and grad, where the block lies."""
        if self.ema is not None:
            flat = block.flat
            average(self.mean[flat], self.theta[flat], self.grad[flat], self.ema, t)

    def _refuse_non_finite(self, h0: Array, value: float) -> None:
        """Raise FloatingPointError unless the gradient is finite after all."""
        with np.errstate(all="ignore"):
            for block in self._blocks:
                self._find(block, h0)
        made: list[tuple[str, Array | float]] = []  # in the order of the computation
        made += [(f"z{i}", z[: len(h0)]) for i, z in enumerate(self._z, 1)]
        made += [("loss", value)]
        for i, (grad_W, grad_b) in reversed(list(enumerate(self._grads, 1))):
            made += [(f"grad_b{i}", grad_b), (f"grad_W{i}", grad_W)]
        for name, array in made:
            if not np.isfinite(array).all():
                raise FloatingPointError(name)

    def _activate(self, z: Array, h: Array) -> None:
        if self.activation is RELU:
            np.maximum(z, 0, out=h)
        else:
            h[:] = self.activation.f(z)

    def _multiply_by_derivative(self, grad_h: Array, i: int, rows: slice) -> None:
        z, above = self._z[i][rows], self._above[i][rows]
        if self.activation is RELU:  # z holds h by now, and h > 0 exactly where z was
            np.multiply(grad_h, np.greater(z, 0, out=above), out=grad_h)
        else:
            grad_h *= self.activation.derivative(z)

    def _decay(self, member: int) -> float:
        """This member's share of weight_decay / 2 * sum(W**2)."""
        if not self.weight_decay:
            return 0.0
        W = self.theta[self.layout.weights]
        return self.weight_decay / 2 * _square(W[_share(len(W), member, self._team.size)])


def _share(n: int, member: int, size: int) -> slice:
    """The part of n that is a member's, of so many."""
    return slice(n * member // size, n * (member + 1) // size)


def _square(array: Array) -> float:
    """Sum of the squares of all entries."""
    return float(np.vdot(array, array))


def _masked_input(x: Array, masks: Masks | None) -> Array:
    return x * masks[0] if masks and masks[0] is not None else x


def _mask(h: Array, masks: Masks | None, i: int, rows: slice) -> None:
    if masks and (mask := masks[i]) is not None:
        h *= mask[rows]


def _fused_cross_entropy(z: Array, y: Array, grad_z: Array, n: int) -> float:
    """Mutates z and grad_z = (softmax(z) - y) / n; returns these rows' part of the mean CE."""
    z -= z.max(axis=1, keepdims=True)  # exp of a large logit would overflow
    np.exp(z, out=grad_z)
    total = grad_z.sum(axis=1, keepdims=True)
    value = (np.log(total).sum() - np.vdot(y, z)) / n  # rows of y sum to 1
    grad_z /= total
    grad_z -= y
    grad_z /= n  # the only 1/n
    return float(value)


def _keep_freed_memory() -> None:
    """Let small temporaries reuse memory, where the C library would return it to the system.

    The GNU library gives up what is freed beyond a threshold, and each page that comes back costs
    a fault. The threshold follows the largest block that was ever freed, so we free one.
    """
    np.empty(KEPT, np.uint8)
