import itertools
from typing import Any

import numpy as np
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from mlpcli.nn import Array, mlp
from mlpcli.training.calibration import bins, calibration


def outputs(rng: np.random.Generator, n: int) -> tuple[Array, NDArray[np.integer[Any]]]:
    """Outputs of a network that is often wrong, and the labels of its images."""
    return 2 * rng.standard_normal((n, 3)), rng.integers(0, 3, n)


def test_each_image_is_in_the_bin_of_its_confidence(rng: np.random.Generator) -> None:
    z, labels = outputs(rng, 500)
    p = mlp.softmax(z)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels

    found = bins(p, labels, count=15)

    for each in found:
        members = (confidence > each.low) & (confidence <= each.high)
        assert (each.n, each.correct) == (members.sum(), right[members].sum())
        assert_allclose(each.confidence, confidence[members].mean() if each.n else 0)
    assert sum(each.n for each in found) == 500


def test_the_error_follows_its_definition(rng: np.random.Generator) -> None:
    z, labels = outputs(rng, 500)
    p = mlp.softmax(z)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    edges = np.linspace(0, 1, 16)
    total = 0.0
    for low, high in itertools.pairwise(edges):
        members = (confidence > low) & (confidence <= high)
        if members.any():
            gap = right[members].mean() - confidence[members].mean()
            total += members.sum() / 500 * abs(gap)

    assert_allclose(calibration(z, labels).error, total)


def test_the_loss_is_the_cross_entropy(rng: np.random.Generator) -> None:
    z, labels = outputs(rng, 500)

    expected = mlp.cross_entropy(z, mlp.one_hot(labels, 3))
    assert_allclose(calibration(z, labels).loss, expected)


def test_certain_and_right_is_calibrated_certain_and_wrong_is_not() -> None:
    z = 1000 * np.eye(3)

    assert calibration(z, np.arange(3)).error == 0
    assert calibration(z, np.array([1, 2, 0])).error == 1
