import base64
from io import BytesIO
from typing import Any

import numpy as np
from numpy.testing import assert_array_equal
from PIL import Image

from mlpcli.show import pixels
from mlpcli.show.pixels import Picture


def decoded(picture: Picture, mode: str) -> np.ndarray[Any, Any]:
    """The pixels that a browser gets."""
    kind, _, text = picture.address.partition(",")
    assert kind == "data:image/png;base64"
    image = Image.open(BytesIO(base64.b64decode(text)))
    assert image.format == "PNG"
    assert image.size == (picture.width, picture.height)
    return np.asarray(image.convert(mode))


def test_a_gray_image_keeps_every_pixel(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (28, 20)).astype("uint8")

    assert_array_equal(decoded(pixels.gray(image), "L"), image)


def test_a_sheet_shows_the_sign_as_colour_and_the_size_as_opacity() -> None:
    weights = np.zeros((3, 2, 2))
    weights[0] = np.array([[1, -1], [0.5, 0]])
    weights[2] = -7

    found = decoded(pixels.sheet(weights, 2), "RGBA")

    assert found.shape == (2 * 2 + pixels.GAP, 2 * 2 + pixels.GAP, 4)
    assert tuple(found[0, 0]) == (*pixels.POSITIVE, 255)
    assert tuple(found[0, 1]) == (*pixels.NEGATIVE, 255)
    assert tuple(found[1, 0, :3]) == pixels.POSITIVE
    assert abs(found[1, 0, 3] - 127.5) <= 2
    assert found[1, 1, 3] == 0
    assert not found[2:4, :, 3].any(), "the gap"
    assert not found[:, 4:, 3].any(), "a filter of zeros, and no filter"
    assert (found[4:, :2] == (*pixels.NEGATIVE, 255)).all()


def test_a_matrix_tells_right_from_wrong() -> None:
    found = decoded(pixels.matrix(np.array([[4, 0], [3, 9]])), "RGBA")

    assert tuple(found[0, 0]) == (*pixels.NEGATIVE, 255)
    assert found[0, 1, 3] == 0
    assert tuple(found[1, 0, :3]) == pixels.POSITIVE
    opacity = 255 * (1 + 0.29 * np.log10(0.25))  # of a quarter of the row
    assert abs(found[1, 0, 3] - opacity) <= 2
