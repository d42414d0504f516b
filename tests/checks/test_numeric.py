import numpy as np
import pytest
from numpy.testing import assert_allclose

from mlpcli.checks import numeric, reference, selftest
from mlpcli.checks.problem import Problem, derived_gradient, loss
from mlpcli.nn import mlp
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.mlp import Layer


def kinked_problem() -> Problem:
    """One image with one black pixel, and z1 = (0, 1)."""
    params = (
        Layer(np.array([[1.0, 1.0]]), np.array([0.0, 1.0])),
        Layer(np.array([[1.0, 0.5], [-1.0, 0.3]]), np.zeros(2)),
    )
    return Problem(params, x=np.zeros((1, 1)), y=np.array([[1.0, 0.0]]))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_increment_is_the_difference_of_two_values(name: str, rng: np.random.Generator) -> None:
    f = ACTIVATIONS[name]
    z, D = rng.normal(0, 2, 1000), rng.normal(0, 1, 1000)

    assert_allclose(f.increment(z, D), f.f(z + D) - f.f(z), atol=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_tiny_increment_keeps_all_its_digits(name: str, rng: np.random.Generator) -> None:
    f, z = ACTIVATIONS[name], rng.normal(0, 2, 1000)

    slope = f.increment(z, np.full_like(z, 1e-12)) / 1e-12
    assert_allclose(slope, reference.derivative(f, z), rtol=1e-9, atol=1e-12)


def test_every_parameter_has_the_derivative_of_plain_losses(rng: np.random.Generator) -> None:
    for _ in range(5):
        problem, _ = selftest.random_problem(rng)
        if problem.activation.kinked:
            continue
        differences = numeric.central(problem)
        for i, layer in enumerate(problem.params):
            for tensor, central in zip(layer, differences[2 * i : 2 * i + 2], strict=True):
                for at in np.ndindex(tensor.shape):
                    original, losses = tensor[at], []
                    for sign in (1, -1):
                        tensor[at] = original + sign * 1e-5
                        losses.append(float(loss(problem)))
                    tensor[at] = original
                    plain = (losses[0] - losses[1]) / 2e-5
                    assert central.derivative[at] == pytest.approx(plain, rel=1e-5, abs=1e-9)


def test_the_reference_needs_no_backward_pass(rng: np.random.Generator) -> None:
    for _ in range(20):
        problem, _ = selftest.random_problem(rng)
        layers = zip(reference.gradient(problem), derived_gradient(problem), strict=True)
        for mine, derived in layers:
            assert_allclose(mine.W, derived.W, atol=1e-14)
            assert_allclose(mine.b, derived.b, atol=1e-14)


def test_a_parameter_at_a_kink_is_found_and_left_out() -> None:
    W1, b1, W2, _ = numeric.central(kinked_problem())

    assert b1.kink.tolist() == [True, False]
    assert not W1.kink.any()  # the image is black, so W1 moves nothing
    assert not W2.kink.any()


def test_a_step_is_halved_until_no_kink_lies_between() -> None:
    params = (
        Layer(np.array([[1.0]]), np.array([numeric.STEP / 5])),
        Layer(np.array([[1.0, -1.0]]), np.zeros(2)),
    )
    problem = Problem(params, x=np.zeros((1, 1)), y=np.array([[1.0, 0.0]]))

    b1 = numeric.central(problem)[1]

    assert not b1.kink.any()
    assert_allclose(b1.derivative, reference.gradient(problem)[0].b, rtol=1e-9)


def test_a_black_pixel_has_a_derivative_of_exactly_zero(rng: np.random.Generator) -> None:
    params = mlp.init((3, 4, 2), rng=rng, dtype="float64")
    problem = Problem(params, x=np.array([[0.5, 0.0, 0.2]]), y=np.array([[1.0, 0.0]]))

    assert not numeric.central(problem)[0].derivative[1].any()
