"""A run's network on images that nobody has labelled."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.api import preparation
from mlpcli.data import image_sources
from mlpcli.data.image_sources import Skipped, Source
from mlpcli.errors import DataError
from mlpcli.nn import Array
from mlpcli.runs.checkpoint import Checkpoint, Metadata
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.selection import Selection, Weights, load
from mlpcli.training import build, threads
from mlpcli.training.loader import reading
from mlpcli.training.scoring import CHUNK_SIZE, probabilities


class Guess(NamedTuple):
    """A class that an image may belong to."""

    label: int  # number of the class
    name: str
    probability: float


class Prediction(NamedTuple):
    """The network's prediction for one image."""

    image: str  # name of its file, or "-" for standard input
    row: int | None  # in a file that may hold many, from 0
    light: bool  # whether its background is light, or that of most images in its file
    inverted: bool  # whether light and dark were swapped
    blank: bool  # whether all its pixels are equal
    centered: bool  # whether its ink was scaled and moved
    shrunk: bool  # whether it was shrunk as a whole
    pieces: bool  # whether it has several pieces of ink, as hardly any training image has
    outlier: bool  # whether it is unlike any training image
    white: float  # value of white in its file
    top: list[Guess]  # the most probable class first


Event = list[Prediction] | DataError | Skipped


def open_run(folder: Path, weights: Weights = "auto") -> tuple[Selection, Checkpoint]:
    """The network of a run, and which of its weights these are; raises CheckpointError."""
    return load(RunFolder(folder), weights)


def predict(
    checkpoint: Checkpoint,
    places: Iterable[str],
    stdin: BinaryIO,
    *,
    top: int = 3,
    invert: bool | None = None,
    center: bool | None = None,
) -> Iterator[Event]:
    """Predictions for the images at each place, some at a time, or why there are none.

    places, stdin: as `image_sources.find` takes them. top: how many classes to name.
    invert: whether to swap light and dark; without it, where hardly any training image has such a
    background. center: as `preparation.fit` takes it.
    """
    metadata = checkpoint.metadata
    how = reading(metadata.config)._replace(white=metadata.white)
    with threads.one_blas_thread():  # for one image, the BLAS's threads only wait
        for source in image_sources.find(places, stdin, how):
            if not isinstance(source, Source):
                yield source
            else:
                yield from _of_source(checkpoint, source, top=top, invert=invert, center=center)


def _of_source(
    checkpoint: Checkpoint, source: Source, *, top: int, invert: bool | None, center: bool | None
) -> Iterator[list[Prediction]]:
    metadata = checkpoint.metadata
    activation = build.activation(metadata.config)
    light = preparation.is_light(source.images)  # a file is inverted as a whole
    inverted = preparation.inverts(metadata, light=light) if invert is None else invert
    for start in range(0, len(source.images), CHUNK_SIZE):
        some = source.images[start : start + CHUNK_SIZE]
        fitted = preparation.fit(some, metadata, center=center)
        seen = preparation.shade(fitted.images, metadata, inverted=inverted)
        p = probabilities(checkpoint.params, seen, activation=activation)
        blank = _blank(seen)
        facts = zip(
            blank,
            fitted.centered & ~blank,
            fitted.in_pieces,
            preparation.is_outlier(seen, metadata) & ~blank,
            strict=True,
        )
        name, rows = source.name, range(start, start + len(some))
        yield [
            Prediction(
                image=name,
                row=row if source.numbered else None,
                light=light,
                inverted=inverted,
                blank=bool(is_blank),
                centered=bool(moved),
                shrunk=fitted.shrunk,
                pieces=bool(pieces),
                outlier=bool(outlier),
                white=source.white,
                top=guesses,
            )
            for row, (is_blank, moved, pieces, outlier), guesses in zip(
                rows, facts, _best(p, metadata, top), strict=True
            )
        ]


def _blank(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    pixels = images.reshape(len(images), -1)
    return pixels.min(axis=1) == pixels.max(axis=1)


def _best(p: Array, metadata: Metadata, top: int) -> Iterator[list[Guess]]:
    """The most probable classes of each row."""
    order = np.argsort(-p, axis=1, kind="stable")[:, :top]
    best = np.take_along_axis(p, order, axis=1)
    for labels, chances in zip(order.tolist(), best.tolist(), strict=True):
        yield [Guess(k, metadata.classes[k], q) for k, q in zip(labels, chances, strict=True)]
