from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mlpcli.checks import reference
from mlpcli.checks.explain import example, explain
from mlpcli.checks.problem import Problem, derived_gradient, loss
from mlpcli.nn import mlp
from mlpcli.nn.activation import ACTIVATIONS


def full_size() -> Problem:
    rng = np.random.default_rng(5)
    params = mlp.init((1024, 512, 256, 10), rng=rng, dtype="float64")
    return Problem(params, rng.random((2, 1024)), mlp.one_hot(np.array([4, 9]), 10))


def decayed() -> Problem:
    silu = ACTIVATIONS["silu"]
    problem = example()._replace(activation=silu, weight_decay=0.1)
    return problem._replace(y=mlp.one_hot(np.array([1]), 2, smoothing=0.2))


def weighted() -> Problem:
    return full_size()._replace(weights=np.array([[2.5], [0.5]]))


problems = pytest.mark.parametrize("make", [example, full_size, decayed, weighted])


def first_row(problem: Problem) -> Problem:
    weights = None if problem.weights is None else problem.weights[:1]
    return problem._replace(x=problem.x[:1], y=problem.y[:1], weights=weights)


@problems
def test_its_numbers_are_those_of_backward(make: Callable[[], Problem]) -> None:
    problem = make()
    one = first_row(problem)
    values = explain(problem).values

    for i, grads in enumerate(derived_gradient(one), 1):
        assert_array_equal(values[f"grad_W{i}"], grads.W)
        assert_array_equal(values[f"grad_b{i}"], grads.b)


@problems
def test_its_numbers_are_those_of_the_check_to_1e_15(make: Callable[[], Problem]) -> None:
    problem = make()
    one = first_row(problem)
    values, grad_z = explain(problem).values, reference.grad_z(one)

    for i, (W, b) in enumerate(reference.gradient(one), 1):
        for name, expected in ((f"grad_W{i}", W), (f"grad_b{i}", b), (f"grad_z{i}", grad_z[i - 1])):
            atol = 1e-15 * abs(expected).max()
            assert_allclose(values[name], expected.reshape(values[name].shape), rtol=0, atol=atol)


def test_its_forward_numbers_are_those_of_forward() -> None:
    problem = example()
    z, h, *_ = reference.forward(problem)
    values = explain(problem).values

    for i in (1, 2):
        assert_array_equal(values[f"z{i}"], z[i - 1][0])
        assert_array_equal(values[f"h{i}"], h[i][0])
    assert values["CE"] == loss(problem)


def test_the_weight_of_a_class_is_in_the_loss_and_its_derivative() -> None:
    plain, with_weight = explain(full_size()), explain(weighted())
    formulas = {step.name: step.formula for step in with_weight.steps}

    assert (formulas["CE"], formulas["grad_z3"]) == ("w * -(y * log(h3)).sum()", "w * (h3 - y)")
    assert with_weight.values["w"] == 2.5
    assert "w" not in plain.values
    assert_allclose(with_weight.values["CE"], 2.5 * plain.values["CE"])
    assert_allclose(with_weight.values["grad_z3"], 2.5 * plain.values["grad_z3"])


def test_the_steps_stand_in_the_workbooks_order() -> None:
    names = [step.name for step in explain(full_size()).steps]

    assert names == [
        *("z1", "h1", "z2", "h2", "z3", "h3", "CE"),
        *("grad_z3", "grad_W3", "grad_b3"),
        *("grad_h2", "grad_z2", "grad_W2", "grad_b2"),
        *("grad_h1", "grad_z1", "grad_W1", "grad_b1"),
    ]


def test_another_image_of_the_batch_can_be_chosen() -> None:
    problem = full_size()

    assert_array_equal(explain(problem, image=1).values["h0"], problem.x[1])


def test_the_example_has_a_dead_unit_a_wrong_guess_and_no_zero_to_hide_a_term() -> None:
    values = explain(example()).values

    assert (values["h1"] == 0).sum() == 1
    assert values["h2"].argmax() != values["y"].argmax()
    assert all(values[name].all() for name in ("h0", "W1", "b1", "W2", "b2"))
