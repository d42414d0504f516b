from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mlpcli.config.schema import Config
from mlpcli.data.preprocessing import inputs
from mlpcli.errors import ConfigError
from mlpcli.nn import mlp
from mlpcli.training import loop
from mlpcli.training.build import initial_params
from mlpcli.training.imbalance import class_weights, few_validation_images, never_predicted
from mlpcli.training.loader import load_split, prepare
from mlpcli.training.progress import Step
from tests.trainings import changed

LABELS = np.array([0] * 6 + [1] * 3 + [2])
NAMES = ("cat", "dog", "owl")


def test_without_weights_there_is_nothing_to_multiply_by() -> None:
    assert class_weights("none", LABELS, NAMES) is None


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    """sklearn.utils.class_weight.compute_class_weight("balanced", ...) of version 1.5"""
    weights = class_weights("balanced", LABELS, NAMES)

    assert weights is not None
    assert_allclose(weights, [0.55555556, 1.11111111, 3.33333333])
    assert weights[LABELS].mean() == pytest.approx(1)


def test_a_class_without_images_gets_no_balanced_weight_and_changes_no_other() -> None:
    weights = class_weights("balanced", LABELS, (*NAMES, "yak"))

    assert weights is not None
    assert_allclose(weights, [0.55555556, 1.11111111, 3.33333333, 0])


def test_weights_by_name_leave_the_other_classes_at_one() -> None:
    assert_array_equal(class_weights({"owl": 3, "cat": 0}, LABELS, NAMES), [0, 1, 3])
    assert_array_equal(class_weights((1, 2, 0.5), LABELS, NAMES), [1, 2, 0.5])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ((1.0, 2.0), "must have a number for each of the 3 classes, got 2"),
        ({"dig": 1.0}, "unknown class 'dig'; did you mean 'dog'?"),
        ({"zebra": 1.0}, "unknown class 'zebra'; the classes are 'cat', 'dog', 'owl'"),
        ((0.0, 0.0, 0.0), "the weight of some class with training images must be above 0"),
    ],
)
def test_weights_that_do_not_fit_the_classes_are_refused(setting: object, message: str) -> None:
    with pytest.raises(ConfigError) as err:
        class_weights(setting, LABELS, NAMES)

    assert str(err.value) == f"train.class_weight: {message}"


def test_only_the_training_rows_count_for_balanced_weights(settings: Config) -> None:
    config = changed(settings, "train.class_weight=balanced", "data.validation=31")
    data = prepare(config, load_split(config, "train"))

    counts = np.bincount(data.split.labels[data.train_rows])

    assert len(set(counts)) > 1
    assert data.class_weights is not None
    assert_allclose(data.class_weights, 269 / (3 * counts), rtol=1e-6)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_reported_loss_of_a_step_is_the_weighted_one(settings: Config, threads: int) -> None:
    config = changed(settings, "train.class_weight=[0, 1, 5]", "train.batch_size=270")
    data = prepare(config, load_split(config, "train"))
    step = next(iter(loop.fit(config, data, threads=threads)))
    assert isinstance(step, Step)

    labels = data.split.labels[data.train_rows]
    x = inputs(data.split.images[data.train_rows])
    params = initial_params(config, classes=3)
    weights = np.array([0.0, 1.0, 5.0])[labels, None]
    expected = mlp.loss(params, x, mlp.one_hot(labels, 3), weights=weights)
    assert step.loss == pytest.approx(float(expected), rel=1e-5)


def test_classes_with_fewer_than_two_validation_images_are_named() -> None:
    (warning,) = few_validation_images(LABELS, np.array([0, 0, 1]), (*NAMES, "yak"))

    assert warning.startswith("fewer than 2 validation images of the classes 'dog', 'owl', too ")
    assert few_validation_images(LABELS, np.array([0, 0, 1, 1, 2, 2]), (*NAMES, "yak")) == []


def test_classes_that_are_never_predicted_are_named_and_rare_ones_get_a_remedy() -> None:
    warnings = partial(never_predicted, labels=LABELS, classes=NAMES, weights="last")
    rare = warnings([2], weighted=False)
    frequent = warnings([0], weighted=False)
    weighted = warnings([2], weighted=True)

    start = "the last weights never predict class 'owl' on the validation images; "
    assert rare == [f"{start}try --set train.class_weight=balanced"]
    assert weighted == [f"{start}train longer, or with a smaller optimizer.lr"]
    assert frequent == [weighted[0].replace("owl", "cat")]
    assert warnings([], weighted=False) == []


def test_of_many_classes_the_first_are_named() -> None:
    (warning,) = never_predicted(
        range(9), np.arange(9), tuple("abcdefghi"), weights="best", weighted=False
    )

    assert "the classes 'a', 'b', 'c', 'd', 'e', and 4 more on" in warning
