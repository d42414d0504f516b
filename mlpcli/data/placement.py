"""How the ink of images lies, measured in the training images, and images brought to lie so.

MNIST's images have a rule, which is a special case here: the longer side of a digit is 20 pixels,
and its center of mass is in the center of 28x28.

Source: LeCun, Bottou, Bengio, Haffner (1998), "Gradient-based learning applied to document
recognition", section III.A.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import pictures
from mlpcli.data.background import (
    INK_THRESHOLD,
    MIN_CONTRAST,
    background,
    darkest_background,
    has_light_background,
    normalize_contrast,
)

MIN_IMAGES = 50  # with ink; of fewer, a rule would be chance
MAX_SPREAD = 1 / 28  # of the images' longer side: what obeys a rule is a pixel off in MNIST's
SPREAD_PERCENTILE, INK_PERCENTILE = 95, 99


class Extent(NamedTuple):
    """A length or a place in many images, in pixels."""

    middle: float  # median
    spread: float  # 95% of the images are at most so far from it


class Rule(NamedTuple):
    """Where ink is to lie."""

    size: tuple[int, int]  # height and width of the image
    side: int  # pixels; the longer side of the ink's box
    center: tuple[float, float]  # pixels from the top and left edge
    of: Literal["mass", "box"]  # what is in the center


MNIST = Rule((28, 28), 20, (14.5, 14.5), "mass")


class Placement(NamedTuple):
    """How the ink of a set of images lies; the origin is the top left corner."""

    size: tuple[int, int]  # height and width of the images
    height: Extent  # of the ink's box
    width: Extent
    side: Extent  # the longer of the two
    box: tuple[Extent, Extent]  # center of the box: y, x
    mass: tuple[Extent, Extent]  # center of mass: y, x
    background: float  # gray of the background in most images, in [0, 255], light on dark
    ink: float  # gray of the lightest pixel, which 99% of the images reach

    @property
    def rule(self) -> Rule:
        """What most images obey if `is_rule`, else what is usual."""
        box = max(each.spread for each in self.box) < max(each.spread for each in self.mass)
        y, x = (round(2 * each.middle) / 2 for each in (self.box if box else self.mass))
        return Rule(self.size, max(1, round(self.side.middle)), (y, x), "box" if box else "mass")

    @property
    def is_rule(self) -> bool:
        """Whether nearly all images have the same size of ink in the same place."""
        center = self.box if self.rule.of == "box" else self.mass
        return max(self.side.spread, *(each.spread for each in center)) <= _tolerance(self.size)


def measure(images: NDArray[np.uint8]) -> Placement | None:
    """How images (n, height, width) lie; None where too few of them have ink."""
    images = dark(images)
    ink = normalize_contrast(images)
    ink = ink[ink.any(axis=(1, 2))]
    if len(ink) < MIN_IMAGES:
        return None
    sides, box, mass = _boxes(ink), _box_centers(ink), _mass_centers(ink)
    return Placement(
        (int(images.shape[1]), int(images.shape[2])),
        _extent(sides[:, 0]),
        _extent(sides[:, 1]),
        _extent(sides.max(axis=1)),
        (_extent(box[:, 0]), _extent(box[:, 1])),
        (_extent(mass[:, 0]), _extent(mass[:, 1])),
        float(np.median(darkest_background(images))),
        float(np.percentile(images.max(axis=(1, 2)), 100 - INK_PERCENTILE)),
    )


def obeys(images: NDArray[np.uint8], rule: Rule) -> NDArray[np.bool_]:
    """Whether each of (n, height, width) lies as a rule has it, on black or on white: (n,)."""
    if images.shape[1:] != rule.size:
        return np.zeros(len(images), bool)
    images = dark(images)
    ink = normalize_contrast(images)
    centers = _box_centers(ink) if rule.of == "box" else _mass_centers(ink)
    off = np.abs(np.column_stack([_boxes(ink).max(axis=1) - rule.side, centers - rule.center]))
    return (off.max(axis=1) <= _tolerance(rule.size)) & (background(images) < MIN_CONTRAST)


def arrange(image: NDArray[np.uint8], rule: Rule = MNIST) -> NDArray[np.uint8]:
    """An image (height, width) of any size as a rule has it, of the rule's size.

    Its background becomes black and its ink white; a light background becomes white and stays so.
    """
    if has_light_background(image[None])[0]:
        return 255 - arrange(255 - image, rule)
    out = np.zeros(rule.size, np.float32)
    ink = normalize_contrast(pictures.reduce(image)[None])[0]
    if ink.any():
        part = _crop(ink)
        longer = max(part.shape)
        limits = (max(1, room * longer // n) for room, n in zip(rule.size, part.shape, strict=True))
        part = pictures.resize(part, min(rule.side, *limits))
        top, left = (_offset(part.sum(axis=1 - axis), rule, axis) for axis in (0, 1))
        out[top : top + part.shape[0], left : left + part.shape[1]] = part
    return np.round(255 * out).astype(np.uint8)


def dark(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images (n, height, width), those with a light background inverted."""
    light = has_light_background(images)
    return np.where(light[:, None, None], 255 - images, images) if light.any() else images


def _tolerance(size: tuple[int, int]) -> float:
    return MAX_SPREAD * max(size)


def _extent(values: NDArray[Any]) -> Extent:
    middle = float(np.median(values))
    return Extent(middle, float(np.percentile(np.abs(values - middle), SPREAD_PERCENTILE)))


def _edges(ink: NDArray[np.float32]) -> NDArray[Any]:
    """First and last row, then column, that has ink, of (n, height, width): (n, 2, 2)."""
    lit = ink > INK_THRESHOLD
    pairs = []
    for axis in (2, 1):
        line = np.asarray(lit.any(axis=axis))
        last = line.shape[1] - 1 - line[:, ::-1].argmax(axis=1)
        pairs.append(np.stack([line.argmax(axis=1), last], axis=1))
    return np.stack(pairs, axis=1)


def _boxes(ink: NDArray[np.float32]) -> NDArray[Any]:
    """Height and width of the ink's box: (n, 2)."""
    edges = _edges(ink)
    return edges[:, :, 1] - edges[:, :, 0] + 1


def _box_centers(ink: NDArray[np.float32]) -> NDArray[Any]:
    return _edges(ink).mean(axis=2) + 0.5


def _mass_centers(ink: NDArray[np.float32]) -> NDArray[Any]:
    """Center of mass of the ink within its box: y, x: (n, 2)."""
    mass = np.maximum(ink.sum(axis=(1, 2)), np.finfo(np.float32).tiny)
    lines = (ink.sum(axis=axis) for axis in (2, 1))
    return np.stack([line @ (np.arange(line.shape[1]) + 0.5) / mass for line in lines], axis=1)


def _crop(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """The smallest part of an image (height, width) that contains all of its ink."""
    (top, bottom), (left, right) = _edges(ink[None])[0]
    return ink[top : bottom + 1, left : right + 1]


def _offset(mass: NDArray[np.float32], rule: Rule, axis: int) -> int:
    """Pixels before the ink along an axis; mass: (length,), of each of its rows or columns."""
    center = (
        (mass @ np.arange(len(mass))) / mass.sum() if rule.of == "mass" else len(mass) / 2 - 0.5
    )
    offset = round(float(rule.center[axis] - 0.5 - center))
    return min(max(offset, 0), rule.size[axis] - len(mass))
