import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mlpcli.nn import batch_norm, mlp
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.batch_norm import EPS
from mlpcli.nn.mlp import Layer

SIZES = (9, 8, 7, 4)


def test_each_unit_has_mean_zero_and_almost_variance_one(rng: np.random.Generator) -> None:
    u = rng.normal(5, 3, (50, 4))

    u_hat, sigma = batch_norm.normalize(u)

    assert_allclose(u_hat.mean(axis=0), 0, atol=1e-14)
    assert_allclose(u_hat.var(axis=0), u.var(axis=0) / (u.var(axis=0) + EPS), rtol=1e-12)
    assert_allclose(sigma, np.sqrt(u.var(axis=0) + EPS), rtol=1e-12)


def test_a_single_image_and_a_unit_that_never_changes_become_zero() -> None:
    assert_array_equal(batch_norm.normalize(np.array([[3.0, -2.0]])).u_hat, [[0, 0]])
    assert_array_equal(batch_norm.normalize(np.full((4, 2), 7.0)).u_hat, np.zeros((4, 2)))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_backward_is_the_complex_step_in_every_u(n: int, rng: np.random.Generator) -> None:
    u, grad_z = rng.normal(1, 2, (n, 3)), rng.normal(size=(n, 3))

    derived = batch_norm.backward(grad_z, batch_norm.normalize(u))

    for at in np.ndindex(u.shape):
        moved = u.astype("complex128")
        moved[at] += 1e-30j
        numeric = (grad_z * batch_norm.normalize(moved).u_hat).sum().imag / 1e-30
        assert derived[at] == pytest.approx(numeric, rel=1e-9, abs=1e-12)


def test_an_increment_is_the_difference_of_two_values(rng: np.random.Generator) -> None:
    u, D = rng.normal(2, 3, (5, 4)), rng.normal(size=(6, 5, 4))

    increments = batch_norm.increment(batch_norm.normalize(u), D)

    for one, moved in zip(increments, u + D, strict=True):
        expected = batch_norm.normalize(moved).u_hat - batch_norm.normalize(u).u_hat
        assert_allclose(one, expected, atol=1e-14)


def test_a_tiny_increment_keeps_all_its_digits(rng: np.random.Generator) -> None:
    u, D = rng.normal(2, 3, (5, 4)), rng.normal(size=(6, 5, 4))

    slopes = batch_norm.increment(batch_norm.normalize(u), 1e-12 * D) / 1e-12

    for slope, direction in zip(slopes, D, strict=True):
        exact = batch_norm.normalize(u + 1e-30j * direction).u_hat.imag / 1e-30
        assert_allclose(slope, exact, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("n", [16, 3])
def test_the_gradient_is_the_complex_step_of_the_loss(
    name: str, n: int, rng: np.random.Generator
) -> None:
    """Through the statistics of every layer, with dropout, class weights and weight decay."""
    shifts = [rng.normal(size=size) for size in SIZES[1:]]
    plain = mlp.init(SIZES, rng=rng, dtype="float64")
    params = tuple(Layer(W, b) for (W, _), b in zip(plain, shifts, strict=True))
    x, y = rng.random((n, 9)), mlp.one_hot(rng.integers(0, 4, n), 4, smoothing=0.1)
    masks, f = [(rng.random((n, size)) < 0.7) / 0.7 for size in SIZES], ACTIVATIONS[name]
    weights = rng.uniform(0.5, 2, (n, 1))
    by = batch_norm.normalize

    run = mlp.forward(params, x, activation=f, masks=masks, normalize=by)
    derived = mlp.backward(
        params, run, y, activation=f, masks=masks, weights=weights, weight_decay=0.01
    )

    for i, layer in enumerate(params):
        for field, tensor in layer._asdict().items():
            direction = rng.normal(size=tensor.shape)
            moved = layer._replace(**{field: tensor + 1e-30j * direction})
            value = mlp.loss(
                (*params[:i], moved, *params[i + 1 :]),
                x,
                y,
                activation=f,
                masks=masks,
                weights=weights,
                weight_decay=0.01,
                normalize=by,
            )
            product = (getattr(derived[i], field) * direction).sum()
            assert product == pytest.approx(value.imag / 1e-30, rel=1e-9, abs=1e-12)


def test_the_scale_of_weights_has_no_effect_on_what_follows(rng: np.random.Generator) -> None:
    """Which is why W of the next layer can stand for the scale that is left out."""
    params = mlp.init(SIZES, rng=rng, dtype="float64")
    doubled = (params[0]._replace(W=1000 * params[0].W), *params[1:])
    x = rng.random((16, 9))

    runs = [mlp.forward(p, x, normalize=batch_norm.normalize) for p in (params, doubled)]

    assert_allclose(runs[0].h[-1], runs[1].h[-1], rtol=1e-4)
