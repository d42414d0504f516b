from math import pi, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from mlpcli.config.schema import Augment
from mlpcli.data import dataset
from mlpcli.data.preprocessing import center_view
from mlpcli.training.augment import active_inputs, augment, draws_per_image, reach
from mlpcli.training.rng import stream
from mlpcli.training.warp import Warp, affine

ALL = Augment(
    shift=2, rotate=12, scale=0.12, stretch=0.05, shear=8, elastic=1, erase=0.5, flip=True
)
SIZES = [(28, 28), (32, 32), (27, 20), (1, 2)]


@pytest.fixture
def images() -> NDArray[np.uint8]:
    """MNIST-like images, of the embedded digits."""
    return dataset.load("synth", "train", drawn=200).images


def noise(rng: np.random.Generator, size: tuple[int, int], n: int = 40) -> NDArray[np.uint8]:
    return rng.integers(0, 256, (n, *size), dtype=np.uint8)


def squares(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The images in the middle of black 32x32 squares."""
    square = np.zeros((len(images), 32, 32), np.uint8)
    center_view(square, images.shape[1:])[:] = images
    return square


def maps(size: tuple[int, int], n: int, **values: Any) -> NDArray[Any]:
    """n times the same map."""
    given = {"shift": (0, 0), "rotate": 0, "shear": 0, "scale": (1, 1)} | values
    return affine(size, **{k: np.repeat(np.array(v)[..., None], n, -1) for k, v in given.items()})


def warp(images: NDArray[np.uint8], maps: NDArray[Any]) -> NDArray[np.uint8]:
    return Warp()(images, maps, None)


def placed(images: NDArray[np.uint8], first: int, ranges: Augment = ALL) -> NDArray[np.uint8]:
    """The variants of images at positions from `first` on."""
    skip = first * draws_per_image(ranges)
    return augment(images, ranges, rng=stream(0, "augment", 1, skip=skip))


@pytest.mark.parametrize("size", SIZES)
def test_ranges_of_zero_leave_every_byte_as_it_was(
    rng: np.random.Generator, size: tuple[int, int]
) -> None:
    images = noise(rng, size)

    assert_array_equal(augment(images, Augment(), rng=rng), squares(images))


@pytest.mark.parametrize(("x", "y"), [(1, 0), (0, -2), (-3, 4), (2, 2)])
def test_a_shift_by_whole_pixels_rolls_the_square(rng: np.random.Generator, x: int, y: int) -> None:
    images = noise(rng, (24, 24))

    moved = warp(images, maps((24, 24), 40, shift=(x, y)))

    assert_array_equal(moved, np.roll(squares(images), (y, x), axis=(1, 2)))


def test_what_is_shifted_over_the_edge_is_gone_and_black_comes_after_it(
    rng: np.random.Generator,
) -> None:
    images = noise(rng, (32, 32))

    moved = warp(images, maps((32, 32), 40, shift=(5, 40)))
    right = warp(images, maps((32, 32), 40, shift=(5, 0)))

    assert not moved.any()
    assert not right[:, :, :5].any()
    assert_array_equal(right[:, :, 5:], images[:, :, :-5])


@pytest.mark.parametrize("quarters", [1, 2, 3, -1])
@pytest.mark.parametrize("size", [(28, 28), (32, 32), (21, 21)])
def test_a_quarter_turn_is_that_of_rot90(
    rng: np.random.Generator, size: tuple[int, int], quarters: int
) -> None:
    images = noise(rng, size)

    turned = warp(images, maps(size, 40, rotate=90 * quarters))

    assert_array_equal(turned, squares(np.rot90(images, quarters, axes=(1, 2))))


@pytest.mark.parametrize("size", SIZES)
def test_half_of_the_images_are_mirrored_exactly(
    rng: np.random.Generator, size: tuple[int, int]
) -> None:
    images = noise(rng, size, 400)

    variants = augment(images, Augment(flip=True), rng=rng)

    same = (variants == squares(images)).all(axis=(1, 2))
    mirrored = (variants == squares(images[:, :, ::-1])).all(axis=(1, 2))
    assert (same | mirrored).all()
    assert 160 < mirrored.sum() < 240


def test_a_scale_of_two_doubles_and_a_slant_moves_the_top_to_the_right() -> None:
    image = np.zeros((1, 31, 31), np.uint8)
    image[0, 13:18, 15] = 200  # an upright line; a 31x31 image's centre is a pixel, (15, 15)

    double = warp(image, maps((31, 31), 1, scale=(1, 2)))[0]
    slanted = warp(image, maps((31, 31), 1, shear=45))[0]

    assert_array_equal(np.flatnonzero(double[:, 15] == 200), np.arange(11, 20))
    assert [int(slanted[row, 15 + (15 - row)]) for row in range(13, 18)] == [200] * 5


def test_a_half_pixel_is_the_mean_of_its_neighbours() -> None:
    image = np.zeros((1, 2, 2), np.uint8)
    image[0] = [[100, 200], [40, 60]]

    moved = warp(image, maps((2, 2), 1, shift=(0.5, 0.5)))[0]

    assert_array_equal(moved[15:18, 15:18], [[25, 75, 50], [35, 100, 65], [10, 25, 15]])


def test_any_variant_is_what_a_slow_loop_over_pixels_gives(rng: np.random.Generator) -> None:
    """Bilinear interpolation in float64, pixel after pixel, within the rounding of places."""
    images = np.cumsum(noise(rng, (20, 20), 2) % 12, axis=2).astype(np.uint8)
    plan = maps((20, 20), 2, shift=(1.3, -0.7), rotate=11, shear=7, scale=(1.1, 0.9))
    source = np.pad(squares(images), ((0, 0), (30, 30), (30, 30))).astype(float)

    found = warp(images, plan)

    for n, row, column in np.ndindex(found.shape):
        x, y = plan[n] @ (column, row, 1) + 30
        i, j = int(y), int(x)
        v, u = y - i, x - j
        box = source[n, i : i + 2, j : j + 2]
        expected = np.array([1 - v, v]) @ box @ np.array([1 - u, u])
        assert abs(found[n, row, column] - expected) < 1.5


@pytest.mark.parametrize("sigma", [2.0, 4.0, 8.0])
def test_displacements_are_as_large_and_as_smooth_as_noise_under_a_gaussian(
    rng: np.random.Generator, sigma: float
) -> None:
    """Read off a ramp, which shows by its value where each pixel was read."""
    ramp = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (3000, 32, 1))
    ranges = Augment(elastic=1.5, elastic_sigma=sigma)

    seen = augment(ramp, ranges, rng=rng)[:, 9:23, 12:20] / 8.0  # far from the edges

    shift = seen - np.arange(12, 20)
    assert_allclose(shift.mean(axis=0), 0, atol=0.1)
    assert_allclose(shift.std(axis=0), 1.5, rtol=0.06)
    for distance in (1, 4, 8):
        expected = 1.5**2 * np.exp(-(distance**2) / (4 * sigma**2))
        along = (shift[:, :-distance] * shift[:, distance:]).mean()
        assert_allclose(along, expected, rtol=0.1, atol=0.06)


def test_displacements_agree_with_simards_smoothed_field(rng: np.random.Generator) -> None:
    """His alpha of 34 at sigma 4 is what the docstring of `warp` says in pixels."""
    line = np.arange(-24, 25)
    kernel = np.exp(-(line**2) / 32) / np.exp(-(line**2) / 32).sum()
    fields = rng.uniform(-1, 1, (2000, 49, 49))

    simard = 34 * np.einsum("nij,i,j->n", fields, kernel, kernel)

    assert_allclose(simard.std(), 34 / (sqrt(12 * pi) * 4), rtol=0.05)


def test_x_and_y_are_displaced_independently(rng: np.random.Generator) -> None:
    ramp = np.arange(0, 256, 8, dtype=np.uint8)
    ranges = Augment(elastic=1.5)
    state = rng.bit_generator.state

    across = augment(np.tile(ramp, (2000, 32, 1)), ranges, rng=rng)[:, 16, 16] / 8.0
    rng.bit_generator.state = state
    down = augment(np.tile(ramp[:, None], (2000, 1, 32)), ranges, rng=rng)[:, 16, 16] / 8.0

    assert abs(np.corrcoef(across, down)[0, 1]) < 0.08


def test_a_share_of_the_images_loses_a_rectangle_to_noise(rng: np.random.Generator) -> None:
    images = np.full((2000, 28, 28), 7, np.uint8)

    erased = augment(images, Augment(erase=0.3), rng=rng)

    inside = center_view(erased, (28, 28))
    changed = inside != 7
    share = changed.mean(axis=(1, 2))
    assert erased.sum() == inside.sum()  # nothing outside the image
    assert 0.25 < (share > 0).mean() < 0.35
    assert 0.015 < share[share > 0].min() < share.max() < 0.41
    for mask in changed[share > 0]:
        rows, columns = mask.any(axis=1), mask.any(axis=0)
        assert mask[np.ix_(rows, columns)].mean() > 0.8
        assert np.ptp(np.flatnonzero(rows)) < rows.sum() + 3
    assert_allclose(inside[changed].mean(), 127.5, atol=1)


@pytest.mark.parametrize("parts", [(1,) * 60, (7, 20, 33), (16, 16, 28), (60,)])
@pytest.mark.parametrize("ranges", [ALL, Augment(elastic=1, elastic_sigma=3.3), Augment(rotate=9)])
def test_a_variant_depends_on_its_position_alone(
    images: NDArray[np.uint8], parts: tuple[int, ...], ranges: Augment
) -> None:
    whole = placed(images[:60], 0, ranges)

    for n, end in zip(parts, np.cumsum(parts), strict=True):
        piece = placed(images[end - n : end], int(end - n), ranges)
        assert piece.tobytes() == whole[end - n : end].tobytes()


def test_no_two_variants_are_alike(images: NDArray[np.uint8]) -> None:
    same = np.repeat(images[:1], 200, axis=0)

    assert len({variant.tobytes() for variant in placed(same, 0)}) == 200


@pytest.mark.parametrize(
    "ranges",
    [
        Augment(shift=2),
        Augment(rotate=30),
        Augment(scale=0.3, stretch=0.1),
        Augment(shear=20),
        Augment(elastic=0.4),
        Augment(flip=True),
        Augment(erase=1),
        ALL,
    ],
)
@pytest.mark.parametrize("size", [(16, 16), (9, 14)])
def test_no_variant_lights_a_pixel_out_of_reach(
    rng: np.random.Generator, ranges: Augment, size: tuple[int, int]
) -> None:
    images = noise(rng, size, 1000)
    images[:, : size[0] // 2, 3:] = 0

    lit = augment(images, ranges, rng=rng).any(axis=0)

    reached = reach(images, ranges)
    assert not (lit & ~reached).any()
    assert reached.mean() < 1 or ranges in (ALL, Augment(elastic=0.4))


def test_reach_is_the_lit_pixels_and_the_shift_around_them() -> None:
    images = np.zeros((1, 32, 32), np.uint8)
    images[0, 10:13, 5] = 1

    found = reach(images, Augment(shift=2))

    expected = np.zeros((32, 32), bool)
    expected[8:15, 3:8] = True
    assert_array_equal(found, expected)
    assert not reach(np.zeros((3, 28, 28), np.uint8), Augment(shift=2)).any()


def test_used_are_the_inputs_within_reach_the_brightest_first(images: NDArray[np.uint8]) -> None:
    ranges = Augment(shift=1, rotate=5)

    found = active_inputs(images, ranges, rng=stream(0, "augment", 0))

    assert_array_equal(np.sort(found), np.flatnonzero(reach(images, ranges)))
    often = np.count_nonzero(placed(images, 0, ranges), axis=0).ravel()[found]
    assert often[:100].min() > often[-100:].max()
