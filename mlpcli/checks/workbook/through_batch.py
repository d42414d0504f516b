"""Workbook 04, "Through the batch", statement by statement.

The left side is measured or returned by the code, the right side is the answer.
"""

import numpy as np

from mlpcli.checks.problem import derived_gradient, engine_gradient
from mlpcli.checks.workbook.batch_values import (
    LATE,
    BatchValues,
    by_entry,
    grad_W,
    held,
    moments,
    one_against_the_others,
    running,
    without_eps,
)
from mlpcli.checks.workbook.statement import Sides, statements
from mlpcli.nn import Array, batch_norm, mlp
from mlpcli.nn.batch_norm import EPS, Normalized
from mlpcli.nn.batch_statistics import RUNNING_DECAY, Statistics, fold
from mlpcli.nn.mlp import Layer, Params

NORMALIZED, SLOPES = "Mean 0 and variance 1", "One image moves them all"
BACKWARD, SCALE = "Back through mean and variance", "The scale of the weights"
IN_USE = "Without a batch"

SHIFT, GAMMA = 0.7, 3.0  # a bias and a scale, which could as well be others


def _slopes(s: BatchValues) -> Array:
    """d u_hat_i / d u_k of the unit in row k, column i: (n, n)."""
    return s.slopes_of_unit(lambda u: batch_norm.normalize(u).u_hat)


def _of_another(s: BatchValues, slopes: Array) -> Array:
    """The entries of (n, n) in which one image moves another: (n * (n - 1),)."""
    return slopes[~np.eye(s.n, dtype=bool)]


def _grad_u(s: BatchValues) -> Array:
    """grad_u, (n, 256), by the formula."""
    mean_move = s.grad_z.sum(axis=0) / s.n
    sigma_move = s.u_hat * (s.grad_z * s.u_hat).sum(axis=0) / s.n
    return (s.grad_z - mean_move - sigma_move) / s.sigma


def _later_layers(s: BatchValues, b: Array, factor: float) -> Params:
    """The network from u_hat on, with this b2 and W3 times a factor."""
    (W, b3), eye = s.batch.params[2], np.eye(s.u.shape[1])
    return (Layer(eye, b), Layer(factor * W, b3))


def _alone(s: BatchValues, params: Params) -> Array:
    """The probabilities of the first image, (10,), whose batch has no other."""
    return mlp.forward(params, s.batch.x[:1]).h[-1][0]


def _own_statistics(s: BatchValues) -> list[Statistics]:
    """Mean and variance of the batch in both hidden layers."""
    first = s.batch.x @ s.batch.params[0].W
    return [Statistics(first.mean(axis=0), first.var(axis=0)), Statistics(s.mean, s.variance)]


def _before(s: BatchValues) -> Statistics:
    """Running statistics from earlier steps."""
    return Statistics(s.mean[::-1], 1 + s.variance[::-1])


def _changes_with_the_others(s: BatchValues) -> float:
    """Whether the first image's probabilities are others without the last image."""
    few = mlp.forward(s.batch.params, s.batch.x[:-1], normalize=batch_norm.normalize)
    all_images = mlp.forward(s.batch.params, s.batch.x, normalize=batch_norm.normalize)
    return float(abs(few.h[-1][0] - all_images.h[-1][0]).max() > 1e-6)


# by section, then by number and text
_SIDES: dict[str, dict[str, Sides]] = {
    NORMALIZED: {
        "1 the mean of a unit is sum_i u_i / n": lambda s: (
            moments(s.u)[0],
            sum(s.u[i] for i in range(s.n)) / s.n,
        ),
        "2 its variance is sum_i (u_i - mean)^2 / n": lambda s: (
            moments(s.u)[1],
            sum((s.u[i] - s.mean) ** 2 for i in range(s.n)) / s.n,
        ),
        "3 u_hat = (u - mean) / sigma, with sigma = sqrt(variance + eps)": lambda s: (
            batch_norm.normalize(s.u).u_hat,
            (s.u - s.mean) / np.sqrt(s.variance + EPS),
        ),
        "4 so its mean is 0: one u_hat is minus the sum of the others": lambda s: (
            one_against_the_others(batch_norm.normalize(s.u).u_hat)
        ),
        "5 the mean of its squares is variance / (variance + eps), nearly 1": lambda s: (
            (batch_norm.normalize(s.u).u_hat ** 2).mean(axis=0),
            s.variance / (s.variance + EPS),
        ),
        "6 a bias added to u changes nothing": lambda s: (
            batch_norm.normalize(s.u + SHIFT).u_hat,
            s.u_hat,
        ),
        "7 a scale gamma of u_hat can as well be one of b and of the next W": lambda s: (
            mlp.forward(_later_layers(s, s.layer.b, 1.0), GAMMA * s.u_hat).z[-1],
            mlp.forward(_later_layers(s, s.layer.b / GAMMA, GAMMA), s.u_hat).z[-1],
        ),
        "8a the u_hat of a single image is 0": lambda s: (
            batch_norm.normalize(s.u[:1]).u_hat,
            0 * s.u[:1],
        ),
        "8b where all images have the same u, sigma is sqrt(eps), and not 0": lambda s: (
            batch_norm.normalize(np.tile(s.u[:1], (s.n, 1))).sigma,
            np.full(s.mean.shape, np.sqrt(EPS)),
        ),
    },
    SLOPES: {
        "9 the derivative of the mean with respect to u_k is 1/n": lambda s: (
            s.slopes_of_unit(lambda u: moments(u)[0]),
            np.full(s.n, 1 / s.n),
        ),
        "10 that of the variance is 2 (u_k - mean) / n": lambda s: (
            s.slopes_of_unit(lambda u: moments(u)[1]),
            [2 * (s.of_unit(k) - s.mean[s.unit]) / s.n for k in range(s.n)],
        ),
        "11 that of sigma is u_hat_k / n": lambda s: (
            s.slopes_of_unit(lambda u: moments(u)[2]),
            s.u_hat[:, s.unit] / s.n,
        ),
        "12 that of u_hat_k, of the same image, is (1 - 1/n - u_hat_k^2 / n) / sigma": lambda s: (
            np.diag(_slopes(s)),
            (1 - 1 / s.n - s.u_hat[:, s.unit] ** 2 / s.n) / s.sigma[s.unit],
        ),
        "13 that of u_hat_i, of another image, is -(1 + u_hat_i u_hat_k) / (n sigma)": lambda s: (
            _of_another(s, _slopes(s)),
            _of_another(s, -(1 + np.outer(*[s.u_hat[:, s.unit]] * 2)) / (s.n * s.sigma[s.unit])),
        ),
    },
    BACKWARD: {
        "14 if mean and sigma were constants, grad_u would be grad_z / sigma": lambda s: (
            by_entry(lambda u: s.loss_of_u(u, held(s)), s.u),
            s.grad_z / s.sigma,
        ),
        "15 grad_u_k = sum_i grad_z_i d u_hat_i / d u_k": lambda s: (
            s.grad_u[:, s.unit],
            [sum(s.grad_z[:, s.unit] * _slopes(s)[k]) for k in range(s.n)],
        ),
        "16a grad_u = (grad_z - mean of grad_z - u_hat * mean of grad_z * u_hat) / sigma": (
            lambda s: (s.grad_u, _grad_u(s))
        ),
        "16b the code has the same grad_u": lambda s: (
            batch_norm.backward(s.grad_z, Normalized(s.u_hat, s.sigma)),
            _grad_u(s),
        ),
        "16c grad_W2 = h1.T grad_u": lambda s: (
            derived_gradient(s.batch)[1].W,
            s.h1.T @ _grad_u(s),
        ),
        "16d grad_b2 is the sum of the rows of grad_z: b stands behind": lambda s: (
            derived_gradient(s.batch)[1].b,
            s.grad_z.sum(axis=0),
        ),
        "16e the engine, which trains, has the same grad_W2": lambda s: (
            engine_gradient(s.batch)[1].W,
            s.h1.T @ _grad_u(s),
        ),
        "17 the grad_u of all images add up to 0": lambda s: one_against_the_others(s.grad_u),
        "18 without eps, so do all u_hat grad_u": lambda s: one_against_the_others(
            without_eps(s.u).u_hat * by_entry(lambda u: s.loss_of_u(u, without_eps), s.u)
        ),
        "19 of two images, one has u_hat = 1 and the other -1, whatever their u is": lambda s: (
            without_eps(s.u[:2]).u_hat,
            np.sign(s.u[:2] - s.u[1::-1]),
        ),
    },
    SCALE: {
        "20a twice the W, and without eps, u_hat is the same": lambda s: (
            without_eps(s.h1 @ (2 * s.layer.W)).u_hat,
            without_eps(s.u).u_hat,
        ),
        "20b and grad_W is half of it": lambda s: (grad_W(s, 2.0), grad_W(s) / 2),
        "21 sum_j W_j grad_W_j of a unit is 0": lambda s: one_against_the_others(
            s.layer.W * grad_W(s)
        ),
        "22 weight decay alone changes no loss": lambda s: (
            s.loss_of_u(0.9 * s.u, without_eps),
            s.loss_of_u(s.u, without_eps),
        ),
    },
    IN_USE: {
        "23a in training, an image's probabilities depend on the other images": lambda s: (
            _changes_with_the_others(s),
            1.0,
        ),
        "23b with fixed statistics they do not": lambda s: (
            _alone(s, fold(s.batch.params, _own_statistics(s))),
            mlp.forward(fold(s.batch.params, _own_statistics(s)), s.batch.x).h[-1][0],
        ),
        "24 a step makes the running mean 0.9 of it and 0.1 of the batch's": lambda s: (
            running(s, _before(s), t=LATE).mean,
            RUNNING_DECAY * _before(s).mean + (1 - RUNNING_DECAY) * s.mean,
        ),
        "25 the variance that it averages is n / (n - 1) times the batch's": lambda s: (
            running(s, _before(s), t=1).variance,
            s.n / (s.n - 1) * s.variance,
        ),
        "26a folded, W is W / sigma": lambda s: (
            fold(s.batch.params, _own_statistics(s))[1].W,
            s.layer.W / s.sigma,
        ),
        "26b and b is b - mean / sigma": lambda s: (
            fold(s.batch.params, _own_statistics(s))[1].b,
            s.layer.b - s.mean / s.sigma,
        ),
        "26c so a network without normalization has the same z2": lambda s: (
            mlp.forward(fold(s.batch.params, _own_statistics(s)), s.batch.x).z[1],
            s.z2,
        ),
    },
}


THROUGH_BATCH = statements(4, _SIDES, {})
