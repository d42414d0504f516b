from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from mlpcli.data import interpret
from mlpcli.data.raw import AS_FOUND, Reading
from mlpcli.errors import DataError

N = 6
IMAGES = np.arange(N * 5 * 5, dtype=np.uint8).reshape(N, 5, 5)
IMAGES[:, 0, 0] = 255
COLORS = np.stack([IMAGES] * 3, axis=-1)


@pytest.mark.parametrize(
    "array",
    [
        IMAGES,
        IMAGES.reshape(N, 25),
        IMAGES.reshape(N, 25).T,
        IMAGES[..., None],
        IMAGES[:, None],
        COLORS,
        np.concatenate([COLORS, COLORS[..., :1]], axis=-1),
        np.moveaxis(COLORS, -1, 1),
        np.moveaxis(IMAGES, 0, -1),
        np.moveaxis(COLORS, 0, -1),
    ],
    ids=lambda array: "x".join(map(str, array.shape)),
)
def test_images_are_found_in_every_usual_shape(array: NDArray[Any]) -> None:
    assert_array_equal(interpret.images(array, N, AS_FOUND, source="a"), IMAGES)


def test_rows_have_the_shape_that_is_set_and_may_go_by_columns() -> None:
    wide = np.arange(N * 6, dtype=np.uint8).reshape(N, 2, 3)
    how = Reading(shape=(2, 3))
    columns = Reading(shape=(3, 2), column_major=True)
    by_columns = wide.swapaxes(1, 2).reshape(N, 6)

    assert_array_equal(interpret.images(wide.reshape(N, 6), N, how, source="a"), wide)
    assert_array_equal(interpret.images(by_columns, N, columns, source="a"), wide)
    with pytest.raises(DataError, match=r"6 pixels, which is not square; --set 'data.shape="):
        interpret.images(wide.reshape(N, 6), N, AS_FOUND, source="a")
    with pytest.raises(DataError, match="6 pixels, which is not 4x4"):
        interpret.images(wide.reshape(N, 6), N, Reading(shape=(4, 4)), source="a")


def test_colors_become_gray_as_in_a_picture(rng: np.random.Generator) -> None:
    from PIL import Image

    colors = rng.integers(0, 256, (N, 5, 5, 3), np.uint8)

    gray = interpret.images(colors, N, AS_FOUND, source="a")

    expected = [np.asarray(Image.fromarray(image).convert("L")) for image in colors]
    assert_array_equal(gray, expected)


@pytest.mark.parametrize(
    ("pixels", "white"),
    [
        (IMAGES > 0, 1),
        (IMAGES.astype("f4") / 255, 1),
        (IMAGES // 16, 16),
        (IMAGES.astype("f8"), 255),
        (IMAGES.astype("u2") * 257, 65535),
        (IMAGES.astype("i8"), 255),
    ],
    ids=lambda value: f"{getattr(value, 'dtype', value)}",
)
def test_the_white_level_is_found_and_scaled_to_255(pixels: NDArray[Any], white: float) -> None:
    assert interpret.white_level(pixels, source="a") == white
    scaled = interpret.to_bytes(pixels, white)

    assert scaled.dtype == np.uint8
    assert scaled.max() >= 239
    if white != 16 and pixels.dtype != bool:
        assert_array_equal(scaled, IMAGES)


@pytest.mark.parametrize("white", [1, 255])
def test_fractions_may_be_slightly_out_of_range(white: int) -> None:
    pixels = (IMAGES / 255 * white).astype("f4")
    pixels[0, 0, :2] = 1.01 * white, -0.001 * white

    assert interpret.white_level(pixels, source="a") == white
    scaled = interpret.to_bytes(pixels, white)
    assert scaled[0, 0, :2].tolist() == [255, 0]
    assert_array_equal(scaled[1:], IMAGES[1:])


@pytest.mark.parametrize(("pixel", "image"), [(np.nan, 3), (np.inf, 0)])
def test_what_is_no_number_is_refused_whatever_white_is(pixel: float, image: int) -> None:
    pixels = IMAGES / 255
    pixels[image, 2, 2] = pixel

    with pytest.raises(DataError, match=f"a: image {image} holds a value that is not a number"):
        interpret.images(pixels, N, Reading(white=1), source="a")


def test_values_far_beyond_white_are_white() -> None:
    assert interpret.to_bytes(np.full((1, 2, 2), 1e308), 1).min() == 255


def test_as_many_images_as_pixels_stand_first_unless_colors_tell() -> None:
    gray = np.arange(5 * 5 * 5, dtype=np.uint8).reshape(5, 5, 5)
    colors = np.stack([gray] * 3, axis=-1)

    assert_array_equal(interpret.images(gray, 5, AS_FOUND, source="a"), gray)
    assert_array_equal(interpret.images(colors, 5, AS_FOUND, source="a"), gray)
    last = np.moveaxis(colors, 0, -1)  # (5, 5, 3, 5)
    assert_array_equal(interpret.images(last, 5, AS_FOUND, source="a"), gray)


def test_large_images_are_converted_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpret, "CHUNK_SIZE", 60)  # pixels: two images, or none whole in color
    fractions = IMAGES / 255

    assert_array_equal(interpret.images(COLORS, N, AS_FOUND, source="a"), IMAGES)
    assert interpret.white_level(fractions, source="a") == 1
    assert_array_equal(interpret.to_bytes(fractions, 1), IMAGES)


def test_floats_come_back_as_the_bytes_that_they_were() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)

    for dtype in ("f2", "f4", "f8"):
        fractions = (levels / 255).astype(dtype)
        assert_array_equal(interpret.to_bytes(fractions, 1), levels)


def test_plain_images_are_not_copied() -> None:
    assert interpret.to_bytes(IMAGES, 255) is IMAGES
    assert_array_equal(interpret.to_bytes(IMAGES, 255, invert=True), 255 - IMAGES)
    by_columns = np.moveaxis(np.moveaxis(IMAGES, 0, -1).copy(), -1, 0)
    assert interpret.to_bytes(by_columns, 255).flags.c_contiguous
