"""A run's network on images that nobody has labelled."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import image_sources, mnist_style, pictures
from mlpcli.data.image_sources import Source
from mlpcli.data.preprocessing import SIDE
from mlpcli.errors import DataError
from mlpcli.nn import Array
from mlpcli.runs.checkpoint import Checkpoint, Metadata
from mlpcli.runs.folder import RunFolder
from mlpcli.training import build, threads
from mlpcli.training.scoring import CHUNK_SIZE, probabilities

MAX_RARE_SHARE = 0.1  # fraction of the training images; images with a rarer background are inverted


class Guess(NamedTuple):
    """A class that an image may belong to."""

    label: int  # number of the class
    name: str
    probability: float


class Prediction(NamedTuple):
    """The network's prediction for one image."""

    image: str  # name of its file, or "-" for standard input
    row: int | None  # in an IDX or npz file, from 0
    light: bool  # whether its background is light, or that of most images in its file
    inverted: bool  # whether light and dark were swapped
    blank: bool  # whether all its pixels are equal
    top: list[Guess]  # the most probable class first


def open_run(folder: Path, weights: str) -> Checkpoint:
    """The network of a run; raises CheckpointError."""
    return RunFolder(folder).load_weights(weights)


def predict(
    checkpoint: Checkpoint,
    places: Iterable[str],
    stdin: BinaryIO,
    *,
    top: int = 3,
    invert: bool | None = None,
    center: bool | None = None,
) -> Iterator[list[Prediction] | DataError]:
    """Predictions for the images at each place, some at a time, or why there are none.

    places, stdin: as `image_sources.find` takes them. top: how many classes to name.
    invert: whether to swap light and dark; without it, where hardly any training image has such a
    background. center: as `prepared` takes it.
    """
    with threads.one_blas_thread():  # for one image, the BLAS's threads only wait
        for source in image_sources.find(places, stdin):
            if isinstance(source, DataError):
                yield source
            else:
                yield from _of_source(checkpoint, source, top, invert, center)


def _of_source(
    checkpoint: Checkpoint, source: Source, top: int, invert: bool | None, center: bool | None
) -> Iterator[list[Prediction]]:
    metadata = checkpoint.metadata
    activation = build.activation(metadata.config)
    light = mnist_style.light_share(source.images) > 0.5  # a file is inverted as a whole
    share = metadata.light_share if light else 1 - metadata.light_share  # with such a background
    inverted = share < MAX_RARE_SHARE if invert is None else invert
    for start in range(0, len(source.images), CHUNK_SIZE):
        images = source.images[start : start + CHUNK_SIZE]
        seen = prepared(images, metadata, inverted=inverted, center=center)
        p = probabilities(checkpoint.params, seen, activation=activation)
        details = zip(_blank(seen), _best(p, metadata, top), strict=True)
        yield [
            Prediction(source.name, row if source.numbered else None, light, inverted, *each)
            for row, each in enumerate(details, start)
        ]


def prepared(
    images: NDArray[np.uint8], metadata: Metadata, *, inverted: bool, center: bool | None = None
) -> NDArray[np.uint8]:
    """Images, (n, height, width), as the network is to see them, at most 32x32.

    center: fit and center them as MNIST's are, instead of only shrinking what is larger than 32x32.
    Without it, the larger ones are centered, unless the training images were shrunk themselves or
    have a light background.
    """
    fits = max(images.shape[1:]) <= SIDE
    shrunk, dark = metadata.config.data.resize, metadata.light_share < 0.5
    if center is None:
        center = not fits and not shrunk and dark
    if inverted:
        images = 255 - images
    if center:
        return np.stack([mnist_style.as_mnist(image) for image in images])
    if not fits:
        side = SIDE if shrunk else mnist_style.IMAGE_SIDE
        images = np.stack([pictures.shrink(image, side) for image in images])
    if inverted and dark:  # the paper need not have been white
        images = np.round(255 * mnist_style.normalize_contrast(images)).astype(np.uint8)
    return images


def _blank(images: NDArray[np.uint8]) -> list[bool]:
    pixels = images.reshape(len(images), -1)
    return (pixels.min(axis=1) == pixels.max(axis=1)).tolist()


def _best(p: Array, metadata: Metadata, top: int) -> Iterator[list[Guess]]:
    """The most probable classes of each row."""
    order = np.argsort(-p, axis=1, kind="stable")[:, :top]
    best = np.take_along_axis(p, order, axis=1)
    for labels, chances in zip(order.tolist(), best.tolist(), strict=True):
        yield [Guess(k, metadata.classes[k], q) for k, q in zip(labels, chances, strict=True)]
