"""An image prepared as MNIST's were: light on dark, its digit fitted into 20x20, centered in 28x28.

MNIST was scanned in black and white; a photo first needs its background made black and its ink
white.

Source: LeCun, Bottou, Bengio, Haffner (1998), "Gradient-based learning applied to document
recognition", section III.A.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import pictures

IMAGE_SIDE = 28  # pixels
DIGIT_SIDE = 20  # pixels; the longer side of a digit
CENTER = 14  # pixels before the center of mass
MIN_CONTRAST = 16  # of 255 levels between background and ink; less is the noise of a camera
INK_THRESHOLD = 0.4  # from background, 0, to ink, 1; a fainter pixel does not extend the digit
SAMPLE_SIZE = 1000  # images that represent a set


def has_light_background(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether half of the border of each image is lighter than its middle gray: (n,).

    images: (n, height, width).

    >>> has_light_background(np.array([[[9, 9, 9], [9, 0, 9], [9, 9, 9]]], np.uint8))
    array([ True])
    """
    pixels = images.reshape(len(images), -1)
    middle_gray = (pixels.min(axis=1).astype(float) + pixels.max(axis=1)) / 2
    return np.median(_borders(images), axis=1) > middle_gray


def light_share(images: NDArray[np.uint8]) -> float:
    """Fraction of the first images of (n, height, width) that have a light background."""
    return float(has_light_background(images[:SAMPLE_SIZE]).mean())


def as_mnist(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image (height, width) of any size in MNIST's style, (28, 28).

    A light background stays light.
    """
    if has_light_background(image[None])[0]:
        return 255 - as_mnist(255 - image)
    ink = normalize_contrast(pictures.reduce(image)[None])[0]
    if not ink.any():
        return np.zeros((IMAGE_SIDE, IMAGE_SIDE), np.uint8)
    return np.round(255 * _center(pictures.resize(_crop(ink), DIGIT_SIDE))).astype(np.uint8)


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


def _borders(images: NDArray[Any]) -> NDArray[Any]:
    """The pixels on the edges of each image: (n, 2 * (height + width) - 4)."""
    edges = images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]
    return np.concatenate(edges, axis=1)


def _crop(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """The smallest part of an image (height, width) that contains all of its ink."""
    rows, columns = (np.flatnonzero((ink > INK_THRESHOLD).any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _center(digit: NDArray[np.float32]) -> NDArray[np.float32]:
    """A digit (height, width) on black, (28, 28), its center of mass in the center if it fits."""
    out = np.zeros((IMAGE_SIDE, IMAGE_SIDE), np.float32)
    height, width = digit.shape
    top, left = (_offset(digit.sum(axis=axis)) for axis in (1, 0))
    out[top : top + height, left : left + width] = digit
    return out


def _offset(mass: NDArray[np.float32]) -> int:
    """Pixels before a digit along an axis; mass: (length,), of each of its rows or columns."""
    center = (mass * np.arange(len(mass))).sum() / mass.sum()
    return int(np.clip(round(CENTER - center), 0, IMAGE_SIDE - len(mass)))
