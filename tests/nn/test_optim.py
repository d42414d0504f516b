import numpy as np
import pytest
from numpy.testing import assert_allclose

from mlpcli.nn import optim, schedule


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


@pytest.mark.parametrize(
    ("rule", "slots"), [(optim.sgd(0.9), 1), (optim.adam(0.9, 0.999, 1e-8), 2)]
)
def test_a_rule_changes_each_entry_alike_in_any_part_of_the_vectors(
    rule: optim.Rule, slots: int, rng: np.random.Generator
) -> None:
    length = 1007
    theta, grad = rng.random(length), rng.random(length)
    whole, state, tail_state = theta.copy(), np.zeros((slots, length)), np.zeros((slots, 7))
    tail = theta[-7:].copy()

    rule(whole, grad.copy(), state, 0.1, 1)
    rule(tail, grad[-7:], tail_state, 0.1, 1)

    assert (whole != theta).all()
    assert_allclose(whole[-7:], tail, rtol=0)


def test_cosine_falls_monotonically_from_one_to_zero() -> None:
    values = [schedule.cosine(p) for p in np.linspace(0, 1, 11)]

    assert values[0] == 1
    assert abs(values[-1]) < 1e-15
    assert (np.diff(values) < 0).all()
