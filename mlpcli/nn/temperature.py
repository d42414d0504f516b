"""The temperature T: the last z is divided by it, so that softmax(z / T) are calibrated.

The order of a row of z stays, and so do the classes. T has the least mean CE(softmax(z / T), y) of
images that the network was not trained on. In a = 1 / T, the mean over images of

    h = softmax(a z)        d CE / d a = (h - y) . z        d2 CE / d a2 = h . z**2 - (h . z)**2

follows from grad = h - y at the logits a z, each of which moves by z, and from d h_k / d a =
h_k (z_k - h . z). The second derivative is the variance of z under h, never negative: CE has one
minimum, which Newton's method finds. Source: Guo et al. (2017), arXiv:1706.04599, section 4.2.
"""

import numpy as np
from numpy.typing import NDArray

from mlpcli.nn import Array
from mlpcli.nn.mlp import Layer, Params, one_hot, softmax

MIN_SPREAD, MAX_SPREAD = 1e-2, 1e3  # of a z, beyond which probabilities hardly change
MAX_STEPS = 100
TOLERANCE = 1e-6  # of a, as a fraction: a Newton step after one so small is below rounding


def fit(z: Array, labels: NDArray[np.integer]) -> float:
    """The temperature for the outputs z, (n, classes), of n images with these labels, (n,).

    The targets are smoothed by 1 / (n + 1), as if one more image were of every class at once: so
    few images change little, and T stays above 0 where all are classified correctly. Without any
    difference between the classes, T is 1. Source of the smoothing: Platt (1999), section 2.2.
    """
    z = z.astype("float64", order="F")  # sums over the classes are then sums of columns, and fast
    z -= z.mean(axis=1, keepdims=True)  # the same softmax
    spread = np.sqrt((z * z).mean())
    if spread == 0:
        return 1.0
    y = np.asfortranarray(one_hot(labels, z.shape[1], smoothing=1 / (len(z) + 1)))
    low, high = MIN_SPREAD / spread, MAX_SPREAD / spread
    a = float(np.clip(1.0, low, high))
    for _ in range(MAX_STEPS):
        slope, curvature = derivatives(a, z, y)
        low, high = (a, high) if slope < 0 else (low, a)
        before, a = a, a - slope / curvature if curvature > 0 else np.inf
        if not low < a < high:  # Newton's step leaves the interval that holds the minimum
            a = float(np.sqrt(low * high))
        if abs(a - before) <= TOLERANCE * before:
            break
    return float(1 / a)


def derivatives(a: float, z: Array, y: Array) -> tuple[float, float]:
    """First and second derivative in a of the mean CE(softmax(a z), y); z, y: (n, classes)."""
    h = softmax(a * z)
    mean = (h * z).sum(axis=1)
    slope = (mean - (y * z).sum(axis=1)).mean()
    return float(slope), float(((h * z * z).sum(axis=1) - mean * mean).mean())


def scaled(params: Params, temperature: float) -> Params:
    """The network whose last z is divided by the temperature: the last W and b are."""
    *hidden, (W, b) = params
    with np.errstate(over="ignore"):  # the loss shows it
        return (*hidden, Layer(W / temperature, b / temperature))
