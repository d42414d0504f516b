from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from mlpcli.nn import Array, mlp, temperature
from mlpcli.nn.mlp import Layer, Params

STEP = 1e-30  # of the complex step


def outputs(
    rng: np.random.Generator, n: int = 400, classes: int = 5, *, scale: float = 3.0
) -> tuple[Array, NDArray[np.integer[Any]]]:
    """Outputs z of a network that is right as often as softmax(z / scale) says, and labels."""
    z = rng.normal(size=(n, classes))
    labels = (z + rng.gumbel(size=z.shape)).argmax(axis=1)  # drawn from softmax(z)
    return scale * z, labels


def test_the_derivative_agrees_with_the_complex_step(rng: np.random.Generator) -> None:
    z, labels = outputs(rng)
    y = mlp.one_hot(labels, 5, smoothing=0.01)

    for a in (0.1, 1.0, 4.0):
        slope, _ = temperature.derivatives(a, z, y)
        loss = mlp.cross_entropy((a + 1j * STEP) * z, y)
        assert_allclose(slope, loss.imag / STEP, rtol=1e-12)


def test_the_second_derivative_agrees_with_central_differences(rng: np.random.Generator) -> None:
    z, labels = outputs(rng)
    y = mlp.one_hot(labels, 5)

    for a in (0.1, 1.0, 4.0):
        _, curvature = temperature.derivatives(a, z, y)
        ahead, behind = (temperature.derivatives(a + d, z, y)[0] for d in (1e-5, -1e-5))
        assert_allclose(curvature, (ahead - behind) / 2e-5, rtol=1e-7)


def test_the_temperature_has_the_least_cross_entropy(rng: np.random.Generator) -> None:
    z, labels = outputs(rng)
    y = mlp.one_hot(labels, 5, smoothing=1 / 401)

    found = temperature.fit(z, labels)

    losses = [mlp.cross_entropy(z / t, y) for t in np.geomspace(0.3, 30, 2001)]
    assert mlp.cross_entropy(z / found, y) <= min(losses)


def test_the_temperature_by_which_outputs_were_scaled_is_found(rng: np.random.Generator) -> None:
    z, labels = outputs(rng, 100_000, scale=3.0)

    assert_allclose(temperature.fit(z, labels), 3.0, rtol=0.03)
    assert_allclose(temperature.fit(z / 30, labels), 0.1, rtol=0.03)


def test_outputs_shifted_in_a_row_have_the_same_temperature(rng: np.random.Generator) -> None:
    z, labels = outputs(rng)

    shifted = temperature.fit(z + rng.normal(size=(400, 1)), labels)
    assert_allclose(shifted, temperature.fit(z, labels), rtol=1e-8)


def test_a_few_images_without_a_mistake_do_not_make_the_network_certain(
    rng: np.random.Generator,
) -> None:
    z = 2.0 * np.eye(3)[[0, 1, 2, 0]]

    p = mlp.softmax(z / temperature.fit(z, np.array([0, 1, 2, 0]))).max(axis=1)
    assert_allclose(p, (4 + 1 / 3) / 5)  # Laplace's rule: 4 of 4, and one of every class at once


def test_a_single_image_has_a_temperature(rng: np.random.Generator) -> None:
    z = np.array([[3.0, 1.0]])

    assert_allclose(mlp.softmax(z / temperature.fit(z, np.array([0]))), [[0.75, 0.25]])


def test_a_network_worse_than_chance_is_made_to_doubt_everything(rng: np.random.Generator) -> None:
    z = 5.0 * np.eye(4)[[0, 1, 2, 3]]

    found = temperature.fit(z, np.array([1, 2, 3, 0]))
    assert np.isfinite(found)
    assert_allclose(mlp.softmax(z / found), 0.25, atol=0.01)


@pytest.mark.parametrize("scale", [1e-20, 1e-3, 1e3, 1e20])
def test_outputs_of_any_scale_have_a_temperature(rng: np.random.Generator, scale: float) -> None:
    z, labels = outputs(rng, scale=1.0)

    assert_allclose(
        temperature.fit(scale * z, labels) / scale, temperature.fit(z, labels), rtol=1e-6
    )


def test_outputs_without_a_difference_have_temperature_1() -> None:
    assert temperature.fit(np.full((6, 3), 7.0), np.array([0, 1, 2, 0, 1, 2])) == 1


def test_the_fit_leaves_the_outputs_as_they_are(rng: np.random.Generator) -> None:
    z, labels = outputs(rng)
    before = z.copy()

    temperature.fit(z, labels)

    assert_array_equal(z, before)


def test_a_scaled_network_gives_the_scaled_outputs(rng: np.random.Generator, tiny: Params) -> None:
    x = rng.normal(size=(7, len(tiny[0].W)))
    z = mlp.forward(tiny, x).z[-1]

    scaled = temperature.scaled(tiny, 2.5)

    assert_allclose(mlp.forward(scaled, x).z[-1], z / 2.5)
    assert isinstance(scaled[-1], Layer)
    assert scaled[0] is tiny[0]
