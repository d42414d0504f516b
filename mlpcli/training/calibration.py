"""How far the probabilities of a network hold: its loss, and its accuracy at each confidence."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.nn import Array, mlp

BIN_COUNT = 15  # of the confidence, as in the paper


class Bin(NamedTuple):
    """The images whose confidence, the probability of the predicted class, is in (low, high]."""

    low: float
    high: float
    n: int  # images
    correct: int  # of these, classified correctly
    confidence: float  # mean; 0 without images


class Calibration(NamedTuple):
    """The probabilities for some images, compared with what came true."""

    loss: float  # mean cross-entropy, in nats
    bins: list[Bin]

    @property
    def error(self) -> float:
        """Expected calibration error (ECE), a fraction: mean of |accuracy - confidence|, by images.

        Source: Guo et al. (2017), arXiv:1706.04599, eq. 3.

        >>> Calibration(0.0, [Bin(0, 0.5, 1, 1, 0.5), Bin(0.5, 1, 3, 2, 1.0)]).error
        0.375
        """
        n = sum(each.n for each in self.bins)
        return sum(abs(each.correct - each.n * each.confidence) for each in self.bins) / n


def calibration(z: Array, labels: NDArray[Any]) -> Calibration:
    """That of softmax(z) for images with these labels, (n,); z: (n, classes) in float64."""
    log_p = mlp.log_softmax(z)[np.arange(len(labels)), labels]
    return Calibration(float(-log_p.mean()), bins(mlp.softmax(z), labels))


def bins(p: Array, labels: NDArray[Any], *, count: int = BIN_COUNT) -> list[Bin]:
    """Images by their confidence, in so many bins of equal width; p has shape (n, classes).

    Source: Guo et al. (2017), arXiv:1706.04599, section 2.
    """
    confidence = p.max(axis=1)
    right = p.argmax(axis=1) == labels
    at = np.clip(np.ceil(confidence * count).astype(int) - 1, 0, count - 1)
    n, correct, total = (
        np.bincount(at, weights=weights, minlength=count) for weights in (None, right, confidence)
    )
    return [
        Bin(i / count, (i + 1) / count, int(n[i]), int(correct[i]), float(total[i] / max(n[i], 1)))
        for i in range(count)
    ]
