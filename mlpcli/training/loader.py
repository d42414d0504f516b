"""Training images: a split divided for training and validation, and the batches of an epoch."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.config.schema import Augment, Config
from mlpcli.data import dataset, preprocessing, synth
from mlpcli.data.dataset import Split
from mlpcli.data.mnist_style import light_share
from mlpcli.data.preprocessing import SIDE
from mlpcli.data.registry import DATASETS
from mlpcli.errors import ConfigError
from mlpcli.nn import Array, mlp
from mlpcli.training import augment
from mlpcli.training.prefetch import prefetch
from mlpcli.training.rng import stream

Batch = tuple[Array, Array]


class TrainingData(NamedTuple):
    """A training split, and what a training needs to know about it, determined once."""

    split: Split
    train_rows: NDArray[np.intp]  # rows of the split to train on, ascending
    validation_rows: NDArray[np.intp]  # those kept for validation, ascending
    active_inputs: NDArray[np.intp]  # inputs that a batch may light: the order of its columns
    light_share: float  # fraction of the images with a light background


def load_split(config: Config, split: str, *, offline: bool = False) -> Split:
    """The images that the settings name; split is "train" or "test". Raises DataError."""
    data, images = config.data, config.data.images if split == "train" else None
    return dataset.load(data.name, split, resize=data.resize, offline=offline, images=images)


def class_names(config: Config, *, offline: bool = False) -> tuple[str, ...]:
    """Names of the classes; only a user's own data is read for them. Raises DataError."""
    name = config.data.name
    if name == "synth":
        return synth.CLASSES
    spec = DATASETS.get(name)
    return spec.classes if spec else load_split(config, "train", offline=offline).classes


def prepare(config: Config, split: Split) -> TrainingData:
    """A training split made ready; raises ConfigError where it cannot be divided."""
    return TrainingData(
        split, *split_rows(config, split), active_inputs(config, split), light_share(split.images)
    )


def split_rows(config: Config, split: Split) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows of the images to train on, and those kept for validation; both ascending."""
    n = len(split.labels)
    count = round(config.data.validation * n)
    if not 0 < count < n:
        raise ConfigError(
            f"data.validation: {config.data.validation} of {n:,} images is {count:,} to validate "
            f"on and {n - count:,} to train on; choose another fraction"
        )
    rng = stream(config.seed, "validation")
    return dataset.split_validation(split.labels, count=count, rng=rng)


def active_inputs(config: Config, split: Split) -> NDArray[np.intp]:
    """The inputs that may be active in a training image, the most frequent first."""
    ranges = augmentation(config)
    if ranges is None:
        return preprocessing.active_inputs(split.images)
    return augment.active_inputs(split.images, ranges, rng=stream(config.seed, "augment", 0))


def augmentation(config: Config) -> Augment | None:
    """How the training images are augmented; None when they are not."""
    return config.augment if config.augment.changes_images() else None


def batches(
    config: Config,
    data: TrainingData,
    order: NDArray[np.intp],
    *,
    epoch: int,
    first_step: int = 0,
    workers: int = 0,
) -> Iterator[Batch]:
    """Images x and targets y of one epoch, batch after batch, from step `first_step` on.

    workers: threads that prefetch augmented batches; others are made too quickly for that.
    The other arguments, and x and y, are those of `batch_maker`.
    """
    make = batch_maker(config, data, order, epoch=epoch, workers=workers)
    size = config.train.batch_size
    starts = range(first_step * size, len(order), size)
    augmented = augmentation(config) is not None
    return prefetch(make, starts, workers=workers) if augmented and workers else map(make, starts)


def batch_maker(
    config: Config, data: TrainingData, order: NDArray[np.intp], *, epoch: int, workers: int = 0
) -> Callable[[int], Batch]:
    """A function from a position in an epoch to the batch that begins there.

    order: (n,), rows of the split in the order of the epoch.
    Its x is float32 (batch, k) in [0, 1]: the first k of the active inputs, where the batch is
    black in all others; its y is (batch, classes), each row summing to 1.
    How an image is augmented depends on the seed, the epoch and its position alone.
    workers: how many threads call the function at the same time; 0 and 1 mean one.
    """
    split, smoothing = data.split, config.train.label_smoothing
    classes = len(split.classes)
    targets = mlp.one_hot(np.arange(classes), classes, smoothing=smoothing, dtype="float32")
    ranges = augmentation(config)
    size = (SIDE, SIDE) if ranges else split.images.shape[1:]
    shown = preprocessing.input_indices(size)
    pixels_of_inputs = np.zeros(preprocessing.INPUTS, np.intp)  # 0 where an input shows none
    pixels_of_inputs[shown] = np.arange(len(shown))
    pixel = pixels_of_inputs[data.active_inputs]
    idle = deque(augment.warper(ranges) for _ in range(max(1, workers))) if ranges else deque()

    def batch(start: int) -> Batch:
        rows = order[start : start + config.train.batch_size]
        images = split.images[rows]
        if ranges:
            skip = start * augment.draws_per_image(ranges)
            rng = stream(config.seed, "augment", epoch, skip=skip)
            warp = idle.pop()  # one for each thread at work
            images = augment.augment(images, ranges, rng=rng, warp=warp)
            idle.append(warp)
        pixels = images.reshape(len(rows), -1)
        bright = np.flatnonzero(pixels.max(axis=0)[pixel])
        x = pixels.take(pixel[: bright[-1] + 1 if bright.size else 0], axis=1, mode="clip")
        return preprocessing.scale(x), targets[split.labels[rows]]

    return batch
