"""From arrays in any usual layout to gray images, light on dark, and numbered classes.

Every file format ends here, so that the same data in another form gives the same bits.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.mnist_style import light_share
from mlpcli.data.raw import Reading, describe, natural
from mlpcli.errors import DataError

MAX_CLASSES = 4096  # their confusion matrix takes 134 MB
WHITE_LEVELS = (1, 16, 255, 65535)  # of bits, of 8x8 digits as published, of 8 and of 16 bits
TOLERANCE = 0.02  # share of white by which fractions may exceed it, as resizing makes them
MIN_BRIGHTNESS = 1 / 8  # of white, in the brightest pixel of images that have it
CHUNK_SIZE = 1 << 22  # pixels converted at once
MAX_LABEL = 1 << 53  # whole numbers up to it are exact in every dtype
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


def classes(
    labels: NDArray[Any], names: Sequence[str], n: int, how: Reading, *, source: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """For each image the position of its class, (n,), and the names of the classes.

    labels: numbers, text or bytes, (n,) or (n, 1), or one-hot, (n, classes) or (classes, n).
    names: of the labels 0, 1, ...; without them the classes are the different labels, in natural
    order, and their names are the labels. Raises DataError.
    """
    values = _label_row(labels, n, source)
    if how.ten_is_zero:
        values = np.where(values == 10, 0, values) if values.dtype.kind in "iu" else values
    if not names:
        distinct, codes = np.unique(values, return_inverse=True)
        _require_few(len(distinct), source)
        ordered = natural(map(str, distinct)) if values.dtype.kind == "U" else distinct.tolist()
        position = {str(value): i for i, value in enumerate(ordered)}
        order = np.array([position[str(value)] for value in distinct])
        return order[codes].astype(np.int64), tuple(map(str, ordered))
    _require_few(len(names), source)
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise DataError(f"{source}: two classes are called {name!r}; give each its own name")
    if values.dtype.kind == "U":
        codes, own = classes(values, (), n, how, source=source)
        return renumber(codes, own, names, source=source)[0], tuple(names)
    if outside := np.flatnonzero((values < 0) | (values >= len(names))).tolist():
        raise DataError(
            f"{source}: label {values[outside[0]]} of image {outside[0]} is outside the "
            f"{len(names)} classes, [0, {len(names) - 1}]"
        )
    return values.astype(np.int64), tuple(names)


def label_count(labels: NDArray[Any], array: NDArray[Any]) -> int:
    """How many labels the images of an array have; of one-hot labels, the axis that fits them."""
    if labels.ndim != 2 or 1 in labels.shape:
        return labels.size
    longest = sorted(labels.shape, reverse=True)
    ends = (array.shape[0], array.shape[-1])
    return next((n for end in ends for n in longest if n == end), longest[0])


def renumber(
    codes: NDArray[np.int64], own: Sequence[str], names: Sequence[str], *, source: str
) -> tuple[NDArray[np.int64], str]:
    """Labels that are positions in own as positions in names, and a note on how; "" if by name.

    Where one side has only numbers for names, positions are matched. Raises DataError for a label
    that names lack.
    """
    used = np.unique(codes).tolist()
    for spelled in (str, str.casefold):
        position = {spelled(name): i for i, name in enumerate(names)}
        if all(spelled(own[i]) in position for i in used):
            table = [position.get(spelled(name), -1) for name in own]
            return np.array(table, np.int64)[codes], ""
    numbers, learned_numbers = (all(map(str.isdigit, each)) for each in (own, names))
    if numbers and not learned_numbers and all(int(own[i]) < len(names) for i in used):
        table = [int(name) for name in own]
    elif learned_numbers and not numbers and len(own) == len(names):
        table = list(range(len(own)))
    else:
        raise DataError(
            f"{source}: its classes {listed(own)} must be among those that were learned, "
            f"{listed(names)}"
        )
    note = f"classes are matched by position: {own[used[0]]!r} is {names[table[used[0]]]!r}, ..."
    return np.array(table, np.int64)[codes], note


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a message, the first ones if there are many."""
    more = f", ... ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _shape_of_rows(rows: NDArray[Any], n: int | None, how: Reading, source: str) -> tuple[int, int]:
    """Height and width of images that are rows of pixels."""
    pixels = rows.shape[1]
    side = round(pixels**0.5)
    height, width = how.shape or (side, side)
    if n is not None and len(rows) != n:
        raise DataError(
            f"{source}: has {n:,} labels, but no axis of the images is as long: {describe(rows)}"
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


def _label_row(labels: NDArray[Any], n: int, source: str) -> NDArray[Any]:
    """Labels as a row (n,) of whole numbers or of text."""
    if labels.ndim == 2 and 1 in labels.shape and labels.size == n:
        labels = labels.ravel()
    if labels.ndim == 2:
        rows = len(labels) == n and (labels.shape[1] != n or _is_one_hot(labels))
        labels = _from_one_hot(labels if rows else labels.T, source)
    if labels.ndim != 1 or labels.dtype.kind not in "buifSU":
        raise DataError(
            f"{source}: labels must be a row of whole numbers or of text, got {describe(labels)}"
        )
    if len(labels) != n:
        raise DataError(
            f"{source}: has {n:,} images but {len(labels):,} labels; "
            "there must be one label for each image, in the same order"
        )
    if labels.dtype.kind == "S":
        try:
            return np.char.decode(labels, "utf-8")
        except UnicodeDecodeError as err:
            raise DataError(f"{source}: labels must be UTF-8 text: {err.reason}") from err
    if labels.dtype.kind in "uf":
        wrong = np.flatnonzero(~((labels == np.rint(labels)) & (np.abs(labels) < MAX_LABEL)))
        if wrong.size:
            raise DataError(
                f"{source}: label {labels[wrong[0]]} of image {wrong[0]} is no whole number"
            )
    return labels if labels.dtype.kind == "U" else labels.astype(np.int64)


def _from_one_hot(labels: NDArray[Any], source: str) -> NDArray[Any]:
    """The position of the one in each row."""
    if not _is_one_hot(labels):
        raise DataError(
            f"{source}: labels of two axes must be one-hot, one 1 in each row, got "
            f"{describe(labels)}"
        )
    return labels.argmax(axis=1)


def _is_one_hot(labels: NDArray[Any]) -> bool:
    if labels.dtype.kind not in "buif":
        return False
    ones = labels == 1
    return bool((ones.sum(axis=1) == 1).all() and ((labels == 0) | ones).all())


def _require_few(count: int, source: str) -> None:
    if count > MAX_CLASSES:
        raise DataError(f"{source}: must have at most {MAX_CLASSES} classes, got {count:,}")


def _require_finite(pixels: NDArray[Any], source: str) -> None:
    for start, chunk in _chunks(pixels):
        finite = np.isfinite(chunk).all(axis=(1, 2))
        if not finite.all():
            image = start + int(finite.argmin())
            raise DataError(f"{source}: image {image} holds a value that is no number")


def _chunks(pixels: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    step = max(1, CHUNK_SIZE // max(1, math.prod(pixels.shape[1:])))
    for start in range(0, len(pixels), step):
        yield start, pixels[start : start + step]
