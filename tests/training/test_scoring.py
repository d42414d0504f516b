import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mlpcli.data.dataset import Split
from mlpcli.data.preprocessing import inputs
from mlpcli.nn import mlp
from mlpcli.nn.activation import RELU
from mlpcli.training import scoring


def split_of(rng: np.random.Generator, n: int) -> Split:
    images = rng.integers(0, 256, (n, 28, 28)).astype("uint8")
    labels = rng.integers(0, 3, n).astype("uint8")
    return Split(name="noise", images=images, labels=labels, classes=("a", "b", "c"), files={})


def test_scores_equal_a_single_forward_pass(rng: np.random.Generator) -> None:
    split = split_of(rng, 2 * scoring.CHUNK_SIZE + 7)
    params = mlp.init((1024, 5, 3), rng=rng)
    z = mlp.forward(params, inputs(split.images)).z[-1]
    predicted = z.argmax(axis=1)

    result = scoring.score(params, split, activation=RELU)

    expected = np.zeros((3, 3))
    np.add.at(expected, (split.labels, predicted), 1)
    assert_array_equal(result.confusion, expected)
    assert_allclose(result.loss, mlp.cross_entropy(z, mlp.one_hot(split.labels, 3)), rtol=1e-5)
    assert result.n == len(split.labels)
    assert result.accuracy == (predicted == split.labels).mean()


def test_scores_can_be_of_some_rows(rng: np.random.Generator) -> None:
    split = split_of(rng, 50)
    params = mlp.init((1024, 5, 3), rng=rng)
    rows = np.array([3, 7, 11])

    some = scoring.score(params, split, activation=RELU, rows=rows)

    part = split._replace(images=split.images[rows], labels=split.labels[rows])
    assert_array_equal(some.confusion, scoring.score(params, part, activation=RELU).confusion)


def test_precision_recall_and_f1_follow_their_definitions() -> None:
    confusion = np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]])

    a, b, c = scoring.by_class(confusion, ("a", "b", "c"))

    assert (a.precision, a.recall, a.n) == (8 / 9, 8 / 10, 10)
    assert a.f1 == pytest.approx(2 * (8 / 9) * 0.8 / (8 / 9 + 0.8))
    assert b.recall == 0.9
    assert (c.precision, c.recall, c.f1) == (None, None, None)


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [(0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (5, 10, 0.23659, 0.76341)],
)
def test_wilson_interval_equals_published_values(
    correct: int, n: int, low: float, high: float
) -> None:
    """R 4: prop.test(correct, n, correct = FALSE)$conf.int"""
    assert_allclose(scoring.wilson(correct, n), (low, high), atol=1e-5)
