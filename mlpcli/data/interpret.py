"""From arrays in any usual layout to gray images, light on dark.

Every file format ends here and in `class_labels`, so that the same data in another form gives the
same bits.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.background import light_share
from mlpcli.data.raw import Reading, describe
from mlpcli.errors import DataError

WHITE_LEVELS = (1, 16, 255, 65535)  # of bits, of 8x8 digits as published, of 8 and of 16 bits
TOLERANCE = 0.02  # share of white by which fractions may exceed it, as resizing makes them
MIN_BRIGHTNESS = 1 / 8  # of white, in the brightest pixel of images that have it
CHUNK_SIZE = 1 << 22  # pixels converted at once
COLORS = (3, 4)  # RGB, and RGB with opacity, which is ignored
LUMA = (19595, 38470, 7471)  # of 65536: ITU-R BT.601, as Pillow rounds it


def images(array: NDArray[Any], n: int | None, how: Reading, *, source: str) -> NDArray[Any]:
    """Images (n, height, width) in their own dtype, of an array in a usual layout.

    The layouts: (n, h, w), (n, h * w), (n, h, w, c), (n, c, h, w) with c of 1, 3 or 4, and with n
    last instead of first. n: the number of labels, which decides where n stands; None if there are
    none. Raises DataError.
    """
    if not array.size:
        raise DataError(f"{source}: holds no images")
    if array.dtype.kind not in "buif":
        raise DataError(f"{source}: images must be numbers, got {describe(array)}")
    if n is not None and array.ndim > 1 and array.shape[-1] == n and not _starts_with(array, n):
        array = np.moveaxis(array, -1, 0)
    if array.ndim == 4:
        array = _without_color(array, source)
    elif array.ndim == 2:
        array = array.reshape(len(array), *_shape_of_rows(array, n, how, source))
    if array.ndim != 3:
        raise DataError(f"{source}: images must be (n, height, width), got {describe(array)}")
    if array.dtype.kind == "f":
        _require_finite(array, source)
    return array.swapaxes(1, 2) if how.column_major else array


def white_level(pixels: NDArray[Any], *, source: str) -> float:
    """The value of white: the smallest of WHITE_LEVELS that no pixel exceeds.

    pixels: (n, height, width). Raises DataError for values that are no brightness.
    """
    highest = lowest = 0.0
    for _, chunk in _chunks(pixels):
        lowest, highest = min(lowest, float(chunk.min())), max(highest, float(chunk.max()))
        if pixels.dtype == np.uint8 and highest > 16:
            return 255
    beyond = TOLERANCE if pixels.dtype.kind == "f" else 0
    white = next((level for level in WHITE_LEVELS if highest <= level * (1 + beyond)), None)
    if white is None:
        raise DataError(f"{source}: the largest pixel is {highest:g}; name white by data.white")
    if lowest < (-white / 510 if beyond else 0):  # half a level of gray, which is rounded away
        raise DataError(
            f"{source}: a pixel must be at least 0, black, got {lowest:g}; undo the "
            "standardization first"
        )
    return white


def white_level_near(pixels: NDArray[Any], white: float, *, source: str) -> float:
    """The value of white in pixels that other images, with this white, may be like.

    It is the same, unless no pixel is near it, or some exceed it. Raises DataError.
    """
    found = white_level(pixels, source=source)
    return white if white * MIN_BRIGHTNESS < pixels.max() <= white else found


def has_light_background(pixels: NDArray[Any], white: float) -> bool:
    """Whether most of a sample of images (n, height, width) are dark on light."""
    step = max(1, len(pixels) // 1000)
    return light_share(to_bytes(pixels[::step], white)) > 0.5


def to_bytes(pixels: NDArray[Any], white: float, *, invert: bool = False) -> NDArray[np.uint8]:
    """Images with black 0 and white 255, row by row; the same array if it is like that.

    invert: swap light and dark. Values beyond white become white.
    """
    if pixels.dtype == np.uint8 and white == 255 and not invert:
        return np.ascontiguousarray(pixels)
    out = np.empty(pixels.shape, np.uint8)
    for start, chunk in _chunks(pixels):
        levels = np.rint(chunk.astype(np.float64).clip(0, white) * (255 / white))
        out[start : start + len(chunk)] = 255 - levels if invert else levels
    return out


def _shape_of_rows(rows: NDArray[Any], n: int | None, how: Reading, source: str) -> tuple[int, int]:
    """Height and width of images that are rows of pixels."""
    pixels = rows.shape[1]
    side = round(pixels**0.5)
    height, width = how.shape or (side, side)
    if n is not None and len(rows) != n:
        raise DataError(
            f"{source}: has {n:,} label{'s' * (n > 1)}, but no axis of the images is as long: "
            f"{describe(rows)}"
        )
    if height * width != pixels:
        asked = f"{height}x{width}" if how.shape else "square"
        raise DataError(
            f"{source}: its images have {pixels:,} pixels, which is not {asked}; "
            "--set 'data.shape=[height,width]' names their size"
        )
    return height, width


def _without_color(array: NDArray[Any], source: str) -> NDArray[Any]:
    """Gray images (n, h, w) of (n, h, w, c) or (n, c, h, w)."""
    if array.shape[1] in (1, *COLORS) and min(array.shape[2:]) > max(COLORS):
        array = np.moveaxis(array, 1, -1)
    if array.shape[-1] == 1:
        return array[..., 0]
    if array.shape[-1] not in COLORS:
        raise DataError(f"{source}: images must have 1 or 3 channels, got {describe(array)}")
    out = np.empty(array.shape[:3], array.dtype)
    for start, chunk in _chunks(array):
        gray = chunk[..., :3].astype(np.float64) @ LUMA / (1 << 16)  # exact for 16 bits
        out[start : start + len(chunk)] = gray if array.dtype.kind == "f" else np.floor(gray + 0.5)
    return out


def _starts_with(array: NDArray[Any], n: int) -> bool:
    """Whether images stand first: as many as there are, unless only their end leaves colors.

    (32, 32, 3, 32) are 32 images of 32x32, which stand last.
    """
    colors = [axis for axis in range(1, array.ndim) if array.shape[axis] in (1, *COLORS)]
    return array.shape[0] == n and not (array.ndim == 4 and colors == [2])


def _require_finite(pixels: NDArray[Any], source: str) -> None:
    for start, chunk in _chunks(pixels):
        finite = np.isfinite(chunk).all(axis=(1, 2))
        if not finite.all():
            image = start + int(finite.argmin())
            raise DataError(f"{source}: image {image} holds a value that is not a number")


def _chunks(pixels: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    step = max(1, CHUNK_SIZE // max(1, math.prod(pixels.shape[1:])))
    for start in range(0, len(pixels), step):
        yield start, pixels[start : start + step]
