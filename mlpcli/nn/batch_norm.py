"""Batch normalization of a hidden layer, and its backward pass, in any float or complex dtype.

A layer maps h to u = h @ W, and each of its units is normalized over the n images of the batch:

    mean = sum(u) / n        variance = sum((u - mean)**2) / n        sigma = sqrt(variance + EPS)
    u_hat = (u - mean) / sigma            z = u_hat + b            h = f(z)

So b is the shift that the paper calls beta. The paper's scale gamma is left out: relu(c * z) is
c * relu(z), so the next layer's W can have its effect, and the network stays a tuple of W and b.

Every u of a unit moves its mean and its sigma, by 1 / n and u_hat / n, and with them every u_hat:

    d u_hat[r] / d u[s] = ((r == s) - 1 / n - u_hat[r] * u_hat[s] / n) / sigma

The sum over r of grad_z[r] times this is grad_u[s]. Source: Ioffe and Szegedy (2015),
arXiv:1502.03167, algorithm 1 and section 3.
"""

from typing import NamedTuple

import numpy as np

from mlpcli.nn import Array

EPS = 1e-5  # keeps sigma from 0 where all images have the same u


class Normalized(NamedTuple):
    """What the backward pass needs of a normalized layer."""

    u_hat: Array  # (n, units)
    sigma: Array  # standard deviation of u, (units,)


def normalize(u: Array) -> Normalized:
    """u, (n, units), with mean 0 and variance almost 1 in each unit; zeros for a single image."""
    u = u - u.mean(axis=0)
    sigma = np.sqrt((u * u).mean(axis=0) + EPS)
    return Normalized(u / sigma, sigma)


def backward(grad_z: Array, normalized: Normalized) -> Array:
    """grad_u from grad_z, both (n, units): what moves mean or sigma alone has no effect."""
    u_hat, sigma = normalized
    along = (grad_z * u_hat).mean(axis=0)
    return (grad_z - grad_z.mean(axis=0) - u_hat * along) / sigma


def increment(normalized: Normalized, D: Array) -> Array:
    """u_hat of u + D, minus u_hat, for m moves D (m, n, units) of real numbers; in that shape.

    Nothing nearly equal is subtracted, so that D may be tiny.
    """
    u_hat, sigma = normalized
    d = D - D.mean(axis=1, keepdims=True)  # the move of u - mean
    rise = (d * (2 * sigma * u_hat + d)).mean(axis=1, keepdims=True)  # of sigma**2
    moved = np.sqrt(sigma**2 + rise)
    return (d - u_hat * (rise / (moved + sigma))) / moved
