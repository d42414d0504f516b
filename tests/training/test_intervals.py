import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mlpcli.training import intervals
from mlpcli.training.scoring import METRICS, Scores

LONG_TAIL = np.array([[900, 40, 10], [20, 70, 5], [3, 2, 9]])


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [(0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (5, 10, 0.23659, 0.76341)],
)
def test_wilson_interval_equals_published_values(
    correct: int, n: int, low: float, high: float
) -> None:
    """R 4: prop.test(correct, n, correct = FALSE)$conf.int"""
    assert_allclose(intervals.wilson(correct, n), (low, high), atol=1e-5)


def scores(confusion: Any) -> Scores:
    return Scores(0.5, np.asarray(confusion), np.ones(1, bool))


def test_every_metric_has_an_interval_around_its_value() -> None:
    assert tuple(intervals.OF_METRIC) == METRICS
    for metric, interval in intervals.OF_METRIC.items():
        low, high = interval(LONG_TAIL)
        assert 0 <= low < scores(LONG_TAIL).value(metric) < high <= 1


def test_the_balanced_accuracy_of_one_class_has_wilsons_interval() -> None:
    confusion = np.array([[40, 10], [0, 0]])

    assert_allclose(intervals.balanced_accuracy(confusion), intervals.wilson(40, 50), rtol=1e-12)


def test_a_class_with_two_images_and_no_mistake_widens_the_interval_of_balanced_accuracy() -> None:
    few, many = np.diag([500, 500, 2]), np.diag([500, 500, 500])

    assert intervals.balanced_accuracy(few)[0] < 0.8
    assert intervals.balanced_accuracy(many)[0] > 0.99


@pytest.mark.parametrize("right", [True, False])
def test_only_right_or_only_wrong_images_have_intervals_of_some_width(right: bool) -> None:
    confusion = np.diag([50, 50]) if right else np.diag([50, 50])[::-1]

    for interval in intervals.OF_METRIC.values():
        low, high = interval(confusion)
        assert high - low > 0.03
        assert (high if right else 1 - low) == pytest.approx(1)


@pytest.mark.parametrize(
    ("metric", "rows_fixed"), [("balanced_accuracy", True), ("macro_f1", False)]
)
def test_large_samples_vary_as_the_interval_says(
    metric: Any, rows_fixed: bool, rng: np.random.Generator
) -> None:
    """The ends are 1.96 standard deviations away, of 4,000 samples of 100,000 images."""
    p = LONG_TAIL / LONG_TAIL.sum()
    n, size = 100_000, p.sum(axis=1, keepdims=True)
    if rows_fixed:
        counts = np.round(n * size).astype(int).ravel()
        samples = rng.multinomial(counts, p / size, (4000, 3))
    else:
        samples = rng.multinomial(n, p.ravel(), 4000).reshape(-1, 3, 3)

    sd = np.std([scores(each).value(metric) for each in samples])

    low, high = intervals.OF_METRIC[metric](samples[0])
    assert_allclose(high - low, 2 * 1.96 * sd, rtol=0.05)


def test_most_intervals_of_a_long_tail_hold_the_balanced_accuracy(rng: np.random.Generator) -> None:
    """The normal approximation holds it in 59% of such samples of 100 images."""
    recall = 0.98 * (1 - 0.05 * np.arange(10))
    n = np.maximum(1, np.round(100 * np.geomspace(1, 0.01, 10) / 2.48)).astype(int)

    covered = 0
    for _ in range(1000):
        right = rng.binomial(n, recall)
        confusion = np.diag(right)
        confusion[np.arange(10), np.arange(-1, 9)] = n - right
        low, high = intervals.balanced_accuracy(confusion)
        covered += low <= recall.mean() <= high
    assert covered > 850


def test_a_class_that_is_neither_true_nor_predicted_changes_no_interval() -> None:
    padded = np.pad(LONG_TAIL, (0, 1))

    for interval in intervals.OF_METRIC.values():
        assert interval(padded) == interval(LONG_TAIL)


@pytest.mark.parametrize("classes", [10, 100])
def test_the_intervals_take_a_moment(classes: int, rng: np.random.Generator) -> None:
    confusion = rng.multinomial(10_000, np.full(classes**2, classes**-2.0)).reshape(classes, -1)
    measure: Callable[[], float] = time.process_time

    started = measure()
    for interval in intervals.OF_METRIC.values():
        interval(confusion)
    assert measure() - started < 0.05
