import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mlpcli.nn import optim


def test_sgd_follows_its_formula(rng: np.random.Generator) -> None:
    theta, state = rng.random(5), np.zeros((1, 5))
    expected, velocity = theta.copy(), np.zeros(5)

    for t in (1, 2, 3):
        grad = rng.random(5)
        optim.sgd(0.9)(theta, grad.copy(), state, 0.1, t)
        velocity = 0.9 * velocity + grad
        expected = expected - 0.1 * velocity

    assert_allclose(theta, expected, rtol=1e-14)


def test_adam_follows_algorithm_1_of_its_paper(rng: np.random.Generator) -> None:
    theta, state = rng.random(5), np.zeros((2, 5))
    expected, m, v = theta.copy(), np.zeros(5), np.zeros(5)

    for t in (1, 2, 3):
        grad = rng.random(5)
        optim.adam(0.9, 0.99, 1e-8)(theta, grad.copy(), state, 0.1, t)
        m, v = 0.9 * m + 0.1 * grad, 0.99 * v + 0.01 * grad**2
        expected = expected - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)

    assert_allclose(theta, expected, rtol=1e-12)


def test_nesterov_steps_from_where_the_velocity_leads(rng: np.random.Generator) -> None:
    """In its first form: the gradient is taken at theta + momentum * velocity."""
    lr, momentum, a = 0.1, 0.9, rng.random(5)
    ahead, state = np.ones(5), np.zeros((1, 5))  # what the rule holds is the point ahead
    theta, velocity = np.ones(5), np.zeros(5)  # Sutskever et al. (2013), eqs. 3 and 4

    for t in (1, 2, 3):
        optim.sgd(momentum, nesterov=True)(ahead, a * ahead, state, lr, t)
        velocity = momentum * velocity - lr * a * (theta + momentum * velocity)
        theta = theta + velocity

    assert_allclose(ahead, theta + momentum * velocity, rtol=1e-14)


@pytest.mark.parametrize(
    ("rule", "slots"),
    [(optim.sgd(0.9), 1), (optim.sgd(0.9, nesterov=True), 1), (optim.adam(0.9, 0.999, 1e-8), 2)],
)
def test_a_rule_changes_each_entry_alike_in_any_part_of_the_vectors(
    rule: optim.UpdateRule, slots: int, rng: np.random.Generator
) -> None:
    length = 1007
    theta, grad = rng.random(length), rng.random(length)
    whole, state, tail_state = theta.copy(), np.zeros((slots, length)), np.zeros((slots, 7))
    tail = theta[-7:].copy()

    rule(whole, grad.copy(), state, 0.1, 1)
    rule(tail, grad[-7:], tail_state, 0.1, 1)

    assert (whole != theta).all()
    assert_allclose(whole[-7:], tail, rtol=0)


def test_decay_takes_a_share_of_every_weight_away(rng: np.random.Generator) -> None:
    weights = rng.random(5)
    expected = weights - 0.02 * weights

    optim.decoupled_weight_decay(weights, 0.02)

    assert_allclose(weights, expected, rtol=1e-15)


def test_max_norm_scales_only_the_long_columns() -> None:
    """Not the short, and not those of zeros."""
    upper, lower = np.array([[3.0, 0.1, 0.0], [0.0, 0.2, 0.0]]), np.array([[4.0, 0.2, 0.0]])

    optim.clip_max_norm([upper, lower], 1.0)

    assert_allclose(upper, [[0.6, 0.1, 0.0], [0.0, 0.2, 0.0]], rtol=1e-15)
    assert_allclose(lower, [[0.8, 0.2, 0.0]], rtol=1e-15)


def test_max_norm_that_no_column_exceeds_changes_nothing(rng: np.random.Generator) -> None:
    W = rng.random((4, 3))
    before = W.copy()

    optim.clip_max_norm([W], 2.0)

    assert_array_equal(W, before)


def test_the_average_weighs_each_step_by_its_age(rng: np.random.Generator) -> None:
    length = 1003
    thetas = rng.random((4, length))
    mean, scratch = np.full(length, 7.0), np.empty(length)

    for t, theta in enumerate(thetas, 1):
        optim.ema_update(mean, theta, scratch, 0.9, t)

    assert_allclose(mean, np.average(thetas, axis=0, weights=0.9 ** np.arange(4)[::-1]), rtol=1e-13)
