from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mlpcli.nn import mlp
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.mlp import Layer


def batch(rng: np.random.Generator, n: int = 7) -> tuple[Any, Any]:
    return rng.random((n, 6)), mlp.one_hot(rng.integers(0, 3, n), 3)


def test_forward_equals_the_workbooks_equations(tiny: mlp.Params, rng: np.random.Generator) -> None:
    (W1, b1), (W2, b2), (W3, b3) = tiny
    x, y = batch(rng)
    h1 = np.maximum(x @ W1 + b1, 0)
    h2 = np.maximum(h1 @ W2 + b2, 0)
    z3 = h2 @ W3 + b3
    h3 = np.exp(z3) / np.exp(z3).sum(axis=1, keepdims=True)

    run = mlp.forward(tiny, x)

    for found, expected in zip(run.h, (x, h1, h2, h3), strict=True):
        assert_allclose(found, expected)
    assert_allclose(mlp.cross_entropy(z3, y), -np.log((h3 * y).sum(axis=1)).mean())


def test_backward_of_one_example_is_the_workbooks_outer_product(
    tiny: mlp.Params, rng: np.random.Generator
) -> None:
    x, y = batch(rng, n=1)
    run = mlp.forward(tiny, x)
    h2, h3 = run.h[2][0], run.h[3][0]

    grad = mlp.backward(tiny, run, y)[2]

    assert_allclose(grad.W, np.outer(h2, h3 - y[0]))
    assert_allclose(grad.b, h3 - y[0])


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(6, 3), (6, 5, 3), (6, 5, 4, 4, 3)])
def test_backward_agrees_with_the_complex_step(
    name: str, sizes: tuple[int, ...], rng: np.random.Generator
) -> None:
    params = mlp.init(sizes, rng=rng, dtype="float64")
    x, y = batch(rng)
    y = 0.9 * y + 0.1 / 3
    masks = [np.where(rng.random((7, size)) < 0.8, 1.25, 0.0) for size in sizes]
    options: dict[str, Any] = {"activation": ACTIVATIONS[name], "masks": masks}
    run, step = mlp.forward(params, x, **options), 1e-30
    options["weights"] = rng.uniform(0, 2, (7, 1))
    grads = mlp.backward(params, run, y, weight_decay=0.1, **options)

    for i, layer in enumerate(params):
        for kind in Layer._fields:
            direction = rng.standard_normal(getattr(layer, kind).shape)
            moved = layer._replace(**{kind: getattr(layer, kind) + 1j * step * direction})
            at = (*params[:i], moved, *params[i + 1 :])
            numeric = mlp.loss(at, x, y, weight_decay=0.1, **options).imag / step
            assert_allclose(np.vdot(getattr(grads[i], kind), direction), numeric, rtol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_survives_large_inputs_and_keeps_its_dtype(name: str) -> None:
    z = np.array([-1000.0, -1.0, 0.0, 1.0, 1000.0], "float32")

    f, derivative, increment, _ = ACTIVATIONS[name]
    for result in (f(z), derivative(z), increment(z, np.full_like(z, 1e-7))):
        assert np.isfinite(result).all()
        assert result.dtype == z.dtype


def test_softmax_and_cross_entropy_survive_large_logits() -> None:
    z = np.array([[1000.0, 0.0], [-1000.0, 0.0]])
    y = np.array([[1.0, 0.0], [1.0, 0.0]])

    assert_allclose(mlp.softmax(z), [[1, 0], [0, 1]])
    assert_allclose(mlp.cross_entropy(z, y), 500)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_forward_and_backward_keep_the_dtype(dtype: str, rng: np.random.Generator) -> None:
    params = mlp.init((6, 5, 3), rng=rng, dtype=dtype)
    x, y = batch(rng)
    real = "float32" if dtype == "float32" else "float64"
    run = mlp.forward(params, x.astype(real))

    grads = mlp.backward(params, run, y.astype(real))

    assert {array.dtype for layer in grads for array in layer} == {np.dtype(dtype)}


def test_the_weight_of_an_image_multiplies_its_loss_and_nothing_else(
    tiny: mlp.Params, rng: np.random.Generator
) -> None:
    x, y = batch(rng)
    weights = np.array([[2.0], [0.0], [1.0], [1.0], [0.5], [3.0], [1.0]])

    each = [mlp.loss(tiny, x[[i]], y[[i]]) for i in range(7)]

    assert_allclose(mlp.loss(tiny, x, y, weights=weights), weights[:, 0] @ each / 7)
    assert mlp.loss(tiny, x, y, weights=np.ones((7, 1))) == mlp.loss(tiny, x, y)


def test_smoothed_targets_still_sum_to_one() -> None:
    y = mlp.one_hot(np.array([0, 2]), 4, smoothing=0.1)

    assert_allclose(y.sum(axis=1), 1)
    assert_allclose(y[0], [0.925, 0.025, 0.025, 0.025])


@pytest.mark.parametrize(
    ("scheme", "variance"), [("he", 2 / 1024), ("glorot", 2 / 1536), ("lecun", 1 / 1024)]
)
def test_init_draws_with_the_variance_of_its_scheme(
    scheme: str, variance: float, rng: np.random.Generator
) -> None:
    """Within four standard deviations of the variance of 524,288 draws."""
    W = mlp.init((1024, 512), rng=rng, scheme=scheme)[0].W

    assert_allclose(W.var(), variance, rtol=4 * np.sqrt(2 / W.size))
    assert abs(W.mean()) < 4 * np.sqrt(variance / W.size)


def test_the_seed_decides_the_initial_weights_and_biases_are_zero() -> None:
    draw = [mlp.init((6, 5, 3), rng=np.random.default_rng(seed)) for seed in (3, 3, 4)]

    assert not draw[0][0].b.any()
    assert_array_equal(draw[0][0].W, draw[1][0].W)
    assert not np.array_equal(draw[0][0].W, draw[2][0].W)


def test_init_refuses_a_network_without_layers(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="at least input and output"):
        mlp.init((1024,), rng=rng)
