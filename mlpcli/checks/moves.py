"""How far an activation moves when z does: f(z + D) - f(z), without cancellation.

As the difference of two values it would lose all but a few digits for a small D. Each formula here
is an identity of its function, in which nothing nearly equal is subtracted, so that a finite
difference can be taken with a step as small as its truncation error asks for.
"""

from collections.abc import Callable

import numpy as np

from mlpcli.nn import Array
from mlpcli.nn.activation import ACTIVATIONS, GELU_CUBIC, GELU_SCALE, LEAK, Activation


def _relu(z: Array, D: Array) -> Array:
    moved: Array = np.maximum(D, -z)
    moved += np.minimum(z, 0)
    return moved


def _leaky_relu(z: Array, D: Array) -> Array:
    return LEAK * D + (1 - LEAK) * _relu(z, D)


def _tanh(z: Array, D: Array) -> Array:
    t, step = np.tanh(z), np.tanh(D)
    return step * (1 - t**2) / (1 + t * step)  # from tanh(z + D) = (t + step) / (1 + t step)


def _sigmoid(z: Array, D: Array) -> Array:
    return _tanh(z / 2, D / 2) / 2


def _silu(z: Array, D: Array) -> Array:
    sigmoid = (1 + np.tanh(z / 2)) / 2
    return D * sigmoid + (z + D) * _sigmoid(z, D)


def _gelu(z: Array, D: Array) -> Array:
    inner = GELU_SCALE * (z + GELU_CUBIC * z**3)
    inner_moved = GELU_SCALE * (D + GELU_CUBIC * D * (3 * z**2 + 3 * z * D + D**2))
    return (D * (1 + np.tanh(inner)) + (z + D) * _tanh(inner, inner_moved)) / 2


MOVES: dict[Activation, Callable[[Array, Array], Array]] = {
    ACTIVATIONS["relu"]: _relu,
    ACTIVATIONS["leaky_relu"]: _leaky_relu,
    ACTIVATIONS["tanh"]: _tanh,
    ACTIVATIONS["sigmoid"]: _sigmoid,
    ACTIVATIONS["silu"]: _silu,
    ACTIVATIONS["gelu"]: _gelu,
}
