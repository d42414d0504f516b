"""From images to the network's inputs: 1024 numbers in [0, 1], the image centered on black."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 32  # pixels; an image fills at most SIDE x SIDE
INPUTS = SIDE * SIDE
WHITE = np.float32(255)
CHUNK_SIZE = 4096  # images counted at once


def inputs(images: NDArray[np.uint8], out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Images as rows of the network's input: (n, 1024), in [0, 1], centered on black.

    images: uint8 (n, height, width), at most 32x32.
    out: zeros of shape (n, 1024) in any float dtype, or an earlier result of this function for
    images of the same size; by default a new float32 array.

    >>> inputs(np.full((1, 28, 28), 255, np.uint8)).sum()
    np.float32(784.0)
    """
    if out is None:
        out = np.zeros((len(images), INPUTS), np.float32)
    scale(images, center_view(out.reshape(-1, SIDE, SIDE), images.shape[1:]))
    return out


def scale(pixels: NDArray[np.uint8], out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Pixels divided by 255, in out or in a new float32 array of the same shape."""
    return np.divide(pixels, WHITE, out=out)


def center_view(squares: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    """The part of squares (..., 32, 32) that an image of size (height, width) covers: a view."""
    height, width = size
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    return squares[..., top : top + height, left : left + width]


def input_indices(size: tuple[int, ...]) -> NDArray[np.intp]:
    """The input of each pixel of an image of size (height, width), row by row: (height * width,).

    >>> input_indices((28, 28))[[0, -1]]
    array([ 66, 957])
    """
    return center_view(np.arange(INPUTS).reshape(SIDE, SIDE), size).ravel()


def active_inputs(images: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Inputs that are not black in every image, the most often active ones first: (k,).

    images: uint8 (n, height, width), at most 32x32.

    >>> active_inputs(np.array([[[255, 0], [1, 9]], [[0, 0], [0, 2]]], np.uint8))
    array([528, 495, 527])
    """
    count = np.zeros(images.shape[1:], np.intp)
    for start in range(0, len(images), CHUNK_SIZE):
        count += np.count_nonzero(images[start : start + CHUNK_SIZE], axis=0)
    descending = np.argsort(-count, axis=None, kind="stable")[: np.count_nonzero(count)]
    return input_indices(images.shape[1:])[descending]
