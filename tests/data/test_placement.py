from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mlpcli.data import background, idx, placement
from mlpcli.data.placement import MNIST, Rule, arrange, measure, obeys
from tests.data.drawings import Pixels, put

FILES = Path(__file__).parents[2].parent / "shared" / "data" / "mnist"


def frame(image: Pixels, level: float) -> list[int]:
    """First and last row and column with a pixel above a level."""
    return [int(end) for along in np.nonzero(image > level) for end in (along.min(), along.max())]


def center_of_mass(image: Pixels) -> list[float]:
    """Centre of mass, (row, column)."""
    mass = image.astype(float)
    return [(mass.sum(axis=1 - i) * np.arange(28)).sum() / mass.sum() for i in (0, 1)]


@pytest.mark.parametrize("times", [1, 4, 30])
def test_a_digit_of_any_size_and_place_becomes_the_same(seven: Pixels, times: int) -> None:
    size = (26 * times + 11, 41 * times)

    result = arrange(put(seven, size, at=(2 * times, 3 * times + 5), times=times))

    assert result.shape == (28, 28)
    top, bottom, left, right = frame(result, 100)
    # a large one is reduced first
    assert_allclose(result[top : bottom + 1, left : right + 1], seven, atol=40)
    assert_allclose(center_of_mass(result), [14, 14], atol=0.51)


def test_a_light_ground_stays_light(digits: Pixels) -> None:
    for digit in digits[:10]:
        assert_array_equal(arrange(255 - digit), 255 - arrange(digit))


def test_the_noise_and_the_shadow_of_a_photo_hardly_matter(
    digits: Pixels, rng: np.random.Generator
) -> None:
    for digit in digits[:20]:
        clean = put(digit, (300, 400), at=(50, 120), times=6)
        ink = clean.astype(float) / 255
        paper = np.linspace(180, 230, 400)
        photo = paper - (paper - 50) * ink + 5 * rng.standard_normal(clean.shape)
        result = 255 - arrange(np.clip(photo, 0, 255).astype(np.uint8))

        assert np.corrcoef(result.ravel(), arrange(clean).ravel())[0, 1] > 0.8


def test_paper_without_ink_is_blank(rng: np.random.Generator) -> None:
    noise = rng.integers(200, 206, (60, 80)).astype(np.uint8)

    for image in (noise, np.zeros((40, 40), np.uint8), np.full((1, 50), 9, np.uint8)):
        assert arrange(image).max() == arrange(image).min()


def test_a_line_of_any_length_fits() -> None:
    for shape in ((1, 400), (400, 1), (2000, 3)):
        line = np.zeros((2010, 410), np.uint8)
        line[3 : 3 + shape[0], 4 : 4 + shape[1]] = 255

        assert arrange(line).shape == (28, 28)
        assert arrange(line).max() == 255


@pytest.mark.slow
@pytest.mark.skipif(not FILES.is_dir(), reason="needs the published files in ../shared/data")
def test_mnists_own_digits_come_back_as_they_are() -> None:
    images = np.asarray(idx.images(FILES / "t10k-images-idx3-ubyte.gz")[:2000])
    level = 255 * background.INK_THRESHOLD
    framed = [image for image in images if frame(image, 0) == frame(image, level)]

    assert len(framed) > 400
    for image in framed:
        photo = np.pad(255 - image, ((7, 3), (30, 15)), constant_values=255)
        assert_allclose(255.0 - arrange(photo), image, atol=1)


def shapes(rng: np.random.Generator, *, side: int, spread: int = 0, shift: int = 0) -> Pixels:
    """60 images of 28x28 with a rectangle whose longer side and place vary as told."""
    images = np.zeros((60, 28, 28), np.uint8)
    for image in images:
        longer = side + int(rng.integers(-spread, spread + 1))
        height, width = longer, int(rng.integers(4, longer + 1))
        top, left = (14 - n // 2 + int(rng.integers(-shift, shift + 1)) for n in (height, width))
        image[top : top + height, left : left + width] = 255
    return images


def test_ink_of_one_size_in_the_middle_is_a_rule(rng: np.random.Generator) -> None:
    found = measure(shapes(rng, side=16))

    assert found is not None
    assert found.is_rule
    assert (found.rule.size, found.rule.side) == ((28, 28), 16)
    assert found.side == (16, 0)


@pytest.mark.parametrize("varying", ["spread", "shift"])
def test_ink_of_any_size_or_place_is_none(rng: np.random.Generator, varying: str) -> None:
    found = measure(shapes(rng, side=14, **{varying: 5}))

    assert found is not None
    assert not found.is_rule
    assert abs(found.rule.side - 14) <= 2


def test_drawn_digits_have_no_rule(digits: Pixels) -> None:
    found = measure(digits)

    assert found is not None
    assert not found.is_rule


def test_dark_on_light_lies_as_its_mirror(digits: Pixels) -> None:
    assert measure(255 - digits) == measure(digits)


def test_too_few_images_with_ink_are_not_measured(rng: np.random.Generator) -> None:
    images = shapes(rng, side=16)
    images[placement.MIN_IMAGES - 1 :] = 0

    assert measure(images) is None


def test_what_was_arranged_obeys_the_rule(digits: Pixels) -> None:
    for rule in (MNIST, Rule((24, 30), 18, (12, 15.5), "box"), Rule((28, 28), 28, (14, 14), "box")):
        arranged = np.stack([arrange(digit, rule) for digit in digits[:20]])

        assert arranged.shape[1:] == rule.size
        assert obeys(arranged, rule).all()
        assert obeys(255 - arranged, rule).all()
        assert not obeys(digits[:20], rule).all()


def test_a_shape_wider_than_the_rules_image_fits(seven: Pixels) -> None:
    assert arrange(seven.T, Rule((28, 10), 24, (14, 5), "box")).max() == 255


def test_ink_on_gray_disobeys_though_it_lies_well(digits: Pixels) -> None:
    arranged = arrange(digits[0])[None]

    assert obeys(arranged, MNIST).all()
    assert not obeys(np.maximum(arranged, 60), MNIST).any()


@pytest.mark.slow
@pytest.mark.skipif(not FILES.is_dir(), reason="needs the published files in ../shared/data")
def test_mnists_rule_is_found_and_its_digits_obey_it() -> None:
    images = np.asarray(idx.images(FILES / "t10k-images-idx3-ubyte.gz"))
    found = measure(images[::5])

    assert found is not None
    assert found.is_rule
    assert found.rule == MNIST
    assert obeys(images, MNIST).mean() > 0.998
