"""Images of any size made as a run's training images were: one way for `predict` and `eval`."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import outliers, pictures, placement
from mlpcli.data.background import (
    MIN_CONTRAST,
    darkest_background,
    has_light_background,
    light_share,
    normalize_contrast,
)
from mlpcli.data.placement import MNIST, Rule
from mlpcli.data.preprocessing import SIDE
from mlpcli.runs.checkpoint import Metadata

MAX_RARE_SHARE = 0.1  # fraction of the training images; images with a rarer background are inverted
MIN_INK = 0.5  # of the ink of the training images; fainter ink is strengthened

Pixels = NDArray[np.uint8]


class Fitted(NamedTuple):
    """Images that are at most as large as the training images."""

    images: Pixels  # (n, height, width); light and dark are not swapped
    centered: NDArray[np.bool_]  # whether the ink of each was scaled and moved
    shrunk: bool  # whether the images were shrunk as a whole
    in_pieces: NDArray[np.bool_]  # whether each has several pieces of ink, as no training image has


def fit(images: Pixels, metadata: Metadata, *, center: bool | None = None) -> Fitted:
    """Images (n, height, width) of any size, fitted as the training images lie.

    center: scale and move the ink, or only shrink what is larger than the training images. Without
    it, the ink is scaled and moved where that of the training images has a rule; what obeys the
    rule stays as it is. For runs that were not measured, images larger than 32x32 get MNIST's
    rule, unless the training images were shrunk or have a light background.
    """
    rule, side = _rule(images, metadata, center=center)
    centered = np.zeros(len(images), bool)
    several = _in_pieces(images, metadata)
    if rule:
        centered = ~placement.obeys(images, rule)
        if not centered.any():
            return Fitted(images, centered, False, several)
        pairs = zip(images, centered, strict=True)
        arranged = [placement.arrange(each, rule) if moves else each for each, moves in pairs]
        return Fitted(np.stack(arranged), centered, False, several)
    shrinks = max(images.shape[1:]) > side
    if shrinks:
        images = np.stack([pictures.shrink(image, side) for image in images])
    return Fitted(images, centered, shrinks, several)


def inverts(metadata: Metadata, *, light: bool) -> bool:
    """Whether images are to be inverted whose background is light, or else dark."""
    return (metadata.light_share if light else 1 - metadata.light_share) < MAX_RARE_SHARE


def is_light(images: Pixels) -> bool:
    """Whether most of the images (n, height, width) have a light background."""
    return light_share(images) > 0.5


def shade(images: Pixels, metadata: Metadata, *, inverted: bool) -> Pixels:
    """Fitted images with light and dark swapped where asked, as dark and light as in training.

    Paper need not be white, nor a board black, nor ink as strong as that of the training images.
    """
    images, measured = 255 - images if inverted else images, metadata.placement
    if metadata.light_share >= 0.5 or not (inverted or measured):
        return images
    weak = np.ones(len(images), bool)
    if measured:
        gray = darkest_background(images) >= measured.background + MIN_CONTRAST
        faint = images.max(axis=(1, 2)) < MIN_INK * measured.ink
        weak = (gray | faint) & ~has_light_background(images)
    if not weak.any():
        return images
    images = images.copy()
    images[weak] = np.round(255 * normalize_contrast(images[weak]))
    return images


def is_outlier(images: Pixels, metadata: Metadata) -> NDArray[np.bool_]:
    """Whether each of the prepared images is unlike any training image: (n,)."""
    if metadata.traits is None:
        return np.zeros(len(images), bool)
    return outliers.is_outlier(images, metadata.traits)


def _rule(images: Pixels, metadata: Metadata, *, center: bool | None) -> tuple[Rule | None, int]:
    """Where ink is to lie, if anywhere, and the longer side of an image that is only shrunk."""
    measured, shrunk = metadata.placement, metadata.config.data.resize
    if measured:
        center = measured.is_rule if center is None else center
        return measured.rule if center else None, max(measured.size)
    if center is None:
        fits = max(images.shape[1:]) <= SIDE
        center = not fits and not shrunk and metadata.light_share < 0.5
    side = SIDE if shrunk or max(images.shape[1:]) <= SIDE else max(MNIST.size)
    return MNIST if center else None, side


def _in_pieces(images: Pixels, metadata: Metadata) -> NDArray[np.bool_]:
    traits = metadata.traits
    if traits is None or traits.pieces_share > outliers.MAX_PIECES_SHARE:
        return np.zeros(len(images), bool)
    return outliers.in_pieces(images)
