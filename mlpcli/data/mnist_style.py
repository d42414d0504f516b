"""An image as MNIST's were made: light on dark, its digit fitted into 20x20, centred in 28x28.

A photo needs more than the black and white scans of that time: first its ground becomes black and
its ink white.

Source: LeCun, Bottou, Bengio, Haffner (1998), "Gradient-based learning applied to document
recognition", section III.A.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.pictures import reduced, resized

FIELD, BOX, CENTRE = 28, 20, 14  # pixels: of a side, of the digit's, before the centre of mass
FAINT = 16  # of 255 levels between ground and ink; less is the noise of a camera
ENOUGH = 1000  # images that tell how all of a set are
INK = 0.4  # of the way from ground to ink; less is no part of the digit's frame


def is_light(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether the ground of each image, (n, height, width), is light: half of its border is.

    >>> is_light(np.array([[[9, 9, 9], [9, 0, 9], [9, 9, 9]]], np.uint8))
    array([ True])
    """
    pixels = images.reshape(len(images), -1)
    middle = (pixels.min(axis=1).astype(float) + pixels.max(axis=1)) / 2
    return np.median(_borders(images), axis=1) > middle


def light_share(images: NDArray[np.uint8]) -> float:
    """Fraction of images, (n, height, width), with a light ground, judged by the first of them."""
    return float(is_light(images[:ENOUGH]).mean())


def as_mnist(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image of any size as MNIST has it, (28, 28); a light ground stays light."""
    if is_light(image[None])[0]:
        return 255 - as_mnist(255 - image)
    ink = levelled(reduced(image)[None])[0]
    if not ink.any():
        return np.zeros((FIELD, FIELD), np.uint8)
    return np.round(255 * _centred(resized(_framed(ink), BOX))).astype(np.uint8)


def levelled(images: NDArray[Any]) -> NDArray[np.float32]:
    """Each image, (n, height, width), with its ground at 0 and its ink at 1.

    The ground is the border, whose shadows and noise become black too; the ink is what is lightest.
    """
    borders = _borders(images)
    ground = np.median(borders, axis=1)
    ink = images.max(axis=(1, 2)).astype(np.float32)
    black = np.minimum(np.percentile(borders, 90, axis=1), (ground + ink) / 2)
    span = np.where(ink - ground < FAINT, np.inf, ink - black)  # nothing but ground stays black
    black, span = (each.astype(np.float32)[:, None, None] for each in (black, span))
    return np.clip((images - black) / span, 0, 1)


def _borders(images: NDArray[Any]) -> NDArray[Any]:
    """The pixels on the edges of each image."""
    edges = images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]
    return np.concatenate(edges, axis=1)


def _framed(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """The smallest part of an image that holds all of its ink."""
    rows, columns = (np.flatnonzero((ink > INK).any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _centred(digit: NDArray[np.float32]) -> NDArray[np.float32]:
    """A digit of at most 28x28 on black, its centre of mass in the middle as far as it fits."""
    out = np.zeros((FIELD, FIELD), np.float32)
    height, width = digit.shape
    top, left = (_start(digit.sum(axis=axis)) for axis in (1, 0))
    out[top : top + height, left : left + width] = digit
    return out


def _start(mass: NDArray[np.float32]) -> int:
    """Where a digit begins along an axis on which it has this mass."""
    centre = (mass * np.arange(len(mass))).sum() / mass.sum()
    return int(np.clip(round(CENTRE - centre), 0, FIELD - len(mass)))
