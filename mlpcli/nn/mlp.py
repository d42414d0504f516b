"""The network of the workbook: init, forward, loss and backward, in any float or complex dtype.

Rows are examples. `h[0]` is the image, `z[i] = h[i] @ W + b` with `params[i] = (W, b)`, and
`h[i + 1] = f(z[i])`, so `params[0].W` is the workbook's W1, `z[0]` its z1 and `h[1]` its h1. With
one row every line is the workbook's. With batch normalization `z[i] = u_hat + b`, where u_hat is
`h[i] @ W`, normalized in every layer but the last; see `batch_norm.py`.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from mlpcli.nn import Array, batch_norm
from mlpcli.nn.activation import RELU, Activation
from mlpcli.nn.batch_norm import Normalized

Masks = Sequence[Array | None]  # masks[i] multiplies h[i]; None where nothing is dropped
Normalize = Callable[[Array], Normalized]


class Layer(NamedTuple):
    """One affine map; its gradient and its velocity use the same type."""

    W: Array  # (fan_in, fan_out)
    b: Array  # (fan_out,)


Params = tuple[Layer, ...]


class ForwardPass(NamedTuple):
    """The values of a forward pass, which the backward pass needs."""

    z: list[Array]  # pre-activations, z[i] of shape (n, len(params[i].b))
    h: list[Array]  # h[0] is the images, (n, inputs); h[-1] the probabilities, (n, classes)
    normalized: Sequence[Normalized] = ()  # of each hidden layer, with batch normalization


INITS: dict[str, Callable[[int, int], float]] = {  # variance of W from fan_in and fan_out
    # He et al. (2015), arXiv:1502.01852, eq. 10
    "he": lambda fan_in, fan_out: 2 / fan_in,
    # Glorot and Bengio (2010), AISTATS, eq. 12; there of a uniform distribution
    "glorot": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    # LeCun, Bottou, Orr, Mueller (1998), "Efficient BackProp", eq. 16
    "lecun": lambda fan_in, fan_out: 1 / fan_in,
}


def init(
    sizes: Sequence[int], *, rng: np.random.Generator, scheme: str = "he", dtype: str = "float32"
) -> Params:
    """Weights drawn from a normal distribution of mean 0 and variance by `INITS`, biases zero.

    sizes: width of every layer, input first, e.g. (1024, 512, 256, 10); at least two.
    Returns one Layer per adjacent pair, W of shape (fan_in, fan_out).
    """
    variance = INITS[scheme]
    if len(sizes) < 2:
        raise ValueError(f"sizes must name at least input and output, got {tuple(sizes)!r}")
    return tuple(
        Layer(
            W=(rng.standard_normal(fans) * np.sqrt(variance(*fans))).astype(dtype),
            b=np.zeros(fans[1], dtype),
        )
        for fans in itertools.pairwise(sizes)
    )


def layer_sizes(params: Params) -> tuple[int, ...]:
    """Width of every layer, input first."""
    return (len(params[0].W), *(len(b) for _, b in params))


def parameter_count(sizes: Sequence[int]) -> int:
    """The number of weights and biases of a network of these widths.

    >>> parameter_count((1024, 512, 256, 10))
    658698
    """
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in itertools.pairwise(sizes))


def one_hot(
    labels: Array, classes: int, *, smoothing: float = 0.0, dtype: str = "float64"
) -> Array:
    """Targets y of shape (n, classes), each row summing to 1.

    labels: integers, (n,).
    smoothing: fraction of each target spread evenly over all classes; 0 gives one-hot rows.
    Source of smoothing: Szegedy et al. (2016), arXiv:1512.00567, section 7.

    >>> one_hot(np.array([2, 0]), 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    y = np.full((len(labels), classes), smoothing / classes, dtype)
    y[np.arange(len(labels)), labels] += 1 - smoothing
    return y


def forward(
    params: Params,
    x: Array,
    *,
    activation: Activation = RELU,
    masks: Masks | None = None,
    normalize: Normalize | None = None,
) -> ForwardPass:
    """Every z and h for the images x of shape (n, inputs); masks[i] has the shape of h[i].

    normalize: `batch_norm.normalize`, or None for a network without it.
    """
    z: list[Array] = []
    h: list[Array] = [_drop(x, masks, 0)]
    normalized: list[Normalized] = []
    for i, (W, b) in enumerate(params):
        last = i == len(params) - 1
        if normalize and not last:
            normalized.append(normalize(h[i] @ W))
            z.append(normalized[i].u_hat + b)
        else:
            z.append(h[i] @ W + b)
        h.append(softmax(z[i]) if last else _drop(activation.f(z[i]), masks, i + 1))
    return ForwardPass(z, h, normalized)


def log_softmax(z: Array) -> Array:
    """Logarithm of the softmax of each row, without a probability that could underflow.

    z: (n, classes), the shape of the result.
    """
    z = z - z.real.max(axis=-1, keepdims=True)  # exp of a large logit would overflow
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def softmax(z: Array) -> Array:
    """Class probabilities, exp(z) over its row sum; z: (n, classes), the shape of the result."""
    exp_z = np.exp(z - z.real.max(axis=-1, keepdims=True))  # exp of a large logit would overflow
    return exp_z / exp_z.sum(axis=-1, keepdims=True)


def cross_entropy(z: Array, y: Array) -> Array:
    """Mean of CE(softmax(z), y) over the rows, in nats, as -z . y + log sum exp z.

    z: logits of the last layer, (n, classes); y: targets, each row summing to 1 or to its weight.
    """
    return -(y * log_softmax(z)).sum() / len(y)


def loss(
    params: Params,
    x: Array,
    y: Array,
    *,
    activation: Activation = RELU,
    masks: Masks | None = None,
    weights: Array | float = 1.0,
    weight_decay: float = 0.0,
    normalize: Normalize | None = None,
) -> Array:
    """The training loss, in nats: weighted mean cross-entropy + weight_decay / 2 * sum(W**2).

    x: (n, inputs); y: (n, classes); masks and normalize as in `forward`; weights: of the rows in
    the mean, which divides by n whatever they are, (n, 1).
    """
    z = forward(params, x, activation=activation, masks=masks, normalize=normalize).z
    penalty = sum((W**2).sum() for W, _ in params) if weight_decay else 0.0
    ce = cross_entropy(z[-1], weights * y)  # linear in y: w * CE(h, y) = CE(h, w * y)
    return ce + weight_decay / 2 * penalty


def backward(
    params: Params,
    run: ForwardPass,
    y: Array,
    *,
    activation: Activation = RELU,
    masks: Masks | None = None,
    weights: Array | float = 1.0,
    weight_decay: float = 0.0,
) -> Params:
    """Gradient of `loss`, in the shape of params; run is the forward pass of the same images.

    y: (n, classes); masks and weights as in `loss`.
    """
    z, h, normalized = run
    grads = []
    grad_z = weights * (h[-1] - y) / len(y)  # softmax and CE at once; the only 1/n
    for i in reversed(range(len(params))):  # params[i] maps h[i] to z[i]
        grad_u = grad_z  # of u = h[i] @ W
        if normalized and i < len(params) - 1:
            grad_u = batch_norm.backward(grad_z, normalized[i])
        grad_W = h[i].T @ grad_u
        grads.append(Layer(W=grad_W + weight_decay * params[i].W, b=grad_z.sum(axis=0)))
        if i > 0:  # the image needs no gradient
            grad_h = _drop(grad_u @ params[i].W.T, masks, i)
            grad_z = grad_h * activation.derivative(z[i - 1])
    return tuple(reversed(grads))


def _drop(h: Array, masks: Masks | None, i: int) -> Array:
    """h, (n, units), after the dropout of h[i]."""
    mask = masks[i] if masks else None
    return h if mask is None else h * mask
