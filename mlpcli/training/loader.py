"""Training images: a split divided for training and validation, and the batches of an epoch."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.config.schema import Augment, Config
from mlpcli.data import dataset, outliers, placement, preprocessing, subsets, synth
from mlpcli.data.background import light_share
from mlpcli.data.dataset import Split
from mlpcli.data.outliers import Traits
from mlpcli.data.placement import Placement
from mlpcli.data.preprocessing import SIDE
from mlpcli.data.raw import Reading
from mlpcli.data.registry import DATASETS
from mlpcli.errors import ConfigError, DataError
from mlpcli.nn import Array, mlp
from mlpcli.nn.engine import Source
from mlpcli.nn.mlp import Masks
from mlpcli.training import augment, build
from mlpcli.training.imbalance import class_weights
from mlpcli.training.rng import stream

DEFAULT_VALIDATION = 0.1  # share of the training images
HELD_OUT_PARTS = ("validation", "test")  # of other data that is to validate on, the first there is

Batch = tuple[Array, Array]

SAMPLE_SIZE = 2000  # images that stand for all where they are measured


class TrainingData(NamedTuple):
    """A training split, and what a training needs to know about it, determined once."""

    split: Split
    train_rows: NDArray[np.intp]  # rows of the split to train on, ascending
    validation_rows: NDArray[np.intp]  # those kept for validation, ascending
    active_inputs: NDArray[np.intp]  # inputs that a batch may light: the order of its columns
    light_share: float  # fraction of the images with a light background
    placement: Placement | None = None  # how their ink lies; None where it was not measured
    traits: Traits | None = None  # what they have in common; likewise
    class_weights: Array | None = None  # (classes,), of the loss; None where all are 1


def load_split(
    config: Config, split: str, *, offline: bool = False, classes: tuple[str, ...] | None = None
) -> Split:
    """The images that the settings name; the other arguments are those of `dataset.load`.

    Images that the settings or the data keep for validation follow those of "train".
    """
    name, how = config.data.name, reading(config)
    drawn = _drawn(config) if split == "train" else None
    loaded = dataset.load(name, split, how=how, offline=offline, drawn=drawn, classes=classes)
    other = config.data.validation
    if split != "train":
        return loaded
    if isinstance(other, str):
        has = dataset.splits(other, how)
        part = next(each for each in (*HELD_OUT_PARTS, *has) if each in has)
        how = how._replace(white=None, background="auto")
        held_out = dataset.load(other, part, how=how, offline=offline, classes=loaded.classes)
    elif other is None and not config.data.folds and "validation" in dataset.splits(name, how):
        how = how._replace(white=loaded.white, background="light" if loaded.light else "dark")
        held_out = dataset.load(name, "validation", how=how, classes=loaded.classes)
    else:
        return loaded
    return subsets.with_validation(loaded, held_out)


def reading(config: Config) -> Reading:
    """How the settings have files read."""
    names = (name for name in Reading._fields if name != "fit")
    return Reading(**{name: getattr(config.data, name) for name in names})


def class_names(config: Config, *, offline: bool = False) -> tuple[str, ...]:
    """Names of the classes; only a user's own data is read for them. Raises DataError."""
    name = config.data.name
    if name == "synth":
        return synth.CLASSES
    spec = DATASETS.get(name)
    return spec.classes if spec else load_split(config, "train", offline=offline).classes


def prepare(config: Config, split: Split) -> TrainingData:
    """A training split made ready.

    Raises ConfigError where settings do not fit it, and DataError for images of a single class.
    """
    if len(names := np.unique(split.labels)) < 2:
        raise DataError(
            f"{split.name}: all training images are of one class, {split.classes[names[0]]!r}; "
            "there must be at least two"
        )
    sample = split.images[:: max(1, len(split.images) // SAMPLE_SIZE)]
    rows, validation_rows = split_rows(config, split)
    if config.network.batch_norm and min(size := config.train.batch_size, len(rows)) < 2:
        raise ConfigError(
            "network.batch_norm: one image has no variance; train.batch_size must be at least 2, "
            f"and so must the training images, got {size} and {len(rows):,}"
        )
    sample = split.images[:: max(1, len(split.images) // SAMPLE_SIZE)]
    return TrainingData(
        split,
        rows,
        validation_rows,
        active_inputs(config, split),
        light_share(split.images),
        placement.measure(sample),
        outliers.measure(sample),
        class_weights(config.train.class_weight, split.labels[rows], split.classes),
    )


def split_rows(config: Config, split: Split) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows of the images to train on, and those kept for validation; both ascending."""
    total = len(split.labels)
    labels = split.labels[: total - split.held_out]
    rows = np.arange(len(labels))
    if config.data.images is not None and _drawn(config) is None:
        count = _count("images", config.data.images, len(rows))
        rng = stream(config.seed, "images")
        rows = subsets.stratified(labels, count=count, rng=rng)[1]
    if split.held_out:
        return rows, np.arange(len(labels), total)
    if config.data.folds is not None:
        return _fold_rows(config, labels, rows)
    share = DEFAULT_VALIDATION if config.data.validation is None else config.data.validation
    count = _count("validation", share, len(rows))
    if share == 0 and len(rows):
        train = config.train
        if train.target is not None or train.patience is not None or train.metric != "accuracy":
            raise ConfigError(
                "data.validation: 0 keeps no images, which train.target, train.patience and "
                "train.metric need"
            )
        return rows, rows[:0]
    if not 0 < count < len(rows):
        raise ConfigError(
            f"data.validation: {share} of {len(rows):,} image{'s' * (len(rows) > 1)} is "
            f"{count:,} to validate on and {len(rows) - count:,} to train on; choose another share"
        )
    rng = stream(config.seed, "validation")
    training, validation = subsets.stratified(labels[rows], count=count, rng=rng)
    return rows[training], rows[validation]


def _fold_rows(
    config: Config, labels: NDArray[Any], rows: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The rows outside one of the folds, and those in it; the seed decides the folds."""
    data = config.data
    assert data.folds
    if data.fold >= data.folds or data.validation is not None or data.folds > len(rows):
        raise ConfigError(
            f"data.folds: needs data.fold below it, no data.validation and at least as many "
            f"images, got {data.folds} folds of {len(rows):,} images, fold {data.fold}"
        )
    fold = subsets.folds(labels[rows], data.folds, rng=stream(config.seed, "validation"))
    return rows[fold != data.fold], rows[fold == data.fold]


def _count(key: str, amount: Any, n: int) -> int:
    """How many of n images a share or a number of them is; raises ConfigError for too many."""
    if isinstance(amount, int) and amount > n:
        raise ConfigError(f"data.{key}: must be at most the {n:,} training images, got {amount:,}")
    return amount if isinstance(amount, int) else round(amount * n)


def _drawn(config: Config) -> int | None:
    """How many images of synth the settings have drawn."""
    data = config.data
    return data.images if data.name == "synth" and isinstance(data.images, int) else None


def active_inputs(config: Config, split: Split) -> NDArray[np.intp]:
    """The inputs that may be active in a training image, the most frequent first."""
    ranges = augmentation(config)
    if ranges is None:
        return preprocessing.active_inputs(split.images)
    return augment.active_inputs(split.images, ranges, rng=stream(config.seed, "augment", 0))


def augmentation(config: Config) -> Augment | None:
    """How the training images are augmented; None when they are not."""
    return config.augment if config.augment.changes_images() else None


def source(
    config: Config, data: TrainingData, order: NDArray[np.int64], *, members: int = 1
) -> Source:
    """Where a training gets its batches from; a place is an epoch and a batch's position in it.

    order: (n,), rows of the split in the order of the epoch, which the caller changes.
    Its x: the active inputs in [0, 1]; its y: targets. How an image is augmented depends on the
    seed, the epoch and its position alone, the dropout on seed, epoch and step.
    members: how many fill a batch, each with its own rank.
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
    warps = [augment.warper(ranges) for _ in range(members)] if ranges else []

    def fill(x: Array, y: Array, rank: int, rows: slice, epoch: int, start: int) -> int:
        if not len(x):
            return 0
        chosen = order[start + rows.start : start + rows.stop]
        images = split.images[chosen]
        if ranges:
            skip = (start + rows.start) * augment.draws_per_image(ranges)
            rng = stream(config.seed, "augment", epoch, skip=skip)
            images = augment.augment(images, ranges, rng=rng, warp=warps[rank])
        pixels = images.reshape(len(chosen), -1)
        bright = np.flatnonzero(pixels.max(axis=0)[pixel])
        used = int(bright[-1]) + 1 if bright.size else 0
        preprocessing.scale(pixels.take(pixel[:used], axis=1, mode="clip"), x[:, :used])
        y[:] = targets[split.labels[chosen]]
        return used

    def masks(n: int, rows: slice, inputs: int, epoch: int, start: int) -> Masks | None:
        step = start // config.train.batch_size
        return build.dropout_masks(config, (n, inputs), "dropout", epoch, step, rows=rows)

    def weights(rows: slice, epoch: int, start: int) -> Array | None:
        return row_weights(data, order[start + rows.start : start + rows.stop])

    return Source(fill, masks, weights)


def row_weights(data: TrainingData, rows: NDArray[Any]) -> Array | None:
    """Weights in the loss of these rows of the split, (rows, 1); None where all are 1."""
    weights = data.class_weights
    return None if weights is None else weights[data.split.labels[rows], None]


def batches(
    config: Config, data: TrainingData, order: NDArray[np.intp], *, epoch: int, first_step: int = 0
) -> Iterator[Batch]:
    """Images x and targets y of one epoch, batch after batch, from step `first_step` on.

    order: (n,), rows of the split in the order of the epoch.
    x: float32 (batch, k) in [0, 1], the first k of the active inputs, where the batch is black in
    all others; y: (batch, classes), each row summing to 1.
    """
    fill, size = source(config, data, order).fill, config.train.batch_size
    for start in range(first_step * size, len(order), size):
        n = min(size, len(order) - start)
        x = np.empty((n, len(data.active_inputs)), np.float32)
        y = np.empty((n, len(data.split.classes)), np.float32)
        used = fill(x, y, 0, slice(0, n), epoch, start)
        yield x[:, :used], y
