"""The unit with its batch, in which formulas are evaluated, is one of a network as it trains."""

import numpy as np
import pytest

from mlpcli.checks.questions.batch_points import BATCH_SIZES, units
from mlpcli.checks.questions.points import Point
from mlpcli.nn import batch_norm

each = pytest.mark.parametrize("point", units(), ids=lambda point: f"{len(point.values['u'])}")


def test_each_unit_has_a_batch_of_another_size() -> None:
    assert [float(point.values["n"]) for point in units()] == list(BATCH_SIZES)


@each
def test_the_values_of_a_unit_are_those_of_the_code(point: Point) -> None:
    u_hat, sigma = batch_norm.normalize(point.values["u"][:, None])

    np.testing.assert_allclose(point.values["û"], u_hat[:, 0], rtol=1e-12)
    np.testing.assert_allclose(point.values["σ"], sigma[0], rtol=1e-12)  # noqa: RUF001  # Greek


@each
def test_the_gradient_goes_through_mean_and_variance(point: Point) -> None:
    assert point.gradient
    normalized = batch_norm.normalize(point.values["u"][:, None])
    grad_u = batch_norm.backward(point.gradient("z2")[:, None], normalized)[:, 0]

    assert 1 < np.count_nonzero(point.gradient("z2")) < len(grad_u)
    np.testing.assert_allclose(point.gradient("u"), grad_u, rtol=1e-9)
    np.testing.assert_allclose(point.gradient("W2"), point.values["h1"].T @ grad_u, rtol=1e-9)
