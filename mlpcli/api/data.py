"""`mlp data`: what is in a data set, training images to look at, and a data set in files."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.config.keys import Overrides
from mlpcli.config.load import load_config
from mlpcli.config.schema import Augment, Config
from mlpcli.data import dataset, quality, write_idx
from mlpcli.data.dataset import Split
from mlpcli.data.formats import find, refused
from mlpcli.data.formats.form import Format
from mlpcli.data.formats.refused import Refused
from mlpcli.data.preprocessing import SIDE
from mlpcli.data.quality import Quality
from mlpcli.data.raw import WHOLE
from mlpcli.errors import DataError
from mlpcli.training.augment import HANDWRITING
from mlpcli.training.augment import augment as vary
from mlpcli.training.loader import augmentation, load_split, reading
from mlpcli.training.rng import stream

COLUMNS = 12  # images of a class
ROWS = 100  # classes at most


class Samples(NamedTuple):
    """A row of images for each of the first ROWS classes; black where there are no more."""

    data: str  # name of the data set
    images: NDArray[np.uint8]  # (classes, COLUMNS, 32, 32)
    classes: tuple[str, ...]
    ranges: Augment | None  # how all but the first image of a row came of it; None: they are others


def samples(
    name: str, config: str | None, changes: Overrides, *, augment: bool, offline: bool
) -> Samples:
    """COLUMNS training images of each class of the data set with a name or at a path.

    augment: one image of each class and variants of it instead, by the settings or, where those
    have no augmentation, by HANDWRITING. Raises ConfigError and DataError.
    """
    settings = load_config(config, [*changes, f"data.name={json.dumps(name)}"])
    split = load_split(settings, "train", offline=offline)
    ranges = (augmentation(settings) or HANDWRITING) if augment else None
    return draw(settings, split, ranges=ranges)


def draw(config: Config, split: Split, *, ranges: Augment | None = None) -> Samples:
    """The samples of a split; ranges: of the variants of one image of each class."""
    rng = stream(config.seed, "check", 4)
    classes = split.classes[:ROWS]
    images = np.zeros((len(classes), COLUMNS, SIDE, SIDE), np.uint8)
    for label, row in enumerate(images):
        rows = rng.permutation(np.flatnonzero(split.labels == label))[: 1 if ranges else COLUMNS]
        row[: len(rows)] = vary(split.images[rows], Augment(), rng=rng)
        if ranges and len(rows):
            row[1:] = vary(np.repeat(split.images[rows], COLUMNS - 1, 0), ranges, rng=rng)
    return Samples(split.name, images, classes, ranges)


def check(name: str, changes: Overrides, *, offline: bool) -> Quality:
    """What is in the data set with a name or at a path, and what is suspect in it.

    changes: of the settings by which it is read. Raises ConfigError, and DataError where the
    training images cannot be read.
    """
    settings = load_config(None, [*changes, f"data.name={json.dumps(name)}"])
    how = reading(settings)
    splits, problems, notes = {}, [], []
    for split in dataset.splits(name, how):
        part = "train" if split == WHOLE else split
        try:
            splits[split] = dataset.load(name, part, how=how, offline=offline)
        except dataset.UnlabeledError as err:
            notes.append(str(err))
        except DataError as err:
            if not splits:
                raise
            problems.append(err.args[0])  # without the lines on each file
    if not splits:
        raise DataError(notes[0])
    found = quality.examine(splits, tuple(problems))
    return found._replace(notes=(*found.notes, *notes))


class Formats(NamedTuple):
    """The forms of data that are read, and the kinds of files that are not."""

    read: tuple[Format, ...]
    refused: tuple[Refused, ...]


def formats() -> Formats:
    """What is read, and what is not."""
    return Formats(find.FORMATS, refused.KINDS)


class WrittenData(NamedTuple):
    """A data set that was written to files."""

    folder: str
    images: dict[str, int]  # by split
    bytes: int


def write(
    name: str, folder: Path, *, images: int | None = None, offline: bool = False
) -> Generator[tuple[int, int]]:
    """Write a data set as plain IDX files; yields and raises as `write_idx.write` does."""
    return write_idx.write(name, folder, images=images, offline=offline)


def written(folder: Path) -> WrittenData:
    """What `write` has put into a folder."""
    size = sum(file.stat().st_size for file in folder.iterdir())
    return WrittenData(str(folder), write_idx.counts(folder), size)
