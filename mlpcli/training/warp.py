"""Images read at other places: an affine map and a smooth displacement, in one interpolation."""

from functools import cache
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.preprocessing import SIDE, center_view
from mlpcli.nn import Array

FRACTION_BITS = 8  # of a place behind the binary point: whole shifts and quarter turns are exact
UNIT = 1 << FRACTION_BITS
CANVAS = SIDE + 3  # side of a square with black around it: one pixel before it, two behind
CHUNK_SIZE = 32  # images worked on together: few enough for their arrays to stay in the cache

Bytes = NDArray[np.uint8]


class Warp:
    """Reads images of one size at other places, for one thread at a time.

    Its arrays are reused: allocating new ones would take about as long as filling them.
    """

    def __init__(self, sigma: float | None = None) -> None:
        """sigma: pixels, of the Gaussian that smooths the fields; None: there are no fields."""
        self.basis = np.zeros((0, SIDE), np.float32) if sigma is None else gaussian_basis(sigma)
        self.line = np.arange(SIDE, dtype=np.float32)
        # a place is a sum over terms of down[term, x or y, row] * across[term, column]
        self.across = UNIT * np.vstack([self.basis, self.line, np.ones_like(self.line)])
        self.down = np.empty((CHUNK_SIZE, len(self.across), 2, SIDE), np.float32)
        self.places = np.empty(
            (CHUNK_SIZE, 2 * SIDE, SIDE), np.float32
        )  # x above y, in 1 / UNIT pixel
        self.whole = np.empty((CHUNK_SIZE, 2, SIDE, SIDE), np.int32)  # pixels of the places
        self.share = np.empty((CHUNK_SIZE, 2, SIDE, SIDE), np.int32)  # fractions of a pixel
        self.first = np.empty((CHUNK_SIZE, SIDE, SIDE), np.intp)  # upper left of the four neighbors
        self.canvas = np.zeros((CHUNK_SIZE, CANVAS, CANVAS), np.int32)
        self.corners = np.empty(
            (4, CHUNK_SIZE, SIDE, SIDE), np.int32
        )  # values of the four neighbors

    def __call__(self, images: Bytes, maps: NDArray[Any], field: NDArray[Any] | None) -> Bytes:
        """Images (n, height, width) in the middle of black, warped: uint8 (n, 32, 32).

        maps: (n, 2, 3), from pixels (x, y, 1) of the result to the places (x, y) they are read at.
        field: (n, nodes, 2, nodes), independent displacements at the nodes of a grid, in pixels, by
        column, x or y, and row; they are smoothed by a Gaussian and keep their variance.
        """
        out = np.empty((len(images), SIDE, SIDE), np.uint8)
        for start in range(0, len(images), CHUNK_SIZE):
            part = slice(start, start + CHUNK_SIZE)
            n = len(images[part])
            self._place(maps[part], None if field is None else field[part])
            center_view(self.canvas[:n, 1:-2, 1:-2], images.shape[1:])[:] = images[part]
            out[part] = self._interpolate(n)
        return out

    def _place(self, maps: NDArray[Any], field: NDArray[Any] | None) -> None:
        """Mutates places, to those on the canvas; those far outside move to its black edge."""
        n, nodes = len(maps), len(self.basis)
        down, places = self.down[:n], self.places[:n]
        if field is not None:
            smooth = down.reshape(n, -1, SIDE)[:, : 2 * nodes]
            np.matmul(field.reshape(n, 2 * nodes, nodes), self.basis, out=smooth)
        by_x, by_y, constant = maps.transpose(2, 0, 1)[..., None]
        down[:, nodes] = by_x
        down[:, nodes + 1] = by_y * self.line + (constant + 1 + 0.5 / UNIT)  # 0.5: to be cut off
        # one product for each image, so that the others cannot change how it is rounded
        np.matmul(down.reshape(n, -1, 2 * SIDE).transpose(0, 2, 1), self.across, out=places)
        np.clip(places, 0, (CANVAS - 2) * UNIT, out=places)

    def _interpolate(self, n: int) -> NDArray[np.int32]:
        """Mutates all but places; the values of the first n canvases there, (n, 32, 32)."""
        whole, first = self.whole[:n], self.first[:n]
        np.copyto(whole, self.places[:n].reshape(whole.shape), casting="unsafe")
        x, y = np.bitwise_and(whole, UNIT - 1, out=self.share[:n]).swapaxes(0, 1)
        whole >>= FRACTION_BITS
        column, row = whole.swapaxes(0, 1)
        row *= CANVAS
        row += column
        row += CANVAS**2 * np.arange(n, dtype=np.int32)[:, None, None]
        first[:] = row
        pixels = self.canvas[:n].ravel()
        a, b, c, d = (
            # no index is out of range, and "wrap" is the quickest way not to ask
            pixels[further:].take(first, mode="wrap", out=values[:n])
            for further, values in zip((0, 1, CANVAS, CANVAS + 1), self.corners, strict=True)
        )
        value = _between(_between(a, b, x), _between(c, d, x), y)
        value += UNIT**2 // 2
        value >>= 2 * FRACTION_BITS
        return value


def affine(
    size: tuple[int, ...], *, shift: Array, rotate: Array, shear: Array, scale: Array
) -> Array:
    """Maps (n, 2, 3) that scale, slant, turn and shift images, in this order.

    size: height and width of the images; only the shift moves their center.
    shift, scale: (2, n), in x and in y; shift in pixels, right and down. rotate, shear: (n,), in
    degrees, counter-clockwise and to the right.
    """
    cos, sin = np.cos(np.radians(rotate)), np.sin(np.radians(rotate))
    tan = np.tan(np.radians(shear))
    xx, xy = (cos + tan * sin) / scale[0], (tan * cos - sin) / scale[0]
    yx, yy = sin / scale[1], cos / scale[1]
    x, y = center(size)
    moved_x, moved_y = x + shift[0], y + shift[1]
    x0 = x - xx * moved_x - xy * moved_y
    y0 = y - yx * moved_x - yy * moved_y
    return np.stack([xx, xy, x0, yx, yy, y0], axis=-1).reshape(-1, 2, 3)


def center(size: tuple[int, ...]) -> tuple[float, float]:
    """x and y of the middle of an image of (height, width), on the square."""
    height, width = size
    return (SIDE - width) // 2 + (width - 1) / 2, (SIDE - height) // 2 + (height - 1) / 2


@cache
def gaussian_basis(sigma: float) -> NDArray[np.float32]:
    """Gaussians of `sigma` pixels around nodes as far apart, over the 32 pixels: (nodes, 32).

    Scaled so that independent numbers of variance 1, one for each node, add up to a sum of variance
    1 at every pixel. The nodes go from two before the square to two behind it. More of them would
    add nothing, since the sum is smooth: its covariance is that of noise with a number for each
    pixel under the same Gaussian, within 0.1%.
    """
    nodes = sigma * np.arange(-2, ceil((SIDE - 1) / sigma) + 3)
    gauss = np.exp(-(((np.arange(SIDE) - nodes[:, None]) / sigma) ** 2) / 2)
    return (gauss / np.linalg.norm(gauss, axis=0)).astype(np.float32)


def _between(a: NDArray[Any], b: NDArray[Any], share: NDArray[Any]) -> NDArray[Any]:
    """Mutates a and b, int32; UNIT times the value at `share` of UNIT on the way from a to b."""
    b -= a
    b *= share
    a *= UNIT
    a += b
    return a
