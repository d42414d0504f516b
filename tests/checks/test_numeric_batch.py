import numpy as np
import pytest
from numpy.testing import assert_allclose

from mlpcli.checks import numeric, numeric_batch, reference
from mlpcli.checks.problem import Problem, loss
from mlpcli.nn import mlp
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.mlp import Layer

SIZES = (6, 5, 4, 3)


def make_problem(rng: np.random.Generator, activation: str) -> Problem:
    """With every option that the loss has."""
    n, layers = 5, mlp.init(SIZES, rng=rng, dtype="float64")
    return Problem(
        tuple(Layer(W, 0.3 * rng.normal(size=b.shape)) for W, b in layers),
        rng.random((n, SIZES[0])),
        mlp.one_hot(rng.integers(0, SIZES[-1], n), SIZES[-1], smoothing=0.1),
        ACTIVATIONS[activation],
        masks=[(rng.random((n, size)) < 0.8) / 0.8 for size in SIZES[:-1]],
        weight_decay=0.05,
        weights=rng.uniform(0.5, 2, (n, 1)),
        batch_norm=True,
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_parameter_has_the_complex_step_of_the_plain_loss(
    name: str, rng: np.random.Generator
) -> None:
    problem = make_problem(rng, name)

    differences = iter(numeric.central(problem))

    for i, layer in enumerate(problem.params):
        for field, tensor in layer._asdict().items():
            central = next(differences)
            assert not central.kink.any()
            for at in np.ndindex(tensor.shape):
                moved = tensor.astype("complex128")
                moved[at] += 1e-30j
                params = list(problem.params)
                params[i] = layer._replace(**{field: moved})
                exact = loss(problem._replace(params=tuple(params))).imag / 1e-30
                assert central.derivative[at] == pytest.approx(exact, rel=1e-9, abs=1e-13)


def test_rises_are_differences_of_summed_losses_and_notice_a_kink(rng: np.random.Generator) -> None:
    problem = make_problem(rng, "relu")._replace(weight_decay=0.0)
    run, n, step = reference.forward(problem), len(problem.x), 0.5
    i, j = np.array([2, 6]), np.array([3, 1])  # an entry of W1 and one of b1

    up, down, crossed = numeric_batch.rises(problem, run, 0, i, j, step=step)

    (W, b), *others = problem.params
    for k, sign in ((0, 1), (1, -1)):
        moved = W.copy(), b.copy()
        moved[0][2, 3] += sign * step
        one = float(loss(problem._replace(params=(Layer(moved[0], b), *others))))
        moved[1][1] += sign * step
        other = float(loss(problem._replace(params=(Layer(W, moved[1]), *others))))
        rises = n * (np.array([one, other]) - float(loss(problem)))
        assert_allclose((up, down)[k], rises, rtol=1e-10, atol=1e-13)
    assert crossed.any()
    assert not numeric_batch.rises(problem, run, 0, i, j, step=1e-12)[2].any()
