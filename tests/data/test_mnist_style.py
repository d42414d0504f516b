from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from mlpcli.data import idx, mnist_style, synth
from mlpcli.data.mnist_style import as_mnist, has_light_background, normalize_contrast

MNIST = Path(__file__).parents[2].parent / "shared" / "data" / "mnist"

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def digits() -> Pixels:
    return synth.split("train", 100)[0]


@pytest.fixture
def seven() -> Pixels:
    """A digit of 20x12, black and white."""
    shape = np.zeros((20, 12), np.uint8)
    shape[:3] = 255
    shape[:, 8:] = 255
    return shape


def put(digit: Pixels, size: tuple[int, int], at: tuple[int, int], times: int = 1) -> Pixels:
    """A digit, that many times larger, somewhere on a larger black image."""
    canvas = np.zeros(size, np.uint8)
    large = digit.repeat(times, axis=0).repeat(times, axis=1)
    canvas[at[0] : at[0] + large.shape[0], at[1] : at[1] + large.shape[1]] = large
    return canvas


def frame(image: Pixels, level: float) -> list[int]:
    """First and last row and column with a pixel above a level."""
    return [int(end) for along in np.nonzero(image > level) for end in (along.min(), along.max())]


def center_of_mass(image: Pixels) -> list[float]:
    """Centre of mass, (row, column)."""
    mass = image.astype(float)
    return [(mass.sum(axis=1 - i) * np.arange(28)).sum() / mass.sum() for i in (0, 1)]


def test_the_border_tells_a_light_ground_from_a_dark_one(digits: Pixels) -> None:
    assert not has_light_background(digits).any()
    assert has_light_background(255 - digits).all()


def test_ink_that_touches_the_border_does_not_hide_the_ground(seven: Pixels) -> None:
    cropped = put(seven, (24, 20), at=(0, 8))

    assert_array_equal(has_light_background(np.stack([cropped, 255 - cropped])), [False, True])


def test_dark_paper_is_light_beside_its_ink() -> None:
    paper = np.full((1, 9, 9), 100, np.uint8)
    paper[0, 4] = 30

    assert has_light_background(paper).all()


@pytest.mark.parametrize("times", [1, 4, 30])
def test_a_digit_of_any_size_and_place_becomes_the_same(seven: Pixels, times: int) -> None:
    size = (26 * times + 11, 41 * times)

    result = as_mnist(put(seven, size, at=(2 * times, 3 * times + 5), times=times))

    assert result.shape == (28, 28)
    top, bottom, left, right = frame(result, 100)
    # a large one is reduced first
    assert_allclose(result[top : bottom + 1, left : right + 1], seven, atol=40)
    assert_allclose(center_of_mass(result), [14, 14], atol=0.51)


def test_a_light_ground_stays_light(digits: Pixels) -> None:
    for digit in digits[:10]:
        assert_array_equal(as_mnist(255 - digit), 255 - as_mnist(digit))


def test_the_noise_and_the_shadow_of_a_photo_hardly_matter(
    digits: Pixels, rng: np.random.Generator
) -> None:
    for digit in digits[:20]:
        clean = put(digit, (300, 400), at=(50, 120), times=6)
        ink = clean.astype(float) / 255
        paper = np.linspace(180, 230, 400)
        photo = paper - (paper - 50) * ink + 5 * rng.standard_normal(clean.shape)
        result = 255 - as_mnist(np.clip(photo, 0, 255).astype(np.uint8))

        assert np.corrcoef(result.ravel(), as_mnist(clean).ravel())[0, 1] > 0.8


def test_paper_without_ink_is_blank(rng: np.random.Generator) -> None:
    noise = rng.integers(200, 206, (60, 80)).astype(np.uint8)

    for image in (noise, np.zeros((40, 40), np.uint8), np.full((1, 50), 9, np.uint8)):
        assert as_mnist(image).max() == as_mnist(image).min()


def test_a_line_of_any_length_fits() -> None:
    for shape in ((1, 400), (400, 1), (2000, 3)):
        line = np.zeros((2010, 410), np.uint8)
        line[3 : 3 + shape[0], 4 : 4 + shape[1]] = 255

        assert as_mnist(line).shape == (28, 28)
        assert as_mnist(line).max() == 255


def test_levels_make_the_ground_black_and_the_ink_white() -> None:
    image = np.full((1, 8, 8), 40, np.uint8)
    image[0, 2, 2:5] = 90, 140, 65

    assert_allclose(normalize_contrast(image)[0, 2, 1:6], [0, 0.5, 1, 0.25, 0])


def test_images_with_black_ground_and_white_ink_keep_their_levels(digits: Pixels) -> None:
    clean = digits.copy()
    clean[:, [0, -1], :] = 0
    clean[:, :, [0, -1]] = 0
    clean[:, 14, 14] = 255

    assert_allclose(255 * normalize_contrast(clean), clean, atol=1e-3)


@pytest.mark.slow
@pytest.mark.skipif(not MNIST.is_dir(), reason="needs the published files in ../shared/data")
def test_mnists_own_digits_come_back_as_they_are() -> None:
    images = np.asarray(idx.images(MNIST / "t10k-images-idx3-ubyte.gz")[:2000])
    level = 255 * mnist_style.INK_THRESHOLD
    framed = [image for image in images if frame(image, 0) == frame(image, level)]

    assert len(framed) > 400
    for image in framed:
        photo = np.pad(255 - image, ((7, 3), (30, 15)), constant_values=255)
        assert_allclose(255.0 - as_mnist(photo), image, atol=1)
