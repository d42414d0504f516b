"""Images of a report as PNG inside the page: mistakes, filters and large confusion matrices."""

import base64
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from mlpcli.nn import Array

GAP = 2  # pixels between filters
POSITIVE, NEGATIVE = (217, 95, 14), (49, 110, 222)
STEPS = 127  # of opacity, on either side of 0


class Picture(NamedTuple):
    """A PNG as an address that holds it, and its size in pixels."""

    address: str
    width: int
    height: int


def gray(image: NDArray[np.uint8]) -> Picture:
    """A gray image of shape (height, width), as the network sees it."""
    return _png(Image.fromarray(image))


def sheet(weights: Array, columns: int) -> Picture:
    """Filters of shape (count, height, width), row after row: orange above 0, blue below.

    Each filter is as opaque as its weights are large, relative to its largest one; so 0 shows
    the page.
    """
    count, height, width = weights.shape
    rows = -(-count // columns)
    largest = np.maximum(np.abs(weights).max(axis=(1, 2), keepdims=True), np.finfo("float32").tiny)
    level = np.rint(STEPS * weights / largest).astype(np.int16) + STEPS
    pixels = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP), STEPS, np.uint8)
    for i, tile in enumerate(level):
        top, left = (i // columns) * (height + GAP), (i % columns) * (width + GAP)
        pixels[top : top + height, left : left + width] = tile
    return _palette(pixels)


def matrix(confusion: NDArray[np.int64]) -> Picture:
    """A confusion matrix, a pixel for each entry: right ones blue, wrong ones orange, as `tint`."""
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    sign = np.where(np.eye(len(confusion), dtype=bool), -1, 1)
    return _palette((np.ceil(STEPS * tint(share)) * sign + STEPS).astype(np.uint8))


def tint(share: ArrayLike) -> Array:
    """How opaque to color an entry of a confusion matrix with this share of its row, from 0 to 1.

    It grows with the logarithm, so that one mistake in a hundred stands out and one in a thousand
    still shows.

    >>> tint([0, 0.001, 0.01, 0.1, 1]).round(2).tolist()
    [0.0, 0.13, 0.42, 0.71, 1.0]
    """
    share = np.asarray(share, float)
    decades = np.log10(np.where(share > 0, share, 1))
    return np.where(share > 0, np.maximum(1 + 0.29 * decades, 0.1), 0.0)


def _palette(pixels: NDArray[np.uint8]) -> Picture:
    """Pixels whose level goes from NEGATIVE at 0 through transparent at STEPS to POSITIVE."""
    levels = np.arange(2 * STEPS + 1) - STEPS
    image = Image.fromarray(pixels, "P")
    image.putpalette([part for level in levels for part in (POSITIVE if level > 0 else NEGATIVE)])
    opacity = np.rint(255 * np.abs(levels) / STEPS).astype(np.uint8)
    return _png(image, transparency=opacity.tobytes())


def _png(image: Image.Image, **options: Any) -> Picture:
    data = BytesIO()
    image.save(data, "PNG", optimize=True, **options)
    text = base64.b64encode(data.getvalue()).decode("ascii")
    return Picture(f"data:image/png;base64,{text}", image.width, image.height)
