"""What a file format hands over: the arrays of each split, as the files have them.

`interpret` makes images of them and `class_labels` classes, the same way for every format.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.errors import DataError

SPLITS = ("train", "validation", "test")
WHOLE = "all"  # images that the files do not assign to a split
_SPLIT_WORDS = {
    "train": {"train", "training"},
    "validation": {"validation", "valid", "val", "dev"},
    "test": {"test", "testing", "t10k"},
}


class Raw(NamedTuple):
    """A split as its files have it."""

    images: NDArray[Any]  # in any layout that `interpret.images` knows
    labels: NDArray[Any] | None  # numbers, one-hot rows or text; None where the files have none
    files: dict[str, str]  # SHA-256 of each file, by name
    classes: tuple[str, ...] = ()  # names of the labels 0, 1, ..., where the files give them
    notes: tuple[str, ...] = ()  # decisions that a user may want to know
    skipped: tuple[tuple[str, str], ...] = ()  # files left out: name and reason
    fitted: bool = False  # whether `Reading.fit` was applied to each picture


Parts = dict[str, Callable[[], Raw]]  # by SPLITS, or WHOLE alone; opened when it is called


class Reading(NamedTuple):
    """How to read files that leave it open; the settings of `data` with the same names."""

    resize: bool = False  # shrink images larger than 32x32
    shape: tuple[int, int] | None = None  # height and width of images that are rows of pixels
    label: str | None = None  # the column with the labels of a table
    column_major: bool = False  # the pixels of a row stand column by column
    ten_is_zero: bool = False  # label 10 stands for 0
    white: float | None = None  # value of a white pixel; None: found in the training images
    background: str = "auto"  # "dark", "light", or found in the training images
    # no setting: makes gray images (n, height, width) of any size fit a network, in place of resize
    fit: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None


AS_FOUND = Reading()


def split_of(name: str) -> str | None:
    """The split that a word in a name stands for, as in mnist_train.csv; None without one.

    >>> split_of("mnist_train"), split_of("t10k-images"), split_of("testament")
    ('train', 'test', None)
    """
    return next((s for s, known in _SPLIT_WORDS.items() if not known.isdisjoint(words(name))), None)


def words(name: str) -> set[str]:
    """The words of a name, in small letters.

    >>> sorted(words("trainImages_2")), sorted(words("dataset/train"))
    (['2', 'images', 'train'], ['dataset', 'train'])
    """
    return {*re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())}


def natural(names: Iterable[str]) -> list[str]:
    """Names in the order that people expect.

    >>> natural(["10", "9", "b2", "a10", "a9"])
    ['9', '10', 'a9', 'a10', 'b2']
    """
    return sorted(names, key=_natural_key)


def describe(array: NDArray[Any]) -> str:
    """The dtype and the shape of an array, for messages."""
    return f"{array.dtype} of shape {array.shape}"


def joined(parts: Iterable[Raw]) -> Raw:
    """Several parts of one split, one after another; raises DataError if their shapes differ."""
    first, *others = parts
    if not others:
        return first
    every = [first, *others]
    labels = [each.labels for each in every if each.labels is not None]
    images = [each.images for each in every]
    for kind, arrays in (("images", images), ("labels", labels)):
        forms = {array.shape[1:]: describe(array) for array in arrays}
        if len(forms) > 1:
            raise DataError(
                f"{', '.join(name for each in every for name in each.files)}: the {kind} of one "
                f"split must have one shape, got {' and '.join(forms.values())}"
            )
    return Raw(
        np.concatenate(images),
        np.concatenate(labels) if len(labels) == len(every) else None,
        {name: digest for each in every for name, digest in each.files.items()},
        first.classes,
        tuple(dict.fromkeys(note for each in every for note in each.notes)),
        tuple(skipped for each in every for skipped in each.skipped),
        all(each.fitted for each in every),
    )


def _natural_key(name: str) -> tuple[list[tuple[int, int | str]], str]:
    pieces = re.split(r"(\d+)", name)
    return [(0, int(p)) if p.isdigit() else (1, p.casefold()) for p in pieces if p], name
