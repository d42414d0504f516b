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

    with pytest.raises(DataError, match=f"a: image {image} holds a value that is no number"):
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


TEXT = ["b", "a10", "a9", "b", "a9", "a10"]
CODES = [2, 1, 0, 2, 0, 1]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.array(CODES, "u1"), ("0", "1", "2")),
        (np.array(CODES, ">i4")[:, None], ("0", "1", "2")),
        (np.array(CODES)[None], ("0", "1", "2")),
        (np.array(CODES, "f4"), ("0", "1", "2")),
        (np.eye(3)[CODES], ("0", "1", "2")),
        (np.eye(3, dtype=bool)[CODES].T, ("0", "1", "2")),
        (np.array(TEXT), ("a9", "a10", "b")),
        (np.array(TEXT, "S"), ("a9", "a10", "b")),
        (np.array([9, 3, 1, 9, 1, 3]), ("1", "3", "9")),
        (np.array([1, 0, -1, 1, -1, 0]), ("-1", "0", "1")),
        (np.array(["10", "9", "3", "10", "3", "9"]), ("3", "9", "10")),
    ],
    ids=lambda value: f"{getattr(value, 'dtype', '')}",
)
def test_labels_are_found_in_every_usual_form(
    labels: NDArray[Any], classes: tuple[str, ...]
) -> None:
    codes, names = interpret.classes(labels, (), N, AS_FOUND, source="a")

    assert names == classes
    assert codes.dtype == np.int64
    assert codes.tolist() == CODES


def test_as_many_one_hot_labels_as_classes_may_stand_either_way() -> None:
    one_hot = np.eye(4)[[1, 1, 3, 0]]  # label 2 has no image

    for labels in (one_hot, one_hot.T):
        codes, names = interpret.classes(labels, (), 4, AS_FOUND, source="a")
        assert (codes.tolist(), names) == ([1, 1, 2, 0], ("0", "1", "3"))


@pytest.mark.parametrize("images", [IMAGES[:4], IMAGES[:4].reshape(4, 25).T])
@pytest.mark.parametrize("labels", [np.eye(10)[:4], np.eye(10)[:, :4], np.arange(4)[None]])
def test_few_images_of_many_classes_are_counted(images: NDArray[Any], labels: NDArray[Any]) -> None:
    assert interpret.label_count(labels, images) == 4


def test_labels_of_two_values_may_be_bool() -> None:
    codes, names = interpret.classes(np.array([True, False]), (), 2, AS_FOUND, source="a")

    assert (codes.tolist(), names) == ([1, 0], ("0", "1"))


def test_two_classes_of_one_name_are_refused() -> None:
    with pytest.raises(DataError, match="two classes are called 'b'; give each its own name"):
        interpret.classes(np.array(CODES), ("b", "a", "b"), N, AS_FOUND, source="a")


def test_text_labels_may_be_listed_in_another_order() -> None:
    codes, names = interpret.classes(np.array(TEXT), ("b", "a9", "a10"), N, AS_FOUND, source="a")

    assert names == ("b", "a9", "a10")
    assert [names[code] for code in codes] == TEXT


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (np.zeros((N, 3)), "must be one-hot"),
        (np.full((N, 2), 0.5), "must be one-hot"),
        (np.zeros(N - 1, int), "has 6 images but 5 labels"),
        (np.array([0, 1, np.nan, 0, 0, 0]), "label nan of image 2 is no whole number"),
        (np.array([0, 1, 1e300, 0, 0, 0]), r"label 1e\+300 of image 2"),
        (np.array([0, 1, 2**63, 0, 0, 0], "u8"), "label 9223372036854775808 of image 2"),
        (np.array([b"\xff"] * N), "must be UTF-8 text"),
        (np.zeros(N, "M8[s]"), "must be a row of whole numbers or of text"),
    ],
)
def test_labels_that_are_none_are_told(labels: NDArray[Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        interpret.classes(labels, (), N, AS_FOUND, source="a")


@pytest.mark.parametrize(
    ("own", "names", "positions"),
    [
        (("b", "a"), ("a", "b", "c"), [1, 0]),
        (("B", "A"), ("a", "b", "c"), [1, 0]),
        (("0", "2"), ("zero", "one", "two"), [0, 2]),
        (("zero", "one"), ("0", "1"), [0, 1]),
        (("3", "8"), ("3", "8"), [0, 1]),
    ],
)
def test_classes_are_matched_by_name_or_else_by_position(
    own: tuple[str, ...], names: tuple[str, ...], positions: list[int]
) -> None:
    codes, note = interpret.renumber(np.array([0, 1]), own, names, source="a")

    assert codes.tolist() == positions
    by_position = own[0].isdigit() != names[0].isdigit()
    assert note.startswith("classes are matched by position") == by_position


@pytest.mark.parametrize(
    ("own", "names"),
    [(("a", "d"), ("a", "b", "c")), (("0", "3"), ("0", "1", "2")), (("x", "y"), ("0", "1", "2"))],
)
def test_other_classes_are_refused(own: tuple[str, ...], names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="must be among those that were learned"):
        interpret.renumber(np.array([0, 1]), own, names, source="a")


def test_a_class_that_no_image_has_need_not_be_known() -> None:
    codes, _ = interpret.renumber(np.array([0, 0]), ("a", "d"), ("b", "a"), source="a")

    assert codes.tolist() == [1, 1]
