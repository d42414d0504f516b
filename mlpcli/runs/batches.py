"""From rows of uint8 images to the batches of an epoch, augmented and made ahead of their use."""

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import dataset
from mlpcli.data.augment import Ranges, augment, used, warper, words
from mlpcli.data.dataset import INPUTS, SIDE, WHITE, Split, places
from mlpcli.nn import Array, mlp
from mlpcli.runs.ahead import ahead
from mlpcli.runs.seeds import stream
from mlpcli.runs.settings import Config

Batch = tuple[Array, Array]


def batches(
    config: Config,
    split: Split,
    order: NDArray[Any],
    lit: NDArray[np.intp],
    *,
    epoch: int,
    first: int = 0,
    workers: int = 0,
) -> Iterator[Batch]:
    """Images x and targets y of one epoch, batch after batch, from position `first` on.

    order: rows of the split, in the order of the epoch; lit: what `inputs_in_use` gave.
    x has shape (n, k): the first k of the lit inputs, where the batch is black in all others.
    How an image is augmented depends on the seed, the epoch and its position alone.
    workers: threads that make augmented batches ahead of their use; others are made too quickly.
    """
    smoothing = config.train.label_smoothing
    classes = len(split.classes)
    targets = mlp.one_hot(np.arange(classes), classes, smoothing=smoothing, dtype="float32")
    varied = ranges(config)
    size = (SIDE, SIDE) if varied else split.images.shape[1:]
    pixel = _inverse(places(size))[lit]
    idle = deque(warper(varied) for _ in range(max(1, workers))) if varied else deque()

    def batch(start: int) -> Batch:
        part = order[start : start + config.train.batch_size]
        images = split.images[part]
        if varied:
            rng = stream(config.seed, "augment", epoch, skip=start * words(varied))
            warp = idle.pop()  # one for each thread at work
            images = augment(images, varied, rng=rng, warp=warp)
            idle.append(warp)
        pixels = images.reshape(len(part), -1)
        bright = np.flatnonzero(pixels.max(axis=0)[pixel])
        x = pixels.take(pixel[: bright[-1] + 1 if bright.size else 0], axis=1, mode="clip")
        return np.divide(x, WHITE), targets[split.labels[part]]

    starts = range(first, len(order), config.train.batch_size)
    return ahead(batch, starts, workers=workers) if varied and workers else map(batch, starts)


def inputs_in_use(config: Config, split: Split) -> NDArray[np.intp]:
    """The inputs that a training image may light, those first that are lit in most of them."""
    varied = ranges(config)
    if varied is None:
        return dataset.lit(split.images)
    return used(split.images, varied, rng=stream(config.seed, "augment", 0))


def ranges(config: Config) -> Ranges | None:
    """How the training images are augmented; None when they are not."""
    given = Ranges(**config.augment.model_dump())
    return given if any(given._replace(elastic_sigma=0)) else None


def _inverse(places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Which pixel an input shows; meaningless for inputs that show none."""
    pixel = np.zeros(INPUTS, np.intp)
    pixel[places] = np.arange(len(places))
    return pixel
