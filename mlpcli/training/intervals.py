"""95% intervals of what is estimated on test images: accuracy, balanced accuracy and macro F1."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mlpcli.config.schema import Metric

Interval = tuple[float, float]  # its ends, as fractions

NORMAL = 1.959963984540054  # the 97.5th percentile of the normal distribution


def wilson(correct: float, n: float) -> Interval:
    """The interval of an accuracy.

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference".

    >>> [round(end, 4) for end in wilson(9840, 10000)]
    [0.9813, 0.9863]
    """
    z = NORMAL
    p = correct / n
    center = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, center - half), min(1.0, center + half)


def balanced_accuracy(confusion: NDArray[np.int64]) -> Interval:
    """The interval of the mean recall, for a confusion matrix (classes, classes) as in `Scores`.

    Each recall is a binomial proportion with Wilson's interval. Their distances to the ends add up
    as standard deviations do, each side on its own, so a class with few images and no mistake
    still widens the interval.
    Source: Zou, Huang and Zhang (2009), "A note on confidence interval estimation for a linear
    function of binomial proportions".
    """
    n, correct = confusion.sum(axis=1), np.diag(confusion)
    there = n > 0
    pairs = zip(correct[there].tolist(), n[there].tolist(), strict=True)
    low, high = np.transpose([wilson(*pair) for pair in pairs])
    recall = correct[there] / n[there]
    below, above = (math.hypot(*(recall - end)) / len(recall) for end in (low, high))
    mean = float(recall.mean())
    return max(0.0, mean - below), min(1.0, mean + above)


def macro_f1(confusion: NDArray[np.int64]) -> Interval:
    """The interval of the mean F1, for a confusion matrix (classes, classes) as in `Scores`.

    It is Wilson's, for the number of images on which a proportion of this size would vary as much.
    The variance is that of the delta method for images drawn at random, classes included. Where
    the classes have only a handful of images each, it is too small.
    Source: Takahashi et al. (2022), "Confidence interval for micro-averaged F1 and macro-averaged
    F1 scores", of the variance; Korn and Graubard (1998), of the effective number.
    """
    size = confusion.sum(axis=0) + confusion.sum(axis=1)
    there = size > 0  # a class that is neither true nor predicted has no F1
    cells, size = confusion[np.ix_(there, there)], size[there]
    f1 = 2 * np.diag(cells) / size
    # derivative of the mean F1 by the share of the images in each cell, divided by n
    gradient = (np.diag(2 / size) - np.add.outer(f1 / size, f1 / size)) / len(size)
    variance = float((cells * gradient**2).sum())  # the mean of the gradient is 0
    mean, n = float(f1.mean()), float(cells.sum())
    effective = mean * (1 - mean) / variance if variance else n  # no variance: all right, or none
    return wilson(mean * effective, effective)


def accuracy(confusion: NDArray[np.int64]) -> Interval:
    """The interval of the accuracy, for a confusion matrix (classes, classes) as in `Scores`."""
    return wilson(int(np.trace(confusion)), int(confusion.sum()))


OF_METRIC: dict[Metric, Callable[[NDArray[np.int64]], Interval]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
}
