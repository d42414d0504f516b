"""What is in a data set, and what is suspect in it: duplicates, leakage, contradictory labels."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dataset import Split
from mlpcli.data.fit import fit

MAX_DUPLICATE_SHARE = 0.01  # of the images of a split
MIN_CLASS_SIZE = 2  # images: one to train on, one to validate on
MULTIPLIER = 0x9E3779B97F4A7C15  # odd, 2**64 / golden ratio: Knuth (1998), section 6.4
KEYED_ROWS = 1024  # at a time, for the memory


class Counts(NamedTuple):
    """One split in numbers."""

    images: int
    size: tuple[int, int]  # height and width, in pixels
    range: tuple[int, int]  # of the pixels, 0 to 255 from black to white
    classes: dict[str, int]  # images of each
    duplicates: int  # images that are equal to an earlier one
    contradictions: int  # images that are equal to one with another label
    blank: int  # images of a single shade


Findings = dict[str, tuple[str, ...]]  # by what was looked for: all that was found


class Quality(NamedTuple):
    """A data set in numbers, and what is suspect."""

    data: str
    white: float  # value of white in the files
    background: str  # "dark" or "light", of the files' images
    splits: dict[str, Counts]
    leaked: dict[str, int]  # by split: images that are also among the training images
    skipped: tuple[tuple[str, str], ...]  # files left out: name and reason
    notes: tuple[str, ...]  # how the files were understood
    checks: Findings

    @property
    def findings(self) -> tuple[str, ...]:
        """All that is suspect."""
        return tuple(text for texts in self.checks.values() for text in texts)


def examine(splits: dict[str, Split], problems: tuple[str, ...] = ()) -> Quality:
    """The quality of the splits of a data set, of which "train" or "all" was read first.

    problems: why a split could not be read. Images are compared pixel by pixel; this takes about
    a second for 70,000 of them.
    """
    first = next(iter(splits.values()))
    rows = {name: _rows(split, splits) for name, split in splits.items()}
    counts = {name: _counts(split, rows[name]) for name, split in splits.items()}
    names = list(splits)
    leaked = {name: _shared(rows[names[0]], rows[name]) for name in names[1:]}
    return Quality(
        first.name,
        first.white,
        "light" if first.light else "dark",
        counts,
        leaked,
        tuple(each for split in splits.values() for each in split.skipped),
        first.notes,
        {"unreadable": problems, **_findings(counts, leaked, names[0])},
    )


def copies(images: NDArray[np.uint8], labels: NDArray[Any]) -> tuple[int, int]:
    """How many images are equal to an earlier one, and how many to one with another label.

    images: (n, height, width); labels: (n,).
    """
    if not (n := len(images)):
        return 0, 0
    first = _first_equal(images.reshape(n, -1))
    groups = np.unique(first * (labels.max() + 1) + labels) // (labels.max() + 1)
    several = np.flatnonzero(np.bincount(groups, minlength=n) > 1)  # with more than one label
    return int((first != np.arange(n)).sum()), int(np.isin(first, several).sum())


def _counts(split: Split, rows: NDArray[np.uint8]) -> Counts:
    n, height, width = split.images.shape
    labels = split.labels
    same, contradictory = copies(split.images, labels)
    sizes = np.bincount(labels, minlength=len(split.classes)).tolist()
    return Counts(
        images=n,
        size=(height, width),
        range=(int(rows.min()), int(rows.max())),
        classes=dict(zip(split.classes, sizes, strict=True)),
        duplicates=same,
        contradictions=contradictory,
        blank=int((rows.min(axis=1) == rows.max(axis=1)).sum()),
    )


def _rows(split: Split, splits: dict[str, Split]) -> NDArray[np.uint8]:
    """The images as rows of pixels, of one size for all splits."""
    images = split.images
    if len({each.images.shape[1:] for each in splits.values()}) > 1:
        images = np.stack([fit(image) for image in images])
    return images.reshape(len(images), -1)


def _first_equal(rows: NDArray[np.uint8]) -> NDArray[np.intp]:
    """For each row the first one that is equal to it."""
    order = np.argsort(keys := _keys(rows), kind="stable")
    new = np.ones(len(rows), bool)
    same_key = np.flatnonzero(keys[order][1:] == keys[order][:-1]) + 1
    new[same_key] = (rows[order[same_key]] != rows[order[same_key - 1]]).any(axis=1)
    first = np.empty(len(rows), np.intp)
    first[order] = order[np.flatnonzero(new)[np.cumsum(new) - 1]]
    return first


def _shared(known: NDArray[np.uint8], rows: NDArray[np.uint8]) -> int:
    """How many rows are also among the known ones."""
    first = _first_equal(np.concatenate([known, rows]))[len(known) :]
    return int((first < len(known)).sum())


def _keys(rows: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A number for each row, which is the same for equal ones."""
    factors = np.full(-(-rows.shape[1] // 8), MULTIPLIER, np.uint64).cumprod()
    keys = np.empty(len(rows), np.uint64)
    for start in range(0, len(rows), KEYED_ROWS):
        part = rows[start : start + KEYED_ROWS]
        words = np.pad(part, ((0, 0), (0, -part.shape[1] % 8))).view(np.uint64)
        mixed = words ^ (words >> np.uint64(29))
        keys[start : start + KEYED_ROWS] = (mixed * factors).sum(axis=1, dtype=np.uint64)
    return keys


def _findings(counts: dict[str, Counts], leaked: dict[str, int], train: str) -> Findings:
    sizes = {split: each.images for split, each in counts.items()}
    small = {label: n for label, n in counts[train].classes.items() if n < MIN_CLASS_SIZE}
    texts = {
        "contradictions": (
            f"{split}: {_are(each.contradictions, 'there with several labels')}"
            for split, each in counts.items()
            if each.contradictions
        ),
        "duplicates": (
            f"{split}: {_are(each.duplicates, 'copies of others', 'a copy of another')}"
            for split, each in counts.items()
            if each.duplicates > MAX_DUPLICATE_SHARE * each.images
        ),
        "blank": (
            f"{split}: {_are(each.blank, 'blank')}" for split, each in counts.items() if each.blank
        ),
        "small_classes": (
            f"{train}: class {label!r} has {_images(n)}" for label, n in small.items()
        ),
        "leaked": (
            f"{split}: {n:,} of its {sizes[split]:,} images {_verb(n)} also in {train}"
            for split, n in leaked.items()
            if n
        ),
    }
    return {kind: tuple(each) for kind, each in texts.items()}


def _are(n: int, many: str, one: str | None = None) -> str:
    return f"1 image is {one or many}" if n == 1 else f"{n:,} images are {many}"


def _verb(n: int) -> str:
    return "is" if n == 1 else "are"


def _images(n: int) -> str:
    return "a single image" if n else "no images"
