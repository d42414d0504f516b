"""Drawn digits for tests, and larger images that hold them."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def put(digit: Pixels, size: tuple[int, int], at: tuple[int, int], times: int = 1) -> Pixels:
    """A digit, that many times larger, somewhere on a larger black image."""
    canvas = np.zeros(size, np.uint8)
    large = digit.repeat(times, axis=0).repeat(times, axis=1)
    canvas[at[0] : at[0] + large.shape[0], at[1] : at[1] + large.shape[1]] = large
    return canvas
