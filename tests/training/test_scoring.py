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


def test_balanced_accuracy_and_macro_f1_are_those_of_scikit_learn() -> None:
    """sklearn.metrics 1.5: accuracy_score, balanced_accuracy_score, f1_score(average="macro")"""
    truth = np.repeat([0, 1, 2], [12, 5, 3])
    predicted = np.array([0] * 10 + [1] * 2 + [1] * 3 + [0] * 2 + [0] * 3)
    confusion = np.zeros((3, 3), np.int64)
    np.add.at(confusion, (truth, predicted), 1)

    scores = scoring.Scores(0.5, confusion, truth == predicted)

    assert scores.value("accuracy") == 0.65
    assert scores.value("balanced_accuracy") == pytest.approx(0.4777777778)
    assert scores.value("macro_f1") == pytest.approx(0.4469135802)
    assert scores.never_predicted == (2,)


def test_a_class_without_images_has_no_recall_and_one_without_predictions_either_no_f1() -> None:
    """A class that is only predicted, 1, counts in macro F1 alone, and 3 in neither."""
    confusion = np.array([[6, 2, 0, 0], [0, 0, 0, 0], [0, 0, 4, 0], [0, 0, 0, 0]])

    scores = scoring.Scores(0.5, confusion, np.ones(12, bool))

    assert scores.balanced_accuracy == pytest.approx((0.75 + 1) / 2)
    assert scores.macro_f1 == pytest.approx((2 * 6 / 14 + 0 + 1) / 3)
    assert scores.never_predicted == ()
