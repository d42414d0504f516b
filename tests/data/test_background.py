import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from mlpcli.data.background import has_light_background, normalize_contrast
from tests.data.drawings import Pixels, put


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
