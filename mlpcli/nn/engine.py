"""The training step of `mlp.py` for speed: the same arithmetic on arrays that are allocated once.

All parameters lie in one flat vector, and so do their gradients, in the order of `flat_params.py`.
The members of a team share a step: first by rows of the batch, up to the gradient at every z, then
by blocks of the parameters, each updated as soon as its gradient is known, while both are in the
cache. Inputs that are zero in every training image are left out: their products are zero, so their
rows of W1 change by weight decay alone. The tests hold the engine to `mlp.backward`, and the
gradient check runs on it. What each part costs: docs/performance.md.
"""

from collections.abc import Callable, Generator, Iterator
from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.nn import Array
from mlpcli.nn.activation import RELU, Activation
from mlpcli.nn.batch_statistics import BatchNorm, Statistics, fold
from mlpcli.nn.flat_params import Block, FlatLayout
from mlpcli.nn.mlp import Masks, Params, layer_sizes
from mlpcli.nn.optim import UpdateRule, clip_max_norm, decoupled_weight_decay, ema_update
from mlpcli.nn.team import Team, share

RETAINED_BYTES = 1 << 24  # freed memory that stays with the process


class Batch(NamedTuple):
    """The images of a step, which all members see; the step uses the first n rows."""

    x: Array  # (batch, k), of the active inputs
    y: Array  # (batch, classes), each row sums to 1
    used: NDArray[np.int64]  # (members,): behind so many inputs, the member's rows are black


class Source(NamedTuple):
    """Where a member gets its rows of a batch from, given whole numbers that name a place."""

    # mutates x and y, its rows of the batch, x in [0, 1]; rank, rows, place; returns what is used
    fill: Callable[..., int]
    # dropout masks of its rows for so many inputs; n, rows, inputs, place
    masks: Callable[..., Masks | None]
    # weights of its rows in the loss, (rows, 1); None where all are 1; rows, place
    weights: Callable[..., Array | None]


class Engine:
    """Parameters, their gradient and all intermediate arrays of a step; its methods mutate them."""

    def __init__(
        self,
        params: Params,
        *,
        batch_size: int,
        rule: UpdateRule | None = None,
        slots: int = 0,
        active_inputs: NDArray[np.intp] | None = None,
        activation: Activation = RELU,
        weight_decay: float = 0.0,
        decoupled_decay: float = 0.0,
        max_norm: float | None = None,
        ema: float | None = None,
        batch_norm: bool = False,
        source: Source | None = None,
        team: Team | None = None,
    ) -> None:
        """Copies params; slots is the number of vectors in the rule's state (`optim.SLOTS`).

        active_inputs: indices (k,), in the order of the columns of x; default: all inputs.
        weight_decay: factor in the loss; decoupled_decay: in the update, times lr;
        max_norm: of a hidden unit's incoming weights (`optim.clip_max_norm`); ema: decay of the
        average over the steps, which then stands for the parameters (`optim.ema_update`);
        batch_norm: of the hidden layers (`batch_norm.py`).
        source: of the batches of `gradient_at` and `step_at`; team: default, the caller alone.
        """
        dtype, sizes = params[0].W.dtype, layer_sizes(params)
        if active_inputs is None:
            active_inputs = np.arange(sizes[0])
        self._team = team = team or Team()
        self.layout = FlatLayout(sizes, active_inputs)

        def zeros(*shape: int, dtype: str = dtype.name) -> Array:
            return team.zeros(shape, dtype)

        self.theta, self.grad = zeros(self.layout.length), zeros(self.layout.length)
        self.state = zeros(slots, self.layout.length)
        self.layout.write(params, self.theta)
        self.activation, self.rule = activation, rule
        self.weight_decay, self.decoupled_decay = weight_decay, decoupled_decay
        self.max_norm, self.ema = max_norm, ema
        self.mean = self.theta
        if ema is not None:
            self.mean = zeros(self.layout.length)
            self.mean[:] = self.theta
        self._norm: BatchNorm | None = None
        if batch_norm:
            self._norm = BatchNorm(sizes[1:-1], ema=ema, team=team, dtype=dtype.name)
        # all that training resumes from beside `params`, which are the mean, folded with batch_norm
        self._vectors = [*self.state]
        self._vectors += [self.theta] if batch_norm or ema is not None else []
        self._vectors += [self.mean] if batch_norm and ema is not None else []
        self.steps = 0
        self.whole = True  # no step was left before its end, with some parameters changed
        self._finite = True  # the last step was, as far as was known before its update
        # of the square of any entry of a gradient; 1e150 where a square would overflow
        self._largest = min(float(np.finfo(dtype).max), 1e150) ** 2 / 16
        self._params = self.layout.views(self.theta)
        self._grads = self.layout.views(self.grad)
        used = zeros(team.size, dtype="int64")
        self.batch = Batch(
            zeros(batch_size, len(active_inputs)), zeros(batch_size, sizes[-1]), used
        )
        self._source = source
        self._masks: Masks | None = None  # of a batch that was given as arrays
        self._weights: Array | None = None
        self._z = [zeros(batch_size, size) for size in sizes[1:]]
        # relu can work in place, since its derivative can be read off h; the others need z again,
        # and so does batch normalization, where z holds u_hat
        in_place = activation is RELU and not batch_norm
        self._h = self._z if in_place else [zeros(*z.shape) for z in self._z]
        self._grad_z = [zeros(*z.shape) for z in self._z]
        self._ones = np.ones(batch_size, dtype)
        self._lr = zeros(1, dtype="float64")
        self._loss = zeros(team.size, dtype="float64")  # one part for each rank
        # for each rank, squared norms of the layers' h and of their grad_z
        self._squares = zeros(team.size, 2, len(self._z), dtype="float64")
        # without decay or max-norm, nothing moves a parameter whose gradient is and was zero
        inactive = bool(weight_decay or decoupled_decay or max_norm)
        self._blocks = list(self.layout.blocks(team.size, inactive=inactive))
        largest = max(block.flat.stop - block.flat.start for block in self._blocks)
        # for each rank, a block's gradient in a step, and its weight decay
        self._scratch = np.empty((team.size, 2, largest), dtype)
        self._gradient_job = team.job(self._gradient_work)
        self._step_job, self._retry_job = team.job(self._step_work), team.job(self._retry_work)
        # The GNU library returns freed memory to the system beyond a threshold, and each page that
        # comes back costs a fault. The threshold follows the largest block that was ever freed, so
        # we free one, and small temporaries reuse memory.
        np.empty(RETAINED_BYTES, np.uint8)

    @property
    def params(self) -> Params:
        """The network in use: a copy of the current parameters or, with ema, of their average.

        W1 has all rows. With batch_norm, the running statistics are folded into W and b.
        """
        params = self.unfolded_params
        return params if self._norm is None else fold(params, self._norm.statistics)

    @property
    def unfolded_params(self) -> Params:
        """The same before running statistics are folded into it, as training has it."""
        return self.layout.read(self.mean)

    @property
    def statistics(self) -> tuple[Statistics, ...]:
        """A copy of the running statistics of each hidden layer; none without batch_norm."""
        return () if self._norm is None else self._norm.statistics

    @property
    def grads(self) -> Params:
        """A copy of the result of `gradient`, in the shape of params; an update overwrites it."""
        return self.layout.read(self.grad)

    @property
    def optimizer_state(self) -> tuple[Params, ...]:
        """A copy of the rest that training resumes from, each vector in the shape of params.

        The state of the update rule; with ema or batch_norm, the parameters that the updates
        change; with both, their average.
        """
        return tuple(self.layout.read(vector) for vector in self._vectors)

    @property
    def finite(self) -> bool:
        """Whether all parameters are, which the next step would show."""
        return all(bool(np.isfinite(vector).all()) for vector in (self.theta, self.mean))

    def restore(
        self,
        params: Params,
        optimizer_state: tuple[Params, ...],
        *,
        steps: int,
        statistics: tuple[Statistics, ...] = (),
    ) -> None:
        """Mutates all vectors: to what the properties of these names were after `steps`."""
        self.layout.write(params, self.mean)  # with batch_norm, one of the others replaces it
        for vector, source in zip(self._vectors, optimizer_state, strict=True):
            self.layout.write(source, vector)
        if self._norm:
            self._norm.restore(statistics)
        self.steps = steps

    def gradient(
        self, x: Array, y: Array, *, masks: Masks | None = None, weights: Array | None = None
    ) -> float:
        """Mutates grad: the gradient of `mlp.loss` for images x and targets y; returns that loss.

        x: (n, k), the first k active inputs of images that are black in all others;
        y: (n, classes); n is at most batch_size; both in the dtype of the parameters. masks[i]:
        (n, width of h[i]), (n, k) for the inputs. weights: (n, 1); default: all 1. The loss is in
        nats.
        """
        return self.gradient_at(self._load(x, y, masks, weights))

    def gradient_at(self, n: int, *place: int) -> float:
        """The same for the batch of n images at a place of the source, without dropout."""
        self._gradient_job(n, *place)
        return float(self._loss.sum())

    def step(
        self,
        x: Array,
        y: Array,
        *,
        lr: float,
        masks: Masks | None = None,
        weights: Array | None = None,
    ) -> float:
        """Mutates theta by one update of the rule; returns the loss before it, in nats.

        x (n, k), y (n, classes), masks, weights: as in `gradient`. Raises FloatingPointError, whose
        text names the first quantity that is not finite, with the parameters left as they were.
        """
        return self.step_at(self._load(x, y, masks, weights), lr=lr)

    def step_at(self, n: int, *place: int, lr: float) -> float:
        """The same for the batch of n images at a place of the source."""
        self._lr[0], t = lr, self.steps + 1
        self._step_job(n, t, *place)
        loss = float(self._loss.sum())
        if not self._finite:
            self._raise_unless_finite(n, loss)
            self._retry_job(n, t)
        self.steps, self.whole = t, True
        return loss

    def _load(self, x: Array, y: Array, masks: Masks | None, weights: Array | None) -> int:
        """Mutates the batch: its images are x, (n, k), its targets y, (n, classes); returns n."""
        unshared = masks is not None or weights is not None
        assert not (unshared and self._team.kind == "process"), "processes would not see them"
        n, k = x.shape
        self.batch.x[:n, :k], self.batch.y[:n], self.batch.used[:] = x, y, k
        self._masks, self._weights = masks, weights
        return n

    def _gradient_work(self, rank: int, n: int, *place: int) -> Iterator[None]:
        yield from self._rows_work(rank, n, place, drop=False)
        for i in self._team.take():
            block = self._blocks[i]
            self._block_gradient(block, n, self.grad[block.flat], self._scratch[rank, 1])

    def _step_work(self, rank: int, n: int, t: int, *place: int) -> Iterator[None]:
        yield from self._rows_work(rank, n, place, drop=True)
        self._finite = self._is_finite(n)
        yield from self._update_work(rank, n, t, finite=self._finite)

    def _retry_work(self, rank: int, n: int, t: int) -> Iterator[None]:
        self._team.offer(rank, len(self._blocks))
        yield
        yield from self._update_work(rank, n, t, finite=True)

    def _update_work(self, rank: int, n: int, t: int, *, finite: bool) -> Iterator[None]:
        """Mutates theta and state, if all is finite; a block is its taker's, whoever that is."""
        self.whole = not finite
        if self._norm and rank == 0 and finite:
            self._norm.update(n, t)
        with np.errstate(over="ignore", invalid="ignore"):  # the next step or validation shows it
            for i in self._team.take():
                if finite:
                    self._update(self._blocks[i], n, t, *self._scratch[rank])
        if self.max_norm is not None and finite:
            yield
            self._clip_norms(rank, self.max_norm)
            yield
            for block in self._blocks[rank :: self._team.size]:
                self._update_ema(block, t, self._scratch[rank, 0])

    def _rows_work(
        self, rank: int, n: int, place: tuple[int, ...], *, drop: bool
    ) -> Iterator[None]:
        """Mutates a rank's rows of the batch and of every z, h and grad_z, its part of the loss.

        drop: whether the source's dropout masks are used.
        """
        rows, (x, y, used) = share(n, rank, self._team.size), self.batch
        if place and self._source:
            used[rank] = self._source.fill(x[rows], y[rows], rank, rows, *place)
        yield  # for what all rows use
        k = int(used.max())
        h0 = x[rows, :k]
        h0[:, used[rank] :] = 0
        masks = self._masks and [None if mask is None else mask[rows] for mask in self._masks]
        weights = None if self._weights is None else self._weights[rows]
        if place and self._source:
            masks = self._source.masks(n, rows, k, *place) if drop else masks
            weights = self._source.weights(rows, *place)
        _mask(h0, masks, 0)
        yield from _quietly(self._forward_backward(rank, rows, n, h0, masks, weights))
        self._team.offer(rank, len(self._blocks))
        yield  # for the gradient, which sums over all rows

    def _forward_backward(
        self, rank: int, rows: slice, n: int, h0: Array, masks: Masks | None, weights: Array | None
    ) -> Iterator[None]:
        """Mutates these rows of every z, h and grad_z, and the rank's part of the loss.

        h0: (rows, k), after dropout; n: images in the whole batch; weights: (rows, 1).
        """
        h = yield from self._forward(rank, rows, n, h0, masks)
        y, grad_z = self.batch.y[rows], self._grad_z[-1][rows]
        loss = _fused_cross_entropy(h[-1], y, grad_z, n, weights)
        yield from self._backward(rank, rows, n, masks)
        if self.weight_decay:  # the rank's share of weight_decay / 2 * sum(W**2)
            W = self.theta[self.layout.weights]
            part = W[share(len(W), rank, self._team.size)]
            loss += self.weight_decay / 2 * _squared_norm(part)
        self._loss[rank] = loss
        # images of a source without dropout are in [0, 1], which needs no sum
        plain = self._source and (masks is None or masks[0] is None)
        self._squares[rank, 0, 0] = h0.size if plain else _squared_norm(h0)
        for i, grad_z in enumerate(self._grad_z):
            self._squares[rank, 1, i] = _squared_norm(grad_z[rows])
            if i > 0:
                self._squares[rank, 0, i] = _squared_norm(h[i])

    def _is_finite(self, n: int) -> bool:
        """Whether loss and gradient are certainly finite, known before the gradient is computed."""
        h_squared, grad_z_squared = self._squares.sum(axis=0).tolist()
        # Cauchy and Schwarz: no entry of h.T @ grad_z exceeds the product of both norms
        bounds = ((h + n) * grad_z for h, grad_z in zip(h_squared, grad_z_squared, strict=True))
        finite = isfinite(self._loss.sum()) and all(bound < self._largest for bound in bounds)
        # with batch_norm, grad_z holds grad_u, which says nothing of the sum of grad_z
        return finite and (self._norm is None or self._norm.largest_grad_b() < self._largest**0.5)

    def _forward(
        self, rank: int, rows: slice, n: int, h0: Array, masks: Masks | None
    ) -> Generator[None, None, list[Array]]:
        """Mutates rows of z and h; returns h[0], ..., h[last] and, in its place, the last z.

        h0: (rows, k); h[i]: (rows, units); n: images in the whole batch. With batch_norm, z gets
        u_hat, and all ranks meet in each hidden layer.
        """
        h, last = [h0], len(self._params) - 1
        for i, (W, b) in enumerate(self._params):
            z = self._z[i][rows]
            np.matmul(h[i], W[: h0.shape[1]] if i == 0 else W, out=z)
            h.append(z if i == last else self._h[i][rows])
            if self._norm and i < last:
                yield from self._norm.forward(i, rank, z, n)
                z = np.add(z, b, out=h[i + 1])
            else:
                z += b
            if i < last:
                if self.activation is RELU:
                    np.maximum(z, 0, out=h[i + 1])
                else:
                    h[i + 1][:] = self.activation.f(z)
                _mask(h[i + 1], masks, i + 1)
        return h

    def _backward(self, rank: int, rows: slice, n: int, masks: Masks | None) -> Iterator[None]:
        """Mutates rows of every grad_z but the last, which must be known.

        n: images in the whole batch. With batch_norm, grad_z gets grad_u, and all ranks meet.
        """
        for i in reversed(range(1, len(self._params))):
            grad_z, z = self._grad_z[i - 1][rows], self._z[i - 1][rows]
            np.matmul(self._grad_z[i][rows], self._params[i].W.T, out=grad_z)
            _mask(grad_z, masks, i)
            if self.activation is RELU:  # h > 0 exactly where z was
                grad_z *= np.greater(self._h[i - 1][rows], 0)
            else:
                b = self._params[i - 1].b
                grad_z *= self.activation.derivative(z if self._norm is None else z + b)
            if self._norm:
                yield from self._norm.backward(i - 1, rank, z, grad_z, n)

    def _block_gradient(self, block: Block, n: int, grad: Array, scratch: Array) -> None:
        """Mutates grad, (m,): the gradient of the block's m parameters for n images."""
        i, rows, flat = block
        if i is None:
            for grad_z, part in zip(self._grad_z, self.layout.biases, strict=True):
                np.matmul(self._ones[:n], grad_z[:n], out=grad[part])  # the sum over rows
            if self._norm:
                for layer, part in enumerate(self.layout.biases[:-1]):
                    grad[part] = self._norm.grad_b(layer)
            return
        h = self.batch.x[:n, : self.batch.used.max()] if i == 0 else self._h[i - 1][:n]
        grad_W = grad.reshape(-1, self._grad_z[i].shape[1])
        active = h[:, rows].shape[1]  # an input that is black in the whole batch has no gradient
        np.matmul(h[:, rows].T, self._grad_z[i][:n], out=grad_W[:active])
        grad_W[active:] = 0
        if self.weight_decay:
            grad += np.multiply(self.theta[flat], self.weight_decay, out=scratch[: len(grad)])

    def _update(self, block: Block, n: int, t: int, grad: Array, scratch: Array) -> None:
        """Mutates the block's part of theta and state, and both scratch arrays."""
        assert self.rule, "an engine without a rule makes no steps"
        theta, lr = self.theta[block.flat], self._lr.item()
        grad = grad[: len(theta)]
        self._block_gradient(block, n, grad, scratch)
        if self.decoupled_decay and block.layer is not None:  # biases do not decay
            decoupled_weight_decay(theta, lr * self.decoupled_decay)
        self.rule(theta, grad, self.state[:, block.flat], lr, t)
        if self.max_norm is None:
            self._update_ema(block, t, grad)

    def _clip_norms(self, rank: int, max_norm: float) -> None:
        """Mutates theta: a rank's share of each layer's hidden units."""
        inactive_rows = self.theta[self.layout.inactive_weights].reshape(-1, self.layout.sizes[1])
        for i, (W, b) in enumerate(self._params[:-1]):
            units = share(len(b), rank, self._team.size)
            rows = [W, inactive_rows] if i == 0 else [W]
            clip_max_norm([array[:, units] for array in rows], max_norm)

    def _update_ema(self, block: Block, t: int, scratch: Array) -> None:
        """Mutates the block's part of mean, and scratch."""
        if self.ema is not None:
            theta, mean = self.theta[block.flat], self.mean[block.flat]
            ema_update(mean, theta, scratch[: len(theta)], self.ema, t)

    def _raise_unless_finite(self, n: int, loss: float) -> None:
        """Mutates grad; raises FloatingPointError unless it is finite after all, for n images."""
        with np.errstate(all="ignore"):
            for block in self._blocks:
                self._block_gradient(block, n, self.grad[block.flat], self._scratch[0, 1])
        quantities: list[tuple[str, Array | float]] = []  # in the order of the computation
        quantities += [(f"z{i}", z[:n]) for i, z in enumerate(self._z, 1)]
        quantities += [("loss", loss)]
        for i, (grad_W, grad_b) in reversed(list(enumerate(self._grads, 1))):
            quantities += [(f"grad_b{i}", grad_b), (f"grad_W{i}", grad_W)]
        for name, quantity in quantities:
            if not np.isfinite(quantity).all():
                raise FloatingPointError(name)


def _quietly(work: Iterator[None]) -> Iterator[None]:
    """The same work without warnings: an overflow shows in the loss or the norms."""
    while True:
        with np.errstate(all="ignore"):  # not across a yield, where others go on
            try:
                next(work)
            except StopIteration:
                return
        yield


def _squared_norm(array: Array) -> float:
    """Sum of the squares of all entries."""
    return float(np.vdot(array, array))


def _mask(h: Array, masks: Masks | None, i: int) -> None:
    """Mutates h, (rows, units): multiplies it by masks[i]."""
    if masks and (mask := masks[i]) is not None:
        h *= mask


def _fused_cross_entropy(z: Array, y: Array, grad_z: Array, n: int, weights: Array | None) -> float:
    """Mutates z and grad_z = weights * (softmax(z) - y) / n; returns these rows' part of the loss.

    z, y, grad_z: (rows, classes); n: rows of the whole batch; weights: (rows, 1); None where all
    are 1. In nats.
    """
    z -= z.max(axis=1, keepdims=True)  # exp of a large logit would overflow
    np.exp(z, out=grad_z)
    total = grad_z.sum(axis=1, keepdims=True)
    if weights is None:
        value = np.log(total).sum() - np.vdot(y, z)  # rows of y sum to 1
    else:
        value = np.vdot(weights, np.log(total) - (y * z).sum(axis=1, keepdims=True))
    grad_z /= total
    grad_z -= y
    if weights is not None:
        grad_z *= weights
    grad_z /= n  # the only 1/n
    return float(value / n)
