"""Which images are for training and which for validation: shares of every class, and folds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dataset import Split
from mlpcli.data.fit import fit


def with_validation(train: Split, validation: Split) -> Split:
    """A training split followed by images that are held out of it, with the same classes."""
    images = [train.images, validation.images]
    if images[0].shape[1:] != images[1].shape[1:]:
        images = [np.stack([fit(image) for image in each]) for each in images]
    own = {
        name if train.files.get(name, checksum) == checksum else f"validation: {name}": checksum
        for name, checksum in validation.files.items()
    }
    return train._replace(
        images=np.concatenate(images),
        labels=np.concatenate([train.labels, validation.labels]),
        files=train.files | own,
        notes=(*train.notes, *validation.notes),
        skipped=(*train.skipped, *validation.skipped),
        held_out=len(validation.labels),
    )


def stratified(
    labels: NDArray[Any], *, count: int, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any]]:
    """All rows but `count` of them, and these, both ascending.

    labels: (n,). Each class gives its share, rounded so that the shares add up to count.
    """
    classes, sizes = np.unique(labels, return_counts=True)
    shares = sizes * (count / len(labels))
    take = np.floor(shares).astype(int)
    take[np.argsort(take - shares, kind="stable")[: count - take.sum()]] += 1
    chosen = np.zeros(len(labels), bool)
    for label, n in zip(classes, take, strict=True):
        chosen[rng.permutation(np.flatnonzero(labels == label))[:n]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def folds(labels: NDArray[Any], count: int, *, rng: np.random.Generator) -> NDArray[np.intp]:
    """The fold of each of n images, in [0, count): (n,); each has its share of every class.

    labels: (n,). The sizes of two folds differ by one image at most.
    """
    by_class = np.lexsort((rng.permutation(len(labels)), labels))
    fold = np.empty(len(labels), np.intp)
    fold[by_class] = np.arange(len(labels)) % count
    return fold
