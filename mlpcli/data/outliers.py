"""Images unlike the training images: by the amount, reach and edges of their ink, or its pieces.

All is measured in the network's inputs, except the pieces, which preparing an image would blur.
Resizing blurs too, so nothing here takes soft edges for a difference.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import pictures
from mlpcli.data.background import INK_THRESHOLD, normalize_contrast
from mlpcli.data.placement import dark

Array = NDArray[Any]

LIMIT_PERCENTILE = 99.9  # of the training images' distances
MIN_VARIANCE = 1e-4  # of a trait's logarithm: one percent, squared
MARGIN = 0.05  # beyond the most edges of a training image, as a fraction of them
BLUR = 0.25  # below the fewest, which resizing may lose
MIN_PIECE = 0.2  # of the ink; less is a dot or a broken stroke
MAX_PIECES_SHARE = 0.02  # of the training images; more, and pieces are nothing special
MIN_IMAGES = 500  # of fewer, the limit would be chance


class Traits(NamedTuple):
    """What the training images have in common."""

    mean: tuple[float, ...]  # of the traits that `_traits` computes
    precision: tuple[tuple[float, ...], ...]  # inverse of their covariance
    limit: float  # squared distance from the mean that hardly any training image exceeds
    steps: float  # the largest sum of the differences between neighbors; white is 1
    edges: tuple[float, float]  # the least and the largest of such a sum by the ink
    pieces_share: float  # fraction of the images with several pieces of ink


def measure(images: NDArray[np.uint8]) -> Traits | None:
    """The traits of images (n, height, width); None where they are too few."""
    if len(images) < MIN_IMAGES:
        return None
    traits = _traits(images)
    covariance = np.cov(traits.T) + MIN_VARIANCE * np.eye(traits.shape[1])
    mean, precision = traits.mean(axis=0), np.linalg.inv(covariance)
    steps, edges = _steps_and_edges(images)
    limit = np.percentile(_distances(traits, mean, precision), LIMIT_PERCENTILE)
    return Traits(
        tuple(mean.tolist()),
        tuple(map(tuple, precision.tolist())),
        float(limit),
        float(steps.max()),
        (float(edges.min()), float(edges.max())),
        float(in_pieces(images).mean()),
    )


def is_outlier(images: NDArray[np.uint8], traits: Traits) -> NDArray[np.bool_]:
    """Whether each prepared image (n, height, width) is beyond the training images' limits: (n,).

    Source: Mahalanobis (1936), "On the generalized distance in statistics".
    """
    mean, precision = np.array(traits.mean), np.array(traits.precision)
    far = _distances(_traits(images), mean, precision) > traits.limit
    steps, edges = _steps_and_edges(images)
    fewest, most = traits.edges
    sharp = (steps > (1 + MARGIN) * traits.steps) | (edges > (1 + MARGIN) * most)
    return far | sharp | (edges < (1 - BLUR) * fewest)


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


def _distances(traits: Array, mean: Array, precision: Array) -> Array:
    """Squared Mahalanobis distance of each row: (n,)."""
    away = traits - mean
    return ((away @ precision) * away).sum(axis=1)


def _traits(images: NDArray[np.uint8]) -> Array:
    """Logarithms of the ink, and of its distance from its center: (n, 3).

    The distance is the root of the mean square, then the mean.
    """
    x = images / np.float32(255)
    ink = np.maximum(x.sum(axis=(1, 2), dtype=np.float64), 1)
    places = [np.arange(length, dtype=np.float32) for length in x.shape[1:]]
    lines = x.sum(axis=2), x.sum(axis=1)
    rows, columns = (
        ((line @ place / ink)[:, None] - place) ** 2
        for line, place in zip(lines, places, strict=True)
    )
    squared = rows[:, :, None] + columns[:, None, :]
    radius = np.sqrt((x * squared).sum(axis=(1, 2)) / ink)
    reach = (x * np.sqrt(squared)).sum(axis=(1, 2)) / ink
    return np.log(np.stack([ink, radius + 0.1, reach + 0.1], axis=1))


def _steps_and_edges(images: NDArray[np.uint8]) -> tuple[Array, Array]:
    """Sum of the differences between neighbors, and the same by the ink: both (n,)."""
    x = images / np.float32(255)
    steps = sum(np.abs(np.diff(x, axis=axis)).sum(axis=(1, 2)) for axis in (1, 2))
    return steps, steps / np.maximum(x.sum(axis=(1, 2)), 1)
