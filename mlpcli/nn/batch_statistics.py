"""Batch normalization in the training step: in place, over the rows that the members share.

The statistics are those of the whole batch, whatever the number of members: each sums over its own
rows, and behind a barrier all combine the sums. Running statistics are averaged over the steps;
folded into W and b, they make the trained network one without normalization. The derivation is in
`batch_norm.py`.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from mlpcli.nn import Array
from mlpcli.nn.batch_norm import EPS
from mlpcli.nn.mlp import Layer, Params
from mlpcli.nn.optim import ema_update
from mlpcli.nn.team import Team, share

RUNNING_DECAY = 0.9  # of the running statistics, per step; PyTorch's momentum is 1 minus this


class Statistics(NamedTuple):
    """Running mean and variance of a hidden layer's u = h @ W."""

    mean: Array  # (units,)
    variance: Array  # (units,), unbiased


def fold(params: Params, statistics: Sequence[Statistics]) -> Params:
    """The network without normalization that has the same z, given the mean and variance of each u.

    statistics: one for each hidden layer. Source: Ioffe and Szegedy (2015), section 3.1.
    """
    hidden = []
    for (W, b), (mean, variance) in zip(params[:-1], statistics, strict=True):
        sigma = np.sqrt(variance + EPS)
        hidden.append(Layer(W / sigma, b - mean / sigma))
    return (*hidden, params[-1])


class BatchNorm:
    """Statistics of the hidden layers, of the batch and running; its methods mutate them."""

    def __init__(self, widths: Sequence[int], *, ema: float | None, team: Team, dtype: str) -> None:
        """Widths are those of the hidden layers; ema: decay of an average of the parameters.

        With one, the statistics are averaged like the parameters, so that they fit their average.
        """
        self._decay = max(RUNNING_DECAY, ema or 0.0)
        self._team = team
        pairs = [(2, width) for width in widths]
        # of each rank's rows: mean and squared deviations of u; sums of grad_z and grad_z * u_hat
        self._moments = [team.zeros((team.size, *pair), dtype) for pair in pairs]
        self._sums = [team.zeros((team.size, *pair), dtype) for pair in pairs]
        self._running = [team.zeros(pair, dtype) for pair in pairs]  # mean and variance
        for _, variance in self._running:
            variance[:] = 1

    @property
    def statistics(self) -> tuple[Statistics, ...]:
        """A copy of the running statistics of each hidden layer."""
        return tuple(Statistics(*pair.copy()) for pair in self._running)

    def restore(self, statistics: Sequence[Statistics]) -> None:
        """Mutates the running statistics."""
        for pair, source in zip(self._running, statistics, strict=True):
            pair[:] = source

    def forward(self, layer: int, rank: int, u: Array, n: int) -> Iterator[None]:
        """Mutates u, a rank's rows of n, to u_hat; yields where it waits for the other ranks."""
        moments = self._moments[layer][rank]
        moments[:] = 0
        if len(u):
            moments[0] = u.mean(axis=0)
            moments[1] = np.square(u - moments[0]).sum(axis=0)
        yield
        mean, variance = self._batch(layer, n)
        u -= mean
        u /= np.sqrt(variance + EPS)

    def backward(self, layer: int, rank: int, u_hat: Array, grad: Array, n: int) -> Iterator[None]:
        """Mutates grad, a rank's rows of n, from grad_z to grad_u; yields like `forward`."""
        weighted = grad * u_hat
        self._sums[layer][rank] = grad.sum(axis=0), weighted.sum(axis=0)
        yield
        total, along = self._sums[layer].sum(axis=0)
        _, variance = self._batch(layer, n)
        grad -= total / n
        grad -= np.multiply(u_hat, along / n, out=weighted)
        grad /= np.sqrt(variance + EPS)

    def grad_b(self, layer: int) -> Array:
        """The gradient of a hidden layer's b, (units,), after `backward`."""
        return self._sums[layer][:, 0].sum(axis=0)

    def largest_grad_b(self) -> float:
        """The largest entry of any `grad_b`, without its sign; nan where one is nan."""
        return max(
            (float(np.abs(self.grad_b(i)).max()) for i in range(len(self._sums))), default=0.0
        )

    def update(self, n: int, t: int) -> None:
        """Mutates the running statistics: by those of the n images of step t.

        One image has no variance, so it does not count.
        """
        if n == 1:
            return
        for layer, running in enumerate(self._running):
            mean, variance = self._batch(layer, n)
            batch = np.stack([mean, variance * (n / (n - 1))])
            ema_update(running, batch, np.empty_like(batch), self._decay, t)

    def _batch(self, layer: int, n: int) -> tuple[Array, Array]:
        """Mean and variance of a layer's u over the n images, after `forward`.

        Source: Chan, Golub, LeVeque (1983), The American Statistician 37(3), eq. 2.1.
        """
        means, deviations = self._moments[layer].transpose(1, 0, 2)
        if self._team.size == 1:
            return means[0], deviations[0] / n
        parts = (share(n, rank, self._team.size) for rank in range(self._team.size))
        rows = np.array([[part.stop - part.start] for part in parts], means.dtype)
        mean = (rows * means).sum(axis=0) / n
        return mean, (deviations + rows * np.square(means - mean)).sum(axis=0) / n
