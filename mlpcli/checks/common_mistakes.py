"""Common mistakes in each quantity, as tables: a kind, words, and the numbers it would give.

In the words, {k} is the number of the layer, {j} of the one before, {i} of the one after.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mlpcli.checks import reference
from mlpcli.nn import Array
from mlpcli.nn.activation import Activation

Table = tuple[tuple[str, str, Callable[[Any], Array]], ...]


class Last(NamedTuple):
    """What the last grad_z = weight / n * (p - y) is made of; (n, classes) each."""

    y: Array
    p: Array
    z: Array


class Hidden(NamedTuple):
    """What a hidden grad_z = dropped * slope is made of; (n, units) each."""

    z: Array
    h: Array
    slope: Array
    grad_h: Array
    dropped: Array  # grad_h after its dropout
    f: Activation


# times weight / n
LAST: Table = (
    ("smoothing-missing", "label smoothing is left out", lambda q: q.p - _hard(q.y)),
    ("log-for-softmax", "log(h{k}) is used instead of h{k}", lambda q: np.log(q.p) - q.y),
    ("z-for-softmax", "z{k} is used instead of h{k}", lambda q: q.z - q.y),
    ("target-missing", "y is not subtracted", lambda q: q.p),
    ("target-alone", "h{k} is left out: it is -y", lambda q: -q.y),
    ("target-added", "y is added, not subtracted", lambda q: q.p + q.y),
    ("class-numbers", "class numbers stand in place of one-hot rows", lambda q: q.p - _labels(q.y)),
    ("prediction", "h{k} is rounded to the predicted class", lambda q: _hard(q.p) - q.y),
    ("right-class-lost", "the right class has no gradient", lambda q: (q.p - q.y) * (q.y < 0.5)),
    (
        "softmax-twice",
        "has a factor h{k} * (1 - h{k}) too many",
        lambda q: (q.p - q.y) * q.p * (1 - q.p),
    ),
    ("softmax-missing", "is the derivative wrt h{k}; softmax is missing", lambda q: -q.y / q.p),
    (
        "softmax-diagonal",
        "takes the diagonal of softmax's Jacobian alone; only the right class has a gradient",
        lambda q: -q.y * (1 - q.p),
    ),
    (
        "softmax-jacobian",
        "softmax's Jacobian is applied twice",
        lambda q: _jacobian(q.p, q.p - q.y),
    ),
    (
        "softmax-axis",
        "softmax is taken over the images, not over the classes",
        lambda q: _softmax(q.z, 0) - q.y,
    ),
    (
        "softmax-axis",
        "softmax is normalized over the whole batch",
        lambda q: _softmax(q.z, None) - q.y,
    ),
    ("softmax-axis", "softmax is not normalized", lambda q: np.exp(q.z) - q.y),
    ("sigmoid", "sigmoid is used instead of softmax", lambda q: 1 / (1 + np.exp(-q.z)) - q.y),
    (
        "binary",
        "is the derivative of the binary cross-entropy wrt h{k}",
        lambda q: (q.p - q.y) / (q.p * (1 - q.p)),
    ),
    ("softmax-of-h", "softmax is applied twice", lambda q: _softmax(q.p, 1) - q.y),
    ("squared", "is squared: it is that of no loss", lambda q: (q.p - q.y) ** 2),
)

HIDDEN: Table = (
    ("missing-mask", "the derivative of h{k} with respect to z{k} is missing", lambda q: q.dropped),
    ("inverted-mask", "the mask keeps what it should drop", lambda q: q.dropped * (1 - q.slope)),
    (
        "derivative-at-h",
        "the derivative is taken at h{k} in place of z{k}",
        lambda q: q.dropped * reference.derivative(q.f, q.h),
    ),
    (
        "value-for-derivative",
        "h{k} is used instead of its derivative",
        lambda q: q.dropped * q.f.f(q.z),
    ),
    ("z-for-derivative", "z{k} is used instead of the derivative", lambda q: q.dropped * q.z),
    ("tanh-formula", "is multiplied by 1 - h{k}**2", lambda q: q.dropped * (1 - q.h**2)),
    (
        "sigmoid-formula",
        "is multiplied by h{k} * (1 - h{k})",
        lambda q: q.dropped * q.h * (1 - q.h),
    ),
    ("tanh-formula", "is multiplied by 1 - z{k}**2", lambda q: q.dropped * (1 - q.z**2)),
    (
        "sigmoid-formula",
        "is multiplied by z{k} * (1 - z{k})",
        lambda q: q.dropped * q.z * (1 - q.z),
    ),
    (
        "mask-of-gradient",
        "keeps what is positive in grad_h{k}, not in z{k}",
        lambda q: q.dropped * (q.grad_h > 0),
    ),
    (
        "mask-of-gradient",
        "negative entries of grad_h{k} are dropped as well",
        lambda q: q.dropped * q.slope * (q.grad_h > 0),
    ),
    ("mask-alone", "is the derivative of h{k} alone; grad_h{k} is lost", lambda q: q.slope),
    ("mask-added", "the derivative is added, not multiplied", lambda q: q.dropped + q.slope),
    (
        "sign-for-mask",
        "sign(z{k}) is used instead of the derivative",
        lambda q: q.dropped * np.sign(q.z),
    ),
    ("slope-twice", "the derivative is applied twice", lambda q: q.dropped * q.slope**2),
)

# in place of h, which is (n, fan_in)
INPUTS: Table = (
    ("h-squared", "h{j} is squared", lambda h: h**2),
    ("h-left-out", "h{j} is left out", lambda h: np.ones_like(h)),
    ("batch-averaged", "h{j} and grad_z{k} are summed over the batch first", lambda h: _summed(h)),
    ("h-reversed", "h{j} has its rows in reverse order", lambda h: h[::-1]),
    ("h-normalized", "the rows of h{j} have length 1", lambda h: h / _lengths(h)),
    ("h-centered", "the mean over the batch is taken from h{j}", lambda h: h - h.mean(axis=0)),
)

# in place of the W of the layer after, which is (units, units above)
WEIGHTS: Table = (
    ("weight-signs", "only the signs of W{i} are used", np.sign),
    ("weight-sizes", "W{i} has lost its signs", np.abs),
    ("weight-shares", "W{i} is divided by its sums", lambda W: W / np.abs(W).sum(axis=0)),
)

# of any quantity, from its right value
TRANSFORMS: Table = (
    ("signs-lost", "has lost its signs", np.abs),
    ("signs-only", "has only its signs left", np.sign),
)


def _hard(rows: Array) -> Array:
    return np.eye(rows.shape[1])[rows.argmax(axis=1)]


def _labels(y: Array) -> Array:
    return y.argmax(axis=1)[:, None].astype("float64")


def _softmax(z: Array, axis: int | None) -> Array:
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _jacobian(p: Array, grad_h: Array) -> Array:
    return p * (grad_h - (p * grad_h).sum(axis=1, keepdims=True))


def _summed(h: Array) -> Array:
    return np.broadcast_to(h.sum(axis=0), h.shape)


def _lengths(h: Array) -> Array:
    lengths = np.linalg.norm(h, axis=1, keepdims=True)
    return np.where(lengths > 0, lengths, 1)
