"""Images unlike the training images: by their amount of ink, its edges, its reach, its pieces.

All is measured in the network's inputs, except the pieces, which preparing an image would blur.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import pictures
from mlpcli.data.mnist_style import INK_THRESHOLD, normalize_contrast
from mlpcli.data.placement import dark

MARGIN = 0.05  # of the range in the training images, on either side; they are a sample
MIN_PIECE = 0.2  # of the ink; less is a dot or a broken stroke
MAX_PIECES_SHARE = 0.02  # of the training images; more, and pieces are nothing special
MIN_IMAGES = 500  # of fewer, the range tells little

Range = tuple[float, float]  # the lowest and the highest


class Traits(NamedTuple):
    """What the training images have in common."""

    ink: Range  # sum of the pixels, white is 1
    steps: Range  # sum of the differences between neighbors
    edges: Range  # the same for each 1 of ink
    radius: Range  # pixels; root of the mean squared distance of the ink from its center
    pieces_share: float  # fraction of the images with several pieces of ink


def measure(images: NDArray[np.uint8]) -> Traits | None:
    """The traits of images (n, height, width); None where they are too few."""
    if len(images) < MIN_IMAGES:
        return None
    ink, steps, edges, radius = ((float(v.min()), float(v.max())) for v in _traits(images))
    return Traits(ink, steps, edges, radius, float(in_pieces(images).mean()))


def is_outlier(images: NDArray[np.uint8], traits: Traits) -> NDArray[np.bool_]:
    """Whether a trait of each prepared image (n, height, width) is beyond the training's: (n,)."""
    outside = np.zeros(len(images), bool)
    for values, (low, high) in zip(_traits(images), traits[:4], strict=True):
        margin = MARGIN * (high - low)
        outside |= (values < low - margin) | (values > high + margin)
    return outside


def in_pieces(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether an empty row or column divides the ink of (n, height, width) into large pieces: (n,).

    Large pieces have at least MIN_PIECE of the ink each. The images may be of any size.
    """
    if max(images.shape[1:]) > pictures.MAX_REDUCED_SIDE:
        images = np.stack([np.round(pictures.reduce(each)) for each in images]).astype(np.uint8)
    ink = normalize_contrast(dark(images))
    ink = np.where(ink > INK_THRESHOLD, ink, 0)
    total = ink.sum(axis=(1, 2))
    divided = np.zeros(len(images), bool)
    for axis in (1, 2):
        line = ink.sum(axis=axis)
        before = line.cumsum(axis=1) / np.maximum(total, 1)[:, None]  # share of the ink up to here
        gap = (line == 0) & (before >= MIN_PIECE) & (before <= 1 - MIN_PIECE)
        divided |= gap.any(axis=1)
    return divided


def _traits(images: NDArray[np.uint8]) -> list[NDArray[Any]]:
    """Ink, steps, edges and radius of images, (n,) each."""
    x = images / np.float32(255)
    ink = x.sum(axis=(1, 2), dtype=np.float64)
    some = np.maximum(ink, 1)
    steps = sum(np.abs(np.diff(x, axis=axis)).sum(axis=(1, 2)) for axis in (1, 2))
    variance = np.zeros(len(x))
    for axis in (2, 1):
        line = x.sum(axis=axis, dtype=np.float64)
        place = np.arange(line.shape[1])
        variance += line @ place**2 / some - (line @ place / some) ** 2
    return [ink, steps, steps / some, np.sqrt(np.maximum(variance, 0))]
