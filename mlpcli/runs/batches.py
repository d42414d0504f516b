"""From rows of uint8 images to the batches of an epoch."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dataset import INPUTS, WHITE, Split, places
from mlpcli.nn import Array, mlp
from mlpcli.runs.settings import Config


def batches(
    config: Config, split: Split, order: NDArray[Any], lit: NDArray[np.intp]
) -> Iterator[tuple[Array, Array]]:
    """Images x and targets y of one epoch, batch after batch.

    order: rows of the split, in the order of the epoch; lit: the inputs that are used.
    x has shape (n, k): the first k of the lit inputs, where the batch is black in all others.
    """
    smoothing = config.train.label_smoothing
    classes = len(split.classes)
    targets = mlp.one_hot(np.arange(classes), classes, smoothing=smoothing, dtype="float32")
    pixel = _inverse(places(split.images.shape[1:]))[lit]
    size = config.train.batch_size
    for first in range(0, len(order), size):
        part = order[first : first + size]
        pixels = split.images[part].reshape(len(part), -1)
        used = np.flatnonzero(pixels.max(axis=0)[pixel])
        x = pixels.take(pixel[: used[-1] + 1 if used.size else 0], axis=1, mode="clip")
        yield np.divide(x, WHITE), targets[split.labels[part]]


def _inverse(places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Which pixel an input shows; meaningless for inputs that show none."""
    pixel = np.zeros(INPUTS, np.intp)
    pixel[places] = np.arange(len(places))
    return pixel
