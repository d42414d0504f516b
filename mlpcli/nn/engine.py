"""The training step of `mlp.py` for speed: the same arithmetic on arrays that are allocated once.

All parameters lie in one flat vector, and so do their gradients, in the order of `flat_params.py`.
A team of threads shares a step: first by rows of the batch, up to the gradient at every z, then by
blocks of the parameters, each updated as soon as its gradient is known, while both are in the
cache. Inputs that are zero in every training image are left out: their products are zero, so their
rows of W1 change by weight decay alone. The tests hold the engine to `mlp.backward`, and the
gradient check runs on it. What each part costs: docs/performance.md.
"""

import numpy as np
from numpy.typing import NDArray

from mlpcli.nn import Array
from mlpcli.nn.activation import RELU, Activation
from mlpcli.nn.flat_params import Block, FlatLayout
from mlpcli.nn.mlp import Masks, Params, layer_sizes
from mlpcli.nn.optim import UpdateRule, clip_max_norm, decoupled_weight_decay, ema_update
from mlpcli.nn.team import Team

RETAINED_BYTES = 1 << 24  # freed memory that stays with the process


class Engine:
    """Parameters, their gradient and all intermediate arrays of a step; its methods mutate them."""

    def __init__(
        self,
        params: Params,
        *,
        batch_size: int,
        active_inputs: NDArray[np.intp] | None = None,
        activation: Activation = RELU,
        weight_decay: float = 0.0,
        slots: int = 0,
        decoupled_decay: float = 0.0,
        max_norm: float | None = None,
        ema: float | None = None,
        team: Team | None = None,
    ) -> None:
        """Copies params; slots is the number of vectors in the update rule's state (`optim.SLOTS`).

        active_inputs: indices (k,), in the order of the columns of x; default: all inputs.
        weight_decay: factor in the loss; decoupled_decay: in the update, times lr;
        max_norm: of a hidden unit's incoming weights (`optim.clip_max_norm`); ema: decay of the
        average over the steps, which then stands for the parameters (`optim.ema_update`).
        team: the threads of a step; default: the caller's alone.
        """
        dtype, sizes = params[0].W.dtype, layer_sizes(params)
        if active_inputs is None:
            active_inputs = np.arange(sizes[0])
        self.layout = FlatLayout(sizes, active_inputs)
        self.theta: Array = np.empty(self.layout.length, dtype)
        self.grad: Array = np.zeros_like(self.theta)
        self.state: Array = np.zeros((slots, self.layout.length), dtype)
        self.layout.write(params, self.theta)
        self.activation = activation
        self.weight_decay, self.decoupled_decay = weight_decay, decoupled_decay
        self.max_norm, self.ema = max_norm, ema
        self.mean: Array = self.theta if ema is None else self.theta.copy()
        # all that training resumes from; with ema, the mean stands for theta, which comes last
        self._vectors = [self.mean, *self.state, *([] if ema is None else [self.theta])]
        self.steps = 0
        self._team = team or Team()
        self._params = self.layout.views(self.theta)
        self._grads = self.layout.views(self.grad)
        self._z: list[Array] = [np.empty((batch_size, size), dtype) for size in sizes[1:]]
        # relu can work in place, since its derivative can be read off h; the others need z again
        self._h = self._z if activation is RELU else [np.empty_like(z) for z in self._z]
        self._grad_z: list[Array] = [np.empty_like(z) for z in self._z]
        self._relu_slope = [np.empty(z.shape, bool) for z in self._z]  # z > 0
        self._ones = np.ones(batch_size, dtype)
        self._loss = np.zeros(self._team.size)  # one part for each rank
        self._squares = np.zeros((2, self._team.size, len(self._z)))  # of norms of h and of grad_z
        # without decay or max-norm, nothing moves a parameter whose gradient is and was zero
        inactive = bool(weight_decay or decoupled_decay or max_norm)
        self._blocks = list(self.layout.blocks(inactive=inactive))
        # The GNU library returns freed memory to the system beyond a threshold, and each page that
        # comes back costs a fault. The threshold follows the largest block that was ever freed, so
        # we free one, and small temporaries reuse memory.
        np.empty(RETAINED_BYTES, np.uint8)

    @property
    def params(self) -> Params:
        """A copy of the current parameters or, with ema, of their average; W1 has all rows."""
        return self.layout.read(self.mean)

    @property
    def grads(self) -> Params:
        """A copy of the result of `gradient`, in the shape of params; an update overwrites it."""
        return self.layout.read(self.grad)

    @property
    def optimizer_state(self) -> tuple[Params, ...]:
        """A copy of the rest that training resumes from, each vector in the shape of params.

        The state of the update rule and, with ema, the parameters that the updates change.
        """
        return tuple(self.layout.read(vector) for vector in self._vectors[1:])

    def restore(self, params: Params, optimizer_state: tuple[Params, ...], *, steps: int) -> None:
        """Mutates theta and state: to what `params` and `optimizer_state` were after `steps`."""
        for vector, source in zip(self._vectors, (params, *optimizer_state), strict=True):
            self.layout.write(source, vector)
        self.steps = steps

    def gradient(self, x: Array, y: Array, *, masks: Masks | None = None) -> float:
        """Mutates grad: the gradient of `mlp.loss` for images x and targets y; returns that loss.

        x: (n, k), the first k active inputs of images that are black in all others;
        y: (n, classes); n is at most batch_size; both in the dtype of the parameters. masks[i]:
        (n, width of h[i]), (n, k) for the inputs. The loss is in nats.
        """
        h0 = _masked_input(x, masks)
        blocks = iter(self._blocks)

        def task(rank: int) -> None:
            self._forward_backward(rank, h0, y, masks)
            self._team.barrier()
            for block in blocks:  # the next free thread takes it; the result is the same for any
                self._block_gradient(block, h0)

        self._team(task)
        return float(self._loss.sum())

    def step(
        self, x: Array, y: Array, rule: UpdateRule, *, lr: float, masks: Masks | None = None
    ) -> float:
        """Mutates theta by one update; returns the loss before it, in nats.

        x (n, k), y (n, classes), masks: as in `gradient`. Raises FloatingPointError, whose text
        names the first quantity that is not finite, with the parameters left as they were.
        """
        h0 = _masked_input(x, masks)
        blocks, t = iter(self._blocks), self.steps + 1

        def update(_: int) -> None:
            for block in blocks:
                self._block_gradient(block, h0)
                self._update(block, rule, lr, t)

        def task(rank: int) -> None:
            self._forward_backward(rank, h0, y, masks)
            self._team.barrier()
            if self._is_finite(len(h0)):
                update(rank)

        self._team(task)
        loss = float(self._loss.sum())
        if not self._is_finite(len(h0)):
            self._raise_unless_finite(h0, loss)
            self._team(update)
        if (max_norm := self.max_norm) is not None:
            self._team(lambda rank: self._clip_norms(rank, max_norm, t))
        self.steps = t
        return loss

    def _forward_backward(self, rank: int, h0: Array, y: Array, masks: Masks | None) -> None:
        """Mutates a rank's rows of every z, h and grad_z, and its part of the loss.

        h0: (n, k); y: (n, classes).
        """
        n = len(h0)
        rows = _share(n, rank, self._team.size)
        with np.errstate(all="ignore"):  # an overflow shows in the loss or the norms
            h = self._forward(h0[rows], rows, masks)
            loss = _fused_cross_entropy(h[-1], y[rows], self._grad_z[-1][rows], n)
            self._backward(rows, masks)
            if self.weight_decay:  # the rank's share of weight_decay / 2 * sum(W**2)
                W = self.theta[self.layout.weights]
                part = W[_share(len(W), rank, self._team.size)]
                loss += self.weight_decay / 2 * _squared_norm(part)
            self._loss[rank] = loss
            for i, grad_z in enumerate(self._grad_z):
                self._squares[:, rank, i] = _squared_norm(h[i]), _squared_norm(grad_z[rows])

    def _is_finite(self, n: int) -> bool:
        """Whether loss and gradient are certainly finite, known before the gradient is computed."""
        h_squared, grad_z_squared = self._squares.sum(axis=1)
        # Cauchy and Schwarz: no entry of h.T @ grad_z exceeds the product of both norms
        largest = np.sqrt((h_squared + n) * grad_z_squared).max()
        return bool(np.isfinite(self._loss.sum()) and largest < np.finfo(self.theta.dtype).max / 4)

    def _forward(self, h0: Array, rows: slice, masks: Masks | None) -> list[Array]:
        """Mutates rows of z and h; returns h[0], ..., h[last] and, in its place, the last z.

        h0: (rows, k); h[i]: (rows, units).
        """
        h, last = [h0], len(self._params) - 1
        for i, (W, b) in enumerate(self._params):
            z = self._z[i][rows]
            np.matmul(h[i], W[: h0.shape[1]] if i == 0 else W, out=z)
            z += b
            h.append(z if i == last else self._h[i][rows])
            if i < last:
                if self.activation is RELU:
                    np.maximum(z, 0, out=h[i + 1])
                else:
                    h[i + 1][:] = self.activation.f(z)
                _mask(h[i + 1], masks, i + 1, rows)
        return h

    def _backward(self, rows: slice, masks: Masks | None) -> None:
        """Mutates rows of every grad_z but the last, which must be known."""
        for i in reversed(range(1, len(self._params))):
            grad_z, z = self._grad_z[i - 1][rows], self._z[i - 1][rows]
            np.matmul(self._grad_z[i][rows], self._params[i].W.T, out=grad_z)
            _mask(grad_z, masks, i, rows)
            if self.activation is RELU:  # z holds h by now, and h > 0 exactly where z was
                grad_z *= np.greater(z, 0, out=self._relu_slope[i - 1][rows])
            else:
                grad_z *= self.activation.derivative(z)

    def _block_gradient(self, block: Block, h0: Array) -> None:
        """Mutates the block's part of grad: the gradient of its parameters; h0: (n, k)."""
        n, (i, rows, flat) = len(h0), block
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

    def _update(self, block: Block, rule: UpdateRule, lr: float, t: int) -> None:
        """Mutates the block's part of theta and state; overwrites that of grad."""
        theta, grad = self.theta[block.flat], self.grad[block.flat]
        if self.decoupled_decay and block.layer is not None:  # biases do not decay
            decoupled_weight_decay(theta, lr * self.decoupled_decay)
        rule(theta, grad, self.state[:, block.flat], lr, t)
        if self.max_norm is None:
            self._update_ema(block, t)

    def _clip_norms(self, rank: int, max_norm: float, t: int) -> None:
        """Mutates theta: a rank's share of each layer's hidden units; then the delayed average."""
        inactive_rows = self.theta[self.layout.inactive_weights].reshape(-1, self.layout.sizes[1])
        for i, (W, b) in enumerate(self._params[:-1]):
            units = _share(len(b), rank, self._team.size)
            rows = [W, inactive_rows] if i == 0 else [W]
            clip_max_norm([array[:, units] for array in rows], max_norm)
        self._team.barrier()
        for block in self._blocks[rank :: self._team.size]:
            self._update_ema(block, t)

    def _update_ema(self, block: Block, t: int) -> None:
        """Mutates the block's part of mean, and that of grad as scratch space."""
        if self.ema is not None:
            flat = block.flat
            ema_update(self.mean[flat], self.theta[flat], self.grad[flat], self.ema, t)

    def _raise_unless_finite(self, h0: Array, loss: float) -> None:
        """Mutates grad; raises FloatingPointError unless it is finite after all; h0: (n, k)."""
        with np.errstate(all="ignore"):
            for block in self._blocks:
                self._block_gradient(block, h0)
        quantities: list[tuple[str, Array | float]] = []  # in the order of the computation
        quantities += [(f"z{i}", z[: len(h0)]) for i, z in enumerate(self._z, 1)]
        quantities += [("loss", loss)]
        for i, (grad_W, grad_b) in reversed(list(enumerate(self._grads, 1))):
            quantities += [(f"grad_b{i}", grad_b), (f"grad_W{i}", grad_W)]
        for name, quantity in quantities:
            if not np.isfinite(quantity).all():
                raise FloatingPointError(name)


def _share(n: int, rank: int, size: int) -> slice:
    """The part of n items that belongs to a rank of a team of this size."""
    return slice(n * rank // size, n * (rank + 1) // size)


def _squared_norm(array: Array) -> float:
    """Sum of the squares of all entries."""
    return float(np.vdot(array, array))


def _masked_input(x: Array, masks: Masks | None) -> Array:
    """The images x, (n, k), after input dropout."""
    return x * masks[0] if masks and masks[0] is not None else x


def _mask(h: Array, masks: Masks | None, i: int, rows: slice) -> None:
    """Mutates h, (rows, units): multiplies it by rows of masks[i]."""
    if masks and (mask := masks[i]) is not None:
        h *= mask[rows]


def _fused_cross_entropy(z: Array, y: Array, grad_z: Array, n: int) -> float:
    """Mutates z and grad_z = (softmax(z) - y) / n; returns these rows' part of the mean CE.

    z, y, grad_z: (rows, classes); n: rows of the whole batch. In nats.
    """
    z -= z.max(axis=1, keepdims=True)  # exp of a large logit would overflow
    np.exp(z, out=grad_z)
    total = grad_z.sum(axis=1, keepdims=True)
    value = (np.log(total).sum() - np.vdot(y, z)) / n  # rows of y sum to 1
    grad_z /= total
    grad_z -= y
    grad_z /= n  # the only 1/n
    return float(value)
