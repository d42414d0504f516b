"""What workbook 04 is measured on: the second layer of a network with batch normalization.

Arrays have a row for each image of the batch and a column for each of the 256 units; those of
`unit` are of the unit with the largest gradient.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mlpcli.checks import reference
from mlpcli.checks.problem import Problem
from mlpcli.checks.reference import COMPLEX_STEP
from mlpcli.checks.workbook.hidden_values import plain
from mlpcli.checks.workbook.measurements import partials
from mlpcli.nn import Array, batch_norm, mlp
from mlpcli.nn.batch_norm import EPS, Normalized
from mlpcli.nn.batch_statistics import BatchNorm, Statistics
from mlpcli.nn.mlp import Layer, Normalize
from mlpcli.nn.team import Team

LATE = 1000  # a step of training at which the first one has no weight left


class BatchValues(NamedTuple):
    """The values of the second layer, and its gradients, each entry by its own imaginary step."""

    batch: Problem
    h1: Array  # (n, 512)
    u: Array  # (n, 256), h1 @ W2
    mean: Array  # (256,)
    variance: Array  # (256,), divided by n
    sigma: Array  # (256,)
    u_hat: Array  # (n, 256)
    z2: Array  # (n, 256)
    grad_u: Array  # (n, 256), through mean and variance
    grad_z: Array  # (n, 256)
    unit: int  # the unit with the largest entry of grad_z

    @property
    def n(self) -> int:
        """The number of images."""
        return len(self.u)

    @property
    def layer(self) -> Layer:
        """W2, (512, 256), and b2, (256,)."""
        return self.batch.params[1]

    def of_unit(self, k: int) -> float:
        """u of the unit in image k."""
        return float(self.u[k, self.unit])

    def slopes_of_unit(self, f: Callable[[Array], Array]) -> Array:
        """Row k: d f / d u_k of the unit, from f alone.

        f maps u of n units, (n, n), to (..., n).
        """
        return partials(lambda moved: np.moveaxis(f(moved.T), -1, 0), self.u[:, self.unit])

    def loss_of_u(self, u: Array, normalize: Normalize = batch_norm.normalize) -> Array:
        """The loss, a scalar, with this u, (n, 256), in the second layer."""
        return _loss_of_u(self.batch, u, normalize)


def measure(problem: Problem) -> BatchValues:
    """The values of a problem's batch, and the gradients measured there."""
    batch = plain(problem)._replace(batch_norm=True)
    z, h, normalized = reference.forward(batch)
    u = h[1] @ batch.params[1].W
    mean = u.sum(axis=0) / len(u)
    variance = ((u - mean) ** 2).sum(axis=0) / len(u)
    grad_z = by_entry(lambda z2: _loss_of_z(batch, z2), z[1])
    return BatchValues(
        batch=batch,
        h1=h[1],
        u=u,
        mean=mean,
        variance=variance,
        sigma=normalized[1].sigma,
        u_hat=normalized[1].u_hat,
        z2=z[1],
        grad_u=by_entry(lambda u: _loss_of_u(batch, u, batch_norm.normalize), u),
        grad_z=grad_z,
        unit=int(abs(grad_z).max(axis=0).argmax()),
    )


def _loss_of_u(batch: Problem, u: Array, normalize: Normalize) -> Array:
    return _loss_of_z(batch, normalize(u).u_hat + batch.params[1].b)


def _loss_of_z(batch: Problem, z2: Array) -> Array:
    return mlp.loss(batch.params[2:], batch.activation.f(z2), batch.y)


def by_entry(f: Callable[[Array], Array], at: Array) -> Array:
    """The derivative of f, a scalar, by each entry, in the shape of `at`."""
    slopes, moved = np.empty(at.shape), at.astype(complex)
    for entry in np.ndindex(at.shape):
        moved[entry] += COMPLEX_STEP * 1j
        slopes[entry] = f(moved).imag / COMPLEX_STEP
        moved[entry] = at[entry]
    return slopes


def moments(u: Array) -> tuple[Array, Array, Array]:
    """What the code subtracts from u, (n, units), the variance that it finds, and its divisor."""
    u_hat, sigma = batch_norm.normalize(u)
    return u[0] - u_hat[0] * sigma, sigma**2 - EPS, sigma


def without_eps(u: Array) -> Normalized:
    """u, (n, units), normalized as on paper."""
    u = u - u.mean(axis=0)
    sigma = np.sqrt((u * u).mean(axis=0))
    return Normalized(u / sigma, sigma)


def held(s: BatchValues) -> Normalize:
    """Normalization with the mean and sigma of the batch as constants."""
    return lambda u: Normalized((u - s.mean) / s.sigma, s.sigma)


def one_against_the_others(terms: Array) -> tuple[Array, Array]:
    """Of each column: the largest term, and minus the sum of the others; equal if the sum is 0."""
    largest = terms[abs(terms).argmax(axis=0), np.arange(terms.shape[1])]
    return largest, -(terms.sum(axis=0) - largest)


def grad_W(s: BatchValues, factor: float = 1.0) -> Array:
    """grad_W2, (512, 256), as measured without eps, with W2 times a factor."""
    grad_u = by_entry(lambda u: s.loss_of_u(u, without_eps), factor * s.u)
    return s.h1.T @ grad_u


def running(s: BatchValues, before: Statistics, *, t: int) -> Statistics:
    """The running statistics after a step t of training with the batch."""
    norm = BatchNorm([s.u.shape[1]], ema=None, team=Team(1), dtype="float64")
    norm.restore([before])
    for _ in norm.forward(0, 0, s.u.copy(), s.n):
        pass
    norm.update(s.n, t)
    return norm.statistics[0]
