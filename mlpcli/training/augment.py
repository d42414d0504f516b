"""Random variants of images: shifted, rotated, scaled, sheared, bent, flipped, partly erased.

Every image takes equally many random numbers, so the variants of the images from some position on
need no draws for those before it: `draws_per_image` is the number to skip for each.
"""

from math import radians, sin, sqrt, tan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.config.schema import Augment
from mlpcli.data import preprocessing
from mlpcli.data.preprocessing import INPUTS, SIDE, center_view
from mlpcli.training.warp import UNIT, Bytes, Warp, affine, center, gaussian_basis

DRAWS_PER_IMAGE = 16  # random numbers of an image for its map and its erased rectangle
ERASED_AREA = (0.02, 0.4)  # fraction of an image
ERASED_ASPECT = (0.3, 1 / 0.3)  # height over width
SAMPLE_SIZE = 4096  # variants that show how often an input is active


HANDWRITING = Augment(shift=2, rotate=12, scale=0.12, shear=8, elastic=1)  # digits stay readable


def augment(
    images: Bytes, ranges: Augment, *, rng: np.random.Generator, warp: Warp | None = None
) -> Bytes:
    """A variant of each image on the square that the network sees: uint8 (n, 32, 32).

    images: (n, height, width), at most 32x32, put in the middle of the square first.
    rng: gives `draws_per_image(ranges)` random numbers of 64 bits to each image.
    warp: of `warper(ranges)`, to reuse its arrays for several batches.
    """
    size = images.shape[1:]
    drawn = rng.random((len(images), 2 * draws_per_image(ranges)), np.float32)
    out = (warp or warper(ranges))(images, _maps(size, ranges, drawn), _field(ranges, drawn))
    if ranges.erase:
        _erase(center_view(out, size), ranges.erase, drawn)
    return out


def warper(ranges: Augment) -> Warp:
    """What warps images within these ranges, for one thread at a time."""
    return Warp(ranges.elastic_sigma if ranges.elastic else None)


def draws_per_image(ranges: Augment) -> int:
    """How many random numbers of 64 bits an image takes; each gives two of 32 bits."""
    noise = INPUTS if ranges.erase else 0
    return (DRAWS_PER_IMAGE + 2 * _nodes(ranges) ** 2 + noise) // 2


def active_inputs(images: Bytes, ranges: Augment, *, rng: np.random.Generator) -> NDArray[np.intp]:
    """The inputs that may be active in a variant of an image, the most frequent first.

    The frequency comes from a sample; `reach` has every input that may be active.
    """
    sample = images[rng.choice(len(images), min(SAMPLE_SIZE, len(images)), replace=False)]
    seen = preprocessing.active_inputs(augment(sample, ranges, rng=rng))
    return np.concatenate([seen, np.setdiff1d(np.flatnonzero(reach(images, ranges)), seen)])


def reach(images: Bytes, ranges: Augment) -> NDArray[np.bool_]:
    """The pixels that may be active in a variant of the images, (32, 32): an upper bound.

    A pixel is active only if an image has an active pixel at most the largest displacement plus one
    pixel away: an interpolation reads the next pixel.
    """
    size = images.shape[1:]
    square = np.zeros((1, SIDE, SIDE), bool)
    square.flat[preprocessing.active_inputs(images)] = True
    inside = center_view(square, size)
    if ranges.flip:
        inside |= inside[:, :, ::-1].copy()
    places = np.indices((SIDE, SIDE), np.int8).reshape(2, -1, 1)
    rows, columns = np.abs(places - places[:, square.ravel()].swapaxes(1, 2))
    nearest = np.maximum(rows, columns).min(axis=1, initial=SIDE).reshape(SIDE, SIDE)
    square[0] |= nearest < _displacement(size, ranges) + 1
    if ranges.erase:
        inside[:] = True
    return square[0]


def _displacement(size: tuple[int, ...], ranges: Augment) -> NDArray[Any]:
    """How far each pixel may be from the place it is read at, in x and in y: pixels, (32, 32)."""
    x, y = center(size)
    row, column = np.indices((SIDE, SIDE))
    radius = np.hypot(column - x, row - y) + sqrt(2) * ranges.shift
    slant = tan(radians(ranges.shear))
    smallest = (1 - ranges.scale) * (1 - ranges.stretch)
    # a turn, a slant and a scale each move a point by at most so much of its radius
    share = 2 * sin(radians(ranges.rotate) / 2) + slant + (1 / smallest - 1) * (1 + slant)
    field = sqrt(3) * ranges.elastic * gaussian_basis(ranges.elastic_sigma).sum(axis=0).max() ** 2
    return np.ceil(UNIT * (share * radius + ranges.shift + field)) / UNIT


def _maps(size: tuple[int, ...], ranges: Augment, drawn: NDArray[Any]) -> NDArray[Any]:
    """A map for each image, of its first random numbers."""
    u = 2 * drawn[:, :8].T.astype(np.float64) - 1  # in [-1, 1)
    scale = (1 + ranges.scale * u[4]) * (1 + ranges.stretch * u[5:7])
    if ranges.flip:
        scale[0] *= np.where(u[7] < 0, -1, 1)
    shift, rotate, shear = ranges.shift * u[:2], ranges.rotate * u[2], ranges.shear * u[3]
    return affine(size, shift=shift, rotate=rotate, shear=shear, scale=scale)


def _field(ranges: Augment, drawn: NDArray[Any]) -> NDArray[Any] | None:
    """Displacements at the nodes of a grid, in pixels, for each image.

    Source: Simard, Steinkraus and Platt (2003), section 2, where they are uniform as well. Their
    alpha is sqrt(12 pi) sigma times the root mean square: 34 for 1.4 pixels at a sigma of 4.
    """
    if not ranges.elastic:
        return None
    nodes = _nodes(ranges)
    noise = drawn[:, DRAWS_PER_IMAGE : DRAWS_PER_IMAGE + 2 * nodes**2] - np.float32(0.5)
    noise *= np.float32(sqrt(12) * ranges.elastic)
    return noise.reshape(-1, nodes, 2, nodes)


def _nodes(ranges: Augment) -> int:
    return len(gaussian_basis(ranges.elastic_sigma)) if ranges.elastic else 0


def _erase(images: Bytes, probability: float, drawn: NDArray[Any]) -> None:
    """Mutates images: fills a rectangle of some with noise.

    Source: Zhong et al. (2017), arXiv:1708.04896, algorithm 1. A rectangle that would not fit is
    cut and moved into the image, where theirs is drawn again.
    """
    n, height, width = images.shape
    u = drawn[:, 8:13].T.astype(np.float64)
    area = (ERASED_AREA[0] + (ERASED_AREA[1] - ERASED_AREA[0]) * u[0]) * height * width
    aspect = ERASED_ASPECT[0] + (ERASED_ASPECT[1] - ERASED_ASPECT[0]) * u[1]
    rows = _span(height, np.sqrt(area * aspect), u[2])
    columns = _span(width, np.sqrt(area / aspect), u[3])
    inside = rows[:, :, None] & columns[:, None, :] & (u[4] < probability)[:, None, None]
    noise = (256 * drawn[:, -INPUTS:]).astype(np.uint8).reshape(n, SIDE, SIDE)
    np.copyto(images, center_view(noise, (height, width)), where=inside)


def _span(length: int, extent: NDArray[Any], u: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of `length` pixels are in a span of that extent, placed at random by u in [0, 1)."""
    extent = np.minimum(np.rint(extent), length)
    first = np.floor(u * (length - extent + 1))[:, None]
    place = np.arange(length)
    return (first <= place) & (place < first + extent[:, None])
