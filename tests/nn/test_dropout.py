import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mlpcli.nn import dropout


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5, 0.8])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_mask_drops_its_share_and_keeps_the_mean(
    rate: float, dtype: str, rng: np.random.Generator
) -> None:
    """Four standard deviations of a share of 200,000 draws."""
    (mask,) = dropout.masks(400, [500], [rate], rng=rng, dtype=dtype)

    assert mask is not None
    assert mask.dtype == dtype
    assert set(np.unique(mask)) == {0, mask.max()}
    assert_allclose(mask.max(), 1 / (1 - rate), rtol=2e-4)
    assert abs((mask == 0).mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / mask.size)


def test_draws_are_independent_of_their_neighbours(rng: np.random.Generator) -> None:
    """Correlations of 200,000 pairs, along rows and columns, within four standard deviations."""
    (mask,) = dropout.masks(400, [500], [0.5], rng=rng)

    assert mask is not None
    signs = mask - 1
    for pairs in [signs[:, i:] * signs[:, : 500 - i] for i in (1, 2, 3, 4)]:
        assert abs(pairs.mean()) < 4 / np.sqrt(pairs.size)
    assert abs((signs[1:] * signs[:-1]).mean()) < 4 / np.sqrt(signs.size)


def test_a_rate_of_zero_has_no_mask_and_draws_nothing() -> None:
    first = dropout.masks(3, [7, 5], [0.0, 0.5], rng=np.random.default_rng(1))
    second = dropout.masks(3, [5], [0.5], rng=np.random.default_rng(1))

    assert first[0] is None
    assert_array_equal(first[1], second[0])


def test_the_highest_rate_there_is_still_gives_numbers(rng: np.random.Generator) -> None:
    (mask,) = dropout.masks(400, [500], [1 - 1e-12], rng=rng)

    assert mask is not None
    assert np.isfinite(mask).all()


@pytest.mark.parametrize("n", [1, 3, 8])
def test_masks_have_the_shapes_of_the_layers(n: int, rng: np.random.Generator) -> None:
    masks = dropout.masks(n, [5, 3, 1], [0.2, 0.5, 0.5], rng=rng)

    assert [mask.shape for mask in masks if mask is not None] == [(n, 5), (n, 3), (n, 1)]
