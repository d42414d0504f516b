"""Training images to look at: some of each class, or one with variants as training would see it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.augment import Ranges, augment
from mlpcli.data.dataset import SIDE, Split
from mlpcli.runs.seeds import stream
from mlpcli.runs.settings import Config

COLUMNS = 12  # images of a class
ROWS = 100  # classes at most


class Samples(NamedTuple):
    """A row of images for each of the first ROWS classes; black where there are no more."""

    data: str  # name of the data set
    images: NDArray[np.uint8]  # (classes, COLUMNS, 32, 32)
    classes: tuple[str, ...]
    ranges: Ranges | None  # how all but the first image of a row came of it; None: they are others


def samples(config: Config, split: Split, *, ranges: Ranges | None = None) -> Samples:
    """COLUMNS images of each class or, with ranges, one image of each and variants of it."""
    rng = stream(config.seed, "check", 4)
    classes = split.classes[:ROWS]
    images = np.zeros((len(classes), COLUMNS, SIDE, SIDE), np.uint8)
    for label, row in enumerate(images):
        found = rng.permutation(np.flatnonzero(split.labels == label))[: 1 if ranges else COLUMNS]
        row[: len(found)] = augment(split.images[found], Ranges(), rng=rng)
        if ranges and len(found):
            row[1:] = augment(np.repeat(split.images[found], COLUMNS - 1, 0), ranges, rng=rng)
    return Samples(split.name, images, classes, ranges)
