from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mlpcli.nn import mlp, optim
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.engine import Engine


def problem(
    rng: np.random.Generator, sizes: tuple[int, ...], dtype: str, n: int
) -> tuple[mlp.Params, Any, Any]:
    params = mlp.init(sizes, rng=rng, dtype=dtype)
    x = rng.random((n, sizes[0])).astype(dtype)
    y = mlp.one_hot(rng.integers(0, sizes[-1], n), sizes[-1], smoothing=0.05, dtype=dtype)
    return params, x, y


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-5)])
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(9, 4), (9, 8, 4), (9, 8, 7, 6, 4)])
@pytest.mark.parametrize("n", [16, 5], ids=["full batch", "short last batch"])
def test_engine_gradient_equals_backward(
    dtype: str,
    tolerance: float,
    name: str,
    sizes: tuple[int, ...],
    n: int,
    rng: np.random.Generator,
) -> None:
    params, x, y = problem(rng, sizes, dtype, n)
    masks: list[Any] = [(rng.random((n, s)) < 0.7).astype(dtype) for s in sizes]
    shared: dict[str, Any] = {"activation": ACTIVATIONS[name], "masks": masks}
    engine = Engine(params, batch_size=16, activation=ACTIVATIONS[name], weight_decay=0.01)

    value = engine.gradient(x, y, masks=masks)

    expected = mlp.backward(
        params, mlp.forward(params, x, **shared), y, weight_decay=0.01, **shared
    )
    assert_allclose(value, mlp.loss(params, x, y, weight_decay=0.01, **shared), rtol=tolerance)
    for mine, theirs in zip(engine.grads, expected, strict=True):
        assert_allclose(mine.W, theirs.W, rtol=tolerance, atol=tolerance)
        assert_allclose(mine.b, theirs.b, rtol=tolerance, atol=tolerance)


def test_engine_leaves_the_parameters_it_was_given_alone(rng: np.random.Generator) -> None:
    params, x, y = problem(rng, (9, 8, 4), "float64", 5)
    before = params[0].W.copy()
    engine = Engine(params, batch_size=5, slots=1)

    engine.step(x, y, optim.sgd(0.9), lr=0.1)

    assert_array_equal(params[0].W, before)
    assert not np.array_equal(engine.params[0].W, before)


def test_a_step_with_a_non_finite_loss_changes_nothing(rng: np.random.Generator) -> None:
    params, x, y = problem(rng, (9, 8, 4), "float64", 5)
    x[2, 3] = np.nan
    engine = Engine(params, batch_size=5, slots=1)

    value = engine.step(x, y, optim.sgd(0.9), lr=0.1)

    assert np.isnan(value)
    assert_array_equal(engine.params[0].W, params[0].W)
    assert engine.steps == 0


def test_steps_lower_the_loss(rng: np.random.Generator) -> None:
    params, x, y = problem(rng, (9, 8, 4), "float32", 16)
    engine = Engine(params, batch_size=16, slots=2)
    rule = optim.adam(0.9, 0.999, 1e-8)

    losses = [engine.step(x, y, rule, lr=0.01) for _ in range(50)]

    assert losses[-1] < 0.7 * losses[0]
