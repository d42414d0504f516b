"""Activation functions, each with its derivative and its increment.

The increment f(z + D) - f(z), formed as a difference of two values, would lose all but a few digits
for a small D. Each formula here is an identity in which nothing nearly equal is subtracted, so that
a finite difference can take a step as small as its truncation error asks for.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mlpcli.nn import Array


class Activation(NamedTuple):
    """A function of every entry of z, which has any shape; results keep shape and dtype."""

    f: Callable[[Array], Array]
    derivative: Callable[[Array], Array]  # f'(z)
    increment: Callable[[Array, Array], Array]  # f(z + D) - f(z), for real z and D
    kinked: bool = False  # the derivative jumps at z = 0


# A complex z (the complex-step check) is compared by its real part: the imaginary part is a
# direction, not a value.
LEAK = 0.01  # slope of leaky ReLU below zero; Maas, Hannun, Ng (2013), section 2


def _relu(z: Array) -> Array:
    if z.dtype.kind == "f":  # several times as fast
        return np.maximum(z, 0)
    return np.where(z.real > 0, z, z.dtype.type(0))


def _relu_derivative(z: Array) -> Array:
    return (z.real > 0).astype(z.real.dtype)


def _relu_increment(z: Array, D: Array) -> Array:
    increment: Array = np.maximum(D, -z)
    increment += np.minimum(z, 0)
    return increment


def _leaky(z: Array) -> Array:
    return z * _leaky_derivative(z)


def _leaky_derivative(z: Array) -> Array:
    one = z.real.dtype.type(1)
    return np.where(z.real > 0, one, one * LEAK)


def _leaky_increment(z: Array, D: Array) -> Array:
    return LEAK * D + (1 - LEAK) * _relu_increment(z, D)


def _tanh_derivative(z: Array) -> Array:
    return 1 - np.tanh(z) ** 2


def _tanh_increment(z: Array, D: Array) -> Array:
    t, step = np.tanh(z), np.tanh(D)
    return step * (1 - t**2) / (1 + t * step)  # from tanh(z + D) = (t + step) / (1 + t step)


def _sigmoid(z: Array) -> Array:
    return (1 + np.tanh(z / 2)) / 2  # 1 / (1 + exp(-z)) would overflow for very negative z


def _sigmoid_derivative(z: Array) -> Array:
    return _sigmoid(z) * _sigmoid(-z)


def _sigmoid_increment(z: Array, D: Array) -> Array:
    return _tanh_increment(z / 2, D / 2) / 2


def _silu(z: Array) -> Array:
    return z * _sigmoid(z)


def _silu_derivative(z: Array) -> Array:
    return _sigmoid(z) * (1 + z * _sigmoid(-z))


def _silu_increment(z: Array, D: Array) -> Array:
    return D * _sigmoid(z) + (z + D) * _sigmoid_increment(z, D)


GELU_SCALE, GELU_CUBIC = float(np.sqrt(2 / np.pi)), 0.044715


def _gelu(z: Array) -> Array:
    return z * (1 + np.tanh(GELU_SCALE * (z + GELU_CUBIC * z**3))) / 2


def _gelu_derivative(z: Array) -> Array:
    tanh = np.tanh(GELU_SCALE * (z + GELU_CUBIC * z**3))
    return (1 + tanh + z * (1 - tanh**2) * GELU_SCALE * (1 + 3 * GELU_CUBIC * z**2)) / 2


def _gelu_increment(z: Array, D: Array) -> Array:
    inner = GELU_SCALE * (z + GELU_CUBIC * z**3)
    inner_increment = GELU_SCALE * (D + GELU_CUBIC * D * (3 * z**2 + 3 * z * D + D**2))
    return (D * (1 + np.tanh(inner)) + (z + D) * _tanh_increment(inner, inner_increment)) / 2


RELU = Activation(_relu, _relu_derivative, _relu_increment, kinked=True)

ACTIVATIONS = {
    "relu": RELU,
    "leaky_relu": Activation(_leaky, _leaky_derivative, _leaky_increment, kinked=True),
    # Hendrycks and Gimpel (2016), arXiv:1606.08415, section 2; the tanh form: NumPy has no erf
    "gelu": Activation(_gelu, _gelu_derivative, _gelu_increment),
    # Elfwing, Uchibe, Doya (2017), arXiv:1702.03118, eq. 2
    "silu": Activation(_silu, _silu_derivative, _silu_increment),
    "tanh": Activation(np.tanh, _tanh_derivative, _tanh_increment),
    "sigmoid": Activation(_sigmoid, _sigmoid_derivative, _sigmoid_increment),
}
