"""The background of an image: light or dark, and distinguished from the ink.

MNIST was scanned in black and white; a photo first needs its background made black and its ink
white.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MIN_CONTRAST = 16  # of 255 levels between background and ink; less is the noise of a camera
INK_THRESHOLD = 0.4  # from background, 0, to ink, 1; a fainter pixel does not extend the ink's box
SAMPLE_SIZE = 1000  # images that represent a set


def has_light_background(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether half of the border of each image is lighter than its middle gray: (n,).

    images: (n, height, width).

    >>> has_light_background(np.array([[[9, 9, 9], [9, 0, 9], [9, 9, 9]]], np.uint8))
    array([ True])
    """
    pixels = images.reshape(len(images), -1)
    middle_gray = (pixels.min(axis=1).astype(float) + pixels.max(axis=1)) / 2
    return background(images) > middle_gray


def light_share(images: NDArray[np.uint8]) -> float:
    """Fraction of the first images of (n, height, width) that have a light background."""
    return float(has_light_background(images[:SAMPLE_SIZE]).mean())


def normalize_contrast(images: NDArray[Any]) -> NDArray[np.float32]:
    """Images (n, height, width), dark in the background, in [0, 1]: background 0, ink 1.

    The border is background, and its shadows and noise become 0 too; ink is the lightest pixel.
    """
    borders = _borders(images)
    background = np.median(borders, axis=1)
    ink = images.max(axis=(1, 2)).astype(np.float32)
    black = np.minimum(np.percentile(borders, 90, axis=1), (background + ink) / 2)
    blank = ink - background < MIN_CONTRAST
    span = np.where(blank, np.inf, ink - black)  # a blank image becomes 0 everywhere
    black, span = (each.astype(np.float32)[:, None, None] for each in (black, span))
    return np.clip((images - black) / span, 0, 1)


def background(images: NDArray[Any]) -> NDArray[Any]:
    """The gray of the background of each of (n, height, width): (n,)."""
    return np.median(_borders(images), axis=1)


def darkest_background(images: NDArray[Any]) -> NDArray[Any]:
    """The gray that a tenth of the border of each of (n, height, width) is darker than: (n,).

    It is that of the background even where ink covers most of the border.
    """
    return np.percentile(_borders(images), 10, axis=1)


def _borders(images: NDArray[Any]) -> NDArray[Any]:
    """The pixels on the edges of each image: (n, 2 * (height + width) - 4)."""
    edges = images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]
    return np.concatenate(edges, axis=1)
